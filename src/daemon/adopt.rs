//! Finding the sessions that an earlier daemon left: no file says which there are, the processes do.
//!
//! An init is a process of ours that is PID 1 of its pid namespace, carries this daemon's socket in its environment, and
//! whose user namespace is a child of *ours*. That last word cannot be forged: whatever runs in a box has at least one
//! namespace more between itself and us. The daemon then takes a copy of the init's spare socket from the process itself.

use crate::daemon::create::Born;
use crate::daemon::ids;
use crate::daemon::link::Link;
use crate::home::CoopHome;
use crate::init::SPARE_FD;
use crate::name::SessionName;
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
use std::path::PathBuf;

/// An init that was found, by what its environment says. An init that a box has taken over could have rewritten that: it
/// can then pass for another session of this home, in a list, and never reach anything that is not its own.
#[derive(Debug)]
pub struct Found {
    pub pid: i32,
    pub pidfd: OwnedFd,
    pub name: SessionName,
    pub workspace: PathBuf,
    pub created_unix_s: u64,
}

/// Every init of this home.
pub fn scan(home: &CoopHome) -> io::Result<Vec<Found>> {
    let own = nix::unistd::geteuid().as_raw();
    let all = procfs::process::all_processes().map_err(io::Error::other)?;
    // Those of a box that root has started are another user's: see `daemon::ids`.
    let is_ours = |uid: u32| uid == own || (own == 0 && ids::IDS.contains(&uid));
    let candidates = all.flatten().filter(|process| process.uid().is_ok_and(is_ours));
    Ok(candidates.filter(|process| is_init(process, home)).filter_map(|process| found(&process, home)).collect())
}

fn found(process: &Process, home: &CoopHome) -> Option<Found> {
    let pidfd = process::pidfd_open(Pid::from_raw(process.pid)).ok()?;
    // The pidfd stands for one process for ever: looked at again behind it, the number cannot have been re-used.
    let process = Process::new(process.pid).ok().filter(|process| is_init(process, home))?;
    let environment = process.environ().ok()?;
    let text = |name: &str| environment.get(OsStr::new(name))?.to_str();
    Some(Found {
        pid: process.pid,
        pidfd,
        name: text("COOP_SESSION")?.parse().ok()?,
        // Lists are JSON, and no session has a directory that is not UTF-8; but it must be listed, to be killed.
        workspace: environment.get(OsStr::new("COOP_WORKSPACE"))?.to_string_lossy().into_owned().into(),
        created_unix_s: text("COOP_CREATED")?.parse().ok()?,
    })
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

/// Takes an init over. One that is stopped answers when it goes on; there is no limit here.
pub async fn adopt(pid: i32, pidfd: OwnedFd, name: SessionName) -> io::Result<(Born, Report)> {
    let spare = process::pidfd_getfd(&pidfd, SPARE_FD)?;
    let (ours, inits) = socket::message_pair()?;
    let adopt = control::encode(&ToInit::Adopt { version: CONTROL_VERSION });
    socket::send_message(&spare, &adopt, &[inits.as_raw_fd()], false)?;
    drop((spare, inits));
    let link = Link::new(ours)?;
    loop {
        let (message, _fds): (FromInit, Vec<OwnedFd>) = link.receive().await?;
        let FromInit::Report(report) = message else { continue };
        if report.version > CONTROL_VERSION {
            let text = format!("it speaks version {} of the messages, this coop {CONTROL_VERSION}", report.version);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        // What it says of itself is untrusted.
        if report.session.name != name {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it goes by another name than it was given"));
        }
        return Ok((Born { link, pidfd, pid }, *report));
    }
}
