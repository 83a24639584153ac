//! Which system calls a box may make, and with what: an allow-list, tried with real programs.
//!
//! Refused as by a kernel without them (ENOSYS), so that libraries take the older way, are calls that are large, young
//! and often the start of an escape, and all that are to come. Refused as to somebody without privilege (EPERM) are
//! those that need one.

use crate::sandbox::filter::Answer;
use crate::sandbox::filter::Clause;
use crate::sandbox::filter::Holds;
use crate::sandbox::filter::Rule;
use crate::sandbox::filter::Strictness;
use crate::sandbox::filter::Test;
use libc::c_long;
use std::collections::BTreeMap;

/// As the kernel names it to a filter: linux/audit.h.
#[cfg(target_arch = "x86_64")]
pub const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub const ARCHITECTURE: u32 = 0xc000_00b7;

const EPERM: Answer = Answer::Errno(1);
const ENOSYS: Answer = Answer::Errno(38);
const ENOTSUP: Answer = Answer::Errno(95);
const EAFNOSUPPORT: Answer = Answer::Errno(97);

/// What is known of every call, by its number.
#[derive(Debug)]
pub struct Calls {
    pub known: BTreeMap<u32, Rule>,
    /// What all others get.
    pub others: Rule,
}

/// Numbers that libc has no name for yet; from 424 on they are the same on all processors (asm-generic/unistd.h).
const CACHESTAT: c_long = 451;
const MAP_SHADOW_STACK: c_long = 453;
const FUTEX_WAKE: c_long = 454;
const FUTEX_WAIT: c_long = 455;
const FUTEX_REQUEUE: c_long = 456;
const STATMOUNT: c_long = 457;
const LISTMOUNT: c_long = 458;
const LSM_GET_SELF_ATTR: c_long = 459;
const LSM_SET_SELF_ATTR: c_long = 460;
const LSM_LIST_MODULES: c_long = 461;
const SETXATTRAT: c_long = 463;
const GETXATTRAT: c_long = 464;
const LISTXATTRAT: c_long = 465;
const REMOVEXATTRAT: c_long = 466;
const OPEN_TREE_ATTR: c_long = 467;
#[cfg(target_arch = "aarch64")]
const RENAMEAT: c_long = 38; // asm-generic/unistd.h
#[cfg(target_arch = "x86_64")]
const RENAMEAT: c_long = libc::SYS_renameat;

/// Namespaces in the flags of clone(2); CLONE_NEWTIME is among its signal bits and has no effect there.
const CLONE_NAMESPACES: u32 = 0x7e02_0000;
/// Those of unshare(2).
const UNSHARE_NAMESPACES: u32 = CLONE_NAMESPACES | 0x80;
/// Not even nested: the mounts of a further cgroup namespace are those of the host's hierarchies.
const CLONE_NEWCGROUP: u32 = 0x0200_0000;

#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // Files.
    libc::SYS_read, libc::SYS_write, libc::SYS_close, libc::SYS_close_range, libc::SYS_lseek, libc::SYS_pread64,
    libc::SYS_pwrite64, libc::SYS_readv, libc::SYS_writev, libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2,
    libc::SYS_pwritev2, libc::SYS_sendfile, libc::SYS_splice, libc::SYS_tee, libc::SYS_vmsplice,
    libc::SYS_copy_file_range, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs,
    libc::SYS_fstatfs, libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_readlinkat, libc::SYS_getdents64,
    libc::SYS_getcwd, libc::SYS_chdir, libc::SYS_fchdir, RENAMEAT, libc::SYS_renameat2, libc::SYS_unlinkat,
    libc::SYS_linkat, libc::SYS_symlinkat, libc::SYS_truncate, libc::SYS_ftruncate,
    libc::SYS_fallocate, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_utimensat, libc::SYS_umask, libc::SYS_flock,
    libc::SYS_dup, libc::SYS_dup3, libc::SYS_pipe2, libc::SYS_fsync, libc::SYS_fdatasync,
    libc::SYS_sync, libc::SYS_syncfs, libc::SYS_sync_file_range, libc::SYS_readahead, libc::SYS_fadvise64,
    libc::SYS_name_to_handle_at, STATMOUNT, LISTMOUNT, CACHESTAT,
    libc::SYS_getxattr, libc::SYS_lgetxattr,
    libc::SYS_fgetxattr, libc::SYS_listxattr, libc::SYS_llistxattr, libc::SYS_flistxattr, libc::SYS_removexattr,
    libc::SYS_lremovexattr, libc::SYS_fremovexattr, GETXATTRAT, LISTXATTRAT, REMOVEXATTRAT,
    libc::SYS_inotify_init1, libc::SYS_inotify_add_watch, libc::SYS_inotify_rm_watch,
    // Waiting.
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2, libc::SYS_eventfd2, libc::SYS_signalfd4, libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime, libc::SYS_io_setup, libc::SYS_io_destroy,
    libc::SYS_io_submit, libc::SYS_io_cancel, libc::SYS_io_getevents,
    // Memory.
    libc::SYS_brk, libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_msync,
    libc::SYS_madvise, libc::SYS_mincore, libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_mlockall, libc::SYS_munlock,
    libc::SYS_munlockall, libc::SYS_memfd_create, libc::SYS_remap_file_pages, libc::SYS_mbind,
    libc::SYS_get_mempolicy, libc::SYS_set_mempolicy, libc::SYS_pkey_alloc, libc::SYS_pkey_free,
    libc::SYS_pkey_mprotect, libc::SYS_mseal, MAP_SHADOW_STACK, libc::SYS_process_madvise,
    libc::SYS_process_mrelease, libc::SYS_membarrier,
    // Processes and threads. Tracing and reading others is between programs of one box: the namespaces see to that.
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid,
    libc::SYS_getpid, libc::SYS_getppid, libc::SYS_gettid, libc::SYS_getpgid, libc::SYS_setpgid, libc::SYS_getsid,
    libc::SYS_setsid, libc::SYS_set_tid_address, libc::SYS_set_robust_list, libc::SYS_get_robust_list,
    libc::SYS_futex, libc::SYS_futex_waitv, FUTEX_WAKE, FUTEX_WAIT, FUTEX_REQUEUE, libc::SYS_rseq,
    libc::SYS_restart_syscall, libc::SYS_prctl, libc::SYS_seccomp, libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self, LSM_GET_SELF_ATTR, LSM_LIST_MODULES,
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_kcmp,
    libc::SYS_pidfd_open, libc::SYS_pidfd_getfd, libc::SYS_pidfd_send_signal,
    libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getresuid,
    libc::SYS_getresgid, libc::SYS_getgroups, libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid,
    libc::SYS_setregid, libc::SYS_setresuid, libc::SYS_setresgid, libc::SYS_setgroups, libc::SYS_setfsuid,
    libc::SYS_setfsgid, libc::SYS_capget, libc::SYS_capset,
    // Scheduling.
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_getattr, libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler, libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min,
    libc::SYS_sched_rr_get_interval, libc::SYS_getpriority, libc::SYS_ioprio_get,
    libc::SYS_getcpu,
    // Signals.
    libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending, libc::SYS_rt_sigsuspend, libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo, libc::SYS_sigaltstack,
    // Time, as far as it is read or waited for; adjtimex(2) checks for itself who may change it.
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep, libc::SYS_clock_adjtime,
    libc::SYS_adjtimex, libc::SYS_gettimeofday, libc::SYS_nanosleep, libc::SYS_getitimer, libc::SYS_setitimer,
    libc::SYS_timer_create, libc::SYS_timer_settime, libc::SYS_timer_gettime, libc::SYS_timer_getoverrun,
    libc::SYS_timer_delete, libc::SYS_times,
    // What the machine is, and limits.
    libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getrusage, libc::SYS_getrandom,
    // Sockets; which, is decided when one is made.
    libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4, libc::SYS_connect, libc::SYS_shutdown,
    libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_getsockopt, libc::SYS_setsockopt, libc::SYS_sendto,
    libc::SYS_sendmsg, libc::SYS_sendmmsg, libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_recvmmsg,
    // System V and POSIX queues, of the box's own namespace.
    libc::SYS_shmget, libc::SYS_shmat, libc::SYS_shmctl, libc::SYS_shmdt, libc::SYS_semget, libc::SYS_semop,
    libc::SYS_semtimedop, libc::SYS_semctl, libc::SYS_msgget, libc::SYS_msgsnd, libc::SYS_msgrcv, libc::SYS_msgctl,
    libc::SYS_mq_open, libc::SYS_mq_unlink, libc::SYS_mq_timedsend, libc::SYS_mq_timedreceive,
    libc::SYS_mq_notify, libc::SYS_mq_getsetattr,
];

/// Older forms that later processors do not have.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[c_long] = &[
    libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_getdents, libc::SYS_rename,
    libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_link, libc::SYS_unlink, libc::SYS_symlink, libc::SYS_chown,
    libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_dup2, libc::SYS_pipe,
    libc::SYS_inotify_init, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait,
    libc::SYS_eventfd, libc::SYS_signalfd, libc::SYS_fork, libc::SYS_vfork, libc::SYS_getpgrp, libc::SYS_pause,
    libc::SYS_alarm, libc::SYS_time, libc::SYS_getrlimit, libc::SYS_setrlimit, libc::SYS_arch_prctl,
    libc::SYS_set_thread_area, libc::SYS_get_thread_area, libc::SYS_mkdirat,
];
#[cfg(target_arch = "aarch64")]
const ALLOWED_HERE: &[c_long] = &[libc::SYS_mkdirat];

#[rustfmt::skip]
const NEEDS_PRIVILEGE: &[c_long] = &[
    libc::SYS_open_by_handle_at, libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_quotactl, libc::SYS_quotactl_fd,
    libc::SYS_acct, libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_reboot, libc::SYS_kexec_load,
    libc::SYS_kexec_file_load, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module,
    libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_syslog, libc::SYS_vhangup, libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark, LSM_SET_SELF_ATTR, libc::SYS_migrate_pages, libc::SYS_move_pages,
    libc::SYS_set_mempolicy_home_node, libc::SYS_nfsservctl, OPEN_TREE_ATTR,
];
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const NEEDS_PRIVILEGE_HERE: &[c_long] = &[
    libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib, libc::SYS_ustat, libc::SYS_sysfs,
];
#[cfg(target_arch = "aarch64")]
const NEEDS_PRIVILEGE_HERE: &[c_long] = &[];

/// What somebody needs who builds a box in the box.
#[rustfmt::skip]
const NESTING: &[c_long] = &[
    libc::SYS_setns, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot,
    libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount,
    libc::SYS_fspick, libc::SYS_mount_setattr, libc::SYS_sethostname, libc::SYS_setdomainname,
];

impl Calls {
    pub fn table(strictness: Strictness) -> Self {
        let mut calls = Self { known: BTreeMap::new(), others: Rule::Always(ENOSYS) };
        let lists = [
            (ALLOWED, Answer::Allow),
            (ALLOWED_HERE, Answer::Allow),
            (NEEDS_PRIVILEGE, EPERM),
            (NEEDS_PRIVILEGE_HERE, EPERM),
            (NESTING, if strictness.nesting { Answer::Allow } else { EPERM }),
        ];
        for (list, answer) in lists {
            list.iter().for_each(|&number| calls.add(number, Rule::Always(answer)));
        }
        calls.namespaces(strictness.nesting);
        calls.modes(strictness.root);
        calls.sockets();
        calls.others_by_argument();
        calls.scheduling(strictness.nesting);
        // Programs of root's box that may make namespaces can give capabilities to a file (CAP_SETFCAP), and through the
        // mapped mount those are root's on the host. The name lies in memory.
        let attributes = if strictness.nesting && strictness.root { ENOTSUP } else { Answer::Allow };
        for call in [libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr, SETXATTRAT] {
            calls.add(call, Rule::Always(attributes));
        }
        calls
    }

    fn add(&mut self, number: c_long, rule: Rule) {
        let number = u32::try_from(number).expect("numbers of calls are small and positive");
        let before = self.known.insert(number, rule);
        debug_assert!(before.is_none(), "two rules for call {number}");
    }

    /// EPERM if one of these holds.
    fn refuse(&mut self, number: c_long, when: &[Test]) {
        let clauses = when.iter().map(|test| Clause { tests: vec![*test], answer: EPERM }).collect();
        self.add(number, Rule::Depends(clauses, Answer::Allow));
    }

    fn namespaces(&mut self, nesting: bool) {
        // clone3 has its flags in memory, where a filter does not see them: libraries fall back to clone.
        let (clone, unshare) =
            if nesting { (CLONE_NEWCGROUP, CLONE_NEWCGROUP) } else { (CLONE_NAMESPACES, UNSHARE_NAMESPACES) };
        self.refuse(libc::SYS_clone, &[any(0, clone)]);
        self.refuse(libc::SYS_unshare, &[any(0, unshare)]);
    }

    /// A set-uid file in the workspace lets everybody on the host act as the caller; as root also one that is set-gid.
    /// Whatever makes a file takes its mode. openat2 has it in memory, where a filter does not see it: ENOSYS.
    fn modes(&mut self, root: bool) {
        let forbidden = if root { 0o6000 } else { 0o4000 };
        let creates = |flags| any(flags, 0x40 | 0x40_0000); // O_CREAT and what O_TMPFILE is besides O_DIRECTORY
        let opening = |flags: u8| {
            let tests = vec![creates(flags), any(flags + 1, forbidden)];
            Rule::Depends(vec![Clause { tests, answer: EPERM }], Answer::Allow)
        };
        self.add(libc::SYS_openat, opening(2));
        self.refuse(libc::SYS_fchmod, &[any(1, forbidden)]);
        self.refuse(libc::SYS_fchmodat, &[any(2, forbidden)]);
        self.refuse(libc::SYS_fchmodat2, &[any(2, forbidden)]);
        let node =
            |mode| [any(mode, forbidden), masked(mode, 0o170_000, 0o020_000), masked(mode, 0o170_000, 0o060_000)];
        self.refuse(libc::SYS_mknodat, &node(2));
        #[cfg(target_arch = "x86_64")]
        {
            self.add(libc::SYS_open, opening(1));
            self.refuse(libc::SYS_creat, &[any(1, forbidden)]);
            self.refuse(libc::SYS_chmod, &[any(1, forbidden)]);
            self.refuse(libc::SYS_mknod, &node(1));
        }
    }

    /// By family: for AF_VSOCK there is no other barrier, a network namespace does not stop it. Of netlink the routes alone,
    /// which programs ask for the machine's addresses.
    fn sockets(&mut self) {
        let family = |family: i32| equal(0, u32::try_from(family).expect("families are small and positive"));
        let allow = |tests: Vec<Test>| Clause { tests, answer: Answer::Allow };
        let refuse = |tests: Vec<Test>| Clause { tests, answer: EAFNOSUPPORT };
        // Any, ICMP, TCP, UDP, ICMPv6, and raw, which takes a privilege: for others the kernel would load modules.
        let protocol_but = |values| Test { argument: 2, upper: false, mask: u32::MAX, holds: Holds::NoneOf(values) };
        let families = vec![
            allow(vec![family(libc::AF_UNIX)]),
            allow(vec![family(libc::AF_NETLINK), equal(2, 0)]), // NETLINK_ROUTE
            // SOCK_PACKET: with it the kernel makes a packet socket of an IPv4 one.
            refuse(vec![family(libc::AF_INET), masked(1, 0xf, 10)]),
            refuse(vec![family(libc::AF_INET), protocol_but(&[0, 1, 6, 17, 255])]),
            refuse(vec![family(libc::AF_INET6), protocol_but(&[0, 6, 17, 58, 255])]),
            allow(vec![family(libc::AF_INET)]),
            allow(vec![family(libc::AF_INET6)]),
        ];
        self.add(libc::SYS_socket, Rule::Depends(families, EAFNOSUPPORT));
        let unix = vec![allow(vec![family(libc::AF_UNIX)])];
        self.add(libc::SYS_socketpair, Rule::Depends(unix, EAFNOSUPPORT));
    }

    /// Of PID 1, the init: somebody with all capabilities of a nested namespace would pass the kernel's test, which compares
    /// capabilities whatever they are over. By group it is reached as group 1; nested also by user, as all others are.
    fn scheduling(&mut self, nesting: bool) {
        const CALLS: [c_long; 4] = [
            libc::SYS_sched_setaffinity,
            libc::SYS_sched_setscheduler,
            libc::SYS_sched_setparam,
            libc::SYS_sched_setattr,
        ];
        CALLS.into_iter().for_each(|call| self.refuse(call, &[equal(0, 1)]));
        // Process, group and user: from 0 on (sys/resource.h), and from 1 on (linux/ioprio.h).
        for (call, process) in [(libc::SYS_setpriority, 0), (libc::SYS_ioprio_set, 1)] {
            let refused = |tests| Clause { tests, answer: EPERM };
            let mut clauses =
                vec![refused(vec![equal(0, process), equal(1, 1)]), refused(vec![equal(0, process + 1), equal(1, 1)])];
            clauses.extend(nesting.then(|| refused(vec![equal(0, process + 2)])));
            self.add(call, Rule::Depends(clauses, Answer::Allow));
        }
    }

    fn others_by_argument(&mut self) {
        // F_SETLEASE and F_SETDELEG (linux/fcntl.h): whoever opens a file of the same owner on the host, if only to write it,
        // would wait.
        self.refuse(libc::SYS_fcntl, &[equal(1, 1024), equal(1, 1040)]);
        // TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD (asm-generic/ioctls.h): input for whoever reads the terminal next, the
        // console, line disciplines.
        self.refuse(libc::SYS_ioctl, &[equal(1, 0x5412), equal(1, 0x541c), equal(1, 0x541d), equal(1, 0x5423)]);
        // Linux, with and without ADDR_NO_RANDOMIZE (gdb) and UNAME26, 32 bits, and the question what it is.
        let personas = [0, 0x8, 0x2_0000, 0x2_0008, 0x4_0000, 0x4_0008, u32::MAX];
        let allow = |persona| Clause { tests: vec![equal(0, persona)], answer: Answer::Allow };
        self.add(libc::SYS_personality, Rule::Depends(personas.map(allow).to_vec(), EPERM));
        // Limits of others: that takes no more than the same user, and the init has the same.
        let itself = Clause { tests: vec![equal(0, 0)], answer: Answer::Allow };
        let sets = |upper| Clause { tests: vec![Test { upper, ..any(2, u32::MAX) }], answer: EPERM };
        let rule = Rule::Depends(vec![itself, sets(false), sets(true)], Answer::Allow);
        self.add(libc::SYS_prlimit64, rule);
    }
}

fn any(argument: u8, mask: u32) -> Test {
    Test { argument, upper: false, mask, holds: Holds::Any }
}

fn masked(argument: u8, mask: u32, value: u32) -> Test {
    Test { argument, upper: false, mask, holds: Holds::Equal(value) }
}

fn equal(argument: u8, value: u32) -> Test {
    masked(argument, u32::MAX, value)
}
