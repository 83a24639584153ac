//! What a client and the daemon say to each other: one greeting, then calls, each with the type of its answer; after an
//! `attach` the connection carries terminal bytes and the events below.

use crate::name::PtyId;
use crate::name::SessionName;
use crate::name::WinSize;
use crate::session::spec::BoxSpec;
use crate::session::spec::NotHeld;
use crate::session::spec::SessionSpec;
use crate::session::state::Exit;
use crate::session::state::State;
use crate::term::activity::Activity;
use crate::term::screen::SpecialColours;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// Raised when old and new no longer understand each other.
pub const PROTOCOL: u32 = 2;

/// The first message of a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    pub version: String,
    /// Identifies the very executable: clients of another build replace the daemon.
    pub build: String,
    /// The client accepts a daemon of another build: it is in the middle of something.
    pub any_build: bool,
    /// Seconds without sessions, clients and servers after which the daemon ends; a client that names it sets it.
    pub idle_exit_s: Option<u64>,
}

/// The daemon's answer to [`Hello`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Welcome {
    pub protocol: u32,
    pub version: String,
    pub build: String,
    pub pid: u32,
    /// Whether the daemon will answer the calls of this client. If not, only [`Shutdown`] is understood.
    pub serves: bool,
}

/// A request that knows the type of its answer.
pub trait Call: Into<Request> {
    type Reply: DeserializeOwned + Serialize;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub enum Request {
    List(List),
    Watch(Watch),
    Create(Box<Create>),
    Attach(Attach),
    Shell(Shell),
    Kill(Kill),
    Restart(Restart),
    Status(Status),
    Shutdown(Shutdown),
}

macro_rules! call {
    ($name:ident -> $reply:ty) => {
        impl Call for $name {
            type Reply = $reply;
        }
        impl From<$name> for Request {
            fn from(call: $name) -> Self {
                Self::$name(call.into())
            }
        }
    };
}

/// All sessions, by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct List {}
call!(List -> Vec<Row>);

/// All sessions, now and again whenever something about them has changed: one answer after the other, until the client
/// hangs up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Watch {}
call!(Watch -> Vec<Row>);

/// A new session. An existing name is an error unless the session is lost: then it is started again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Create {
    pub session: SessionSpec,
    pub boxed: BoxSpec,
    pub size: WinSize,
    /// The name was derived, not given: number it if another workspace's session has it.
    pub renameable: bool,
}
call!(Create -> Created);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Created {
    pub name: SessionName,
    /// Several clients may create at once: the workspace had got its session already.
    pub existed: bool,
    /// The name had been another workspace's, and what that one's session had kept is this one's now.
    #[serde(default)]
    pub taken_from: Option<PathBuf>,
    /// Empty as well where it existed.
    #[serde(default)]
    pub not_held: Vec<NotHeld>,
}

/// Turns this connection into a terminal of the session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attach {
    pub session: SessionName,
    pub pty: PtyId,
    pub role: Role,
    /// Whether this client can read the ring and write to the terminal by itself.
    #[serde(default)]
    pub direct: Direct,
    /// A program or a file takes this client's output: what is typed makes it skip nothing.
    #[serde(default)]
    pub every_byte: bool,
    pub size: WinSize,
    /// The offset up to which this client already has the output: exactly the rest is sent.
    pub resume: Option<u64>,
    /// A number that this client keeps for its whole life, never 0.
    pub client: u64,
    /// How many bytes this client has typed in all that were acknowledged (0 for a new one).
    pub typed: u64,
}
call!(Attach -> Attached);

/// What an attached client is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A user's terminal: it types, it counts for the size, and the fastest of them sets the program's pace.
    Terminal,
    /// It looks, and never holds anybody.
    View,
    /// It reads the output from the oldest byte that is there on and skips nothing that is still there; it holds nobody.
    Reader,
    /// It types for somebody who is not there: it looks, and does not count for the size.
    Hand,
}

/// The way of a client's bytes: through the daemon, or between it and the session's init alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direct {
    /// Not on this connection.
    #[default]
    No,
    /// The daemon may hand over what is needed, at any time.
    Wanted,
    /// An earlier daemon has done so.
    Held,
}

impl Role {
    pub fn types(self) -> bool {
        matches!(self, Self::Terminal | Self::Hand)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attached {
    /// The terminal's size, and how far its output had come.
    pub size: WinSize,
    pub head: u64,
    /// How many bytes of this client's input have been written in all: it sends the rest again.
    pub typed: u64,
    /// The program may write to the terminal's clipboard.
    #[serde(default)]
    pub clipboard: bool,
}

/// A new shell in the session's box.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shell {
    pub session: SessionName,
    /// Run this by `sh -c` instead of an interactive shell.
    pub command: Option<String>,
    pub size: WinSize,
}
call!(Shell -> PtyId);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kill {
    pub session: SessionName,
    /// No grace: SIGKILL at once.
    pub force: bool,
    /// What persists goes too, also where nothing else is left of the session.
    #[serde(default)]
    pub forget: bool,
}
call!(Kill -> ());

/// A fresh agent in the same box.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Restart {
    pub session: SessionName,
}
call!(Restart -> ());

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {}
call!(Status -> DaemonStatus);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DaemonStatus {
    pub pid: u32,
    pub version: String,
    pub uptime_s: u64,
    pub sessions: Vec<Row>,
    #[serde(default)]
    pub kept: Vec<Kept>,
    /// Of the sessions that live.
    #[serde(default)]
    pub not_held: Vec<NotHeld>,
}

/// A name of which no session is left, but files that the next one of that name gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub name: SessionName,
    /// `None`: an earlier release did not write it down.
    pub workspace: Option<PathBuf>,
}

/// Ends the daemon and its guard; sessions live on. This message never changes: any release can end any other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shutdown {
    /// The caller starts a daemon of its own at once: attached clients come back by themselves.
    pub replace: bool,
}
call!(Shutdown -> ());

/// One session in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub name: SessionName,
    pub workspace: PathBuf,
    pub state: State,
    /// What the agent is doing, where that is known.
    pub activity: Option<Activity>,
    /// The session's init does not answer.
    #[serde(default)]
    pub silent: bool,
    pub exit_code: Option<i32>,
    /// Process id on the host of the box's init.
    pub pid: Option<i32>,
    pub ptys: Vec<PtyRow>,
    pub clients: Clients,
    /// Seconds since the Unix epoch.
    pub created: u64,
    pub agent: Vec<String>,
    /// The agent was named on the command line.
    pub agent_given: bool,
    pub detach_key: crate::session::spec::DetachKey,
    /// Not known while the session's init does not answer.
    pub network: Option<crate::session::spec::NetworkMode>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PtyRow {
    pub id: PtyId,
    pub command: Vec<String>,
    pub running: bool,
    pub exit_code: Option<i32>,
    #[serde(default)]
    pub activity: Option<Activity>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    pub local: u32,
    pub view: u32,
}

/// The answer to a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer<T> {
    Ok(T),
    Error(Refusal),
}

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub code: RefusalCode,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    /// No session of that name.
    NoSession,
    /// No such terminal in the session.
    NoPty,
    /// The name is taken.
    Exists,
    /// The session is not in a state in which that can be done.
    WrongState,
    /// The box could not be built.
    Box,
    /// The request cannot be understood.
    BadRequest,
    /// What was asked for is longer than it may be.
    TooLong,
    /// This daemon goes, and has not done it. Its successor may.
    Ending,
    /// Anything else.
    Failed,
}

impl Refusal {
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    pub fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn no_session(name: &SessionName) -> Self {
        Self::new(RefusalCode::NoSession, format!("there is no session {name}")).hinted("`coop ls` lists them")
    }
}

/// What an attached client says beside the bytes it types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum ClientSays {
    Resize {
        size: WinSize,
    },
    /// A fresh screen is wanted.
    Refresh,
    /// The user types, past the daemon.
    Typing,
    /// What the user's terminal says of its colours: foreground, background and cursor, red, green and blue each.
    Colours {
        colours: SpecialColours,
    },
    Detach,
}

/// What the daemon says to an attached client beside the output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum DaemonSays {
    /// A fresh start: the next `screen_bytes` bytes draw it and do not count; after them the stream goes on at `offset`.
    Start { offset: u64, screen_bytes: u64, skipped: bool },
    /// The terminal has another size from here on; a fresh start follows.
    Size { size: WinSize },
    /// What the program is doing now.
    Activity { activity: Activity },
    /// So many bytes of input in all have been written to the program's terminal.
    Typed { upto: u64 },
    /// A line from coop itself.
    Notice { text: String },
    /// From this offset on the client reads the ring itself: ring, page, wake socket and master come beside this.
    Direct { offset: u64 },
    /// The terminal's program has ended; its output ends at `head`.
    Ended { exit: Exit, head: u64 },
    /// The session is gone.
    Gone { why: String },
    /// The daemon goes. With `replaced` another one is coming.
    Bye { replaced: bool },
}

impl DaemonSays {
    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Gone { .. } | Self::Bye { .. })
    }
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
