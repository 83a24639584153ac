//! The git directory of a worktree or submodule, which lies outside of the workspace.
//!
//! `<workspace>/.git` is then a file that names the directory (gitrepository-layout(5)). The file comes with whatever was
//! unpacked there and could name any directory of the host, so only a directory that names the workspace in return is
//! believed: that is something a checkout cannot write.

use crate::config::gitconfig;
use crate::launch::coopfile::ReadError;
use crate::launch::coopfile::read_regular;
use crate::launch::credentials::Forbidden;
use crate::launch::error::shown;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

/// A path and a few words.
const MAX_LINK_BYTES: u64 = 8 << 10;
/// A git directory's `config`.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The directories to show in the box; none for an ordinary repository, whose `.git` is a directory.
pub fn of(workspace: &Path, forbidden: &Forbidden, notes: &mut Vec<String>) -> Vec<PathBuf> {
    let Some(gitdir) = named_by(workspace, &workspace.join(".git"), b"gitdir:") else { return Vec::new() };
    let believed = worktree(workspace, &gitdir).or_else(|| submodule(workspace, &gitdir));
    match believed {
        Some(dir) if dir.starts_with(workspace) => Vec::new(),
        Some(dir) if forbidden.shows_secrets(&dir) || workspace.starts_with(&dir) => {
            notes.push(format!("{} is not shown in the box: it holds more than git's files", shown(&dir)));
            Vec::new()
        }
        Some(dir) => vec![dir],
        None => {
            notes.push(format!("git will not work: .git names {}, which does not name this directory", shown(&gitdir)));
            Vec::new()
        }
    }
}

/// A worktree's directory is `COMMON/worktrees/NAME`; COMMON is what is needed, and holds it. Nothing but that shape is
/// believed: `commondir` is a file too, and in a directory of the checkout's own it could name anything.
fn worktree(workspace: &Path, gitdir: &Path) -> Option<PathBuf> {
    let back = named_by(gitdir, &gitdir.join("gitdir"), b"")?;
    let common = named_by(gitdir, &gitdir.join("commondir"), b"")?;
    let shelf = gitdir.parent()?;
    let in_place = shelf.file_name()? == "worktrees" && shelf.parent()? == common;
    let names_us = back.file_name()? == ".git" && back.parent()? == workspace;
    (in_place && names_us && common.join("objects").is_dir()).then_some(common)
}

fn submodule(workspace: &Path, gitdir: &Path) -> Option<PathBuf> {
    let bytes = read_regular(&gitdir.join("config"), MAX_CONFIG_BYTES).ok()?;
    let mut variables = gitconfig::variables(std::str::from_utf8(&bytes).ok()?);
    variables.retain(|variable| variable.section == "core" && variable.subsection.is_empty());
    let worktree = variables.iter().rfind(|variable| variable.key == "worktree")?;
    let back = gitdir.join(&worktree.value).canonicalize().ok()?;
    (back == workspace && gitdir.join("objects").is_dir()).then(|| gitdir.to_owned())
}

/// The existing path that a one-line file names, relative to `base`, behind `prefix`.
fn named_by(base: &Path, file: &Path, prefix: &[u8]) -> Option<PathBuf> {
    // ReadError::NotRegular is the common case: `.git` is a directory.
    let bytes = match read_regular(file, MAX_LINK_BYTES) {
        Ok(bytes) => bytes,
        Err(ReadError::NotRegular | ReadError::TooLong | ReadError::Io(_)) => return None,
    };
    let path = bytes.strip_prefix(prefix)?.trim_ascii();
    if path.is_empty() {
        return None;
    }
    base.join(OsStr::from_bytes(path)).canonicalize().ok()
}

#[cfg(test)]
#[path = "git_test.rs"]
mod tests;
