//! The user's own terminal while a client is attached, and how it gets it back: exactly as it was.

use crate::client::outlet::Outlet;
use crate::name::WinSize;
use crate::sys::pty;
use crate::term::aside;
use crate::term::aside::Asides;
use crate::term::filter::Filter;
use crate::term::modes;
use crate::term::modes::ModeTracker;
use crate::text::printable;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::sys::termios;
use nix::sys::termios::SetArg;
use nix::sys::termios::Termios;
use std::io;
use std::io::IsTerminal;
use std::os::fd::BorrowedFd;

/// The size of the terminal that this client has, or the default.
pub fn size() -> WinSize {
    let found = [pty::size(io::stdin()), pty::size(io::stdout()), pty::size(io::stderr())];
    found.into_iter().flatten().next().unwrap_or(WinSize::DEFAULT)
}

/// The outer terminal. Dropped in whatever way (a panic included), it is restored.
pub struct Screen {
    /// Its settings before, when standard input is a terminal.
    saved: Option<Termios>,
    outlet: Outlet,
    modes: ModeTracker,
    filter: Filter,
    asides: Asides,
    clipboard: bool,
    restored: bool,
}

impl Screen {
    /// `clipboard`: programs may write to the terminal's.
    pub fn take(clipboard: bool) -> io::Result<Self> {
        let saved = if io::stdin().is_terminal() { Some(make_raw()?) } else { None };
        let mut screen = Self {
            saved,
            outlet: Outlet::open()?,
            modes: ModeTracker::new(),
            filter: Filter::new(clipboard),
            asides: Asides::default(),
            clipboard,
            restored: false,
        };
        if screen.outlet.is_terminal() {
            screen.show(modes::prelude());
        }
        Ok(screen)
    }

    /// Queues bytes for the terminal.
    pub fn show(&mut self, bytes: &[u8]) {
        self.modes.feed(bytes);
        self.outlet.queue().extend_from_slice(bytes);
    }

    /// Queues what asks the terminal something: it changes nothing.
    pub fn ask(&mut self, questions: &[u8]) {
        self.outlet.queue().extend_from_slice(questions);
    }

    /// Takes back what waits to be written; `false`: some of it has gone.
    pub fn retract(&mut self, bytes: &[u8]) -> bool {
        self.outlet.retract(bytes)
    }

    /// Queues a program's output: what it asks the terminal is answered elsewhere. Whether it reports its status.
    pub fn show_stream(&mut self, bytes: &[u8]) -> bool {
        let Self { filter, modes, outlet, .. } = self;
        let mut reports = false;
        filter.pass(bytes, outlet.queue(), |seen| {
            reports |= aside::is_status(seen);
            modes.feed(seen);
        });
        reports
    }

    /// Queues what of a program's output concerns the terminal but not what it shows: titles, notifications and the like.
    pub fn show_aside(&mut self, bytes: &[u8]) -> bool {
        let Self { filter, modes, outlet, asides, .. } = self;
        let mut reports = false;
        filter.pass(bytes, &mut Vec::new(), |seen| {
            reports |= aside::is_status(seen);
            if asides.picks(seen) {
                modes.feed(seen);
                outlet.queue().extend_from_slice(seen);
            }
        });
        reports
    }

    /// Whether something can be written between what the program has written and what it will.
    pub fn is_between_units(&self) -> bool {
        self.filter.at_ground()
    }

    /// A whole screen comes: whatever the output did to the terminal so far is undone.
    pub fn begin_anew(&mut self) {
        (self.filter, self.asides) = (Filter::new(self.clipboard), Asides::default());
        if self.outlet.is_terminal() {
            let restore = self.modes.restore();
            self.show(&restore);
            self.show(modes::prelude());
        }
    }

    /// A line of coop's own. The program's modes are left first when it has ended without doing so itself.
    pub fn say(&mut self, text: &str, program_ended: bool) {
        if program_ended {
            let restore = self.modes.restore();
            self.show(&restore);
            self.show(modes::prelude());
        }
        self.show(format!("\r\n[coop] {}\r\n", printable(text)).as_bytes());
    }

    pub fn is_terminal(&self) -> bool {
        self.outlet.is_terminal()
    }

    pub fn pending(&self) -> usize {
        self.outlet.pending()
    }

    /// What to watch for room.
    pub fn output(&self) -> BorrowedFd<'_> {
        self.outlet.as_fd()
    }

    /// `poll` says that the terminal takes more.
    pub fn has_room(&mut self) {
        self.outlet.has_room();
    }

    /// Writes what the terminal takes now.
    pub fn write(&mut self) -> io::Result<()> {
        self.outlet.write()
    }

    /// Gives the terminal back. What it does not take within a moment (it was stopped) is left unsaid.
    pub fn restore(&mut self) {
        if std::mem::replace(&mut self.restored, true) {
            return;
        }
        if self.outlet.is_terminal() {
            let restore = self.modes.restore();
            self.outlet.queue().extend(restore);
        }
        for _ in 0..20 {
            if self.write().is_err() || self.outlet.pending() == 0 {
                break;
            }
            let mut room = [PollFd::new(self.output(), PollFlags::POLLOUT)];
            if nix::poll::poll(&mut room, 50u8).is_err() {
                break;
            }
            self.has_room();
        }
        if let Some(saved) = &self.saved {
            // At once: what was typed and not read stays for whoever reads next. A terminal that is gone needs no settings.
            termios::tcsetattr(io::stdin(), SetArg::TCSANOW, saved).ok();
        }
    }

    /// Throws away what was typed and not read: the end of a key's encoding, after a detach.
    pub fn discard_input(&self) {
        if self.saved.is_some() {
            // A terminal that is gone has nothing to throw away.
            termios::tcflush(io::stdin(), termios::FlushArg::TCIFLUSH).ok();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.restore();
    }
}

fn make_raw() -> io::Result<Termios> {
    let saved = termios::tcgetattr(io::stdin())?;
    let mut raw = saved.clone();
    termios::cfmakeraw(&mut raw);
    termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &raw)?;
    Ok(saved)
}
