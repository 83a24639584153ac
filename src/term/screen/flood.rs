//! Floods of text: lines that have left the screen before anybody can see them are not drawn.

use super::Screen;

/// A shorter flood is drawn.
pub(super) const LEAST_BYTES: usize = 4 << 10;

impl Screen {
    /// How many bytes at the beginning of `bytes`, which stand outside of any sequence, make no difference to the screen and
    /// to the history that is wanted: what follows them scrolls all away that was there and that they draw. The cursor is then where they leave it.
    /// The second number is how far `bytes` were searched for one.
    pub(super) fn skip_flood(&mut self, bytes: &[u8]) -> (usize, usize) {
        if bytes.len() < LEAST_BYTES {
            return (0, bytes.len());
        }
        let run = run_of_lines(bytes);
        let buffer = self.buffer();
        let is_whole = buffer.top == 0 && buffer.bottom + 1 == self.rows;
        if run < LEAST_BYTES || !is_whole {
            return (0, run);
        }
        // So many line feeds behind it scroll all of the screen away, if it begins on the last row: there the cursor is
        // after as many before it. What leaves after that is history.
        let lines = self.rows.saturating_add(self.history.as_ref().map_or(0, |history| history.most));
        let Some(start) = start_of_last_lines(&bytes[..run], lines) else { return (0, run) };
        if start_of_last_lines(&bytes[..start], self.rows).is_none() {
            return (0, run);
        }
        (self.x, self.y, self.last_width) = (0, self.rows - 1, 0);
        self.touch_all();
        (start, run)
    }
}

/// How many bytes `bytes` begin with that are text, tabs and ends of lines.
fn run_of_lines(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let special = |b: u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r') || b == 0x7f || b == 0xc2;
    let mut at = 0;
    loop {
        // A fold without an exit becomes vector code; a search with one does not.
        let clean = |block: &&[u8]| !block.iter().fold(false, |found, &b| found | special(b));
        at += bytes[at..].chunks_exact(BLOCK).take_while(clean).count() * BLOCK;
        let rest = &bytes[at..];
        at += rest.iter().position(|&b| special(b)).unwrap_or(rest.len());
        match (bytes.get(at), bytes.get(at + 1)) {
            // Part of a character, or the first byte of a C1 control.
            (Some(0xc2), Some(0xa0..=0xbf)) => at += 2,
            _ => return at,
        }
    }
}

/// Where the last lines begin that together have `count` line feeds or more, behind a CR LF.
fn start_of_last_lines(bytes: &[u8], count: usize) -> Option<usize> {
    let mut feeds = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').skip(count);
    feeds.find(|&(at, _)| at > 0 && bytes[at - 1] == b'\r').map(|(at, _)| at + 1)
}
