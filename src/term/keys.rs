//! The keys with which an attached client is told to detach: the detach key (Ctrl-] unless set otherwise), then `d`.
//!
//! The key is known in the three ways in which terminals send it, because agents switch the newer two on: as a control
//! character, as `CSI 93;5u` (kitty's keyboard protocol, <https://sw.kovidgoyal.net/kitty/keyboard-protocol/>) and as
//! `CSI 27;5;93~` (xterm's modifyOtherKeys). Inside a bracketed paste nothing is a key.
//!
//! What is held back: the detach key until the next key, however long that takes, and an unfinished `CSI`, which is of
//! no use to the program either, until [`DetachKeys::flush`]. A lone ESC at the end of a read is the Escape key and is
//! sent at once, so a sequence that is torn behind its ESC passes to the program unrecognised: the user types again.

use crate::session::spec::DetachKey;

const ESC: u8 = 0x1b;
/// Longest CSI sequence that is read, in bytes. Kitty's longest keys, with alternates and text, have some 40.
const SEQUENCE_MAX_BYTES: usize = 64;

/// Modifier bits of both protocols, which send them plus 1.
const SHIFT: u32 = 1;
const CTRL: u32 = 4;
/// Caps lock and num lock: states, nothing that somebody presses along with a key.
const LOCKS: u32 = 64 | 128;

/// What typing amounts to, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// For the program, unchanged.
    Bytes(Vec<u8>),
    Detach,
    Help,
}

/// Tells what is typed at the program from what is typed at the client.
#[derive(Clone, Debug)]
pub struct DetachKeys {
    key: DetachKey,
    /// The detach key as the terminal sent it, while the key behind it is awaited; else empty.
    armed: Vec<u8>,
    /// An unfinished sequence from its ESC on; else empty.
    sequence: Vec<u8>,
    /// How many bytes of `sequence` the program has already.
    sent: usize,
    in_paste: bool,
}

/// What one byte or one whole sequence of the input means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Key,
    Detach,
    Help,
    /// Nobody's answer to "which key comes next": a key release, a modifier by itself, the mouse, the focus.
    Aside,
    Other,
}

impl DetachKeys {
    pub fn new(key: DetachKey) -> Self {
        Self { key, armed: Vec::new(), sequence: Vec::new(), sent: 0, in_paste: false }
    }

    /// Takes what was read from the terminal. What stands behind a [`Typed::Detach`] in the same read is dropped: it
    /// was not meant for the program any more.
    pub fn feed(&mut self, input: &[u8]) -> Vec<Typed> {
        let mut out = Vec::new();
        let mut rest = input;
        loop {
            if self.sequence.is_empty() && self.armed.is_empty() {
                let special = |&b: &u8| b == ESC || (b == self.key.0 && !self.in_paste);
                let (plain, tail) = rest.split_at(rest.iter().position(special).unwrap_or(rest.len()));
                send(&mut out, plain);
                rest = tail;
            }
            let Some((&byte, tail)) = rest.split_first() else { break };
            rest = tail;
            self.take(byte, &mut out);
            if out.last() == Some(&Typed::Detach) {
                *self = Self::new(self.key);
                return out;
            }
        }
        // Half a key is held back only where a key could do something.
        if self.sequence.len() == 1 || self.in_paste || self.sent > 0 {
            self.send_unfinished(&mut out);
        }
        out
    }

    /// What was held back of an unfinished sequence. Call it when [`is_holding`](Self::is_holding) and nothing was
    /// typed for 20 to 30 ms: it was no sequence then, but Alt-[ for instance.
    pub fn flush(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.send_unfinished(&mut out);
        match out.pop() {
            Some(Typed::Bytes(bytes)) => bytes,
            _ => Vec::new(),
        }
    }

    /// Whether [`flush`](Self::flush) has something to give. A detach key that awaits the next key does not count.
    pub fn is_holding(&self) -> bool {
        self.sent < self.sequence.len()
    }

    /// The key as people write it: `Ctrl-]`.
    pub fn describe(&self) -> String {
        describe(self.key)
    }

    fn take(&mut self, byte: u8, out: &mut Vec<Typed>) {
        match (self.sequence.len(), byte) {
            (0, ESC) | (1, b'[') => self.sequence.push(byte),
            (0, _) => self.act(self.byte_meaning(byte), &[byte], out),
            (2.., 0x20..=0x3f) if self.sequence.len() < SEQUENCE_MAX_BYTES => self.sequence.push(byte),
            (2.., 0x40..=0x7e) => {
                self.sequence.push(byte);
                self.finish(out);
            }
            _ => {
                self.send_unfinished(out);
                self.forget_sequence();
                self.take(byte, out);
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<Typed>) {
        let sequence = std::mem::take(&mut self.sequence);
        let unsent = &sequence[std::mem::take(&mut self.sent)..];
        let paste_ends = self.in_paste && sequence == b"\x1b[201~";
        if self.in_paste || unsent.len() < sequence.len() {
            send(out, unsent);
        } else {
            self.act(sequence_meaning(self.key, &sequence), unsent, out);
        }
        self.in_paste = (self.in_paste && !paste_ends) || sequence == b"\x1b[200~";
    }

    /// Sends the unfinished sequence but remembers it: a paste's end marker counts however slowly it comes.
    fn send_unfinished(&mut self, out: &mut Vec<Typed>) {
        if self.is_holding() {
            send(out, &std::mem::take(&mut self.armed));
            send(out, &self.sequence[self.sent..]);
            self.sent = self.sequence.len();
        }
    }

    fn forget_sequence(&mut self) {
        self.sequence.clear();
        self.sent = 0;
    }

    fn act(&mut self, meaning: Meaning, bytes: &[u8], out: &mut Vec<Typed>) {
        let armed = !self.armed.is_empty();
        match meaning {
            Meaning::Key if !armed && !self.in_paste => self.armed.extend_from_slice(bytes),
            Meaning::Aside => send(out, bytes),
            Meaning::Key | Meaning::Detach | Meaning::Help if armed => {
                self.armed.clear();
                match meaning {
                    Meaning::Detach => out.push(Typed::Detach),
                    Meaning::Help => out.push(Typed::Help),
                    _ => send(out, bytes),
                }
            }
            _ => {
                send(out, &std::mem::take(&mut self.armed));
                send(out, bytes);
            }
        }
    }

    fn byte_meaning(&self, byte: u8) -> Meaning {
        match byte {
            _ if byte == self.key.0 => Meaning::Key,
            b'd' | b'D' | 0x04 => Meaning::Detach,
            b'?' => Meaning::Help,
            _ => Meaning::Other,
        }
    }
}

/// The lines shown on the detach key and `?`, for a terminal in raw mode.
pub fn help_text(key: DetachKey) -> String {
    let key = describe(key);
    let width = 2 * key.len() + 3;
    let lines = [
        (format!("{key} d"), "detach; the session goes on".to_owned()),
        (format!("{key} {key}"), format!("send {key} to the program")),
        (format!("{key} ?"), "this help".to_owned()),
    ];
    lines.map(|(keys, what)| format!("  {keys:width$}{what}\r\n")).concat()
}

/// ASCII has the control characters 0x40 below the letters they are typed with.
fn describe(key: DetachKey) -> String {
    format!("Ctrl-{}", char::from(key.0 ^ 0x40))
}

fn send(out: &mut Vec<Typed>, bytes: &[u8]) {
    match out.last_mut() {
        _ if bytes.is_empty() => {}
        Some(Typed::Bytes(last)) => last.extend_from_slice(bytes),
        _ => out.push(Typed::Bytes(bytes.to_vec())),
    }
}

/// One key event of either protocol.
struct Event {
    /// The key's code point; on a keyboard without Latin letters the one at its place on a US keyboard, if told.
    code: u32,
    /// What it is with Shift, if told, else 0.
    shifted: u32,
    modifiers: u32,
    released: bool,
    /// The character typed with it, if told, else 0.
    text: u32,
}

fn sequence_meaning(key: DetachKey, sequence: &[u8]) -> Meaning {
    let body = &sequence[2..sequence.len() - 1];
    match (body, sequence[sequence.len() - 1]) {
        ([], b'I' | b'O') | ([b'<', ..], b'M' | b'm') => Meaning::Aside,
        (_, last) => event(body, last).map_or(Meaning::Other, |event| event.meaning(key)),
    }
}

/// Kitty: `code:shifted:base ; modifiers:event ; text u`, also with `~` and letters for keys without a code point.
/// xterm: `27 ; modifiers ; code ~`.
fn event(body: &[u8], last: u8) -> Option<Event> {
    let mut numbers = [[0_u32; 3]; 3];
    for (parameter, row) in body.split(|&b| b == b';').zip(&mut numbers) {
        for (part, number) in parameter.split(|&b| b == b':').zip(row) {
            for &digit in part {
                let digit = char::from(digit).to_digit(10)?;
                *number = number.saturating_mul(10).saturating_add(digit);
            }
        }
    }
    let [[first, shifted, base], [modifiers, kind, _], [third, ..]] = numbers;
    let (code, text) = match (first, last) {
        (27, b'~') => (third, 0),
        (0x80.., b'u') if base != 0 => (base, third),
        (_, b'u') => (first, third),
        // Home and the like: only whether it was released is of interest.
        _ => (0, 0),
    };
    let code = if (0x41..=0x5a).contains(&code) { code | 0x20 } else { code };
    Some(Event { code, shifted, modifiers: modifiers.saturating_sub(1) & !LOCKS, released: kind == 3, text })
}

impl Event {
    fn meaning(&self, key: DetachKey) -> Meaning {
        const CAPS_LOCK_TO_NUM_LOCK: std::ops::RangeInclusive<u32> = 57358..=57360;
        const LEFT_SHIFT_TO_LEVEL5_SHIFT: std::ops::RangeInclusive<u32> = 57441..=57454;
        let plain_or_ctrl = self.modifiers & !(SHIFT | CTRL) == 0;
        let question_mark = u32::from(b'?');
        if self.released
            || CAPS_LOCK_TO_NUM_LOCK.contains(&self.code)
            || LEFT_SHIFT_TO_LEVEL5_SHIFT.contains(&self.code)
        {
            Meaning::Aside
        } else if self.is(key) {
            Meaning::Key
        } else if plain_or_ctrl && self.code == u32::from(b'd') {
            Meaning::Detach
        } else if plain_or_ctrl
            && ([self.code, self.shifted, self.text].contains(&question_mark)
                // A US keyboard that tells neither the shifted key nor the text.
                || (self.code == u32::from(b'/') && self.modifiers == SHIFT && self.shifted == 0 && self.text == 0))
        {
            Meaning::Help
        } else {
            Meaning::Other
        }
    }

    /// Whether the key would have been sent as `key` in the old encoding.
    fn is(&self, key: DetachKey) -> bool {
        // `^` and `_` need Shift on most keyboards, and terminals send them for 6, - and / too (xterm, VTE).
        let (codes, with_shift): (&[u8], bool) = match key.0 {
            0x1e => (b"^6", true),
            0x1f => (b"_-/", true),
            letter @ 0x01..=0x1a => (&[letter | 0x60], false),
            other => (&[other | 0x40], false),
        };
        let modifiers_fit = self.modifiers == CTRL || (with_shift && self.modifiers == CTRL | SHIFT);
        modifiers_fit && codes.iter().any(|&code| [self.code, self.shifted].contains(&u32::from(code)))
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
