//! PID 1 of a box: started by the daemon by exec, single-threaded, without tokio.
//!
//! Stage 1 makes the outer user namespace and forks; its child execs itself once more as the init, so that the init's
//! memory belongs to that namespace: the daemon, who owns it, can look in (adoption), the box below cannot.

pub mod ending;
pub mod pty;
pub mod run;
pub mod serve;
pub mod spawn;
pub mod stage1;

use std::os::fd::RawFd;

/// The descriptor at which every init keeps the daemon's end of its spare message pair. A daemon that finds the init by
/// scanning `/proc` takes a copy of it (`pidfd_getfd`): no path, no stale socket, and the process asked is the one found.
/// Low, for the limit of open files may be as low as 64; below 10, where the control socket is moved to.
pub const SPARE_FD: RawFd = 9;
