//! How [`ModeTracker`] reads a program's output.

use super::ALTERNATE;
use super::BODY_MAX_BYTES;
use super::KEYBOARD_MAX_DEPTH;
use super::MODES;
use super::Mode;
use super::ModeTracker;
use super::Osc;
use super::Pen;
use super::State;
use super::TITLE_MAX_DEPTH;
use super::colour_bit;
use super::params::append_digit;
use super::params::first;
use super::params::is_styled;
use super::params::numbers;

const BEL: u8 = 0x07;
const SO: u8 = 0x0e;
const SI: u8 = 0x0f;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

impl ModeTracker {
    /// Takes the next bytes of the output, cut anywhere.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        // By far the most frequent.
        if let (State::Ground, [ESC, b'[', params @ .., b'm']) = (self.state, bytes)
            && params.iter().all(|byte| (0x30..=0x3b).contains(byte))
        {
            self.utf8_left = 0;
            self.pen.styled = is_styled(params);
            return;
        }
        while !bytes.is_empty() {
            let used = match self.state {
                State::Ground => self.ground(bytes),
                State::Escape => self.escape(bytes[0]),
                State::Csi => self.csi(bytes),
                State::Osc => self.osc(bytes),
                State::Text => self.text(bytes),
            };
            bytes = &bytes[used..];
        }
    }

    // One method a state: each returns how many bytes it used, and none only when it changed the state.

    fn ground(&mut self, bytes: &[u8]) -> usize {
        let plain = plain_length(bytes);
        if plain > 0 {
            self.utf8_left = utf8_left(self.utf8_left, &bytes[..plain]);
        }
        let Some(&control) = bytes.get(plain) else { return plain };
        self.utf8_left = 0;
        self.control(control);
        plain + 1
    }

    /// A control character outside of strings. All but these leave the modes alone.
    fn control(&mut self, control: u8) {
        match control {
            ESC => {
                self.body.clear();
                self.state = State::Escape;
            }
            CAN | SUB => self.state = State::Ground,
            SO => self.pen.shift = 1,
            SI => self.pen.shift = 0,
            _ => {}
        }
    }

    fn escape(&mut self, byte: u8) -> usize {
        match (byte, self.body.is_empty()) {
            (..=0x1f | 0x7f, _) => self.control(byte),
            (0x20..=0x2f, _) => self.remember(&[byte]),
            (b'[', true) => self.state = State::Csi,
            (b']', true) => {
                self.osc = Osc::default();
                self.state = State::Osc;
            }
            (b'P' | b'X' | b'^' | b'_', true) => self.state = State::Text,
            (0x30..=0x7e, _) => {
                self.state = State::Ground;
                self.escape_ends(byte);
            }
            (0x80.., _) => {
                self.state = State::Ground;
                return 0;
            }
        }
        1
    }

    fn csi(&mut self, bytes: &[u8]) -> usize {
        let length = bytes.iter().position(|b| !(0x20..=0x3f).contains(b)).unwrap_or(bytes.len());
        let (body, rest) = bytes.split_at(length);
        match rest.first() {
            // The usual case, and the fast one: all in one piece.
            Some(&last @ 0x40..=0x7e) if self.body.is_empty() => {
                self.state = State::Ground;
                self.csi_ends(body, last);
            }
            Some(&last @ 0x40..=0x7e) => {
                self.remember(body);
                self.state = State::Ground;
                let whole = std::mem::take(&mut self.body);
                self.csi_ends(&whole, last);
                self.body = whole;
            }
            Some(0x80..) => {
                self.state = State::Ground;
                return length;
            }
            control => {
                self.remember(body);
                let Some(&control) = control else { return length };
                self.control(control);
            }
        }
        length + 1
    }

    fn osc(&mut self, bytes: &[u8]) -> usize {
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                BEL | ESC => {
                    self.osc_ends();
                    self.state = State::Ground;
                    self.control(byte);
                    return at + 1;
                }
                CAN | SUB => {
                    self.state = State::Ground;
                    return at + 1;
                }
                ..=0x1f => {}
                b';' => self.osc_field(),
                _ => self.osc_byte(byte),
            }
        }
        bytes.len()
    }

    /// Ends at ESC, of which the `\` of ST is the rest.
    fn text(&mut self, bytes: &[u8]) -> usize {
        let Some(end) = bytes.iter().position(|b| matches!(*b, ESC | CAN | SUB)) else { return bytes.len() };
        self.control(bytes[end]);
        end + 1
    }

    /// Keeps one byte more than is understood, which tells [`csi_ends`](Self::csi_ends) that it was too much.
    fn remember(&mut self, body: &[u8]) {
        let room = BODY_MAX_BYTES + 1 - self.body.len();
        self.body.extend_from_slice(&body[..body.len().min(room)]);
    }

    fn escape_ends(&mut self, last: u8) {
        match (self.body.as_slice(), last) {
            ([], b'7') => self.save(),
            ([], b'8') => self.bring_back(),
            ([], b'=') => self.keypad = true,
            ([], b'>') => self.keypad = false,
            ([], b'H') => self.tabs = true,
            ([], b'n') => self.pen.shift = 2,
            ([], b'o') => self.pen.shift = 3,
            ([], b'c') => self.hard_reset(),
            ([b'%'], b'@') => self.not_utf8 = true,
            ([b'%'], b'G') => self.not_utf8 = false,
            (&[into @ (b'(' | b')' | b'*' | b'+' | b'-' | b'.' | b'/'), ref more @ ..], _) if more.len() < 2 => {
                // 94 characters by ( ) * + into G0 to G3, 96 by - . / into G1 to G3.
                let which = if into < b'-' { into - b'(' } else { into - b'-' + 1 };
                let [second, third] = if let [second] = more { [*second, last] } else { [last, 0] };
                self.pen.charsets[usize::from(which)] = [into, second, third];
            }
            _ => {}
        }
    }

    fn csi_ends(&mut self, body: &[u8], last: u8) {
        if body.len() > BODY_MAX_BYTES {
            return;
        }
        let (marker, rest) = match body {
            [marker @ 0x3c..=0x3f, rest @ ..] => (*marker, rest),
            _ => (0, body),
        };
        let (params, intermediates) = rest.split_at(rest.iter().position(|&b| b < 0x30).unwrap_or(rest.len()));
        match (marker, intermediates, last) {
            (0, [], b'm') => self.pen.styled = is_styled(params),
            (b'?', [], b'h' | b'l') => numbers(params).for_each(|number| self.dec_mode(number, last == b'h')),
            (0, [], b'h' | b'l') => numbers(params).for_each(|number| self.set(Mode::Ansi(number), last == b'h')),
            (0, [], b'r') => self.set_region(params),
            (0, [], b's') if params.is_empty() => self.save(),
            (0, [], b'u') if params.is_empty() => self.bring_back(),
            (0, [], b't') => self.title_stack(params),
            (0, [], b'g') => self.tabs = true,
            (b'?', [], b'W') if params == b"5" => self.tabs = false,
            (0, [b' '], b'q') => self.cursor_style = first(params),
            (0, [b'!'], b'p') => self.soft_reset(),
            (b'>' | b'<' | b'=', [], b'u') => self.keyboard(marker, params),
            // Without a value, or without anything: back to the terminal's own.
            (b'>', [], b'm') if first(params) == 4 => self.other_keys = numbers(params).nth(1).unwrap_or(0),
            (b'>', [], b'm') if params.is_empty() => self.other_keys = 0,
            _ => {}
        }
    }

    fn dec_mode(&mut self, number: u16, on: bool) {
        match (number, on) {
            (6, _) => self.pen.origin = on,
            (1048, true) => self.save(),
            (1048, false) => self.bring_back(),
            _ => match ALTERNATE.iter().position(|&mode| mode == number) {
                Some(bit) => self.switch_screen(bit, on),
                None => self.set(Mode::Dec(number), on),
            },
        }
    }

    fn switch_screen(&mut self, bit: usize, on: bool) {
        let with_cursor = ALTERNATE[bit] == 1049;
        if on {
            if with_cursor {
                self.save();
            }
            self.alternate |= 1 << bit;
        } else {
            self.alternate = 0;
            if with_cursor {
                self.bring_back();
            }
        }
    }

    fn set(&mut self, mode: Mode, on: bool) {
        if let Some((_, default)) = MODES.iter().find(|(known, _)| *known == mode) {
            self.changed.retain(|changed| *changed != mode);
            if on != *default {
                self.changed.push(mode);
            }
        }
    }

    fn set_region(&mut self, params: &[u8]) {
        let mut numbers = numbers(params);
        let (top, bottom) = (numbers.next().unwrap_or(0).max(1), numbers.next().unwrap_or(0));
        if (top, bottom) == (1, 0) {
            self.screen().region = None;
            if !self.in_alternate_screen() {
                self.screens[1].region = None;
            }
        } else if bottom == 0 || top < bottom {
            self.screen().region = Some((top, bottom));
        }
    }

    fn keyboard(&mut self, marker: u8, params: &[u8]) {
        // Five flags are defined.
        let flags = first(params) & 0x1f;
        let how = numbers(params).nth(1).unwrap_or(1);
        let screen = self.screen();
        match marker {
            b'>' => {
                if screen.pushed_flags.len() == KEYBOARD_MAX_DEPTH {
                    screen.pushed_flags.remove(0);
                }
                screen.pushed_flags.push(flags);
            }
            b'<' => {
                let count = usize::from(first(params).max(1));
                let depth = screen.pushed_flags.len();
                screen.pushed_flags.truncate(depth.saturating_sub(count));
                if count > depth {
                    screen.flags = 0;
                }
            }
            _ => {
                let current = screen.pushed_flags.last_mut().unwrap_or(&mut screen.flags);
                match how {
                    2 => *current |= flags,
                    3 => *current &= !flags,
                    _ => *current = flags,
                }
            }
        }
    }

    fn title_stack(&mut self, params: &[u8]) {
        let mut numbers = numbers(params);
        match (numbers.next(), numbers.next().unwrap_or(0)) {
            (Some(22), 0 | 2) => self.window.titles = (self.window.titles + 1).min(TITLE_MAX_DEPTH),
            (Some(23), 0 | 2) => self.window.titles = self.window.titles.saturating_sub(1),
            _ => {}
        }
    }

    fn save(&mut self) {
        self.screen().saved = self.pen;
    }

    fn bring_back(&mut self) {
        let before = self.pen;
        self.pen = self.screen().saved;
        // Not every terminal saves these two.
        self.pen.styled |= before.styled;
        self.pen.origin |= before.origin;
    }

    /// RIS. What belongs to the window is not sure to go.
    fn hard_reset(&mut self) {
        let window = self.window;
        *self = Self { window, ..Self::new() };
    }

    /// DECSTR. It leaves mouse, paste and keyboard alone (VT510 manual; terminals differ).
    fn soft_reset(&mut self) {
        let goes = |mode: &Mode| matches!(mode, Mode::Dec(1 | 7 | 25 | 66 | 69) | Mode::Ansi(2 | 4));
        self.changed.retain(|mode| !goes(mode));
        self.keypad = false;
        self.pen = Pen::default();
        let screen = self.screen();
        (screen.region, screen.saved) = (None, Pen::default());
    }

    fn osc_field(&mut self) {
        self.osc.field = self.osc.field.saturating_add(1);
        self.osc.length = 0;
        self.window.title |= self.osc.field == 1 && matches!(self.osc.number, 0 | 2);
    }

    /// What sets something counts as soon as it begins: a cut string may have been obeyed.
    fn osc_byte(&mut self, byte: u8) {
        let Osc { number, field, length, is_progress, .. } = self.osc;
        self.osc.length = length.saturating_add(1);
        match (number, field, length) {
            (_, 0, _) => self.osc.number = append_digit(number, byte),
            (4 | 5, _, 0) if field % 2 == 0 && byte != b'?' => self.window.colours |= colour_bit(number),
            // Further values are for the numbers that follow.
            (10..=19, _, 0) if byte != b'?' => self.window.colours |= colour_bit(number.saturating_add(field - 1)),
            (8, 2, 0) => self.window.link = true,
            (22, 1, 0) if !matches!(byte, b'?' | b'<') => self.window.pointer = true,
            (9, 1, _) => self.osc.is_progress = length == 0 && byte == b'4',
            (9, 2, 0) if is_progress => self.window.progress = byte != b'0',
            (7501, 1, 0) if byte != b'?' => self.window.status = true,
            (7501, 1, 6) => self.osc.is_clear = byte == b'c',
            _ => {}
        }
    }

    /// What resets something counts only when it is complete.
    fn osc_ends(&mut self) {
        let empty_field = (self.osc.length == 0).then_some(self.osc.field);
        match (self.osc.number, empty_field) {
            (104 | 105, Some(1)) | (110..=119, _) => self.window.colours &= !colour_bit(self.osc.number - 100),
            (104 | 105, None) if self.osc.field == 0 => self.window.colours &= !colour_bit(self.osc.number - 100),
            (7501, None) if self.osc.is_clear && self.osc.length == 11 => self.window.status = false,
            (8, Some(2)) => self.window.link = false,
            (22, Some(1)) => self.window.pointer = false,
            _ => {}
        }
    }
}

/// How many bytes of `bytes` come before the next that means something outside of sequences.
fn plain_length(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    // SO and SI are neighbours.
    let special = |b: u8| b == ESC || b | 1 == SI;
    // A fold without an exit becomes vector code; a search with one does not.
    let clean = |block: &&[u8]| !block.iter().fold(false, |found, &b| found | special(b));
    let clean_blocks = bytes.chunks_exact(BLOCK).take_while(clean).count() * BLOCK;
    let rest = &bytes[clean_blocks..];
    clean_blocks + rest.iter().position(|&b| special(b)).unwrap_or(rest.len())
}

/// How many bytes the character at the end of `text` lacks, when the one before `text` lacked `left`.
fn utf8_left(left: u8, text: &[u8]) -> u8 {
    // A character has at most three bytes behind its first.
    let mut behind = 0;
    for &byte in text.iter().rev().take(3) {
        let length: u8 = match byte {
            0x80..=0xbf => {
                behind += 1;
                continue;
            }
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return length.saturating_sub(1 + behind);
    }
    left.saturating_sub(behind)
}
