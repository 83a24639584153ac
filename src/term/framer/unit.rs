//! What the framer gives out.

use super::Params;

/// Which string it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Osc,
    Dcs,
    Apc,
    /// PM or SOS, which mean nothing.
    Other,
}

/// One unit of the output.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// All of its bytes.
    pub raw: &'a [u8],
    /// Whether the first of them came with an earlier chunk.
    pub is_carried: bool,
    /// C0 controls that stood inside of the sequence, to be executed before it.
    pub controls: &'a [u8],
    pub what: What<'a>,
}

#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// Whole characters and invalid bytes, without controls.
    Text { is_ascii: bool },
    /// A code point of C0 or C1, or DEL.
    Control(u8),
    /// An intermediate of 0 is none.
    Escape { intermediate: u8, last: u8 },
    /// A prefix or intermediate of 0 is none.
    Csi { prefix: u8, intermediate: u8, last: u8, params: &'a Params },
    /// A string without introducer and terminator.
    String { kind: Kind, body: &'a [u8], ended_by_bell: bool },
    /// A part of a string that is too long. The first begins with the introducer, the last ends with the terminator.
    Piece { kind: Kind, is_first: bool, is_last: bool },
    /// A sequence that was broken off or is too long or is none: no terminal acts on it.
    Nothing,
}
