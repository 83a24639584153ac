//! Messages between the daemon and the init of one session: JSON, one message a datagram, descriptors beside it.
//!
//! Unknown fields are ignored and unknown messages are answered by nothing, so that daemons and inits of neighbouring
//! releases understand each other. The daemon takes every word of an init as untrusted.

use crate::name::PtyId;
use crate::name::WinSize;
use crate::session::mounting::Op;
use crate::session::spec::SessionSpec;
use crate::session::state::Exit;
use serde::Deserialize;
use serde::Serialize;
use std::path::PathBuf;

/// Version of these messages. It is raised when a message changes its meaning; additions do not raise it. A daemon takes
/// over no init of a higher version: it cannot know what that one means.
pub const CONTROL_VERSION: u32 = 1;

/// Largest message in bytes. One that is longer travels as a memory file, beside the message `parcel`.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Largest parcel (a memory file with a [`Build`] or a long message) in bytes: environments and command lines may be
/// large. An agent's command line is at most 256 KiB long, and terminals' are reported as they are shown.
pub const PARCEL_BYTES_MAX: u64 = 16 << 20;

/// Largest checkpoint in bytes: a screen of 4096 x 4096 cells that all differ would be larger, and is not kept.
pub const CHECKPOINT_BYTES_MAX: u64 = 64 << 20;

/// Most PTYs in one session.
pub const PTYS_MAX: usize = 64;

/// The first thing that an init is told, as a parcel.
#[derive(Debug, Serialize, Deserialize)]
pub struct Build {
    pub session: SessionSpec,
    pub boxed: crate::session::spec::BoxSpec,
    /// `sessions/<name>` on the host.
    pub directory: PathBuf,
    /// `~/.coop` on the host: masked wherever it would be seen.
    pub coop_home: PathBuf,
    /// The soft limit of open files that programs in the box get.
    pub open_files: u64,
    /// Control groups hold the box's memory as a whole.
    #[serde(default)]
    pub memory_is_held: bool,
    /// For a box whose user is nobody on the host: the list of mounts, made by the daemon, which has the rights to clone its
    /// trees with their owners mapped. They follow in [`ToInit::Trees`].
    #[serde(default)]
    pub mounts: Option<Vec<Op>>,
}

/// Most descriptors that are sent beside one message (the kernel takes 253).
pub const TREES_MAX: usize = 100;

/// A control group that a box is to be in: of version 1 or 2, its directory on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub version: u8,
    pub directory: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum ToInit {
    /// For stage 1, which joins these groups before anything else.
    Join {
        groups: Vec<Membership>,
    },
    /// With the parcel as its descriptor. Answered by `built` or `failed`.
    Build,
    /// Trees of the binds in [`Build::mounts`], in their order, [`TREES_MAX`] beside each message but the last.
    Trees,
    /// A new daemon, with its end of a fresh message pair as descriptor, sent over the init's spare pair. Answered over
    /// the fresh pair by `report`.
    Adopt {
        version: u32,
    },
    /// Start a program on a new PTY, or again on the one that is there. Answered by `spawned` or `spawn-failed`.
    Spawn {
        pty: PtyId,
        argv: Vec<String>,
        size: WinSize,
    },
    /// Answered by `following` with ring, page, wake socket and master. `at`: from where on the output is wanted; what a
    /// follower that vanished held is held on.
    Follow {
        pty: PtyId,
        at: Option<u64>,
        holds: bool,
        /// Not 0: for a client that reads the ring itself; the answer names it.
        #[serde(default)]
        client: u64,
    },
    /// With a parcel that draws the screen as it was at this offset of the output. The init keeps the newest, for the
    /// next daemon.
    Checkpoint {
        pty: PtyId,
        offset: u64,
        size: WinSize,
    },
    Unfollow {
        pty: PtyId,
    },
    /// Signal a PTY's program and its process group.
    Signal {
        pty: PtyId,
        signal: i32,
    },
    /// SIGTERM to every process of the box.
    TerminateAll,
    /// Forget an ended PTY.
    Close {
        pty: PtyId,
    },
    /// This daemon has dealt with the end of that PTY's program.
    Acknowledge {
        pty: PtyId,
    },
    /// The daemon goes in order: nothing is to be held for it.
    Bye,
    /// Another message that is longer than [`MESSAGE_BYTES_MAX`]: it is the parcel beside this one.
    Parcel,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "kebab-case")]
pub enum FromInit {
    /// Stage 1 has made the outer namespace for an id of the host that is nobody's; it is the descriptor.
    Namespace,
    /// This id cannot be taken here, for this reason.
    NoNamespace {
        why: String,
    },
    /// Stage 1 has forked the init; the descriptor is its pidfd.
    Forked {
        pid: i32,
    },
    Built,
    /// The box could not be built: what failed and what to try.
    Failed {
        what: String,
        hint: Option<String>,
    },
    Spawned {
        pty: PtyId,
        pid: i32,
    },
    SpawnFailed {
        pty: PtyId,
        why: String,
    },
    /// `typed`: pairs of client and bytes of its input that earlier followers had written; `answered`: the offset up to
    /// which they had answered the program's questions; `size`: the one that the last of them meant.
    Following {
        pty: PtyId,
        #[serde(default)]
        typed: Vec<(u64, u64)>,
        #[serde(default)]
        answered: u64,
        #[serde(default)]
        size: Option<WinSize>,
        /// From where on a follower that vanished held the ring.
        #[serde(default)]
        held: Option<u64>,
        /// A fifth descriptor is the newest checkpoint, of this offset and size.
        #[serde(default)]
        checkpoint: Option<(u64, WinSize)>,
        #[serde(default)]
        client: u64,
    },
    FollowFailed {
        pty: PtyId,
        why: String,
        /// As in [`FromInit::Following`].
        #[serde(default)]
        client: u64,
    },
    /// The program has ended and all it wrote is in the ring, up to `head`.
    Exited {
        pty: PtyId,
        exit: Exit,
        head: u64,
    },
    Report(Box<Report>),
    /// As [`ToInit::Parcel`].
    Parcel,
    /// A message of a later release.
    #[serde(other)]
    Unknown,
}

/// All that a new daemon must know of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub version: u32,
    pub session: SessionSpec,
    pub ptys: Vec<PtyReport>,
    /// A number that no terminal of this session has had, nor any higher one.
    #[serde(default)]
    pub next_pty: u32,
    /// It is being killed: see [`ToInit::TerminateAll`].
    #[serde(default)]
    pub ending: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PtyReport {
    pub pty: PtyId,
    /// As it is shown: see [`crate::session::spec::shown`].
    pub argv: Vec<String>,
    pub program: Program,
    pub head: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    Running {
        pid: i32,
        /// How long it has been running.
        for_ms: u64,
    },
    Ended {
        exit: Exit,
        /// Whether a daemon has dealt with it.
        acknowledged: bool,
        ran_ms: u64,
    },
}

pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("these types have string keys only and no failing Serialize")
}

pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_later_release_is_understood_as_far_as_it_can_be() {
        let exited: FromInit =
            decode(br#"{"say":"exited","pty":0,"exit":{"code":3},"head":7,"new_field":[1,2]}"#).unwrap();
        assert!(matches!(exited, FromInit::Exited { pty: PtyId::AGENT, exit: Exit::Code(3), head: 7 }));
    }

    #[test]
    fn a_message_that_only_a_later_release_knows_is_no_error() {
        let unknown: FromInit = decode(br#"{"say":"sings","pty":0,"song":{"verses":[1,2]}}"#).unwrap();
        assert!(matches!(unknown, FromInit::Unknown));
    }

    #[test]
    fn nonsense_is_an_error_and_nothing_else() {
        for bad in ["", "{}", "[]", r#"{"say":"exited"}"#, r#"{"say":"exited","pty":-1,"exit":{"code":3},"head":7}"#] {
            assert!(decode::<FromInit>(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
