//! What is printed with: colours, attributes and the link, kept as xterm.js keeps them, for ESC 8 restores only a part.

use super::Screen;
use super::style;
use super::style::DEFAULT;
use super::style::P16;
use super::style::P256;
use super::style::RGB;
use super::style::Style;
use crate::term::framer::Params;

/// What ESC 7 saves of the pen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ink {
    pub fg: u32,
    pub bg: u32,
    pub flags: u16,
    pub is_underlined: bool,
    /// Whether the underline's style and colour and the link count.
    pub is_extended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pen {
    pub ink: Ink,
    pub underline: u8,
    pub underline_colour: u32,
    pub link: u16,
}

impl Pen {
    /// How a character printed now looks.
    pub fn style(&self) -> Style {
        let Ink { fg, bg, flags, is_underlined, is_extended } = self.ink;
        let underline = match (is_underlined, is_extended) {
            (false, _) => 0,
            (true, false) => 1,
            // xterm.js shows a link without underline as dashed, and keeps 0.
            (true, true) => self.underline,
        };
        let underline_colour = if underline != 0 && is_extended { self.underline_colour } else { DEFAULT };
        Style { fg, bg, underline_colour, flags, link: if is_extended { self.link } else { 0 }, underline }
    }

    pub fn set_link(&mut self, link: u16) {
        self.link = link;
        self.extend();
    }

    /// DECSCA.
    pub fn protect(&mut self, how: i32) {
        match how {
            1 => self.flag(style::PROTECTED, true),
            0 | 2 => self.flag(style::PROTECTED, false),
            _ => {}
        }
    }

    fn extend(&mut self) {
        self.ink.is_extended = self.underline != 0 || self.link != 0;
    }

    fn reset(&mut self) {
        (self.ink.fg, self.ink.bg, self.ink.flags) = (DEFAULT, DEFAULT, 0);
        self.ink.is_underlined = false;
        self.underline = 0;
        self.underline_colour = DEFAULT;
        self.extend();
    }

    fn set_underline(&mut self, style: i32) {
        self.underline = match style {
            0..=5 => style as u8,
            _ => 1,
        };
        self.ink.is_underlined = self.underline != 0;
        self.extend();
    }

    fn flag(&mut self, flag: u16, on: bool) {
        self.ink.flags = if on { self.ink.flags | flag } else { self.ink.flags & !flag };
    }

    /// SGR.
    #[inline]
    pub fn select(&mut self, params: &Params) {
        let values = params.values();
        let mut rest = values;
        while let [number, behind @ ..] = rest {
            let at = values.len() - rest.len();
            rest = behind;
            match *number {
                0 => self.reset(),
                30..=37 => self.ink.fg = P16 | (number - 30) as u32,
                40..=47 => self.ink.bg = P16 | (number - 40) as u32,
                90..=97 => self.ink.fg = P16 | (number - 82) as u32,
                100..=107 => self.ink.bg = P16 | (number - 92) as u32,
                39 => self.ink.fg = DEFAULT,
                49 => self.ink.bg = DEFAULT,
                38 | 48 | 58 => rest = self.select_colour(params, at, behind),
                4 => self.set_underline(params.subs(at).first().copied().unwrap_or(1)),
                21 => self.set_underline(2),
                24 => self.set_underline(0),
                59 => {
                    self.underline_colour = DEFAULT;
                    self.extend();
                }
                number => self.select_flag(number),
            }
        }
    }

    fn select_flag(&mut self, number: i32) {
        match number {
            1 => self.flag(style::BOLD, true),
            2 => self.flag(style::DIM, true),
            3 => self.flag(style::ITALIC, true),
            5 => self.flag(style::BLINK, true),
            7 => self.flag(style::INVERSE, true),
            8 => self.flag(style::HIDDEN, true),
            9 => self.flag(style::STRIKE, true),
            22 => self.flag(style::BOLD | style::DIM, false),
            23 => self.flag(style::ITALIC, false),
            25 => self.flag(style::BLINK, false),
            27 => self.flag(style::INVERSE, false),
            28 => self.flag(style::HIDDEN, false),
            29 => self.flag(style::STRIKE, false),
            53 => self.flag(style::OVERLINE, true),
            55 => self.flag(style::OVERLINE, false),
            _ => {}
        }
    }

    /// `38;5;n`, `38;2;r;g;b` and their forms with colons, read as xterm.js does; what stands behind them.
    fn select_colour<'p>(&mut self, params: &Params, at: usize, behind: &'p [i32]) -> &'p [i32] {
        let byte = |number: i32| (number & 0xff) as u32;
        let (colour, rest) = match behind {
            [5, n, rest @ ..] if !params.has_subs() => (P256 | byte(*n), rest),
            [2, r, g, b, rest @ ..] if !params.has_subs() => (RGB | byte(*r) << 16 | byte(*g) << 8 | byte(*b), rest),
            _ => return behind.get(self.select_odd_colour(params, at)..).unwrap_or_default(),
        };
        self.set_colour(params.get(at), colour);
        rest
    }

    fn set_colour(&mut self, which: i32, colour: u32) {
        match which {
            38 => self.ink.fg = colour,
            48 => self.ink.bg = colour,
            _ => self.underline_colour = colour,
        }
    }

    fn select_odd_colour(&mut self, params: &Params, at: usize) -> usize {
        let mut read = [0, 0, -1, 0, 0, 0];
        let (mut space, mut taken) = (0, 0);
        loop {
            read[taken + space] = params.get(at + taken);
            let subs = params.subs(at + taken);
            if !subs.is_empty() {
                for (place, &sub) in subs.iter().enumerate() {
                    if read[1] == 5 {
                        space = 1;
                    }
                    match read.get_mut(taken + place + 1 + space) {
                        Some(slot) => *slot = sub,
                        None => break,
                    }
                }
                break;
            }
            if (read[1] == 5 && taken + space >= 2) || (read[1] == 2 && taken + space >= 5) {
                break;
            }
            if read[1] != 0 {
                space = 1;
            }
            taken += 1;
            if taken + at >= params.count() || taken + space >= read.len() {
                break;
            }
        }
        let byte = |n: i32| if n == -1 { 0 } else { (n & 0xff) as u32 };
        let colour = match read[1] {
            2 => RGB | byte(read[3]) << 16 | byte(read[4]) << 8 | byte(read[5]),
            5 => P256 | byte(read[3]),
            _ => return taken,
        };
        self.set_colour(read[0], colour);
        taken
    }
}

impl Screen {
    /// The word of the pen's style.
    #[inline]
    pub(super) fn word(&mut self) -> u32 {
        match self.pen_word {
            Some(word) => word,
            None => {
                let word = self.intern(self.pen.style());
                self.pen_word = Some(word);
                word
            }
        }
    }

    pub(super) fn background_word(&mut self) -> u32 {
        let bg = self.pen.ink.bg;
        if bg == DEFAULT { 0 } else { self.intern(Style::background(bg)) }
    }

    #[inline]
    fn intern(&mut self, style: Style) -> u32 {
        style.word().unwrap_or_else(|| self.intern_in_table(style))
    }

    fn intern_in_table(&mut self, style: Style) -> u32 {
        if self.styles.is_crowded() {
            let cells = self.buffers.iter().flat_map(|buffer| buffer.grid.cells());
            self.styles.sweep(cells.map(|cell| cell.style));
            self.pen_word = None;
        }
        self.styles.word(style)
    }

    pub(super) fn change_pen(&mut self, change: impl FnOnce(&mut Pen)) {
        change(&mut self.pen);
        self.pen_word = None;
    }
}
