//! The direct path: this client reads the session's output ring and writes to its terminal by itself, and does not notice
//! the daemon's death. Screens, sizes and the program's end still come from the daemon.

use crate::client::typed::Typed;
use crate::init::pty::is_worth_waking;
use crate::sys::ring::FollowerPage;
use crate::sys::ring::RingReader;
use crate::sys::ring::Taken;
use crate::sys::socket;
use nix::errno::Errno;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;

/// Most bytes taken at once.
const PIECE_BYTES: u64 = 32 << 10;

pub struct Direct {
    ring: RingReader,
    page: FollowerPage,
    wake: OwnedFd,
    master: OwnedFd,
    /// The program does not read what is typed.
    is_blocked: bool,
    beat: bool,
    is_over: bool,
}

/// What the ring had.
pub enum Got {
    Bytes,
    Nothing,
    /// Others set the pace, and this client was overtaken.
    Overtaken,
    /// The ring contradicts itself.
    Broken,
}

impl Direct {
    /// Takes what the daemon handed over: ring, page, wake socket, master.
    pub fn take(fds: Vec<OwnedFd>) -> Option<Self> {
        let [ring, page, wake, master] = <[OwnedFd; 4]>::try_from(fds).ok()?;
        let (ring, page) = (RingReader::map(&ring).ok()?, FollowerPage::map(&page).ok()?);
        Some(Self { ring, page, wake, master, is_blocked: false, beat: false, is_over: false })
    }

    /// What to watch for output; nothing once the init has closed it.
    pub fn wake(&self) -> Option<BorrowedFd<'_>> {
        (!self.is_over).then(|| self.wake.as_fd())
    }

    /// What to watch for room, while the program does not read.
    pub fn blocked_master(&self) -> Option<BorrowedFd<'_>> {
        self.is_blocked.then(|| self.master.as_fd())
    }

    /// Takes the wake-ups that have come, or sees that the init has closed its side.
    pub fn take_wakes(&mut self) {
        self.is_over = !socket::take_wakes(&self.wake);
    }

    /// Nothing comes behind what the ring has: the init has given up this terminal, or is gone.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Adds to `bytes` what stands behind `cursor`.
    pub fn read(&self, cursor: u64, bytes: &mut Vec<u8>) -> Got {
        match self.ring.take(cursor, PIECE_BYTES, bytes) {
            Ok(Taken::Bytes(0)) => Got::Nothing,
            Ok(Taken::Bytes(_)) => Got::Bytes,
            Ok(Taken::Overwritten { .. }) => Got::Overtaken,
            Err(_) => Got::Broken,
        }
    }

    /// All before `cursor` has been shown and may be overwritten.
    pub fn has_shown(&self, cursor: u64) {
        self.page.set_hold(Some(cursor));
        let room = self.ring.geometry().room(self.ring.head(), Some(cursor));
        if self.page.init_waits() && is_worth_waking(room, self.ring.geometry()) {
            self.page.take_init_waits();
            // An init that is gone shows on this very socket.
            socket::wake(&self.wake).ok();
        }
    }

    /// The reader behind this client is slow, but this client lives: it must not be taken for one that has stalled. The
    /// init sees life in a cursor that moves; one byte back and forth harms nobody.
    pub fn is_still_here(&mut self, cursor: u64) {
        self.beat = !self.beat;
        self.page.set_hold(Some(cursor.saturating_sub(u64::from(self.beat))));
    }

    /// Asks to be woken at the next byte; whether there is none behind `cursor` yet.
    pub fn may_sleep(&self, cursor: u64) -> bool {
        self.page.want_wake();
        self.ring.head() == cursor
    }

    /// How far this client is behind.
    pub fn lag(&self, cursor: u64) -> u64 {
        self.ring.head().saturating_sub(cursor)
    }

    /// Writes what was typed, as far as the program's terminal takes it; whether anything went.
    pub fn type_in(&mut self, typed: &mut Typed) -> bool {
        let mut went = false;
        self.is_blocked = false;
        loop {
            let next = typed.next_to_write();
            if next.is_empty() {
                return went;
            }
            match nix::unistd::write(&self.master, next) {
                Ok(n) => {
                    typed.wrote(n);
                    went = true;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    self.is_blocked = true;
                    return went;
                }
                // The terminal is gone; the daemon will say why.
                Err(_) => return went,
            }
        }
    }
}
