//! Standard output of an attached client: it is given what it takes at once, and never waited for.

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use nix::sys::stat::SFlag;
use std::fs::File;
use std::io;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt;

pub struct Outlet {
    /// A terminal or pipe, opened anew: O_NONBLOCK belongs to the open file, which our parent shares.
    reopened: Option<File>,
    is_socket: bool,
    is_terminal: bool,
    stdout: io::Stdout,
    queue: Vec<u8>,
    /// How many bytes of the queue have been written.
    written: usize,
    /// It took less than there was, and nobody has seen room since.
    is_full: bool,
}

impl Outlet {
    pub fn open() -> io::Result<Self> {
        let stdout = io::stdout();
        let kind = SFlag::from_bits_truncate(nix::sys::stat::fstat(&stdout)?.st_mode) & SFlag::S_IFMT;
        let is_terminal = stdout.is_terminal();
        let reopened = if is_terminal || kind == SFlag::S_IFIFO { reopen() } else { None };
        let is_socket = kind == SFlag::S_IFSOCK;
        Ok(Self { reopened, is_socket, is_terminal, stdout, queue: Vec::new(), written: 0, is_full: false })
    }

    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Where to add what is to be written.
    pub fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.queue
    }

    /// How many bytes wait to be written.
    pub fn pending(&self) -> usize {
        self.queue.len() - self.written
    }

    /// Takes back what waits to be written; `false`: some of it has gone.
    pub fn retract(&mut self, bytes: &[u8]) -> bool {
        let found = self.queue[self.written..].windows(bytes.len()).position(|window| window == bytes);
        let start = found.map(|at| self.written + at);
        start.map(|start| self.queue.drain(start..start + bytes.len())).is_some()
    }

    /// What to watch for room.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.reopened.as_ref().map_or(self.stdout.as_fd(), AsFd::as_fd)
    }

    /// `poll` says that it takes more.
    pub fn has_room(&mut self) {
        self.is_full = false;
    }

    /// Writes what is taken now. After it was full once, only [`has_room`](Self::has_room) makes it try again.
    pub fn write(&mut self) -> io::Result<()> {
        while self.pending() > 0 && !self.is_full {
            let rest = &self.queue[self.written..];
            let wrote = if self.is_socket {
                nix::sys::socket::send(self.as_fd().as_raw_fd(), rest, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)
            } else {
                nix::unistd::write(self.as_fd(), rest)
            };
            match wrote {
                Ok(n) => {
                    // Less than all is all that there was room for.
                    self.is_full = n < rest.len();
                    self.written += n;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => self.is_full = true,
                Err(errno) => return Err(errno.into()),
            }
        }
        // What is left moves at most once for each byte that has gone.
        if self.written >= self.pending() {
            self.queue.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}

/// `None` where that is not possible (another user's terminal after `su`): then writing may block.
fn reopen() -> Option<File> {
    std::fs::OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/proc/self/fd/1")
        .ok()
}
