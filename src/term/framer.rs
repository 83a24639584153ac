//! Cuts a program's output into units: text, control characters, escape sequences and strings.
//!
//! A unit that is not finished at the end of a chunk is held back, so that cuts never matter. The grammar is that of
//! xterm.js 6 (`EscapeSequenceParser.ts`), which runs in the page; it follows <https://vt100.net/emu/dec_ansi_parser>.
//! Bytes 0x80-0x9f are parts of UTF-8 characters, never controls; the *code points* U+0080-U+009F are C1 controls.
//! Control characters inside an unfinished sequence are told of when it ends, and before it.

mod drawing;
mod params;
mod sequence;
mod strings;
mod text;
mod unit;

use params::Csi;
pub use params::Params;
use sequence::State;
use strings::End;
use strings::string_end;
pub use text::Decoded;
pub use text::decode;
use text::printable;
pub use unit::Kind;
pub use unit::Unit;
pub use unit::What;

/// Longest string that is kept whole, in bytes with its introducer. Longer ones, which are images, pass in pieces.
pub const STRING_MAX_BYTES: usize = 64 * 1024;
/// Longest escape or control sequence, in bytes; 32 parameters of 10 digits have 352. A longer one is dropped.
const SEQUENCE_MAX_BYTES: usize = 1024;
/// How much is taken at once to finish a sequence that was held back.
const STEP_BYTES: usize = 64;

const BEL: u8 = 0x07;
const SO: u8 = 0x0e;
const SI: u8 = 0x0f;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;
const DEL: u8 = 0x7f;
/// The code points of C1 that introduce something.
const DCS: u8 = 0x90;
const SOS: u8 = 0x98;
const CSI: u8 = 0x9b;
const OSC: u8 = 0x9d;
const PM: u8 = 0x9e;
const APC: u8 = 0x9f;

/// A unit without its bytes.
#[derive(Clone, Copy, Debug)]
enum Form {
    Text { is_ascii: bool },
    Control(u8),
    Escape { intermediate: u8, last: u8 },
    Csi { prefix: u8, intermediate: u8, last: u8 },
    String { kind: Kind, introducer: usize, terminator: usize },
    Piece { kind: Kind, is_first: bool, is_last: bool },
    Nothing,
}

enum Found {
    Whole(usize, Form),
    Unfinished,
    /// A string without an end in its first so many bytes.
    TooLong(Kind, usize),
}

/// A string that is held back: which, the length of its introducer, and how far it was searched.
#[derive(Clone, Copy, Debug)]
struct Open {
    kind: Kind,
    introducer: usize,
    searched: usize,
}

struct Token<'c> {
    /// The unit's bytes, or how many of those that are held.
    raw: Result<&'c [u8], usize>,
    form: Form,
}

/// Cuts a stream into units. It holds back what is not finished.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    held: Vec<u8>,
    /// How many bytes of `held` were given out with the last unit.
    taken: usize,
    open: Option<Open>,
    /// The string that passes in pieces.
    draining: Option<Kind>,
    params: Params,
    controls: Vec<u8>,
    /// Whether anything is held, open, passing or given out: the next unit does not just begin the chunk.
    is_busy: bool,
    /// A sequence without the controls in it.
    clean: Vec<u8>,
}

impl Framer {
    /// Whether nothing is held back and no string passes in pieces.
    pub fn at_ground(&self) -> bool {
        self.held().is_empty() && self.draining.is_none()
    }

    /// Whether the next unit just begins the chunk.
    pub fn at_start(&self) -> bool {
        !self.is_busy
    }

    /// The bytes of the unfinished unit, or of a long string those behind its last piece.
    pub fn held(&self) -> &[u8] {
        &self.held[self.taken..]
    }

    /// The long string that passes in pieces and has not ended.
    pub fn passing(&self) -> Option<Kind> {
        self.draining
    }

    /// Takes the next unit off the chunk; `None` when the chunk is used up.
    pub fn next<'a, 'c: 'a>(&'a mut self, chunk: &mut &'c [u8]) -> Option<Unit<'a>> {
        let token = self.advance(chunk);
        self.is_busy = !self.held.is_empty() || !self.controls.is_empty() || self.draining.is_some();
        Some(self.unit(token?))
    }

    /// Takes the next unit off the chunk and gives it to `act`, if it is of those that nearly all are: text, a control, or
    /// a control sequence, whole, and neither held back nor with controls in it. `false`: [`next`](Self::next) knows.
    ///
    /// It calls instead of answering, so that what is done for each kind follows without another look at which it is.
    #[inline(always)]
    pub fn usual<'c>(&mut self, chunk: &mut &'c [u8], act: impl FnOnce(&'c [u8], What<'_>)) -> bool {
        let bytes = *chunk;
        let Some(&first) = bytes.first().filter(|_| !self.is_busy) else { return false };
        match first {
            ESC => {
                let csi = self.params.parse_csi_behind_escape(bytes);
                let Some(Csi { length, prefix, intermediate, last }) = csi else { return false };
                *chunk = &bytes[length..];
                act(&bytes[..length], What::Csi { prefix, intermediate, last, params: &self.params });
            }
            control @ (..=0x1f | DEL) => {
                *chunk = &bytes[1..];
                act(&bytes[..1], What::Control(control));
            }
            _ => {
                let ascii = printable(bytes);
                if bytes.get(ascii).is_none_or(u8::is_ascii) {
                    *chunk = &bytes[ascii..];
                    act(&bytes[..ascii], What::Text { is_ascii: true });
                } else {
                    let length = text::length(bytes, ascii);
                    if length == 0 {
                        return false;
                    }
                    *chunk = &bytes[length..];
                    act(&bytes[..length], What::Text { is_ascii: false });
                }
            }
        }
        true
    }

    fn unit<'a>(&'a self, token: Token<'a>) -> Unit<'a> {
        let (raw, is_carried) = match token.raw {
            Ok(raw) => (raw, false),
            Err(length) => (&self.held[..length], true),
        };
        let what = match token.form {
            Form::Text { is_ascii } => What::Text { is_ascii },
            Form::Control(control) => What::Control(control),
            Form::Escape { intermediate, last } => What::Escape { intermediate, last },
            Form::Csi { prefix, intermediate, last } => What::Csi { prefix, intermediate, last, params: &self.params },
            Form::String { kind, introducer, terminator } => {
                What::String { kind, body: &raw[introducer..raw.len() - terminator], ended_by_bell: terminator == 1 }
            }
            Form::Piece { kind, is_first, is_last } => What::Piece { kind, is_first, is_last },
            Form::Nothing => What::Nothing,
        };
        Unit { raw, is_carried, controls: &self.controls, what }
    }

    fn advance<'c>(&mut self, chunk: &mut &'c [u8]) -> Option<Token<'c>> {
        if self.taken > 0 {
            self.held.drain(..self.taken);
            self.taken = 0;
        }
        if self.open.is_none() && !self.controls.is_empty() {
            self.controls.clear();
        }
        if let Some(kind) = self.draining {
            return self.drain(kind, chunk);
        }
        if !self.held.is_empty() {
            return self.resume(chunk);
        }
        if chunk.is_empty() {
            return None;
        }
        let bytes = *chunk;
        let (length, form) = match self.find(bytes) {
            Found::Whole(length, form) => (length, form),
            Found::TooLong(kind, length) => {
                self.draining = Some(kind);
                (length, Form::Piece { kind, is_first: true, is_last: false })
            }
            Found::Unfinished => {
                self.held.extend_from_slice(bytes);
                *chunk = &[];
                return None;
            }
        };
        let (raw, rest) = bytes.split_at(length);
        *chunk = rest;
        Some(Token { raw: Ok(raw), form })
    }

    /// Goes on with what is held.
    fn resume<'c>(&mut self, chunk: &mut &'c [u8]) -> Option<Token<'c>> {
        while !chunk.is_empty() {
            let before = self.held.len();
            let room = if self.open.is_some() { (STRING_MAX_BYTES + 4).saturating_sub(before) } else { STEP_BYTES };
            let step = chunk.len().min(room.max(1));
            self.held.extend_from_slice(&chunk[..step]);
            let held = std::mem::take(&mut self.held);
            let found = self.find(&held);
            self.held = held;
            let (length, form) = match found {
                Found::Unfinished => {
                    *chunk = &chunk[step..];
                    continue;
                }
                Found::Whole(length, form) => (length, form),
                Found::TooLong(kind, length) => {
                    self.draining = Some(kind);
                    (length, Form::Piece { kind, is_first: true, is_last: false })
                }
            };
            // A unit may end before what was held ends: at an ESC that turned out to begin the next one.
            self.held.truncate(length.max(before));
            *chunk = &chunk[length.saturating_sub(before)..];
            self.taken = length;
            return Some(Token { raw: Err(length), form });
        }
        None
    }

    /// The next piece of a long string.
    fn drain<'c>(&mut self, kind: Kind, chunk: &mut &'c [u8]) -> Option<Token<'c>> {
        let piece = |is_last| Form::Piece { kind, is_first: false, is_last };
        while let Some((&byte, rest)) = chunk.split_first() {
            if self.held.is_empty() {
                let bytes = *chunk;
                let (length, form) = match string_end(kind, bytes, 0, bytes.len(), 0) {
                    End::At { length, .. } => {
                        self.draining = None;
                        (length, piece(true))
                    }
                    End::Beyond(0) => {
                        self.held.extend_from_slice(bytes);
                        *chunk = &[];
                        return None;
                    }
                    End::Beyond(length) => (length, piece(false)),
                };
                let (raw, rest) = bytes.split_at(length);
                *chunk = rest;
                return Some(Token { raw: Ok(raw), form });
            }
            self.held.push(byte);
            *chunk = rest;
            let (length, form) = match string_end(kind, &self.held, 0, self.held.len(), 0) {
                End::At { length, .. } => {
                    self.draining = None;
                    (length, piece(true))
                }
                End::Beyond(0) => continue,
                End::Beyond(length) => (length, piece(false)),
            };
            self.taken = length;
            return Some(Token { raw: Err(length), form });
        }
        None
    }

    /// The unit at the beginning of `bytes`, which are not empty.
    fn find(&mut self, bytes: &[u8]) -> Found {
        if let Some(Open { kind, introducer, searched }) = self.open.take() {
            return self.string(kind, bytes, introducer, searched);
        }
        match bytes[0] {
            ESC => self.escape(bytes),
            control @ (..=0x1f | DEL) => Found::Whole(1, Form::Control(control)),
            _ => match text::length(bytes, 0) {
                0 if bytes[0] == 0xc2 && bytes.len() > 1 => self.c1(bytes),
                0 => Found::Unfinished,
                length => Found::Whole(length, Form::Text { is_ascii: false }),
            },
        }
    }

    fn escape(&mut self, bytes: &[u8]) -> Found {
        match bytes.get(1) {
            None => Found::Unfinished,
            Some(b'[') => self.csi(bytes),
            Some(&last) => match string_kind(last) {
                Some(kind) => self.string(kind, bytes, 2, 2),
                None if (0x30..=0x7e).contains(&last) => Found::Whole(2, Form::Escape { intermediate: 0, last }),
                None => self.sequence(bytes, State::Escape, 1),
            },
        }
    }

    fn c1(&mut self, bytes: &[u8]) -> Found {
        match bytes[1] {
            CSI => self.csi(bytes),
            OSC => self.string(Kind::Osc, bytes, 2, 2),
            DCS => self.string(Kind::Dcs, bytes, 2, 2),
            APC => self.string(Kind::Apc, bytes, 2, 2),
            SOS | PM => self.string(Kind::Other, bytes, 2, 2),
            control => Found::Whole(2, Form::Control(control)),
        }
    }

    /// A control sequence, whose introducer has two bytes.
    fn csi(&mut self, bytes: &[u8]) -> Found {
        if let Some(Csi { length, prefix, intermediate, last }) = self.params.parse_csi(bytes) {
            return Found::Whole(length, Form::Csi { prefix, intermediate, last });
        }
        self.sequence(bytes, State::Csi, 2)
    }

    fn string(&mut self, kind: Kind, bytes: &[u8], introducer: usize, from: usize) -> Found {
        match string_end(kind, bytes, from, bytes.len().min(STRING_MAX_BYTES), introducer) {
            End::At { length, is_broken_off: true, .. } => Found::Whole(length, Form::Nothing),
            End::At { length, terminator, .. } => Found::Whole(length, Form::String { kind, introducer, terminator }),
            End::Beyond(length) if length >= STRING_MAX_BYTES => Found::TooLong(kind, length),
            End::Beyond(searched) => {
                self.open = Some(Open { kind, introducer, searched });
                Found::Unfinished
            }
        }
    }
}

/// The string that a character behind ESC begins.
fn string_kind(byte: u8) -> Option<Kind> {
    Some(match byte {
        b']' => Kind::Osc,
        b'P' => Kind::Dcs,
        b'_' => Kind::Apc,
        b'X' | b'^' => Kind::Other,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "framer_tests.rs"]
mod tests;
