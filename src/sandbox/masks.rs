//! What a box must not see or change though it lies in a tree that it gets.

/// Below `/proc`: read-only. A root caller's box could else write the host's `core_pattern` (kuid 0 by plain file modes).
pub const PROC_READ_ONLY: &[&str] = &["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Below `/proc`: empty. Kernel memory, addresses, keys and logs; the usual list of container engines and some more.
pub const PROC_MASKED: &[&str] = &[
    "acpi",
    "asound",
    "config.gz",
    "driver",
    "dynamic_debug",
    "interrupts",
    "iomem",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "mtrr",
    "sched_debug",
    "scsi",
    "slabinfo",
    "timer_list",
    "timer_stats",
    "vmallocinfo",
];

/// Below `/sys` (which is read-only as a whole): empty.
pub const SYS_MASKED: &[&str] = &[
    "devices/virtual/powercap",
    "firmware",
    "fs/bpf",
    "fs/cgroup",
    "fs/fuse",
    "fs/pstore",
    "kernel/config",
    "kernel/debug",
    "kernel/notes",
    "kernel/security",
    "kernel/slab",
    "kernel/tracing",
];

/// Below `/etc`: empty where the caller could read them, which for a root caller is everything.
pub const ETC_SECRETS: &[&str] = &[
    "shadow",
    "shadow-",
    "gshadow",
    "gshadow-",
    "sudoers",
    "sudoers.d",
    "sudo.conf",
    "ssl/private",
    "pki/tls/private",
    "letsencrypt",
    "krb5.keytab",
    "wireguard",
    "openvpn",
    "ppp/chap-secrets",
    "ppp/pap-secrets",
    "ipsec.secrets",
    "NetworkManager/system-connections",
    "wpa_supplicant",
    "docker/key.json",
    "kubernetes",
    "rancher",
    "machine-id.key",
    "security/opasswd",
    "polkit-1",
    "cups/subscriptions.conf",
    "mysql/debian.cnf",
    "postgresql-common",
    "crypttab",
    "luks",
    "cloud",
    "exim4/passwd.client",
    "postfix/sasl_passwd",
    "msmtprc",
    "fetchmailrc",
    "netrc",
    "git-credentials",
];

/// Elsewhere: directories of the host's trees in which daemons listen. A socket can be connected to through a read-only
/// mount.
pub const SOCKET_DIRECTORIES: &[&str] = &["/nix/var/nix/daemon-socket", "/nix/var/nix/gc-socket"];

/// Names of SSH host keys below `/etc/ssh`.
pub fn is_ssh_host_key(name: &str) -> bool {
    name.starts_with("ssh_host_") && name.ends_with("_key")
}
