//! What an attached client does on the direct path, see [`Direct`].

use crate::client::attach::Over;
use crate::client::attached::Client;
use crate::client::attached::PENDING_MAX;
use crate::client::direct::Got;
use crate::client::failure::Failure;
use crate::proto::door::ClientSays;
use crate::proto::frame::Frame;
use crate::session::fanout::TYPED_LAG_MAX;
use std::time::Duration;
use std::time::Instant;

/// The daemon hears at most so often that somebody types.
const TYPING_PAUSE: Duration = Duration::from_millis(250);

/// How long a client whose session has gone waits for a daemon that knows how it ended.
const LAST_SEARCH: Duration = Duration::from_secs(20);

/// Pieces of output in a row, before keys and signals have their turn.
const PIECES_A_TURN: u32 = 4;

impl Client<'_> {
    /// Whether the ring is read now: not while a screen is coming, nor ahead of a slow terminal.
    pub(super) fn reads_ring(&self) -> bool {
        let screen_comes = self.refreshing || self.screen_left > 0;
        self.direct.is_some() && !screen_comes && self.screen.pending() < PENDING_MAX
    }

    /// Shows what is new in the ring.
    pub(super) fn read_ring(&mut self) -> Result<Option<Over>, Failure> {
        let mut piece = std::mem::take(&mut self.piece);
        let over = self.read_pieces(&mut piece);
        self.piece = piece;
        if let Some(over) = over? {
            return Ok(Some(over));
        }
        let shown = self.offset.unwrap_or(0);
        if self.direct.as_ref().is_some_and(|direct| direct.is_over() && direct.lag(shown) == 0) {
            // Why, the daemon says, or the next one.
            self.direct = None;
            self.gone_at = self.away.is_some().then(|| Instant::now() + LAST_SEARCH);
        }
        if self.away.is_some() && self.gone_at.is_some_and(|at| at <= Instant::now()) {
            return Ok(Some(Over::Gone("the session's processes are gone, and no daemon says why".to_owned())));
        }
        Ok(self.ending.filter(|(_, head)| self.direct.is_none() || *head <= shown).map(|(exit, _)| Over::Ended(exit)))
    }

    fn read_pieces(&mut self, piece: &mut Vec<u8>) -> Result<Option<Over>, Failure> {
        for _ in 0..PIECES_A_TURN {
            let Some(direct) = self.direct.as_ref().filter(|_| self.reads_ring()) else { break };
            let offset = self.offset.unwrap_or(0);
            piece.clear();
            match direct.read(offset, piece) {
                Got::Bytes => {
                    self.on_output(piece);
                    if self.screen.write().is_err() {
                        return Ok(Some(Over::HungUp));
                    }
                    if let Some(direct) = &self.direct {
                        direct.has_shown(offset + piece.len() as u64);
                    }
                }
                Got::Nothing => break,
                Got::Overtaken => match self.ending {
                    // Nobody draws a screen any more.
                    Some((exit, _)) => {
                        self.context.note("the end of the output was overwritten before it could be shown");
                        return Ok(Some(Over::Ended(exit)));
                    }
                    None => self.refresh()?,
                },
                Got::Broken => return Ok(Some(Over::Gone("the session's output ring is broken".to_owned()))),
            }
        }
        Ok(None)
    }

    /// A fresh screen instead of what is still to be shown.
    fn refresh(&mut self) -> Result<(), Failure> {
        self.refreshing = true;
        self.wire.queue(&Frame::control(&ClientSays::Refresh))
    }

    pub(super) fn type_directly(&mut self) -> Result<(), Failure> {
        let Some(direct) = &mut self.direct else { return Ok(()) };
        // What comes because of the key is none of it.
        let lag = direct.lag(self.offset.unwrap_or(0));
        let is_due = self.told_typing.is_none_or(|at| at.elapsed() > TYPING_PAUSE);
        if is_due && !self.typed.next_to_write().is_empty() {
            // Before the program can do anything because of it.
            self.told_typing = Some(Instant::now());
            self.wire.queue(&Frame::control(&ClientSays::Typing))?;
            self.wire.write_or_drop();
        }
        if direct.type_in(&mut self.typed) {
            // What a key does is to be seen at once, not behind all that was printed before; a program reads it all.
            let can_skip = !self.refreshing && self.ending.is_none();
            if lag > TYPED_LAG_MAX && can_skip && self.screen.is_terminal() {
                self.refresh()?;
            }
        }
        if self.wire.has_output() {
            self.wire.write_or_drop();
        }
        Ok(())
    }
}
