//! The daemon died or was replaced: the client finds the next one and goes on at its byte, in both directions.

use crate::client::attach::Over;
use crate::client::attached::Client;
use crate::client::attached::attach_call;
use crate::client::connect;
use crate::client::failure::Failure;
use crate::client::failure::NO_DAEMON;
use crate::client::wire::Wire;
use crate::proto::door::Attach;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;
use std::time::Instant;

/// How long a client whose daemon vanished tries to find another.
const RECONNECT_LIMIT: Duration = Duration::from_secs(20);
/// Milliseconds for the answer of a daemon that was reached.
const ANSWER_LIMIT: u16 = 30_000;
const RECONNECT_PAUSE: Duration = Duration::from_millis(5);

impl Client<'_> {
    /// The daemon vanished. Whoever comes next is told how far we are, in both directions.
    pub(super) fn reconnect(&mut self) -> Result<Option<Over>, Failure> {
        let until = Instant::now() + RECONNECT_LIMIT;
        loop {
            if let Some(over) = self.on_signals()? {
                return Ok(Some(over));
            }
            match self.try_reconnect() {
                Ok(over) => return Ok(over),
                Err(failure) if Instant::now() > until => return Err(failure),
                Err(failure) if failure.code == crate::client::failure::NO_SESSION => {
                    return Ok(Some(Over::Gone(failure.message)));
                }
                // There is nothing to wait for but the next daemon's socket.
                Err(_) => std::thread::sleep(RECONNECT_PAUSE),
            }
        }
    }

    fn try_reconnect(&mut self) -> Result<Option<Over>, Failure> {
        let mut daemon = connect::reconnect(self.context)?;
        daemon.ask(attach_call(&self.target, self.number, self.offset, self.typed.acknowledged()))?;
        // The session's init may take its time; a signal must not wait for it.
        loop {
            let mut fds = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(daemon.stream.as_fd(), PollFlags::POLLIN),
            ];
            let polled = nix::poll::poll(&mut fds, ANSWER_LIMIT);
            let (signalled, answered) = (fds[0].any().unwrap_or(false), fds[1].any().unwrap_or(false));
            if signalled && let Some(over) = self.on_signals()? {
                return Ok(Some(over));
            }
            match polled {
                Ok(_) if answered => break,
                Ok(0) => return Err(Failure::new(NO_DAEMON, "the daemon does not answer")),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(io::Error::from(errno).into()),
            }
        }
        let attached = daemon.answer::<Attach>()?;
        // Half a frame of the old daemon's is void: its bytes were not counted.
        self.wire = Wire::over(daemon)?;
        self.screen_left = 0;
        self.typed.send_again();
        self.typed.acknowledge_earlier(attached.typed);
        Ok(None)
    }
}
