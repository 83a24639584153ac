//! The session's own directories on the host, made by the daemon while the init's processes start: on a disk a directory
//! costs as much as ten mounts.

use crate::sandbox::persist;
use crate::sandbox::plan::Places;
use crate::session::spec::BoxSpec;
use crate::session::spec::GitIdentity;
use std::fs;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

/// A directory that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {path}: {error}", path = path.display())]
pub struct PrepareError {
    path: PathBuf,
    pub error: io::Error,
}

/// Makes the host directories that the plan binds, moves in what persists, and makes in a fresh home the places for what is
/// mounted there. In a home that a box has already written to the init makes them, inside the box's root.
pub fn prepare(spec: &BoxSpec, persist: &[PathBuf], places: &Places<'_>) -> Result<(), PrepareError> {
    let home = places.home();
    let fresh = fs::symlink_metadata(&home).is_err();
    make(&home)?;
    // First: what is there already is not replaced, not even by what was kept.
    persist::move_all(&places.session.join("persist"), &home, persist)
        .map_err(|error| PrepareError { path: home.clone(), error })?;
    if fresh {
        let below_home = spec.tools.iter().filter_map(|tool| tool.strip_prefix(&spec.user.home).ok());
        let directories = below_home.filter(|below| spec.user.home.join(below).is_dir());
        for below in directories.chain(spec.shared.iter().map(PathBuf::as_path)) {
            make_below(&home, below)?;
        }
        git_config(&home.join(".gitconfig"), &spec.git_identity)?;
    }
    let scratch = places.scratch();
    make(&scratch)?;
    set_mode(&scratch, 0o1777)?;
    let shared = places.shared(Path::new(""));
    spec.shared.iter().try_for_each(|inside| {
        make(&shared)?;
        // Boxes write there: a link that one of them left must not have directories made where it leads.
        let made = persist::directory_below(&shared, inside, true);
        made.and_then(|made| made.map(drop).ok_or_else(|| io::Error::from_raw_os_error(libc::ELOOP)))
            .map_err(|error| PrepareError { path: shared.join(inside), error })
    })
}

fn make(path: &Path) -> Result<(), PrepareError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| PrepareError { path: path.to_owned(), error })
}

/// A place in a home into which something was moved that a box had written: where that has a link or a directory that
/// cannot be entered in the way, the place is left to the init.
fn make_below(home: &Path, below: &Path) -> Result<(), PrepareError> {
    match persist::directory_below(home, below, true) {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
            Err(PrepareError { path: home.join(below), error })
        }
        _ => Ok(()),
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), PrepareError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| PrepareError { path: path.to_owned(), error })
}

/// The user's name and email, once: the box may change its own file later.
fn git_config(path: &Path, identity: &GitIdentity) -> Result<(), PrepareError> {
    if identity.name.is_none() && identity.email.is_none() {
        return Ok(());
    }
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
    let mut text = String::from("[user]\n");
    for (key, value) in [("name", &identity.name), ("email", &identity.email)] {
        if let Some(value) = value {
            text.push_str(&format!("\t{key} = \"{}\"\n", quoted(value)));
        }
    }
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    match file.and_then(|mut file| file.write_all(text.as_bytes())) {
        // It persists, and was moved in.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(|error| PrepareError { path: path.to_owned(), error }),
    }
}
