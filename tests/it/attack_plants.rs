//! What the host has and a box must not reach: secrets, sockets, a process, memory. Planted outside of all boxes, under
//! names that nobody else uses, and removed at the end.

use crate::home::Home;
use crate::home::is_root;
use crate::processes;
use crate::ran::Ran;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::Backlog;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::UnixAddr;
use nix::sys::stat::Mode;
use nix::sys::stat::SFlag;
use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

const SECRET: &str = "canary-of-the-host-51ad";
const X11: &str = "/tmp/.X11-unix";
/// How many plants have a socket there, and whether the first of them made the directory: then it goes with the last.
static X11_USERS: Mutex<(u32, bool)> = Mutex::new((0, false));

pub struct Plants {
    name: String,
    canary: PathBuf,
    files: Vec<PathBuf>,
    /// Made for sockets, and removed with what is in them.
    directories: Vec<PathBuf>,
    abstract_sockets: Vec<OwnedFd>,
    listeners: Vec<UnixListener>,
    ports: Vec<TcpListener>,
    victim: Child,
    /// Its id in System V's count.
    memory: String,
    variables: Vec<(&'static str, String)>,
}

impl Plants {
    pub fn new(home: &Home) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("coop-attack-{}-{number}", std::process::id());
        let token = format!("1007.{}{number}", std::process::id());
        let victim = home.program("sleep").arg(&token).process_group(0).spawn().unwrap();
        let mut plants = Self {
            canary: home.write(home.home().join(".ssh/id_ed25519"), SECRET),
            name,
            files: Vec::new(),
            directories: Vec::new(),
            abstract_sockets: Vec::new(),
            listeners: Vec::new(),
            ports: Vec::new(),
            memory: shared_memory(),
            variables: vec![("VICTIM", victim.id().to_string()), ("VICTIM_NAME", token)],
            victim,
        };
        plants.say("CANARY", plants.canary.display().to_string());
        plants.say("MEMORY", plants.memory.clone());
        plants.say("COOP_SOCKET", home.coop_home().join("sock").display().to_string());
        plants.say("COOP_STATE", home.coop_home().join("sessions/work/session.json").display().to_string());
        plants.plant_files();
        plants.plant_abstract();
        plants.plant_sockets(home);
        plants.plant_ports();
        plants
    }

    fn say(&mut self, name: &'static str, value: String) {
        self.variables.push((name, value));
    }

    fn plant_files(&mut self) {
        for (variable, directory) in [("TEMPORARY", "/tmp"), ("SHARED", "/dev/shm"), ("LARGE", "/var/tmp")] {
            let path = Path::new(directory).join(&self.name);
            fs::write(&path, SECRET).unwrap();
            self.say(variable, path.display().to_string());
            self.files.push(path);
        }
    }

    fn plant_abstract(&mut self) {
        let kinds = [("STREAM", SockType::Stream), ("PACKETS", SockType::SeqPacket), ("MESSAGES", SockType::Datagram)];
        for (variable, kind) in kinds {
            let name = format!("{}-{variable}", self.name);
            let socket = nix::sys::socket::socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC, None).unwrap();
            nix::sys::socket::bind(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes()).unwrap()).unwrap();
            if kind != SockType::Datagram {
                nix::sys::socket::listen(&socket, Backlog::new(64).unwrap()).unwrap();
            }
            self.abstract_sockets.push(socket);
            self.say(variable, name);
        }
    }

    /// Where programs of a desktop and of a server have them. An empty variable: nothing could be planted there.
    fn plant_sockets(&mut self, home: &Home) {
        let mut x11 = X11_USERS.lock().unwrap_or_else(PoisonError::into_inner);
        if x11.0 == 0 {
            x11.1 = fs::create_dir(X11).is_ok();
            if x11.1 {
                fs::set_permissions(X11, fs::Permissions::from_mode(0o1777)).unwrap();
            }
        }
        x11.0 += 1;
        drop(x11);
        let agents = PathBuf::from(format!("/tmp/ssh-{}", self.name));
        let gpg = home.home().join(".gnupg");
        let for_user = PathBuf::from(format!("/run/user/{}", nix::unistd::geteuid()));
        let own = PathBuf::from("/run").join(&self.name);
        self.directories.extend([&agents, &own].map(Clone::clone));
        for directory in [&agents, &gpg, &own] {
            // Only root may make one below /run.
            fs::create_dir(directory).ok();
        }
        let runtime = if for_user.is_dir() { &for_user } else { &own };
        let docker = if is_root() { own.join("docker.sock") } else { PathBuf::from("/run/docker.sock") };
        let places = [
            ("X11", Path::new(X11).join(format!("X{}", &self.name))),
            ("SSH_AGENT", agents.join("agent.1")),
            ("GPG_AGENT", gpg.join("S.gpg-agent")),
            ("BUS", runtime.join(format!("bus-{}", self.name))),
            ("WAYLAND", runtime.join(format!("wayland-{}", self.name))),
            ("DOCKER", docker),
        ];
        for (variable, path) in places {
            let listener = UnixListener::bind(&path);
            self.say(variable, if path.exists() { path.display().to_string() } else { String::new() });
            if let Ok(listener) = listener {
                self.listeners.push(listener);
                self.files.push(path);
            }
        }
    }

    fn plant_ports(&mut self) {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = four.local_addr().unwrap().port();
        self.say("PORT", port.to_string());
        self.say("PORT_HEX", format!("{port:04X}"));
        let six = TcpListener::bind("[::1]:0").ok();
        let port = six.as_ref().map_or(0, |six| six.local_addr().unwrap().port());
        self.say("PORT6", port.to_string());
        self.ports.extend([Some(four), six].into_iter().flatten());
    }

    /// For the scripts of attacks that are made in `directory`.
    pub fn variables(&self, directory: &Path) -> Vec<(&'static str, String)> {
        let device = directory.join("planted");
        if is_root() {
            let null = nix::sys::stat::makedev(1, 3);
            nix::sys::stat::mknod(&device, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), null).unwrap();
        }
        let readable = directory.join("readable");
        fs::write(&readable, "").unwrap();
        let mut variables = self.variables.clone();
        variables.extend(
            [
                ("DIR", directory.join("empty")),
                ("DEVICE", device),
                ("READABLE", readable),
                ("READ_ONLY", directory.join("ro")),
                ("READ_ONLY_PROC", directory.join("ro")),
                ("NO_SET_UID", directory.join("nosuid")),
                ("MOVED", directory.join("moved")),
                ("MASK", directory.join("mask")),
            ]
            .map(|(name, path)| (name, path.display().to_string())),
        );
        variables
    }

    pub fn are_untouched(&self) {
        let victim = i32::try_from(self.victim.id()).unwrap();
        let seen = processes::Process::look(victim).unwrap();
        assert_eq!(seen.state, 'S', "{seen:?}");
        assert_eq!(fs::read_to_string(&self.canary).unwrap(), SECRET);
    }
}

/// A segment that everybody of this user may attach.
fn shared_memory() -> String {
    let said = Ran::of(Command::new("ipcmk").args(["-M", "4096"])).ok().out;
    said.rsplit(' ').next().unwrap().trim().to_owned()
}

impl Drop for Plants {
    fn drop(&mut self) {
        self.victim.kill().unwrap();
        self.victim.wait().unwrap();
        Command::new("ipcrm").args(["-m", &self.memory]).output().unwrap();
        for file in &self.files {
            fs::remove_file(file).ok();
        }
        for directory in &self.directories {
            fs::remove_dir(directory).ok();
        }
        let mut x11 = X11_USERS.lock().unwrap_or_else(PoisonError::into_inner);
        x11.0 -= 1;
        if *x11 == (0, true) {
            fs::remove_dir(X11).ok();
        }
    }
}
