//! Where strings end.

use super::BEL;
use super::CAN;
use super::Decoded;
use super::ESC;
use super::Kind;
use super::SUB;
use super::decode;
use super::text;

/// Where a string ends.
pub(super) enum End {
    At {
        length: usize,
        terminator: usize,
        is_broken_off: bool,
    },
    /// Not here: so many bytes are the string's, those behind may be the beginning of its end.
    Beyond(usize),
}

/// Searches `bytes[from..stop]` for the end of a string whose body begins at `introducer`.
pub(super) fn string_end(kind: Kind, bytes: &[u8], from: usize, stop: usize, introducer: usize) -> End {
    let ends = |length, terminator| End::At { length, terminator, is_broken_off: false };
    let breaks = |length| End::At { length, terminator: 0, is_broken_off: true };
    let mut at = from;
    while at < stop {
        at += text::string_run(&bytes[at..stop]);
        if at >= stop {
            break;
        }
        match bytes[at] {
            BEL if kind == Kind::Osc => return ends(at + 1, 1),
            CAN | SUB => return breaks(at + 1),
            ESC => match bytes.get(at + 1) {
                None => return End::Beyond(at),
                Some(b'\\') => return ends(at + 2, 2),
                Some(_) => return ends(at, 0),
            },
            0x80.. => match decode(&bytes[at..]) {
                Decoded::Unfinished => return End::Beyond(at),
                Decoded::Character(0x9c, length) => return ends(at + length, length),
                Decoded::Character(0x80..=0x9f, _) => return breaks(at),
                Decoded::Character(_, length) if !holds_unicode(kind, &bytes[introducer..at]) => {
                    return breaks(at + length);
                }
                Decoded::Character(_, length) | Decoded::Invalid(length) => at += length,
            },
            _ => at += 1,
        }
    }
    End::Beyond(at)
}

/// Whether xterm.js lets characters beyond ASCII stand behind `before` in a string.
fn holds_unicode(kind: Kind, before: &[u8]) -> bool {
    match kind {
        Kind::Osc => true,
        Kind::Dcs => before.is_empty() || before.iter().any(|b| (0x40..=0x7e).contains(b)),
        Kind::Apc | Kind::Other => false,
    }
}
