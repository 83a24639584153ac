//! What a client sees first: until the session has a screen of its own, the end of its output.

use crate::term::modes;
use crate::term::modes::ModeTracker;
use crate::term::queries;

/// So much of the newest output is shown to a client that attaches.
const REPLAY_BYTES: usize = 64 << 10;
/// A client that skips goes on at a line that starts in so many of the newest bytes.
const SKIP_WINDOW_BYTES: usize = 8 << 10;

/// A fresh start: bytes that do not count as stream, and how many of the newest stream bytes they stand for.
#[derive(Debug, PartialEq, Eq)]
pub struct Opening {
    pub screen: Vec<u8>,
    /// The stream goes on so many bytes before the end of what was given.
    pub resume_before_end: usize,
    /// A full-screen program has to be asked to redraw.
    pub wants_redraw: bool,
}

/// For a client that attaches: `output` is all that can still be read.
pub fn on_attach(output: &[u8]) -> Opening {
    let mut modes = ModeTracker::new();
    modes.feed(output);
    let from = output.len().saturating_sub(REPLAY_BYTES);
    // The very beginning of the output is a good place too.
    let start = if from == 0 { 0 } else { from + modes::line_start_after(&output[from..]).unwrap_or(0) };
    let (replay, unfinished) = queries::without_queries(&output[start..]);
    let full_screen = modes.in_alternate_screen();
    let mut screen = b"\x1b[m".to_vec();
    if !full_screen {
        screen.extend(replay);
    }
    // Last: what counts is how the modes stood in the end.
    screen.extend(modes.replay());
    Opening { screen, resume_before_end: unfinished, wants_redraw: full_screen }
}

/// For a client that fell behind: `output` is the newest part of what can still be read.
pub fn on_skip(output: &[u8]) -> Opening {
    let from = output.len().saturating_sub(SKIP_WINDOW_BYTES);
    let start = from + modes::line_start_after(&output[from..]).unwrap_or(output.len() - from);
    Opening {
        screen: [modes::soft_reset(), b"\r\n"].concat(),
        resume_before_end: output.len() - start,
        wants_redraw: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shells_output_is_shown_from_a_line_start() {
        let output = b"x".repeat(REPLAY_BYTES).into_iter().chain(*b"\nlast\r\n$ ").collect::<Vec<_>>();
        let opening = on_attach(&output);
        assert_eq!(opening.screen, b"\x1b[mlast\r\n$ ");
        assert!(!opening.wants_redraw);
    }

    #[test]
    fn a_full_screen_program_is_asked_to_redraw_instead() {
        let opening = on_attach(b"$ vim\r\n\x1b[?1049h\x1b[2Jtext");
        assert!(opening.wants_redraw);
        assert!(!opening.screen.windows(4).any(|part| part == b"text"));
    }

    #[test]
    fn a_sequence_that_is_not_finished_goes_on_whole() {
        let opening = on_attach(b"text \x1b[38;5");
        assert_eq!((opening.screen.as_slice(), opening.resume_before_end), (b"\x1b[mtext ".as_slice(), 6));
    }

    #[test]
    fn a_skip_goes_on_at_a_line_start() {
        let opening = on_skip(b"torn \x1b[3\nwhole\nend");
        assert_eq!(opening.resume_before_end, b"whole\nend".len());
        assert_eq!(on_skip(b"no line at all").resume_before_end, 0);
    }
}
