//! What each of the two screens has for itself.

use super::charset::Charset;
use super::grid::Cell;
use super::grid::Grid;
use super::pen::Ink;

/// Deepest stack of keyboard flags; the oldest go first (kitty's protocol leaves the number to the terminal).
const KEYBOARD_MAX_DEPTH: usize = 16;
/// Five flags are defined.
const KEYBOARD_FLAGS: u8 = 0x1f;
const TAB: usize = 8;

/// Flags of kitty's keyboard protocol: the stack, of which the last counts.
#[derive(Clone, Debug, Default)]
pub struct Keyboard {
    pub base: u8,
    pub pushed: Vec<u8>,
}

impl Keyboard {
    pub fn flags(&self) -> u8 {
        self.pushed.last().copied().unwrap_or(self.base)
    }

    pub fn push(&mut self, flags: i32) {
        if self.pushed.len() == KEYBOARD_MAX_DEPTH {
            self.pushed.remove(0);
        }
        self.pushed.push(masked(flags));
    }

    pub fn pop(&mut self, count: usize) {
        let depth = self.pushed.len();
        self.pushed.truncate(depth.saturating_sub(count));
        if count > depth {
            self.base = 0;
        }
    }

    pub fn set(&mut self, flags: i32, how: i32) {
        let flags = masked(flags);
        let current = self.pushed.last_mut().unwrap_or(&mut self.base);
        match how {
            2 => *current |= flags,
            3 => *current &= !flags,
            _ => *current = flags,
        }
    }
}

fn masked(flags: i32) -> u8 {
    (flags & i32::from(KEYBOARD_FLAGS)) as u8
}

/// What ESC 7 saves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    pub x: usize,
    pub y: usize,
    pub ink: Ink,
    pub charset: Charset,
}

#[derive(Clone, Debug)]
pub struct Buffer {
    /// Without rows while the alternate screen is not shown.
    pub grid: Grid,
    /// First and last row of the scroll region.
    pub top: usize,
    pub bottom: usize,
    /// A bit a column; a stop may lie behind the last one.
    pub tabs: Vec<u64>,
    pub saved: Saved,
    /// Column and row of the cursor when the other screen was shown.
    pub left_at: (usize, usize),
    pub keyboard: Keyboard,
}

impl Buffer {
    pub fn new(rows: usize, cols: usize, grid: Option<Grid>) -> Self {
        let mut buffer = Self {
            grid: grid.unwrap_or_else(|| Grid::new(0, 0, Cell::null(0))),
            top: 0,
            bottom: rows - 1,
            tabs: Vec::new(),
            saved: Saved::default(),
            left_at: (0, 0),
            keyboard: Keyboard::default(),
        };
        buffer.reset_tabs(cols);
        buffer
    }

    pub fn reset_tabs(&mut self, cols: usize) {
        self.tabs.clear();
        self.fill_tabs(0, cols);
    }

    pub fn fill_tabs(&mut self, from: usize, cols: usize) {
        self.tabs.resize(self.tabs.len().max(cols / 64 + 1), 0);
        (from..cols).step_by(TAB).for_each(|x| self.set_tab(x, true));
    }

    pub fn is_tab(&self, x: usize) -> bool {
        self.tabs.get(x / 64).is_some_and(|word| word & 1 << (x % 64) != 0)
    }

    pub fn set_tab(&mut self, x: usize, on: bool) {
        if let Some(word) = self.tabs.get_mut(x / 64) {
            *word = if on { *word | 1 << (x % 64) } else { *word & !(1 << (x % 64)) };
        }
    }

    pub fn next_tab(&self, x: usize, cols: usize) -> usize {
        (x + 1..cols).find(|&x| self.is_tab(x)).unwrap_or(cols - 1)
    }

    pub fn previous_tab(&self, x: usize) -> usize {
        (0..x).rev().find(|&x| self.is_tab(x)).unwrap_or(0)
    }
}
