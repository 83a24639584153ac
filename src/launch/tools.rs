//! The user's own tools: what on PATH lies where the host base does not show it, with what it needs to run.
//!
//! The box shows the result read-only at its own paths. A path that is a symlink on the host is recreated in the box as
//! the same symlink; every other one is bound. So `~/.nix-profile/bin` on PATH gives the link `~/.nix-profile` (its end
//! in `/nix` is seen anyway), and `~/.local/bin/claude -> ../share/claude/versions/2` gives two binds. A path below HOME
//! is written with HOME as the caller writes it, even where HOME leads through a symlink.

use crate::launch::coopfile::open_harmless;
use crate::launch::credentials::Forbidden;
use crate::launch::host::Host;
use crate::launch::install;
use nix::unistd::AccessFlags;
use nix::unistd::access;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// What the host base shows anyway (`docs/sandbox.md`).
const BASE: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix"];
/// Never tools: the kernel's directories, and the drives that WSL mounts, whose programs run outside of every box.
const NEVER: &[&str] = &["/proc", "/sys", "/dev", "/mnt"];
/// Bounds of the search, far beyond an ordinary PATH: a hostile or broken one must not make a start slow.
const MAX_ROOTS: usize = 64;
const MAX_ENTRIES: usize = 4096;
/// As many symlinks in a path as Linux follows (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// Longest `#!` line that Linux reads (BINPRM_BUF_SIZE, linux/binfmts.h).
const SHEBANG_BYTES: usize = 256;

#[derive(Debug)]
pub struct Tools<'a> {
    home: &'a Path,
    real_home: PathBuf,
    workspace: PathBuf,
    forbidden: &'a Forbidden,
    /// Real paths, but for HOME.
    roots: BTreeSet<PathBuf>,
    /// Symlinks on the way to what is shown.
    links: BTreeSet<PathBuf>,
    entries_left: usize,
}

impl<'a> Tools<'a> {
    /// Collects the tools on `path` (colon-separated), and `files` where the base does not show them.
    pub fn gather(path: &str, files: &[PathBuf], workspace: &Path, forbidden: &'a Forbidden, host: &'a Host) -> Self {
        let home = host.home();
        let real_home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
        let (roots, links) = (BTreeSet::new(), BTreeSet::new());
        let workspace = workspace.to_owned();
        let mut tools = Self { home, real_home, workspace, forbidden, roots, links, entries_left: MAX_ENTRIES };
        tools.workspace = tools.with_home(tools.workspace.clone());
        let dirs: Vec<PathBuf> = path_dirs(path).filter_map(|dir| tools.add_path_entry(dir)).collect();
        for dir in dirs {
            tools.scan(&dir);
        }
        for file in files.iter().filter(|file| !in_base(file)) {
            if let Some(real) = tools.follow(file).filter(|real| real.starts_with(home)) {
                tools.add_root(&real);
            }
        }
        tools
    }

    /// Parents before children, nothing twice.
    pub fn into_paths(self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for root in &self.roots {
            // In the order of paths whatever lies in a directory follows it at once.
            if !paths.last().is_some_and(|last| root.starts_with(last)) {
                paths.push(root.clone());
            }
        }
        let apart = |link: &&PathBuf| !paths.iter().any(|root| link.starts_with(root));
        let links: Vec<PathBuf> = self.links.iter().filter(apart).cloned().collect();
        paths.extend(links);
        paths.sort();
        paths
    }

    /// The program that the shell of the box would find under `name`, as the path it is found at.
    pub fn find(&mut self, name: &str, path: &str) -> Option<PathBuf> {
        path_dirs(path)
            .map(|dir| (dir, dir.join(name)))
            .find(|(dir, file)| is_program(file) && self.shows(dir) && self.shows(file))
            .map(|(_, file)| file)
    }

    /// Adds the program `file` with its installation. `false`: it is no program, or must not be shown.
    pub fn add(&mut self, file: &Path) -> bool {
        if let Some(real) = self.follow(file).filter(|real| is_program(real)) {
            self.add_program(&real);
        }
        self.has(file)
    }

    /// Whether the box sees `file`, and it is a program.
    pub fn has(&mut self, file: &Path) -> bool {
        is_program(file) && self.shows(file)
    }

    /// Whether the file at `path` is seen in the box.
    fn shows(&mut self, path: &Path) -> bool {
        self.follow(path).is_some_and(|real| self.sees(&real))
    }

    /// Whether a real path is seen in the box.
    fn sees(&self, real: &Path) -> bool {
        in_base(real) || real.starts_with(&self.workspace) || self.roots.iter().any(|root| real.starts_with(root))
    }

    /// Gives the real directory when it is worth a scan.
    fn add_path_entry(&mut self, dir: &Path) -> Option<PathBuf> {
        if in_base(dir) {
            return None;
        }
        let real = self.follow(dir).filter(|real| real.is_dir() && !self.sees(real))?;
        if self.workspace.starts_with(&real) {
            return None;
        }
        let roots = install::roots_of_path_entry(&real, self.home);
        roots.iter().find(|root| self.add_root(root))?;
        for companion in install::companions_of_path_entry(&real, self.home) {
            if let Some(companion) = self.follow(&companion) {
                self.add_root(&companion);
            }
        }
        Some(real)
    }

    /// Adds what the programs in a directory of PATH need beyond the directory.
    fn scan(&mut self, dir: &Path) {
        let Ok(listing) = dir.read_dir() else { return };
        let scripts = install::scripts_are_anyones(dir, self.home);
        for entry in listing.flatten() {
            self.entries_left = self.entries_left.saturating_sub(1);
            if self.entries_left == 0 {
                return;
            }
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_symlink() => self.scan_link(dir, &path),
                Ok(kind) if kind.is_file() && scripts => self.add_interpreter(&path),
                _ => {}
            }
        }
    }

    fn scan_link(&mut self, dir: &Path, link: &Path) {
        let Ok(target) = link.read_link() else { return };
        // A link to a neighbour: the neighbour has its own turn.
        if target.components().count() == 1 || in_base(&target) {
            return;
        }
        if let Some(real) = self.follow(&dir.join(target)).filter(|real| is_program(real)) {
            self.add_program(&real);
        }
    }

    /// `real` is no symlink.
    fn add_program(&mut self, real: &Path) {
        self.add_installation(real);
        self.add_interpreter(real);
    }

    /// One level of `#!`: the interpreter of a Python program in an environment of its own lies under HOME.
    fn add_interpreter(&mut self, script: &Path) {
        // Programs in the box can write to the workspace, and must not choose what the next box shows.
        if script.starts_with(&self.workspace) {
            return;
        }
        let Some(interpreter) = interpreter_of(script).filter(|path| !in_base(path)) else { return };
        // The environment that the interpreter is called in (its own name may be a symlink out of it) ...
        let dir = interpreter.parent().and_then(|dir| self.follow(dir));
        if let (Some(dir), Some(name)) = (dir, interpreter.file_name()) {
            self.add_installation(&dir.join(name));
        }
        // ... then the interpreter that the name means.
        if let Some(real) = self.follow(&interpreter) {
            self.add_installation(&real);
        }
    }

    fn add_installation(&mut self, file: &Path) {
        if !self.sees(file) {
            install::roots_of_program(file, self.home).iter().find(|root| self.add_root(root));
        }
    }

    /// Adds a real path unless it holds what must stay out. `false`: it does.
    fn add_root(&mut self, root: &Path) -> bool {
        if self.sees(root) {
            return true;
        }
        let system = NEVER.iter().any(|never| root.starts_with(never)) || root.components().count() <= 2;
        let holds_too_much = self.home.starts_with(root) || self.workspace.starts_with(root);
        if system || holds_too_much || self.forbidden.shows_secrets(root) || self.roots.len() == MAX_ROOTS {
            return false;
        }
        // What lies in it is seen with it.
        self.roots.insert(root.to_owned())
    }

    /// Where a path really leads, noting the symlinks that the box needs on the way. `None`: nowhere, or a symlink in
    /// the workspace, which programs in the box can change, decides that it leads to what is not seen yet.
    fn follow(&mut self, path: &Path) -> Option<PathBuf> {
        let real = self.with_home(path.canonicalize().ok()?);
        let chosen_by_box = real != path && self.note_links(path);
        (!chosen_by_box || self.sees(&real)).then_some(real)
    }

    fn with_home(&self, path: PathBuf) -> PathBuf {
        match path.strip_prefix(&self.real_home) {
            Ok(rest) => self.home.join(rest),
            Err(_) => path,
        }
    }

    /// `true`: one of the symlinks lies in the workspace.
    fn note_links(&mut self, path: &Path) -> bool {
        let reversed = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
        let mut ahead: Vec<OsString> = reversed(path);
        let mut at = PathBuf::from("/");
        let mut followed = 0;
        while let Some(part) = ahead.pop() {
            if part == OsStr::new("..") {
                at.pop();
                continue;
            }
            at.push(&part);
            // HOME and what is above it are directories of the box's own; the base brings its own links.
            if self.home.starts_with(&at) || in_base(&at) {
                continue;
            }
            let Ok(target) = at.read_link() else { continue };
            followed += 1;
            if followed > MAX_LINKS || self.with_home(at.clone()).starts_with(&self.workspace) {
                return true;
            }
            // The box has a /proc of its own, where this would be another process.
            let is_kernels = NEVER.iter().any(|never| at.starts_with(never));
            if !is_kernels && !self.forbidden.shows_secrets(&at) {
                self.links.insert(at.clone());
            }
            at.pop();
            ahead.extend::<Vec<OsString>>(reversed(&target));
        }
        false
    }
}

/// The directories of a PATH. Relative ones would change their meaning with every `cd`.
fn path_dirs(path: &str) -> impl Iterator<Item = &Path> {
    path.split(':').map(Path::new).filter(|dir| dir.is_absolute())
}

fn in_base(path: &Path) -> bool {
    let plain = !path.components().any(|part| part == Component::ParentDir);
    plain && BASE.iter().any(|base| path.starts_with(base))
}

/// Whether this is a file that its user may run.
pub fn is_program(path: &Path) -> bool {
    access(path, AccessFlags::X_OK).is_ok() && path.is_file()
}

/// The program that `#!` names, when it is absolute.
fn interpreter_of(script: &Path) -> Option<PathBuf> {
    let mut head = [0; SHEBANG_BYTES];
    let length = open_harmless(script).ok()?.read(&mut head).ok()?;
    let line = head[..length].strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?.trim_ascii();
    let program = line.split(|b| b.is_ascii_whitespace()).next()?;
    let path = Path::new(OsStr::from_bytes(program));
    path.is_absolute().then(|| path.to_owned())
}

#[cfg(test)]
#[path = "tools_test.rs"]
mod tests;
