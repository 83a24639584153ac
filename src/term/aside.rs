//! What a program says to a terminal that is not about the screen: a client that draws the screen itself passes it on.

/// Picks them out of the sequences that may reach the terminal, as a filter tells of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asides {
    /// What comes are pieces of a string that was too long to be kept whole.
    in_string: bool,
}

impl Asides {
    pub fn picks(&mut self, sequence: &[u8]) -> bool {
        let is_string =
            matches!(sequence, [0x1b, b']' | b'P' | b'_' | b'X' | b'^', ..] | [0xc2, 0x90 | 0x98 | 0x9d..=0x9f, ..]);
        let ends = [&b"\x07"[..], b"\x1b\\", "\u{9c}".as_bytes(), b"\x18", b"\x1a"];
        let is_ended = ends.iter().any(|end| sequence.ends_with(end));
        if self.in_string || is_string && !is_ended {
            self.in_string = !is_ended;
            return false;
        }
        is_aside(sequence)
    }
}

/// BEL, the title, notifications, the clipboard, colours, the pointer and the program's status. Not links, prompts and
/// images, which belong to places on the screen.
fn is_aside(sequence: &[u8]) -> bool {
    sequence == b"\x07"
        || matches!(osc(sequence), Some(0..=2 | 4 | 7 | 9..=19 | 22 | 52 | 99 | 104 | 110..=119 | 777 | 7501))
}

/// A report about the program's status (OSC 7501).
pub fn is_status(sequence: &[u8]) -> bool {
    osc(sequence) == Some(7501)
}

/// The number of an OSC.
fn osc(sequence: &[u8]) -> Option<u32> {
    let body = sequence.strip_prefix(b"\x1b]").or_else(|| sequence.strip_prefix("\u{9d}".as_bytes()))?;
    let end = body.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(body.len());
    std::str::from_utf8(&body[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_comes_in_pieces_is_left_out_whole() {
        let mut asides = Asides::default();
        let pieces: [&[u8]; 5] = [b"\x1b]9;long", b"er", b"\x07", b"\x07", b"\x1b]2;title\x07"];
        assert_eq!(pieces.map(|piece| asides.picks(piece)), [false, false, false, true, true]);
    }

    #[test]
    fn what_concerns_the_terminal_is_told_from_what_concerns_the_screen() {
        let asides: [&[u8]; 8] = [
            b"\x07",
            b"\x1b]0;title\x07",
            b"\x1b]2;title\x1b\\",
            b"\x1b]9;come\x07",
            b"\x1b]52;c;aGk=\x07",
            b"\x1b]777;notify;a;b\x07",
            b"\x1b]7501;state=idle\x07",
            "\u{9d}2;title\u{9c}".as_bytes(),
        ];
        asides.iter().for_each(|sequence| assert!(is_aside(sequence), "{}", sequence.escape_ascii()));
        let others: [&[u8]; 6] = [
            b"\x0e",
            b"\x1b[1m",
            b"\x1b]8;;http://x\x07",
            b"\x1b]133;A\x07",
            b"\x1b]1337;File=:\x07",
            b"\x1b]66;;x\x07",
        ];
        others.iter().for_each(|sequence| assert!(!is_aside(sequence), "{}", sequence.escape_ascii()));
    }
}
