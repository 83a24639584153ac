//! Processes of the host, as `/proc` shows them.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    /// `Z` is a zombie.
    pub state: char,
    pub command: String,
}

impl Process {
    pub fn look(pid: i32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim).map(str::to_owned)
        };
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        Some(Self {
            pid,
            parent: field("PPid")?.parse().ok()?,
            state: field("State")?.chars().next()?,
            command: String::from_utf8_lossy(&command).replace('\0', " "),
        })
    }
}

/// All processes that can be seen, but for this one.
pub fn all() -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap();
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    names.filter(|pid| *pid != own).filter_map(Process::look).collect()
}

/// Processes whose environment or command line holds `path`.
pub fn mentioning(path: &Path) -> Vec<Process> {
    let wanted = path.as_os_str().as_bytes();
    let holds = |file: String| fs::read(file).is_ok_and(|bytes| contains(&bytes, wanted));
    let mentions = |p: &Process| holds(format!("/proc/{}/environ", p.pid)) || holds(format!("/proc/{}/cmdline", p.pid));
    all().into_iter().filter(|p| p.state != 'Z' && mentions(p)).collect()
}

/// Processes of the same pid namespace as `init`, itself included.
pub fn of_box(init: i32) -> Vec<Process> {
    let space = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let wanted = space(init);
    assert!(wanted.is_some(), "process {init} is gone or not ours");
    all().into_iter().filter(|p| space(p.pid) == wanted).collect()
}

pub fn children(parent: i32) -> Vec<Process> {
    all().into_iter().filter(|p| p.parent == parent).collect()
}

/// There, and no zombie.
pub fn is_alive(pid: i32) -> bool {
    Process::look(pid).is_some_and(|p| p.state != 'Z' && p.state != 'X')
}

pub fn send(pid: i32, signal: Signal) {
    assert!(pid > 1, "not a process of a test: {pid}");
    match nix::sys::signal::kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
        Err(error) => panic!("cannot send {signal} to {pid}: {error}"),
    }
}

pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    !wanted.is_empty() && bytes.windows(wanted.len()).any(|window| window == wanted)
}
