//! The lines that have left a terminal's screen, for clients that come. They are read from the ring a second time, by a
//! screen of their own: while little is printed, so that nobody who attaches waits for that.

use crate::name::WinSize;
use crate::sys::ring::RingReader;
use crate::sys::ring::Taken;
use crate::term::screen::Form;
use crate::term::screen::Heard;
use crate::term::screen::Screen;
use crate::text::last_lines;
use std::collections::VecDeque;

/// Most that is kept of them. Of lines longer than 768 bytes there are fewer than a thousand.
const TEXT_MAX_BYTES: usize = 768 << 10;

/// From which offset on the terminal had which size, oldest first.
pub type Sizes = VecDeque<(u64, WinSize)>;

#[derive(Debug)]
pub struct Past {
    screen: Screen,
    /// Up to where the ring has been read.
    at: u64,
    /// With their colours, each ended by LF but for one that goes on.
    text: Vec<u8>,
    lines: usize,
}

impl Past {
    /// The lines that leave `screen`, which is that at offset `at`; the newest `lines` of them at least.
    pub fn begin(mut screen: Screen, at: u64, lines: u32) -> Self {
        let lines = usize::try_from(lines).unwrap_or(usize::MAX);
        screen.keep_history(Form::Ansi, lines);
        Self { screen, at, text: Vec::new(), lines }
    }

    /// What was read from where the screen was not known: its first line may have begun before.
    pub fn without_first_line(mut self) -> Self {
        let first = self.text.iter().position(|&byte| byte == b'\n').map_or(self.text.len(), |at| at + 1);
        self.text.drain(..first);
        self
    }

    /// Goes on from another screen, at another offset.
    pub fn goes_on(self, screen: Screen, at: u64) -> Self {
        let lines = u32::try_from(self.lines).unwrap_or(u32::MAX);
        Self { text: self.text, ..Self::begin(screen, at, lines) }
    }

    pub fn at(&self) -> u64 {
        self.at
    }

    /// Reads on up to `upto`. `None`: that was overwritten before.
    pub fn read(mut self, ring: &RingReader, upto: u64, sizes: &Sizes) -> Option<Self> {
        let (mut output, from) = (Vec::new(), self.at);
        let Ok(Taken::Bytes(_)) = ring.take(from, upto.saturating_sub(from), &mut output) else { return None };
        let mut rest = &output[..];
        for &(at, size) in sizes.iter().filter(|(at, _)| (from..upto).contains(at)) {
            let before = usize::try_from(upto - at).unwrap_or(usize::MAX).min(rest.len());
            let (piece, after) = rest.split_at(rest.len() - before);
            self.screen.feed(piece, &mut Heard::default());
            self.screen.resize(size);
            rest = after;
        }
        self.screen.feed(rest, &mut Heard::default());
        self.at = upto;
        self.text.extend(self.screen.take_history());
        self.trim();
        Some(self)
    }

    /// The newest lines, `lines` of them at most.
    pub fn newest(&self, lines: u32) -> &[u8] {
        last_lines(&self.text, lines as usize)
    }

    fn trim(&mut self) {
        // One more, should the first turn out to be half a line.
        let mut kept = last_lines(&self.text, self.lines.saturating_add(1));
        while kept.len() > TEXT_MAX_BYTES {
            let first = kept.iter().position(|&byte| byte == b'\n').map_or(kept.len(), |at| at + 1);
            kept = &kept[first..];
        }
        let start = self.text.len() - kept.len();
        self.text.drain(..start);
        if self.text.capacity() > 2 * TEXT_MAX_BYTES {
            self.text.shrink_to_fit();
        }
    }
}

/// With spaces where lines pass over what was never written (CUF).
pub fn with_spaces(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * lines.len());
    let mut rest = lines;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\x1b[") {
        let (before, sequence) = rest.split_at(at);
        let digits = sequence[2..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        out.extend_from_slice(before);
        let number = std::str::from_utf8(&sequence[2..2 + digits]).ok().and_then(|digits| digits.parse().ok());
        match (sequence.get(2 + digits), number) {
            (Some(b'C'), Some(gap)) => {
                out.extend(std::iter::repeat_n(b' ', gap));
                rest = &sequence[2 + digits + 1..];
            }
            _ => {
                out.extend_from_slice(&sequence[..2]);
                rest = &sequence[2..];
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_become_spaces_and_nothing_else_does() {
        let lines = b"a\x1b[31mb\x1b[3Cc\n\x1b[12Cd\x1b[C\x1b";
        assert_eq!(with_spaces(lines), b"a\x1b[31mb   c\n            d\x1b[C\x1b");
    }
}
