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

/// Makes the host directories that the plan binds, and in a fresh home the places for what is mounted there. A home that
/// a box has already written to is not touched by path: the init finds its way in it, inside the box's root.
pub fn prepare(spec: &BoxSpec, persist: &[PathBuf], places: &Places<'_>) -> Result<(), PrepareError> {
    let home = places.home();
    let fresh = fs::symlink_metadata(&home).is_err();
    make(&home)?;
    if fresh {
        let below_home = spec.tools.iter().filter_map(|tool| tool.strip_prefix(&spec.user.home).ok());
        let directories = below_home.filter(|below| spec.user.home.join(below).is_dir());
        for below in directories.chain(spec.shared.iter().map(PathBuf::as_path)) {
            make(&home.join(below))?;
        }
        git_config(&home.join(".gitconfig"), &spec.git_identity)?;
    }
    persist::move_all(&places.session.join("persist"), &home, persist)
        .map_err(|error| PrepareError { path: home, error })?;
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
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| PrepareError { path: path.to_owned(), error })
}
