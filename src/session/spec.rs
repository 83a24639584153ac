//! What a session is made from: the contract between whoever asks for one, the daemon, and the init.
//!
//! [`SessionSpec`] holds no secret. It is written to `sessions/<name>/session.json` (so that a session lost to a reboot
//! can be started again) and kept by the init (so that a new daemon needs no file). [`BoxSpec`] holds secrets: it goes
//! to the init through memory and is never written anywhere.

use crate::name::Secret;
use crate::name::SessionName;
use serde::Deserialize;
use serde::Serialize;
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSpec {
    pub name: SessionName,
    /// The directory on the host, absolute and canonical.
    pub workspace: PathBuf,
    /// The agent's command line; never empty.
    pub agent: Vec<String>,
    pub agent_source: AgentSource,
    /// The command line of `coop shell`; never empty.
    pub shell: Vec<String>,
    pub restart: RestartPolicy,
    pub network: NetworkMode,
    pub detach_key: DetachKey,
    #[serde(default)]
    pub terminals: TerminalPolicy,
    /// Paths below HOME (relative, no `..`) that outlive this session in its own directory.
    #[serde(default)]
    pub persist: Vec<PathBuf>,
    /// Seconds since the Unix epoch; set by the daemon when it creates the session.
    #[serde(default)]
    pub created_unix_s: u64,
    /// The user and group that the box's programs are on the host, where that is not the caller; set by the daemon.
    #[serde(default)]
    pub host_id: Option<u32>,
    /// Set by the daemon.
    #[serde(default)]
    pub not_held: Vec<NotHeld>,
}

/// Something that a box should be held to and that this machine gives no means for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotHeld {
    pub what: String,
    pub why: String,
}

/// Longest command line of an agent, in bytes: a prompt is one word of it, and the kernel takes words of 128 KiB. It is in
/// every list, whole, for the session may have to be started again with it.
pub const AGENT_BYTES_MAX: usize = 256 << 10;

/// Most of a command line that is shown, in bytes: the words of a list, of which a terminal has dozens. Prompts and
/// scripts are given as words of 100 KiB.
const SHOWN_BYTES: usize = 4 << 10;

/// A command line as lists show it: what is too long of it is cut off and stands as `…`.
pub fn shown(argv: &[String]) -> Vec<String> {
    let mut left = SHOWN_BYTES;
    let mut words = Vec::new();
    for word in argv {
        if word.len() > left {
            let upto = (0..=left).rev().find(|&at| word.is_char_boundary(at)).unwrap_or(0);
            words.push(format!("{}…", &word[..upto]));
            break;
        }
        // An empty word takes room in a list, too.
        left = left.saturating_sub(word.len() + 1);
        words.push(word.clone());
    }
    words
}

/// Where the agent's command line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentSource {
    /// `-- CMD` on the command line: run once, never restarted.
    CommandLine,
    /// `[agent] command` of a Coopfile.
    Config,
    /// A known agent found on PATH.
    Found,
    /// No agent was found: the user's shell.
    Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    pub when: RestartWhen,
    /// How long to wait before the agent is started again, in milliseconds.
    pub delay_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartWhen {
    Never,
    /// After a signal or a non-zero exit.
    OnFailure,
    /// After every exit.
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkMode {
    /// Loopback only, in a network namespace of the box's own.
    None,
    /// The host's network stack.
    Host,
}

/// How a session's terminals are shown to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalPolicy {
    /// Lines of history that a client gets into its own scrollback when it attaches.
    pub replay_lines: u32,
    pub size: SizePolicy,
    /// Whether programs may write to the clipboard of attached terminals.
    pub clipboard: bool,
}

impl Default for TerminalPolicy {
    fn default() -> Self {
        Self { replay_lines: 1000, size: SizePolicy::Latest, clipboard: false }
    }
}

/// Whose size a terminal has when several clients are attached. Those that only look never count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizePolicy {
    /// That of the client that typed last.
    Latest,
    /// The largest that fits into every client's.
    Smallest,
}

/// The key that begins a detach sequence: a control character, 0x01-0x1f.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DetachKey(pub u8);

impl DetachKey {
    /// Ctrl-].
    pub const DEFAULT: Self = Self(0x1d);
}

/// What the init needs to build the box and start programs in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxSpec {
    pub user: BoxUser,
    /// Host directory of the workspace (as in [`SessionSpec::workspace`]).
    pub workspace: PathBuf,
    /// Where the workspace is seen in the box besides its own path: `/workspace`.
    pub workspace_mount: PathBuf,
    pub network: NetworkMode,
    /// `[mounts]`, in the order in which they are to be made.
    pub mounts: Vec<Bind>,
    /// Host files and directories that are seen read-only at their own path: tools under HOME.
    pub tools: Vec<PathBuf>,
    /// Git directories of a worktree or submodule, seen read-write at their own path.
    pub git_dirs: Vec<PathBuf>,
    /// Host paths that nothing in the box may see, wherever a mount would show them: credentials, when the workspace
    /// contains the user's home.
    pub hidden: Vec<PathBuf>,
    /// Paths below HOME (relative, no `..`) that all sessions of the user share, kept in `~/.coop/persist`.
    pub shared: Vec<PathBuf>,
    /// The whole environment of programs in the box, but for the `COOP_*` variables and `IS_SANDBOX`.
    pub env: Vec<(String, Secret)>,
    /// `user.name` and `user.email` of the user's git, for the box's own `~/.gitconfig`.
    pub git_identity: GitIdentity,
    /// Programs may make namespaces and mounts of their own.
    #[serde(default)]
    pub nesting: bool,
    #[serde(default)]
    pub limits: Limits,
}

/// What a box may use of its machine, all of its programs together where nothing else is said. `None`: whatever there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes, file systems in memory included.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Thousandths of a processor.
    pub cpus: Option<u32>,
    /// Bytes of one file.
    pub disk: Option<u64>,
    /// Of one process.
    pub open_files: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxUser {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
    pub home: PathBuf,
    pub shell: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub host: PathBuf,
    pub inside: PathBuf,
    pub read_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersistScope {
    /// Kept in `sessions/<name>/persist` between two sessions of that name.
    Session,
    /// Kept in `~/.coop/persist`, shared by all sessions of the user.
    User,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitIdentity {
    pub name: Option<String>,
    pub email: Option<String>,
}
