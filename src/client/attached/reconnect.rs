//! The daemon died or was replaced: the client finds the next one and goes on at its byte, in both directions.

use crate::client::Context;
use crate::client::attach::Over;
use crate::client::attached::Client;
use crate::client::attached::attach_call;
use crate::client::connect;
use crate::client::connect::Daemon;
use crate::client::connect::Patience;
use crate::client::failure::Failure;
use crate::client::failure::Lasts;
use crate::client::failure::NO_DAEMON;
use crate::client::screen;
use crate::client::wire::Wire;
use crate::name::WinSize;
use crate::proto::door::Attach;
use crate::proto::door::Attached;
use crate::proto::door::ClientSays;
use crate::proto::door::Direct as Way;
use crate::proto::frame::Frame;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
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

/// For the answer of a daemon that was reached.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long the guard has to bring a daemon back, before somebody else starts one, and between two such tries.
const GUARD_LIMIT: Duration = Duration::from_millis(500);
const START_PAUSE: Duration = Duration::from_secs(2);

impl Client<'_> {
    /// The daemon vanished. Whoever comes next is told how far we are, in both directions.
    pub(super) fn reconnect(&mut self) -> Result<Option<Over>, Failure> {
        if self.direct.is_some() {
            self.away = Some(
                Away::begin(self.context.clone(), self.call(Way::Held)).map_err(Failure::cannot("start a thread"))?,
            );
            return Ok(None);
        }
        let mut patience = Patience::new();
        loop {
            match self.try_reconnect() {
                Ok(over) => return Ok(over),
                Err(failure) => {
                    let pause = patience.after(failure)?;
                    if let Some(over) = self.signal_within(pause, None)?.1 {
                        return Ok(Some(over));
                    }
                }
            }
        }
    }

    fn call(&self, way: Way) -> Attach {
        attach_call(&self.target, self.number, self.offset, self.typed.acknowledged(), way)
    }

    fn try_reconnect(&mut self) -> Result<Option<Over>, Failure> {
        let mut daemon = connect::reconnect(self.context)?;
        let call = self.call(if self.takes_direct { Way::Wanted } else { Way::No });
        let size = call.size;
        daemon.ask(call)?;
        // The session's init may take its time; a signal must not wait for it.
        let until = Instant::now() + ANSWER_LIMIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.signal_within(left, Some(daemon.stream.as_fd()))? {
                (_, Some(over)) => return Ok(Some(over)),
                (true, None) => break,
                (false, None) if left.is_zero() => {
                    return Err(Failure::new(NO_DAEMON, "the daemon does not answer"));
                }
                (false, None) => {}
            }
        }
        let attached = daemon.answer::<Attach>()?;
        self.go_on(daemon, &attached, size)?;
        Ok(None)
    }

    /// Waits for a signal that ends this client, or until there is something to read.
    fn signal_within(
        &mut self,
        limit: Duration,
        also: Option<BorrowedFd<'_>>,
    ) -> Result<(bool, Option<Over>), Failure> {
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        fds.extend(also.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        match nix::poll::poll(&mut fds, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::cannot("wait for the daemon")(errno)),
        }
        let is_hit = |index: usize| fds.get(index).and_then(PollFd::any).unwrap_or(false);
        let (signalled, readable) = (is_hit(0), is_hit(1));
        Ok((readable, if signalled { self.on_signals()? } else { None }))
    }

    /// The search for another daemon has ended, while the direct path went on.
    pub(super) fn come_back(&mut self) -> Result<Option<Over>, Failure> {
        let Some(away) = self.away.take() else { return Ok(None) };
        let (daemon, attached, size) = away.end()?;
        self.go_on(daemon, &attached, size)?;
        Ok(None)
    }

    /// Goes on at another daemon, which was told that this terminal is of the size `told`.
    fn go_on(&mut self, daemon: Daemon, attached: &Attached, told: WinSize) -> Result<(), Failure> {
        // Half a frame of the old daemon's is void: its bytes were not counted.
        self.wire = Wire::over(daemon)?;
        let is_half_drawn = std::mem::take(&mut self.screen_left) > 0;
        // Another client's terminal may count since; nobody says so once more.
        let is_resized = std::mem::replace(&mut self.size, attached.size) != attached.size;
        self.refreshing |= self.direct.is_some() && (is_half_drawn || is_resized);
        if self.refreshing || is_resized {
            self.wire.queue(&Frame::control(&ClientSays::Refresh))?;
        }
        if let Some(colours) = self.outer.colours() {
            self.wire.queue(&Frame::control(&ClientSays::Colours { colours }))?;
        }
        self.typed.send_again();
        self.typed.acknowledge_earlier(attached.typed);
        if screen::size() != told {
            self.on_resize()?; // while there was nobody to tell
        }
        Ok(())
    }
}

/// What a search for another daemon comes to: one to which this client is attached again, told of this size.
type Found = (Daemon, Attached, WinSize);

/// Looks for another daemon beside the client's own loop. It never starts one by a fork of this process, which has two
/// threads now, but by a command of its own.
pub struct Away {
    found: Receiver<Result<Found, Failure>>,
    signal: UnixStream,
}

impl Away {
    fn begin(context: Context, call: Attach) -> io::Result<Self> {
        let (signal, done) = UnixStream::pair()?;
        let (send, found) = mpsc::channel();
        std::thread::Builder::new().spawn(move || {
            // A client that is gone wants no daemon.
            send.send(search(&context, &call)).ok();
            drop(done);
        })?;
        Ok(Self { found, signal })
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.signal.as_fd()
    }

    fn end(self) -> Result<Found, Failure> {
        self.found.recv().map_err(|_| Failure::new(NO_DAEMON, "no daemon was found"))?
    }
}

/// Until a daemon has taken this client back, or does not want to for good. How far the client has come meanwhile only
/// itself knows, and need tell nobody.
fn search(context: &Context, call: &Attach) -> Result<Found, Failure> {
    let mut patience = Patience::new();
    let mut start_at = Instant::now() + GUARD_LIMIT;
    loop {
        let asked = match connect::find(context) {
            Ok(Some(mut daemon)) => daemon.call(call.clone()).map(|attached| Some((daemon, attached, call.size))),
            Ok(None) => Ok(None),
            Err(failure) => Err(failure),
        };
        let pause = match asked {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {
                // If the guard is gone as well, nobody else brings a daemon back.
                if Instant::now() >= start_at {
                    start_one(context);
                    start_at = Instant::now() + START_PAUSE;
                }
                patience.without_daemon()
            }
            Err(failure) if failure.lasts == Lasts::UntilNextDaemon => patience.without_daemon(),
            Err(failure) => patience.after(failure)?,
        };
        // There is nothing to wait for but the next daemon's socket.
        std::thread::sleep(pause);
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
