//! A real box of the doctor's own, with things planted around it, and what the attacks in it came to.
//!
//! It has its own home, workspace, coop directory and daemon below a new directory among temporary files: no session of the
//! user's is touched, and all of it is gone at the end, whatever happened in between.

use crate::client::Context;
use crate::client::doctor::Attack;
use crate::client::doctor::Verdict;
use crate::client::doctor::attacks;
use crate::client::doctor::attacks::DONE;
use crate::client::doctor::attacks::Planted;
use crate::client::doctor::attacks::SESSION;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::sys::seccomp;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

const LIMIT: Duration = Duration::from_secs(8);
const VARIABLE: &str = "DOCTORS_SECRET";
const PIDS: u32 = 64;
const MEMORY: u64 = 256 << 20;
const DISK: u64 = 64 << 20;
/// Where the doctor's program is in its box.
const PROGRAM: &str = "/run/coop-doctor";

/// The doctor's own corner of the host.
struct Corner {
    root: PathBuf,
    interrupts: SigSet,
}

pub fn run(context: &Context) -> Result<Vec<Attack>, Failure> {
    let corner = Corner::make()?;
    let name = format!("coop-doctor-{}", std::process::id());
    let listens = SocketAddr::from_abstract_name(&name)
        .and_then(|address| UnixListener::bind_addr(&address))
        .map_err(Failure::cannot("listen on an abstract socket"))?;
    // Of this process on purpose, and of all that it starts.
    let leaked = nix::unistd::dup(&listens).map_err(Failure::cannot("open a descriptor"))?;
    let planted = corner.plant(context, name)?;
    corner.coop(&["-q", "-d", "-n", SESSION, "--", "sleep", "60"])?;
    drop(leaked);
    let planted = serde_json::to_string(&planted).map_err(|error| Failure::new(GENERAL, error.to_string()))?;
    let said = corner.coop(&["shell", SESSION, "-c", &format!("exec {PROGRAM} __attack '{}'", quoted(&planted))])?;
    let mut attacks: Vec<Attack> = said.lines().filter_map(|line| serde_json::from_str(line.trim()).ok()).collect();
    let done = said.lines().find_map(|line| line.trim().strip_prefix(DONE)?.parse::<usize>().ok());
    if done != Some(attacks.len()) {
        let last = said.lines().last().unwrap_or_default();
        return Err(Failure::new(GENERAL, format!("the attacks broke off, after {}: {last}", attacks.len())));
    }
    corner.coop(&["-q", "kill", SESSION])?;
    attacks.push(corner.outlived()?);
    Ok(attacks)
}

/// For between single quotes of a shell.
fn quoted(text: &str) -> String {
    text.replace('\'', r"'\''")
}

impl Corner {
    fn make() -> Result<Self, Failure> {
        let place = std::env::temp_dir();
        let root = nix::unistd::mkdtemp(&place.join("coop-doctor.XXXXXX"))
            .map_err(Failure::cannot(format!("make a directory in {}", place.display())))?;
        // Until all is cleaned up; then it still ends this program.
        let mut interrupts = SigSet::empty();
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().for_each(|signal| interrupts.add(signal));
        interrupts.thread_block().map_err(Failure::cannot("hold signals back"))?;
        Ok(Self { root, interrupts })
    }

    fn plant(&self, context: &Context, abstract_socket: String) -> Result<Planted, Failure> {
        let secret = self.root.join("home/.ssh/id_doctor");
        let make = |path: &Path| fs::create_dir_all(path).map_err(Failure::cannot(format!("make {}", path.display())));
        make(&self.root.join("home/.ssh"))?;
        make(&self.root.join("work"))?;
        let write = |path: &Path, text: &str| {
            fs::write(path, text).map_err(Failure::cannot(format!("write {}", path.display())))
        };
        write(&secret, "a secret\n")?;
        let program = std::env::current_exe().map_err(Failure::cannot("tell where coop's own program is"))?;
        let program = toml::Value::String(program.to_string_lossy().into_owned());
        let settings = format!(
            "[limits]\npids = {PIDS}\nmemory = \"{}M\"\ndisk = \"{}M\"\n[mounts]\n{program} = \"{PROGRAM}:ro\"\n",
            MEMORY >> 20,
            DISK >> 20
        );
        write(&self.root.join("settings.toml"), &settings)?;
        let own = i32::try_from(std::process::id()).unwrap_or(1);
        Ok(Planted {
            secret,
            pid: own,
            started: attacks::started(own).unwrap_or_default(),
            abstract_socket,
            variable: VARIABLE.to_owned(),
            coop_home: self.root.join("coop"),
            sockets: sockets(context),
            absent: attacks::absent(),
            pids: PIDS,
            memory: MEMORY,
            disk: DISK,
            scopes: seccomp::landlock_version() >= seccomp::LANDLOCK_SCOPES,
        })
    }

    /// Runs coop in this corner; gives what it said.
    fn coop(&self, words: &[&str]) -> Result<String, Failure> {
        let mut child = self.command(words).spawn().map_err(Failure::cannot("start coop"))?;
        let deadline = Instant::now() + LIMIT;
        let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
        let mut out = child.stdout.take().ok_or_else(|| Failure::new(GENERAL, "a child without an output"))?;
        let in_time = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            match nix::poll::poll(&mut [PollFd::new(out.as_fd(), PollFlags::POLLIN)], left) {
                Ok(0) => break false,
                Err(errno) => return Err(Failure::cannot("wait for what coop says")(errno)),
                Ok(_) => match out.read(&mut buffer).map_err(Failure::cannot("read what coop said"))? {
                    0 => break true,
                    len => said.extend_from_slice(&buffer[..len]),
                },
            }
        };
        if !in_time {
            child.kill().map_err(Failure::cannot("end coop"))?;
        }
        let ended = child.wait_with_output().map_err(Failure::cannot("wait for coop"))?;
        if in_time && (ended.status.success() || words[0] == "shell") {
            return Ok(String::from_utf8_lossy(&said).into_owned());
        }
        let errors = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
        let why = if in_time { errors } else { format!("`coop {}` is not done after {LIMIT:?}", words.join(" ")) };
        Err(Failure::new(GENERAL, why))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        let settings = self.root.join("settings.toml");
        if words.contains(&"-d") {
            command.arg("--config").arg(settings);
        }
        let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
        command
            .args(words)
            .current_dir(self.root.join("work"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.root.join("home"))
            .env("COOP_HOME", self.root.join("coop"))
            .env(VARIABLE, "a secret")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A process that the attacks have left behind has a lock on a file of the workspace for as long as it lives.
    fn outlived(&self) -> Result<Attack, Failure> {
        let name = "outlive the session".to_owned();
        let path = self.root.join("work/alive");
        Ok(match File::open(&path) {
            Err(error) => Attack { name, result: Verdict::NotApplicable, detail: format!("nothing was left: {error}") },
            Ok(file) => match file.try_lock() {
                Ok(()) => Attack { name, result: Verdict::Held, detail: "it ended with the session".to_owned() },
                Err(error) => Attack { name, result: Verdict::NotHeld, detail: error.to_string() },
            },
        })
    }
}

impl Drop for Corner {
    fn drop(&mut self) {
        // What is not there needs no end; and there is nobody to be told.
        self.coop(&["-q", "kill", "--all", "-f", "--forget"]).ok();
        self.coop(&["-q", "shutdown"]).ok();
        fs::remove_dir_all(&self.root).ok();
        self.interrupts.thread_unblock().ok();
    }
}

/// Of the user's other programs: those that somebody listens on.
fn sockets(context: &Context) -> Vec<PathBuf> {
    let uid = context.host.user.uid;
    let mut known: Vec<PathBuf> =
        ["/run/docker.sock", "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket"]
            .into_iter()
            .map(PathBuf::from)
            .collect();
    let below = ["bus", "wayland-0", "docker.sock", "podman/podman.sock", "gnupg/S.gpg-agent", "keyring/ssh"];
    known.extend(below.map(|name| PathBuf::from(format!("/run/user/{uid}")).join(name)));
    known.extend(fs::read_dir("/tmp/.X11-unix").into_iter().flatten().flatten().map(|entry| entry.path()));
    known.extend(context.host.path_var("SSH_AUTH_SOCK").map(Path::to_owned));
    known.retain(|path| path.to_str().is_some() && UnixStream::connect(path).is_ok());
    known
}
