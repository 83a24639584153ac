//! Why a session cannot be asked for, and what to do about it.

use crate::config::error::ConfigError;
use crate::config::limits::Beyond;
use crate::launch::trust::TrustState;
use crate::text::printable;
use std::io;
use std::path::Path;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("{}: {source}", shown(path))]
    Directory { path: PathBuf, source: io::Error },
    #[error("{}: not a directory", shown(path))]
    NotADirectory { path: PathBuf },
    #[error("{} cannot be a workspace: {why}", shown(path))]
    RefusedWorkspace { path: PathBuf, why: &'static str },
    #[error("{}: {source}", shown(path))]
    ReadConfig { path: PathBuf, source: io::Error },
    #[error("{}: no such file", shown(path))]
    NoConfig { path: PathBuf },
    #[error("{}: {why}", shown(path))]
    OddConfig { path: PathBuf, why: &'static str },
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{} asks for more than your own settings give", shown(&.0.path))]
    Untrusted(TrustState),
    #[error(
        "{}{} is not in the box: it is no program of the workspace nor on its PATH",
        said_by(key),
        printable(program)
    )]
    NoProgram { key: &'static str, program: String },
    #[error("{}{} is there, but {why}", said_by(key), shown(path))]
    NotRunnable { key: &'static str, path: PathBuf, why: &'static str },
    #[error("{}: {}: {source}", printable(key), shown(path))]
    MissingMount { key: String, path: PathBuf, source: io::Error },
    #[error("{}: {why}", printable(key))]
    RefusedMount { key: String, why: String },
    #[error(
        "{}: {} leads to {}, out of a directory that programs in the box can change",
        printable(key),
        shown(path),
        shown(real)
    )]
    LeadsOut { key: String, path: PathBuf, real: PathBuf },
    #[error("no home directory: HOME is not an absolute path, and user {uid} has none in the user database")]
    NoHome { uid: u32 },
    #[error("the current directory is not there any more, or out of reach")]
    NoCurrentDirectory,
    #[error("{what} {} is not UTF-8, which coop's messages are", shown(path))]
    NotUtf8 { what: &'static str, path: PathBuf },
    #[error("COOP_HOME is {}, which is no absolute path", shown(path))]
    RelativeHome { path: PathBuf },
    #[error("{}", beyond.iter().map(|one| format!("{}: {}", one.key, one.reason)).collect::<Vec<_>>().join("; "))]
    Limits { beyond: Vec<Beyond> },
    #[error("{}: {source}", shown(path))]
    RememberTrust { path: PathBuf, source: io::Error },
}

impl LaunchError {
    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Directory { .. } | Self::NotADirectory { .. } => "name a directory that exists".to_owned(),
            Self::RefusedWorkspace { .. } => "choose another directory".to_owned(),
            Self::Untrusted(_) => "read the list and the file, then confirm with `coop trust`".to_owned(),
            Self::NotRunnable { path, why, .. } if *why == NOT_EXECUTABLE => {
                format!("`chmod +x {}`, or name the program that reads it", shown(path))
            }
            Self::NotRunnable { .. } => "name a program".to_owned(),
            Self::NoProgram { key: "--", .. } => "programs come from the host's PATH and the workspace".to_owned(),
            Self::NoProgram { key, .. } => format!("install it, or correct {key} in coop.toml"),
            Self::MissingMount { .. } => "create it, or take the line out of [mounts]".to_owned(),
            Self::LeadsOut { .. } => "write the path without the symlink".to_owned(),
            Self::NoConfig { .. } => {
                "--config names a file with your own settings; without it ~/.config/coop/default.toml counts".to_owned()
            }
            Self::NoHome { .. } => "set HOME".to_owned(),
            Self::NoCurrentDirectory => "`cd` to one that exists, or name a directory".to_owned(),
            Self::NotUtf8 { .. } => "rename it, or name it by a path that is UTF-8".to_owned(),
            Self::RelativeHome { .. } => "write the whole path, such as ~/.coop".to_owned(),
            Self::Limits { .. } => "write less, a percentage, or \"unlimited\"".to_owned(),
            Self::RememberTrust { .. } => "COOP_HOME names another directory for coop's files".to_owned(),
            Self::ReadConfig { .. } | Self::OddConfig { .. } | Self::Config(_) | Self::RefusedMount { .. } => {
                return None;
            }
        })
    }

    /// The process's exit code: 2 for what the user wrote, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Untrusted(_) | Self::NoHome { .. } | Self::NoCurrentDirectory | Self::RememberTrust { .. } => 1,
            _ => 2,
        }
    }
}

pub const NOT_EXECUTABLE: &str = "it is not executable";

/// A setting is named by its key; what stands on the command line needs no name.
fn said_by(key: &str) -> String {
    if key == "--" { String::new() } else { format!("{key}: ") }
}

/// A path as it may stand on a terminal.
pub fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
