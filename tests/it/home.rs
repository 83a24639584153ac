//! A user of coop: a home, a coop home, a workspace, and what is started in them. Its end is the end of all of it.

use crate::processes;
use crate::processes::Process;
use crate::ran::Ran;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::wait_or;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// Directories of the host in which programs are looked for. Not the caller's: an agent installed there would be found.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// The program under test.
pub fn binary() -> PathBuf {
    std::env::var_os("COOP_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_coop")), PathBuf::from)
}

pub struct Home {
    root: PathBuf,
    home: PathBuf,
    coop_home: PathBuf,
    workspace: PathBuf,
}

impl Home {
    /// A fresh one; the workspace's name, and so the session's, is `work`.
    pub fn new() -> Self {
        Self::named("home", "work")
    }

    /// With names of one's own for the last part of HOME and of the workspace. `COOP_HOME` is `HOME/.coop`.
    pub fn named(home: &str, workspace: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("coop-it-{}-{number}", std::process::id()));
        let (home, workspace) = (root.join(home), root.join(workspace));
        for dir in [&root, &home, &workspace] {
            fs::DirBuilder::new().mode(0o700).recursive(true).create(dir).unwrap();
        }
        let coop_home = home.join(".coop");
        Self { root: root.canonicalize().unwrap(), home, coop_home, workspace }
    }

    /// Everything that this fixture owns lies below it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn coop_home(&self) -> &Path {
        &self.coop_home
    }

    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Another directory beside the workspace.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.root.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// A file, with the directories above it.
    pub fn write(&self, path: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// The user's own defaults.
    pub fn configure(&self, toml: &str) {
        self.write(self.home.join(".config/coop/default.toml"), toml);
    }

    /// A program to be run in the workspace with this user's environment and nothing of the caller's.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.workspace).envs([
            ("PATH", OsStr::new(PATH)),
            ("HOME", self.home.as_os_str()),
            ("COOP_HOME", self.coop_home.as_os_str()),
            ("USER", OsStr::new("tester")),
            ("SHELL", OsStr::new("/bin/sh")),
            ("TERM", OsStr::new("xterm-256color")),
            ("LANG", OsStr::new("C.UTF-8")),
        ]);
        command
    }

    /// `coop`, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program(binary());
        command.args(args);
        command
    }

    /// `coop` to its end, without a terminal.
    pub fn coop(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args))
    }

    /// `coop` in another directory.
    pub fn coop_in(&self, dir: &Path, args: &[&str]) -> Ran {
        Ran::of(self.command(args).current_dir(dir))
    }

    /// A command that takes the terminal it is started on: `Terminal::run` needs it.
    pub fn on_terminal(&self, program: impl AsRef<OsStr>, args: &[&str]) -> Command {
        let mut command = self.program("setsid");
        command.arg("-c").arg(program).args(args);
        command
    }

    /// `coop` on a terminal.
    pub fn terminal(&self, args: &[&str]) -> Terminal {
        Terminal::run(self.on_terminal(binary(), args))
    }

    /// `coop` on a terminal of another size than the usual one.
    pub fn terminal_of(&self, rows: u16, cols: u16, args: &[&str]) -> Terminal {
        Terminal::sized(rows, cols, self.on_terminal(binary(), args))
    }

    /// A file of the workspace with these bytes.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.workspace.join(name), bytes).unwrap();
    }

    /// A detached session of the workspace that runs `sh -c script`.
    pub fn start(&self, name: &str, script: &str) {
        self.coop(&["-d", "-n", name, "--", "sh", "-c", script]).ok();
    }

    /// `script` inside the box of `session`: its output, without the terminal's carriage returns, and its code.
    pub fn inside(&self, session: &str, script: &str) -> Ran {
        let mut ran = self.coop(&["shell", session, "-c", script]);
        ran.out = ran.out.replace('\r', "");
        ran
    }

    /// What `coop screen --json` says.
    #[track_caller]
    pub fn screen(&self, session: &str) -> Value {
        let ran = self.coop(&["screen", session, "--json"]).ok();
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("screen --json: {error}:\n{}", ran.out))
    }

    /// Waits until the screen of a session, attached to or not, shows `text`; gives what it shows.
    #[track_caller]
    pub fn wait_for_shown(&self, session: &str, text: &str) -> String {
        let look = || self.coop(&["screen", session]).ok().out;
        let found = wait_or(LIMIT, || Some(look()).filter(|screen| screen.contains(text)));
        found.unwrap_or_else(|| panic!("{session} does not show {text:?}:\n{}", look()))
    }

    pub fn rows(&self) -> Vec<Value> {
        let ran = self.coop(&["ls", "--json"]).ok();
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("ls --json: {error}:\n{}", ran.out))
    }

    pub fn row(&self, name: &str) -> Option<Value> {
        self.rows().into_iter().find(|row| row["name"] == name)
    }

    pub fn state(&self, name: &str) -> String {
        self.row(name).map_or_else(|| "none".to_owned(), |row| row["state"].as_str().unwrap().to_owned())
    }

    #[track_caller]
    pub fn wait_for_state(&self, name: &str, state: &str) -> Value {
        let found = wait_or(LIMIT, || self.row(name).filter(|row| row["state"] == state));
        found.unwrap_or_else(|| panic!("{name} is not {state} but {:?}", self.row(name)))
    }

    /// Waits until so many clients with and without a keyboard are attached.
    #[track_caller]
    pub fn wait_for_clients(&self, name: &str, local: u32, view: u32) {
        let wanted = serde_json::json!({"local": local, "view": view});
        let found = wait_or(LIMIT, || self.row(name).filter(|row| row["clients"] == wanted));
        assert!(found.is_some(), "clients of {name} are not {wanted}: {:?}", self.row(name));
    }

    /// Host pid of the session's init.
    pub fn init(&self, name: &str) -> i32 {
        let row = self.row(name).unwrap_or_else(|| panic!("there is no session {name}"));
        i32::try_from(row["pid"].as_i64().unwrap_or_else(|| panic!("no pid: {row}"))).unwrap()
    }

    /// Daemon and guard, looked for among the processes: asking would start them.
    pub fn daemons(&self) -> Vec<Process> {
        self.own_processes().into_iter().filter(|p| p.command.contains(" __daemon ")).collect()
    }

    pub fn guards(&self) -> Vec<Process> {
        self.own_processes().into_iter().filter(|p| p.command.contains(" __guard ")).collect()
    }

    pub fn daemon(&self) -> i32 {
        wait_until("one daemon", LIMIT, || match &self.daemons()[..] {
            [one] => Some(one.pid),
            _ => None,
        })
    }

    pub fn guard(&self) -> i32 {
        wait_until("one guard", LIMIT, || match &self.guards()[..] {
            [one] => Some(one.pid),
            _ => None,
        })
    }

    fn own_processes(&self) -> Vec<Process> {
        processes::mentioning(&self.coop_home)
    }

    /// The daemon's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.coop_home.join("logs/daemon.log")).unwrap_or_default()
    }

    /// What the tests of this fixture left running is ended; what coop leaves after `kill` and `shutdown` is said.
    fn clean(&self) -> Result<(), String> {
        let mut left = String::new();
        if self.coop_home.is_dir() {
            for args in [&["kill", "--all", "-f"][..], &["shutdown"]] {
                let ran = self.coop(args);
                if ran.code != 0 {
                    left += &format!("{} gave {}: {}\n", ran.words, ran.code, ran.err);
                }
            }
        }
        let mine = || processes::mentioning(&self.root);
        if wait_or(LIMIT, || mine().is_empty().then_some(())).is_none() {
            for process in mine() {
                left += &format!("left running: {process:?}\n");
                processes::send(process.pid, Signal::SIGKILL);
            }
        }
        if left.is_empty() { Ok(()) } else { Err(format!("{left}log:\n{}", self.log())) }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed {
            eprintln!("-- log of {}:\n{}", self.coop_home.display(), self.log());
        }
        let cleaned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.clean()));
        // The box may leave directories without rights.
        let chmod = Command::new("chmod").args(["-R", "u+rwX"]).arg(&self.root).output();
        let removed = fs::remove_dir_all(&self.root);
        if failed {
            eprintln!("cleaned: {cleaned:?}, {removed:?}");
            return;
        }
        assert!(chmod.is_ok(), "{chmod:?}");
        assert!(removed.is_ok(), "{}: {removed:?}", self.root.display());
        assert!(matches!(cleaned, Ok(Ok(()))), "{cleaned:?}");
    }
}

/// Whether the suite runs as root.
pub fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// Says why a test does nothing here.
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
