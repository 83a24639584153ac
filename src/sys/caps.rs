//! Privileges that a program gives away for good.

use crate::sys::check;
use nix::errno::Errno;

const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522; // linux/capability.h

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Nobody without privilege over this process's user namespace may look into it (`/proc`, ptrace, core dumps).
pub fn become_undumpable() -> nix::Result<()> {
    nix::sys::prctl::set_dumpable(false)
}

/// Gives up every capability, in every set, so that no exec brings one back. With `maps_root` one is kept, CAP_SETFCAP:
/// without it in its own namespace, uid 0 of that one cannot be uid 0 of a further one.
pub fn drop_all(maps_root: bool) -> nix::Result<()> {
    const CAP_SETFCAP: u32 = 31; // linux/capability.h
    for capability in (0..).filter(|capability| !maps_root || *capability != CAP_SETFCAP) {
        // SAFETY: prctl with integers only.
        match check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }.into()) {
            Ok(_) => {}
            Err(Errno::EINVAL) => break, // past the last one that this kernel knows
            Err(errno) => return Err(errno),
        }
    }
    // SAFETY: prctl with integers only.
    check(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) }.into())?;
    let header = CapHeader { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    let mut left = [CapData { effective: 0, permitted: 0, inheritable: 0 }; 2];
    if maps_root {
        left[0].effective = 1 << CAP_SETFCAP;
        left[0].permitted = 1 << CAP_SETFCAP;
    }
    // SAFETY: version 3 of the header means two data structures; both pointers are valid for the call.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, left.as_ptr()) }).map(drop)
}

/// No exec from here on gains privileges: set-uid bits and file capabilities are void.
pub fn no_new_privileges() -> nix::Result<()> {
    nix::sys::prctl::set_no_new_privs()
}
