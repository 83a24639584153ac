//! Attacks on files, processes and sockets of the host, rows as in [`crate::attack_table`].

use crate::attack_table::Attack;
use crate::attack_table::Inside;
use crate::attack_table::Outside;

const fn attack(name: &'static str, script: &'static str, outside: Outside) -> Attack {
    Attack { name, script, outside, inside: Inside::Refused }
}

const fn any(name: &'static str, script: &'static str) -> Attack {
    attack(name, script, Outside::Bites)
}

const fn root(name: &'static str, script: &'static str) -> Attack {
    attack(name, script, Outside::BitesAsRoot)
}

const fn machine(name: &'static str, script: &'static str) -> Attack {
    attack(name, script, Outside::MayFail("it depends on what the machine and its kernel have"))
}

const fn with_own_network(name: &'static str, script: &'static str) -> Attack {
    Attack { name, script, outside: Outside::Bites, inside: Inside::WithOwnNetwork }
}

#[rustfmt::skip]
pub const FILES: &[Attack] = &[
    root("core_pattern", "$A open-to-write /proc/sys/kernel/core_pattern"),
    root("sysrq-trigger", "$A open-to-write /proc/sysrq-trigger"),
    root("the path of modprobe", "$A open-to-write /proc/sys/kernel/modprobe"),
    root("the next process id", "$A open-to-write /proc/sys/kernel/ns_last_pid"),
    root("the host name's file", "$A open-to-write /proc/sys/kernel/hostname"),
    root("drop_caches", "$A open-to-write /proc/sys/vm/drop_caches"),
    root("overcommit_memory", "$A open-to-write /proc/sys/vm/overcommit_memory"),
    root("protected_symlinks", "$A open-to-write /proc/sys/fs/protected_symlinks"),
    root("ip_forward", "$A open-to-write /proc/sys/net/ipv4/ip_forward"),
    root("binfmt_misc", "$A open-to-write /proc/sys/fs/binfmt_misc/register"),
    root("an interrupt's processors", "$A open-to-write /proc/irq/default_smp_affinity"),
    root("memory type ranges", "$A open-to-write /proc/mtrr"),
    root("uevent_helper", "$A open-to-write /sys/kernel/uevent_helper"),
    root("the state of power", "$A open-to-write /sys/power/state"),
    root("huge pages", "$A open-to-write /sys/kernel/mm/transparent_hugepage/enabled"),
    root("same pages", "$A open-to-write /sys/kernel/mm/ksm/run"),
    root("a processor's switch", "$A open-to-write /sys/devices/system/cpu/cpu1/online"),
    root("the log of the kernel", "$A open-to-write /dev/kmsg"),
    root("anything below /proc/sys", "find /proc/sys -type f -writable 2>&- | grep -q . || exit 1"),
    root("anything below /sys", "find /sys -type f -writable 2>&- | grep -q . || exit 1"),
    root("addresses of the kernel", "$A kernel-addresses"),
    root("memory of the kernel", "$A open-to-read /proc/kcore"),
    root("the kernel's messages", "$A open-to-poll /proc/kmsg"),
    root("pages of the machine", "$A read-some /proc/kpageflags"),
    root("allocations of the kernel", "$A read-some /proc/vmallocinfo"),
    root("slabs of the kernel", "$A read-some /proc/slabinfo"),
    machine("timers of the kernel", "$A read-some /proc/timer_list"),
    machine("keys", "$A read-some /proc/keys"),
    machine("users of keys", "$A read-some /proc/key-users"),
    any("interrupts", "$A read-some /proc/interrupts"),
    any("the map of physical memory", "$A read-some /proc/iomem"),
    any("the kernel's configuration", "$A read-some /proc/config.gz"),
    any("control groups", "$A list-some /sys/fs/cgroup"),
    root("release_agent (CVE-2022-0492)", "$A open-to-write /sys/fs/cgroup/memory/release_agent"),
    root("notify_on_release", "$A open-to-write /sys/fs/cgroup/memory/notify_on_release"),
    root("a control group's processes", "$A open-to-write /sys/fs/cgroup/cgroup.procs"),
    root("a control group's processes, version 1", "$A open-to-write /sys/fs/cgroup/memory/cgroup.procs"),
    machine("firmware", "$A list-some /sys/firmware"),
    root("debugging", "$A list-some /sys/kernel/debug"),
    root("tracing", "$A list-some /sys/kernel/tracing"),
    machine("security modules", "$A list-some /sys/kernel/security"),
    machine("what a crash has left", "$A list-some /sys/fs/pstore"),
    root("a device of the host", "$A devices"),
    root("a device's mode", "$A chmod-same /dev/null"),
    root("a device's times", "$A times-same /dev/null"),
    root("passwords", "$A read-some /etc/shadow"),
    root("a system file, to write", "$A open-to-write /etc/passwd"),
    root("a system file, mapped", "$A write-mapped /etc/passwd"),
    root("a system file's mode", "$A chmod-same /etc/passwd"),
    root("a system file's times", "$A times-same /etc/passwd"),
    root("a system file's lease", "$A lease /etc/passwd"),
    root("a system program, to write", "$A open-to-write /usr/bin/env"),
    attack("a link to a system file", "$A link-here /etc/passwd", Outside::MayFail("it may be another file system's")),
    any("what was opened to be read, to write", "$A open-again $READABLE"),
    root("open_by_handle_at", "$A by-handle"),
    machine("the root's handle guessed (shocker)", "$A root-by-handle"),
];

#[rustfmt::skip]
pub const HOST: &[Attack] = &[
    any("a key of ssh", "$A read-some $CANARY"),
    any("a key of ssh, upwards from the workspace (CVE-2024-21626)", "$A upward $CANARY"),
    any("a key of ssh, upwards from what was left open", "$A upward-from-descriptors $CANARY"),
    any("a key of ssh, by the root of another process", "$A read-some /proc/$TARGET/root$CANARY"),
    any("a file in the host's /tmp", "$A read-some $TEMPORARY"),
    any("a file in the host's /dev/shm", "$A read-some $SHARED"),
    any("a file in the host's /var/tmp", "$A read-some $LARGE"),
    any("a secret of the caller", "cat /proc/[0-9]*/environ 2>&- | grep -aq secret-of-the-host || exit 1"),
    any("a secret in one's own environment", "env | grep -q secret-of-the-host || exit 1"),
    any("a descriptor that was left open (CVE-2016-8649)", "$A inherited"),
    any("a process of the host", "$A seen $VICTIM_NAME"),
    any("kill", "$A signal-kill $VICTIM"),
    any("tkill", "$A signal-thread $VICTIM"),
    any("tgkill", "$A signal-thread-group $VICTIM"),
    any("kill of a process group", "$A signal-process-group $VICTIM"),
    any("rt_sigqueueinfo", "$A signal-queue $VICTIM"),
    any("pidfd_send_signal", "$A signal-pidfd $VICTIM"),
    any("pidfd_send_signal by /proc", "$A signal-directory $VICTIM"),
    any("memory shared by System V", "$A others-memory $MEMORY"),
    any("an abstract socket (CVE-2020-15257)", "$A abstract stream $STREAM"),
    any("an abstract socket of packets", "$A abstract seqpacket $PACKETS"),
    any("an abstract socket of messages", "$A abstract dgram $MESSAGES"),
    any("an abstract socket of messages, without connecting", "$A abstract-message $MESSAGES"),
    any("a socket of X11", "$A path $X11"),
    any("an agent of ssh", "$A path $SSH_AGENT"),
    any("an agent of gpg", "$A path $GPG_AGENT"),
    machine("a bus of D-Bus", "$A path $BUS"),
    machine("a socket of Wayland", "$A path $WAYLAND"),
    machine("a socket of Docker", "$A path $DOCKER"),
    any("coop's own socket", "$A path $COOP_SOCKET"),
    any("coop's own state", "$A read-some $COOP_STATE"),
    with_own_network("the host's loopback", "$A loopback 4 $PORT"),
    with_own_network("the host's loopback by IPv6", "$A loopback 6 $PORT6"),
    with_own_network("ports of the host", "grep -qi \":$PORT_HEX \" /proc/net/tcp || exit 1"),
    with_own_network("names of abstract sockets", "grep -q $STREAM /proc/net/unix || exit 1"),
    root("a raw socket", "$A raw"),
    root("a raw socket of IPv6", "$A raw6"),
    root("AF_PACKET (CVE-2020-14386)", "$A packet"),
    root("AF_PACKET by its old name", "$A packet-of-old"),
    any("AF_VSOCK", "$A vsock"),
    any("AF_ALG", "$A alg"),
    machine("a family that few use", "$A families"),
    any("netlink other than of routes", "$A netlink"),
    any("a pair that is not of unix sockets", "$A socketpair"),
    root("the loopback device", "$A interface"),
    root("the loopback device by netlink", "$A interface-by-netlink"),
    root("the packet filter", "$A packet-filter"),
];
