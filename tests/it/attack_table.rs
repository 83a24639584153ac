//! All attacks of the suite, each a row: how it is made, and where it works. `$A` is the program of `tests/attacks`;
//! the other variables are what [`crate::attack_plants`] plants. A script ends as that program does: 0 worked, 1
//! refused, 77 there is nothing here to attack; anything else is a broken attack.

use crate::attack_table_host::FILES;
use crate::attack_table_host::HOST;

pub struct Attack {
    pub name: &'static str,
    pub script: &'static str,
    pub outside: Outside,
    pub inside: Inside,
}

/// What is known of it outside, where it is run as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// It works, whoever runs it.
    Bites,
    /// It works for root, and for others nothing is said.
    BitesAsRoot,
    /// It is tried, and may fail for this reason.
    MayFail(&'static str),
    /// It is not tried, for this reason: it would harm the machine.
    Never(&'static str),
}

/// In which boxes it must be refused: in others it is what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    Refused,
    /// Where the box has a network of its own.
    WithOwnNetwork,
    /// Where the box's programs may not make namespaces and mounts of their own.
    WithoutNesting,
    /// Where its programs may not, or root has not called coop.
    WithoutNestingByRoot,
    /// When root has called coop.
    CalledByRoot,
}

const fn attack(name: &'static str, script: &'static str, outside: Outside) -> Attack {
    Attack { name, script, outside, inside: Inside::Refused }
}

const fn unless_nesting_by_root(attack: Attack) -> Attack {
    Attack { inside: Inside::WithoutNestingByRoot, ..attack }
}

/// Attacks for everybody.
const fn any(name: &'static str, script: &'static str) -> Attack {
    attack(name, script, Outside::Bites)
}

/// Attacks that take root, and the same right in a box that root has called.
const fn root(name: &'static str, script: &'static str) -> Attack {
    attack(name, script, Outside::BitesAsRoot)
}

/// Attacks that are what a box is for whose programs may make boxes.
const fn nesting(name: &'static str, script: &'static str) -> Attack {
    Attack { name, script, outside: Outside::Bites, inside: Inside::WithoutNesting }
}

const fn by_root(name: &'static str, script: &'static str) -> Attack {
    Attack { name, script, outside: Outside::BitesAsRoot, inside: Inside::CalledByRoot }
}

const NO_HARDWARE: Outside = Outside::MayFail("it depends on what the machine and its kernel have");

#[rustfmt::skip]
pub const CALLS: &[Attack] = &[
    root("a map of bpf", "$A bpf"),
    any("perf_event_open", "$A perf"),
    any("userfaultfd", "$A userfaultfd"),
    any("io_uring_setup", "$A io-uring"),
    any("io_uring_register", "$A io-uring-register"),
    any("the session keyring", "$A key-session"),
    any("the user keyring", "$A key-user"),
    any("add_key", "$A key-add"),
    any("request_key", "$A key-request"),
    root("process accounting", "$A acct"),
    root("swap space", "$A swapon"),
    root("reboot", "$A reboot"),
    root("kexec_load", "$A kexec"),
    root("kexec_file_load", "$A kexec-file"),
    root("init_module", "$A module-init"),
    root("finit_module", "$A module-file"),
    root("delete_module", "$A module-delete"),
    root("the clock, by settimeofday", "$A time-zone"),
    any("the clock, by clock_settime", "$A clock-set"),
    root("the clock, by adjtimex", "$A clock-tick"),
    root("the clock, by clock_adjtime", "$A clock-adjust"),
    root("the host name", "$A host-name"),
    root("the domain name", "$A domain-name"),
    root("the kernel's log, by syslog", "$A kernel-log"),
    root("vhangup", "$A vhangup"),
    any("quotactl", "$A quota"),
    any("fanotify_init", "$A fanotify"),
    any("move_pages", "$A move-pages"),
    any("personality READ_IMPLIES_EXEC", "$A read-implies-exec"),
    any("personality MMAP_PAGE_ZERO", "$A mmap-page-zero"),
    any("a call that does not exist yet", "$A future-call"),
    root("iopl", "$A iopl"),
    root("ioperm", "$A ioperm"),
    any("modify_ldt", "$A modify-ldt"),
    any("a call of 32 bits", "$A int80"),
    attack("SCHED_FIFO", "$A real-time", NO_HARDWARE),
    attack("SCHED_DEADLINE", "$A deadline", NO_HARDWARE),
    attack("a call of x32", "$A x32", NO_HARDWARE),
    any("a call rewritten by a tracer", "$A rewritten-call"),
    any("TIOCSTI", "$A into-terminal 0 5412"),
    any("TIOCSTI with an upper half (CVE-2019-10063)", "$A into-terminal 1 5412"),
    any("TIOCLINUX (CVE-2023-28100)", "$A into-terminal 0 541c"),
    any("TIOCLINUX with an upper half", "$A into-terminal 1 541c"),
    any("TIOCSETD", "$A into-terminal 0 5423"),
    any("TIOCCONS", "$A console-output"),
];

#[rustfmt::skip]
pub const NAMESPACES: &[Attack] = &[
    nesting("unshare of any namespace", "$A unshare-each"),
    any("unshare of all namespaces", "$A unshare-all"),
    nesting("clone into any namespace", "$A clone-each"),
    nesting("clone with an upper half", "$A clone-high"),
    any("clone3 into a user namespace (CVE-2021-41133)", "$A clone3-user"),
    any("clone3, whose flags no filter sees", "$A clone3"),
    nesting("unshare(1) and a mount", "unshare -Urm mount -t tmpfs none $DIR || exit 1"),
    any("unshare(1) and a cgroup (CVE-2022-0492)", "unshare -UrC true || exit 1"),
    root("setns to the target's", "$A setns $TARGET"),
    root("setns to one's own", "$A setns self"),
    root("setns by a pidfd", "$A setns-pidfd $TARGET"),
    any("the target's mounts by a pidfd", "$A namespace-by-pidfd $TARGET"),
    any("the user namespace above", "$A owner-of-network"),
    attack("the limit of namespaces", "$A raise-namespaces", Outside::MayFail("it takes CAP_SYS_RESOURCE")),
    any("one more user in one's own namespace", "$A map-more"),
    // Where boxes may be made in a box of root's, its programs have the one right that this takes of uid 0, CAP_SETFCAP in
    // the inner namespace, and no call that would use it on a file.
    unless_nesting_by_root(any("a capability, or privileges to be had by exec (CVE-2022-27650)", "$A privileges")),
];

#[rustfmt::skip]
pub const MOUNTS: &[Attack] = &[
    root("a bind mount", "$A mount-bind /usr $DIR"),
    root("a fresh tmpfs", "$A mount-fresh tmpfs $DIR"),
    root("a fresh proc", "$A mount-fresh proc $DIR"),
    root("a fresh sysfs", "$A mount-fresh sysfs $DIR"),
    root("a fresh devpts", "$A mount-fresh devpts $DIR"),
    root("a fresh cgroup2", "$A mount-fresh cgroup2 $DIR"),
    attack("a fresh cgroup", "$A mount-fresh cgroup $DIR", Outside::Never("it would change the machine's hierarchies")),
    root("a fresh mqueue", "$A mount-fresh mqueue $DIR"),
    root("a fresh debugfs", "$A mount-fresh debugfs $DIR"),
    root("a fresh bpf", "$A mount-fresh bpf $DIR"),
    root("what is read-only made writable", "$A mount-writable $READ_ONLY"),
    root("a whole file system made writable", "$A mount-writable-all $READ_ONLY"),
    root("/proc/sys made writable", "$A mount-writable $READ_ONLY_PROC"),
    root("set-uid programs let through again", "$A mount-set-uid $NO_SET_UID"),
    root("a mask taken off", "$A mount-off $MASK"),
    root("any mount taken off", "$A mount-off-any"),
    root("a mount shared", "$A mount-share $NO_SET_UID"),
    root("chroot", "$A chroot"),
    root("pivot_root", "$A pivot-root"),
    root("fsopen (CVE-2022-0185)", "$A fsopen"),
    nesting("fsconfig", "$A fsconfig"),
    root("fspick", "$A fspick $NO_SET_UID"),
    root("fsmount", "$A fsmount"),
    root("open_tree", "$A open-tree /usr"),
    root("open_tree_attr", "$A open-tree-attr /usr"),
    root("move_mount", "$A move-mount"),
    root("mount_setattr", "$A mount-setattr $READ_ONLY"),
    root("a mount moved", "$A mount-move $MOVED $DIR"),
];

#[rustfmt::skip]
pub const MODES: &[Attack] = &[
    any("set-uid by chmod", "$A mode-chmod 4755"),
    any("set-uid by fchmod", "$A mode-fchmod 4755"),
    any("set-uid by fchmodat", "$A mode-fchmodat 4755"),
    any("set-uid by fchmodat2", "$A mode-fchmodat2 4755"),
    any("set-uid by open", "$A mode-open 4755"),
    any("set-uid by openat", "$A mode-openat 4755"),
    any("set-uid by openat2", "$A mode-openat2 4755"),
    any("set-uid by creat", "$A mode-creat 4755"),
    any("set-uid by mknod", "$A mode-mknod 4755"),
    any("set-uid by mknodat", "$A mode-mknodat 4755"),
    any("set-uid by mknodat without a kind", "$A mode-mknodat-plain 4755"),
    any("set-uid by a file without a name", "$A mode-tmpfile 4755"),
    any("set-uid by a mode with an upper half", "$A mode-high-bits 4755"),
    attack("set-uid kept by chown", "$A mode-chown 4755", Outside::MayFail("chown takes it away")),
    by_root("set-gid by chmod", "$A mode-chmod 2755"),
    by_root("set-gid by fchmod", "$A mode-fchmod 2755"),
    by_root("set-gid by fchmodat", "$A mode-fchmodat 2755"),
    by_root("set-gid by fchmodat2", "$A mode-fchmodat2 2755"),
    by_root("set-gid by open", "$A mode-open 2755"),
    by_root("set-gid by openat", "$A mode-openat 2755"),
    by_root("set-gid by openat2", "$A mode-openat2 2755"),
    by_root("set-gid by creat", "$A mode-creat 2755"),
    by_root("set-gid by mknodat", "$A mode-mknodat 2755"),
    by_root("set-gid by a file without a name", "$A mode-tmpfile 2755"),
    any("set-uid by chmod(1)", "rm -f s; cp /bin/true s && chmod 4755 s && rm -f s || exit 1"),
    any("set-uid by install(1)", "rm -f s; install -m 4755 /bin/true s && test -u s && rm -f s || exit 1"),
    root("a character device", "$A device-character"),
    root("a block device", "$A device-block"),
    root("a file for another user", "$A chown"),
    root("a file with capabilities", "$A file-capability"),
    root("a file with a namespace's capabilities", "$A file-capability-v3"),
    root("an attribute of trusted programs", "$A trusted-attribute"),
    root("a file that can only grow", "$A append-only"),
    attack("a memory dump in the workspace", "$A core", Outside::MayFail("the system may take dumps elsewhere")),
    attack("a device that the host has put there", "$A open-to-read $DEVICE", Outside::MayFail("only root can put it")),
];

#[rustfmt::skip]
pub const TARGET: &[Attack] = &[
    any("PTRACE_ATTACH", "$A attach $TARGET"),
    any("PTRACE_SEIZE", "$A seize $TARGET"),
    any("process_vm_readv", "$A vm-read $TARGET"),
    any("process_vm_writev", "$A vm-write $TARGET"),
    any("prlimit64", "$A limit $TARGET"),
    any("SIGKILL", "$A kill $TARGET"),
    any("SIGSEGV", "$A crash $TARGET"),
    any("every signal", "$A every-signal $TARGET"),
    any("SIGSTOP", "$A stop $TARGET"),
    any("SIGKILL by a descriptor's owner", "$A owner-signal $TARGET"),
    any("its processors", "$A affinity $TARGET"),
    any("its niceness", "$A nice $TARGET"),
    any("the niceness of its group", "$A nice-group $TARGET"),
    any("its scheduler", "$A scheduler $TARGET"),
    any("its scheduler's parameter", "$A scheduling-parameter $TARGET"),
    any("its scheduler's attributes", "$A scheduling-attributes $TARGET"),
    any("its priority for disks", "$A disk-priority $TARGET"),
    any("a descriptor of its", "$A take-descriptor $TARGET"),
    any("kcmp", "$A compare $TARGET"),
    attack("process_madvise", "$A advise $TARGET", Outside::MayFail("before linux 6.13 it took CAP_SYS_NICE")),
    any("its list of robust futexes", "$A robust-list $TARGET"),
    attack("migrate_pages", "$A migrate $TARGET", Outside::MayFail("a machine may have one node")),
    any("its environment", "$A proc-file $TARGET r environ"),
    any("its command line", "$A proc-file $TARGET r cmdline"),
    any("its maps", "$A proc-file $TARGET r maps"),
    any("its memory to read", "$A proc-file $TARGET r mem"),
    any("its memory to write", "$A proc-file $TARGET w mem"),
    any("its root", "$A proc-file $TARGET r root"),
    any("its working directory", "$A proc-file $TARGET r cwd"),
    any("its descriptors", "$A proc-file $TARGET r fd"),
    any("its program to read", "$A proc-file $TARGET r exe"),
    any("its program to write (CVE-2019-5736)", "$A write-program $TARGET"),
    any("where its program lies", "$A proc-link $TARGET exe"),
    any("its namespaces", "$A proc-link $TARGET ns/user"),
    any("how soon it dies when memory is short", "$A proc-file $TARGET w oom_score_adj"),
    any("its timers", "$A proc-file $TARGET r timers"),
    any("its io", "$A proc-file $TARGET r io"),
];

const LOCKED: Outside = Outside::MayFail("what a namespace got from the one above is locked outside of boxes too");

/// With all capabilities that a further user namespace gives; `$IN` fails where none can be made.
#[rustfmt::skip]
pub const NESTED: &[Attack] = &[
    attack("nested: a mask taken off", "$IN -m true && $IN -m $A mount-off $MASK", LOCKED),
    attack("nested: any mount taken off", "$IN -m true && $IN -m $A mount-off-any", LOCKED),
    attack("nested: what is read-only made writable", "$IN -m true && $IN -m $A mount-writable $READ_ONLY", LOCKED),
    attack("nested: /proc/sys made writable", "$IN -m true && $IN -m $A mount-writable $READ_ONLY_PROC", LOCKED),
    attack("nested: set-uid programs let through", "$IN -m true && $IN -m $A mount-set-uid $NO_SET_UID", LOCKED),
    attack("nested: mount_setattr", "$IN -m true && $IN -m $A mount-setattr $READ_ONLY", LOCKED),
    any("nested: a fresh proc", "$IN -mpf true && $IN -mpf $A mount-fresh proc $DIR"),
    attack("nested: a fresh sysfs", "$IN -mn true && $IN -mn $A mount-fresh sysfs $DIR", NO_HARDWARE),
    any("nested: a fresh cgroup2", "$IN -mC true && $IN -mC $A mount-fresh cgroup2 $DIR"),
    attack("nested: a character device", "$IN true && $IN $A device-character", LOCKED),
    any("nested: a set-uid file", "$IN true && $IN $A mode-fchmodat 4755"),
    attack("nested: a file for another user", "$IN true && $IN $A chown", LOCKED),
    root("nested: core_pattern", "$IN true && $IN $A open-to-write /proc/sys/kernel/core_pattern"),
    attack("nested: PTRACE_ATTACH", "$IN true && $IN $A attach $TARGET", LOCKED),
    attack("nested: its memory", "$IN true && $IN $A proc-file $TARGET r mem", LOCKED),
    attack("nested: its root", "$IN true && $IN $A proc-file $TARGET r root", LOCKED),
    any("nested: prlimit64", "$IN true && $IN $A limit $TARGET"),
    any("nested: SIGKILL", "$IN true && $IN $A kill $TARGET"),
    any("nested: its processors", "$IN true && $IN $A affinity $TARGET"),
    any("nested: its niceness", "$IN true && $IN $A nice $TARGET"),
    any("nested: its scheduler", "$IN true && $IN $A scheduler $TARGET"),
    attack("nested: setns to the target's", "$IN true && $IN $A setns $TARGET", LOCKED),
    attack("nested: a raw socket", "$IN true && $IN $A raw", LOCKED),
    attack("nested: the clock", "$IN true && $IN $A clock-tick", LOCKED),
    attack("nested: bpf", "$IN true && $IN $A bpf", LOCKED),
    attack("nested: the root's handle guessed", "$IN true && $IN $A root-by-handle", LOCKED),
    any("nested: an abstract socket", "$IN true && $IN $A abstract stream $STREAM"),
];

pub fn all() -> impl Iterator<Item = &'static Attack> {
    let tables = [CALLS, NAMESPACES, MOUNTS, MODES, TARGET, NESTED, FILES, HOST];
    tables.into_iter().flatten()
}
