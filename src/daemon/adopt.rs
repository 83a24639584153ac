//! Finding the sessions that an earlier daemon left: no file says which there are, the processes do.
//!
//! An init is a process of ours that is PID 1 of its pid namespace, carries this daemon's socket in its environment, and
//! whose user namespace is a child of *ours*. That last word cannot be forged: whatever runs in a box has at least one
//! namespace more between itself and us. The daemon then takes a copy of the init's spare socket from the process itself.

use crate::daemon::create::Born;
use crate::daemon::link::Link;
use crate::home::CoopHome;
use crate::init::SPARE_FD;
use crate::proto::control;
use crate::proto::control::CONTROL_VERSION;
use crate::proto::control::FromInit;
use crate::proto::control::Report;
use crate::proto::control::ToInit;
use crate::sys::process;
use crate::sys::socket;
use nix::unistd::Pid;
use procfs::process::Process;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// An init answers in well under a millisecond; one that does not answer at all is left alone.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// Takes over every init of this home.
pub async fn adopt_all(home: &CoopHome) -> io::Result<Vec<(Born, Report)>> {
    let mut adopted = Vec::new();
    for pid in inits(home)? {
        match adopt(home, pid).await {
            Ok(found) => adopted.push(found),
            Err(error) => tracing::warn!(pid, %error, "a process that looks like an init was not adopted"),
        }
    }
    Ok(adopted)
}

fn inits(home: &CoopHome) -> io::Result<Vec<i32>> {
    let own = nix::unistd::geteuid().as_raw();
    let all = procfs::process::all_processes().map_err(io::Error::other)?;
    let candidates = all.flatten().filter(|process| process.uid().is_ok_and(|uid| uid == own));
    Ok(candidates.filter(|process| is_init(process, home)).map(|process| process.pid).collect())
}

fn is_init(process: &Process, home: &CoopHome) -> bool {
    let Ok(environment) = process.environ() else { return false };
    environment.contains_key(OsStr::new("COOP_SESSION"))
        && environment.get(OsStr::new("COOP_SOCKET")).is_some_and(|socket| socket == home.socket().as_os_str())
        && process
            .status()
            .is_ok_and(|status| status.nspid.is_some_and(|pids| pids.len() > 1 && pids.last() == Some(&1)))
        && is_child_of_our_namespace(process.pid)
}

fn is_child_of_our_namespace(pid: i32) -> bool {
    let Ok(theirs) = File::open(format!("/proc/{pid}/ns/user")) else { return false };
    let Ok(ours) = std::fs::metadata("/proc/self/ns/user") else { return false };
    process::namespace_parent(&theirs) == Some((ours.dev(), ours.ino()))
}

async fn adopt(home: &CoopHome, pid: i32) -> io::Result<(Born, Report)> {
    let pidfd = process::pidfd_open(Pid::from_raw(pid))?;
    // The pidfd stands for one process for ever: looked at again through it, the number cannot have been re-used.
    let process = Process::new(pid).map_err(io::Error::other)?;
    if !is_init(&process, home) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it is another process by now"));
    }
    let spare = process::pidfd_getfd(&pidfd, SPARE_FD)?;
    let (ours, inits) = socket::message_pair()?;
    let adopt = control::encode(&ToInit::Adopt { version: CONTROL_VERSION });
    socket::send_message(&spare, &adopt, &[inits.as_raw_fd()], false)?;
    drop((spare, inits));
    let link = Link::new(ours)?;
    let report = tokio::time::timeout(ANSWER_LIMIT, first_report(&link))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it does not answer"))??;
    // What it says of itself is untrusted; what it was started with it cannot change.
    let environment = process.environ().map_err(io::Error::other)?;
    if environment.get(OsStr::new("COOP_SESSION")).is_none_or(|name| name != report.session.name.as_str()) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it goes by another name than it was given"));
    }
    Ok((Born { link, pidfd, pid }, report))
}

async fn first_report(link: &Link) -> io::Result<Report> {
    loop {
        let (message, _fds): (FromInit, Vec<OwnedFd>) = link.receive().await?;
        if let FromInit::Report(report) = message {
            return Ok(*report);
        }
    }
}
