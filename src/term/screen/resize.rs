//! Changing the size, as xterm.js does: the main screen is reflowed, the alternate one is cut or filled on the right. Rows are
//! dropped below the cursor, then above.

use super::Screen;
use super::reflow::Places;
use super::reflow::Reflow;
use crate::name::WinSize;

impl Screen {
    /// The program is told by SIGWINCH and draws anew; until then the cursor's line stays.
    pub fn resize(&mut self, size: WinSize) {
        let size = WinSize::clamped(size.rows(), size.cols());
        let (rows, cols) = (usize::from(size.rows()), usize::from(size.cols()));
        if (rows, cols) == (self.rows, self.cols) {
            return;
        }
        for (which, buffer) in self.buffers.iter_mut().enumerate() {
            let is_shown = which == self.active;
            if buffer.grid.rows > 0 {
                let cursor = if is_shown { self.y } else { buffer.left_at.1 };
                let reflow = Reflow::new(&buffer.grid, rows, cols, Places { cursor, saved: buffer.saved.y });
                let (grid, places) = reflow.run(which == 0);
                buffer.grid = grid;
                buffer.saved.y = places.saved;
                buffer.saved.x = buffer.saved.x.min(cols - 1);
                if is_shown {
                    self.y = places.cursor;
                } else {
                    buffer.left_at = (buffer.left_at.0.min(cols - 1), places.cursor);
                }
                buffer.top = 0;
            }
            buffer.bottom = rows - 1;
            buffer.top = buffer.top.min(rows - 1);
            let from = if buffer.is_tab(cols) { cols } else { buffer.previous_tab(cols) };
            buffer.fill_tabs(from, cols);
        }
        self.x = self.x.min(cols - 1);
        (self.rows, self.cols) = (rows, cols);
        self.generation += 1;
        self.changed = vec![self.generation; rows];
        let cells = self.buffers.iter().flat_map(|buffer| buffer.grid.cells());
        self.clusters.sweep(cells);
        self.touch_all();
    }
}
