//! `coop status`: what runs, and what a new session here would be.

use crate::client::Context;
use crate::client::connect;
use crate::client::failure::Failure;
use crate::client::ls;
use crate::launch;
use crate::launch::Launch;
use crate::launch::Wishes;
use crate::launch::error::LaunchError;
use crate::launch::trust;
use crate::proto::door::DaemonStatus;
use crate::proto::door::Kept;
use crate::proto::door::Status;
use crate::session::spec::NotHeld;
use crate::text::deceives;
use serde::Serialize;
use std::io;
use std::io::Write;

/// The form of `--json`.
#[derive(Serialize)]
struct Shown {
    daemon: Daemon,
    rootfs: Rootfs,
    coopfile: Coopfile,
    /// Absent when the Coopfile or the workspace does not allow a session.
    agent: Option<Vec<String>>,
    network: Option<crate::session::spec::NetworkMode>,
    /// Why no session could be made here.
    problem: Option<String>,
    /// As `ls --json` has them.
    sessions: Vec<serde_json::Value>,
    kept: Vec<Kept>,
    /// What this machine gives no means to hold boxes to.
    not_held: Vec<NotHeld>,
}

#[derive(Serialize)]
struct Daemon {
    pid: u32,
    version: String,
    uptime_s: u64,
    socket: String,
}

#[derive(Serialize)]
struct Rootfs {
    /// `host`: the box sees the host's programs, read-only.
    kind: &'static str,
}

#[derive(Serialize)]
struct Coopfile {
    path: Option<String>,
    /// Unknown as well for a file that cannot be understood.
    trusted: Option<bool>,
}

pub fn verb(context: &Context, json: bool) -> Result<i32, Failure> {
    let status = connect::ask(context, &mut context.daemon()?, Status {})?;
    let wishes = Wishes { user_config: context.config.clone(), ..Wishes::default() };
    let planned = launch::plan(&wishes, &context.host);
    let coopfile = coopfile(context);
    let shown = collect(context, status, coopfile, planned);
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &shown).map_err(Failure::cannot("write to standard output"))?;
        writeln!(out).map_err(Failure::cannot("write to standard output"))?;
    } else {
        print(&mut out, &shown).map_err(Failure::cannot("write to standard output"))?;
    }
    Ok(0)
}

/// The project's file. One with faults is there all the same; what they are is told as the problem.
fn coopfile(context: &Context) -> Coopfile {
    match trust::trust_state(None, context.config.as_deref(), &context.host) {
        Ok(Some(state)) => Coopfile { path: Some(state.path.display().to_string()), trusted: Some(state.trusted) },
        Ok(None) => Coopfile { path: None, trusted: None },
        Err(_) => {
            let path = context.host.current_dir.as_ref().map(|dir| dir.join("coop.toml"));
            let path = path.filter(|path| path.symlink_metadata().is_ok());
            Coopfile { path: path.map(|path| path.display().to_string()), trusted: None }
        }
    }
}

fn collect(context: &Context, status: DaemonStatus, coopfile: Coopfile, planned: Result<Launch, LaunchError>) -> Shown {
    let problem = planned.as_ref().err().map(ToString::to_string);
    let launch = planned.ok();
    Shown {
        daemon: Daemon {
            pid: status.pid,
            version: status.version,
            uptime_s: status.uptime_s,
            socket: context.home.socket().display().to_string(),
        },
        rootfs: Rootfs { kind: "host" },
        coopfile,
        network: launch.as_ref().map(|launch| launch.session.network),
        agent: launch.map(|launch| launch.session.agent),
        problem,
        sessions: ls::objects(&status.sessions),
        kept: status.kept,
        not_held: status.not_held,
    }
}

fn print(out: &mut impl Write, shown: &Shown) -> io::Result<()> {
    let daemon = &shown.daemon;
    writeln!(
        out,
        "Daemon    running, pid {}, version {}, up {}",
        daemon.pid,
        daemon.version,
        ls::age(daemon.uptime_s)
    )?;
    writeln!(out, "Rootfs    the host's own programs, read-only (no image)")?;
    let coopfile = match (&shown.coopfile.path, shown.coopfile.trusted) {
        (Some(path), Some(false)) => format!("{path}, not trusted (`coop trust`)"),
        (Some(path), None) if shown.problem.as_ref().is_some_and(|why| why.starts_with(path)) => {
            format!("{path}, faulty")
        }
        (Some(path), None) => format!("{path}, not read"),
        (Some(path), Some(true)) => path.clone(),
        (None, _) => "none in this directory".to_owned(),
    };
    writeln!(out, "Coopfile  {}", fitted(&coopfile))?;
    match (&shown.agent, &shown.problem) {
        (Some(agent), _) => writeln!(out, "Agent     {}", fitted(&agent.join(" ")))?,
        (None, problem) => writeln!(out, "Agent     none: {}", problem.as_deref().unwrap_or("unknown"))?,
    }
    let network = match shown.network {
        Some(crate::session::spec::NetworkMode::Host) => "host (the host's network, unrestricted)",
        Some(crate::session::spec::NetworkMode::None) => "none (loopback only)",
        None => "-",
    };
    writeln!(out, "Network   {network}")?;
    let running = shown.sessions.iter().filter(|row| row["state"] == "running").count();
    writeln!(out, "Sessions  {} ({running} running)", shown.sessions.len())?;
    if !shown.kept.is_empty() {
        let names: Vec<&str> = shown.kept.iter().map(|kept| kept.name.as_str()).collect();
        writeln!(out, "Kept      {}", fitted(&names.join(" ")))?;
    }
    for one in &shown.not_held {
        writeln!(out, "Not held  {}", fitted(&format!("{}: {}", one.what, one.why)))?;
    }
    Ok(())
}

/// Cut to what is left of 80 columns beside the label; nothing in it moves the cursor.
fn fitted(text: &str) -> String {
    let text: String = text.chars().map(|c| if deceives(c) { '?' } else { c }).collect();
    if text.chars().count() <= 70 { text } else { text.chars().take(69).chain(['…']).collect() }
}
