//! Carries out a plan: from the host's mount namespace (a private copy of it) into the box.
//!
//! Who we are: uid 0 of the outer user namespace, owner of this mount namespace, single-threaded. The order is the
//! kernel's: every host tree is cloned before anything is mounted, so that no mount of ours can show up in a clone;
//! then the plan runs on an empty root; then the root is switched and the host's is gone.

use crate::sandbox::explain::SandboxError;
use crate::sandbox::explain::While;
use crate::sandbox::target;
use crate::sandbox::target::Kind;
use crate::session::mounting::Bind;
use crate::session::mounting::Forbid;
use crate::session::mounting::Op;
use crate::sys::mount;
use nix::errno::Errno;
use nix::mount::MsFlags;
use std::ffi::CString;
use std::fs;
use std::io;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Where files of the box's own and the empty things that masks show are made; removed at the end.
const SCRATCH: &str = "/.coop-build";

/// Builds the box and moves into it. On return `/` is the box's. `trees`: those of the plan's binds, in its order, where
/// somebody with more rights has cloned them already.
pub fn build(ops: &[Op], trees: Option<Vec<OwnedFd>>) -> Result<(), SandboxError> {
    let none: Option<&Path> = None;
    nix::mount::mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .during(|| "cannot cut the box's mounts off from the host's".to_owned())?;
    let clones = match trees {
        Some(trees) => trees,
        None => clone_host_trees(ops)?,
    };
    let options: &[_] = &[(c"mode", Some(c"0755")), (c"size", Some(c"16m"))];
    let root = mount::new_filesystem(c"tmpfs", options, Forbid::SET_UID_AND_DEVICES)
        .during(|| "cannot make the box's root".to_owned())?;
    // Lookups go on at the old root, which this process still has as its own; the new one just has to be mounted
    // somewhere for mounts to be possible in it.
    let slash =
        nix::fcntl::open("/", nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())
            .during(|| "cannot open /".to_owned())?;
    mount::attach(&root, &slash).during(|| "cannot mount the box's root".to_owned())?;
    let mut builder = Builder { root, empty_file: None, empty_directory: None };
    let mut clones = clones.into_iter();
    for op in ops {
        builder.carry_out(op, &mut clones)?;
    }
    builder.enter()
}

/// In the trees of the plan's binds, in its order, the caller's files get the ids that they have in the user namespace
/// `owner`.
pub fn map_owners(ops: &[Op], trees: &[OwnedFd], owner: &OwnedFd) -> Result<(), SandboxError> {
    let binds = ops.iter().filter_map(|op| if let Op::Bind(bind) = op { Some(bind) } else { None });
    binds.zip(trees).filter(|(bind, _)| bind.callers).try_for_each(|(bind, tree)| {
        mount::map_ids(tree, owner).during(|| format!("cannot map the owners in {}", bind.host.display()))
    })
}

/// Clones every host tree that the plan binds, in its order, already restricted.
pub fn clone_host_trees(ops: &[Op]) -> Result<Vec<OwnedFd>, SandboxError> {
    let mut clones = Vec::new();
    for op in ops {
        if let Op::Bind(Bind { host, forbid, exact, .. }) = op {
            let tree = if *exact { mount::clone_exact_tree(host) } else { mount::clone_tree(host) };
            let tree = tree.during(|| format!("cannot bind {}", host.display()))?;
            mount::restrict(&tree, *forbid).during(|| format!("cannot restrict the mount of {}", host.display()))?;
            clones.push(tree);
        }
    }
    Ok(clones)
}

struct Builder {
    root: OwnedFd,
    empty_file: Option<OwnedFd>,
    empty_directory: Option<OwnedFd>,
}

impl Builder {
    fn carry_out(&mut self, op: &Op, clones: &mut impl Iterator<Item = OwnedFd>) -> Result<(), SandboxError> {
        match op {
            Op::Directory { at, mode } => target::make(&self.root, at, Kind::Directory, *mode).map(drop),
            Op::Symlink { at, to } => target::symlink(&self.root, at, to),
            Op::File { at, content } => self.own_file(at, content),
            Op::Bind(Bind { at, .. }) => {
                let tree = clones.next().expect("one clone was made for every bind");
                self.attach(&tree, at)
            }
            Op::Tmpfs { at, mode, size, forbid } => self.tmpfs(at, *mode, *size, *forbid),
            Op::Proc { at } => {
                let forbid = Forbid { writing: false, ..Forbid::ALL };
                // hidepid=4 (ptraceable): what a process may not trace, the init above all, is not even listed.
                let proc = mount::new_filesystem(c"proc", &[(c"hidepid", Some(c"4"))], forbid);
                proc.and_then(|proc| self.attach(&proc, at))
            }
            Op::DevPts { at } => {
                let options: &[_] = &[
                    (c"newinstance", None),
                    (c"ptmxmode", Some(c"0666")),
                    (c"mode", Some(c"0620")),
                    (c"max", Some(c"128")),
                ];
                let forbid = Forbid { set_uid: true, executing: true, ..Forbid::default() };
                mount::new_filesystem(c"devpts", options, forbid).and_then(|pts| self.attach(&pts, at))
            }
            Op::Limit { at, value } => self.limit(at, *value),
            Op::ReadOnly { at } => self.read_only(at),
            Op::Mask { at } => self.mask(at),
        }
        .during(|| describe(op))
        .map_err(with_hint(op))
    }

    fn attach(&self, tree: &OwnedFd, at: &Path) -> nix::Result<()> {
        let kind = target::kind_of(tree)?.ok_or(Errno::ELOOP)?;
        let place = target::make(&self.root, at, kind, 0o755)?;
        mount::attach(tree, place)
    }

    fn tmpfs(&self, at: &Path, mode: u32, size: u64, forbid: Forbid) -> nix::Result<()> {
        let mode = CString::new(format!("{mode:o}")).expect("digits hold no NUL");
        let size = CString::new(size.to_string()).expect("digits hold no NUL");
        let tmpfs = mount::new_filesystem(c"tmpfs", &[(c"mode", Some(&mode)), (c"size", Some(&size))], forbid)?;
        self.attach(&tmpfs, at)
    }

    fn own_file(&self, at: &Path, content: &str) -> nix::Result<()> {
        let Some(place) = target::existing(&self.root, at)? else { return Ok(()) };
        let scratch = Path::new(SCRATCH).join("file");
        drop(target::make(&self.root, &scratch, Kind::File, 0o644)?);
        let file = mount::open_inside(&self.root, Path::new(".coop-build/file"), libc::O_RDWR | libc::O_NOFOLLOW, 0)?;
        let mut file = fs::File::from(file);
        file.write_all(content.as_bytes())
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
        let tree = mount::clone_tree_of(&file)?;
        mount::restrict(&tree, Forbid::WRITING)?;
        mount::attach(&tree, place)?;
        target::remove_file(&self.root, &scratch)
    }

    fn limit(&self, at: &Path, value: u32) -> nix::Result<()> {
        let inside = at.strip_prefix("/").unwrap_or(at);
        let file = mount::open_inside(&self.root, inside, libc::O_WRONLY | libc::O_NOFOLLOW, 0)?;
        nix::unistd::write(&file, value.to_string().as_bytes()).map(drop)
    }

    fn read_only(&self, at: &Path) -> nix::Result<()> {
        let Some(place) = target::existing(&self.root, at)? else { return Ok(()) };
        let tree = mount::clone_tree_of(&place)?;
        mount::restrict(&tree, Forbid::ALL)?;
        mount::attach(&tree, place)
    }

    fn mask(&mut self, at: &Path) -> nix::Result<()> {
        let Some(place) = target::existing(&self.root, at)? else { return Ok(()) };
        let Some(kind) = target::kind_of(&place)? else { return Ok(()) };
        let source = match kind {
            Kind::Directory => &mut self.empty_directory,
            Kind::File => &mut self.empty_file,
        };
        let source = match source {
            Some(source) => source,
            None => {
                let name = if kind == Kind::File { "empty" } else { "nothing" };
                source.insert(target::make(&self.root, &Path::new(SCRATCH).join(name), kind, 0o444)?)
            }
        };
        let tree = mount::clone_tree_of(&*source)?;
        mount::restrict(&tree, Forbid::ALL)?;
        mount::attach(&tree, place)
    }

    /// Makes the new root `/` and lets go of the host's.
    fn enter(self) -> Result<(), SandboxError> {
        let what = || "cannot move into the box's root".to_owned();
        nix::unistd::fchdir(&self.root).during(what)?;
        // Twice the same directory: the old root is stacked on the new one and taken off again (pivot_root(2)).
        nix::unistd::pivot_root(".", ".").during(what)?;
        nix::mount::umount2(".", nix::mount::MntFlags::MNT_DETACH).during(what)?;
        nix::unistd::chdir("/").during(what)?;
        // Its mounts are copies that hold what they need: the names can go.
        for name in ["empty", "nothing"] {
            let path = Path::new(SCRATCH).join(name);
            let removed = if name == "empty" { fs::remove_file(&path) } else { fs::remove_dir(&path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).during(what),
                _ => {}
            }
        }
        match fs::remove_dir(SCRATCH) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).during(what),
            _ => {}
        }
        mount::restrict_one(&self.root, Forbid { writing: true, ..Forbid::SET_UID_AND_DEVICES }).during(what)
    }
}

fn describe(op: &Op) -> String {
    match op {
        Op::Directory { at, .. } => format!("cannot make the directory {} in the box", at.display()),
        Op::Symlink { at, .. } => format!("cannot make the link {} in the box", at.display()),
        Op::File { at, .. } => format!("cannot put the box's own {} in place", at.display()),
        Op::Bind(Bind { host, at, .. }) => format!("cannot show {} at {} in the box", host.display(), at.display()),
        Op::Tmpfs { at, .. } => format!("cannot mount an own {}", at.display()),
        Op::Proc { at } | Op::DevPts { at } => format!("cannot mount an own {}", at.display()),
        Op::Limit { at, value } => format!("cannot set {} to {value}", at.display()),
        Op::ReadOnly { at } => format!("cannot make {} read-only", at.display()),
        Op::Mask { at } => format!("cannot mask {}", at.display()),
    }
}

fn with_hint(op: &Op) -> impl FnOnce(SandboxError) -> SandboxError {
    let hint = match op {
        Op::Proc { .. } => {
            "parts of /proc are covered here, so the kernel refuses a fresh one: run coop outside of this container, or \
             start the container with `--security-opt systempaths=unconfined`"
        }
        Op::Bind(_) => "the place must exist already when it lies in a read-only tree of the host",
        _ => "",
    };
    move |mut error| {
        if !hint.is_empty() {
            error.hint = Some(hint.to_owned());
        }
        error
    }
}
