//! One Coopfile's wishes: what it says and nothing else.

use crate::config::error::ConfigError;
use crate::config::keys;
use crate::config::limits::LimitsLayer;
use crate::name::Secret;
use crate::session::spec::DetachKey;
use crate::session::spec::NetworkMode;
use crate::session::spec::PersistScope;
use crate::session::spec::RestartWhen;
use crate::session::spec::SizePolicy;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// What one Coopfile says. `None` is "says nothing"; an empty list is a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// `[agent] command`: a program, bare or as a path.
    pub agent_command: Option<String>,
    pub agent_args: Option<Vec<String>>,
    /// `[workspace] mount`: absolute, normalized.
    pub workspace_mount: Option<PathBuf>,
    pub workspace_path: Option<HostPath>,
    pub env_pass: Option<Vec<String>>,
    pub env: BTreeMap<String, EnvValue>,
    pub mounts: BTreeMap<HostPath, MountTarget>,
    pub network: Option<NetworkMode>,
    /// `[session] persist`: relative to HOME, normalized, without `..`.
    pub persist: Option<Vec<PathBuf>>,
    pub persist_scope: Option<PersistScope>,
    pub auto_restart: Option<RestartWhen>,
    pub restart_delay_ms: Option<u64>,
    pub shell: Option<String>,
    pub detach_key: Option<DetachKey>,
    pub replay_lines: Option<u32>,
    pub size: Option<SizePolicy>,
    pub clipboard: Option<bool>,
    /// `[sandbox] nesting`
    pub nesting: Option<bool>,
    pub limits: LimitsLayer,
}

/// A path on the host, as far as it is known without asking the host. A `..` takes back the word before it *as written*,
/// so that no symlink of a project decides where it leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPath {
    /// `~` or `~/...`: relative to the user's home.
    Home(PathBuf),
    /// Absolute, or relative to the Coopfile and joined to its directory; without `.` and `..`.
    At(PathBuf),
}

/// The right side of a line of `[env]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    Literal(Secret),
    /// `$VAR`: the value of this variable of the host.
    FromHost(String),
}

/// The right side of a line of `[mounts]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountTarget {
    /// Absolute and normalized; not `/`, `/proc`, `/sys`, `/dev` or below these three.
    pub inside: PathBuf,
    pub read_only: bool,
}

impl Layer {
    /// Reads one Coopfile. `origin` is named in errors, and its directory is where relative host paths begin.
    pub fn parse(origin: &Path, text: &str) -> Result<Self, ConfigError> {
        keys::read(origin, text)
    }

    /// This layer laid over `below`: maps merge by key, everything else replaces.
    pub fn over(self, below: Self) -> Self {
        Self {
            agent_command: self.agent_command.or(below.agent_command),
            agent_args: self.agent_args.or(below.agent_args),
            workspace_mount: self.workspace_mount.or(below.workspace_mount),
            workspace_path: self.workspace_path.or(below.workspace_path),
            env_pass: self.env_pass.or(below.env_pass),
            env: below.env.into_iter().chain(self.env).collect(),
            mounts: below.mounts.into_iter().chain(self.mounts).collect(),
            network: self.network.or(below.network),
            persist: self.persist.or(below.persist),
            persist_scope: self.persist_scope.or(below.persist_scope),
            auto_restart: self.auto_restart.or(below.auto_restart),
            restart_delay_ms: self.restart_delay_ms.or(below.restart_delay_ms),
            shell: self.shell.or(below.shell),
            detach_key: self.detach_key.or(below.detach_key),
            replay_lines: self.replay_lines.or(below.replay_lines),
            size: self.size.or(below.size),
            clipboard: self.clipboard.or(below.clipboard),
            nesting: self.nesting.or(below.nesting),
            limits: self.limits.over(below.limits),
        }
    }
}

impl HostPath {
    /// Reads a path as it stands in a Coopfile of the directory `base`.
    pub fn written(text: &str, base: &Path) -> Self {
        match text.strip_prefix('~') {
            Some("") => Self::Home(PathBuf::new()),
            Some(rest) if rest.starts_with('/') => Self::Home(PathBuf::from(rest.trim_start_matches('/'))),
            _ => Self::At(without_dots(&base.join(text))),
        }
    }

    /// The path on a host where the user's home is `home`.
    pub fn of(&self, home: &Path) -> PathBuf {
        match self {
            Self::Home(rest) => without_dots(&home.join(rest)),
            Self::At(path) => path.clone(),
        }
    }
}

fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Home(rest) if rest.as_os_str().is_empty() => f.write_str("~"),
            Self::Home(rest) => write!(f, "~/{}", rest.display()),
            Self::At(path) => path.display().fmt(f),
        }
    }
}
