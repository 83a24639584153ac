//! Characters with combining marks: the cells keep numbers of them.

use super::grid::CLUSTER;
use super::grid::CODE;
use super::grid::Cell;

/// Most marks that a character keeps.
pub const MARKS_MAX: usize = 16;
/// Most clusters on both screens; more lose their marks.
const CLUSTERS_MAX: usize = 1 << 16;

#[derive(Clone, Debug, Default)]
pub struct Clusters {
    pub(super) texts: Vec<String>,
    free: Vec<u32>,
    sweep_at: usize,
}

impl Clusters {
    pub fn text(&self, cell: Cell) -> &str {
        &self.texts[(cell.content & CODE) as usize]
    }

    pub fn is_crowded(&self) -> bool {
        self.free.is_empty() && self.texts.len() >= self.sweep_at
    }

    /// Frees the clusters that are in none of `cells`.
    pub fn sweep<'a>(&mut self, cells: impl Iterator<Item = &'a Cell>) {
        let mut used = vec![false; self.texts.len()];
        cells.filter(|cell| cell.content & CLUSTER != 0).for_each(|cell| used[(cell.content & CODE) as usize] = true);
        self.free.clear();
        self.free.extend((0..self.texts.len()).filter(|&at| !used[at]).map(|at| at as u32));
        let live = self.texts.len() - self.free.len();
        self.sweep_at = live + (live / 4).max(64);
    }

    /// The cell with `mark` behind its characters. A cell without any takes it as its character.
    pub fn join(&mut self, cell: Cell, mark: u32) -> Cell {
        let Some(mark_char) = char::from_u32(mark) else { return cell };
        if cell.content & CLUSTER != 0 {
            let text = &mut self.texts[(cell.content & CODE) as usize];
            if text.chars().count() <= MARKS_MAX {
                text.push(mark_char);
            }
            return cell;
        }
        let Some(base) = char::from_u32(cell.content & CODE).filter(|&base| base != '\0') else {
            return Cell { content: mark | super::grid::NARROW, ..cell };
        };
        let number = match self.free.pop() {
            Some(number) => number,
            None if self.texts.len() >= CLUSTERS_MAX => return cell,
            None => {
                self.texts.push(String::new());
                (self.texts.len() - 1) as u32
            }
        };
        let text = &mut self.texts[number as usize];
        text.clear();
        text.extend([base, mark_char]);
        Cell { content: cell.content & !CODE | CLUSTER | number, ..cell }
    }
}
