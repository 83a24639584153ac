//! Another width of the main screen: text that was wrapped is wrapped anew, as xterm.js does without scrollback
//! (`Buffer.ts`, `BufferReflow.ts`). The line that the cursor is in is left to the program.

use super::grid::Cell;
use super::grid::Grid;

#[derive(Clone, Debug)]
struct Line {
    cells: Vec<Cell>,
    /// Whether it goes on with the text of the one above.
    wrapped: bool,
}

impl Line {
    fn blank(cols: usize, wrapped: bool) -> Self {
        Self { cells: vec![Cell::null(0); cols], wrapped }
    }

    fn trimmed(&self) -> usize {
        let row = &self.cells;
        row.iter().rposition(|cell| cell.has_content()).map_or(0, |at| at + row[at].width())
    }

    fn width(&self, x: usize) -> usize {
        self.cells.get(x).map_or(0, |cell| cell.width())
    }

    fn set(&mut self, x: usize, cell: Cell) {
        if let Some(slot) = self.cells.get_mut(x) {
            *slot = cell;
        }
    }
}

/// Where on the screen something is, in rows.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub cursor: usize,
    pub saved: usize,
}

/// A screen on its way to another size.
pub struct Reflow {
    /// All lines, by number.
    lines: Vec<Line>,
    /// The numbers of those on the screen.
    shown: Vec<usize>,
    rows: usize,
    cols: usize,
    /// Before.
    old_cols: usize,
    /// How many lines have left at the top. xterm.js goes on counting them though none are kept, and shows others.
    base: usize,
    places: Places,
}

impl Reflow {
    pub fn new(grid: &Grid, rows: usize, cols: usize, places: Places) -> Self {
        let line = |y| Line { cells: grid.row(y).to_vec(), wrapped: grid.is_wrapped(y) };
        Self {
            lines: (0..grid.rows).map(line).collect(),
            shown: (0..grid.rows).collect(),
            rows,
            cols,
            old_cols: grid.cols,
            base: 0,
            places,
        }
    }

    /// Without wrapping anew, rows are cut or filled on the right.
    pub fn run(mut self, rewraps: bool) -> (Grid, Places) {
        if self.old_cols < self.cols {
            self.lines.iter_mut().for_each(|line| line.cells.resize(self.cols, Cell::null(0)));
        }
        self.change_rows();
        if rewraps && self.cols > self.old_cols {
            self.widen();
        } else if rewraps && self.cols < self.old_cols {
            self.narrow();
        }
        let mut grid = Grid::new(self.rows, self.cols, Cell::null(0));
        for (y, &number) in self.shown.iter().take(self.rows).enumerate() {
            let line = &self.lines[number];
            let row = grid.row_mut(y);
            let kept = row.len().min(line.cells.len());
            row[..kept].copy_from_slice(&line.cells[..kept]);
            // A wide character that lost its right half; xterm.js keeps it.
            if row[row.len() - 1].width() == 2 {
                let last = row.len() - 1;
                row[last] = Cell::null(row[last].style);
            }
            grid.set_wrapped(y, line.wrapped);
        }
        (grid, self.places)
    }

    fn push_blank(&mut self) {
        self.lines.push(Line::blank(self.cols, false));
        self.shown.push(self.lines.len() - 1);
    }

    /// Rows are dropped below the cursor, then above.
    fn change_rows(&mut self) {
        while self.shown.len() < self.rows {
            self.push_blank();
        }
        let below = self.shown.len() - (self.places.cursor + 1).min(self.shown.len());
        let excess = self.shown.len() - self.rows;
        self.shown.truncate(self.shown.len() - below.min(excess));
        let above = self.shown.len() - self.rows;
        self.shown.drain(..above);
        self.places.saved = self.places.saved.saturating_sub(above);
        self.places.cursor = self.places.cursor.min(self.rows - 1);
    }

    /// The length of line `at` of a group of lines that were one.
    fn length(&self, group: &[usize], at: usize) -> usize {
        let line = &self.lines[group[at]];
        let Some(&next) = group.get(at + 1) else { return line.trimmed() };
        // An empty last cell before a wide character is where that did not fit.
        let last = line.cells.get(self.old_cols - 1).copied().unwrap_or_default();
        let is_gap = !last.has_content() && last.width() == 1 && self.lines[next].width(0) == 2;
        self.old_cols - usize::from(is_gap)
    }

    fn copy(&mut self, from: usize, from_x: usize, to: usize, to_x: usize, count: usize) {
        for at in 0..count {
            let cell = self.lines[from].cells.get(from_x + at).copied().unwrap_or_default();
            self.lines[to].set(to_x + at, cell);
        }
    }

    fn widen(&mut self) {
        let (mut kept, mut removed, mut y) = (Vec::new(), 0, 0);
        while y < self.shown.len() {
            let mut end = y + 1;
            while end < self.shown.len() && self.lines[self.shown[end]].wrapped {
                end += 1;
            }
            let mut group = self.shown[y..end].to_vec();
            if group.len() > 1 && !(y..end).contains(&(self.base + self.places.cursor)) {
                let lines = self.widen_group(&group);
                removed += group.len() - lines;
                group.truncate(lines);
            }
            kept.extend(group);
            y = end;
        }
        self.shown = kept;
        for _ in 0..removed {
            self.places.cursor = self.places.cursor.saturating_sub(1);
            if self.shown.len() < self.rows {
                self.push_blank();
            }
        }
        self.places.saved = self.places.saved.saturating_sub(removed);
    }

    /// How many lines remain.
    fn widen_group(&mut self, group: &[usize]) -> usize {
        let (mut to, mut to_x) = (0, self.length(group, 0));
        let (mut from, mut from_x) = (1, 0);
        while from < group.len() {
            let length = self.length(group, from);
            let count = (length - from_x.min(length)).min(self.cols - to_x);
            self.copy(group[from], from_x, group[to], to_x, count);
            to_x += count;
            if to_x == self.cols {
                (to, to_x) = (to + 1, 0);
            }
            from_x += count;
            if from_x == length {
                (from, from_x) = (from + 1, 0);
            }
            if to_x == 0 && to != 0 && self.lines[group[to - 1]].width(self.cols - 1) == 2 {
                self.copy(group[to - 1], self.cols - 1, group[to], 0, 1);
                to_x = 1;
                self.lines[group[to - 1]].set(self.cols - 1, Cell::null(0));
            }
        }
        self.clear_from(group.get(to).copied(), to_x);
        let is_gone = |at: &usize| *at > to || self.lines[group[*at]].trimmed() == 0;
        group.len() - (1..group.len()).rev().take_while(is_gone).count()
    }

    fn clear_from(&mut self, line: Option<usize>, x: usize) {
        let Some(line) = line.map(|line| &mut self.lines[line]) else { return };
        if x > 0 && line.width(x - 1) == 2 {
            line.set(x - 1, Cell::null(0));
        }
        line.cells.iter_mut().skip(x).for_each(|cell| *cell = Cell::null(0));
    }

    fn narrow(&mut self) {
        // Where new lines come in, from below, counted with those below.
        let mut inserts: Vec<(usize, Vec<usize>)> = Vec::new();
        let (mut count, mut next) = (0, self.shown.len());
        // Lines that leave below are looked at all the same.
        let all = self.shown.clone();
        while next > 0 {
            next -= 1;
            let line = &self.lines[all[next]];
            if !line.wrapped && line.trimmed() <= self.cols {
                continue;
            }
            let end = next + 1;
            while self.lines[all[next]].wrapped && next > 0 {
                next -= 1;
            }
            if (next..end).contains(&(self.base + self.places.cursor)) {
                continue;
            }
            let group = all[next..end].to_vec();
            let Some(new) = self.narrow_group(&group) else { continue };
            let added = new.len();
            if added > 0 {
                inserts.push((end + count, new));
                count += added;
            }
            self.make_room(added, count);
        }
        self.insert(inserts, count);
        // And stay where too few come in.
        let more = all.get(self.shown.len()..).unwrap_or_default();
        self.shown.extend_from_slice(more);
    }

    /// Wraps a group anew and gives back the lines that it needs on top.
    fn narrow_group(&mut self, group: &[usize]) -> Option<Vec<usize>> {
        let lengths = self.narrow_lengths(group);
        if lengths.is_empty() {
            // Empty lines that count as one; xterm.js moves the saved cursor.
            self.places.saved = self.places.saved.saturating_sub(group.len());
            return None;
        }
        let added = lengths.len().checked_sub(group.len())?;
        let cells: Vec<Cell> = (0..group.len())
            .flat_map(|at| {
                let line = &self.lines[group[at]].cells;
                let length = self.length(group, at);
                (0..length).map(|x| line.get(x).copied().unwrap_or_default()).collect::<Vec<_>>()
            })
            .collect();
        let new: Vec<usize> = (self.lines.len()..self.lines.len() + added).collect();
        self.lines.extend((0..added).map(|_| Line::blank(self.cols, true)));
        let mut cells = cells.into_iter();
        for (&number, &length) in group.iter().chain(&new).zip(&lengths) {
            for (x, cell) in cells.by_ref().take(length).enumerate() {
                self.lines[number].set(x, cell);
            }
            if length < self.cols {
                self.lines[number].set(length, Cell::null(0));
            }
        }
        Some(new)
    }

    /// How long the lines of a group become.
    fn narrow_lengths(&self, group: &[usize]) -> Vec<usize> {
        let needed: usize = (0..group.len()).map(|at| self.length(group, at)).sum();
        let (mut lengths, mut available) = (Vec::new(), 0);
        let (mut x, mut line) = (0, 0);
        while available < needed {
            if needed - available < self.cols {
                lengths.push(needed - available);
                break;
            }
            x += self.cols;
            let length = self.length(group, line);
            if x > length {
                x -= length;
                line += 1;
            }
            let is_wide = group.get(line).is_some_and(|&number| self.lines[number].width(x - 1) == 2);
            // On a screen of one column it would never end.
            let is_wide = is_wide && self.cols > 1;
            x -= usize::from(is_wide);
            lengths.push(self.cols - usize::from(is_wide));
            available += self.cols - usize::from(is_wide);
        }
        lengths
    }

    /// For lines that come in, of so many in all so far: below the cursor first, then at the top.
    fn make_room(&mut self, added: usize, count: usize) {
        let is_roomy = self.base == 0 && self.places.cursor + 1 != self.shown.len();
        let used = if is_roomy { self.places.cursor } else { self.shown.len() };
        let trimmed = (used + added).saturating_sub(self.rows);
        for _ in trimmed..added {
            if self.base > 0 {
                if self.base + self.rows < self.rows.min(self.shown.len() + count) {
                    self.base += 1;
                }
            } else if self.places.cursor + 1 < self.rows {
                self.places.cursor += 1;
                self.shown.pop();
            } else {
                self.base += 1;
            }
        }
        self.places.saved = (self.places.saved + added).min(self.base + self.rows - 1);
    }

    fn insert(&mut self, inserts: Vec<(usize, Vec<usize>)>, count: usize) {
        if inserts.is_empty() {
            return;
        }
        let old = self.shown.clone();
        let total = old.len() + count;
        let (mut from, mut done) = (old.len(), 0);
        let mut inserts = inserts.into_iter().peekable();
        let mut new = Vec::with_capacity(total);
        while new.len() < total {
            match inserts.next_if(|(start, _)| *start + 1 > from + done) {
                Some((_, lines)) => {
                    done += lines.len();
                    new.extend(lines.into_iter().rev());
                }
                None if from == 0 => break,
                None => {
                    from -= 1;
                    new.push(old[from]);
                }
            }
        }
        new.reverse();
        // What does not fit leaves at the top.
        self.shown = new.split_off(new.len().saturating_sub(self.rows));
    }
}
