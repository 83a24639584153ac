//! Controls, escape sequences and control sequences: which does what, and those that move the cursor.

use super::Screen;
use super::buffer::Buffer;
use super::charset;
use super::grid::Cell;
use super::grid::Grid;
use super::heard::Heard;
use super::heard::Signal;
use crate::term::framer::Params;

impl Screen {
    pub(super) fn control(&mut self, control: u8, heard: &mut Heard) {
        match control {
            0x05 => self.enquired(heard),
            0x07 => heard.signal(Signal::Bell),
            0x08 => self.backspace(),
            0x09 if self.x < self.cols => self.x = self.buffer().next_tab(self.x, self.cols),
            0x0a..=0x0c => self.line_feed(),
            0x0d => self.x = 0,
            0x0e => self.shift(1),
            0x0f => self.shift(0),
            0x84 => self.index(),
            0x85 => self.next_line(),
            0x88 => self.set_tab(),
            0x9a => self.device_attributes(0, 0, heard),
            // DEL and ST leave even the last character as it is.
            0x7f | 0x9c => return,
            _ => {}
        }
        self.last_width = 0;
    }

    pub(super) fn escape(&mut self, intermediate: u8, last: u8, heard: &mut Heard) {
        match (intermediate, last) {
            (0, b'7') => self.save_cursor(),
            (0, b'8') => self.restore_cursor(),
            (0, b'D') => self.index(),
            (0, b'E') => self.next_line(),
            (0, b'H') => self.set_tab(),
            (0, b'M') => self.reverse_index(),
            (0, b'=') => self.set_mode(66, true),
            (0, b'>') => self.set_mode(66, false),
            (0, b'c') => self.hard_reset(heard),
            (0, b'Z') => self.device_attributes(0, 0, heard),
            (0, b'n' | b'}') => self.shift(2),
            (0, b'o' | b'|') => self.shift(3),
            (0, b'~') => self.shift(1),
            (b'%', b'@' | b'G') => {
                self.shift(0);
                self.designate(0, 0);
            }
            (b'#', b'8') => self.alignment_pattern(),
            (b'(' | b')' | b'*' | b'+' | b'-' | b'.', _) => {
                if let Some(set) = charset::designated(last) {
                    self.designate(
                        usize::from(if intermediate < b'-' { intermediate - b'(' } else { intermediate - b',' }),
                        set,
                    );
                }
            }
            _ => {}
        }
    }

    #[inline(always)]
    pub(super) fn csi(&mut self, prefix: u8, intermediate: u8, last: u8, params: &Params, heard: &mut Heard) {
        // More than half of them.
        if prefix | intermediate == 0 && last == b'm' {
            self.change_pen(|pen| pen.select(params));
        } else {
            self.any_csi(prefix, intermediate, last, params, heard);
        }
    }

    fn any_csi(&mut self, prefix: u8, intermediate: u8, last: u8, params: &Params, heard: &mut Heard) {
        match (prefix, intermediate, last) {
            (0, 0, b'A'..=b'H' | b'`' | b'a' | b'd' | b'e' | b'f') => self.motion(last, params),
            (0, 0, b'J') => self.erase_in_display(params.get(0), false),
            (0, 0, b'K') => self.erase_in_line(params.get(0), false),
            (b'?', 0, b'J') => self.erase_in_display(params.get(0), true),
            (b'?', 0, b'K') => self.erase_in_line(params.get(0), true),
            (0, 0, b'@' | b'L' | b'M' | b'P' | b'S' | b'T' | b'X') => self.edit(last, params.number(0)),
            (0, b' ', b'@' | b'A') | (0, b'\'', b'}' | b'~') => self.edit_columns(last, params.number(0)),
            (0, 0, b'I') => self.tabs(params.number(0), true),
            (0, 0, b'Z') => self.tabs(params.number(0), false),
            (0, 0, b'b') => self.repeat(params.number(0)),
            (0, 0, b'g') => self.clear_tabs(params.get(0)),
            (0, 0, b'h' | b'l') => self.ansi_modes(params, last == b'h'),
            (b'?', 0, b'h' | b'l') => self.dec_modes(params, last == b'h', heard),
            (0, b'!', b'p') => self.soft_reset(),
            (0, b' ', b'q') => self.set_cursor_style(params.get(0)),
            (0, b'"', b'q') => self.change_pen(|pen| pen.protect(params.get(0))),
            (0, 0, b'r') => self.set_region(params),
            (0, 0, b's') => self.save_cursor(),
            (0, 0, b'u') => self.restore_cursor(),
            (b'>', 0, b'u') => self.buffer_mut().keyboard.push(params.get(0)),
            (b'<', 0, b'u') => self.buffer_mut().keyboard.pop(params.number(0)),
            (b'=', 0, b'u') => self.buffer_mut().keyboard.set(params.get(0), params.get(1)),
            (b'>', 0, b'm') if matches!(params.get(0), 0 | 4) => {
                self.modes.other_keys = params.get(1).clamp(0, 3) as u8;
            }
            (b'>', 0, b'n') if params.get(0) == 4 => self.modes.other_keys = 0,
            (0, 0, b't') => self.window(params, heard),
            _ => self.asked(prefix, intermediate, last, params, heard),
        }
    }

    /// Keeps the cursor on the screen, and under origin mode in the region.
    pub(super) fn restrict(&mut self, last_column: usize) {
        let (top, bottom) =
            if self.modes.origin { (self.buffer().top, self.buffer().bottom) } else { (0, self.rows - 1) };
        self.x = self.x.min(last_column);
        self.y = self.y.max(top).min(bottom);
    }

    pub(super) fn go_to(&mut self, x: usize, y: usize) {
        let top = if self.modes.origin { self.buffer().top } else { 0 };
        // Numbers of a sequence are below 2^31.
        (self.x, self.y) = (x, y + top);
        self.restrict(self.cols - 1);
    }

    fn motion(&mut self, last: u8, params: &Params) {
        let (first, second) = (params.number(0), params.number(1));
        match last {
            b'A' => self.up(first),
            b'B' => self.down(first),
            b'C' | b'a' => self.move_by(|x, y| (x + first, y)),
            b'D' => self.move_by(|x, y| (x.saturating_sub(first), y)),
            b'E' => {
                self.down(first);
                self.x = 0;
            }
            b'F' => {
                self.up(first);
                self.x = 0;
            }
            // Under origin mode xterm.js adds the region's top to the row that the cursor is in.
            b'G' | b'`' => self.go_to(first - 1, self.y),
            b'H' | b'f' => self.go_to(second - 1, first - 1),
            b'd' => self.go_to(self.x, first - 1),
            _ => self.move_by(|x, y| (x, y + first)),
        }
    }

    fn move_by(&mut self, to: impl FnOnce(usize, usize) -> (usize, usize)) {
        self.restrict(self.cols - 1);
        let (x, y) = to(self.x, self.y);
        self.go_to(x, y);
    }

    fn up(&mut self, count: usize) {
        let count = self.y.checked_sub(self.buffer().top).map_or(count, |room| room.min(count));
        self.restrict(self.cols - 1);
        // Above the screen, but for origin mode's addition.
        let top = if self.modes.origin { self.buffer().top } else { 0 };
        let y = (self.y + top).saturating_sub(count);
        self.y = y;
        self.restrict(self.cols - 1);
    }

    fn down(&mut self, count: usize) {
        let count = self.buffer().bottom.checked_sub(self.y).map_or(count, |room| room.min(count));
        self.move_by(|x, y| (x, y + count));
    }

    fn backspace(&mut self) {
        if !self.modes.is_on(45) {
            self.restrict(self.cols - 1);
            self.x = self.x.saturating_sub(1);
            return;
        }
        self.restrict(self.cols);
        let y = self.y;
        if self.x > 0 {
            self.x -= 1;
        } else if y > self.buffer().top && y <= self.buffer().bottom && self.grid().is_wrapped(y) {
            self.grid_mut().set_wrapped(y, false);
            (self.x, self.y) = (self.cols - 1, y - 1);
            let cell = self.grid().row(self.y)[self.x];
            // Behind a wide character that did not fit, the last cell is empty.
            if cell.width() > 0 && !cell.has_content() {
                self.x = self.x.saturating_sub(1);
            }
        }
        self.restrict(self.cols - 1);
    }

    fn line_feed(&mut self) {
        if self.modes.returns {
            self.x = 0;
        }
        self.y += 1;
        if self.y == self.buffer().bottom + 1 {
            self.y -= 1;
            self.scroll();
        } else if self.y >= self.rows {
            self.y = self.rows - 1;
        } else {
            let y = self.y;
            self.grid_mut().set_wrapped(y, false);
        }
        self.x = self.x.min(self.cols - 1);
    }

    fn index(&mut self) {
        self.restrict(self.cols - 1);
        self.y += 1;
        if self.y == self.buffer().bottom + 1 {
            self.y -= 1;
            self.scroll();
        }
        self.restrict(self.cols - 1);
    }

    fn next_line(&mut self) {
        self.x = 0;
        self.index();
    }

    fn reverse_index(&mut self) {
        self.restrict(self.cols - 1);
        if self.y == self.buffer().top {
            self.scroll_down(1, true);
        } else {
            self.y = self.y.saturating_sub(1);
            self.restrict(self.cols - 1);
        }
    }

    fn set_tab(&mut self) {
        let x = self.x;
        self.buffer_mut().set_tab(x, true);
    }

    fn clear_tabs(&mut self, which: i32) {
        let x = self.x;
        match which {
            0 => self.buffer_mut().set_tab(x, false),
            3 => self.buffer_mut().tabs.fill(0),
            _ => {}
        }
    }

    fn tabs(&mut self, count: usize, forward: bool) {
        for _ in 0..count.min(self.cols) {
            if self.x >= self.cols {
                return;
            }
            let buffer = self.buffer();
            self.x = if forward { buffer.next_tab(self.x, self.cols) } else { buffer.previous_tab(self.x) };
        }
    }

    fn shift(&mut self, level: usize) {
        self.level = level;
        self.charset = self.charsets[level];
    }

    fn designate(&mut self, level: usize, set: charset::Charset) {
        self.charsets[level] = set;
        if self.level == level {
            self.charset = set;
        }
    }

    fn set_region(&mut self, params: &Params) {
        let top = params.number(0);
        let bottom = match usize::try_from(params.get(1)) {
            Ok(bottom) if bottom > 0 && bottom <= self.rows => bottom,
            _ => self.rows,
        };
        if bottom > top {
            let buffer = self.buffer_mut();
            (buffer.top, buffer.bottom) = (top - 1, bottom - 1);
            self.go_to(0, 0);
        }
    }

    fn set_cursor_style(&mut self, style: i32) {
        self.modes.cursor_style = style.clamp(0, 6) as u8;
    }

    /// DECSTR.
    fn soft_reset(&mut self) {
        let rows = self.rows;
        self.modes.soft_reset();
        self.modes.cursor_is_hidden = false;
        self.change_pen(|pen| *pen = super::pen::Pen::default());
        (self.charsets, self.level, self.charset) = ([0; 4], 0, 0);
        let buffer = self.buffer_mut();
        (buffer.top, buffer.bottom) = (0, rows - 1);
        buffer.saved = super::buffer::Saved::default();
    }

    /// RIS. The titles and a hidden cursor stay, as in xterm.js.
    fn hard_reset(&mut self, heard: &mut Heard) {
        let (rows, cols) = (self.rows, self.cols);
        heard.signal(Signal::Reset);
        if self.in_alternate_screen() {
            heard.signal(Signal::AlternateScreen(false));
        }
        self.modes.hard_reset();
        self.change_pen(|pen| *pen = super::pen::Pen::default());
        (self.charsets, self.level, self.charset) = ([0; 4], 0, 0);
        self.buffers =
            [Buffer::new(rows, cols, Some(Grid::new(rows, cols, Cell::null(0)))), Buffer::new(rows, cols, None)];
        (self.active, self.x, self.y) = (0, 0, 0);
        self.colours.reset();
        self.touch_all();
    }
}
