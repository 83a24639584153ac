//! The process that makes sure nothing is left behind.
//!
//! Daemons leave the process tree of whoever started them; as a child subreaper (prctl(2)) the warden becomes the
//! parent of all such orphans. So it finds every process of every contestant by descent, ends them by pid when the
//! benchmark ends in whatever way, and reaps them meanwhile: nobody here waits for a zombie.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SfdFlags;
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::family;
use crate::options::Options;
use crate::run;
use crate::trouble::During;
use crate::trouble::Result;
use crate::trouble::Trouble;

/// First argument of the warden's child; the scratch directory follows.
pub const INNER: &str = "under-warden";

/// A run that takes longer is ended: each wait has a limit, this one catches what they do not see.
const LIMIT: Duration = Duration::from_secs(45 * 60);
const SMOKE_LIMIT: Duration = Duration::from_secs(3 * 60);

/// The longest scratch path that leaves room for a socket's name in `sun_path` (107 bytes, unix(7)).
const SHORT: usize = 60;

/// Runs the benchmark in a child and cleans up after it. The exit code is the child's.
pub fn watch_over(options: &Options) -> Result<ExitCode> {
    nix::sys::prctl::set_child_subreaper(true).during(|| "prctl(PR_SET_CHILD_SUBREAPER)".into())?;
    let mut watched = SigSet::empty();
    [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].iter().for_each(|signal| watched.add(*signal));
    watched.thread_block().during(|| "blocking signals".into())?;
    let signals = SignalFd::with_flags(&watched, SfdFlags::SFD_CLOEXEC).during(|| "signalfd".into())?;

    let scratch = make_scratch()?;
    let ended = run_child(options, &scratch, &signals);
    let swept = family::sweep(Pid::this(), None, reap_all);
    let removed = remove(&scratch);
    let code = ended?;
    swept?;
    removed?;
    Ok(code)
}

fn run_child(options: &Options, scratch: &Path, signals: &SignalFd) -> Result<ExitCode> {
    let myself = std::env::current_exe().during(|| "finding my own program".into())?;
    let mut command = Command::new(&myself);
    command.arg(INNER).arg(scratch).args(options.as_args());
    // SAFETY: between fork and exec one system call is made: no allocation, no lock, no memory shared.
    let child = unsafe { command.pre_exec(unblock_signals) }.spawn();
    let child = child.during(|| format!("starting {}", myself.display()))?;
    let child = family::pid_of(&child)?;
    let deadline = Instant::now() + if options.smoke { SMOKE_LIMIT } else { LIMIT };
    loop {
        if !run::ready(signals.as_fd(), PollFlags::POLLIN, deadline)? {
            return Err(Trouble::new("the benchmark took too long and was ended"));
        }
        let signal = signals.read_signal().during(|| "reading a signal".into())?;
        if signal.is_none_or(|signal| signal.ssi_signo != Signal::SIGCHLD as u32) {
            return Ok(ExitCode::from(130));
        }
        if let Some(code) = reap(Some(child)) {
            return Ok(code);
        }
    }
}

/// Blocked signals are inherited through exec, down to tmux, whose children would then not hear SIGHUP.
fn unblock_signals() -> io::Result<()> {
    Ok(SigSet::empty().thread_set_mask()?)
}

/// Reaps whatever has ended; answers the exit code of `child` if it was among them.
fn reap(child: Option<Pid>) -> Option<ExitCode> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if Some(pid) == child => {
                code = Some(ExitCode::from(u8::try_from(status).unwrap_or(1)));
            }
            Ok(WaitStatus::Signaled(pid, ..)) if Some(pid) == child => code = Some(ExitCode::FAILURE),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return code,
            Ok(_) | Err(_) => {}
        }
    }
}

fn reap_all() {
    reap(None);
}

fn make_scratch() -> Result<PathBuf> {
    let wanted = std::env::temp_dir();
    let parent = if wanted.as_os_str().len() < SHORT { wanted } else { PathBuf::from("/tmp") };
    let scratch = parent.join(format!("coop-bench.{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&scratch).during(|| format!("creating {}", scratch.display()))?;
    Ok(scratch)
}

/// Removes a tree in which some directories may forbid it (an overlay's `work` has mode 000).
fn remove(tree: &Path) -> Result<()> {
    if fs::remove_dir_all(tree).is_ok() {
        return Ok(());
    }
    open_up(tree);
    fs::remove_dir_all(tree).during(|| format!("removing {}", tree.display()))
}

/// Best effort: what stays closed is reported by the removal that follows.
fn open_up(dir: &Path) {
    if fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).is_err() {
        return;
    }
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}
