//! The way to the daemon: connect, greet, and call; start or replace it when need be.

use crate::client::Context;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::failure::Lasts;
use crate::client::failure::NO_DAEMON;
use crate::client::failure::NO_SESSION;
use crate::client::start;
use crate::home;
use crate::proto::door::Answer;
use crate::proto::door::Attach;
use crate::proto::door::Attached;
use crate::proto::door::Call;
use crate::proto::door::Hello;
use crate::proto::door::PROTOCOL;
use crate::proto::door::Request;
use crate::proto::door::Shutdown;
use crate::proto::door::Welcome;
use crate::proto::frame;
use crate::proto::frame::Frame;
use crate::proto::frame::FrameCodec;
use crate::sys::socket;
use serde::de::DeserializeOwned;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use std::time::Instant;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;
use tokio_util::codec::Encoder;

/// The longest call is a kill with its grace, or a create on a machine that thrashes.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// A daemon adopts its sessions before it answers; that takes milliseconds.
const GREETING_LIMIT: Duration = Duration::from_secs(15);

/// How long a daemon that died is waited for before its successor is given up.
const REATTACH_LIMIT: Duration = Duration::from_secs(20);
/// A guard needs some milliseconds to bring a daemon back; what takes longer may take much longer.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// A connection on which calls are made, one after the other.
pub struct Daemon {
    pub stream: UnixStream,
    pub input: BytesMut,
    pub codec: FrameCodec,
    /// Descriptors that came beside the answers.
    pub fds: Vec<OwnedFd>,
}

/// What a greeting led to.
enum Greeting {
    Served(Daemon),
    /// Another build serves there.
    Foreign(Daemon),
}

/// Connects to the daemon of this very build: starts it, or replaces another build's.
pub fn connect(context: &Context) -> Result<Daemon, Failure> {
    for _ in 0..5 {
        match dial(context)? {
            None => start::start(context)?,
            Some(stream) => match greet(context, stream, false) {
                Ok(Greeting::Served(daemon)) => return Ok(daemon),
                Ok(Greeting::Foreign(daemon)) => {
                    context.detail(|| "replacing a daemon of another build".to_owned());
                    daemon.shut_down(true)?;
                }
                // It ended while we spoke, or it never started to.
                Err(error) if is_hang_up(&error) => context.detail(|| format!("the daemon hung up: {error}")),
                Err(error) => return Err(no_answer(context, &error)),
            },
        }
    }
    Err(no_answer(context, &io::Error::other("it ended each time")))
}

/// Calls for something that may be asked twice: if the daemon goes instead of answering, its successor is asked.
pub fn ask<C: Call + Clone>(context: &Context, daemon: &mut Daemon, call: C) -> Result<C::Reply, Failure> {
    for _ in 0..5 {
        match daemon.call(call.clone()) {
            Err(failure) if failure.lasts == Lasts::UntilNextDaemon => {
                context.detail(|| format!("asking another daemon: {}", failure.message));
                daemon.wait_for_end();
                *daemon = connect(context)?;
            }
            answer => return answer,
        }
    }
    daemon.call(call)
}

/// As [`connect`], for a client in the middle of something: any build's daemon will do, as long as it is understood.
pub fn reconnect(context: &Context) -> Result<Daemon, Failure> {
    match find(context)? {
        Some(daemon) => Ok(daemon),
        None => {
            start::start(context)?;
            Err(Failure::new(NO_DAEMON, "the daemon is being started"))
        }
    }
}

/// The daemon if one runs, of whatever build, as long as it is understood; none is started.
pub fn find(context: &Context) -> Result<Option<Daemon>, Failure> {
    match greeted(context)? {
        None => Ok(None),
        Some(Greeting::Served(daemon)) => Ok(Some(daemon)),
        Some(Greeting::Foreign(_)) => {
            let text = "the daemon was replaced by a release that this command does not understand";
            Err(Failure::new(NO_DAEMON, text).hinted("sessions run on; use that release's `coop`").lasting())
        }
    }
}

/// The daemon if one runs, understood or not: it can be ended.
pub fn running(context: &Context) -> Result<Option<Daemon>, Failure> {
    let greeting = greeted(context)?;
    Ok(greeting.map(|greeting| match greeting {
        Greeting::Served(daemon) | Greeting::Foreign(daemon) => daemon,
    }))
}

fn greeted(context: &Context) -> Result<Option<Greeting>, Failure> {
    let Some(stream) = dial(context)? else { return Ok(None) };
    match greet(context, stream, true) {
        Ok(greeting) => Ok(Some(greeting)),
        Err(error) if is_hang_up(&error) => Ok(None),
        Err(error) => Err(no_answer(context, &error)),
    }
}

/// Attaches. A daemon that dies before it has answered is waited for: its successor is asked the same.
pub fn attach(context: &Context, mut daemon: Daemon, call: &Attach) -> Result<(Daemon, Attached), Failure> {
    match daemon.call(call.clone()) {
        Ok(attached) => Ok((daemon, attached)),
        Err(failure) if failure.lasts == Lasts::UntilNextDaemon => attach_again(context, call),
        Err(failure) => Err(failure),
    }
}

/// Attaches to the terminal of a session that was there a moment ago, at the next daemon.
pub fn attach_again(context: &Context, call: &Attach) -> Result<(Daemon, Attached), Failure> {
    let mut patience = Patience::new();
    loop {
        let attached = reconnect(context).and_then(|mut daemon| Ok((daemon.call(call.clone())?, daemon)));
        match attached {
            Ok((attached, daemon)) => return Ok((daemon, attached)),
            // There is nothing to wait for but the next daemon's socket.
            Err(failure) => std::thread::sleep(patience.after(failure)?),
        }
    }
}

/// How often and how long one tries again who has lost its daemon.
pub struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    pub fn new() -> Self {
        Self { until: Instant::now() + REATTACH_LIMIT, pause: PAUSE_FIRST }
    }

    /// How long to wait before the next try.
    ///
    /// # Errors
    /// With the failure itself if it lasts, or has lasted too long.
    pub fn after(&mut self, failure: Failure) -> Result<Duration, Failure> {
        // It was there; that it is not is no mistake in a name.
        let failure = if failure.code == NO_SESSION { Failure { code: GENERAL, ..failure } } else { failure };
        if failure.lasts == Lasts::Forever || Instant::now() > self.until {
            return Err(failure);
        }
        Ok(self.pause())
    }

    /// The same, for one who can do without a daemon until there is one.
    pub fn without_daemon(&mut self) -> Duration {
        self.until = Instant::now() + REATTACH_LIMIT;
        self.pause()
    }

    fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 3 / 2).min(PAUSE_MAX);
        pause
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

fn no_answer(context: &Context, error: &io::Error) -> Failure {
    Failure::new(NO_DAEMON, format!("the daemon does not answer: {error}"))
        .hinted(format!("`coop logs` shows {}", context.home.log().display()))
}

/// `None`: nobody listens there.
pub fn dial(context: &Context) -> Result<Option<UnixStream>, Failure> {
    let path = context.home.socket();
    let refused = |what: &str, hint: &str| {
        Err(Failure::new(NO_DAEMON, format!("{} {what}", path.display())).hinted(hint.to_owned()))
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            return refused("is a symbolic link, and would lead elsewhere", "remove it; `coop` makes its own socket");
        }
        Ok(found) if !found.file_type().is_socket() => {
            return refused("is in the way: it is no socket", "remove it; `coop` makes its own socket");
        }
        Ok(found) if found.uid() != nix::unistd::geteuid().as_raw() => {
            return refused("belongs to another user", "set COOP_HOME, or --socket, to a place of your own");
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let hint = if path.parent() == Some(context.home.root()) {
                "set COOP_HOME to a directory of yours"
            } else {
                "name a --socket in a directory of yours"
            };
            return refused(&format!("cannot be looked at: {error}"), hint);
        }
    }
    match socket::connect(path) {
        Ok(stream) => {
            if socket::peer_uid(&stream).map_err(Failure::cannot("tell whose daemon it is"))?
                != nix::unistd::geteuid().as_raw()
            {
                return refused("is served by another user", "set COOP_HOME, or --socket, to a place of your own");
            }
            Ok(Some(stream))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(Failure::new(NO_DAEMON, format!("cannot connect to {}: {error}", path.display()))),
    }
}

fn greet(context: &Context, stream: UnixStream, any_build: bool) -> io::Result<Greeting> {
    stream.set_read_timeout(Some(GREETING_LIMIT))?;
    stream.set_write_timeout(Some(GREETING_LIMIT))?;
    let mut daemon = Daemon { stream, input: BytesMut::new(), codec: FrameCodec::default(), fds: Vec::new() };
    let hello = Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: home::build_id(),
        any_build,
        idle_exit_s: context.idle_exit,
    };
    daemon.send(&Frame::control(&hello))?;
    let welcome: Welcome = daemon.control()?;
    daemon.stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    Ok(if welcome.serves { Greeting::Served(daemon) } else { Greeting::Foreign(daemon) })
}

impl Daemon {
    pub fn send(&mut self, frame: &Frame) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        self.codec.encode(frame, &mut bytes)?;
        self.stream.write_all(&bytes)
    }

    /// The next control message.
    fn control<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.input)? {
                return match frame {
                    Frame::Control(payload) => frame::parse_control(&payload),
                    Frame::Bytes(_) => {
                        Err(io::Error::new(io::ErrorKind::InvalidData, "terminal bytes instead of an answer"))
                    }
                };
            }
            let mut chunk = [0; 16 << 10];
            match socket::read_some(&self.stream, &mut chunk, &mut self.fds).map_err(io::Error::from) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon hung up")),
                Ok(n) => self.input.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a request without waiting for its answer.
    pub fn ask<C: Call>(&mut self, call: C) -> Result<(), Failure> {
        let request: Request = call.into();
        self.send(&Frame::control(&request)).map_err(Failure::no_answer)
    }

    /// The answer to an earlier [`Daemon::ask`].
    pub fn answer<C: Call>(&mut self) -> Result<C::Reply, Failure> {
        match self.control::<Answer<C::Reply>>().map_err(Failure::no_answer)? {
            Answer::Ok(reply) => Ok(reply),
            Answer::Error(refusal) => Err(refusal.into()),
        }
    }

    pub fn call<C: Call>(&mut self, call: C) -> Result<C::Reply, Failure> {
        self.ask(call)?;
        self.answer::<C>()
    }

    /// Ends the daemon, and waits until it is gone. One that somebody else has ended meanwhile need not answer.
    pub fn shut_down(mut self, replace: bool) -> Result<(), Failure> {
        match self.call(Shutdown { replace }) {
            Err(failure) if failure.lasts != Lasts::UntilNextDaemon => return Err(failure),
            Ok(()) | Err(_) => self.wait_for_end(),
        }
        Ok(())
    }

    /// From here on answers may be hours apart.
    pub fn wait_as_long_as_it_takes(&mut self) -> Result<(), Failure> {
        self.stream.set_read_timeout(None).map_err(Failure::no_answer)
    }

    /// Waits until the daemon has closed this connection, which it does when it has let go of everything.
    pub fn wait_for_end(&mut self) {
        let mut sink = [0; 1024];
        while matches!(self.stream.read(&mut sink), Ok(n) if n > 0) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::SessionName;
    use crate::proto::door::Refusal;
    use crate::proto::door::RefusalCode;

    #[test]
    fn who_lost_a_daemon_asks_less_and_less_often_and_takes_a_last_refusal_for_one() {
        let mut patience = Patience::new();
        let silent = || Failure::from(Refusal::new(RefusalCode::WrongState, "its init does not answer"));
        let pauses: Vec<Duration> = (0..20).map(|_| patience.after(silent()).unwrap()).collect();
        assert!(pauses.is_sorted() && pauses[0] == PAUSE_FIRST && pauses[19] == PAUSE_MAX, "{pauses:?}");
        let name: SessionName = "work".parse().unwrap();
        let gone = patience.after(Refusal::no_session(&name).into()).unwrap_err();
        assert_eq!(gone.code, GENERAL, "it was there");
        let no_pty = Failure::from(Refusal::new(RefusalCode::NoPty, "no such terminal"));
        assert!(patience.after(no_pty).is_err());
        patience.until = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
        assert!(patience.after(silent()).is_err());
        patience.without_daemon();
        assert!(patience.after(silent()).is_ok());
    }
}
