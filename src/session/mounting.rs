//! What is mounted where in a box, as a plain list.

use serde::Deserialize;
use serde::Serialize;
use std::path::PathBuf;

/// What a mount forbids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forbid {
    pub writing: bool,
    pub set_uid: bool,
    pub devices: bool,
    pub executing: bool,
}

impl Forbid {
    pub const SET_UID_AND_DEVICES: Self = Self { writing: false, set_uid: true, devices: true, executing: false };
    pub const WRITING: Self = Self { writing: true, set_uid: true, devices: true, executing: false };
    pub const ALL: Self = Self { writing: true, set_uid: true, devices: true, executing: true };
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    Directory {
        at: PathBuf,
        mode: u32,
    },
    Symlink {
        at: PathBuf,
        to: PathBuf,
    },
    /// A file of the box's own, over whatever stands there.
    File {
        at: PathBuf,
        content: String,
    },
    Bind(Bind),
    /// `size` in bytes: pages that are written are taken from the box's memory.
    Tmpfs {
        at: PathBuf,
        mode: u32,
        size: u64,
        forbid: Forbid,
    },
    Proc {
        at: PathBuf,
    },
    DevPts {
        at: PathBuf,
    },
    /// A limit of the outer user namespace, through the box's own /proc.
    Limit {
        at: PathBuf,
        value: u32,
    },
    /// A tree of the box becomes read-only, where it exists.
    ReadOnly {
        at: PathBuf,
    },
    /// Whatever is there looks empty.
    Mask {
        at: PathBuf,
    },
}

/// A host tree in the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub host: PathBuf,
    pub at: PathBuf,
    pub forbid: Forbid,
    /// No part of the host path may be a link: it was resolved when it was checked, and a link there now was put in its way.
    pub exact: bool,
    /// The caller's files: they are the box's user's there, whatever id that one has on the host.
    pub callers: bool,
}
