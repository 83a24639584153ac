//! Rows of cells.

use crate::term::screen::Screen;
use crate::term::screen::buffer::Buffer;
use crate::term::screen::grid::Cell;
use crate::term::screen::paint;
use crate::term::screen::paint::Brush;
use crate::term::screen::paint::put;
use crate::term::screen::style::Style;

impl Screen {
    /// A row is wrapped when a character is printed behind the last column of the row above.
    pub(super) fn put_wraps(&self, buffer: &Buffer, out: &mut Vec<u8>) {
        let cols = self.cols;
        if buffer.grid.is_wrapped(0) {
            put(out, format_args!("\x1b[1;{cols}Hxx"));
            if self.rows > 1 {
                out.extend_from_slice(b"\x1b[S");
            }
            out.extend_from_slice(b"\x1b[H\x1b[X");
        }
        for y in (1..self.rows).filter(|&y| buffer.grid.is_wrapped(y)) {
            put(out, format_args!("\x1b[{y};{cols}Hxx\x1b[{};1H\x1b[X\x1b[{y};{cols}H\x1b[X", y + 1));
        }
    }

    pub(super) fn put_row(&self, buffer: &Buffer, y: usize, brush: &mut Brush, out: &mut Vec<u8>) {
        let row = buffer.grid.row(y);
        let is_plain = |cell: &Cell| *cell == Cell::null(0);
        let Some(last) = row.iter().rposition(|cell| !is_plain(cell)) else { return };
        self.put_lone_halves(row, y, brush, out);
        let is_dirtied = self.put_styled_blanks(row, y, brush, out);
        let mut x = 0;
        // Where the terminal's cursor is, if that is known.
        let mut at = usize::MAX;
        while x <= last {
            let cell = row[x];
            if can_be_lone(row, x) {
                (x, at) = (x + 1, usize::MAX);
                continue;
            }
            if !cell.has_content() {
                let run = row[x..=last].iter().take_while(|other| **other == cell).count();
                if is_dirtied || cell.style != 0 {
                    if self.is_styled_blank(cell) {
                        x += 1;
                        continue;
                    }
                    move_to(at, x, y, out);
                    brush.select(cell.style, &self.styles, &self.links, out);
                    put(out, format_args!("\x1b[{run}X"));
                    at = x;
                }
                x += run;
                continue;
            }
            // A mark of width 0 must not join what was printed before.
            move_to(if cell.width() == 0 { usize::MAX } else { at }, x, y, out);
            brush.select(cell.style, &self.styles, &self.links, out);
            paint::content(cell, &self.clusters, out);
            let width = cell.width().max(1);
            if width == 2 && row.get(x + 1).is_some_and(|half| x + 2 == self.cols && half.has_content()) {
                // Printed over without a wrap: the only way to spare the left half.
                out.extend_from_slice(b"\x1b[?7l");
                brush.select(row[x + 1].style, &self.styles, &self.links, out);
                paint::content(row[x + 1], &self.clusters, out);
                out.extend_from_slice(b"\x1b[?7h");
            }
            x += width;
            at = if x >= self.cols || cell.width() == 0 { usize::MAX } else { x };
        }
    }

    /// Right halves of wide characters that lost the left ones: an insertion between both leaves them, and shifts what is
    /// right of it, so that they come first.
    fn put_lone_halves(&self, row: &[Cell], y: usize, brush: &mut Brush, out: &mut Vec<u8>) {
        for x in (0..row.len()).filter(|&x| can_be_lone(row, x)) {
            brush.select(row[x].style, &self.styles, &self.links, out);
            put(out, format_args!("\x1b[{};{}H\u{3000}", y + 1, x - 1));
            brush.neutral(out);
            put(out, format_args!("\x1b[{};{x}H\x1b[@", y + 1));
        }
    }

    /// Whether an empty cell has more than a background.
    fn is_styled_blank(&self, cell: Cell) -> bool {
        let style = self.styles.get(cell.style);
        !cell.has_content() && style != Style::background(style.bg)
    }

    /// Empty cells in a full style: what is left of a wide character when half of it is printed over. Dirties the cell
    /// before it.
    fn put_styled_blanks(&self, row: &[Cell], y: usize, brush: &mut Brush, out: &mut Vec<u8>) -> bool {
        let cols = row.len();
        let blanks = |x: &usize| row[*x].width() == 1 && self.is_styled_blank(row[*x]);
        let mut is_dirtied = false;
        if cols < 2 || !(0..cols).any(|x| blanks(&x)) {
            return false;
        }
        for x in (0..1).chain((1..cols).rev()).filter(blanks) {
            brush.select(row[x].style, &self.styles, &self.links, out);
            let (wide, over) = if x == 0 { (1, 2) } else { (x, x) };
            put(out, format_args!("\x1b[{row};{wide}H\u{3000}\x1b[{row};{over}Hx", row = y + 1));
            is_dirtied = true;
        }
        is_dirtied
    }
}

/// Whether a right half without a left one can be made at `x`: nothing is printed right before it.
fn can_be_lone(row: &[Cell], x: usize) -> bool {
    x >= 2 && row[x].content == 0 && row[x - 1].width() == 1 && !row[x - 1].has_content() && row[x - 2].content != 0
}

/// Goes to a cell of row `y` from column `at` of it.
fn move_to(at: usize, x: usize, y: usize, out: &mut Vec<u8>) {
    match x.checked_sub(at) {
        Some(0) => {}
        Some(1) => out.extend_from_slice(b"\x1b[C"),
        Some(gap) => put(out, format_args!("\x1b[{gap}C")),
        None => put(out, format_args!("\x1b[{};{}H", y + 1, x + 1)),
    }
}
