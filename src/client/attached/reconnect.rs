//! The daemon died or was replaced: the client finds the next one and goes on at its byte, in both directions.

use crate::client::Context;
use crate::client::attach::Over;
use crate::client::attached::Client;
use crate::client::attached::attach_call;
use crate::client::connect;
use crate::client::connect::Daemon;
use crate::client::failure::Failure;
use crate::client::failure::NO_DAEMON;
use crate::client::screen;
use crate::client::wire::Wire;
use crate::proto::door::Attach;
use crate::proto::door::ClientSays;
use crate::proto::door::Direct as Way;
use crate::proto::frame::Frame;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
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
        if self.direct.is_some() {
            self.away = Some(Away::begin(self.context.clone())?);
            return Ok(None);
        }
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
        let daemon = connect::reconnect(self.context)?;
        self.attach_again(daemon)
    }

    /// Another daemon was found, while the direct path went on.
    pub(super) fn come_back(&mut self) -> Result<Option<Over>, Failure> {
        let Some(found) = self.away.take().map(Away::end) else { return Ok(None) };
        let over = match found.and_then(|daemon| self.attach_again(daemon)) {
            Ok(over) => over,
            Err(failure) if failure.code == crate::client::failure::NO_SESSION => Some(Over::Gone(failure.message)),
            // It has gone again.
            Err(_) => return self.reconnect(),
        };
        if self.refreshing {
            self.wire.queue(&Frame::control(&ClientSays::Refresh))?;
        }
        Ok(over)
    }

    fn attach_again(&mut self, mut daemon: Daemon) -> Result<Option<Over>, Failure> {
        let way = if self.direct.is_some() { Way::Held } else { Way::Wanted };
        daemon.ask(attach_call(&self.target, self.number, self.offset, self.typed.acknowledged(), way))?;
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
        self.refreshing |= self.screen_left > 0 && self.direct.is_some();
        self.screen_left = 0;
        self.typed.send_again();
        self.typed.acknowledge_earlier(attached.typed);
        if screen::size() != self.window {
            self.on_resize()?; // while there was nobody to tell
        }
        Ok(None)
    }
}

/// Looks for another daemon beside the client's own loop. It never starts one by a fork of this process, which has two
/// threads now, but by a command of its own.
pub struct Away {
    found: Receiver<Daemon>,
    signal: UnixStream,
}

impl Away {
    fn begin(context: Context) -> io::Result<Self> {
        let (signal, done) = UnixStream::pair()?;
        let (send, found) = mpsc::channel();
        std::thread::Builder::new().spawn(move || {
            let mut tries = 0_u32;
            let daemon = loop {
                match connect::running(&context) {
                    Ok(Some(daemon)) => break daemon,
                    // The guard needs some milliseconds. If it is gone as well, nobody else brings a daemon back.
                    Ok(None) | Err(_) if tries % 200 == 100 => start_one(&context),
                    Ok(None) | Err(_) => {}
                }
                tries = tries.saturating_add(1);
                std::thread::sleep(if tries < 1000 { RECONNECT_PAUSE } else { RECONNECT_PAUSE * 100 });
            };
            // A client that is gone wants no daemon.
            send.send(daemon).ok();
            drop(done);
        })?;
        Ok(Self { found, signal })
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.signal.as_fd()
    }

    fn end(self) -> Result<Daemon, Failure> {
        self.found.recv().map_err(|_| Failure::new(NO_DAEMON, "no daemon was found"))
    }
}

/// `coop ls` brings a daemon into being, and nothing else.
fn start_one(context: &Context) {
    let mut command = Command::new("/proc/self/exe");
    command.arg("--socket").arg(context.home.socket()).arg("ls");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // There will be another try.
    command.status().ok();
}
