//! A terminal's screen, in step with its ring.

use crate::daemon::link::Checkpoint;
use crate::daemon::link::Following;
use crate::name::WinSize;
use crate::sys::ring::RingError;
use crate::sys::ring::RingReader;
use crate::sys::ring::Taken;
use crate::term::screen::Form;
use crate::term::screen::Heard;
use crate::term::screen::Screen;
use crate::term::screen::Signal;
use crate::text::last_lines;
use std::collections::VecDeque;

/// Most bytes fed at once: between two such pieces viewers are served.
pub const PIECE_BYTES: u64 = 128 << 10;
/// Most bytes drawn in a row. Whoever the program and its clients wait for, the kernel's own workers above all, may have
/// been woken on this processor while the others were busy, and would wait for milliseconds although they are idle again:
/// with two processors a fifth of a flood's time.
const TURN_BYTES: usize = 16 << 10;
/// Changes of size that are remembered; older output is read as if it was of the oldest of them.
const SIZES_MAX: usize = 256;

#[derive(Debug)]
pub struct Picture {
    screen: Screen,
    /// Up to where the ring has been fed to the screen.
    at: u64,
    /// What was asked before this offset an earlier daemon has answered.
    answered: u64,
    /// The offset of the newest checkpoint.
    kept: u64,
    /// Screens of earlier moments whose offsets are still in the ring, oldest first.
    bases: VecDeque<Checkpoint>,
    /// From which offset on the terminal had which size, oldest first.
    sizes: VecDeque<(u64, WinSize)>,
    heard: Heard,
    piece: Vec<u8>,
}

/// What the newest output brought.
#[derive(Debug, Default)]
pub struct Seen {
    pub answers: Vec<u8>,
    pub signals: Vec<Signal>,
    pub is_output: bool,
    /// Bytes were overwritten before they were seen: what the screen shows is not what the program drew.
    pub lost: bool,
}

impl Picture {
    pub fn new(size: WinSize) -> Self {
        Self {
            screen: Screen::new(size),
            at: 0,
            answered: 0,
            kept: 0,
            bases: VecDeque::new(),
            sizes: VecDeque::new(),
            heard: Heard::default(),
            piece: Vec::new(),
        }
    }

    /// Begins with what an earlier daemon kept if the ring still has all that came after it, else with the oldest byte
    /// that there is. Returns whether the screen is known there: else what will be seen is not what the program drew.
    pub fn begin(&mut self, following: &mut Following, size: WinSize) -> bool {
        self.screen = Screen::new(size);
        let oldest = following.ring.oldest().unwrap_or(0);
        let head = following.ring.head();
        self.answered = following.answered;
        self.at = oldest;
        let mut is_known = oldest == 0;
        if let Some(Checkpoint { offset, size, screen }) = following.checkpoint.take()
            && (oldest..=head).contains(&offset)
        {
            self.screen = Screen::new(size);
            self.screen.feed(&screen, &mut self.heard);
            self.heard = Heard::default();
            (self.at, self.kept) = (offset, offset);
            is_known = true;
            self.bases.push_back(Checkpoint { offset, size, screen });
        }
        self.sizes = VecDeque::from([(self.at, self.screen.size())]);
        is_known
    }

    /// The screen, to be kept for the next daemon, when the last one kept is about to leave the ring.
    pub fn checkpoint(&mut self, ring: &RingReader) -> Option<Checkpoint> {
        if self.at - self.kept < ring.geometry().size() / 2 {
            return None;
        }
        let mut screen = Vec::new();
        self.screen.snapshot_to_resume(&mut screen);
        let offset = self.resume_at();
        self.kept = offset;
        let checkpoint = Checkpoint { offset, size: self.screen.size(), screen };
        self.bases.push_back(checkpoint.clone());
        let oldest = ring.oldest().unwrap_or(0);
        self.bases.retain(|base| base.offset >= oldest);
        Some(checkpoint)
    }

    pub fn at(&self) -> u64 {
        self.at
    }

    pub fn size(&self) -> WinSize {
        self.screen.size()
    }

    /// A whole screen for a terminal that shows something else.
    pub fn fresh(&self) -> Vec<u8> {
        let mut out = b"\x1b[H\x1b[J".to_vec();
        self.screen.snapshot_to_resume(&mut out);
        out
    }

    /// A whole screen for a client that has just come: first the newest lines of history, which go into its terminal's
    /// own scrollback, then the screen. `rows` are that terminal's.
    pub fn opening(&self, ring: &RingReader, lines: u32, rows: u16) -> Vec<u8> {
        let mut out = b"\r".to_vec();
        for byte in self.history(ring, lines) {
            out.extend(if byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(&byte) });
        }
        // From wherever the cursor is, this scrolls away what stands above it, and no more than that.
        out.extend(std::iter::repeat_n(b'\n', usize::from(rows) - 1));
        out.extend(self.fresh());
        out
    }

    /// Where a client goes on that was given a screen: an unfinished sequence reaches it whole.
    pub fn resume_at(&self) -> u64 {
        self.at - self.screen.held().len() as u64
    }

    pub fn resize(&mut self, size: WinSize) {
        self.screen.resize(size);
        if self.sizes.back().is_some_and(|(at, _)| *at == self.at) {
            self.sizes.pop_back();
        }
        if self.sizes.len() == SIZES_MAX {
            self.sizes.pop_front();
        }
        self.sizes.push_back((self.at, size));
    }

    /// The newest lines that have left the screen, with their colours, each ended by LF. They are not kept anywhere: the
    /// output that is still in the ring is read once more, from a screen that was kept for that.
    fn history(&self, ring: &RingReader, lines: u32) -> Vec<u8> {
        let Some(oldest) = ring.oldest().filter(|_| lines > 0) else { return Vec::new() };
        let base = self.bases.iter().find(|base| base.offset >= oldest);
        let mut text = match base {
            _ if oldest == 0 => self.left_behind(ring, (0, self.at), Screen::new(self.size_at(0)), lines),
            Some(base) => {
                let mut screen = Screen::new(base.size);
                screen.feed(&base.screen, &mut Heard::default());
                // After a daemon's death the only screen that was kept is a recent one.
                let mut text = if screen.in_alternate_screen() {
                    Vec::new()
                } else {
                    self.left_behind_unseen(ring, (oldest, base.offset), lines)
                };
                text.extend(self.left_behind(ring, (base.offset, self.at), screen, lines));
                text
            }
            // What a full-screen program drew is no history.
            None if self.screen.in_alternate_screen() => Vec::new(),
            None => self.left_behind_unseen(ring, (oldest, self.at), lines),
        };
        text.drain(..text.len() - last_lines(&text, lines as usize).len());
        text
    }

    /// The lines, the newest `lines` of them at least, that leave `screen` while it is fed what the ring has from `from` to `upto`. None, if that is overwritten
    /// meanwhile: the screen itself is what counts.
    fn left_behind(&self, ring: &RingReader, (from, upto): (u64, u64), mut screen: Screen, lines: u32) -> Vec<u8> {
        let mut output = Vec::new();
        if !matches!(ring.take(from, upto.saturating_sub(from), &mut output), Ok(Taken::Bytes(_))) {
            return Vec::new();
        }
        screen.keep_history(Form::Ansi, lines as usize);
        let mut rest = &output[..];
        for &(at, size) in self.sizes.iter().filter(|(at, _)| (from..upto).contains(at)) {
            let before = usize::try_from(upto - at).unwrap_or(usize::MAX).min(rest.len());
            let (piece, after) = rest.split_at(rest.len() - before);
            screen.feed(piece, &mut Heard::default());
            screen.resize(size);
            rest = after;
        }
        screen.feed(rest, &mut Heard::default());
        screen.take_history()
    }

    /// The same, where the screen at `from` is not known; the first line may have begun before.
    fn left_behind_unseen(&self, ring: &RingReader, (from, upto): (u64, u64), lines: u32) -> Vec<u8> {
        let mut text = self.left_behind(ring, (from, upto), Screen::new(self.size_at(from)), lines);
        let first = text.iter().position(|&byte| byte == b'\n').map_or(text.len(), |at| at + 1);
        text.drain(..first);
        text
    }

    fn size_at(&self, offset: u64) -> WinSize {
        let known = self.sizes.iter().rev().find(|(at, _)| *at <= offset).or(self.sizes.front());
        known.map_or(self.size(), |(_, size)| *size)
    }

    /// Feeds the screen one piece of what is new.
    ///
    /// # Errors
    /// When the ring contradicts itself.
    pub fn follow(&mut self, ring: &RingReader) -> Result<Seen, RingError> {
        self.piece.clear();
        let mut seen = Seen::default();
        match ring.take(self.at, PIECE_BYTES, &mut self.piece)? {
            Taken::Bytes(_) => {}
            Taken::Overwritten { oldest } => {
                self.screen = Screen::new(self.screen.size());
                self.at = oldest;
                return Ok(Seen { lost: true, ..seen });
            }
        }
        let old = usize::try_from(self.answered.saturating_sub(self.at)).unwrap_or(usize::MAX).min(self.piece.len());
        let (answered, mut new) = self.piece.split_at(old);
        self.screen.feed(answered, &mut self.heard);
        self.heard.answers.clear();
        while !new.is_empty() {
            let taken = self.screen.feed_some(new, TURN_BYTES, &mut self.heard);
            new = &new[taken..];
            if !new.is_empty() {
                std::thread::yield_now();
            }
        }
        self.at += self.piece.len() as u64;
        seen.answers = std::mem::take(&mut self.heard.answers);
        seen.signals = std::mem::take(&mut self.heard.signals);
        seen.is_output = !self.piece.is_empty();
        Ok(seen)
    }
}
