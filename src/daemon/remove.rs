//! Removing what a session wrote: trees of which nothing is known, not even that they can be entered.

use crate::daemon::create;
use crate::daemon::create::SESSION_FILE;
use crate::sandbox::persist;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Removes a killed session's own files; what is to persist is put aside first.
pub fn remove_session(directory: &Path) -> io::Result<()> {
    let (home, kept) = (directory.join("upper/home"), directory.join("persist"));
    if let Some(session) = create::read_session_file(directory).filter(|_| home.is_dir()) {
        ignore_existing(fs::DirBuilder::new().mode(0o700).create(&kept))?;
        persist::move_all(&home, &kept, &session.persist)?;
    }
    remove_trees(directory)?;
    ignore_missing(fs::remove_file(directory.join(SESSION_FILE)))?;
    for empty in [&kept, directory] {
        match fs::remove_dir(empty) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            other => ignore_missing(other)?,
        }
    }
    Ok(())
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
