//! Compiles what was asked for and what the host has into a plain list of operations. Pure: tested as data.
//!
//! The list is carried out top to bottom in an empty root. Later operations see what earlier ones made, so the order is:
//! the host's read-only trees, the box's own writable places, `/dev`, `/proc` and `/sys`, what the user brings (home,
//! tools, workspace, mounts), and last of all the masks, which must lie on top.

use crate::sandbox::masks;
use crate::sandbox::view::BaseEntry;
use crate::sandbox::view::HostView;
use crate::session::mounting::Bind;
use crate::session::mounting::Forbid;
use crate::session::mounting::Op;
use crate::session::spec::BoxSpec;
use crate::session::spec::Limits;
use std::path::Path;
use std::path::PathBuf;

/// The session's directories on the host.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    /// `sessions/<name>`
    pub session: &'a Path,
    pub coop_home: &'a Path,
    pub hostname: &'a str,
}

impl Places<'_> {
    pub fn home(&self) -> PathBuf {
        self.session.join("upper/home")
    }

    /// `/var/tmp`: where large temporary files belong, on a disk.
    pub fn scratch(&self) -> PathBuf {
        self.session.join("upper/tmp")
    }

    /// What all sessions share of `inside` (relative to HOME).
    pub fn shared(&self, inside: &Path) -> PathBuf {
        self.coop_home.join("persist").join(inside)
    }
}

pub fn plan(spec: &BoxSpec, view: &HostView, places: &Places<'_>) -> Vec<Op> {
    let mut ops = Vec::with_capacity(96);
    host_base(&mut ops, view);
    own_places(&mut ops, spec, view, places);
    devices(&mut ops, spec, view);
    kernel_views(&mut ops, spec, view);
    etc_files(&mut ops, view, places);
    users_things(&mut ops, spec, view, places);
    for secret in &view.etc_secrets {
        ops.push(Op::Mask { at: secret.clone() });
    }
    ops.extend(masks::SOCKET_DIRECTORIES.iter().map(|at| Op::Mask { at: at.into() }));
    hidden(&mut ops, spec, view, places);
    ops
}

/// What is the same for every user of the host, at its own place.
fn of_the_host(path: &Path, forbid: Forbid) -> Bind {
    Bind { host: path.to_owned(), at: path.to_owned(), forbid, exact: false, callers: false }
}

fn callers(host: &Path, at: &Path, forbid: Forbid) -> Bind {
    Bind { host: host.to_owned(), at: at.to_owned(), forbid, exact: false, callers: true }
}

fn host_base(ops: &mut Vec<Op>, view: &HostView) {
    for (path, entry) in &view.base {
        ops.push(match entry {
            BaseEntry::Directory => Op::Bind(of_the_host(path, Forbid::WRITING)),
            BaseEntry::Symlink(to) => Op::Symlink { at: path.clone(), to: to.clone() },
        });
    }
}

/// Bytes that the box's file systems in memory may take together: half of what it may have of memory, less if one file
/// may be less. So they never take all of it, whether or not something counts them.
fn in_memory(limits: &Limits, view: &HostView) -> u64 {
    let half = limits.memory.map_or(view.memory_bytes, |limit| limit.min(view.memory_bytes)) / 2;
    // A mebibyte at least: with size 0 a tmpfs has no limit.
    limits.disk.map_or(half, |disk| disk.min(half)).max(1 << 20)
}

fn own_places(ops: &mut Vec<Op>, spec: &BoxSpec, view: &HostView, places: &Places<'_>) {
    for (at, mode) in [("/home", 0o755), ("/root", 0o700), ("/mnt", 0o755), ("/media", 0o755), ("/srv", 0o755)] {
        ops.push(Op::Directory { at: at.into(), mode });
    }
    let own = Forbid::SET_UID_AND_DEVICES;
    let size = |part: u64| in_memory(&spec.limits, view) / part;
    ops.push(Op::Tmpfs { at: "/tmp".into(), mode: 0o1777, size: size(2), forbid: own });
    ops.push(Op::Tmpfs { at: "/run".into(), mode: 0o755, size: size(16), forbid: own });
    ops.push(Op::Directory { at: "/run/lock".into(), mode: 0o1777 });
    ops.push(Op::Directory { at: "/run/user".into(), mode: 0o755 });
    ops.push(Op::Directory { at: format!("/run/user/{}", spec.user.uid).into(), mode: 0o700 });
    ops.push(Op::Tmpfs { at: "/var".into(), mode: 0o755, size: size(16), forbid: own });
    for name in ["cache", "lib", "log", "spool"] {
        ops.push(Op::Directory { at: Path::new("/var").join(name), mode: 0o755 });
    }
    ops.push(Op::Symlink { at: "/var/run".into(), to: "/run".into() });
    ops.push(Op::Symlink { at: "/var/lock".into(), to: "/run/lock".into() });
    ops.push(Op::Bind(callers(&places.scratch(), Path::new("/var/tmp"), own)));
}

fn devices(ops: &mut Vec<Op>, spec: &BoxSpec, view: &HostView) {
    let dev = Path::new("/dev");
    // Mode 755: with tmpfs's default of 1777 a plain `> /dev/null` is refused (fs.protected_regular).
    let set_uid_only = Forbid { set_uid: true, ..Forbid::default() };
    ops.push(Op::Tmpfs { at: dev.into(), mode: 0o755, size: 1 << 20, forbid: set_uid_only });
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        // The file itself is the host's, with its mode and times; what is written to the device is no matter of the mount.
        ops.push(Op::Bind(of_the_host(&dev.join(name), Forbid { writing: true, ..set_uid_only })));
    }
    ops.push(Op::DevPts { at: "/dev/pts".into() });
    let size = in_memory(&spec.limits, view) * 3 / 8;
    ops.push(Op::Tmpfs { at: "/dev/shm".into(), mode: 0o1777, size, forbid: Forbid::SET_UID_AND_DEVICES });
    let links = [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ];
    for (name, to) in links {
        ops.push(Op::Symlink { at: dev.join(name), to: to.into() });
    }
}

fn kernel_views(ops: &mut Vec<Op>, spec: &BoxSpec, view: &HostView) {
    let (proc, sys) = (Path::new("/proc"), Path::new("/sys"));
    ops.push(Op::Proc { at: proc.into() });
    // Before /proc/sys becomes read-only, and before any program runs: they count for the outer namespace and all below.
    let mut limit = |name: &str, value| ops.push(Op::Limit { at: proc.join("sys/user").join(name), value });
    if spec.nesting {
        // A cgroup namespace of its own would let it mount the host's hierarchies.
        limit("max_cgroup_namespaces", 1);
    } else {
        // The inner namespace is the one; a further one gives capabilities, and mounts of kernel file systems with them.
        limit("max_user_namespaces", 1);
    }
    // These are counted for the user on the host as well: a box takes half of what there is, so that others have some.
    for (name, most) in &view.inotify {
        limit(name, most / 2);
    }
    ops.extend(masks::PROC_READ_ONLY.iter().map(|name| Op::ReadOnly { at: proc.join(name) }));
    ops.extend(masks::PROC_MASKED.iter().map(|name| Op::Mask { at: proc.join(name) }));
    ops.push(Op::Bind(of_the_host(sys, Forbid::ALL)));
    ops.extend(masks::SYS_MASKED.iter().map(|name| Op::Mask { at: sys.join(name) }));
}

fn etc_files(ops: &mut Vec<Op>, view: &HostView, places: &Places<'_>) {
    let hosts = format!("{}\n127.0.1.1 {}\n", view.hosts.trim_end(), places.hostname);
    ops.push(Op::File { at: "/etc/hosts".into(), content: hosts });
    if let Some(passwd) = &view.passwd {
        ops.push(Op::File { at: "/etc/passwd".into(), content: passwd.clone() });
    }
    if let Some(file) = &view.resolver_file {
        ops.push(Op::Bind(of_the_host(file, Forbid::ALL)));
    }
}

fn users_things(ops: &mut Vec<Op>, spec: &BoxSpec, view: &HostView, places: &Places<'_>) {
    let own = Forbid::SET_UID_AND_DEVICES;
    let in_workspace = |path: &Path| path.starts_with(&spec.workspace);
    // A workspace that contains HOME *is* the home: the box's own would only be covered by it.
    let own_home = !in_workspace(&spec.user.home);
    if own_home {
        ops.push(Op::Bind(callers(&places.home(), &spec.user.home, own)));
        shared(ops, spec, places);
    }
    for tool in spec.tools.iter().filter(|tool| !in_workspace(tool)) {
        ops.push(match view.tool_links.iter().find(|(link, _)| link == tool) {
            Some((_, to)) => Op::Symlink { at: tool.clone(), to: to.clone() },
            None => Op::Bind(callers(tool, tool, Forbid::WRITING)),
        });
    }
    let mut bring = |host: &Path, at: &Path, forbid: Forbid| {
        ops.push(Op::Bind(Bind { exact: true, ..callers(host, at, forbid) }));
    };
    bring(&spec.workspace, &spec.workspace, own);
    if spec.workspace_mount != spec.workspace {
        bring(&spec.workspace, &spec.workspace_mount, own);
    }
    for git_dir in spec.git_dirs.iter().filter(|dir| !in_workspace(dir)) {
        bring(git_dir, git_dir, own);
    }
    for mount in &spec.mounts {
        bring(&mount.host, &mount.inside, if mount.read_only { Forbid::WRITING } else { own });
    }
    if !own_home {
        shared(ops, spec, places);
    }
}

fn shared(ops: &mut Vec<Op>, spec: &BoxSpec, places: &Places<'_>) {
    for inside in &spec.shared {
        let (host, at) = (places.shared(inside), spec.user.home.join(inside));
        // Boxes write there: a link that one of them left must not lead the next one's mount astray.
        ops.push(Op::Bind(Bind { exact: true, ..callers(&host, &at, Forbid::SET_UID_AND_DEVICES) }));
    }
}

/// Every place at which a hidden host path would show through a bind that contains it. A mount of the very credential is
/// what its user asked for; the masks are for what shows by the way.
fn hidden(ops: &mut Vec<Op>, spec: &BoxSpec, view: &HostView, places: &Places<'_>) {
    let secrets = || view.hidden.iter().chain(&view.etc_secrets);
    let is_credential =
        |host: &Path| secrets().any(|path| host.starts_with(path)) && !host.starts_with(places.coop_home);
    let on_purpose: Vec<&Path> =
        spec.mounts.iter().filter(|mount| is_credential(&mount.host)).map(|mount| mount.inside.as_path()).collect();
    let shown: Vec<(PathBuf, PathBuf)> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Bind(Bind { host, at, .. }) => Some((host.clone(), at.clone())),
            _ => None,
        })
        .collect();
    for path in secrets() {
        for (host, at) in &shown {
            if let Ok(below) = path.strip_prefix(host) {
                let place = if below.as_os_str().is_empty() { at.clone() } else { at.join(below) };
                // What the user's sessions share lies in coop's home, and is meant to be seen.
                let shared = spec.shared.iter().any(|inside| spec.user.home.join(inside) == place);
                // Those in the host's own /etc have their masks already.
                let masked = view.etc_secrets.contains(&place);
                if !shared && !masked && !on_purpose.contains(&place.as_path()) {
                    ops.push(Op::Mask { at: place });
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
