//! The birth of an init: stage 1, what it is told, and what it answers.

use crate::daemon::create;
use crate::daemon::create::Born;
use crate::daemon::create::Means;
use crate::daemon::create::Plan;
use crate::daemon::ids;
use crate::daemon::link::Link;
use crate::name::PtyId;
use crate::proto::control;
use crate::proto::control::Build;
use crate::proto::control::FromInit;
use crate::proto::control::ToInit;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::sandbox::build;
use crate::sandbox::explain::SandboxError;
use crate::sandbox::groups::Controller;
use crate::session::mounting::Op;
use crate::session::spec::NetworkMode;
use crate::sys::process;
use crate::sys::socket;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use tokio::sync::oneshot;

/// Building a box takes a millisecond or two; on a machine that thrashes it may take long, but not for ever.
const BUILD_LIMIT: Duration = Duration::from_secs(30);

/// Why there is no init.
#[derive(Debug)]
pub enum Failure {
    Refused(Refusal),
    /// The box cannot have an id of its own here.
    Ids(String),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

pub async fn attempt(means: &Means, plan: &Plan) -> Result<Born, Failure> {
    // First the process, then groups and directories: it needs as long to start as they need to be made.
    let control = means
        .program()
        .and_then(|program| spawn_stage1(&program, means, plan))
        .map_err(|error| cannot_start(&error))?;
    let link = Link::new(control).map_err(|error| cannot_start(&error))?;
    let groups = means.groups.make(&plan.session.name, &plan.boxed.limits).map_err(|error| cannot_limit(&error))?;
    // One that is gone has said why, and that is read below.
    link.send(&ToInit::Join { groups }).await.ok();
    create::prepare(plan)?;
    let mut forked = None;
    let made = match tokio::time::timeout(BUILD_LIMIT, converse(&link, means, plan, &mut forked)).await {
        Ok(result) => result,
        Err(_) => {
            let text = format!("the box was not ready after {} s", BUILD_LIMIT.as_secs());
            Err(Refusal::new(RefusalCode::Box, text).into())
        }
    };
    match (made, forked) {
        (Ok(()), Some((pid, pidfd))) => Ok(Born { link, pidfd, pid }),
        (Ok(()), None) => Err(Refusal::new(RefusalCode::Box, "the init sent no pidfd").into()),
        (Err(failure), forked) => {
            // Whatever it was in the middle of: no box lives that nobody knows of. One that has ended needs no signal.
            if let Some((_, pidfd)) = forked {
                process::pidfd_signal(&pidfd, Signal::SIGKILL).ok();
            }
            Err(failure)
        }
    }
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

/// Runs our own executable as stage 1. Its environment is how a later daemon finds the init.
fn spawn_stage1(program: &OwnedFd, means: &Means, plan: &Plan) -> io::Result<OwnedFd> {
    let Plan { session, boxed, .. } = plan;
    let (ours, theirs) = socket::message_pair()?;
    // It closes on exec, which is after it has been found.
    Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()))
        .arg0("coop-init")
        .arg("__stage1")
        .arg(match boxed.network {
            NetworkMode::None => "none",
            NetworkMode::Host => "host",
        })
        .arg(session.host_id.map_or("-".to_owned(), |id| id.to_string()))
        .env_clear()
        .env("COOP_SESSION", session.name.as_str())
        .env("COOP_WORKSPACE", &session.workspace)
        .env("COOP_CREATED", session.created_unix_s.to_string())
        .env("COOP_SOCKET", means.home.socket())
        .current_dir("/")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(ours)
}

async fn converse(link: &Link, means: &Means, plan: &Plan, forked: &mut Option<(i32, OwnedFd)>) -> Result<(), Failure> {
    let mounts = match plan.session.host_id {
        Some(_) => Some(mounts(link, plan).await?),
        None => None,
    };
    if let Err(error) = give_orders(link, means, plan, mounts).await {
        // It ended early; why, it has said, and that is what is read next.
        tracing::debug!(%error, "the init did not wait for its orders");
    }
    let mut spawned = false;
    // On a machine with much to do stage 1 may come to its word only after the init has done all its work.
    while !(spawned && forked.is_some()) {
        let (message, fds) = link.receive().await.map_err(lost)?;
        match message {
            FromInit::Forked { pid } => {
                let no_pidfd = || Refusal::new(RefusalCode::Box, "stage 1 sent no pidfd");
                *forked = Some((pid, fds.into_iter().next().ok_or_else(no_pidfd)?));
            }
            FromInit::Failed { what, hint } => {
                return Err(Refusal { hint, ..Refusal::new(RefusalCode::Box, what) }.into());
            }
            FromInit::SpawnFailed { why, .. } => {
                return Err(Refusal::new(RefusalCode::Box, format!("the agent could not be started: {why}")).into());
            }
            FromInit::Spawned { .. } => spawned = true,
            _ => {}
        }
    }
    Ok(())
}

async fn give_orders(
    link: &Link,
    means: &Means,
    plan: &Plan,
    mounts: Option<(Vec<Op>, Vec<OwnedFd>)>,
) -> io::Result<()> {
    let (mounts, trees) = mounts.map_or((None, Vec::new()), |(ops, trees)| (Some(ops), trees));
    let build = Build {
        session: plan.session.clone(),
        boxed: plan.boxed.clone(),
        directory: plan.directory.clone(),
        coop_home: plan.coop_home.clone(),
        open_files: means.open_files,
        memory_is_held: means.groups.holds(Controller::Memory),
        mounts,
    };
    // All at once: the init finds each when it is done with the one before.
    link.send_parcel(&ToInit::Build, &control::encode(&build)).await?;
    link.send_trees(&trees).await?;
    let (argv, size) = (plan.session.agent.clone(), plan.size);
    link.send(&ToInit::Spawn { pty: PtyId::AGENT, argv, size }).await
}

/// The mounts of a box that has an id of its own, for the namespace that stage 1 makes for it meanwhile.
async fn mounts(link: &Link, plan: &Plan) -> Result<(Vec<Op>, Vec<OwnedFd>), Failure> {
    let (boxed, name) = (plan.boxed.clone(), plan.session.name.clone());
    let (directory, coop_home) = (plan.directory.clone(), plan.coop_home.clone());
    // A thread of its own, for which nobody waits: file systems may never answer.
    let (done, made) = oneshot::channel();
    let look = move || drop(done.send(ids::mounts(&boxed, &directory, &coop_home, &name)));
    std::thread::Builder::new().spawn(look).map_err(|error| cannot_start(&error))?;
    let (message, fds) = link.receive().await.map_err(lost)?;
    let namespace = match (message, fds.into_iter().next()) {
        (FromInit::Namespace, Some(namespace)) => namespace,
        (FromInit::NoNamespace { why }, _) => return Err(Failure::Ids(why)),
        (FromInit::Failed { what, hint }, _) => {
            return Err(Refusal { hint, ..Refusal::new(RefusalCode::Box, what) }.into());
        }
        _ => return Err(Refusal::new(RefusalCode::Box, "stage 1 spoke out of turn").into()),
    };
    let made = made.await.map_err(|_| Refusal::new(RefusalCode::Box, "nobody looked at the host"))?;
    let (ops, trees) = made.map_err(refused)?;
    build::map_owners(&ops, &trees, &namespace).map_err(|error| match error.errno {
        // What a file system says that cannot do it. All else is a failure, and no reason to make do with less.
        Errno::EINVAL | Errno::EPERM | Errno::EOPNOTSUPP => Failure::Ids(error.to_string()),
        _ => refused(error),
    })?;
    Ok((ops, trees))
}

fn refused(error: SandboxError) -> Failure {
    if matches!(error.errno, Errno::EMFILE | Errno::ENFILE) {
        return cannot_start(&error.errno.into()).into();
    }
    Refusal { hint: error.hint.clone(), ..Refusal::new(RefusalCode::Box, error.to_string()) }.into()
}

fn lost(error: io::Error) -> Refusal {
    Refusal::new(RefusalCode::Box, format!("the box's init ended while it built the box: {error}"))
}
