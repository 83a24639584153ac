//! Printing: xterm.js's `InputHandler.print`.

use super::Screen;
use super::charset;
use super::grid::CLUSTER;
use super::grid::CODE;
use super::grid::Cell;
use super::grid::NARROW;
use super::width::width;
use crate::term::framer::Decoded;
use crate::term::framer::decode;

impl Screen {
    /// Whole characters, without controls.
    #[inline]
    pub(super) fn print(&mut self, text: &[u8], is_ascii: bool) {
        if !is_ascii || self.charset != 0 || self.modes.inserts {
            return self.print_any(text);
        }
        let style = self.word();
        let (x, y, end) = (self.x, self.y, self.x + text.len());
        if end > self.cols {
            return self.print_any(text);
        }
        let row = self.buffers[self.active].grid.row_mut(y);
        if x > 0 && row[x - 1].width() == 2 {
            row[x - 1] = Cell::null(style);
        }
        if let Some(half) = row.get_mut(end).filter(|cell| cell.content == 0) {
            *half = Cell::null(style);
        }
        for (cell, &byte) in row[x..end].iter_mut().zip(text) {
            *cell = Cell { content: u32::from(byte) | NARROW, style };
        }
        self.x = end;
        self.last_width = 1;
        self.touch(y);
    }

    /// Of any characters, wherever the cursor is.
    fn print_any(&mut self, text: &[u8]) {
        let mut rest = text;
        let mut has_begun = false;
        while !rest.is_empty() {
            let ascii = rest.iter().position(|b| !b.is_ascii()).unwrap_or(rest.len());
            if ascii > 0 && self.charset == 0 && !self.modes.inserts {
                if !has_begun {
                    self.begin_run();
                    has_begun = true;
                }
                self.print_ascii(&rest[..ascii]);
                rest = &rest[ascii..];
                continue;
            }
            let length = match decode(rest) {
                Decoded::Character(code, length) => {
                    if !has_begun {
                        self.begin_run();
                        has_begun = true;
                    }
                    self.print_code(code);
                    length
                }
                Decoded::Invalid(length) => length,
                Decoded::Unfinished => rest.len(),
            };
            rest = &rest[length..];
        }
        if has_begun {
            self.end_run();
        }
    }

    /// Printing onto the right half of a wide character empties the left one.
    fn begin_run(&mut self) {
        let (x, y) = (self.x, self.y);
        self.touch(y);
        if x > 0 && self.grid().row(y)[x - 1].width() == 2 {
            let word = self.word();
            self.grid_mut().row_mut(y)[x - 1] = Cell::null(word);
        }
    }

    /// And a right half that lost its left one is empty.
    fn end_run(&mut self) {
        let (x, y) = (self.x, self.y);
        if x < self.cols && self.grid().row(y)[x].content == 0 {
            let word = self.word();
            self.grid_mut().row_mut(y)[x] = Cell::null(word);
        }
        self.touch(y);
    }

    fn print_ascii(&mut self, mut text: &[u8]) {
        let cols = self.cols;
        while !text.is_empty() {
            if self.x >= cols {
                if self.modes.wraps {
                    self.wrap(self.x);
                } else {
                    self.x = cols - 1;
                    text = &text[text.len() - 1..];
                }
            }
            // Only now: the row that a wrap brings in has a style of its own, for which unused ones may be swept.
            let style = self.word();
            let (x, y) = (self.x, self.y);
            let (now, rest) = text.split_at(text.len().min(cols - x));
            let cells = &mut self.buffers[self.active].grid.row_mut(y)[x..x + now.len()];
            for (cell, &byte) in cells.iter_mut().zip(now) {
                *cell = Cell { content: u32::from(byte) | NARROW, style };
            }
            self.x += now.len();
            text = rest;
        }
        self.last_width = 1;
    }

    fn print_code(&mut self, mut code: u32) {
        if code < 127 && self.charset != 0 {
            code = charset::translate(self.charset, code);
        }
        let mut cells = width(code);
        if cells == 0 && self.last_width > 0 {
            return self.join(code);
        }
        self.last_width = cells;
        if self.x + cells > self.cols {
            if self.modes.wraps {
                self.wrap(self.x);
            } else {
                self.x = self.cols - 1;
                if cells == 2 {
                    return;
                }
            }
        }
        if self.x + cells > self.cols {
            cells = 1; // a wide character on a screen of one column
        }
        let style = self.word();
        let (x, y, cols) = (self.x, self.y, self.cols);
        if self.modes.inserts {
            self.grid_mut().insert_cells(y, x, cells, Cell::null(style));
            let row = self.grid_mut().row_mut(y);
            if row[cols - 1].width() == 2 {
                row[cols - 1] = Cell::null(style);
            }
        }
        let row = self.grid_mut().row_mut(y);
        // A mark with nothing to join takes a cell of width 0.
        if x < cols {
            row[x] = Cell::new(code, cells, style);
        }
        if cells == 2 {
            row[x + 1] = Cell { content: 0, style };
        }
        self.x = (x + cells.max(1)).min(cols);
    }

    fn join(&mut self, mark: u32) {
        let (x, y, last_width) = (self.x, self.y, self.last_width);
        if x == 0 {
            // As a character of the width it would have joined.
            return self.print_detached(mark);
        }
        if self.clusters.is_crowded() {
            let cells = self.buffers.iter().flat_map(|buffer| buffer.grid.cells());
            self.clusters.sweep(cells);
        }
        let row = self.buffers[self.active].grid.row_mut(y);
        let at = if row[x - 1].width() > 0 { x - 1 } else { x.saturating_sub(2) };
        let mut cell = self.clusters.join(row[at], mark);
        cell.content = cell.content & (CODE | CLUSTER) | (last_width as u32) << super::grid::WIDTH_SHIFT;
        row[at] = cell;
    }

    /// In column 0, where nothing can be joined. Only `?7l` on a narrow screen leads here.
    fn print_detached(&mut self, mark: u32) {
        let (y, style, cells) = (self.y, self.word(), self.last_width.min(self.cols));
        let row = self.grid_mut().row_mut(y);
        row[0] = Cell::new(mark, cells, style);
        if cells == 2 {
            row[1] = Cell { content: 0, style };
        }
        self.x = cells;
    }

    /// Goes to the next line; what is left of this one becomes empty, in the pen's style.
    fn wrap(&mut self, x: usize) {
        let (top, bottom) = (self.buffer().top, self.buffer().bottom);
        let mut left = self.y;
        self.x = 0;
        self.y += 1;
        if self.y == bottom + 1 {
            self.y -= 1;
            self.scroll();
            left = if bottom > top { bottom - 1 } else { bottom };
            let y = self.y;
            self.grid_mut().set_wrapped(y, true);
        } else {
            self.y = self.y.min(self.rows - 1);
            let y = self.y;
            self.grid_mut().set_wrapped(y, true);
        }
        if x < self.cols {
            let word = self.word();
            self.grid_mut().row_mut(left)[x..].fill(Cell::null(word));
        }
        let y = self.y;
        self.touch(y);
    }

    /// Scrolls the region by one line.
    pub(super) fn scroll(&mut self) {
        let blank = self.blank();
        self.keep_rows(1);
        let buffer = self.buffer_mut();
        let (top, bottom) = (buffer.top, buffer.bottom);
        buffer.grid.scroll_up(top, bottom, 1, blank);
        if top == 0 && bottom + 1 == self.rows {
            self.touch_all();
        } else {
            self.touch_rows(top, bottom);
        }
    }

    /// Keeps so many rows, which are about to leave the main screen at the top.
    pub(super) fn keep_rows(&mut self, count: usize) {
        let Screen { buffers, active, history, styles, clusters, links, .. } = self;
        let Some(history) = history.as_mut().filter(|_| *active == 0 && buffers[0].top == 0) else { return };
        (0..count).for_each(|y| history.keep(&buffers[0].grid, y, (styles, clusters, links)));
    }

    /// REP.
    pub(super) fn repeat(&mut self, count: usize) {
        // More would only scroll; a few bytes must not cost much.
        const LEAST: usize = 512;
        const MOST: usize = 1 << 16;
        let (width, y) = (self.last_width, self.y);
        if width == 0 || self.x < width {
            return;
        }
        let cell = self.grid().row(y)[self.x - width];
        let text: String = if cell.content & CLUSTER != 0 {
            self.clusters.text(cell).to_owned()
        } else {
            char::from_u32(cell.content & CODE).filter(|&c| c != '\0').into_iter().collect()
        };
        if text.is_empty() {
            return;
        }
        self.begin_run();
        for _ in 0..count.min((self.rows * self.cols).clamp(LEAST, MOST)) {
            text.chars().for_each(|c| self.print_code(u32::from(c)));
        }
        self.end_run();
    }
}
