//! The command line: one file a verb. A client is a blocking program of one thread, and of a second one while it looks for
//! another daemon; nothing is lost when it dies.

pub mod args;
pub mod attach;
pub mod attached;
pub mod connect;
pub mod direct;
pub mod doctor;
pub mod failure;
pub mod find;
pub mod inside;
pub mod keyboard;
pub mod kill;
pub mod logs;
pub mod ls;
pub mod look;
pub mod man;
pub mod mirror;
pub mod open;
pub mod outer;
pub mod outlet;
pub mod output;
pub mod screen;
pub mod send;
pub mod shell;
pub mod start;
pub mod status;
pub mod trust;
pub mod typed;
pub mod usage;
pub mod wait;
pub mod watcher;
pub mod wire;

use crate::client::args::Command;
use crate::client::args::Global;
use crate::client::args::Own;
use crate::client::args::Verb;
use crate::client::connect::Daemon;
use crate::client::failure::BAD_ARGUMENTS;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::kill::Manner;
use crate::home::CoopHome;
use crate::launch::host::Host;
use crate::proto::door::Restart;
use crate::session::state::State;
use clap::Parser;
use std::path::PathBuf;

/// What every verb needs to know of its surroundings.
#[derive(Clone)]
pub struct Context {
    pub host: Host,
    pub home: CoopHome,
    pub config: Option<PathBuf>,
    pub idle_exit: Option<u64>,
    pub verbose: bool,
    pub quiet: bool,
}

/// In one piece: a terminal shows each piece by itself.
fn say(text: &str) {
    let line = format!("coop: {}\n", failure::shown(text));
    eprint!("{line}");
}

impl Context {
    fn of(global: Global, own: Own, daemon: args::Daemon) -> Result<Self, Failure> {
        let host = Host::of_this_process()?;
        let socket = global.socket.map(|path| host.absolute(&path)).transpose()?;
        let home = CoopHome::new(host.coop_home.clone(), socket);
        let Global { verbose, quiet, .. } = global;
        Ok(Self { host, home, config: own.config, idle_exit: daemon.idle_exit, verbose, quiet })
    }

    /// A line that is good to know but was not asked for.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    pub fn detail(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            say(&text());
        }
    }

    /// The daemon, started if need be.
    pub fn daemon(&self) -> Result<Daemon, Failure> {
        inside::refuse(self)?;
        connect::connect(self)
    }
}

/// The attacks of `coop doctor`, in its box.
pub fn attack(planted: Option<std::ffi::OsString>) -> i32 {
    planted.as_deref().and_then(std::ffi::OsStr::to_str).map_or(2, doctor::attacks::run)
}

/// Runs one command; returns its exit code.
pub fn run() -> i32 {
    let command = match Command::try_parse() {
        Ok(command) => command,
        // Help and version are "errors" too; a closed standard output is nobody's fault.
        Err(error) if !error.use_stderr() => {
            error.print().ok();
            return error.exit_code();
        }
        Err(error) => {
            let failure = usage::failure(&error);
            failure.print();
            return failure.code;
        }
    };
    match dispatch(command) {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            failure.code
        }
    }
}

fn dispatch(mut command: Command) -> Result<i32, Failure> {
    if let Some(option) = command.verb.as_ref().and(command.open.given()) {
        let text = format!("{option} belongs to `coop` alone and says nothing to this command");
        return Err(Failure::new(BAD_ARGUMENTS, text).hinted("`coop help` shows which options each command has"));
    }
    if let Err((option, use_of)) = command.gather() {
        let text = format!("{option} says nothing to this command");
        return Err(Failure::new(BAD_ARGUMENTS, text).hinted(use_of));
    }
    match command.verb {
        Some(Verb::Completions { shell }) => return man::completions(shell),
        Some(Verb::Man { directory }) => return man::pages(directory),
        Some(Verb::Init { .. }) => return absent("init"),
        Some(Verb::Rebuild) => return absent("rebuild"),
        Some(Verb::Serve { .. }) => return absent("serve"),
        Some(Verb::Tunnel { .. }) => return absent("tunnel"),
        _ => {}
    }
    let context = Context::of(command.global, command.own, command.daemon)?;
    match command.verb {
        None => open::open(&context, command.open),
        Some(Verb::Attach { session, pty, view, .. }) => attach::verb(&context, session.as_deref(), pty, view),
        Some(Verb::Shell { session, command, .. }) => shell::verb(&context, session.as_deref(), command),
        Some(Verb::Screen { session, pty, ansi, json, .. }) => {
            let form = match (ansi, json) {
                (_, true) => look::Form::Json,
                (true, _) => look::Form::Ansi,
                (false, false) => look::Form::Text,
            };
            look::verb(&context, session.as_deref(), pty, form)
        }
        Some(Verb::Output { session, pty, follow, lines, raw, .. }) => {
            output::verb(&context, session.as_deref(), pty, follow, lines, raw)
        }
        Some(Verb::Send { session, chunks, pty, .. }) => send::verb(&context, &session, pty, &chunks),
        Some(Verb::Wait { session, condition, timeout, pty, .. }) => {
            wait::verb(&context, session.as_deref(), pty, &condition, timeout.as_deref())
        }
        Some(Verb::Ls { json, watch, .. }) => ls::verb(&context, json, watch),
        Some(Verb::Kill { session, all, force, forget, .. }) => {
            kill::verb(&context, session.as_deref(), all, Manner { force, forget })
        }
        Some(Verb::Restart { session, .. }) => restart(&context, session.as_deref()),
        Some(Verb::Status { json, .. }) => status::verb(&context, json),
        Some(Verb::Trust { workspace, yes, .. }) => trust::verb(&context, workspace.as_deref(), yes),
        Some(Verb::Doctor { json }) => doctor::verb(&context, json),
        Some(Verb::Shutdown) => shutdown(&context),
        Some(Verb::Logs { follow, lines }) => logs::verb(&context, follow, lines),
        Some(_) => Ok(0),
    }
}

fn absent(verb: &str) -> Result<i32, Failure> {
    Err(Failure::new(GENERAL, format!("`coop {verb}` is not in this build")))
}

fn restart(context: &Context, session: Option<&str>) -> Result<i32, Failure> {
    let mut daemon = context.daemon()?;
    let row = find::session(context, &mut daemon, session)?;
    match row.state {
        State::Lost => open::revive(context, &mut daemon, &row, None, true)?,
        State::Running | State::Restarting | State::Exited => daemon.call(Restart { session: row.name })?,
    }
    Ok(0)
}

fn shutdown(context: &Context) -> Result<i32, Failure> {
    inside::refuse(context)?;
    match connect::running(context)? {
        Some(daemon) => {
            daemon.shut_down(false)?;
            context.note("the daemon has ended; sessions live on, and the next command finds them");
        }
        None => context.note("no daemon is running"),
    }
    Ok(0)
}
