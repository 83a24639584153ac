//! An attached terminal: keys in, output out, through every death of the daemon.

use crate::client::Context;
use crate::client::attached::Client;
use crate::client::connect::Daemon;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::find;
use crate::name::PtyId;
use crate::name::SessionName;
use crate::proto::door::Role;
use crate::proto::door::Row;
use crate::session::spec::DetachKey;
use crate::session::state::Exit;
use crate::term::keys::DetachKeys;
use nix::sys::signal::Signal;
use std::io;
use std::io::IsTerminal;

/// What to attach to.
pub struct Target {
    pub session: SessionName,
    pub pty: PtyId,
    pub role: Role,
    pub detach_key: DetachKey,
    /// What is typed when standard input ends (and is no terminal): a shell is told, an agent is not.
    pub end_of_input: Option<u8>,
    /// A terminal that is new is shown from its first byte on, any other as it is now.
    pub is_new: bool,
}

impl Target {
    pub fn of(row: &Row, pty: PtyId) -> Self {
        Self {
            session: row.name.clone(),
            pty,
            role: Role::Terminal,
            detach_key: row.detach_key,
            end_of_input: None,
            is_new: false,
        }
    }

    /// The command that attaches to it again.
    fn way_back(&self) -> String {
        let view = if self.role == Role::View { " --view" } else { "" };
        match self.pty {
            PtyId::AGENT => format!("coop attach {}{view}", self.session),
            pty => format!("coop attach {} --pty {pty}{view}", self.session),
        }
    }
}

/// How it ended.
pub enum Over {
    Detached,
    Ended(Exit),
    Gone(String),
    /// The daemon was shut down.
    Shutdown,
    Signal(Signal),
    /// The user's terminal is gone.
    HungUp,
}

pub fn verb(context: &Context, session: Option<&str>, pty: PtyId, view: bool) -> Result<i32, Failure> {
    let mut daemon = context.daemon()?;
    let row = find::session(context, &mut daemon, session)?;
    find::must_live(&row)?;
    let mut target = Target::of(&row, pty);
    if view {
        target.role = Role::View;
    }
    attach(context, daemon, target)
}

/// Attaches until something ends it; returns the exit code of the command.
pub fn attach(context: &Context, daemon: Daemon, target: Target) -> Result<i32, Failure> {
    say_how_to_leave(context, &target);
    let mut client = Client::new(context, daemon, target)?;
    let over = client.run();
    if !matches!(over, Ok(Over::HungUp)) {
        client.hear_out();
    }
    let (mut screen, target) = client.into_parts();
    if matches!(over, Ok(Over::Detached)) {
        screen.discard_input();
    }
    screen.restore();
    drop(screen);
    conclude(context, &target, over?)
}

/// Before the terminal is the program's. A new session has its own line, and a shell is left by `exit`.
fn say_how_to_leave(context: &Context, target: &Target) {
    let (name, key) = (&target.session, DetachKeys::new(target.detach_key).describe());
    if target.role == Role::View {
        context.note(&format!("viewing {name} (read-only); {key} d leaves"));
    } else if !target.is_new && io::stdout().is_terminal() {
        context.note(&format!("attaching to {name}; {key} d detaches, {key} ? shows the keys"));
    }
}

fn conclude(context: &Context, target: &Target, over: Over) -> Result<i32, Failure> {
    let name = &target.session;
    let line = |text: &str| {
        if io::stdout().is_terminal() {
            eprint!("\r\n");
        }
        context.note(text);
    };
    match over {
        Over::Detached => line(&format!("detached from {name}; `{}` returns", target.way_back())),
        Over::Shutdown => {
            line(&format!("the daemon was shut down; {name} runs on, and `{}` returns", target.way_back()));
        }
        Over::Ended(exit) => {
            if target.pty == PtyId::AGENT {
                line(&format!("the agent of {name} {exit}"));
            }
            return Ok(exit.shell_code());
        }
        Over::Gone(why) => return Err(Failure::new(GENERAL, why)),
        Over::Signal(Signal::SIGINT) => return Ok(130),
        Over::Signal(signal) => return Ok(128 + signal as i32),
        Over::HungUp => return Ok(128 + Signal::SIGHUP as i32),
    }
    Ok(0)
}
