//! From a specification to a running init: the session's directory, the process, the box, the agent.

use crate::daemon::link::Link;
use crate::home;
use crate::home::CoopHome;
use crate::name::PtyId;
use crate::name::WinSize;
use crate::proto::control;
use crate::proto::control::Build;
use crate::proto::control::FromInit;
use crate::proto::control::ToInit;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::sandbox::groups::Controller;
use crate::sandbox::groups::Group;
use crate::sandbox::groups::Groups;
use crate::sandbox::plan::Places;
use crate::sandbox::prepare;
use crate::session::spec::BoxSpec;
use crate::session::spec::NetworkMode;
use crate::session::spec::SessionSpec;
use crate::sys::memory;
use crate::sys::process;
use crate::sys::socket;
use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Building a box takes a millisecond or two; on a machine that thrashes it may take long, but not for ever.
const BUILD_LIMIT: Duration = Duration::from_secs(30);

/// A live init and its connection.
#[derive(Debug)]
pub struct Born {
    pub link: Link,
    pub pidfd: OwnedFd,
    pub pid: i32,
}

/// What a daemon has for all of its boxes.
#[derive(Clone, Debug)]
pub struct Means {
    pub home: CoopHome,
    /// The soft limit of open files that the daemon was started with.
    pub open_files: u64,
    pub groups: Arc<Groups>,
    /// What inits run from, from the first box on.
    pub program: Arc<OnceCell<OwnedFd>>,
}

/// The file that makes a directory a session's. It holds no secret.
pub const SESSION_FILE: &str = "session.json";

/// `None`: there is no such file, and so no session. One that cannot be read is an error that names it: whose files lie
/// there, and which of them are to persist, is not known then.
pub fn read_session_file(directory: &Path) -> io::Result<Option<SessionSpec>> {
    read_json(&directory.join(SESSION_FILE))
}

/// What a file holds, if it is there.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let named = |error: &dyn fmt::Display| format!("{} cannot be read: {error}", path.display());
    match fs::read(path) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes).map(Some);
            read.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, named(&error)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), named(&error))),
    }
}

/// Starts the init, lets it build the box and start the agent.
pub async fn create(means: &Means, session: &SessionSpec, boxed: BoxSpec, size: WinSize) -> Result<Born, Refusal> {
    let home = &means.home;
    // Real paths, so that binds below them can insist on meeting no link.
    let root = fs::canonicalize(home.root()).map_err(|error| cannot_write(home.root(), &error))?;
    if root.to_str().is_none() {
        let text = format!("{} leads to a path that is not UTF-8", home.root().display());
        return Err(Refusal::new(RefusalCode::Failed, text).hinted("set COOP_HOME to another directory"));
    }
    let directory = CoopHome::new(root.clone(), None).session(&session.name);
    // First the process, then the directories: it needs as long to start as they need to be made.
    let program = means.program.get_or_try_init(|| async { memory::sealed_program() }).await;
    let control = program
        .and_then(|program| spawn_stage1(program, home, session, boxed.network))
        .map_err(|error| cannot_start(&error))?;
    let link = Link::new(control).map_err(|error| cannot_start(&error))?;
    let places = Places { session: &directory, coop_home: &root, hostname: session.name.as_str() };
    prepare_directory(&directory, session).map_err(|error| cannot_write(&directory, &error))?;
    prepare::prepare(&boxed, &session.persist, &places).map_err(|failed| cannot_write(&directory, &failed.error))?;
    let group = means.groups.make(&session.name, &boxed.limits).map_err(|error| cannot_limit(&error))?;
    let build = Build {
        session: session.clone(),
        boxed,
        directory,
        coop_home: root,
        open_files: means.open_files,
        memory_is_held: means.groups.holds(Controller::Memory),
    };
    let mut forked = None;
    let made = match tokio::time::timeout(BUILD_LIMIT, converse(&link, &build, &group, size, &mut forked)).await {
        Ok(result) => result,
        Err(_) => {
            let text = format!("the box was not ready after {} s", BUILD_LIMIT.as_secs());
            Err(Refusal::new(RefusalCode::Box, text))
        }
    };
    match (made, forked) {
        (Ok(()), Some((pid, pidfd))) => Ok(Born { link, pidfd, pid }),
        (Ok(()), None) => Err(Refusal::new(RefusalCode::Box, "the init sent no pidfd")),
        (Err(refusal), forked) => {
            // Whatever it was in the middle of: no box lives that nobody knows of. One that has ended needs no signal.
            if let Some((_, pidfd)) = forked {
                process::pidfd_signal(&pidfd, Signal::SIGKILL).ok();
            }
            Err(refusal)
        }
    }
}

fn cannot_write(directory: &Path, error: &io::Error) -> Refusal {
    let refusal = Refusal::new(RefusalCode::Failed, format!("cannot write {}: {error}", directory.display()));
    refusal.hinted(match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT) => "the disk is full: free some space, or set COOP_HOME to another disk",
        _ => "make it writable, or set COOP_HOME to a directory of yours",
    })
}

fn cannot_limit(error: &io::Error) -> Refusal {
    let refusal = Refusal::new(RefusalCode::Box, format!("cannot hold the box to its limits: {error}"));
    refusal.hinted("`coop doctor` says which limits this machine can hold; [limits] in coop.toml changes them")
}

fn cannot_start(error: &io::Error) -> Refusal {
    let refusal = Refusal::new(RefusalCode::Box, format!("cannot start the box's init: {error}"));
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => refusal.hinted(
            "the daemon's limit of open files is reached: raise it (`ulimit -Hn`), `coop shutdown`, and try again",
        ),
        Some(libc::EAGAIN) => refusal.hinted("the limit of processes is reached (`ulimit -u`)"),
        _ => refusal,
    }
}

fn prepare_directory(directory: &Path, session: &SessionSpec) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let file = directory.join(SESSION_FILE);
    if !file.exists() {
        // What an earlier session of this name left when its end was interrupted is not this one's.
        crate::daemon::remove::remove_trees(directory)?;
    }
    // Not synced: that holds up what else is made on the file system meanwhile, and a crash of the machine that empties
    // the file has ended the session. What is left of it is listed all the same.
    home::replace_file(&file, &control::encode(session))
}

/// Runs our own executable as stage 1. Its environment is how a later daemon finds the init.
fn spawn_stage1(
    program: &OwnedFd,
    home: &CoopHome,
    session: &SessionSpec,
    network: NetworkMode,
) -> io::Result<OwnedFd> {
    let (ours, theirs) = socket::message_pair()?;
    // It closes on exec, which is after it has been found.
    Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()))
        .arg0("coop-init")
        .arg("__stage1")
        .arg(match network {
            NetworkMode::None => "none",
            NetworkMode::Host => "host",
        })
        .env_clear()
        .env("COOP_SESSION", session.name.as_str())
        .env("COOP_WORKSPACE", &session.workspace)
        .env("COOP_CREATED", session.created_unix_s.to_string())
        .env("COOP_SOCKET", home.socket())
        .current_dir("/")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(ours)
}

async fn converse(
    link: &Link,
    build: &Build,
    group: &Group,
    size: WinSize,
    forked: &mut Option<(i32, OwnedFd)>,
) -> Result<(), Refusal> {
    // Before it is told anything the init counts for the box, and so does all that it will start.
    *forked = Some(await_init(link).await?);
    if let Some((pid, _)) = forked {
        group.admit(*pid).map_err(|error| cannot_limit(&error))?;
    }
    // Both at once: the init finds the second when it is done with the first.
    let spawn = ToInit::Spawn { pty: PtyId::AGENT, argv: build.session.agent.clone(), size };
    let mut sent = link.send_parcel(&ToInit::Build, &control::encode(build)).await;
    if sent.is_ok() {
        sent = link.send(&spawn).await;
    }
    if let Err(error) = sent {
        // It ended early; why, it has said, and that is what is read next.
        tracing::debug!(%error, "the init did not wait for its orders");
    }
    loop {
        let (message, _) = link.receive().await.map_err(lost)?;
        match message {
            FromInit::Failed { what, hint } => return Err(failed(what, hint)),
            FromInit::SpawnFailed { why, .. } => {
                return Err(Refusal::new(RefusalCode::Box, format!("the agent could not be started: {why}")));
            }
            FromInit::Spawned { .. } => return Ok(()),
            _ => {}
        }
    }
}

/// Stage 1's word of the init that it has forked; the init itself says nothing before it is told something.
async fn await_init(link: &Link) -> Result<(i32, OwnedFd), Refusal> {
    let (message, fds) = link.receive().await.map_err(lost)?;
    match message {
        FromInit::Forked { pid } => {
            let no_pidfd = || Refusal::new(RefusalCode::Box, "stage 1 sent no pidfd");
            Ok((pid, fds.into_iter().next().ok_or_else(no_pidfd)?))
        }
        FromInit::Failed { what, hint } => Err(failed(what, hint)),
        _ => Err(Refusal::new(RefusalCode::Box, "stage 1 spoke out of turn")),
    }
}

fn failed(what: String, hint: Option<String>) -> Refusal {
    let mut refusal = Refusal::new(RefusalCode::Box, what);
    refusal.hint = hint;
    refusal
}

fn lost(error: io::Error) -> Refusal {
    Refusal::new(RefusalCode::Box, format!("the box's init ended while it built the box: {error}"))
}
