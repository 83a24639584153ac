//! Processes: forks of single-threaded programs, pidfds, descriptors of others, namespaces.

use crate::session::state::Exit;
use crate::sys::check;
use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::signal::SigHandler;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::unistd::ForkResult;
use nix::unistd::Pid;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

/// Forks. Must be called by a single-threaded program: the child goes on running Rust code.
///
/// # Panics
/// When the process has more than one thread.
pub fn fork_single_threaded() -> nix::Result<ForkResult> {
    debug_assert_eq!(std::fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(1), 1, "fork with threads");
    // SAFETY: no other thread exists (the init and stage 1 never start one), so no lock can be held by one that is not
    // there in the child.
    unsafe { nix::unistd::fork() }
}

/// As [`fork_single_threaded`], with the child in the control group that `group` is the directory of (clone3(2)).
pub fn fork_into(group: &File) -> nix::Result<ForkResult> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000; // linux/sched.h
    fork_with(CLONE_INTO_CGROUP, u64::try_from(group.as_raw_fd()).map_err(|_| Errno::EBADF)?)
}

/// Whether a child can be born in that control group; called by a program with one thread.
pub fn is_born_in(group: &File) -> bool {
    match fork_into(group) {
        // SAFETY: ends the child, which has run nothing of anybody's.
        Ok(ForkResult::Child) => unsafe { libc::_exit(0) },
        Ok(ForkResult::Parent { child }) => nix::sys::wait::waitpid(child, None).is_ok(),
        Err(_) => false,
    }
}

fn fork_with(flags: u64, group: u64) -> nix::Result<ForkResult> {
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
    // cgroup
    let arguments = [flags, 0, 0, 0, Signal::SIGCHLD as u64, 0, 0, 0, 0, 0, group];
    // SAFETY: the structure is valid for the call, its true size is passed, and without a stack the child goes on on a copy
    // of ours, as after fork. No other thread exists, as there.
    let child = check(unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) })?;
    Ok(match i32::try_from(child).map_err(|_| Errno::EINVAL)? {
        0 => ForkResult::Child,
        pid => ForkResult::Parent { child: Pid::from_raw(pid) },
    })
}

/// A descriptor that stands for a process: it can be polled for its end and never means another one.
pub fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    Ok(owned(fd))
}

pub fn pidfd_signal(pidfd: impl AsFd, signal: Signal) -> nix::Result<()> {
    let fd = pidfd.as_fd().as_raw_fd();
    // SAFETY: the siginfo pointer may be null: pidfd_send_signal(2).
    check(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, fd, signal as libc::c_int, std::ptr::null::<libc::siginfo_t>(), 0)
    })
    .map(drop)
}

/// Takes a copy of another process's descriptor: needs what ptrace attach needs (pidfd_getfd(2)).
pub fn pidfd_getfd(pidfd: impl AsFd, number: RawFd) -> nix::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_fd().as_raw_fd(), number, 0) })?;
    Ok(owned(fd))
}

fn owned(fd: libc::c_long) -> OwnedFd {
    let raw = RawFd::try_from(fd).expect("the kernel's descriptors are ints");
    // SAFETY: a system call has just returned this new descriptor, nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

/// Owns a descriptor that a call of the same function has just returned as a number.
pub fn owned_number(number: RawFd) -> io::Result<OwnedFd> {
    inherited(number)
}

/// The parent of a user or pid namespace, as (device, inode) of its nsfs file; `None` when it is not ours to see.
pub fn namespace_parent(namespace: &File) -> Option<(u64, u64)> {
    const NS_GET_PARENT: libc::c_ulong = 0xb702; // _IO(0xb7, 2), linux/nsfs.h
    // SAFETY: this request takes no argument and returns a new descriptor.
    let fd = check(unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_PARENT) }.into()).ok()?;
    nix::sys::stat::fstat(owned(fd)).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

/// One child that has ended, or `None` when none has (or there are none at all).
pub fn reap_one() -> Option<(Pid, Exit)> {
    // Not nix's: it knows no real-time signal, and gives an error for a child that died of one and is reaped already.
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes one int.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        if pid <= 0 {
            return None;
        }
        if libc::WIFEXITED(status) {
            return Some((Pid::from_raw(pid), Exit::Code(libc::WEXITSTATUS(status))));
        }
        if libc::WIFSIGNALED(status) {
            return Some((Pid::from_raw(pid), Exit::Signal(libc::WTERMSIG(status))));
        }
    }
}

/// Every signal to its default and none blocked: what a program expects that is about to be exec'ed.
pub fn reset_signals() -> nix::Result<()> {
    for signal in Signal::iterator() {
        if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
            // SAFETY: SIG_DFL runs no code of ours.
            unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl)? };
        }
    }
    SigSet::empty().thread_set_mask()
}

/// No descriptor from `first` on outlives the next exec.
pub fn mark_from_close_on_exec(first: RawFd) -> nix::Result<()> {
    // SAFETY: only flags change; every descriptor stays open and owned as it was.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) })
        .map(drop)
}

/// Puts `fd` at exactly this number, inherited across exec or not.
pub fn place_at(fd: impl AsFd, number: RawFd, inherited: bool) -> nix::Result<()> {
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: the target numbers are constants that this code base reserves; whatever stood there is replaced on purpose.
    unsafe {
        if raw == number {
            check(libc::fcntl(raw, libc::F_SETFD, if inherited { 0 } else { libc::FD_CLOEXEC }).into()).map(drop)
        } else {
            check(libc::dup3(raw, number, if inherited { 0 } else { libc::O_CLOEXEC }).into()).map(drop)
        }
    }
}

/// The descriptor that the parent left at this number, when there is one. Call it once a number, before anything else
/// could have opened a file there.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD only looks.
    check(unsafe { libc::fcntl(number, libc::F_GETFD) }.into())?;
    // SAFETY: it is open (above) and by the contract of this function nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(fd)
}

/// A new user namespace in which uid and gid 0 are `id` of this one, and no other is anything. Needs the rights to set ids;
/// called by a program with one thread. Leaves a child that ends at once, to be reaped by whoever comes.
pub fn user_namespace_of(id: u32) -> io::Result<File> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    let new_user = u64::try_from(libc::CLONE_NEWUSER).map_err(|_| Errno::EINVAL)?;
    match fork_with(new_user, 0)? {
        ForkResult::Child => {
            drop(ours);
            // It is the namespace until the other end has it.
            std::process::exit(i32::from(io::Read::read(&mut &theirs, &mut [0]).is_err()));
        }
        ForkResult::Parent { child } => {
            let of = |file: &str| format!("/proc/{child}/{file}");
            std::fs::write(of("setgroups"), "deny")?;
            std::fs::write(of("uid_map"), format!("0 {id} 1"))?;
            std::fs::write(of("gid_map"), format!("0 {id} 1"))?;
            File::open(of("ns/user"))
        }
    }
}

/// Becomes uid and gid 0 of `namespace`, with all rights there and none here, and in no group of here.
pub fn enter_as_root(namespace: &File) -> nix::Result<()> {
    nix::unistd::setgroups(&[])?;
    nix::sched::setns(namespace, CloneFlags::CLONE_NEWUSER)?;
    let (uid, gid) = (nix::unistd::Uid::from_raw(0), nix::unistd::Gid::from_raw(0));
    nix::unistd::setresgid(gid, gid, gid)?;
    nix::unistd::setresuid(uid, uid, uid)
}

pub fn unshare(flags: CloneFlags) -> nix::Result<()> {
    nix::sched::unshare(flags)
}

/// How `ps` and `top` call this process: what was exec'ed is `/proc/self/exe`, which says nothing. Where it cannot be
/// set, nothing depends on it.
pub fn call_me(name: &std::ffi::CStr) {
    nix::sys::prctl::set_name(name).ok();
}

/// Leaves the caller's session keyring for an empty one: whoever inherits it could read the keys in it. A kernel without
/// keyrings has none to leave.
pub fn leave_keyring() -> nix::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1; // linux/keyctl.h
    // SAFETY: a null name asks for an anonymous keyring.
    let joined =
        unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>()) };
    match check(joined) {
        Err(errno) if errno != Errno::ENOSYS => Err(errno),
        _ => Ok(()),
    }
}

/// Makes orphaned descendants ours to reap, as nobody else may be there to do it (containers).
pub fn become_subreaper() -> nix::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// An exclusive `fcntl(2)` lock on a file, which dies with this process. `Err(pid)`: that process has it.
pub fn lock_for_life(file: &File) -> io::Result<Result<(), Pid>> {
    loop {
        let mut lock = whole_file_write_lock();
        // SAFETY: `lock` is a valid flock structure for the time of the call.
        match check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) }.into()) {
            Ok(_) => return Ok(Ok(())),
            Err(Errno::EACCES | Errno::EAGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
        // SAFETY: as above; the kernel writes into `lock`.
        check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock) }.into())?;
        // Let go between the two calls, it has no owner, and the pid in the structure is nobody's.
        if i32::from(lock.l_type) != libc::F_UNLCK {
            return Ok(Err(Pid::from_raw(lock.l_pid)));
        }
    }
}

fn whole_file_write_lock() -> libc::flock {
    #[allow(clippy::cast_possible_truncation)] // F_WRLCK = 1 and SEEK_SET = 0
    libc::flock { l_type: libc::F_WRLCK as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 0, l_pid: 0 }
}

/// Raises the soft limit of open files to the hard one; returns what it was.
pub fn raise_open_files() -> nix::Result<u64> {
    use nix::sys::resource::Resource;
    let (soft, hard) = nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        nix::sys::resource::setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(soft)
}

/// What comes of `attempt` in a child of its own, which ends with it; called by a program with one thread.
pub fn in_a_child(attempt: &dyn Fn() -> nix::Result<()>) -> nix::Result<nix::Result<()>> {
    match fork_single_threaded()? {
        // An errno is below 134 on every architecture.
        ForkResult::Child => std::process::exit(attempt().map_or_else(|errno| errno as i32, |()| 0)),
        ForkResult::Parent { child } => Ok(match nix::sys::wait::waitpid(child, None)? {
            nix::sys::wait::WaitStatus::Exited(_, 0) => Ok(()),
            nix::sys::wait::WaitStatus::Exited(_, errno) => Err(Errno::from_raw(errno)),
            // Killed for trying.
            _ => Err(Errno::EPERM),
        }),
    }
}
