//! Changing the size. Nothing is reflowed: rows are cut or filled on the right, and dropped below the cursor, then above.

use super::Screen;
use super::grid::Cell;
use crate::name::WinSize;

impl Screen {
    /// The program is told by SIGWINCH and draws anew; until then the cursor's line stays.
    pub fn resize(&mut self, size: WinSize) {
        let (rows, cols) = (usize::from(size.rows()), usize::from(size.cols()));
        if (rows, cols) == (self.rows, self.cols) {
            return;
        }
        let above = (self.y + 1).saturating_sub(rows);
        for (which, buffer) in self.buffers.iter_mut().enumerate() {
            let drop_above = if which == self.active { above } else { (buffer.saved.y + 1).saturating_sub(rows) };
            if buffer.grid.rows > 0 {
                buffer.grid.resize(rows, cols, drop_above);
            }
            (buffer.top, buffer.bottom) = (0, rows - 1);
            buffer.saved.y = buffer.saved.y.saturating_sub(drop_above).min(rows - 1);
            buffer.saved.x = buffer.saved.x.min(cols - 1);
            let from = if buffer.is_tab(cols) { cols } else { buffer.previous_tab(cols) };
            buffer.fill_tabs(from, cols);
        }
        self.y = (self.y - above).min(rows - 1);
        self.x = self.x.min(cols - 1);
        (self.rows, self.cols) = (rows, cols);
        self.last_width = 0;
        self.generation += 1;
        self.changed = vec![self.generation; rows];
        let cells = self.buffers.iter().flat_map(|buffer| buffer.grid.cells());
        self.clusters.sweep(cells);
        self.touch_all();
        debug_assert!(self.grid().row(0).len() == cols && Cell::null(0).width() == 1);
    }
}
