//! A terminal's screen, in step with its ring.

use crate::daemon::link::Checkpoint;
use crate::daemon::link::Following;
use crate::daemon::terminal::past::Past;
use crate::daemon::terminal::past::Sizes;
use crate::daemon::terminal::past::with_spaces;
use crate::name::WinSize;
use crate::sys::ring::RingError;
use crate::sys::ring::RingReader;
use crate::sys::ring::Taken;
use crate::term::screen::Heard;
use crate::term::screen::Screen;
use crate::term::screen::Signal;
use crate::term::screen::SpecialColours;
use std::borrow::Cow;
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
    sizes: Sizes,
    outer_colours: SpecialColours,
    /// The lines that have left the screen, as far as they were asked for.
    past: Option<Past>,
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
            sizes: Sizes::new(),
            outer_colours: [None; 3],
            past: None,
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
        self.past = None;
        is_known
    }

    /// The screen, to be kept for the next daemon, when the last one kept is about to leave the ring.
    pub fn checkpoint(&mut self, ring: &RingReader) -> Option<Checkpoint> {
        if self.at - self.kept < ring.geometry().size() / 4 {
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
    /// own scrollback, then the screen. `view` is that terminal's size.
    pub fn opening(&mut self, ring: &RingReader, lines: u32, view: WinSize) -> Vec<u8> {
        self.look_back(ring, lines, u64::MAX);
        let mut out = b"\r".to_vec();
        let lines = self.past.as_ref().map_or(&[][..], |past| past.newest(lines));
        // In a narrower terminal lines are wrapped, which only what is written does.
        let is_narrower = self.sizes.iter().any(|(_, size)| size.cols() > view.cols());
        let lines = if is_narrower { Cow::Owned(with_spaces(lines)) } else { Cow::Borrowed(lines) };
        if !lines.is_empty() {
            out.extend_from_slice(b"\x1b[J"); // lines pass over what is empty in them
        }
        for line in lines.split_inclusive(|&b| b == b'\n') {
            match line.split_last() {
                Some((b'\n', line)) => {
                    out.extend_from_slice(line);
                    out.extend_from_slice(b"\r\n");
                }
                _ => out.extend_from_slice(line),
            }
        }
        // From wherever the cursor is, this scrolls away what stands above it, and no more than that.
        out.extend(std::iter::repeat_n(b'\n', usize::from(view.rows()) - 1));
        out.extend(self.fresh());
        out
    }

    /// Where a client goes on that was given a screen: an unfinished sequence reaches it whole.
    pub fn resume_at(&self) -> u64 {
        self.at - self.screen.held().len() as u64
    }

    /// Of the terminals that this one is shown in.
    pub fn set_outer_colours(&mut self, colours: SpecialColours) {
        self.outer_colours = colours;
        self.screen.set_outer_colours(colours);
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

    /// How many bytes would have to be read by [`look_back`](Self::look_back).
    pub fn unread_past(&self, ring: &RingReader) -> u64 {
        let oldest = ring.oldest().unwrap_or(self.at);
        self.at.saturating_sub(self.past.as_ref().map_or(oldest, Past::at))
    }

    /// Reads the next `most` bytes of what is still in the ring once more, for the newest `lines` lines that have left the
    /// screen. Whether that was all. What is overwritten meanwhile is lost: the screen itself is what counts.
    pub fn look_back(&mut self, ring: &RingReader, lines: u32, most: u64) -> bool {
        let Some(oldest) = ring.oldest().filter(|_| lines > 0) else { return true };
        let past = self.past.take().filter(|past| past.at() >= oldest);
        let Some(past) = past.or_else(|| self.begin_past(ring, oldest, lines)) else { return true };
        let upto = self.at.min(past.at().saturating_add(most));
        self.past = past.read(ring, upto, &self.sizes);
        self.past.as_ref().is_none_or(|past| past.at() == self.at)
    }

    /// Begins with the first byte, or at the oldest screen that was kept.
    fn begin_past(&self, ring: &RingReader, oldest: u64, lines: u32) -> Option<Past> {
        if oldest == 0 {
            return Some(Past::begin(Screen::new(self.size_at(0)), 0, lines));
        }
        let unseen = |upto| {
            let past = Past::begin(Screen::new(self.size_at(oldest)), oldest, lines);
            past.read(ring, upto, &self.sizes).map(Past::without_first_line)
        };
        let Some(base) = self.bases.iter().find(|base| base.offset >= oldest) else {
            // What a full-screen program drew is no history.
            return if self.screen.in_alternate_screen() { None } else { unseen(self.at) };
        };
        let mut screen = Screen::new(base.size);
        screen.feed(&base.screen, &mut Heard::default());
        // After a daemon's death the only screen that was kept is a recent one.
        let before = if screen.in_alternate_screen() { None } else { unseen(base.offset) };
        Some(match before {
            Some(before) => before.goes_on(screen, base.offset),
            None => Past::begin(screen, base.offset, lines),
        })
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
                self.screen.set_outer_colours(self.outer_colours);
                self.at = oldest;
                self.past = None;
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
