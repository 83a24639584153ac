//! Keeps a terminal's answers out of what a client types: the daemon answers every question itself, and an answer that
//! comes again, late or unasked would be typed into a program that waits for keys.
//!
//! Keys, the mouse, focus and colour scheme events look alike and pass. Inside a bracketed paste everything passes.
//! Bytes 0x80-0x9f are parts of UTF-8 characters, never controls.

mod shape;

use crate::term::replies::shape::Header;
use std::time::Duration;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Most bytes that are held back until they are known to be a key or an answer. The longest answers of this kind, DA1
/// of terminals that can do everything, have some 50.
const HELD_MAX_BYTES: usize = 128;
/// How much of an answer's text is kept, to read a colour from: `255;rgba:ffff/ffff/ffff/ffff` is the longest.
const TEXT_MAX_BYTES: usize = 64;
/// After so long a pause, half a sequence was a key: Escape, or Alt and `[`. A terminal writes a sequence at once, and
/// who presses Escape does not see a delay as short as this.
const KEY_PATIENCE: Duration = Duration::from_millis(30);
/// Nobody types the beginning of an answer, so the rest may come from far away; a link that is slower has lost it.
const REPLY_PATIENCE: Duration = Duration::from_secs(1);

/// An answer that was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A colour of the client's own terminal.
    Colour {
        which: Colour,
        rgb: Rgb,
    },
    /// DA1. Every terminal gives it, and in its turn: what was asked before and has no answer yet gets none.
    Attributes,
    /// OSC 7501: it understands what programs report there.
    ProgramStatus,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// OSC 4.
    Palette(u8),
    /// OSC 10.
    Foreground,
    /// OSC 11.
    Background,
    /// OSC 12.
    Cursor,
}

/// Red, green and blue, each from 0 to 65535, as X11 and terminals' answers have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub [u16; 3]);

/// Takes answers out of the bytes that one client types, however they are cut.
#[derive(Clone, Debug, Default)]
pub struct ReplyGuard {
    state: State,
    /// What may be the beginning of an answer, from its ESC on.
    held: Vec<u8>,
    /// How much of a paste's start, or inside of one its end, the last bytes were.
    marker: usize,
    in_paste: bool,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// Nothing has begun, or it is in `held` and undecided.
    #[default]
    Open,
    /// Inside of an answer that ends at ST.
    Dropping(Dropping),
}

#[derive(Clone, Debug)]
struct Dropping {
    header: Header,
    /// The beginning of its text.
    text: Vec<u8>,
    length: usize,
    after_esc: bool,
}

impl ReplyGuard {
    /// Adds to `out` what of `input` the program is to get, and returns the answers that ended in it, in their order.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Vec<Reply> {
        let mut replies = Vec::new();
        let mut rest = input;
        loop {
            if self.is_plain() {
                let (plain, tail) = rest.split_at(rest.iter().position(|&b| b == ESC).unwrap_or(rest.len()));
                out.extend_from_slice(plain);
                rest = tail;
            }
            let Some((&byte, tail)) = rest.split_first() else { return replies };
            rest = tail;
            self.take(byte, out, &mut replies);
            self.follow_paste(byte);
        }
    }

    /// Whether something awaits its rest.
    pub fn is_holding(&self) -> bool {
        self.patience().is_some()
    }

    /// How long to wait for the next input before [`flush`](Self::flush) is due; `None` when nothing awaits its rest.
    pub fn patience(&self) -> Option<Duration> {
        match self.state {
            State::Dropping(_) => Some(REPLY_PATIENCE),
            State::Open if !self.held.is_empty() => Some(KEY_PATIENCE),
            State::Open => None,
        }
    }

    /// The rest did not come: what was held back were keys. Half an answer stays dropped.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if let State::Dropping(Dropping { after_esc: true, .. }) = self.state {
            out.push(ESC);
        }
        self.state = State::Open;
        self.release(out);
    }

    fn is_plain(&self) -> bool {
        matches!(self.state, State::Open) && self.held.is_empty() && self.marker == 0
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>, replies: &mut Vec<Reply>) {
        match &mut self.state {
            State::Dropping(dropping) => match dropping.take(byte) {
                Fate::GoesOn => {}
                Fate::Ended => {
                    replies.push(dropping.header.reply(&dropping.text));
                    self.state = State::Open;
                }
                Fate::Broken { esc } => {
                    self.state = State::Open;
                    if esc {
                        self.take(ESC, out, replies);
                    }
                    self.take(byte, out, replies);
                }
            },
            State::Open if self.in_paste => out.push(byte),
            State::Open if self.held.is_empty() && byte != ESC => out.push(byte),
            State::Open => self.hold(byte, out, replies),
        }
    }

    fn hold(&mut self, byte: u8, out: &mut Vec<u8>, replies: &mut Vec<Reply>) {
        if byte == ESC {
            self.release(out);
            self.held.push(ESC);
            return;
        }
        self.held.push(byte);
        match shape::shape(&self.held) {
            shape::Shape::Open if self.held.len() < HELD_MAX_BYTES => {}
            shape::Shape::Open | shape::Shape::Other => self.release(out),
            shape::Shape::Reply(reply) => {
                self.held.clear();
                replies.push(reply);
            }
            shape::Shape::Begins(header) => {
                self.held.clear();
                self.state = State::Dropping(Dropping { header, text: Vec::new(), length: 0, after_esc: false });
            }
        }
    }

    /// Looks for the markers beside all else, so that one that was flushed in its middle counts too.
    fn follow_paste(&mut self, byte: u8) {
        let marker = if self.in_paste { PASTE_END } else { PASTE_START };
        self.marker = match marker.get(self.marker) {
            Some(&next) if next == byte => self.marker + 1,
            // A marker has only one ESC, so no other beginning is in what has matched.
            _ => usize::from(byte == ESC),
        };
        if self.marker == marker.len() {
            self.in_paste = !self.in_paste;
            self.marker = 0;
        }
    }
}

/// What a byte does to an answer.
enum Fate {
    GoesOn,
    Ended,
    /// It was none, or was cut short: the byte belongs to something else, and so does the ESC before it.
    Broken {
        esc: bool,
    },
}

impl Dropping {
    fn take(&mut self, byte: u8) -> Fate {
        if std::mem::take(&mut self.after_esc) {
            return if byte == b'\\' { Fate::Ended } else { Fate::Broken { esc: true } };
        }
        match byte {
            ESC => self.after_esc = true,
            BEL if self.header.ends_at_bel() => return Fate::Ended,
            CAN | SUB => return Fate::Ended,
            // Answers are one line of text: somebody types.
            ..=0x1f | 0x7f => return Fate::Broken { esc: false },
            _ if self.length >= self.header.max_bytes() => return Fate::Broken { esc: false },
            _ => {
                self.length += 1;
                if self.text.len() < TEXT_MAX_BYTES {
                    self.text.push(byte);
                }
            }
        }
        Fate::GoesOn
    }
}

#[cfg(test)]
#[path = "replies_tests.rs"]
mod tests;
