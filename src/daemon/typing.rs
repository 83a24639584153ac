//! What clients type, on its way to the program: in order, through short writes, whole.

use crate::daemon::watch::watched;
use crate::session::fanout::ViewerId;
use crate::sys::pty;
use nix::errno::Errno;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio_util::bytes::Buf;
use tokio_util::bytes::Bytes;

/// The write queue of one PTY. Bounded by its clients, each of which waits for acknowledgements.
#[derive(Debug, Default)]
pub struct Typing {
    queue: VecDeque<(ViewerId, Bytes)>,
    /// Only while the program does not read: watched all the time, a master wakes the daemon at every output.
    blocked: Option<AsyncFd<OwnedFd>>,
    /// Signals that ended waits in the last writes, one after the other.
    waits: u32,
    /// The terminal makes its writer wait, as none does whose init keeps to the rules.
    pub is_held_up: bool,
}

impl Typing {
    /// There is no terminal any more to write to: a master that has hung up would be "ready" for ever.
    pub fn give_up(&mut self) {
        self.queue.clear();
        self.blocked = None;
    }

    pub fn push(&mut self, id: ViewerId, bytes: Bytes) {
        self.queue.push_back((id, bytes));
    }

    /// How many bytes of somebody's wait to be written.
    pub fn pending(&self, id: ViewerId) -> usize {
        self.queue.iter().filter(|(of, _)| *of == id).map(|(_, bytes)| bytes.len()).sum()
    }

    /// Writes as much as the program's terminal takes; returns who got how much written.
    pub fn write(&mut self, master: &OwnedFd) -> Vec<(ViewerId, u64)> {
        let mut written = Vec::new();
        while let Some((id, bytes)) = self.queue.front_mut() {
            match pty::write_now(master, bytes) {
                Ok((n, waits)) => {
                    written.push((*id, n as u64));
                    bytes.advance(n);
                    if bytes.is_empty() {
                        self.queue.pop_front();
                    }
                    // One that takes a little whenever the wait is over holds its writer up as well.
                    self.waits = if waits == 0 { 0 } else { self.waits + waits };
                    if self.waits >= pty::WAITS_MAX {
                        tracing::warn!("a terminal makes its writer wait");
                        self.give_up();
                        self.is_held_up = true;
                        return written;
                    }
                }
                Err(Errno::EAGAIN) => {
                    self.watch(master);
                    return written;
                }
                Err(errno) => {
                    tracing::warn!(%errno, "input could not be written");
                    self.give_up();
                    self.is_held_up = errno == Errno::ETIMEDOUT;
                    return written;
                }
            }
        }
        self.blocked = None;
        written
    }

    fn watch(&mut self, master: &OwnedFd) {
        if self.blocked.is_none() {
            let watched = master.try_clone().and_then(|fd| watched(fd, Interest::WRITABLE));
            match watched {
                Ok(watched) => self.blocked = Some(watched),
                Err(error) => tracing::warn!(%error, "cannot watch a terminal for room"),
            }
        }
    }

    /// Waits until a blocked terminal takes more. Cancel-safe.
    pub async fn writable(&self) {
        match &self.blocked {
            Some(master) => match master.writable().await {
                Ok(mut ready) => ready.clear_ready(),
                Err(error) => tracing::warn!(%error, "cannot wait for a terminal"),
            },
            None => std::future::pending().await,
        }
    }
}
