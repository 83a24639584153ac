//! The attacks of `coop doctor`, made by a program in its box: coop itself, started as `coop __attack`.

use crate::client::doctor::Attack;
use crate::client::doctor::Verdict;
use crate::sys::attacks as calls;
use nix::errno::Errno;
use serde::Deserialize;
use serde::Serialize;
use std::ffi::CStr;
use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;

/// The doctor's session, whose box bears its name.
pub const SESSION: &str = "coop-doctor";

/// What is said at the end, with the number of attacks behind it.
pub const DONE: &str = "attacks: ";

/// What the doctor has planted outside, for the attacks to find.
#[derive(Debug, Serialize, Deserialize)]
pub struct Planted {
    /// A file in the `.ssh` of the user's home.
    pub secret: PathBuf,
    /// A process of the host, and when it was started: its number may be another's in the box.
    pub pid: i32,
    pub started: u64,
    /// An abstract socket on which somebody listens.
    pub abstract_socket: String,
    /// A variable of the environment that the session was started from.
    pub variable: String,
    pub coop_home: PathBuf,
    /// Sockets of the user's other programs, that are there.
    pub sockets: Vec<PathBuf>,
    /// See [`absent`].
    pub absent: Vec<String>,
    /// The box's limits.
    pub pids: u32,
    pub memory: u64,
    pub disk: u64,
    /// Whether the kernel can keep abstract sockets apart.
    pub scopes: bool,
}

/// Whatever worked is not held; an error that only somebody hears who may is not, either.
type Outcome = Result<(), Errno>;

/// Makes all attacks and prints what came of each, a line of JSON each; returns the exit code.
pub fn run(planted: &str) -> i32 {
    let Ok(planted) = serde_json::from_str::<Planted>(planted) else { return 2 };
    // Elsewhere some of them would do harm: they are for the doctor's box alone.
    if !nix::unistd::gethostname().is_ok_and(|name| name == SESSION) || std::env::var_os("COOP_SESSION").is_none() {
        return 2;
    }
    let mut attacks = Vec::new();
    let mut add = |name: &str, outcome: Outcome| attacks.push(judged(name, outcome));
    files(&planted, &mut add);
    processes(&planted, &mut add);
    mounts(&mut add);
    kernel(&planted, &mut add);
    let descriptors = inherited();
    add("find a descriptor of the caller's", descriptors);
    add("find a variable of the caller's", found(std::env::var_os(&planted.variable).is_some()));
    attacks.extend(planted.absent.iter().map(|file| {
        let detail = "this machine has none".to_owned();
        Attack { name: format!("open {file}"), result: Verdict::NotApplicable, detail }
    }));
    let mut apart = judged("connect to an abstract socket of the host", abstract_socket(&planted));
    if !planted.scopes && apart.result == Verdict::NotHeld {
        apart.detail.push_str(": with this kernel only a network namespace keeps them apart");
    }
    attacks.push(apart);
    attacks.extend(sockets(&planted));
    attacks.extend(bombs(&planted));
    leave_somebody();
    let mut out = io::stdout().lock();
    let written = attacks.iter().try_for_each(|attack| {
        let line = serde_json::to_string(attack).map_err(io::Error::from)?;
        writeln!(out, "{line}")
    });
    // Who reads knows by this that nothing was lost.
    i32::from(written.and_then(|()| writeln!(out, "{DONE}{}", attacks.len())).is_err())
}

fn judged(name: &str, outcome: Outcome) -> Attack {
    let (result, detail) = match outcome {
        Ok(()) => (Verdict::NotHeld, "it worked".to_owned()),
        // Said to who has been let through to where arguments are looked at.
        Err(errno @ (Errno::EFAULT | Errno::EINVAL | Errno::EBADF)) => (Verdict::NotHeld, errno.to_string()),
        Err(errno) => (Verdict::Held, errno.to_string()),
    };
    Attack { name: name.to_owned(), result, detail }
}

fn found(is: bool) -> Outcome {
    if is { Ok(()) } else { Err(Errno::ENOENT) }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

fn reads(path: impl AsRef<Path>) -> Outcome {
    fs::File::open(path).map(drop).map_err(|error| errno(&error))
}

/// Opens for writing, and writes nothing.
fn writes(path: impl AsRef<Path>) -> Outcome {
    OpenOptions::new().write(true).open(path).map(drop).map_err(|error| errno(&error))
}

fn lists(path: impl AsRef<Path>) -> Outcome {
    match fs::read_dir(path) {
        Ok(mut entries) => found(entries.next().is_some()),
        Err(error) => Err(errno(&error)),
    }
}

/// Masked, a file is empty.
fn has_content(path: &str) -> Outcome {
    match fs::File::open(path).and_then(|mut file| io::Read::read(&mut file, &mut [0])) {
        Ok(bytes) => found(bytes > 0),
        Err(error) => Err(errno(&error)),
    }
}

/// When a process was started, in ticks of this machine's clock.
pub fn started(pid: i32) -> Option<u64> {
    procfs::process::Process::new(pid).ok()?.stat().ok().map(|stat| stat.starttime)
}

type Add<'a> = dyn FnMut(&str, Outcome) + 'a;

fn files(planted: &Planted, add: &mut Add<'_>) {
    add("read a key in ~/.ssh", reads(&planted.secret));
    add("look into coop's directory", lists(&planted.coop_home));
    for directory in ["/usr", "/etc"] {
        let file = format!("{directory}/coop-doctor");
        let made = fs::write(&file, "").map_err(|error| errno(&error));
        if made.is_ok() {
            fs::remove_file(&file).ok();
        }
        add(&format!("write into {directory}"), made);
    }
    add("read the passwords in /etc/shadow", has_content("/etc/shadow"));
    add("make a file set-uid", fs::write("suid", "").map_err(|error| errno(&error)).and(calls::set_uid(c"suid")));
    add("create a file set-uid", calls::create_set_uid(c"suid2"));
    add("make a device file", calls::device(c"device"));
    add("open a file by its handle", calls::file_by_handle());
}

fn processes(planted: &Planted, add: &mut Add<'_>) {
    let seen = started(planted.pid);
    add("see a process of the host", found(seen == Some(planted.started)));
    add(
        "signal a process of the host",
        match seen {
            // Another's, of the box.
            Some(other) if other != planted.started => Err(Errno::ESRCH),
            _ => nix::sys::signal::kill(nix::unistd::Pid::from_raw(planted.pid), None),
        },
    );
    for file in ["environ", "maps", "mem", "exe"] {
        add(&format!("read the init's {file}"), reads(format!("/proc/1/{file}")));
    }
    add("enter the init's root", lists("/proc/1/root"));
    add("enter the init's directory", lists("/proc/1/cwd"));
    add("change the init's program", writes("/proc/1/exe"));
    add("trace the init", calls::trace(1));
    add("read the init's memory", calls::read_memory(1));
    add("change the init's limits", calls::limit_of(1));
    add("enter the init's namespaces", reads("/proc/1/ns/mnt"));
    // Without effect it is held: the rest of these attacks is still made.
    let kill = nix::sys::signal::kill(nix::unistd::Pid::from_raw(1), nix::sys::signal::Signal::SIGKILL);
    add("kill the init", kill.and(Err(Errno::EPERM)));
    add("type into the terminal (TIOCSTI)", calls::type_into_terminal());
}

fn mounts(add: &mut Add<'_>) {
    add("mount a file system", calls::mount_tmpfs());
    add("bind a directory elsewhere", calls::bind_over(c"/proc", c"/mnt"));
    add("make /usr writable", calls::remount_writable(c"/usr"));
    add("take a mask away", calls::unmount(c"/sys/firmware"));
    add("copy the mounts (open_tree)", calls::open_a_tree());
    let child =
        |attempt: &dyn Fn() -> nix::Result<()>| crate::sys::process::in_a_child(attempt).and_then(|tried| tried);
    add("make a user namespace", child(&calls::unshare_user));
    add("make one by clone3", calls::clone3_user());
    add("mount in a user namespace", child(&|| calls::unshare_user().and_then(|()| calls::mount_tmpfs())));
}

/// A call of [`crate::sys::attacks`].
type Call = fn() -> nix::Result<()>;

/// Files of the kernel that change the whole machine.
const CHANGED: [&str; 5] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/vm/drop_caches",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/power/state",
];
/// Files of the kernel that tell of the whole machine.
const READ: [&str; 6] = ["/proc/kcore", "/proc/kallsyms", "/proc/kmsg", "/proc/keys", "/dev/mem", "/dev/kmsg"];

/// Those that this machine does not have: told from outside, for inside some are to be missing.
pub fn absent() -> Vec<String> {
    let all = CHANGED.iter().chain(&READ);
    all.filter(|file| !Path::new(file).exists()).map(|file| (*file).to_owned()).collect()
}

fn kernel(planted: &Planted, add: &mut Add<'_>) {
    let is_there = |file: &&&str| !planted.absent.iter().any(|absent| absent == **file);
    for file in CHANGED.iter().filter(is_there) {
        add(&format!("write to {file}"), writes(file));
    }
    for file in READ.iter().filter(is_there) {
        add(&format!("read {file}"), has_content(file));
    }
    let attempts: [(&str, Call); 16] = [
        ("read the kernel's log", calls::kernel_log),
        ("reach the caller's keyring", calls::keyring),
        ("add a key to a keyring", calls::add_key),
        ("use userfaultfd", calls::userfaultfd),
        ("use io_uring", calls::io_uring),
        ("load a program into the kernel (bpf)", calls::bpf),
        ("count events (perf_event_open)", calls::perf_event),
        ("set the clock", calls::set_clock),
        ("set the host's name", calls::set_hostname),
        ("change the swap", calls::swap_off),
        ("load a module", calls::load_module),
        ("reboot", calls::reboot),
        ("talk to the hypervisor (AF_VSOCK)", || calls::socket_of(40)),
        ("see all packets (AF_PACKET)", || calls::socket_of(17)),
        ("use the kernel's ciphers (AF_ALG)", || calls::socket_of(38)),
        ("listen to the kernel (AF_NETLINK, uevents)", netlink),
    ];
    for (name, attempt) in attempts {
        add(name, attempt());
    }
    #[cfg(target_arch = "x86_64")]
    add("call the kernel as a 32-bit program", calls::foreign_call());
}

fn netlink() -> nix::Result<()> {
    use nix::sys::socket::AddressFamily;
    use nix::sys::socket::SockFlag;
    use nix::sys::socket::SockProtocol;
    use nix::sys::socket::SockType;
    let protocol = SockProtocol::NetlinkKObjectUEvent;
    nix::sys::socket::socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::empty(), protocol).map(drop)
}

/// Only 0, 1 and 2, and what lists them, are open.
fn inherited() -> Outcome {
    let open = fs::read_dir("/proc/self/fd").map_err(|error| errno(&error))?;
    found(
        open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter(|fd| *fd > 2).count()
            > 1,
    )
}

fn abstract_socket(planted: &Planted) -> Outcome {
    let address = SocketAddr::from_abstract_name(&planted.abstract_socket).map_err(|error| errno(&error))?;
    UnixStream::connect_addr(&address).map(drop).map_err(|error| errno(&error))
}

fn sockets(planted: &Planted) -> Vec<Attack> {
    if planted.sockets.is_empty() {
        let detail = "no desktop, agent or container engine listens".to_owned();
        return vec![Attack { name: "reach a daemon's socket".to_owned(), result: Verdict::NotApplicable, detail }];
    }
    let connect = |path: &Path| UnixStream::connect(path).map(drop).map_err(|error| errno(&error));
    planted.sockets.iter().map(|path| judged(&format!("reach {}", path.display()), connect(path))).collect()
}

/// Each stops by itself a little above the limit.
fn bombs(planted: &Planted) -> Vec<Attack> {
    vec![
        judged("fork without end", calls::fork_up_to(planted.pids + 8)),
        judged("take memory without end", calls::take_memory(planted.memory + (planted.memory / 2))),
        judged("write a file without end", fill(c"bomb", planted.disk + (1 << 20))),
    ]
}

/// A process that holds a lock for as long as it lives, and that neither its parent's end nor the terminal's reaches.
fn leave_somebody() {
    let left = fs::File::create("alive").and_then(|file| {
        file.lock()?;
        calls::leave_a_child().map_err(io::Error::from)
    });
    if left.is_err() {
        // The file says that there is one.
        fs::remove_file("alive").ok();
    }
}

fn fill(path: &CStr, bytes: u64) -> Outcome {
    let attempt = || {
        let path = path.to_str().map_err(|_| Errno::EILSEQ)?;
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path);
        let file = file.map_err(|error| errno(&error))?;
        // The last byte alone: what is before it takes no room.
        std::os::unix::fs::FileExt::write_at(&file, b"x", bytes).map(drop).map_err(|error| errno(&error))
    };
    // The kernel ends who goes too far.
    crate::sys::process::in_a_child(&attempt).and_then(|tried| tried)
}
