//! Restrictions that a process puts on itself and its children for good: seccomp and Landlock.

use crate::sys::check;
use nix::errno::Errno;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

/// One instruction of classic BPF, as `struct sock_filter` of linux/filter.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    pub code: u16,
    pub jump_true: u8,
    pub jump_false: u8,
    pub value: u32,
}

/// Every system call of this process and all that come from it goes through `program` first. Needs `no_new_privs`.
pub fn load_filter(program: &[Instruction]) -> nix::Result<()> {
    let len = libc::c_ushort::try_from(program.len()).map_err(|_| Errno::EINVAL)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: the program is valid for the call, with its true length; the kernel copies it and writes nothing.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) }).map(drop)
}

/// `struct landlock_ruleset_attr` of ABI 6.
#[repr(C)]
struct RulesetAttributes {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// The version of Landlock that this kernel has switched on; 0 for none.
pub fn landlock_version() -> libc::c_long {
    const VERSION: libc::c_uint = 1; // LANDLOCK_CREATE_RULESET_VERSION, linux/landlock.h
    let nothing = std::ptr::null::<RulesetAttributes>();
    // SAFETY: the question for the version takes no structure.
    check(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0, VERSION) }).unwrap_or(0)
}

/// The version from which on [`scope`] works (linux 6.12).
pub const LANDLOCK_SCOPES: libc::c_long = 6;

/// From here on this process and its children can neither signal a process that is none of them, nor connect to an abstract
/// unix socket that none of them made. Needs `no_new_privs`.
pub fn scope() -> nix::Result<()> {
    const ABSTRACT_UNIX_SOCKET: u64 = 1; // linux/landlock.h
    const SIGNAL: u64 = 2;
    let attributes =
        RulesetAttributes { handled_access_fs: 0, handled_access_net: 0, scoped: ABSTRACT_UNIX_SOCKET | SIGNAL };
    // SAFETY: the structure is valid for the call and its true size is passed.
    let fd = check(unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size_of::<RulesetAttributes>(), 0)
    })?;
    let raw = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: a system call has just returned this new descriptor.
    let ruleset = unsafe { OwnedFd::from_raw_fd(raw) };
    // SAFETY: no memory is passed.
    check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) }).map(drop)
}
