//! The cells of one screen. Rows are found through an order, so that scrolling moves no cell.

/// One cell, as xterm.js lays it out: bits 0-20 a code point or the number of a cluster, bit 21 which, bits 22-23 the
/// width in cells; and a word of [`super::style::Styles`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub content: u32,
    pub style: u32,
}

pub const CODE: u32 = 0x1f_ffff;
pub const CLUSTER: u32 = 0x20_0000;
pub const HAS_CONTENT: u32 = CODE | CLUSTER;
pub const WIDTH_SHIFT: u32 = 22;
pub const NARROW: u32 = 1 << WIDTH_SHIFT;

impl Cell {
    /// An empty cell.
    pub const fn null(style: u32) -> Self {
        Self { content: NARROW, style }
    }

    pub fn new(code: u32, width: usize, style: u32) -> Self {
        Self { content: code | (width as u32) << WIDTH_SHIFT, style }
    }

    pub fn width(self) -> usize {
        (self.content >> WIDTH_SHIFT) as usize
    }

    pub fn has_content(self) -> bool {
        self.content & HAS_CONTENT != 0
    }
}

#[derive(Clone, Debug)]
pub struct Grid {
    pub rows: usize,
    pub cols: usize,
    cells: Vec<Cell>,
    /// Which row of `cells` each row is.
    order: Vec<u16>,
    /// Whether a row goes on with the text of the one above, by place in `cells`.
    wrapped: Vec<bool>,
}

impl Grid {
    pub fn new(rows: usize, cols: usize, fill: Cell) -> Self {
        Self {
            rows,
            cols,
            cells: vec![fill; rows * cols],
            order: (0..rows).map(|row| row as u16).collect(),
            wrapped: vec![false; rows],
        }
    }

    pub fn row(&self, y: usize) -> &[Cell] {
        let start = usize::from(self.order[y]) * self.cols;
        &self.cells[start..start + self.cols]
    }

    pub fn row_mut(&mut self, y: usize) -> &mut [Cell] {
        let start = usize::from(self.order[y]) * self.cols;
        &mut self.cells[start..start + self.cols]
    }

    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub fn is_wrapped(&self, y: usize) -> bool {
        self.wrapped[usize::from(self.order[y])]
    }

    pub fn set_wrapped(&mut self, y: usize, wrapped: bool) {
        self.wrapped[usize::from(self.order[y])] = wrapped;
    }

    pub fn clear_row(&mut self, y: usize, fill: Cell) {
        self.row_mut(y).fill(fill);
        self.set_wrapped(y, false);
    }

    /// Moves the rows from `top` to `bottom` up; `count` empty ones come in below.
    pub fn scroll_up(&mut self, top: usize, bottom: usize, count: usize, fill: Cell) {
        let count = count.min(bottom + 1 - top);
        self.order[top..=bottom].rotate_left(count);
        for y in bottom + 1 - count..=bottom {
            self.clear_row(y, fill);
        }
    }

    pub fn scroll_down(&mut self, top: usize, bottom: usize, count: usize, fill: Cell) {
        let count = count.min(bottom + 1 - top);
        self.order[top..=bottom].rotate_right(count);
        for y in top..top + count {
            self.clear_row(y, fill);
        }
    }

    // Below, a wide character that loses a half leaves an empty cell, as in xterm.js (`BufferLine.ts`).

    pub fn insert_cells(&mut self, y: usize, x: usize, count: usize, fill: Cell) {
        let cols = self.cols;
        let x = x % cols;
        let row = self.row_mut(y);
        if x > 0 && row[x - 1].width() == 2 {
            row[x - 1] = fill;
        }
        let count = count.min(cols - x);
        row.copy_within(x..cols - count, x + count);
        row[x..x + count].fill(fill);
        if row[cols - 1].width() == 2 {
            row[cols - 1] = fill;
        }
    }

    pub fn delete_cells(&mut self, y: usize, x: usize, count: usize, fill: Cell) {
        let cols = self.cols;
        let x = x % cols;
        let row = self.row_mut(y);
        let count = count.min(cols - x);
        row.copy_within(x + count.., x);
        row[cols - count..].fill(fill);
        if x > 0 && row[x - 1].width() == 2 {
            row[x - 1] = fill;
        }
        if row[x].width() == 0 && !row[x].has_content() {
            row[x] = fill;
        }
    }

    /// Erases `from..to`, which may lie beyond the row.
    pub fn erase_all_cells(&mut self, y: usize, from: usize, to: usize, fill: Cell) {
        let cols = self.cols;
        let row = self.row_mut(y);
        if from > 0 && row[from - 1].width() == 2 {
            row[from - 1] = fill;
        }
        if to < cols && to > 0 && row[to - 1].width() == 2 {
            row[to] = fill;
        }
        if from < cols {
            row[from..to.clamp(from, cols)].fill(fill);
        }
    }

    /// Erases `from..to`, which may lie beyond the row, but for the cells that `keep` names.
    pub fn erase_cells(&mut self, y: usize, from: usize, to: usize, fill: Cell, keep: impl Fn(Cell) -> bool) {
        let cols = self.cols;
        let row = self.row_mut(y);
        if from > 0 && row[from - 1].width() == 2 && !keep(row[from - 1]) {
            row[from - 1] = fill;
        }
        if to < cols && to > 0 && row[to - 1].width() == 2 && !keep(row[to]) {
            row[to] = fill;
        }
        for cell in row.iter_mut().take(to).skip(from) {
            if !keep(*cell) {
                *cell = fill;
            }
        }
    }
}
