//! Finds and reads the Coopfiles: the user's and the project's.

use crate::config::error::ConfigError;
use crate::config::layer::Layer;
use crate::launch::error::LaunchError;
use crate::launch::host::Host;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

/// A Coopfile holds a few hundred lines at most; a file beyond this is not one.
const MAX_BYTES: u64 = 1 << 20;

/// The layers that are files.
#[derive(Debug)]
pub struct Coopfiles {
    /// Canonical directory in which the project's file was looked for.
    pub project_dir: PathBuf,
    /// Empty when the user has no file.
    pub user: Layer,
    pub project: Option<ProjectFile>,
}

/// A project's Coopfile, with the text that was parsed: trust is given to a text, never to a path.
#[derive(Debug)]
pub struct ProjectFile {
    pub path: PathBuf,
    pub text: String,
    pub layer: Layer,
}

impl Coopfiles {
    pub fn read(project_dir: &Path, user_config: Option<&Path>, host: &Host) -> Result<Self, LaunchError> {
        let user = match user_file(user_config, host)? {
            Some((path, text)) => Layer::parse(&path, &text)?,
            None => Layer::default(),
        };
        let path = project_dir.join("coop.toml");
        let project = match read_text(&path)? {
            Some(text) => {
                let layer = Layer::parse(&path, &text)?;
                Some(ProjectFile { path, text, layer })
            }
            None => None,
        };
        Ok(Self { project_dir: project_dir.to_owned(), user, project })
    }

    /// The lowest first.
    pub fn layers(&self) -> Vec<Layer> {
        let project = self.project.iter().map(|file| file.layer.clone());
        std::iter::once(self.user.clone()).chain(project).collect()
    }
}

/// The user's file: the one that was named, which must be there, or the first of the usual places that has one.
fn user_file(named: Option<&Path>, host: &Host) -> Result<Option<(PathBuf, String)>, LaunchError> {
    if let Some(path) = named {
        let path = host.absolute(path)?;
        return match read_text(&path)? {
            Some(text) => Ok(Some((path, text))),
            None => Err(LaunchError::NoConfig { path }),
        };
    }
    for path in [host.config_home().join("coop/default.toml"), host.coop_home.join("config/default.toml")] {
        if let Some(text) = read_text(&path)? {
            return Ok(Some((path, text)));
        }
    }
    Ok(None)
}

/// The text of a Coopfile; `None` when there is no such file.
fn read_text(path: &Path) -> Result<Option<String>, LaunchError> {
    let failed = |source| LaunchError::ReadConfig { path: path.to_owned(), source };
    let odd = |why| LaunchError::OddConfig { path: path.to_owned(), why };
    let bytes = match read_regular(path, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(ReadError::Io(e)) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            // Somebody meant something by a link that leads nowhere; silence would be their defaults.
            let dangling = path.symlink_metadata().is_ok();
            return if dangling { Err(odd("a symbolic link that leads nowhere")) } else { Ok(None) };
        }
        Err(ReadError::Io(source)) => return Err(failed(source)),
        Err(ReadError::NotRegular) => return Err(odd("not a regular file")),
        Err(ReadError::TooLong) => return Err(odd("longer than 1 MiB")),
    };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let fault = crate::config::error::Fault { span: valid..valid, key: String::new(), reason: "not UTF-8".into() };
        LaunchError::Config(ConfigError::locate(path, &text, vec![fault]))
    })
}

/// Why a file was not read.
#[derive(Debug)]
pub enum ReadError {
    Io(io::Error),
    NotRegular,
    TooLong,
}

/// Reads a regular file of at most `max_bytes`.
pub fn read_regular(path: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let file = open_harmless(path).map_err(ReadError::Io)?;
    if !file.metadata().map_err(ReadError::Io)?.is_file() {
        return Err(ReadError::NotRegular);
    }
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > max_bytes { Err(ReadError::TooLong) } else { Ok(bytes) }
}

/// Opens without blocking and without side effects: a checkout may put a FIFO, or a symlink to a terminal, where a file
/// is expected.
pub fn open_harmless(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}
