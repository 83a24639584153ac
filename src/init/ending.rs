//! Asking programs to end.

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use procfs::process::Process;
use std::time::Duration;

/// What programs have between the two signals when there is no daemon: one that is there kills the init after 5 s.
pub const KILL_AFTER: Duration = Duration::from_secs(6);

/// SIGKILL to every process of the box but the init.
pub fn kill_all() {
    // ESRCH: there is nobody.
    kill(Pid::from_raw(-1), Signal::SIGKILL).ok();
}

/// SIGTERM to every process of the box but the init; see [`follow_up`] for the rest.
pub fn terminate_all() {
    let everybody = Pid::from_raw(-1);
    // ESRCH: there is nobody.
    if kill(everybody, Signal::SIGTERM).is_ok() {
        kill(everybody, Signal::SIGCONT).ok();
        let all = procfs::process::all_processes().into_iter().flatten().flatten();
        all.filter(|process| process.pid != 1).for_each(|process| follow_up(&process));
    }
}

/// A signal to a program's whole process group: it leads one.
pub fn signal_group(leader: Pid, signal: Signal) {
    if killpg(leader, signal).is_ok() && signal == Signal::SIGTERM {
        killpg(leader, Signal::SIGCONT).ok();
        if let Ok(process) = Process::new(leader.as_raw()) {
            follow_up(&process);
        }
    }
}

/// An interactive shell ignores SIGTERM and ends at SIGHUP. A program that catches SIGTERM to tidy up must not get that:
/// it would die of it half-way.
fn follow_up(process: &Process) {
    let term = 1 << (Signal::SIGTERM as u64 - 1);
    if process.status().is_ok_and(|status| status.sigign & term != 0) {
        // It may have gone meanwhile.
        kill(Pid::from_raw(process.pid), Signal::SIGHUP).ok();
    }
}
