//! `~/.coop`: where things live, and the making sure that nobody else can put a hand in.

use crate::name::SessionName;
use std::fs;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoopHome {
    root: PathBuf,
    socket: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    #[error("cannot make or open {path}: {error}", path = path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} is a symbolic link, and would lead coop's state elsewhere", path = path.display())]
    Symlink { path: PathBuf },
    #[error("{path} belongs to uid {owner}, not to you", path = path.display())]
    ForeignOwner { path: PathBuf, owner: u32 },
    #[error("{path} can be written by others (mode {mode:o})", path = path.display())]
    OpenToOthers { path: PathBuf, mode: u32 },
    #[error("{path} is no directory", path = path.display())]
    NoDirectory { path: PathBuf },
    /// Of the directory that `--socket` names.
    #[error("--socket: {0}")]
    Socket(Box<HomeError>),
}

impl HomeError {
    pub fn hint(&self) -> String {
        match self {
            Self::Io { path, error } => match error.raw_os_error() {
                Some(libc::ENOSPC | libc::EDQUOT) => {
                    "free some space there, or set COOP_HOME to another disk".to_owned()
                }
                Some(libc::EMFILE | libc::ENFILE) => {
                    "too many open files: raise the limit (`ulimit -n 4096`)".to_owned()
                }
                _ => format!("make {} writable, or set COOP_HOME to a directory of yours", path.display()),
            },
            Self::Symlink { path } | Self::NoDirectory { path } => {
                format!("remove {}, or set COOP_HOME to the real directory", path.display())
            }
            Self::ForeignOwner { .. } => "set COOP_HOME to a directory of your own".to_owned(),
            Self::Socket(_) => "name a --socket in a directory of yours to which nobody else can write".to_owned(),
            Self::OpenToOthers { path, .. } => format!("run `chmod 700 {}`", path.display()),
        }
    }
}

impl CoopHome {
    pub fn new(root: PathBuf, socket: Option<PathBuf>) -> Self {
        let socket = socket.unwrap_or_else(|| root.join("sock"));
        Self { root, socket }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Held while a daemon is being started.
    pub fn start_lock(&self) -> PathBuf {
        self.root.join("start.lock")
    }

    /// Locked by the daemon for its life; holds its pid (advisory).
    pub fn pid_file(&self) -> PathBuf {
        self.root.join("daemon.pid")
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("logs/daemon.log")
    }

    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    pub fn session(&self, name: &SessionName) -> PathBuf {
        self.sessions().join(name.as_str())
    }

    /// Makes what is missing, 0700, and refuses what others could tamper with.
    pub fn secure(&self) -> Result<(), HomeError> {
        private_directory(&self.root)?;
        for below in ["logs", "sessions"] {
            private_directory(&self.root.join(below))?;
        }
        match self.socket.parent() {
            Some(parent) if parent != self.root => {
                private_directory(parent).map_err(|error| HomeError::Socket(Box::new(error)))
            }
            _ => Ok(()),
        }
    }
}

/// A directory that is ours, real, and closed to others' writing.
fn private_directory(path: &Path) -> Result<(), HomeError> {
    let io = |error| HomeError::Io { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(HomeError::Symlink { path: path.to_owned() }),
        Ok(found) if !found.is_dir() => Err(HomeError::NoDirectory { path: path.to_owned() }),
        Ok(found) if found.uid() != nix::unistd::geteuid().as_raw() => {
            Err(HomeError::ForeignOwner { path: path.to_owned(), owner: found.uid() })
        }
        Ok(found) if found.mode() & 0o022 != 0 => {
            Err(HomeError::OpenToOthers { path: path.to_owned(), mode: found.mode() & 0o7777 })
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match fs::DirBuilder::new().recursive(true).mode(0o700).create(path) {
                Ok(()) => Ok(()),
                Err(error) => Err(io(error)),
            }
        }
        Err(error) => Err(io(error)),
    }
}

/// Opens (or makes, 0600) a file of coop's own without following a link.
pub fn private_file(path: &Path) -> Result<fs::File, HomeError> {
    let opened = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path);
    match opened {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => Err(HomeError::Symlink { path: path.to_owned() }),
        Err(error) => Err(HomeError::Io { path: path.to_owned(), error }),
        Ok(file) => Ok(file),
    }
}

/// Writes a file of coop's own, 0600, as a whole or not at all: beside it first, and no link is followed.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(".new");
    let temporary = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options.open(&temporary)?.write_all(bytes)?;
    fs::rename(temporary, path)
}

/// Identifies the executable that runs: two builds never have the same. Replaced files keep theirs.
pub fn build_id() -> String {
    match fs::metadata("/proc/self/exe") {
        Ok(exe) => format!("{:x}-{:x}-{:x}-{:x}", exe.dev(), exe.ino(), exe.size(), exe.mtime_nsec() + exe.mtime() * 7),
        Err(_) => "unknown".to_owned(),
    }
}
