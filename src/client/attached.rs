//! The loop of an attached client: one `poll` over signals, daemon, terminal and keys.

use crate::client::Context;
use crate::client::attach::Over;
use crate::client::attach::Target;
use crate::client::attached::reconnect::Away;
use crate::client::connect;
use crate::client::connect::Daemon;
use crate::client::direct::Direct;
use crate::client::failure::Failure;
use crate::client::keyboard::Keyboard;
use crate::client::mirror::Mirror;
use crate::client::outer::Outer;
use crate::client::screen;
use crate::client::screen::Screen;
use crate::client::typed::Typed as Unacknowledged;
use crate::client::wire::Wire;
use crate::name::WinSize;
use crate::proto::door::Attach;
use crate::proto::door::ClientSays;
use crate::proto::door::Direct as Way;
use crate::proto::door::Role;
use crate::proto::frame::Frame;
use crate::session::state::Exit;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SfdFlags;
use nix::sys::signalfd::SignalFd;
use std::io;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::Duration;
use std::time::Instant;

mod directly;
mod frames;
mod input;
mod reconnect;

/// How often a client whose reader is slow shows that it lives.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// Output waiting for a slow terminal, beyond which no more is taken from the daemon.
const PENDING_MAX: usize = 64 << 10;
const GONE: PollFlags = PollFlags::POLLHUP.union(PollFlags::POLLERR).union(PollFlags::POLLNVAL);

pub struct Client<'a> {
    context: &'a Context,
    target: Target,
    /// Tells this client from others, through the deaths of daemons.
    number: u64,
    wire: Wire,
    signals: SignalFd,
    screen: Screen,
    outer: Outer,
    keys: Keyboard,
    typed: Unacknowledged,
    reads_input: bool,
    /// Up to where the stream has been shown; unknown until the first `start`.
    offset: Option<u64>,
    /// Bytes that draw a screen and do not count.
    screen_left: u64,
    /// The session's terminal has this size.
    size: WinSize,
    /// The terminal's is another one.
    mirror: Option<Mirror>,
    /// The way past the daemon, once it has been handed over.
    direct: Option<Direct>,
    /// This process has had room for that so far.
    takes_direct: bool,
    /// Room for what is read from the ring.
    piece: Vec<u8>,
    /// A fresh screen was asked for; until it is here the ring is not read.
    refreshing: bool,
    /// The program has ended; its output ends there.
    ending: Option<(Exit, u64)>,
    told_typing: Option<Instant>,
    /// There is no more output, and nobody to say why: the search for a daemon ends then.
    gone_at: Option<Instant>,
    /// The daemon has gone, and another one is being looked for, while the direct path goes on.
    away: Option<Away>,
}

impl<'a> Client<'a> {
    pub fn new(context: &'a Context, daemon: Daemon, target: Target) -> Result<Self, Failure> {
        let (number, detach_key) = (client_number(), target.detach_key);
        let call = attach_call(&target, number, target.is_new.then_some(0), 0, Way::Wanted);
        let window = call.size;
        let (daemon, attached) = connect::attach(context, daemon, &call)?;
        // Only now: until here the user's own terminal is untouched, and a signal may end this process as any other.
        let signals = take_signals().map_err(Failure::cannot("listen to signals"))?;
        let mut client = Self {
            context,
            target,
            number,
            wire: Wire::over(daemon)?,
            signals,
            screen: Screen::take(attached.clipboard).map_err(Failure::cannot("set up the terminal"))?,
            outer: Outer::new(&context.host),
            keys: Keyboard::new(detach_key),
            typed: Unacknowledged::default(),
            reads_input: true,
            offset: None,
            screen_left: 0,
            size: attached.size,
            mirror: None,
            direct: None,
            takes_direct: true,
            piece: Vec::new(),
            refreshing: false,
            ending: None,
            told_typing: None,
            gone_at: None,
            away: None,
        };
        if screen::size() != window {
            client.on_resize()?; // the signal came before it was taken
        }
        if client.target.role == Role::Terminal && client.screen.is_terminal() && io::stdin().is_terminal() {
            client.screen.ask(client.outer.questions(&context.host));
        }
        Ok(client)
    }

    pub fn into_parts(self) -> (Screen, Target) {
        (self.screen, self.target)
    }

    pub fn run(&mut self) -> Result<Over, Failure> {
        loop {
            if let Some(over) = self.on_frames()? {
                self.drain_screen();
                return Ok(over);
            }
            if let Some(over) = self.read_ring()? {
                self.drain_screen();
                return Ok(over);
            }
            self.tell_news();
            let ready = self.wait()?;
            if let Some(over) = self.act(&ready)? {
                return Ok(over);
            }
        }
    }

    fn wait(&mut self) -> Result<Ready, Failure> {
        self.queue_typed()?;
        // On the direct path only words and screens come from the daemon: they never wait for a slow terminal.
        let wants_output = self.direct.is_some() || self.screen.pending() < PENDING_MAX;
        let wants_input = self.reads_input && self.typed.has_room();
        let flag = |on: bool, flag: PollFlags| if on { flag } else { PollFlags::empty() };
        let stdin = io::stdin();
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.screen.output(), flag(self.screen.pending() > 0, PollFlags::POLLOUT)),
        ];
        let wake_at = fds.len();
        if let Some(direct) = &self.direct {
            fds.extend(direct.wake().map(|wake| PollFd::new(wake, PollFlags::POLLIN)));
            fds.extend(direct.blocked_master().map(|master| PollFd::new(master, PollFlags::POLLOUT)));
        }
        // Standard input that has ended would be "ready" for ever; a terminal that hangs up must be seen all the same.
        let stdin_at = fds.len();
        if self.reads_input {
            fds.push(PollFd::new(stdin.as_fd(), flag(wants_input, PollFlags::POLLIN)));
        }
        let socket_at = fds.len();
        match &self.away {
            // The daemon has closed it behind its last word.
            _ if self.ending.is_some() => {}
            Some(away) => fds.push(PollFd::new(away.as_fd(), PollFlags::POLLIN)),
            None => {
                let wants = flag(wants_output, PollFlags::POLLIN) | flag(self.wire.has_output(), PollFlags::POLLOUT);
                fds.push(PollFd::new(self.wire.as_fd(), wants));
            }
        }
        match nix::poll::poll(&mut fds, self.patience()) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::cannot("wait for the terminal")(errno)),
        }
        let hit = |index: usize| fds.get(index).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        let stdin = if self.reads_input { hit(stdin_at) } else { PollFlags::empty() };
        let wake = self.direct.as_ref().and_then(Direct::wake).is_some() && !hit(wake_at).is_empty();
        let ready = Ready { signals: !hit(0).is_empty(), socket: hit(socket_at), screen: hit(1), wake, stdin };
        if !ready.screen.is_empty() {
            self.screen.has_room();
        }
        Ok(ready)
    }

    /// Whether a program reads what is shown here, and is slow: it gets every byte, however long it takes.
    fn waits_for_reader(&self) -> bool {
        self.direct.is_some() && self.screen.pending() > 0 && !self.screen.is_terminal()
    }

    /// How long to wait for something to happen.
    fn patience(&self) -> PollTimeout {
        if self.reads_ring() && !self.direct.as_ref().is_none_or(|direct| direct.may_sleep(self.offset.unwrap_or(0))) {
            return PollTimeout::ZERO;
        }
        // A terminal that has not taken the last picture gets no further one yet.
        let picture = self.mirror.as_ref().and_then(Mirror::deadline).filter(|_| self.screen.pending() == 0);
        let beat = self.waits_for_reader().then(|| Instant::now() + HEARTBEAT);
        let gone = self.gone_at.filter(|_| self.away.is_some());
        let deadline = self.keys.deadline().into_iter().chain(picture).chain(beat).chain(gone).min();
        deadline.map_or(PollTimeout::NONE, |at| {
            let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)
        })
    }

    fn act(&mut self, ready: &Ready) -> Result<Option<Over>, Failure> {
        if ready.signals
            && let Some(over) = self.on_signals()?
        {
            return Ok(Some(over));
        }
        if io::stdin().is_terminal() && ready.stdin.intersects(GONE) || ready.screen.intersects(GONE) {
            return Ok(Some(Over::HungUp));
        }
        if !ready.stdin.is_empty()
            && let Some(over) = self.on_stdin()?
        {
            return Ok(Some(over));
        }
        let held = self.keys.flush();
        if let Some(over) = self.on_typed(held)? {
            return Ok(Some(over));
        }
        if ready.wake
            && let Some(direct) = &mut self.direct
        {
            direct.take_wakes();
        }
        if let Some(over) = self.on_socket(ready.socket)? {
            return Ok(Some(over));
        }
        self.reflect();
        if self.waits_for_reader()
            && let Some(direct) = &mut self.direct
        {
            direct.is_still_here(self.offset.unwrap_or(0));
        }
        if self.screen.pending() > 0 && self.screen.write().is_err() {
            return Ok(Some(Over::HungUp));
        }
        Ok(None)
    }

    /// What the daemon's connection, or the search for another daemon, has come to.
    fn on_socket(&mut self, ready: PollFlags) -> Result<Option<Over>, Failure> {
        if self.away.is_some() {
            return if ready.is_empty() { Ok(None) } else { self.come_back() };
        }
        if ready.contains(PollFlags::POLLOUT) {
            self.wire.write_or_drop();
        }
        if !ready.intersects(PollFlags::POLLIN | GONE) || self.wire.read().unwrap_or(false) {
            return Ok(None);
        }
        // What it said before it went counts, a goodbye above all.
        if let Some(over) = self.on_frames()? {
            self.drain_screen();
            return Ok(Some(over));
        }
        // Behind the program's end nothing comes but what the ring has: nobody else is needed for that.
        if self.ending.is_some() { Ok(None) } else { self.reconnect() }
    }

    fn on_signals(&mut self) -> Result<Option<Over>, Failure> {
        while let Ok(Some(info)) = self.signals.read_signal() {
            match Signal::try_from(info.ssi_signo.cast_signed()) {
                Ok(Signal::SIGWINCH) => self.on_resize()?,
                Ok(Signal::SIGHUP) => return Ok(Some(Over::HungUp)),
                // A stopped client would leave a raw terminal behind; detaching is how one leaves.
                Ok(Signal::SIGTSTP) | Err(_) => {}
                Ok(signal) => return Ok(Some(Over::Signal(signal))),
            }
        }
        Ok(None)
    }

    fn on_resize(&mut self) -> Result<(), Failure> {
        if self.target.role == Role::Terminal {
            self.wire.queue(&Frame::control(&ClientSays::Resize { size: screen::size() }))?;
        }
        // Whether the screen fits is another question now.
        self.wire.queue(&Frame::control(&ClientSays::Refresh))
    }

    /// Draws the session's screen into a terminal of another size, if it is time to.
    fn reflect(&mut self) {
        let Some(mirror) = &mut self.mirror else { return };
        if self.screen.pending() == 0 && mirror.deadline().is_some_and(|at| at <= Instant::now()) {
            let mut picture = Vec::new();
            mirror.draw(screen::size(), &mut picture);
            self.screen.show(&picture);
        }
    }

    /// Tells the user's terminal what the program is at.
    fn tell_news(&mut self) {
        if self.screen.is_terminal() && self.screen.is_between_units() && self.screen_left == 0 {
            let news = self.outer.news(&self.target.session);
            self.screen.show(&news);
        }
    }
}

/// Signals come through a descriptor, so that none can interrupt anything half-way.
fn take_signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGWINCH, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP]
    {
        mask.add(signal);
    }
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// What one `poll` found.
struct Ready {
    signals: bool,
    socket: PollFlags,
    screen: PollFlags,
    /// The init has something to say: there is output, or it is gone.
    wake: bool,
    stdin: PollFlags,
}

fn attach_call(target: &Target, client: u64, resume: Option<u64>, typed: u64, direct: Way) -> Attach {
    let (session, pty, role) = (target.session.clone(), target.pty, target.role);
    let every_byte = !io::stdout().is_terminal();
    Attach { session, pty, role, direct, every_byte, size: screen::size(), resume, client, typed }
}

/// Unlike any other client's of this machine: process ids are not used again within a nanosecond.
pub fn client_number() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let nanoseconds = u64::try_from(now & u128::from(u64::MAX >> 22)).unwrap_or(0);
    (nanoseconds << 22) | u64::from(std::process::id() & 0x3f_ffff)
}
