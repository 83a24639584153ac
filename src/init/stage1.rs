//! Stage 1: from the host into fresh namespaces.
//!
//! Who we are: the caller, on the host, in a new process of one thread; descriptor 0 is the control pair's end.

use crate::proto::control;
use crate::proto::control::FromInit;
use crate::proto::control::Membership;
use crate::proto::control::ToInit;
use crate::sandbox::explain;
use crate::sandbox::explain::SandboxError;
use crate::sandbox::explain::While;
use crate::session::spec::NetworkMode;
use crate::sys::process;
use crate::sys::socket;
use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::ForkResult;
use nix::unistd::Pid;
use std::convert::Infallible;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The hidden verb that runs the init itself.
const INIT_VERB: &str = "__init";

/// Runs stage 1; returns the process's exit code. `id`: the user and group of the host that the box is to have instead of
/// the caller's.
pub fn run(network: NetworkMode, id: Option<u32>) -> i32 {
    let Ok(control) = process::inherited(0) else { return 1 };
    match groups(&control).and_then(|groups| join(&groups)) {
        // It does the rest.
        Ok(Some(_child)) => return 0,
        Ok(None) => {}
        Err(error) => return report(&control, error),
    }
    match enter(network, id, &control).and_then(|()| fork_init(&control)) {
        Ok(()) => 0,
        Err(error) => report(&control, error),
    }
}

fn report(control: &OwnedFd, error: SandboxError) -> i32 {
    let failed = FromInit::Failed { what: error.to_string(), hint: error.hint };
    // A daemon that is gone needs no answer; the exit code says the same.
    i32::from(socket::send_message(control, &control::encode(&failed), &[], true).is_err()) + 1
}

/// The daemon has made them while this process was starting.
fn groups(control: &OwnedFd) -> Result<Vec<Membership>, SandboxError> {
    let what = || "the daemon's word of the control groups did not arrive".to_owned();
    let message = socket::receive_message(control, control::MESSAGE_BYTES_MAX, true).during(what)?;
    match message.map(|message| control::decode(&message.bytes)) {
        Some(Ok(ToInit::Join { groups })) => Ok(groups),
        _ => Err(SandboxError::new(what(), Errno::EPROTO)),
    }
}

/// Joins the box's control groups: before anything is unshared, for a namespace of groups ends where it was made. To move
/// *another* process the kernel waits for all processors, ten milliseconds and more; not so to move oneself as a thread
/// (version 1), nor to be born in a group (version 2). `Some`: of the two that there are then, this is the one outside.
fn join(groups: &[Membership]) -> Result<Option<Pid>, SandboxError> {
    let what = |group: &Membership| format!("cannot join the control group {}", group.directory.display());
    for group in groups.iter().filter(|group| group.version == 1) {
        fs::write(group.directory.join("tasks"), "0").during(|| what(group))?;
    }
    let Some(group) = groups.iter().find(|group| group.version == 2) else { return Ok(None) };
    let directory = fs::File::open(&group.directory).during(|| what(group))?;
    Ok(match process::fork_into(&directory).during(|| what(group))? {
        ForkResult::Parent { child } => Some(child),
        ForkResult::Child => None,
    })
}

fn enter(network: NetworkMode, id: Option<u32>, control: &OwnedFd) -> Result<(), SandboxError> {
    process::leave_keyring().during(|| "cannot leave the session keyring".to_owned())?;
    let mut flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWCGROUP;
    flags.set(CloneFlags::CLONE_NEWNET, network == NetworkMode::None);
    match id {
        None => enter_as_caller(flags),
        Some(id) => enter_as(id, flags, control),
    }
}

fn enter_as_caller(flags: CloneFlags) -> Result<(), SandboxError> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    process::unshare(flags | CloneFlags::CLONE_NEWUSER).map_err(explain::namespaces_refused)?;
    map_self(0, 0, uid.as_raw(), gid.as_raw()).map_err(|error| {
        // AppArmor lets the namespace be made and then gives it no rights.
        explain::namespaces_refused(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EPERM)))
    })
}

/// Called by root: what is root in the box is nobody on the host. The daemon gets the namespace, since only it has the
/// rights to show the caller's files as that one's.
fn enter_as(id: u32, flags: CloneFlags, control: &OwnedFd) -> Result<(), SandboxError> {
    let what = || format!("cannot take the id {id} for the box");
    let report = |said: &FromInit, fds: &[i32]| {
        let sent = socket::send_message(control, &control::encode(said), fds, true);
        sent.during(|| "cannot report to the daemon".to_owned())
    };
    let namespace = match process::user_namespace_of(id) {
        // Root does not have all ids, as in some containers: then this one is not to be had. All else is a failure.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            let why = format!("{}: {error}", what());
            report(&FromInit::NoNamespace { why }, &[])?;
            return Err(SandboxError::new(what(), Errno::EPERM));
        }
        made => made
            .map_err(|error| explain::namespaces_refused(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))))?,
    };
    report(&FromInit::Namespace, &[namespace.as_raw_fd()])?;
    process::enter_as_root(&namespace).during(what)?;
    process::unshare(flags).map_err(explain::namespaces_refused)
}

fn fork_init(control: &OwnedFd) -> Result<(), SandboxError> {
    match process::fork_single_threaded().during(|| "cannot fork the box's init".to_owned())? {
        ForkResult::Parent { child } => {
            let pidfd = process::pidfd_open(child).during(|| "cannot open the init's pidfd".to_owned())?;
            let forked = control::encode(&FromInit::Forked { pid: child.as_raw() });
            socket::send_message(control, &forked, &[pidfd.as_raw_fd()], true)
                .during(|| "cannot report to the daemon".to_owned())
        }
        ForkResult::Child => {
            let Err(error) = exec_init();
            Err(error).during(|| "cannot start the box's init".to_owned())
        }
    }
}

/// Maps this process's user and group, and nobody else, into the user namespace it has just entered.
pub fn map_self(inside_uid: u32, inside_gid: u32, outside_uid: u32, outside_gid: u32) -> std::io::Result<()> {
    // Without setgroups a process may map a group without privilege over it (user_namespaces(7)).
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{inside_uid} {outside_uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{inside_gid} {outside_gid} 1"))
}

/// What is executed again is the daemon's sealed copy of this binary: see [`crate::sys::memory::sealed_program`].
fn exec_init() -> std::io::Result<Infallible> {
    nix::unistd::setsid()?;
    Err(Command::new("/proc/self/exe").arg0("coop-init").arg(INIT_VERB).exec())
}
