//! Modes, and the answers to whether they are set.

use super::Screen;
use super::buffer::Saved;
use super::grid::Cell;
use super::grid::Grid;
use super::heard::Heard;
use super::heard::Signal;
use crate::term::framer::Params;

/// Which mouse events are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mouse {
    #[default]
    None,
    X10,
    Presses,
    Drags,
    Motion,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MouseEncoding {
    #[default]
    X10,
    Sgr,
    SgrPixels,
}

impl Mouse {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::X10 => "x10",
            Self::Presses => "presses",
            Self::Drags => "drags",
            Self::Motion => "motion",
        }
    }
}

impl MouseEncoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::X10 => "x10",
            Self::Sgr => "sgr",
            Self::SgrPixels => "sgr-pixels",
        }
    }
}

/// DEC's private modes that are only remembered, with their state in a fresh terminal: see [`crate::term::modes`]. The
/// first [`KNOWN`] are told of when a program asks; the others this terminal does nothing with.
const PLAIN: [(u16, bool); 23] = [
    (1, false),
    (7, true),
    (8, true),
    (12, false),
    (45, false),
    (66, false),
    (1004, false),
    (1007, true),
    (2004, false),
    (2026, false),
    (5, false),
    (67, false),
    (80, false),
    (8452, false),
    (1001, false),
    (1005, false),
    (1015, false),
    (1042, false),
    (2027, false),
    (2031, false),
    (2048, false),
    (5522, false),
    (9001, false),
];
const KNOWN: usize = 11;
/// What RIS and DECSTR put back, as xterm.js does.
const RESET: [u16; 6] = [1, 45, 66, 1004, 2004, 2026];

#[derive(Clone, Debug)]
pub struct Modes {
    /// A bit for each of [`PLAIN`] that differs from its default.
    changed: u32,
    /// 7, kept apart for speed.
    pub wraps: bool,
    /// ANSI 4 and 20.
    pub inserts: bool,
    pub returns: bool,
    pub origin: bool,
    pub cursor_is_hidden: bool,
    pub mouse: Mouse,
    pub mouse_encoding: MouseEncoding,
    /// DECSCUSR, 0 to 6.
    pub cursor_style: u8,
    pub other_keys: u8,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            changed: 0,
            wraps: true,
            inserts: false,
            returns: false,
            origin: false,
            cursor_is_hidden: false,
            mouse: Mouse::None,
            mouse_encoding: MouseEncoding::X10,
            cursor_style: 0,
            other_keys: 0,
        }
    }
}

impl Modes {
    fn place(number: u16) -> Option<usize> {
        PLAIN.iter().position(|&(known, _)| known == number)
    }

    pub fn is_on(&self, number: u16) -> bool {
        Self::place(number).is_some_and(|at| PLAIN[at].1 != (self.changed & 1 << at != 0))
    }

    /// Modes that differ from a fresh terminal's, and what they are.
    pub fn changed(&self) -> impl Iterator<Item = (u16, bool)> {
        let changed = self.changed;
        PLAIN.iter().enumerate().filter(move |(at, _)| changed & 1 << at != 0).map(|(_, &(number, on))| (number, !on))
    }

    fn set(&mut self, number: u16, on: bool) {
        let Some(at) = Self::place(number) else { return };
        let bit = u32::from(PLAIN[at].1 != on) << at;
        self.changed = self.changed & !(1 << at) | bit;
        self.wraps = self.is_on(7);
    }

    /// What RIS and DECSTR have in common.
    pub fn soft_reset(&mut self) {
        RESET.iter().for_each(|&number| self.set(number, false));
        self.set(7, true);
        (self.inserts, self.origin, self.cursor_style) = (false, false, 0);
    }

    pub fn hard_reset(&mut self) {
        let (hidden, returns, blinks) = (self.cursor_is_hidden, self.returns, self.is_on(12));
        *self = Self { cursor_is_hidden: hidden, returns, ..Self::default() };
        self.set(12, blinks);
    }
}

impl Screen {
    pub(super) fn ansi_modes(&mut self, params: &Params, on: bool) {
        for number in params.values().iter().copied() {
            match number {
                4 => self.modes.inserts = on,
                20 => self.modes.returns = on,
                _ => {}
            }
        }
    }

    pub(super) fn dec_modes(&mut self, params: &Params, on: bool, heard: &mut Heard) {
        for number in params.values().iter().copied() {
            match number {
                2 if on => {
                    self.charsets = [0; 4];
                    self.charset = 0;
                }
                6 => {
                    self.modes.origin = on;
                    self.go_to(0, 0);
                }
                25 => self.modes.cursor_is_hidden = !on,
                9 | 1000 | 1002 | 1003 => {
                    self.modes.mouse = match number {
                        _ if !on => Mouse::None,
                        9 => Mouse::X10,
                        1000 => Mouse::Presses,
                        1002 => Mouse::Drags,
                        _ => Mouse::Motion,
                    }
                }
                1006 | 1016 => {
                    self.modes.mouse_encoding = match number {
                        _ if !on => MouseEncoding::X10,
                        1006 => MouseEncoding::Sgr,
                        _ => MouseEncoding::SgrPixels,
                    }
                }
                1048 if on => self.save_cursor(),
                1048 => self.restore_cursor(),
                47 | 1047 | 1049 => self.alternate(number == 1049, on, heard),
                _ => self.modes.set(u16::try_from(number).unwrap_or(u16::MAX), on),
            }
        }
    }

    pub(super) fn set_mode(&mut self, number: u16, on: bool) {
        self.modes.set(number, on);
    }

    fn alternate(&mut self, with_cursor: bool, on: bool, heard: &mut Heard) {
        if on && with_cursor {
            self.save_cursor();
        }
        if self.in_alternate_screen() != on {
            heard.signal(Signal::AlternateScreen(on));
            self.touch_all();
            let (rows, cols) = (self.rows, self.cols);
            let fill = self.blank();
            if on {
                self.buffers[0].left_at = (self.x, self.y);
                let alternate = &mut self.buffers[1];
                alternate.grid = Grid::new(rows, cols, fill);
            } else {
                let alternate = &mut self.buffers[1];
                alternate.grid = Grid::new(0, 0, Cell::null(0));
                (alternate.top, alternate.bottom) = (0, rows - 1);
                alternate.reset_tabs(cols);
            }
            self.active = usize::from(on);
        }
        if !on && with_cursor {
            self.restore_cursor();
        }
    }

    pub(super) fn save_cursor(&mut self) {
        let saved = Saved { x: self.x, y: self.y, ink: self.pen.ink, charset: self.charset };
        self.buffer_mut().saved = saved;
    }

    pub(super) fn restore_cursor(&mut self) {
        let saved = self.buffer().saved;
        (self.x, self.y, self.charset) = (saved.x, saved.y, saved.charset);
        self.change_pen(|pen| pen.ink = saved.ink);
        self.restrict(self.cols - 1);
    }

    /// DECRQM's value: 0 unknown, 1 set, 2 reset, 3 and 4 the same for ever.
    pub(super) fn mode_value(&self, number: i32, is_dec: bool) -> u8 {
        let value = |on| if on { 1 } else { 2 };
        match (is_dec, number) {
            (false, 2) => 4,
            (false, 4) => value(self.modes.inserts),
            (false, 12) => 3,
            (false, 20) => value(self.modes.returns),
            (false, _) => 0,
            (_, 6) => value(self.modes.origin),
            (_, 25) => value(!self.modes.cursor_is_hidden),
            (_, 9) => value(self.modes.mouse == Mouse::X10),
            (_, 1000) => value(self.modes.mouse == Mouse::Presses),
            (_, 1002) => value(self.modes.mouse == Mouse::Drags),
            (_, 1003) => value(self.modes.mouse == Mouse::Motion),
            (_, 1006) => value(self.modes.mouse_encoding == MouseEncoding::Sgr),
            (_, 1016) => value(self.modes.mouse_encoding == MouseEncoding::SgrPixels),
            (_, 1005 | 1015) => 4,
            (_, 1048) => 1,
            (_, 47 | 1047 | 1049) => value(self.in_alternate_screen()),
            _ => {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                match Modes::place(number) {
                    Some(at) if at < KNOWN => value(self.modes.is_on(number)),
                    _ => 0,
                }
            }
        }
    }
}
