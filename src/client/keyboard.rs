//! What comes from the user's terminal: its answers, which no program asked for, are taken out, then the detach keys.

use crate::session::spec::DetachKey;
use crate::term::keys::DetachKeys;
use crate::term::keys::Typed;
use crate::term::replies::Reply;
use crate::term::replies::ReplyGuard;
use std::time::Duration;
use std::time::Instant;

/// A key sequence that looks unfinished is passed on after this time.
const KEY_PAUSE: Duration = Duration::from_millis(25);

pub struct Keyboard {
    guard: ReplyGuard,
    /// Answers of the terminal that were taken out.
    replies: Vec<Reply>,
    keys: DetachKeys,
    /// Since when something is held back.
    held_since: Option<Instant>,
}

impl Keyboard {
    pub fn new(key: DetachKey) -> Self {
        Self { guard: ReplyGuard::default(), replies: Vec::new(), keys: DetachKeys::new(key), held_since: None }
    }

    pub fn feed(&mut self, input: &[u8]) -> Vec<Typed> {
        let mut meant = Vec::with_capacity(input.len());
        self.replies.extend(self.guard.feed(input, &mut meant));
        let typed = self.keys.feed(&meant);
        self.held_since = self.is_holding().then(Instant::now);
        typed
    }

    /// What the terminal has answered since the last call.
    pub fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }

    /// When to call [`flush`](Self::flush).
    pub fn deadline(&self) -> Option<Instant> {
        let patience = self.guard.patience().unwrap_or(KEY_PAUSE);
        self.held_since.map(|since| since + patience)
    }

    /// What was held back and is no sequence after all, when its time has come.
    pub fn flush(&mut self) -> Vec<Typed> {
        if self.deadline().is_none_or(|at| at > Instant::now()) {
            return Vec::new();
        }
        let mut meant = Vec::new();
        self.guard.flush(&mut meant);
        let mut typed = self.keys.feed(&meant);
        typed.push(Typed::Bytes(self.keys.flush()));
        self.held_since = self.is_holding().then(Instant::now);
        typed
    }

    fn is_holding(&self) -> bool {
        self.guard.is_holding() || self.keys.is_holding()
    }
}
