//! Erasing, inserting, deleting and scrolling.

use super::Screen;
use super::grid::Cell;
use super::style;

impl Screen {
    /// ED; selective if `spares` (DECSED).
    pub(super) fn erase_in_display(&mut self, which: i32, spares: bool) {
        self.restrict(self.cols);
        let (x, y, rows, cols) = (self.x, self.y, self.rows, self.cols);
        match which {
            0 => {
                self.erase(y, x, cols, spares);
                if x == 0 {
                    self.grid_mut().set_wrapped(y, false);
                }
                (y + 1..rows).for_each(|y| self.erase_row(y, spares));
            }
            1 => {
                self.erase(y, 0, x + 1, spares);
                self.grid_mut().set_wrapped(y, false);
                if x + 1 >= cols && y + 1 < rows {
                    self.grid_mut().set_wrapped(y + 1, false);
                }
                (0..y).for_each(|y| self.erase_row(y, spares));
            }
            2 => (0..rows).for_each(|y| self.erase_row(y, spares)),
            _ => {}
        }
    }

    /// EL; selective if `spares` (DECSEL).
    pub(super) fn erase_in_line(&mut self, which: i32, spares: bool) {
        self.restrict(self.cols);
        let (x, y, cols) = (self.x, self.y, self.cols);
        let unwraps = match which {
            0 => {
                self.erase(y, x, cols, spares);
                x == 0
            }
            1 => {
                self.erase(y, 0, x + 1, spares);
                false
            }
            2 => {
                self.erase(y, 0, cols, spares);
                true
            }
            _ => return,
        };
        if unwraps {
            self.grid_mut().set_wrapped(y, false);
        }
    }

    fn erase(&mut self, y: usize, from: usize, to: usize, spares: bool) {
        let blank = self.blank();
        let Screen { buffers, active, styles, .. } = self;
        if !spares {
            buffers[*active].grid.erase_all_cells(y, from, to, blank);
            return self.touch(y);
        }
        let protected = |cell: Cell| styles.get(cell.style).flags & style::PROTECTED != 0;
        buffers[*active].grid.erase_cells(y, from, to, blank, protected);
        self.touch(y);
    }

    fn erase_row(&mut self, y: usize, spares: bool) {
        if spares {
            // Without a look at the halves of wide characters, as in xterm.js.
            self.erase(y, 0, self.cols, true);
            self.grid_mut().set_wrapped(y, false);
        } else {
            let blank = self.blank();
            self.grid_mut().clear_row(y, blank);
            self.touch(y);
        }
    }

    pub(super) fn edit(&mut self, last: u8, count: usize) {
        match last {
            b'S' => return self.scroll_up(count),
            b'T' => return self.scroll_down(count, false),
            _ => self.restrict(self.cols - 1),
        }
        let (x, y) = (self.x, self.y);
        let (top, bottom) = (self.buffer().top, self.buffer().bottom);
        let blank = self.blank();
        let grid = self.grid_mut();
        match last {
            b'L' | b'M' => {
                if y < top || y > bottom {
                    return;
                }
                match last {
                    b'L' => grid.scroll_down(y, bottom, count, blank),
                    _ => grid.scroll_up(y, bottom, count, blank),
                }
                self.x = 0;
                return self.touch_rows(y, bottom);
            }
            b'@' => grid.insert_cells(y, x, count, blank),
            b'P' => grid.delete_cells(y, x, count, blank),
            _ => grid.erase_all_cells(y, x, x + count, blank),
        }
        self.touch(y);
    }

    /// SL, SR, DECIC and DECDC: on every row of the region.
    pub(super) fn edit_columns(&mut self, last: u8, count: usize) {
        let (top, bottom) = (self.buffer().top, self.buffer().bottom);
        if self.y < top || self.y > bottom {
            return;
        }
        let blank = self.blank();
        let x = if matches!(last, b'@' | b'A') { 0 } else { self.x };
        for y in top..=bottom {
            let grid = self.grid_mut();
            match last {
                b'@' | b'~' => grid.delete_cells(y, x, count, blank),
                _ => grid.insert_cells(y, x, count, blank),
            }
            grid.set_wrapped(y, false);
        }
        self.touch_rows(top, bottom);
    }

    fn scroll_up(&mut self, count: usize) {
        let blank = self.blank();
        let (top, bottom) = (self.buffer().top, self.buffer().bottom);
        self.keep_rows(count.min(bottom + 1 - top));
        self.grid_mut().scroll_up(top, bottom, count, blank);
        self.touch_rows(top, bottom);
    }

    /// SD leaves rows without the pen's background, unlike RI.
    pub(super) fn scroll_down(&mut self, count: usize, with_background: bool) {
        let blank = if with_background { self.blank() } else { Cell::null(0) };
        let (top, bottom) = (self.buffer().top, self.buffer().bottom);
        self.grid_mut().scroll_down(top, bottom, count, blank);
        self.touch_rows(top, bottom);
    }

    /// DECALN.
    pub(super) fn alignment_pattern(&mut self) {
        self.go_to(0, 0);
        // Underline and link are lost, as in xterm.js.
        let pen = super::pen::Pen { ink: self.pen.ink, ..super::pen::Pen::default() };
        let word = self.styles.word(pen.style());
        for y in 0..self.rows {
            self.grid_mut().clear_row(y, Cell::new(u32::from(b'E'), 1, word));
        }
        self.touch_all();
        self.go_to(0, 0);
    }
}
