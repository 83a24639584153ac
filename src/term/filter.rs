//! What an attached client gets of a program's output: whole units, without questions, for the daemon answers those, and
//! without writes to the clipboard unless they are allowed.

use crate::term::framer::Framer;
use crate::term::framer::Kind;
use crate::term::framer::Params;
use crate::term::framer::Unit;
use crate::term::framer::What;

/// Asks who is there.
const ENQ: u8 = 0x05;
/// What ends a string, and its form as a code point of C1.
const END: &[u8] = b"\x1b\\";
const ST: &[u8] = "\u{9c}".as_bytes();

/// Follows one stream from a place outside of any sequence.
#[derive(Clone, Debug)]
pub struct Filter {
    framer: Framer,
    clipboard: bool,
    /// Whether the long string that passes in pieces is dropped.
    drops: bool,
}

impl Filter {
    /// `clipboard`: whether programs may write to the clipboard of whoever is attached.
    pub fn new(clipboard: bool) -> Self {
        Self { framer: Framer::default(), clipboard, drops: false }
    }

    /// Adds to `out` what may be passed on. The total does not depend on how the stream is cut. `seen` gets all of that
    /// but text and what only moves the cursor or erases.
    pub fn pass(&mut self, raw: &[u8], out: &mut Vec<u8>, mut seen: impl FnMut(&[u8])) {
        let Self { framer, clipboard, drops } = self;
        let mut chunk = raw;
        // What stands between was looked at and may pass; it is copied at once.
        let mut start = 0;
        loop {
            chunk = &chunk[framer.drawing(chunk, &mut seen)..];
            let before = raw.len() - chunk.len();
            let Some(unit) = framer.next(&mut chunk) else {
                // What is not finished was taken off the chunk.
                out.extend_from_slice(&raw[start..before.max(start)]);
                return;
            };
            let after = raw.len() - chunk.len();
            let passes = passes(&unit, *clipboard, drops);
            let is_text = matches!(unit.what, What::Text { .. });
            if !unit.is_carried && passes && is_sound(&unit) {
                if !is_text {
                    seen(unit.raw);
                }
                continue;
            }
            out.extend_from_slice(&raw[start..before]);
            start = after;
            let put_at = out.len();
            put(&unit, passes, out);
            if !is_text {
                seen(&out[put_at..]);
            }
        }
    }

    /// Whether nothing is held back, and no long string passes in pieces.
    pub fn at_ground(&self) -> bool {
        self.framer.at_ground()
    }

    /// How many of the bytes that came are held back.
    #[allow(dead_code)] // for tests and fuzzing
    pub fn held(&self) -> usize {
        self.framer.held().len()
    }
}

/// What may be passed on of a unit.
fn put(unit: &Unit<'_>, passes: bool, out: &mut Vec<u8>) {
    if !passes {
        // They are executed all the same.
        out.extend(unit.controls.iter().filter(|&&control| control != ENQ));
    } else if matches!(unit.what, What::Text { .. }) {
        put_text(unit.raw, out);
    } else if is_sequence(unit) && !is_sound(unit) {
        let introducer = if unit.raw[0] == 0xc2 { 2 } else { 1 };
        let (introducer, rest) = unit.raw.split_at(introducer);
        out.extend_from_slice(introducer);
        out.extend(rest.iter().filter(|&&byte| byte != ENQ && byte.is_ascii()));
    } else {
        out.extend_from_slice(unit.raw);
    }
    if passes && is_left_open(unit) {
        out.extend_from_slice(END);
    }
}

/// Whether a unit that passes may do so as it is.
fn is_sound(unit: &Unit<'_>) -> bool {
    match unit.what {
        What::Text { is_ascii } => is_ascii || is_utf8(unit.raw),
        // With a control or invalid bytes inside.
        What::Escape { .. } | What::Csi { .. } => {
            let introducer = if unit.raw[0] == 0xc2 { 2 } else { 1 };
            !unit.controls.contains(&ENQ) && unit.raw[introducer..].is_ascii()
        }
        _ => !is_left_open(unit),
    }
}

fn is_sequence(unit: &Unit<'_>) -> bool {
    matches!(unit.what, What::Escape { .. } | What::Csi { .. })
}

/// Whether it is a string that the beginning of the next sequence has ended: that may be dropped.
fn is_left_open(unit: &Unit<'_>) -> bool {
    let kind = match unit.what {
        What::String { kind, .. } | What::Piece { kind, is_last: true, .. } => kind,
        _ => return false,
    };
    let ends: &[&[u8]] =
        if kind == Kind::Osc { &[END, ST, b"\x18", b"\x1a", b"\x07"] } else { &[END, ST, b"\x18", b"\x1a"] };
    !ends.iter().any(|end| unit.raw.ends_with(end))
}

/// Without invalid bytes, which vanish in some terminals and take a cell in others.
fn put_text(text: &[u8], out: &mut Vec<u8>) {
    text.utf8_chunks().for_each(|chunk| out.extend_from_slice(chunk.valid().as_bytes()));
}

fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || std::str::from_utf8(text).is_ok()
}

fn passes(unit: &Unit<'_>, clipboard: bool, drops: &mut bool) -> bool {
    match unit.what {
        What::Text { .. } => true,
        // SCI (ESC Z, U+009A) asks what is there.
        What::Control(control) => !matches!(control, ENQ | 0x9a),
        What::Escape { intermediate, last } => (intermediate, last) != (0, b'Z'),
        What::Csi { prefix, intermediate, last, params } => !asks(prefix, intermediate, last, params),
        // A question before the string, in the middle of its introducer, is nothing that a program has.
        What::String { .. } if unit.controls.contains(&ENQ) => false,
        What::String { kind, body, .. } => string_passes(kind, body, clipboard),
        What::Piece { kind, is_first, .. } => {
            if is_first {
                *drops = unit.controls.contains(&ENQ) || !string_passes(kind, body_of(unit.raw), clipboard);
            }
            !*drops
        }
        // Other terminals may see an end in what was broken off here.
        What::Nothing => false,
    }
}

/// A string behind its introducer, which may have bytes in it that mean nothing.
fn body_of(raw: &[u8]) -> &[u8] {
    let length = if raw[0] == 0xc2 { Some(1) } else { raw.iter().position(|b| b"]P_X^".contains(b)) };
    length.and_then(|last| raw.get(last + 1..)).unwrap_or_default()
}

fn asks(prefix: u8, intermediate: u8, last: u8, params: &Params) -> bool {
    match (prefix, intermediate, last) {
        // Device attributes, status reports (but `CSI > n`, which sets), modes, version, keyboard, DECREQTPARM.
        (_, 0, b'c') | (0 | b'?', 0, b'n') | (_, b'$', b'p') | (b'>', 0, b'q') | (b'?', 0, b'u') => true,
        (0, 0, b'x') => true,
        // modifyOtherKeys; locator; rectangles' checksum; presentation state; user preferences and the like.
        (b'?', 0, b'm') | (0, b'\'', b'|') | (_, b'*', b'y') | (_, b'$', b'w') | (_, b'$', b'u') | (_, b'&', b'u') => {
            true
        }
        (b'?', 0, b'S') => true, // graphics limits
        (0, 0, b't') => (11..=21).contains(&params.get(0)),
        _ => false,
    }
}

fn string_passes(kind: Kind, body: &[u8], clipboard: bool) -> bool {
    match kind {
        Kind::Osc => osc_passes(body, clipboard),
        // XTGETTCAP, DECRQSS, and the terminal's own answers.
        Kind::Dcs => ![&b"+q"[..], b"$q"].iter().any(|start| body.starts_with(start)),
        Kind::Apc => !is_graphics_query(body),
        Kind::Other => true,
    }
}

fn osc_passes(body: &[u8], clipboard: bool) -> bool {
    // Controls inside of a string count for nothing, but not everywhere.
    if body.iter().any(|b| *b < 0x20) {
        let clean: Vec<u8> = body.iter().copied().filter(|b| *b >= 0x20).collect();
        return osc_passes(&clean, clipboard);
    }
    let end = body.iter().position(|&b| b == b';').unwrap_or(body.len());
    let rest = body.get(end + 1..).unwrap_or_default();
    let mut fields = rest.split(|&b| b == b';');
    let number = body[..end].iter().position(|&b| b != b'0').map_or(&b""[..], |at| &body[at..end]);
    match number {
        b"52" => clipboard && fields.nth(1) != Some(b"?"),
        b"5522" => clipboard && !rest.windows(9).any(|part| part == b"type=read"),
        // Texts, in which a question mark is one.
        b"" | b"1" | b"2" | b"7" | b"8" | b"9" | b"133" | b"777" => true,
        b"99" => !rest
            .split(|&b| b == b';')
            .next()
            .is_some_and(|params| params.split(|&b| b == b':').any(|param| matches!(param, b"p=?" | b"p=alive"))),
        b"1337" => !is_iterm_query(rest),
        b"66" => true,
        _ => !fields.any(|field| field.first() == Some(&b'?') || field.ends_with(b"=?")),
    }
}

fn is_iterm_query(rest: &[u8]) -> bool {
    [&b"ReportCellSize"[..], b"ReportVariable", b"RequestUpload", b"Capabilities", b"Copy", b"EndCopy"]
        .iter()
        .any(|start| rest.starts_with(start))
}

/// `a=q` among the keys before the `;`.
fn is_graphics_query(body: &[u8]) -> bool {
    let Some(rest) = body.strip_prefix(b"G") else { return false };
    let keys = rest.split(|&b| b == b';').next().unwrap_or_default();
    keys.split(|&b| b == b',').any(|key| key == b"a=q")
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
