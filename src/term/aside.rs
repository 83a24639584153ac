//! What a program says to a terminal that is not about the screen: a client that draws the screen itself passes it on.

/// Of a sequence that may reach the terminal: BEL, the title, notifications, the clipboard, colours, the pointer and
/// the program's status. Not links, prompts and images, which belong to places on the screen.
pub fn is_aside(sequence: &[u8]) -> bool {
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
