//! Removing what a session wrote: trees of which nothing is known, not even that they can be entered.

use crate::daemon::create;
use crate::daemon::create::SESSION_FILE;
use crate::daemon::kept;
use crate::sandbox::persist;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;

/// Removes a killed session's own files; what is to persist is put aside first, or with `forget` removed as well. A few at a time: trees are removed as
/// fast as the disk lets them, and each walk holds descriptors.
pub async fn in_background(directory: PathBuf, forget: bool) -> io::Result<()> {
    static REMOVALS: Semaphore = Semaphore::const_new(4);
    let _permit = REMOVALS.acquire().await.map_err(io::Error::other)?;
    // A thread of its own, for the walk goes as deep as the box made its directories, and so does its stack.
    let (done, removed) = oneshot::channel();
    let walk = std::thread::Builder::new().stack_size(1 << 30);
    walk.spawn(move || drop(done.send(remove_session(&directory, forget))))?;
    removed.await.map_err(io::Error::other)?
}

fn remove_session(directory: &Path, forget: bool) -> io::Result<()> {
    let (home, kept) = (directory.join("upper/home"), directory.join("persist"));
    if forget {
        remove_tree(&kept)?;
    } else if let Some(session) = create::read_session_file(directory)?.filter(|_| home.is_dir()) {
        kept::record(directory, &session.workspace)?;
        ignore_existing(fs::DirBuilder::new().mode(0o700).create(&kept))?;
        persist::move_all(&home, &kept, &session.persist)?;
        persist::prune(&kept, &session.persist)?;
    }
    remove_trees(directory)?;
    ignore_missing(fs::remove_file(directory.join(SESSION_FILE)))?;
    remove_if_empty(&kept)?;
    if !kept.exists() {
        ignore_missing(fs::remove_file(directory.join(kept::RECORD)))?;
    }
    remove_if_empty(directory)
}

fn remove_if_empty(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        other => ignore_missing(other),
    }
}

/// Removes the writable layers.
pub fn remove_trees(directory: &Path) -> io::Result<()> {
    for name in ["upper", "work"] {
        remove_tree(&directory.join(name))?;
    }
    Ok(())
}

fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // A box may leave directories that even their owner cannot enter. Its processes are gone: nobody races us.
            open_up(path)?;
            ignore_missing(fs::remove_dir_all(path))
        }
        other => ignore_missing(other),
    }
}

fn open_up(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        open_up(&entry?.path())?;
    }
    Ok(())
}

fn ignore_existing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
