//! The mount API by descriptor (open_tree, move_mount, mount_setattr, fsopen): what is mounted and where is decided by
//! descriptors, so no path can be swapped between a check and a use.

use crate::session::mounting::Forbid;
use crate::sys::check;
use nix::errno::Errno;
use std::ffi::CStr;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn bits(forbid: Forbid) -> u64 {
    let bit = |on: bool, bit: u64| if on { bit } else { 0 };
    bit(forbid.writing, libc::MOUNT_ATTR_RDONLY)
        | bit(forbid.set_uid, libc::MOUNT_ATTR_NOSUID)
        | bit(forbid.devices, libc::MOUNT_ATTR_NODEV)
        | bit(forbid.executing, libc::MOUNT_ATTR_NOEXEC)
}

fn c_path(path: &Path) -> nix::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}

fn new_fd(result: libc::c_long) -> nix::Result<OwnedFd> {
    let raw = RawFd::try_from(check(result)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: a system call has just returned this new descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// A detached copy of the mount tree at a path of the host, everything mounted below it included.
pub fn clone_tree(path: &Path) -> nix::Result<OwnedFd> {
    let path = c_path(path)?;
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE as libc::c_uint;
    // SAFETY: the path is a valid C string for the call.
    new_fd(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) })
}

/// The same, for a path of which no part is a link.
pub fn clone_exact_tree(path: &Path) -> nix::Result<OwnedFd> {
    clone_tree_of(open_with(libc::AT_FDCWD, path, libc::O_PATH, 0, libc::RESOLVE_NO_SYMLINKS)?)
}

/// The same of what a descriptor stands for.
pub fn clone_tree_of(fd: impl AsFd) -> nix::Result<OwnedFd> {
    let flags =
        libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | (libc::AT_EMPTY_PATH | libc::AT_RECURSIVE) as libc::c_uint;
    // SAFETY: the empty path is a valid C string.
    new_fd(unsafe { libc::syscall(libc::SYS_open_tree, fd.as_fd().as_raw_fd(), c"".as_ptr(), flags) })
}

/// Sets restrictions on a mount and everything below it, and cuts it off from mounts and unmounts elsewhere.
pub fn restrict(mount: impl AsFd, forbid: Forbid) -> nix::Result<()> {
    let attributes = libc::mount_attr { attr_set: bits(forbid), propagation: libc::MS_PRIVATE, ..NO_CHANGE };
    set_attributes(mount, &attributes, libc::AT_RECURSIVE)
}

/// Sets restrictions on this one mount.
pub fn restrict_one(mount: impl AsFd, forbid: Forbid) -> nix::Result<()> {
    set_attributes(mount, &libc::mount_attr { attr_set: bits(forbid), ..NO_CHANGE }, 0)
}

/// Files of a detached mount, and of all below it, belong to whom their owner's id stands for in `namespace`; ids that it
/// does not have belong to nobody. Needs privilege over the file systems.
pub fn map_ids(mount: impl AsFd, namespace: impl AsFd) -> nix::Result<()> {
    let userns_fd = u64::try_from(namespace.as_fd().as_raw_fd()).map_err(|_| Errno::EBADF)?;
    let attributes = libc::mount_attr { attr_set: libc::MOUNT_ATTR_IDMAP, userns_fd, ..NO_CHANGE };
    set_attributes(mount, &attributes, libc::AT_RECURSIVE)
}

const NO_CHANGE: libc::mount_attr = libc::mount_attr { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };

fn set_attributes(mount: impl AsFd, attributes: &libc::mount_attr, flags: libc::c_int) -> nix::Result<()> {
    // SAFETY: the structure is valid for the call and its true size is passed.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | flags,
            std::ptr::from_ref(attributes),
            size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Attaches a detached mount at what `target` stands for.
pub fn attach(mount: impl AsFd, target: impl AsFd) -> nix::Result<()> {
    const EMPTY_PATHS: libc::c_uint = 0x4 | 0x40; // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH, linux/mount.h
    // SAFETY: both paths are valid empty C strings.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            target.as_fd().as_raw_fd(),
            c"".as_ptr(),
            EMPTY_PATHS,
        )
    })
    .map(drop)
}

/// A new file system instance, mounted nowhere yet.
pub fn new_filesystem(kind: &CStr, options: &[(&CStr, Option<&CStr>)], forbid: Forbid) -> nix::Result<OwnedFd> {
    const FSOPEN_CLOEXEC: libc::c_uint = 1; // these four: linux/mount.h
    const FSCONFIG_SET_FLAG: libc::c_uint = 0;
    const FSCONFIG_SET_STRING: libc::c_uint = 1;
    const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
    let null = std::ptr::null::<libc::c_char>();
    // SAFETY: `kind` is a valid C string.
    let context = new_fd(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) })?;
    let configure = |command: libc::c_uint, key: *const libc::c_char, value: *const libc::c_char| {
        // SAFETY: key and value are null or valid C strings that outlive the call.
        check(unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) }).map(drop)
    };
    for (key, value) in options {
        match value {
            Some(value) => configure(FSCONFIG_SET_STRING, key.as_ptr(), value.as_ptr())?,
            None => configure(FSCONFIG_SET_FLAG, key.as_ptr(), null)?,
        }
    }
    configure(FSCONFIG_CMD_CREATE, null, null)?;
    // SAFETY: integers only. FSMOUNT_CLOEXEC is 1.
    new_fd(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), 1, bits(forbid)) })
}

/// Opens a path *inside* `root` as if it were `/`, for use as a place (O_PATH). Links are followed there and never out
/// of it; magic links never.
pub fn open_inside(root: impl AsFd, path: &Path, flags: libc::c_int, mode: u32) -> nix::Result<OwnedFd> {
    open_with(root.as_fd().as_raw_fd(), path, flags, mode, libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS)
}

fn open_with(at: RawFd, path: &Path, flags: libc::c_int, mode: u32, resolve: u64) -> nix::Result<OwnedFd> {
    let path = c_path(path)?;
    // SAFETY: all-zero is a valid open_how.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::try_from(flags | libc::O_CLOEXEC).map_err(|_| Errno::EINVAL)?;
    how.mode = u64::from(mode);
    how.resolve = resolve;
    loop {
        // SAFETY: path and structure are valid for the call and the structure's true size is passed.
        let result =
            unsafe { libc::syscall(libc::SYS_openat2, at, path.as_ptr(), &raw const how, size_of::<libc::open_how>()) };
        // EAGAIN: a rename elsewhere raced the walk (openat2(2)); the walk is simply repeated.
        match new_fd(result) {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            other => return other,
        }
    }
}
