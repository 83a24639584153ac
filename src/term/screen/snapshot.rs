//! Bytes that bring a fresh terminal of the same size into the screen's state.
//!
//! The order matters, for many sequences move the cursor or act on both screens. Not restored, in xterm.js: a character
//! set that ESC 8 brought back from another level unless it would again; the halves of wide characters that lost each other, unless the cell
//! before is empty; a pending wrap behind an erased last cell unless the row is empty; underline styles that only a later ESC 8 would show.

mod rows;

use super::Screen;
use super::buffer::Buffer;
use super::buffer::Saved;
use super::charset::Charset;
use super::grid::CLUSTER;
use super::grid::CODE;
use super::grid::Cell;
use super::mode::Mouse;
use super::mode::MouseEncoding;
use super::paint;
use super::paint::Brush;
use super::paint::put;
use super::pen::Pen;
use super::style::DEFAULT;
use super::style::Style;
use crate::term::framer::Kind;

impl Screen {
    /// The state, then the bytes of an unfinished sequence: the output goes on behind it where it was fed to.
    #[allow(dead_code)] // for tests, fuzzing and the benchmark: clients go on behind what is held
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        self.snapshot_to_resume(out);
        out.extend_from_slice(self.framer.held());
    }

    /// The state before what is [`held`](Self::held), which the output that goes on begins with.
    pub fn snapshot_to_resume(&self, out: &mut Vec<u8>) {
        self.snapshot_without_held(out);
        match self.framer.passing() {
            // The rest of a long string must not be taken for text; what came of it is lost.
            Some(Kind::Osc) => out.extend_from_slice(b"\x1b]x"),
            Some(_) => out.extend_from_slice(b"\x1bX"),
            None => {}
        }
    }

    /// What a terminal sends for keys and mouse, and how its cursor looks: for one that is drawn row by row.
    pub fn snapshot_of_modes(&self, out: &mut Vec<u8>) {
        put_keyboard(self.buffer(), out);
        self.put_modes(out);
        // How it is drawn is not the program's business there.
        out.extend_from_slice(b"\x1b[?2026l\x1b[?5l\x1b[?6l\x1b[?7l");
    }

    /// The state before an unfinished sequence: the output goes on with the whole of it, as a filter passes it.
    pub(super) fn snapshot_without_held(&self, out: &mut Vec<u8>) {
        self.put_titles(out);
        self.put_colours(out);
        let other = &self.buffers[1];
        if self.active == 0 && (other.saved != Saved::default() || other.keyboard.flags() != 0) {
            out.extend_from_slice(b"\x1b[?1049h");
            put_keyboard(other, out);
            self.put_saved(other, out);
            out.extend_from_slice(b"\x1b[?1049l\x1b[m\x1b(B");
        }
        self.put_buffer(&self.buffers[0], out);
        if self.active == 1 {
            let main = &self.buffers[0];
            self.put_region(main, out);
            let pen = self.put_cursor(main.saved, out);
            if main.left_at.1 == main.saved.y.min(self.rows - 1) {
                out.extend_from_slice(b"\x1b[?1049h");
            } else {
                // Where the cursor was counts when the main screen is reflowed.
                put(out, format_args!("\x1b7\x1b[{};1H\x1b[?47h", main.left_at.1 + 1));
            }
            self.put_neutral(pen, main.saved.charset, out);
            if main.saved.ink.bg != DEFAULT {
                out.extend_from_slice(b"\x1b[2J");
            }
            self.put_buffer(other, out);
        }
        self.put_saved(self.buffer(), out);
        if self.has_detached_charset() {
            self.put_charsets(out);
            out.extend_from_slice(b"\x1b8\x1b[m\x1b]8;;\x1b\\");
        }
        self.put_place(out);
        self.put_modes(out);
        self.put_pen(out);
    }

    fn put_titles(&self, out: &mut Vec<u8>) {
        for (number, what, stack, title) in
            [(2, 2, &self.titles.window_stack, &self.titles.window), (1, 1, &self.titles.icon_stack, &self.titles.icon)]
        {
            for pushed in stack {
                put(out, format_args!("\x1b]{number};{pushed}\x1b\\\x1b[22;{what}t"));
            }
            if !title.is_empty() || !stack.is_empty() {
                put(out, format_args!("\x1b]{number};{title}\x1b\\"));
            }
        }
    }

    fn put_colours(&self, out: &mut Vec<u8>) {
        for (index, [r, g, b]) in self.colours.changed() {
            put(out, format_args!("\x1b]4;{index};rgb:{r:02x}/{g:02x}/{b:02x}\x1b\\"));
        }
        for (number, colour) in (10..).zip(self.colours.set) {
            if let Some([r, g, b]) = colour {
                put(out, format_args!("\x1b]{number};rgb:{r:02x}/{g:02x}/{b:02x}\x1b\\"));
            }
        }
    }

    /// What a screen has for itself but region and saved cursor. The pen is neutral before and after.
    fn put_buffer(&self, buffer: &Buffer, out: &mut Vec<u8>) {
        put_keyboard(buffer, out);
        self.put_tabs(buffer, out);
        self.put_wraps(buffer, out);
        let mut brush = Brush::default();
        for y in 0..self.rows {
            self.put_row(buffer, y, &mut brush, out);
        }
        brush.neutral(out);
    }

    fn put_tabs(&self, buffer: &Buffer, out: &mut Vec<u8>) {
        let is_usual = |x: usize| x.is_multiple_of(8);
        if (0..self.cols).all(|x| buffer.is_tab(x) == is_usual(x)) {
            return;
        }
        out.extend_from_slice(b"\x1b[3g");
        for x in (0..self.cols).filter(|&x| buffer.is_tab(x)) {
            put(out, format_args!("\x1b[1;{}H\x1bH", x + 1));
        }
    }

    fn put_region(&self, buffer: &Buffer, out: &mut Vec<u8>) {
        if (buffer.top, buffer.bottom) != (0, self.rows - 1) {
            put(out, format_args!("\x1b[{};{}r", buffer.top + 1, buffer.bottom + 1));
        }
    }

    /// Place, ink and charset of a saved cursor; gives back the pen that is set then.
    fn put_cursor(&self, saved: Saved, out: &mut Vec<u8>) -> Style {
        put(out, format_args!("\x1b[{};{}H", saved.y.min(self.rows - 1) + 1, saved.x.min(self.cols - 1) + 1));
        // In xterm.js the underline's style and the link are the pen's of whenever the cursor is restored.
        let style = Pen { ink: saved.ink, underline: 1, underline_colour: DEFAULT, link: self.pen.link }.style();
        Brush::default().set(style, &self.links, out);
        if saved.charset != 0 {
            put(out, format_args!("\x1b({}", char::from(saved.charset)));
        }
        style
    }

    fn put_neutral(&self, pen: Style, charset: Charset, out: &mut Vec<u8>) {
        if pen != Style::default() {
            out.extend_from_slice(b"\x1b[m");
        }
        if pen.link != 0 {
            out.extend_from_slice(b"\x1b]8;;\x1b\\");
        }
        if charset != 0 {
            out.extend_from_slice(b"\x1b(B");
        }
    }

    fn put_saved(&self, buffer: &Buffer, out: &mut Vec<u8>) {
        // The alternate screen's entry has saved the cursor, too.
        if buffer.saved != Saved::default() || self.active == 1 {
            let pen = self.put_cursor(buffer.saved, out);
            out.extend_from_slice(b"\x1b7");
            self.put_neutral(pen, buffer.saved.charset, out);
        }
    }

    /// Region, origin mode and cursor.
    fn put_place(&self, out: &mut Vec<u8>) {
        let buffer = self.buffer();
        self.put_region(buffer, out);
        let (x, y) = (self.x.min(self.cols - 1), self.y);
        if !self.modes.origin {
            self.put_cursor_at(x, y, out);
        } else if y < buffer.top || y > buffer.bottom {
            put(out, format_args!("\x1b[?47h\x1b[?6h\x1b[{};{}H\x1b[?47l", y + 1, x + 1));
        } else {
            out.extend_from_slice(b"\x1b[?6h");
            self.put_cursor_at(x, y - buffer.top, out);
        }
    }

    /// With a pending wrap, unless the reprint of the last character brings it.
    fn put_cursor_at(&self, x: usize, y: usize, out: &mut Vec<u8>) {
        let row = self.grid().row(self.y);
        if self.x < self.cols || self.reprint().is_some() {
            put(out, format_args!("\x1b[{};{}H", y + 1, x + 1));
            return;
        }
        let last = if row[x].content == 0 && x > 0 { x - 1 } else { x };
        put(out, format_args!("\x1b[{};{}H", y + 1, last + 1));
        let mut brush = Brush::default();
        brush.select(row[last].style, &self.styles, &self.links, out);
        if row[last].has_content() {
            paint::content(row[last], &self.clusters, out);
        } else if row.iter().all(|cell| *cell == row[last]) {
            out.extend_from_slice(b"x\x1b[1K");
        }
        brush.neutral(out);
    }

    fn put_modes(&self, out: &mut Vec<u8>) {
        let modes = &self.modes;
        for (number, on) in modes.changed() {
            put(out, format_args!("\x1b[?{number}{}", if on { 'h' } else { 'l' }));
        }
        let mouse = [(Mouse::X10, 9), (Mouse::Presses, 1000), (Mouse::Drags, 1002), (Mouse::Motion, 1003)];
        let encodings = [(MouseEncoding::Sgr, 1006), (MouseEncoding::SgrPixels, 1016)];
        let number = mouse.iter().find(|(mouse, _)| *mouse == modes.mouse).map(|(_, number)| number);
        let encoding =
            encodings.iter().find(|(encoding, _)| *encoding == modes.mouse_encoding).map(|(_, number)| number);
        for number in number.into_iter().chain(encoding) {
            put(out, format_args!("\x1b[?{number}h"));
        }
        if modes.cursor_is_hidden {
            out.extend_from_slice(b"\x1b[?25l");
        }
        if modes.returns {
            out.extend_from_slice(b"\x1b[20h");
        }
        if modes.cursor_style != 0 {
            put(out, format_args!("\x1b[{} q", modes.cursor_style));
        }
        if modes.other_keys != 0 {
            put(out, format_args!("\x1b[>4;{}m", modes.other_keys));
        }
    }

    /// Charsets, the pen, insert mode; and the last character once more, if nothing came behind it.
    fn put_pen(&self, out: &mut Vec<u8>) {
        if !self.has_detached_charset() {
            self.put_charsets(out);
        }
        // The underline's colour waits for an underline.
        let style = Style { underline_colour: self.pen.underline_colour, ..self.pen.style() };
        Brush::default().set(style, &self.links, out);
        if self.modes.inserts {
            out.extend_from_slice(b"\x1b[4h");
        }
        if let Some(cell) = self.reprint() {
            let back = cell.width();
            // A pending wrap's cursor is in the last column. Under origin mode xterm.js has another idea of CUB.
            let steps = if self.x >= self.cols { back - 1 } else { back };
            (0..steps).for_each(|_| out.push(0x08));
            if self.modes.inserts {
                put(out, format_args!("\x1b[{back}P"));
            }
            paint::content(cell, &self.clusters, out);
        }
    }

    /// Whether ESC 8 brought a charset back that the level does not have, and would again.
    fn has_detached_charset(&self) -> bool {
        let is_harmless = self.charset == 0 || self.x < self.cols;
        self.charset != self.charsets[self.level] && self.charset == self.buffer().saved.charset && is_harmless
    }

    fn put_charsets(&self, out: &mut Vec<u8>) {
        for (into, set) in (b'('..).zip(self.charsets) {
            if set != 0 {
                put(out, format_args!("\x1b{}{}", char::from(into), char::from(set)));
            }
        }
        out.extend_from_slice([&b""[..], b"\x0e", b"\x1bn", b"\x1bo"][self.level]);
    }

    /// The character printed last, if it still stands before the cursor in the pen's style and nothing came behind it.
    fn reprint(&self) -> Option<Cell> {
        let is_outside = self.modes.origin && !(self.buffer().top..=self.buffer().bottom).contains(&self.y);
        let x = self.x.checked_sub(self.last_width).filter(|_| self.last_width > 0 && !is_outside)?;
        let cell = *self.grid().row(self.y).get(x)?;
        let is_it = cell.has_content() && cell.width() == self.last_width;
        let base = if cell.content & CLUSTER == 0 { cell.content & CODE } else { 0 };
        let is_same = super::charset::translate(self.charset, base) == base;
        (is_it && is_same && self.styles.get(cell.style) == self.pen.style()).then_some(cell)
    }
}

fn put_keyboard(buffer: &Buffer, out: &mut Vec<u8>) {
    if buffer.keyboard.base != 0 {
        put(out, format_args!("\x1b[={};1u", buffer.keyboard.base));
    }
    for flags in &buffer.keyboard.pushed {
        put(out, format_args!("\x1b[>{flags}u"));
    }
}
