//! The name and address under which the user's git commits. Nothing else of their git configuration is taken.

use crate::config::gitconfig;
use crate::config::gitconfig::IdentityLine;
use crate::config::gitconfig::Include;
use crate::launch::coopfile::read_regular;
use crate::launch::host::Host;
use crate::session::spec::GitIdentity;
use std::path::Path;
use std::path::PathBuf;

/// Files that include files: git stops at 10, nobody nests so deep.
const MAX_DEPTH: usize = 8;
/// Files read in all: two that include each other many times would otherwise double at every level.
const MAX_FILES: usize = 64;
const MAX_BYTES: u64 = 1 << 20;

pub fn of(workspace: &Path, host: &Host) -> GitIdentity {
    let repository = workspace.ancestors().map(|dir| dir.join(".git")).find(|git| git.exists());
    let mut reader = Reader { home: host.home(), repository, identity: GitIdentity::default(), files_left: MAX_FILES };
    // The order of git-config(1): what stands in ~/.gitconfig wins.
    for file in [host.config_home().join("git/config"), host.home().join(".gitconfig")] {
        reader.read(&file, 0);
    }
    reader.identity
}

struct Reader<'a> {
    home: &'a Path,
    /// `.git` of the repository that the workspace lies in.
    repository: Option<PathBuf>,
    identity: GitIdentity,
    files_left: usize,
}

impl Reader<'_> {
    /// A file that is missing or unreadable says nothing, as with git.
    fn read(&mut self, file: &Path, depth: usize) {
        if depth > MAX_DEPTH || self.files_left == 0 {
            return;
        }
        self.files_left -= 1;
        let Ok(bytes) = read_regular(file, MAX_BYTES) else { return };
        for line in gitconfig::identity(&String::from_utf8_lossy(&bytes)) {
            match line {
                IdentityLine::Name(name) => self.identity.name = Some(name),
                IdentityLine::Email(email) => self.identity.email = Some(email),
                IdentityLine::Include(include) if self.applies(&include) => {
                    let dir = file.parent().unwrap_or(Path::new("/"));
                    self.read(&self.expanded(&include.path, dir), depth + 1);
                }
                IdentityLine::Include(_) => {}
            }
        }
    }

    fn expanded(&self, path: &str, dir: &Path) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => dir.join(path),
        }
    }

    /// `gitdir:DIR/` holds for every repository below DIR. Patterns with `*` are not understood and do not hold.
    fn applies(&self, include: &Include) -> bool {
        let Some(pattern) = &include.gitdir else { return true };
        let Some(repository) = &self.repository else { return false };
        let path = self.expanded(pattern, Path::new("/"));
        if !pattern.ends_with('/') {
            return *repository == path;
        }
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        repository.starts_with(&path) || repository.starts_with(real)
    }
}
