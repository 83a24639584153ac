//! Lines that leave the top of the main screen, kept on demand by a scratch screen that reads old output again.

use super::clusters::Clusters;
use super::grid::Cell;
use super::grid::Grid;
use super::links::Links;
use super::paint;
use super::style::Styles;
use crate::text::last_lines;

/// Where only the newest lines are wanted, half of it is kept at least.
const TRIM_BYTES: usize = 4 << 20;

/// How lines are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text alone.
    Plain,
    /// With colours, attributes and links, each line for itself.
    Ansi,
}

#[derive(Clone, Debug)]
pub struct History {
    form: Form,
    /// So many of the newest lines are wanted.
    pub most: usize,
    out: Vec<u8>,
    /// How many rows have left in all.
    pub rows: u64,
}

impl History {
    pub fn new(form: Form, most: usize) -> Self {
        Self { form, most, out: Vec::new(), rows: 0 }
    }

    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Row `y` of `grid`. Rows that one line of text was wrapped into are joined again.
    pub fn keep(&mut self, grid: &Grid, y: usize, (styles, clusters, links): (&Styles, &Clusters, &Links)) {
        self.rows += 1;
        let goes_on = y + 1 < grid.rows && grid.is_wrapped(y + 1);
        let row = grid.row(y);
        let end = if goes_on { grid.cols } else { paint::trimmed(row) };
        match self.form {
            Form::Plain => paint::text(&row[..end], clusters, &mut self.out),
            Form::Ansi => {
                let mut brush = paint::Brush::default();
                let mut rest = &row[..end];
                while !rest.is_empty() {
                    let (drawn, gap) = next_gap(rest);
                    brush.cells(&rest[..drawn], (styles, clusters, links), &mut self.out);
                    if gap > 0 {
                        brush.neutral(&mut self.out);
                        paint::put(&mut self.out, format_args!("\x1b[{gap}C"));
                    }
                    rest = &rest[drawn + gap..];
                }
                brush.neutral(&mut self.out);
            }
        }
        if !goes_on {
            self.out.push(b'\n');
        }
        if self.out.len() >= TRIM_BYTES && self.most != usize::MAX {
            self.trim();
        }
    }

    /// A few bytes can make many lines leave.
    fn trim(&mut self) {
        let kept = last_lines(&self.out, self.most.saturating_add(1)).len();
        let start = if kept <= TRIM_BYTES / 2 {
            self.out.len() - kept
        } else {
            let half = self.out.len() - TRIM_BYTES / 2;
            self.out[half..].iter().position(|&byte| byte == b'\n').map_or(self.out.len(), |end| half + end + 1)
        };
        self.out.drain(..start);
    }
}

/// How many cells come before the next gap, and how many empty ones it has: what was never written is passed over. A gap
/// neither begins nor ends a row that is one of several of a line: only what is written takes the cursor to the next row.
fn next_gap(cells: &[Cell]) -> (usize, usize) {
    /// A sequence takes as much as so many spaces.
    const LEAST: usize = 6;
    let mut at = 1.min(cells.len());
    loop {
        let Some(start) = cells[at..].iter().position(|cell| *cell == Cell::null(0)) else { return (cells.len(), 0) };
        let start = at + start;
        let gap = cells[start..].iter().take_while(|cell| **cell == Cell::null(0)).count();
        if gap >= LEAST && start + gap < cells.len() {
            return (start, gap);
        }
        at = start + gap;
    }
}
