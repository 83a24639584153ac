//! A terminal as its user has it: the master side of a PTY, with an attached client on the other.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::fcntl::FdFlag;
use nix::fcntl::fcntl;
use nix::poll::PollFlags;
use nix::pty::Winsize;
use nix::sys::termios;
use nix::sys::termios::SetArg;

use crate::inside::PROBE;
use crate::run;
use crate::stream;
use crate::trouble::During;
use crate::trouble::Result;
use crate::trouble::Trouble;

const SIZE: Winsize = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
/// A probe may be lost while the client flushes its terminal: it is sent again after this.
const PROBE_AGAIN: Duration = Duration::from_millis(250);
/// After this long without output nothing more is on its way.
const SILENCE: Duration = Duration::from_millis(100);

pub struct Terminal {
    master: OwnedFd,
    client: Child,
    what: String,
    born: Instant,
}

impl Terminal {
    /// As [`open`](Self::open), and waits until the program behind it listens.
    pub fn attach(command: Command) -> Result<Terminal> {
        let mut terminal = Terminal::open(command)?;
        terminal.wait_until_it_listens()?;
        Ok(terminal)
    }

    /// Starts `command` in a session of its own on a new raw 80x24 terminal.
    pub fn open(mut command: Command) -> Result<Terminal> {
        let what = run::describe(&command);
        let pair = nix::pty::openpty(Some(&SIZE), None).during(|| "openpty".into())?;
        fcntl(&pair.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).during(|| "fcntl(FD_CLOEXEC)".into())?;
        let mut settings = termios::tcgetattr(&pair.slave).during(|| "tcgetattr".into())?;
        termios::cfmakeraw(&mut settings);
        termios::tcsetattr(&pair.slave, SetArg::TCSANOW, &settings).during(|| "tcsetattr".into())?;
        let slave = || pair.slave.try_clone().during(|| "dup of the terminal".into());
        command.stdin(slave()?).stdout(slave()?).stderr(pair.slave);
        let born = Instant::now();
        // SAFETY: between fork and exec only two system calls are made: no allocation, no lock, no memory shared.
        let client = unsafe { command.pre_exec(take_terminal) }.spawn().during(|| format!("starting {what}"))?;
        Ok(Terminal { master: pair.master, client, what, born })
    }

    /// Since its client was started.
    pub fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// Reads until `mark` has been shown.
    pub fn read_until(&mut self, mark: &[u8]) -> Result<()> {
        let deadline = Instant::now() + run::LIMIT;
        let (mut buffer, mut tail) = (vec![0; 64 << 10], Vec::new());
        loop {
            let Some(count) = self.read(&mut buffer, deadline)? else {
                return Err(Trouble::new(format!("{}: no end of the output after {:?}", self.what, run::LIMIT)));
            };
            tail.extend_from_slice(&buffer[..count]);
            if stream::find(&tail, mark).is_some() {
                return Ok(());
            }
            tail.drain(..tail.len().saturating_sub(mark.len()));
        }
    }

    /// Its client has begun to show something.
    pub fn wait_for_output(&mut self) -> Result<()> {
        match self.read(&mut [0; 16 << 10], Instant::now() + run::LIMIT)? {
            Some(_) => Ok(()),
            None => Err(Trouble::new(format!("{}: no output after {:?}", self.what, run::LIMIT))),
        }
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let deadline = Instant::now() + run::LIMIT;
        let mut buffer = [0; 16 * 1024];
        let mut heard = false;
        while !heard {
            if Instant::now() > deadline {
                return Err(Trouble::new(format!("{}: no answer to a key after {:?}", self.what, run::LIMIT)));
            }
            self.send(&[PROBE])?;
            let again = Instant::now() + PROBE_AGAIN;
            while !heard && let Some(count) = self.read(&mut buffer, again)? {
                heard = buffer[..count].contains(&PROBE);
            }
        }
        self.settle()
    }

    /// Throws away what still comes, until nothing does.
    pub fn settle(&mut self) -> Result<()> {
        let deadline = Instant::now() + run::LIMIT;
        let mut buffer = [0; 16 * 1024];
        while self.read(&mut buffer, Instant::now() + SILENCE)?.is_some() {
            if Instant::now() > deadline {
                return Err(Trouble::new(format!("{}: not silent after {:?}", self.what, run::LIMIT)));
            }
        }
        Ok(())
    }

    /// Types.
    pub fn send(&self, keys: &[u8]) -> Result<()> {
        let count = nix::unistd::write(&self.master, keys).during(|| format!("typing to {}", self.what))?;
        if count == keys.len() { Ok(()) } else { Err(Trouble::new(format!("{}: its terminal is full", self.what))) }
    }

    /// What is on the screen next, or none by the deadline.
    pub fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<Option<usize>> {
        if !run::ready(self.master.as_fd(), PollFlags::POLLIN, deadline)? {
            return Ok(None);
        }
        match nix::unistd::read(&self.master, buffer) {
            Ok(0) | Err(Errno::EIO) => Err(Trouble::new(format!("{}: the client has ended", self.what))),
            Ok(count) => Ok(Some(count)),
            Err(error) => Err(Trouble::new(format!("reading the terminal of {}: {error}", self.what))),
        }
    }

    pub fn what(&self) -> &str {
        &self.what
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        run::end(&mut self.client);
    }
}

/// Runs in the child: standard input becomes the controlling terminal of a new session.
fn take_terminal() -> io::Result<()> {
    nix::unistd::setsid()?;
    // SAFETY: TIOCSCTTY takes an integer (ioctl_tty(2)) and descriptor 0 is the slave of our PTY.
    Errno::result(unsafe { libc::ioctl(io::stdin().as_raw_fd(), libc::TIOCSCTTY, 0) })?;
    Ok(())
}
