//! A session's screen in a terminal of another size: kept here in step with the output, and drawn as far as it fits.

use crate::name::WinSize;
use crate::term::screen::Heard;
use crate::term::screen::Screen;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;

/// No more than some 60 pictures a second.
const FRAME: Duration = Duration::from_millis(16);
/// A program that began to draw and does not say that it is done is drawn after this time all the same.
const SYNCHRONIZED: Duration = Duration::from_millis(150);

pub struct Mirror {
    screen: Screen,
    heard: Heard,
    /// What is on the terminal: the view's size and first row and column, and the generation of the screen.
    drawn: Option<(WinSize, usize, usize, u64)>,
    /// The modes that the terminal was given last.
    modes: Vec<u8>,
    /// Since when there is something to draw.
    waits_since: Option<Instant>,
}

impl Mirror {
    pub fn new(size: WinSize) -> Self {
        let (screen, heard) = (Screen::new(size), Heard::default());
        Self { screen, heard, drawn: None, modes: Vec::new(), waits_since: None }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.screen.feed(bytes, &mut self.heard);
        // What the program asks, the daemon answers.
        self.heard = Heard::default();
        self.waits_since.get_or_insert_with(Instant::now);
    }

    /// When to draw, if there is anything to.
    pub fn deadline(&self) -> Option<Instant> {
        let pause = if self.screen.is_synchronizing() { SYNCHRONIZED } else { FRAME };
        self.waits_since.map(|since| since + pause)
    }

    /// Appends what brings a terminal of the size `view` from what was drawn last to what the screen shows now.
    pub fn draw(&mut self, view: WinSize, out: &mut Vec<u8>) {
        self.waits_since = None;
        let (rows, cols) = (usize::from(view.rows()), usize::from(view.cols()));
        let size = self.screen.size();
        let (y, x, visible) = self.screen.cursor();
        // The view follows the cursor, and else begins at the top left.
        let (top, left) = ((y + 1).saturating_sub(rows), (x + 1).saturating_sub(cols));
        let seen = self.drawn.filter(|(of, from, at, _)| (*of, *from, *at) == (view, top, left));
        out.extend_from_slice(b"\x1b[?25l");
        let mut modes = Vec::new();
        self.screen.snapshot_of_modes(&mut modes);
        if modes != self.modes {
            out.extend_from_slice(&modes);
            self.modes = modes;
        }
        if seen.is_none() {
            out.extend_from_slice(b"\x1b[m\x1b[H\x1b[J");
        }
        let shown_cols = usize::from(size.cols()).min(left + cols);
        for row in top..usize::from(size.rows()).min(top + rows) {
            if seen.is_some_and(|(_, _, _, generation)| self.screen.row_changed(row) <= generation) {
                continue;
            }
            put(out, format_args!("\x1b[{};1H\x1b[m\x1b[2K", row - top + 1));
            self.screen.paint_row(row, left..shown_cols, out);
        }
        put(out, format_args!("\x1b[m\x1b[{};{}H", y - top + 1, x - left + 1));
        if visible {
            out.extend_from_slice(b"\x1b[?25h");
        }
        self.drawn = Some((view, top, left, self.screen.generation()));
    }
}

fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a vector takes all");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal of that size shows.
    fn shown(view: WinSize, bytes: &[u8]) -> Vec<String> {
        let mut screen = Screen::new(view);
        screen.feed(bytes, &mut Heard::default());
        (0..usize::from(view.rows())).map(|row| screen.row_text(row).trim_end().to_owned()).collect()
    }

    #[test]
    fn a_smaller_terminal_shows_the_part_around_the_cursor() {
        let mut mirror = Mirror::new(WinSize::clamped(4, 10));
        mirror.feed(b"first\r\nsecond\r\nthird\r\n0123456789");
        let view = WinSize::clamped(2, 6);
        let mut out = Vec::new();
        mirror.draw(view, &mut out);
        assert_eq!(shown(view, &out), ["d", "456789"]);
    }

    #[test]
    fn a_larger_terminal_shows_all_and_lines_wrap_where_the_program_thinks_they_do() {
        let mut mirror = Mirror::new(WinSize::clamped(3, 5));
        mirror.feed(b"abcdefg");
        let view = WinSize::clamped(5, 20);
        let mut out = Vec::new();
        mirror.draw(view, &mut out);
        assert_eq!(shown(view, &out), ["abcde", "fg", "", "", ""]);
    }

    #[test]
    fn only_what_changed_is_drawn_again() {
        let mut mirror = Mirror::new(WinSize::clamped(3, 20));
        mirror.feed(b"one\r\ntwo\r\nthree");
        let view = WinSize::clamped(9, 40);
        let mut out = Vec::new();
        mirror.draw(view, &mut out);
        let first = out.len();
        mirror.feed(b"!");
        mirror.draw(view, &mut out);
        let again = String::from_utf8(out[first..].to_vec()).unwrap();
        assert!(again.contains("three!") && !again.contains("two"), "{again:?}");
        assert_eq!(shown(view, &out)[..3], ["one", "two", "three!"]);
    }
}
