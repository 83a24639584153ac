//! What somebody would try who wants out of a box: raw calls, for `coop doctor` to make inside of its own. Each is made so
//! that it does no harm where it works. `Ok`: it worked.

use crate::sys::check;
use nix::errno::Errno;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

/// Only for calls whose pointers are null or that the kernel copies from: it must not write through what is passed.
///
/// # Safety
/// Every pointer among the arguments is null or valid for reading as the call reads it.
unsafe fn call(number: libc::c_long, arguments: [libc::c_long; 5]) -> nix::Result<()> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: by this function's contract.
    check(unsafe { libc::syscall(number, a, b, c, d, e) }).map(drop)
}

fn address<T: ?Sized>(of: &T) -> libc::c_long {
    std::ptr::from_ref(of).cast::<u8>() as libc::c_long
}

/// A call with numbers alone.
fn numbers(number: libc::c_long, arguments: [libc::c_long; 5]) -> nix::Result<()> {
    // SAFETY: the lists below pass numbers and null only where this is used.
    unsafe { call(number, arguments) }
}

/// Tries a call that returns a descriptor, and closes that. For calls that only read what their pointers lead to, which is
/// valid for as long as the call takes.
fn descriptor(number: libc::c_long, arguments: [libc::c_long; 5]) -> nix::Result<()> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: as in `numbers`.
    let fd = check(unsafe { libc::syscall(number, a, b, c, d, e) })?;
    let raw = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: a system call has just returned this new descriptor.
    drop(unsafe { OwnedFd::from_raw_fd(raw) });
    Ok(())
}

pub fn unshare_user() -> nix::Result<()> {
    numbers(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0, 0])
}

/// A child that ends at once, in a user namespace of its own, by the call whose flags no filter can see.
pub fn clone3_user() -> nix::Result<()> {
    // struct clone_args of linux/sched.h: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls
    let flags = u64::try_from(libc::CLONE_NEWUSER).unwrap_or(0);
    let arguments = [flags, 0, 0, 0, 17, 0, 0, 0]; // SIGCHLD
    // SAFETY: the structure is valid for the call; without a stack the child goes on as after fork, and ends.
    let child = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) };
    if child == 0 {
        // SAFETY: ends this child, which runs no code of anybody's first.
        unsafe { libc::_exit(0) }
    }
    check(child).map(drop)
}

pub fn mount_tmpfs() -> nix::Result<()> {
    let (kind, place) = (c"tmpfs", c"/mnt");
    // SAFETY: both strings are valid, the other pointers null.
    unsafe { call(libc::SYS_mount, [address(kind), address(place), address(kind), 0, 0]) }
}

pub fn bind_over(from: &std::ffi::CStr, to: &std::ffi::CStr) -> nix::Result<()> {
    let bind = libc::c_long::try_from(libc::MS_BIND).unwrap_or(0);
    // SAFETY: both strings are valid, the other pointers null.
    unsafe { call(libc::SYS_mount, [address(from), address(to), 0, bind, 0]) }
}

pub fn remount_writable(place: &std::ffi::CStr) -> nix::Result<()> {
    let flags = libc::c_long::try_from(libc::MS_REMOUNT | libc::MS_BIND).unwrap_or(0);
    // SAFETY: the string is valid, the other pointers null.
    unsafe { call(libc::SYS_mount, [0, address(place), 0, flags, 0]) }
}

pub fn unmount(place: &std::ffi::CStr) -> nix::Result<()> {
    // SAFETY: the string is valid.
    unsafe { call(libc::SYS_umount2, [address(place), libc::MNT_DETACH.into(), 0, 0, 0]) }
}

pub fn open_a_tree() -> nix::Result<()> {
    let flags = libc::c_long::from(libc::OPEN_TREE_CLONE);
    descriptor(libc::SYS_open_tree, [libc::AT_FDCWD.into(), address(c"/"), flags, 0, 0])
}

pub fn device(path: &std::ffi::CStr) -> nix::Result<()> {
    let null = libc::c_long::try_from(libc::makedev(1, 3)).unwrap_or(0);
    let mode = libc::c_long::from(libc::S_IFCHR | 0o666);
    // SAFETY: the string is valid.
    unsafe { call(libc::SYS_mknodat, [libc::AT_FDCWD.into(), address(path), mode, null, 0]) }
}

pub fn set_uid(path: &std::ffi::CStr) -> nix::Result<()> {
    // SAFETY: the string is valid.
    unsafe { call(libc::SYS_fchmodat, [libc::AT_FDCWD.into(), address(path), 0o4755, 0, 0]) }
}

/// A file that is set-uid from its first moment, by the call whose mode no filter can see.
pub fn create_set_uid(path: &std::ffi::CStr) -> nix::Result<()> {
    // struct open_how of linux/openat2.h: flags, mode, resolve
    let how: [u64; 3] = [u64::try_from(libc::O_CREAT | libc::O_WRONLY).unwrap_or(0), 0o4755, 0];
    let size = libc::c_long::try_from(size_of_val(&how)).unwrap_or(0);
    // SAFETY: string and structure are valid for the call.
    unsafe { call(libc::SYS_openat2, [libc::AT_FDCWD.into(), address(path), address(&how), size, 0]) }
}

pub fn trace(pid: i32) -> nix::Result<()> {
    const PTRACE_SEIZE: libc::c_long = 0x4206; // linux/ptrace.h
    numbers(libc::SYS_ptrace, [PTRACE_SEIZE, pid.into(), 0, 0, 0])
}

pub fn read_memory(pid: i32) -> nix::Result<()> {
    let mut byte = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: 0x40_0000 as *mut libc::c_void, iov_len: 1 };
    // SAFETY: the local vector is one live byte; the remote address is looked up in the other process.
    check(unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) } as libc::c_long)
        .map(drop)
}

/// Sets another process's limit to what it may be.
pub fn limit_of(pid: i32) -> nix::Result<()> {
    let limit = [4096_u64; 2];
    // SAFETY: the structure is valid for the call.
    unsafe { call(libc::SYS_prlimit64, [pid.into(), libc::RLIMIT_NOFILE.into(), address(&limit), 0, 0]) }
}

/// Types a byte into the terminal that this process was started on.
pub fn type_into_terminal() -> nix::Result<()> {
    // SAFETY: the byte is valid for the call.
    unsafe { call(libc::SYS_ioctl, [0, 0x5412, address(&b'x'), 0, 0]) } // TIOCSTI
}

pub fn userfaultfd() -> nix::Result<()> {
    descriptor(libc::SYS_userfaultfd, [1, 0, 0, 0, 0]) // UFFD_USER_MODE_ONLY
}

pub fn io_uring() -> nix::Result<()> {
    let mut parameters = [0_u8; 120]; // struct io_uring_params
    // SAFETY: the structure is valid and writable for the call.
    let fd = check(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) })?;
    let raw = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: a system call has just returned this new descriptor.
    drop(unsafe { OwnedFd::from_raw_fd(raw) });
    Ok(())
}

pub fn bpf() -> nix::Result<()> {
    let attributes = [0_u64; 16];
    let size = libc::c_long::try_from(size_of_val(&attributes)).unwrap_or(0);
    descriptor(libc::SYS_bpf, [0, address(&attributes), size, 0, 0]) // BPF_MAP_CREATE
}

pub fn perf_event() -> nix::Result<()> {
    let attributes =
        [1_u32, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // PERF_TYPE_SOFTWARE, 128 bytes
    descriptor(libc::SYS_perf_event_open, [address(&attributes), 0, -1, -1, 0])
}

pub fn keyring() -> nix::Result<()> {
    numbers(libc::SYS_keyctl, [0, -3, 0, 0, 0]) // KEYCTL_GET_KEYRING_ID of the session's
}

pub fn add_key() -> nix::Result<()> {
    let payload = b"x";
    // SAFETY: the strings and the payload are valid for the call.
    unsafe { call(libc::SYS_add_key, [address(c"user"), address(c"coop-doctor"), address(payload), 1, -3]) }
}

/// Reads no more than how much the kernel's log holds.
pub fn kernel_log() -> nix::Result<()> {
    numbers(libc::SYS_syslog, [10, 0, 0, 0, 0])
}

/// To a time that is none: who may not set the clock hears that first.
pub fn set_clock() -> nix::Result<()> {
    let time = [0_i64, -1];
    // SAFETY: the structure is valid for the call.
    unsafe { call(libc::SYS_clock_settime, [0, address(&time), 0, 0, 0]) }
}

/// To a name that is too long to be one.
pub fn set_hostname() -> nix::Result<()> {
    // SAFETY: the string is valid; the length is refused before it is read.
    unsafe { call(libc::SYS_sethostname, [address(c"x"), 4096, 0, 0, 0]) }
}

pub fn swap_off() -> nix::Result<()> {
    numbers(libc::SYS_swapoff, [0; 5])
}

pub fn load_module() -> nix::Result<()> {
    numbers(libc::SYS_finit_module, [-1, 0, 0, 0, 0])
}

pub fn reboot() -> nix::Result<()> {
    // Without the magic numbers nothing happens; who may not hears that first.
    numbers(libc::SYS_reboot, [0; 5])
}

pub fn file_by_handle() -> nix::Result<()> {
    numbers(libc::SYS_open_by_handle_at, [-1, 0, 0, 0, 0])
}

pub fn socket_of(family: i32) -> nix::Result<()> {
    descriptor(libc::SYS_socket, [family.into(), libc::SOCK_DGRAM.into(), 0, 0, 0])
}

/// A call of 32-bit programs, whose numbers the filter does not know: done in a child, which it ends.
#[cfg(target_arch = "x86_64")]
pub fn foreign_call() -> nix::Result<()> {
    // SAFETY: the child makes one call without arguments and ends.
    unsafe {
        match libc::fork() {
            -1 => Err(Errno::last()),
            0 => {
                // getpid of i386
                std::arch::asm!(
                    "int 0x80",
                    inout("eax") 20 => _,
                    out("r8") _, out("r9") _, out("r10") _, out("r11") _,
                    options(nostack)
                );
                libc::_exit(0)
            }
            child => {
                let mut status = 0;
                check(libc::waitpid(child, &raw mut status, 0).into())?;
                if libc::WIFSIGNALED(status) { Err(Errno::EPERM) } else { Ok(()) }
            }
        }
    }
}

/// Has `most` children at once, each of which waits to be ended.
pub fn fork_up_to(most: u32) -> nix::Result<()> {
    let mut children = Vec::new();
    let mut refused = None;
    for _ in 0..most {
        // SAFETY: the child makes two calls and nothing else.
        match unsafe { libc::fork() } {
            -1 => {
                refused = Some(Errno::last());
                break;
            }
            0 => unsafe {
                // SAFETY: neither call touches memory. SIGKILL comes from the parent, or the box's end.
                libc::pause();
                libc::_exit(0)
            },
            child => children.push(child),
        }
    }
    for child in children {
        // SAFETY: these are children of ours that have not been waited for.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Touches so many bytes of memory, in a child.
pub fn take_memory(bytes: u64) -> nix::Result<()> {
    crate::sys::process::in_a_child(&|| {
        let len = usize::try_from(bytes).map_err(|_| Errno::ENOMEM)?;
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping that replaces none.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), len, access, kind, -1, 0) };
        if at == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        for page in (0..len).step_by(4096) {
            // SAFETY: inside of the mapping.
            unsafe { at.cast::<u8>().add(page).write_volatile(1) };
        }
        Ok(())
    })
    .and_then(|tried| tried)
}

/// A child in a session of its own, without a terminal, that waits for ever; it has what this process has open.
pub fn leave_a_child() -> nix::Result<()> {
    // SAFETY: the child makes a few calls that touch no memory, and nothing else.
    unsafe {
        match libc::fork() {
            -1 => Err(Errno::last()),
            0 => {
                libc::setsid();
                for number in 0..3 {
                    libc::close(number);
                }
                loop {
                    libc::pause();
                }
            }
            _ => Ok(()),
        }
    }
}
