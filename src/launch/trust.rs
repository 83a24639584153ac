//! A project's Coopfile is hostile until its owner has confirmed what it asks for. What is confirmed is the text, in
//! this directory: an edit, by whomever, asks again.

use crate::config::asks;
use crate::config::asks::Ask;
use crate::config::settings::Config;
use crate::launch::coopfile::Coopfiles;
use crate::launch::error::LaunchError;
use crate::launch::host::Host;
use crate::launch::workspace::workspace_of;
use sha2::Digest;
use sha2::Sha256;
use std::fmt::Write;
use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

/// What a project's Coopfile asks for, and whether that was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustState {
    /// The Coopfile.
    pub path: PathBuf,
    pub asks: Vec<Ask>,
    /// It was confirmed, or there is nothing to confirm.
    pub trusted: bool,
    /// The file whose existence says "confirmed". Its name is the hash of directory and text that `asks` came from, so
    /// that the answer to a list is never taken for the answer to a later one.
    mark: PathBuf,
}

/// Looks at the project in `dir` (`-w`, or the current directory). `None`: it has no Coopfile.
pub fn trust_state(
    dir: Option<&Path>,
    user_config: Option<&Path>,
    host: &Host,
) -> Result<Option<TrustState>, LaunchError> {
    let project_dir = workspace_of(dir, host)?;
    Ok(Coopfiles::read(&project_dir, user_config, host)?.trust(host))
}

/// Remembers that the user has confirmed `state`.
pub fn trust(state: &TrustState) -> Result<(), LaunchError> {
    let failed = |source| LaunchError::RememberTrust { path: state.mark.clone(), source };
    let dir = state.mark.parent().unwrap_or(Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    // An empty file is whole as soon as it exists. O_EXCL follows no symlink.
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&state.mark) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

impl Coopfiles {
    pub(super) fn trust(&self, host: &Host) -> Option<TrustState> {
        let file = self.project.as_ref()?;
        let mine = Config::resolve(std::slice::from_ref(&self.user));
        let asks = asks::asks(&file.layer, &self.project_dir, &mine);
        let mark = host.coop_home.join("trusted").join(mark(&self.project_dir, &file.text));
        let trusted = asks.is_empty() || mark.symlink_metadata().is_ok_and(|mark| mark.is_file());
        Some(TrustState { path: file.path.clone(), asks, trusted, mark })
    }
}

/// SHA-256 of path, NUL (which no path holds) and text, in hex.
fn mark(project_dir: &Path, text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(project_dir.as_os_str().as_bytes());
    hash.update([0]);
    hash.update(text.as_bytes());
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    })
}
