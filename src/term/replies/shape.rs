//! Which sequences are a terminal's answers.
//!
//! Sources: xterm's ctlseqs (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>), kitty's keyboard, graphics and
//! colour protocols (<https://sw.kovidgoyal.net/kitty/protocol-extensions/>), OSC 7501
//! (<https://www.superlogical.com/rex/docs/build/program-status>).

use crate::term::replies::Colour;
use crate::term::replies::Reply;
use crate::term::replies::Rgb;

/// What the bytes from an ESC on are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Not known yet.
    Open,
    /// No answer.
    Other,
    /// A whole answer.
    Reply(Reply),
    /// An answer whose text follows, up to ST.
    Begins(Header),
}

/// The beginning of an answer that has a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Osc(u16),
    Dcs,
    Graphics,
}

/// Longest text of an answer, in bytes. All 256 colours in one OSC 4 have 7 KB.
const ANSWER_MAX_BYTES: usize = 8 << 10;
/// Longest clipboard (OSC 52, base64) that is taken out: more than people select.
const CLIPBOARD_MAX_BYTES: usize = 8 << 20;

/// Judges what began with ESC and has at least one byte more. It is asked after each byte, so that a key is held back
/// no longer than it could be an answer.
pub fn shape(sequence: &[u8]) -> Shape {
    let body = &sequence[2..];
    match sequence[1] {
        b'[' => csi(body),
        b']' => osc(body),
        b'P' => dcs(body),
        b'_' => apc(body),
        _ => Shape::Other,
    }
}

fn csi(body: &[u8]) -> Shape {
    match body.split_last() {
        None | Some((0x20..=0x3f, _)) => Shape::Open,
        Some((b'c', body @ [b'?', ..])) if is_csi_reply(body, b'c') => Shape::Reply(Reply::Attributes),
        Some((last @ 0x40..=0x7e, body)) if is_csi_reply(body, *last) => Shape::Reply(Reply::Other),
        Some(_) => Shape::Other,
    }
}

fn is_csi_reply(body: &[u8], last: u8) -> bool {
    let (prefix, rest) = match body.split_first() {
        Some((first @ b'<'..=b'?', rest)) => (Some(*first), rest),
        _ => (None, body),
    };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    let (parameters, others) = rest.split_at(digits);
    let numbers: Vec<u32> = parameters.split(|&b| b == b';').map(number).collect();
    match (prefix, others, last) {
        // DECRPM: what a mode is set to.
        (None | Some(b'?'), b"$", b'y') => true,
        // A colon is kitty's type of a key event.
        (_, [_, ..], _) => false,
        // DA1, DA2, DA3.
        (Some(b'?' | b'>' | b'='), _, b'c') => true,
        // CPR; `CSI 1;2 R` to `1;8 R` are F3 with modifiers.
        (None, _, b'R') => numbers.len() == 2 && !(numbers[0] == 1 && (2..=8).contains(&numbers[1])),
        (Some(b'?'), _, b'R') => true,
        // DSR.
        (None, _, b'n') => matches!(numbers[..], [0 | 3]) && !parameters.is_empty(),
        // Dark or light: no answer but an event, for programs that set mode 2031.
        (Some(b'?'), _, b'n') => numbers[0] != 997,
        // Kitty's flags, without `?` a key.
        (Some(b'?'), _, b'u') => true,
        // Of the window: state, position, size in pixels; of the screen in pixels, a cell; of both in cells. 48 is an
        // event, for programs that set mode 2048.
        (None, _, b't') => matches!(numbers[0], 1..=6 | 8 | 9),
        // Limits of graphics, modifyOtherKeys, DECREPTPARM.
        (Some(b'?'), _, b'S') | (Some(b'>'), _, b'm') => true,
        (None, _, b'x') => numbers.len() == 7,
        _ => false,
    }
}

fn osc(body: &[u8]) -> Shape {
    let digits = body.iter().take_while(|b| b.is_ascii_digit()).count();
    match (digits, &body[digits..]) {
        (0..=4, []) => Shape::Open,
        (1..=4, [b';']) => match number(&body[..digits]) {
            // Colours: palette, special, dynamic, kitty's; the clipboard; program status.
            n @ (4 | 5 | 10..=19 | 21 | 52 | 7501) => Shape::Begins(Header::Osc(u16::try_from(n).unwrap_or(0))),
            _ => Shape::Other,
        },
        _ => Shape::Other,
    }
}

fn dcs(body: &[u8]) -> Shape {
    let parameters = body.iter().take_while(|b| b.is_ascii_digit() || **b == b';').count();
    match &body[parameters..] {
        [] if parameters <= 4 => Shape::Open,
        [b'>' | b'!' | b'$' | b'+'] => Shape::Open,
        // XTVERSION, DA3, DECRQSS, XTGETTCAP, DECRQCRA's checksum, DECRQPSR.
        b">|" | b"!|" | b"$r" | b"+r" | b"!~" | b"$u" => Shape::Begins(Header::Dcs),
        _ => Shape::Other,
    }
}

/// Kitty's graphics: `G`, then a key and `=`.
fn apc(body: &[u8]) -> Shape {
    match body {
        [] | [b'G'] => Shape::Open,
        [b'G', key] if key.is_ascii_alphabetic() => Shape::Open,
        [b'G', _, b'='] => Shape::Begins(Header::Graphics),
        _ => Shape::Other,
    }
}

impl Header {
    /// xterm ends an OSC as the question ended, with BEL or ST.
    pub fn ends_at_bel(self) -> bool {
        matches!(self, Self::Osc(_))
    }

    pub fn max_bytes(self) -> usize {
        if self == Self::Osc(52) { CLIPBOARD_MAX_BYTES } else { ANSWER_MAX_BYTES }
    }

    /// What the answer with this text says. Of several colours in one OSC 4 the first counts.
    pub fn reply(self, text: &[u8]) -> Reply {
        let colour = |which, text| rgb(text).map(|rgb| Reply::Colour { which, rgb });
        let reply = match self {
            Self::Osc(4) => text.iter().position(|&b| b == b';').and_then(|at| {
                let index = std::str::from_utf8(&text[..at]).ok()?.parse().ok()?;
                let value = text[at + 1..].split(|&b| b == b';').next()?;
                colour(Colour::Palette(index), value)
            }),
            Self::Osc(10) => colour(Colour::Foreground, text),
            Self::Osc(11) => colour(Colour::Background, text),
            Self::Osc(12) => colour(Colour::Cursor, text),
            Self::Osc(7501) => Some(Reply::ProgramStatus),
            _ => None,
        };
        reply.unwrap_or(Reply::Other)
    }
}

/// `rgb:r/g/b` and `rgba:r/g/b/a`, one to four hexadecimal digits each, and `#rrggbb` (XParseColor(3)).
fn rgb(text: &[u8]) -> Option<Rgb> {
    let text = std::str::from_utf8(text).ok()?;
    let parts: Vec<&str> = if let Some(digits) = text.strip_prefix('#').filter(|digits| digits.is_ascii()) {
        let width = digits.len() / 3;
        if width == 0 || digits.len() % 3 != 0 {
            return None;
        }
        vec![&digits[..width], &digits[width..2 * width], &digits[2 * width..]]
    } else {
        let (kind, values) = text.split_once(':')?;
        let parts: Vec<&str> = values.split('/').collect();
        if !matches!((kind, parts.len()), ("rgb", 3) | ("rgba", 4)) {
            return None;
        }
        parts
    };
    let mut rgb = [0; 3];
    for (channel, digits) in rgb.iter_mut().zip(&parts) {
        *channel = scaled(digits)?;
    }
    Some(Rgb(rgb))
}

/// One to four digits to the full 16 bits: `f`, `ff`, `fff` and `ffff` are the same.
fn scaled(digits: &str) -> Option<u16> {
    if !(1..=4).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(digits, 16).ok()?;
    let largest = (1_u32 << (4 * digits.len())) - 1;
    u16::try_from(value * 0xffff / largest).ok()
}

fn number(digits: &[u8]) -> u32 {
    let add = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit.wrapping_sub(b'0')));
    digits.iter().fold(0, add)
}
