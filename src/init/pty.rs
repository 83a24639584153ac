//! One PTY of the box as the init sees it: master and slave, the program on it, the ring it is read into, and who
//! follows that ring.

use crate::name::PtyId;
use crate::name::WinSize;
use crate::proto::control::Program;
use crate::proto::control::PtyReport;
use crate::session::spec;
use crate::session::state::Exit;
use crate::sys::pty::Pty;
use crate::sys::ring::FollowerPage;
use crate::sys::ring::RingWriter;
use crate::sys::socket;
use nix::errno::Errno;
use nix::sys::termios::Termios;
use nix::unistd::Pid;
use std::os::fd::OwnedFd;
use std::time::Duration;
use std::time::Instant;

/// How long a full ring is held for somebody who gives no sign of life: a follower whose daemon died (the guard and an
/// adoption need some 20 ms), or one that is there and takes nothing (a stopped daemon).
pub const GRACE: Duration = Duration::from_secs(3);

/// A client that reads the ring itself and has taken nothing for so long holds nobody. More than what the daemon gives
/// its viewers: on a machine with ten times the work that it can do nobody runs for half a second, and as the fastest
/// sets the pace, this matters to the only one alone.
const CLIENT_STALLS: Duration = Duration::from_secs(1);
/// Most reads in a row from one PTY, so that no flood keeps the init from the others and from its daemon.
const READS_A_TURN: u32 = 16;
/// After its program's end a PTY is read at most so many turns on, should others go on writing to it.
const TURNS_AFTER_END: u32 = 64;
/// Do not wake a program for less room than this: it would run for 4 KB and wait again.
const ROOM_WORTH_WAKING: u64 = 64 << 10;

#[derive(Debug)]
pub struct Follower {
    page: FollowerPage,
    pub wake: OwnedFd,
    /// A client that reads the ring itself, and no daemon.
    is_client: bool,
    /// Where it was when it was last seen to have moved, and when that was.
    seen: (u64, Instant),
}

impl Follower {
    /// The offset that this client holds the program at, unless it has taken nothing for too long.
    fn pace(&mut self, head: u64, now: Instant) -> Option<u64> {
        let cursor = self.page.hold()?;
        if cursor != self.seen.0 || cursor >= head {
            self.seen = (cursor, now);
        }
        (now - self.seen.1 < CLIENT_STALLS).then_some(cursor)
    }
}

/// The life of the program on a PTY.
#[derive(Debug)]
enum Life {
    Running {
        pid: Pid,
        since: Instant,
    },
    /// It has ended; what it wrote is still being read.
    Draining {
        exit: Exit,
        ran: Duration,
        turns: u32,
    },
    Ended {
        exit: Exit,
        ran: Duration,
        acknowledged: bool,
    },
}

/// What holds this PTY's ring although nobody is connected: the last word of a follower that vanished.
#[derive(Debug)]
struct Ghost {
    cursor: u64,
    until: Instant,
}

#[derive(Debug)]
pub struct BoxPty {
    pub id: PtyId,
    pub pty: Pty,
    pub ring: RingWriter,
    /// As it is shown.
    argv: Vec<String>,
    life: Life,
    pub followers: Vec<Follower>,
    ghosts: Vec<Ghost>,
    /// What earlier followers had written of their clients' input.
    typed: Vec<(u64, u64)>,
    /// Up to where earlier followers had answered what the program asked.
    answered: u64,
    /// The size that the last of them meant.
    size: Option<WinSize>,
    /// The newest checkpoint of the screen: offset, size and parcel. The init only keeps it.
    checkpoint: Option<(u64, WinSize, OwnedFd)>,
    /// Since when the ring has been full, and which cursor holds it.
    blocked: Option<(Instant, u64)>,
    pristine: Option<Termios>,
}

/// What a turn of reading found out.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    Went,
    /// The program has ended and all its output is in the ring.
    Ended {
        exit: Exit,
    },
}

impl BoxPty {
    pub fn new(id: PtyId, pty: Pty, ring: RingWriter, argv: &[String], pid: Pid) -> Self {
        let pristine = nix::sys::termios::tcgetattr(&pty.slave).ok();
        let life = Life::Running { pid, since: Instant::now() };
        Self {
            id,
            pty,
            ring,
            argv: spec::shown(argv),
            life,
            followers: Vec::new(),
            ghosts: Vec::new(),
            typed: Vec::new(),
            answered: 0,
            size: None,
            checkpoint: None,
            blocked: None,
            pristine,
        }
    }

    /// A program that crashed may have left the terminal raw; the next one gets it as new.
    pub fn freshen(&self) -> nix::Result<()> {
        match &self.pristine {
            Some(pristine) => {
                nix::sys::termios::tcsetattr(&self.pty.slave, nix::sys::termios::SetArg::TCSANOW, pristine)
            }
            None => Ok(()),
        }
    }

    pub fn started_again(&mut self, argv: &[String], pid: Pid) {
        self.argv = spec::shown(argv);
        self.life = Life::Running { pid, since: Instant::now() };
    }

    pub fn running_pid(&self) -> Option<Pid> {
        match self.life {
            Life::Running { pid, .. } => Some(pid),
            _ => None,
        }
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.life, Life::Ended { .. })
    }

    pub fn acknowledge(&mut self) {
        if let Life::Ended { acknowledged, .. } = &mut self.life {
            *acknowledged = true;
        }
    }

    pub fn report(&self) -> PtyReport {
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let program = match self.life {
            Life::Running { pid, since } => Program::Running { pid: pid.as_raw(), for_ms: millis(since.elapsed()) },
            Life::Draining { exit, ran, .. } => Program::Ended { exit, acknowledged: false, ran_ms: millis(ran) },
            Life::Ended { exit, ran, acknowledged } => Program::Ended { exit, acknowledged, ran_ms: millis(ran) },
        };
        PtyReport { pty: self.id, argv: self.argv.clone(), program, head: self.ring.head() }
    }

    /// Its program was reaped; whether it was this PTY's.
    pub fn on_reaped(&mut self, pid: Pid, exit: Exit) -> bool {
        match self.life {
            Life::Running { pid: own, since } if own == pid => {
                self.life = Life::Draining { exit, ran: since.elapsed(), turns: 0 };
                true
            }
            _ => false,
        }
    }

    pub fn is_draining(&self) -> bool {
        matches!(self.life, Life::Draining { .. })
    }

    /// A new follower takes over whatever a lost one held.
    pub fn follow(&mut self, at: Option<u64>, holds: bool, is_client: bool) -> nix::Result<(OwnedFd, OwnedFd)> {
        let head = self.ring.head();
        let cursor = self.ghost().into_iter().chain(at).chain([head]).min().unwrap_or(0);
        let cursor = cursor.max(head.saturating_sub(self.ring.geometry().size()));
        let (page, file) = FollowerPage::create(cursor, holds)?;
        let (ours, theirs) = socket::wake_pair()?;
        self.followers.push(Follower { page, wake: ours, is_client, seen: (cursor, Instant::now()) });
        if !is_client {
            self.ghosts.clear();
        }
        self.blocked = None;
        Ok((file, theirs))
    }

    /// From where on a follower that vanished holds the ring.
    pub fn ghost(&self) -> Option<u64> {
        self.ghosts.iter().map(|ghost| ghost.cursor).min()
    }

    /// What the successor of a follower must know: see [`FollowerPage::typed`], [`FollowerPage::answered`] and
    /// [`FollowerPage::size`].
    pub fn inheritance(&self) -> (Vec<(u64, u64)>, u64, Option<WinSize>) {
        (self.typed.clone(), self.answered, self.size)
    }

    pub fn keep_checkpoint(&mut self, offset: u64, size: WinSize, parcel: OwnedFd) {
        self.checkpoint = Some((offset, size, parcel));
    }

    pub fn checkpoint(&self) -> Option<(u64, WinSize, &OwnedFd)> {
        self.checkpoint.as_ref().map(|(offset, size, parcel)| (*offset, *size, parcel))
    }

    pub fn unfollow(&mut self) {
        let (clients, daemons) = std::mem::take(&mut self.followers).into_iter().partition(|of| of.is_client);
        self.followers = clients;
        for follower in &daemons {
            self.remember(follower);
        }
        self.blocked = None;
    }

    /// It could not be told that it follows.
    pub fn drop_newest_follower(&mut self) {
        self.followers.pop();
    }

    fn remember(&mut self, follower: &Follower) {
        self.typed = follower.page.typed();
        self.answered = self.answered.max(follower.page.answered());
        self.size = follower.page.size().or(self.size);
    }

    /// The daemon is gone without a word: hold what its followers held, for a while.
    pub fn orphan_followers(&mut self) {
        while let Some(index) = self.followers.iter().position(|follower| !follower.is_client) {
            self.orphan_follower(index);
        }
    }

    /// One follower's socket closed.
    pub fn orphan_follower(&mut self, index: usize) {
        let follower = self.followers.remove(index);
        self.blocked = None;
        if follower.is_client {
            return; // nobody comes in its place
        }
        let until = Instant::now() + GRACE;
        self.remember(&follower);
        self.ghosts.extend(follower.page.hold().map(|cursor| Ghost { cursor, until }));
    }

    /// What the program may not overwrite. A daemon has its reasons; of clients the fastest sets the pace, and who is
    /// overtaken asks the daemon for a screen.
    fn held(&mut self) -> Option<u64> {
        let (now, head) = (Instant::now(), self.ring.head());
        let pace = self.followers.iter_mut().filter(|of| of.is_client).filter_map(|of| of.pace(head, now)).max();
        let ghosts = self.ghosts.iter().filter(|ghost| ghost.until > now).map(|ghost| ghost.cursor);
        let daemons = self.followers.iter().filter(|of| !of.is_client).filter_map(|of| of.page.hold());
        daemons.chain(ghosts).chain(pace).min()
    }

    /// Whether the master is to be watched now. When not, [`BoxPty::deadline`] says until when at most.
    pub fn wants_to_read(&mut self) -> bool {
        if self.room() > 0 {
            return true;
        }
        // Say that we wait, then look once more: either we see the cursor that moved, or its owner sees that we wait.
        for follower in &self.followers {
            follower.page.set_init_waits();
        }
        self.room() > 0
    }

    /// Room in the ring. Whoever has held it full for too long without moving is overtaken.
    fn room(&mut self) -> u64 {
        let geometry = self.ring.geometry();
        let held = self.held();
        let room = geometry.room(self.ring.head(), held);
        let Some(held) = held.filter(|_| room == 0) else {
            self.blocked = None;
            return room;
        };
        match self.blocked {
            Some((since, cursor)) if cursor == held => {
                if since.elapsed() >= GRACE {
                    geometry.size()
                } else {
                    0
                }
            }
            _ => {
                self.blocked = Some((Instant::now(), held));
                0
            }
        }
    }

    /// When a blocked PTY may go on by the clock alone.
    pub fn deadline(&self) -> Option<Instant> {
        let (since, _) = self.blocked?;
        let now = Instant::now();
        let ghosts = self.ghosts.iter().map(|ghost| ghost.until);
        let clients = self.followers.iter().filter(|of| of.is_client).map(|of| of.seen.1 + CLIENT_STALLS);
        // What is past has had its effect: ghosts that hold no more, followers that were overtaken.
        ghosts.chain([since + GRACE]).chain(clients).filter(|at| *at > now).min()
    }

    /// Reads what is there, up to a fair share.
    pub fn read(&mut self) -> Turn {
        let (mut drained, mut tried) = (false, false);
        for _ in 0..READS_A_TURN {
            let room = self.room();
            if room == 0 {
                break;
            }
            tried = true;
            match self.ring.read_from(&self.pty.master, room) {
                Ok(0) | Err(Errno::EAGAIN | Errno::EIO) => {
                    drained = true;
                    break;
                }
                Ok(_) => self.wake_followers(),
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        // While the ring is full nothing is known of what is left in the terminal.
        if tried { self.after_reading(drained) } else { Turn::Went }
    }

    fn after_reading(&mut self, drained: bool) -> Turn {
        if let Life::Draining { exit, ran, turns } = &mut self.life {
            *turns += 1;
            if drained || *turns >= TURNS_AFTER_END {
                let (exit, ran) = (*exit, *ran);
                self.life = Life::Ended { exit, ran, acknowledged: false };
                return Turn::Ended { exit };
            }
        }
        Turn::Went
    }

    fn wake_followers(&self) {
        for follower in self.followers.iter().filter(|follower| follower.page.take_want()) {
            // A follower that is gone shows as such on its socket, where it is dealt with.
            socket::wake(&follower.wake).ok();
        }
    }
}

/// The follower's side of the bargain: whether the init, which waits, should be woken at this much room.
pub fn is_worth_waking(room: u64, geometry: crate::term::ring::Geometry) -> bool {
    room >= ROOM_WORTH_WAKING.min(geometry.size() / 4)
}

#[cfg(test)]
#[path = "pty_tests.rs"]
mod tests;
