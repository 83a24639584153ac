//! System calls: the only place where `unsafe` stands. Everything here is a thin, typed skin over one kernel facility;
//! what to do with it is decided elsewhere.

pub mod attacks;
pub mod caps;
pub mod memory;
pub mod mount;
pub mod net;
pub mod process;
pub mod pty;
pub mod ring;
pub mod seccomp;
pub mod socket;

/// Turns the result of a raw system call into a `Result`, the way libc's wrappers report errors.
pub(crate) fn check(result: libc::c_long) -> nix::Result<libc::c_long> {
    nix::errno::Errno::result(result)
}
