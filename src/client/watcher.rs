//! A terminal that a command looks at, instead of a user: its screen, kept here in step with the program's output, through
//! every death of the daemon.

use crate::client::Context;
use crate::client::attach::Target;
use crate::client::attached::client_number;
use crate::client::connect;
use crate::client::connect::Daemon;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::typed::Typed as Unacknowledged;
use crate::client::wire::Said;
use crate::client::wire::Wire;
use crate::proto::door::Attach;
use crate::proto::door::ClientSays;
use crate::proto::door::DaemonSays;
use crate::proto::door::Direct;
use crate::proto::door::Role;
use crate::proto::frame::Frame;
use crate::session::state::Exit;
use crate::term::activity::Activity;
use crate::term::screen::Form;
use crate::term::screen::Heard;
use crate::term::screen::Screen;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use std::time::Duration;
use std::time::Instant;

pub struct Watcher<'a> {
    context: &'a Context,
    target: Target,
    number: u64,
    wire: Wire,
    pub screen: Screen,
    heard: Heard,
    keeps_history: bool,
    /// Up to where the stream has been fed to the screen; unknown until the first start.
    offset: Option<u64>,
    screen_left: u64,
    /// How far the output had come when this command attached.
    pub head: u64,
    typed: Unacknowledged,
    pub activity: Activity,
}

/// What has happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Output, as it came; the screen has it already.
    Output(Vec<u8>),
    /// A whole screen: there may be a gap before it.
    Drawn,
    Activity,
    Typed,
    /// Another daemon has been found, after a while in which nothing could happen.
    Reattached,
    Ended(Exit),
    TimedOut,
}

impl<'a> Watcher<'a> {
    /// Attaches; `resume` asks for the stream from there on, else a whole screen comes first.
    pub fn attach(context: &'a Context, daemon: Daemon, target: Target, resume: Option<u64>) -> Result<Self, Failure> {
        let number = client_number();
        let (daemon, attached) = connect::attach(context, daemon, &call(&target, number, resume, 0))?;
        Ok(Self {
            context,
            target,
            number,
            wire: Wire::over(daemon)?,
            screen: Screen::new(attached.size),
            heard: Heard::default(),
            keeps_history: false,
            offset: None,
            screen_left: 0,
            head: attached.head,
            typed: Unacknowledged::default(),
            activity: Activity::Unknown,
        })
    }

    /// Keeps the lines that leave the screen, from now on.
    pub fn keep_history(&mut self) {
        self.keeps_history = true;
        self.screen.keep_history(Form::Plain, usize::MAX);
    }

    /// A whole screen is on its way.
    pub fn is_drawing(&self) -> bool {
        self.screen_left > 0
    }

    /// Up to where the output has been seen.
    pub fn offset(&self) -> u64 {
        self.offset.unwrap_or(0)
    }

    /// Waits for the first whole screen.
    pub fn draw(&mut self, until: Instant) -> Result<(), Failure> {
        loop {
            match self.next(Some(until))? {
                Event::Drawn => return Ok(()),
                Event::TimedOut => return Err(Failure::new(GENERAL, "the session's screen did not come in time")),
                _ => {}
            }
        }
    }

    pub fn type_in(&mut self, bytes: &[u8]) {
        self.typed.push(bytes);
    }

    /// How many bytes of this command's typing have been written to the program's terminal.
    pub fn typed(&self) -> u64 {
        self.typed.acknowledged()
    }

    pub fn detach(mut self) -> Result<(), Failure> {
        self.wire.queue(&Frame::control(&ClientSays::Detach))?;
        self.wire.write_or_drop();
        Ok(())
    }

    /// The next event, or `TimedOut` at `until`.
    pub fn next(&mut self, until: Option<Instant>) -> Result<Event, Failure> {
        loop {
            while let Some(said) = self.wire.next_said()? {
                if let Some(event) = self.on_said(said)? {
                    return Ok(event);
                }
            }
            let timeout = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Ok(Event::TimedOut),
                // Poll rounds down, and would spin on the last fraction.
                Some(left) => PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
                None => PollTimeout::NONE,
            };
            while let Some(bytes) = self.typed.next_to_send() {
                self.wire.queue(&Frame::Bytes(bytes.into()))?;
            }
            self.wire.write_or_drop();
            let mut flags = PollFlags::POLLIN;
            flags.set(PollFlags::POLLOUT, self.wire.has_output());
            match nix::poll::poll(&mut [PollFd::new(self.wire.as_fd(), flags)], timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Failure::cannot("wait for the daemon")(errno)),
            }
            if !self.wire.read().unwrap_or(false) {
                // What it said before it went counts.
                while let Some(said) = self.wire.next_said()? {
                    if let Some(event) = self.on_said(said)? {
                        return Ok(event);
                    }
                }
                return self.reconnect();
            }
        }
    }

    fn on_said(&mut self, said: Said) -> Result<Option<Event>, Failure> {
        match said {
            Said::Output(bytes) => Ok(self.on_bytes(&bytes)),
            Said::Word(says) => self.on_says(says),
        }
    }

    fn on_bytes(&mut self, bytes: &[u8]) -> Option<Event> {
        self.screen.feed(bytes, &mut self.heard);
        // What the program asks, the daemon answers.
        self.heard = Heard::default();
        if self.screen_left > 0 {
            self.screen_left = self.screen_left.saturating_sub(bytes.len() as u64);
            return (self.screen_left == 0).then_some(Event::Drawn);
        }
        self.offset = self.offset.map(|offset| offset + bytes.len() as u64);
        Some(Event::Output(bytes.to_vec()))
    }

    fn on_says(&mut self, says: DaemonSays) -> Result<Option<Event>, Failure> {
        Ok(match says {
            DaemonSays::Start { offset, screen_bytes, .. } => {
                if screen_bytes > 0 {
                    self.screen = Screen::new(self.screen.size());
                    if self.keeps_history {
                        self.screen.keep_history(Form::Plain, usize::MAX);
                    }
                }
                (self.offset, self.screen_left) = (Some(offset), screen_bytes);
                None
            }
            DaemonSays::Size { size } => {
                self.screen.resize(size);
                None
            }
            DaemonSays::Activity { activity } => {
                self.activity = activity;
                Some(Event::Activity)
            }
            DaemonSays::Typed { upto } => {
                self.typed.acknowledge(upto);
                Some(Event::Typed)
            }
            DaemonSays::Ended { exit, .. } => Some(Event::Ended(exit)),
            DaemonSays::Gone { why } => return Err(Failure::new(GENERAL, why)),
            DaemonSays::Bye { replaced: false } => {
                return Err(Failure::new(GENERAL, "the daemon was shut down").hinted("the session runs on"));
            }
            DaemonSays::Bye { replaced: true } => Some(self.reconnect()?),
            DaemonSays::Notice { .. } | DaemonSays::Direct { .. } => None,
        })
    }

    fn reconnect(&mut self) -> Result<Event, Failure> {
        let call = call(&self.target, self.number, self.offset, self.typed.acknowledged());
        let (daemon, attached) = connect::attach_again(self.context, &call)?;
        self.wire = Wire::over(daemon)?;
        let is_half_drawn = std::mem::take(&mut self.screen_left) > 0;
        self.typed.send_again();
        self.typed.acknowledge_earlier(attached.typed);
        let is_resized = self.screen.size() != attached.size;
        if is_resized {
            self.screen.resize(attached.size);
        }
        // A reader wants the bytes, not a screen instead of them; half of one is what there is.
        if self.target.role == Role::Reader {
            return Ok(if is_half_drawn { Event::Drawn } else { Event::Reattached });
        }
        if is_resized || is_half_drawn {
            self.wire.queue(&Frame::control(&ClientSays::Refresh))?;
        }
        Ok(Event::Reattached)
    }
}

fn call(target: &Target, client: u64, resume: Option<u64>, typed: u64) -> Attach {
    let (session, pty, role) = (target.session.clone(), target.pty, target.role);
    let (direct, every_byte, size) = (Direct::No, false, crate::name::WinSize::DEFAULT);
    Attach { session, pty, role, direct, every_byte, size, resume, client, typed }
}
