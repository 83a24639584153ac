//! What comes from the user's terminal, and where it goes: to the program, to this client, or nowhere.

use crate::client::attach::Over;
use crate::client::attached::Client;
use crate::client::failure::Failure;
use crate::client::outer::QUESTIONS;
use crate::proto::door::ClientSays;
use crate::proto::frame::Frame;
use crate::term::keys;
use crate::term::keys::Typed;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use std::io;
use std::io::IsTerminal;
use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;
use std::time::Instant;

/// How long answers of the user's terminal are waited for when its user leaves.
const LAST_ANSWERS: Duration = Duration::from_millis(150);

impl Client<'_> {
    pub(super) fn on_stdin(&mut self) -> Result<Option<Over>, Failure> {
        let mut chunk = [0; 16 << 10];
        let n = match io::stdin().lock().read(&mut chunk) {
            Ok(0) if io::stdin().is_terminal() => return Ok(Some(Over::HungUp)),
            Ok(0) => {
                self.reads_input = false;
                if let Some(end) = self.target.end_of_input {
                    self.typed.push(&[end]);
                }
                return Ok(None);
            }
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(_) => return Ok(Some(Over::HungUp)),
        };
        let typed = self.keys.feed(&chunk[..n]);
        if let Some(colours) = self.outer.hear(&self.keys.take_replies()) {
            self.wire.queue(&Frame::control(&ClientSays::Colours { colours }))?;
        }
        self.on_typed(typed)
    }

    /// Takes the answers of the user's terminal that are still on their way, before somebody else gets it.
    pub fn hear_out(&mut self) {
        let until = Instant::now() + LAST_ANSWERS;
        // A terminal that is gone has nothing to say, and one that takes nothing has not been asked.
        if self.screen.write().is_err() || self.screen.retract(QUESTIONS) {
            return;
        }
        while self.outer.awaits_answers() && Instant::now() < until {
            let stdin = io::stdin();
            let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            let left = PollTimeout::try_from(until.saturating_duration_since(Instant::now()));
            if !matches!(nix::poll::poll(&mut fds, left.unwrap_or(PollTimeout::ZERO)), Ok(1..)) {
                return; // none comes, or a signal does
            }
            let mut chunk = [0; 4 << 10];
            match stdin.lock().read(&mut chunk) {
                Ok(n @ 1..) => drop(self.keys.feed(&chunk[..n])),
                _ => return,
            }
            self.outer.hear(&self.keys.take_replies());
        }
    }

    pub(super) fn on_typed(&mut self, typed: Vec<Typed>) -> Result<Option<Over>, Failure> {
        for typed in typed {
            match typed {
                Typed::Bytes(bytes) => self.type_in(&bytes),
                Typed::Detach => {
                    // A daemon that cannot be told sees the connection close.
                    self.wire.queue(&Frame::control(&ClientSays::Detach))?;
                    self.wire.write_or_drop();
                    return Ok(Some(Over::Detached));
                }
                Typed::Help => {
                    self.screen.show(b"\r\n");
                    self.screen.show(keys::help_text(self.target.detach_key).as_bytes());
                }
            }
        }
        Ok(None)
    }

    fn type_in(&mut self, bytes: &[u8]) {
        if self.target.role.types() {
            self.typed.push(bytes);
        }
    }

    pub(super) fn queue_typed(&mut self) -> Result<(), Failure> {
        if self.direct.is_some() {
            return self.type_directly();
        }
        while let Some(bytes) = self.typed.next_to_send() {
            self.wire.queue(&Frame::Bytes(bytes.into()))?;
        }
        // Most keys leave here, without a turn through poll.
        if self.wire.has_output() {
            self.wire.write_or_drop();
        }
        Ok(())
    }
}
