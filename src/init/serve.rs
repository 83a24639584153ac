//! The init's loop: PTYs into rings, children reaped, the daemon's wishes carried out. It sleeps in one `poll`.

use crate::init::ending;
use crate::init::pty::BoxPty;
use crate::init::pty::Turn;
use crate::init::spawn;
use crate::init::spawn::Surroundings;
use crate::name::PtyId;
use crate::name::WinSize;
use crate::proto::control;
use crate::proto::control::CONTROL_VERSION;
use crate::proto::control::FromInit;
use crate::proto::control::PTYS_MAX;
use crate::proto::control::Report;
use crate::proto::control::ToInit;
use crate::session::spec::SessionSpec;
use crate::sys::memory;
use crate::sys::process;
use crate::sys::pty;
use crate::sys::ring::RingWriter;
use crate::sys::socket;
use crate::sys::socket::Received;
use crate::term::ring::Geometry;
use crate::term::ring::RING_BYTES;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SfdFlags;
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

/// Messages that wait for a daemon that does not read. One that lets more pile up is as good as dead.
const OUTBOX_MAX: usize = 1024;

#[derive(Debug)]
pub struct Init {
    /// The connected daemon.
    control: Option<OwnedFd>,
    outbox: VecDeque<Vec<u8>>,
    spare: OwnedFd,
    signals: SignalFd,
    session: SessionSpec,
    around: Surroundings,
    ptys: BTreeMap<PtyId, BoxPty>,
    /// Above all numbers that terminals have had.
    next_pty: u32,
    /// The box is to end: the init goes when its last child has gone.
    ending: bool,
    /// When what is left in a box that is to end gets SIGKILL.
    kill_at: Option<Instant>,
}

/// What one `poll` found ready.
#[derive(Debug, Default)]
struct Ready {
    control: bool,
    spare: bool,
    signals: bool,
    masters: Vec<PtyId>,
    wakes: Vec<(PtyId, usize)>,
}

impl Init {
    pub fn new(control: OwnedFd, spare: OwnedFd, session: SessionSpec, around: Surroundings) -> nix::Result<Self> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let mut init = Self {
            control: Some(control),
            outbox: VecDeque::new(),
            spare,
            signals,
            session,
            around,
            ptys: BTreeMap::new(),
            next_pty: 0,
            ending: false,
            kill_at: None,
        };
        memory::give_back_heap();
        init.say(&FromInit::Built, &[]);
        Ok(init)
    }

    /// Serves until the box has been told to end and is empty.
    pub fn serve(mut self) -> i32 {
        loop {
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                // Out of memory for a moment; nothing of this loop's state is lost by trying again.
                Err(Errno::ENOMEM | Errno::EAGAIN) => Ready::default(),
                Err(_) => return 1,
            };
            // The daemon's words first: an `unfollow` must be seen before the socket that closes behind it.
            if ready.control {
                self.on_control();
            }
            if ready.spare {
                self.on_spare();
            }
            if ready.signals {
                while matches!(self.signals.read_signal(), Ok(Some(_))) {}
                self.reap();
            }
            for &(id, index) in ready.wakes.iter().rev() {
                self.on_wake(id, index);
            }
            self.read_ptys(&ready.masters);
            if self.kill_at.is_some_and(|at| at <= Instant::now()) {
                self.kill_at = None;
                ending::kill_all();
            }
            if self.ending && self.is_empty() {
                return 0;
            }
        }
    }

    fn wait(&mut self) -> nix::Result<Ready> {
        let watched: Vec<PtyId> =
            self.ptys.values_mut().filter_map(|pty| pty.wants_to_read().then_some(pty.id)).collect();
        let deadline = self.ptys.values().filter_map(BoxPty::deadline).chain(self.kill_at).min();
        let readable = PollFlags::POLLIN;
        let mut fds = vec![PollFd::new(self.spare.as_fd(), readable), PollFd::new(self.signals.as_fd(), readable)];
        let masters_at = fds.len();
        fds.extend(watched.iter().map(|id| PollFd::new(self.ptys[id].pty.master.as_fd(), readable)));
        let wakes_at = fds.len();
        let mut wakes = Vec::new();
        for pty in self.ptys.values() {
            for (index, follower) in pty.followers.iter().enumerate() {
                wakes.push((pty.id, index));
                fds.push(PollFd::new(follower.wake.as_fd(), readable));
            }
        }
        let control_at = fds.len();
        if let Some(control) = &self.control {
            let writable = if self.outbox.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
            fds.push(PollFd::new(control.as_fd(), readable | writable));
        }
        nix::poll::poll(&mut fds, timeout(deadline))?;
        let hit = |index: usize| fds.get(index).and_then(PollFd::any).unwrap_or(false);
        Ok(Ready {
            control: hit(control_at),
            spare: hit(0),
            signals: hit(1),
            masters: watched.iter().enumerate().filter(|&(i, _)| hit(masters_at + i)).map(|(_, &id)| id).collect(),
            wakes: wakes.iter().enumerate().filter(|&(i, _)| hit(wakes_at + i)).map(|(_, &wake)| wake).collect(),
        })
    }

    fn read_ptys(&mut self, ready: &[PtyId]) {
        let draining = self.ptys.values().filter(|pty| pty.is_draining()).map(|pty| pty.id);
        let mut due: Vec<PtyId> = draining.chain(ready.iter().copied()).collect();
        due.sort_unstable();
        due.dedup();
        for id in due {
            let Some(pty) = self.ptys.get_mut(&id) else { continue };
            if let Turn::Ended { exit } = pty.read() {
                let head = pty.ring.head();
                self.say(&FromInit::Exited { pty: id, exit, head }, &[]);
            }
        }
    }

    fn on_wake(&mut self, id: PtyId, index: usize) {
        if let Some(pty) = self.ptys.get_mut(&id) {
            let alive = pty.followers.get(index).is_some_and(|follower| socket::take_wakes(&follower.wake));
            if !alive && index < pty.followers.len() {
                pty.orphan_follower(index);
            }
        }
    }

    fn reap(&mut self) {
        while let Some((pid, exit)) = process::reap_one() {
            self.ptys.values_mut().any(|pty| pty.on_reaped(pid, exit));
        }
    }

    fn is_empty(&self) -> bool {
        matches!(
            nix::sys::wait::waitid(
                nix::sys::wait::Id::All,
                nix::sys::wait::WaitPidFlag::WEXITED
                    | nix::sys::wait::WaitPidFlag::WNOHANG
                    | nix::sys::wait::WaitPidFlag::WNOWAIT
            ),
            Err(Errno::ECHILD)
        )
    }

    /// A daemon that found this init by itself: it gets this session, whoever had it before.
    fn on_spare(&mut self) {
        let Ok(Some(message)) = socket::receive_message(&self.spare, control::MESSAGE_BYTES_MAX, false) else { return };
        let Ok(ToInit::Adopt { version: _ }) = control::decode(&message.bytes) else { return };
        let Some(fresh) = message.fds.into_iter().next() else { return };
        self.lose_daemon();
        self.control = Some(fresh);
        let ptys = self.ptys.values().map(BoxPty::report).collect();
        let (session, next_pty) = (self.session.clone(), self.next_pty);
        let report = Report { version: CONTROL_VERSION, session, ptys, next_pty, ending: self.ending };
        self.say(&FromInit::Report(Box::new(report)), &[]);
    }

    fn on_control(&mut self) {
        self.flush();
        // Bounded: whatever else is there makes the next poll return at once.
        for _ in 0..64 {
            let Some(control) = &self.control else { return };
            match socket::receive_message(control, control::MESSAGE_BYTES_MAX, false) {
                Ok(Some(message)) => self.on_message(message),
                Err(Errno::EAGAIN) => return,
                Ok(None) | Err(_) => return self.lose_daemon(),
            }
        }
    }

    fn lose_daemon(&mut self) {
        self.control = None;
        self.outbox.clear();
        self.ptys.values_mut().for_each(BoxPty::orphan_followers);
    }

    fn on_message(&mut self, message: Received) {
        let fd = message.fds.into_iter().next();
        // A message of a later release that this one does not know: it can only be left unanswered.
        match control::decode::<ToInit>(&message.bytes) {
            Ok(ToInit::Parcel) => {
                // Short of memory for it, this one has to be as one that never came.
                let parcel = fd.and_then(|parcel| memory::open_parcel(parcel, control::PARCEL_BYTES_MAX).ok());
                if let Some(Ok(order)) = parcel.map(|bytes| control::decode(&bytes)) {
                    self.obey(order, None);
                }
            }
            Ok(order) => self.obey(order, fd),
            Err(_) => {}
        }
    }

    fn obey(&mut self, order: ToInit, fd: Option<OwnedFd>) {
        match order {
            ToInit::Join { .. } | ToInit::Build | ToInit::Trees | ToInit::Adopt { .. } | ToInit::Parcel => {}
            ToInit::Spawn { pty, argv, size } => self.spawn(pty, &argv, size),
            ToInit::Follow { pty, at, holds, client } => self.follow(pty, at, holds, client),
            ToInit::Checkpoint { pty, offset, size } => {
                if let Some(parcel) = fd {
                    self.with(pty, |pty| pty.keep_checkpoint(offset, size, parcel));
                }
            }
            ToInit::Unfollow { pty } => self.with(pty, BoxPty::unfollow),
            ToInit::Signal { pty, signal } => self.signal(pty, signal),
            ToInit::TerminateAll => {
                self.ending = true;
                self.kill_at = Some(Instant::now() + ending::KILL_AFTER);
                ending::terminate_all();
            }
            ToInit::Close { pty } => self.close(pty),
            ToInit::Acknowledge { pty } => self.with(pty, BoxPty::acknowledge),
            ToInit::Bye => self.ptys.values_mut().for_each(BoxPty::unfollow),
        }
    }

    fn with(&mut self, id: PtyId, act: impl FnOnce(&mut BoxPty)) {
        if let Some(pty) = self.ptys.get_mut(&id) {
            act(pty);
        }
    }

    fn spawn(&mut self, id: PtyId, argv: &[String], size: WinSize) {
        match self.try_spawn(id, argv, size) {
            Ok(pid) => self.say(&FromInit::Spawned { pty: id, pid: pid.as_raw() }, &[]),
            Err(why) => self.say(&FromInit::SpawnFailed { pty: id, why }, &[]),
        }
    }

    fn try_spawn(&mut self, id: PtyId, argv: &[String], size: WinSize) -> Result<Pid, String> {
        if let Some(pty) = self.ptys.get_mut(&id) {
            if !pty.has_ended() {
                return Err("its program is still running".to_owned());
            }
            pty.freshen().map_err(|errno| format!("cannot reset the terminal: {errno}"))?;
            let pid = spawn::spawn(argv, &pty.pty.slave, &mut self.around).map_err(|error| error.to_string())?;
            pty.started_again(argv, pid);
            return Ok(pid);
        }
        if self.ptys.len() >= PTYS_MAX {
            return Err(format!("a session has at most {PTYS_MAX} terminals"));
        }
        let opened =
            pty::open(Path::new("/dev/pts/ptmx")).map_err(|errno| format!("cannot open a terminal: {errno}"))?;
        pty::set_size(&opened.slave, size).map_err(|errno| format!("cannot size the terminal: {errno}"))?;
        let geometry = Geometry::new(RING_BYTES).expect("the default size is a power of two");
        let ring = RingWriter::create(geometry).map_err(|errno| format!("cannot make the output ring: {errno}"))?;
        let pid = spawn::spawn(argv, &opened.slave, &mut self.around).map_err(|error| error.to_string())?;
        self.next_pty = self.next_pty.max(id.0.saturating_add(1));
        self.ptys.insert(id, BoxPty::new(id, opened, ring, argv, pid));
        Ok(pid)
    }

    fn follow(&mut self, id: PtyId, at: Option<u64>, holds: bool, client: u64) {
        if let Err(why) = self.try_follow(id, at, holds, client) {
            self.say(&FromInit::FollowFailed { pty: id, why, client }, &[]);
        }
    }

    fn try_follow(&mut self, id: PtyId, at: Option<u64>, holds: bool, client: u64) -> Result<(), String> {
        let pty = self.ptys.get_mut(&id).ok_or("no such terminal")?;
        let held = pty.ghost().filter(|_| client == 0);
        let (page, wake) = pty.follow(at, holds, client != 0).map_err(|errno| errno.to_string())?;
        let kept = pty.checkpoint().filter(|_| client == 0);
        let fds = [pty.ring.file(), &page, &wake, &pty.pty.master].into_iter();
        let fds: Vec<_> = fds.chain(kept.map(|(_, _, parcel)| parcel)).map(|fd| fd.as_raw_fd()).collect();
        let (typed, answered, size) = pty.inheritance();
        let checkpoint = kept.map(|(offset, size, _)| (offset, size));
        let following = FromInit::Following { pty: id, typed, answered, size, held, checkpoint, client };
        self.send_now(&following, &fds).map_err(|errno| {
            // ETOOMANYREFS: too many descriptors of this user are on their way somewhere.
            self.with(id, BoxPty::drop_newest_follower);
            errno.to_string()
        })
    }

    fn signal(&mut self, id: PtyId, signal: i32) {
        let pid = self.ptys.get(&id).and_then(BoxPty::running_pid);
        if let (Some(pid), Ok(signal)) = (pid, Signal::try_from(signal)) {
            ending::signal_group(pid, signal);
        }
    }

    fn close(&mut self, id: PtyId) {
        if self.ptys.get(&id).is_some_and(BoxPty::has_ended) {
            self.ptys.remove(&id);
        }
    }

    fn say(&mut self, message: &FromInit, fds: &[i32]) {
        if self.control.is_some() && (!self.outbox.is_empty() || self.send_now(message, fds).is_err()) {
            // Without its descriptors: whatever carries some says that it failed.
            self.outbox.push_back(control::encode(message));
            if self.outbox.len() > OUTBOX_MAX {
                self.lose_daemon();
            }
        }
    }

    fn send_now(&self, message: &FromInit, fds: &[i32]) -> nix::Result<()> {
        let control = self.control.as_ref().ok_or(Errno::ENOTCONN)?;
        send(control, &control::encode(message), fds)
    }

    fn flush(&mut self) {
        while let (Some(control), Some(message)) = (&self.control, self.outbox.front()) {
            match send(control, message, &[]) {
                Ok(()) => drop(self.outbox.pop_front()),
                Err(_) => return,
            }
        }
    }
}

/// Sends a message, as a parcel if it is too long.
fn send(control: &OwnedFd, message: &[u8], fds: &[i32]) -> nix::Result<()> {
    if message.len() <= control::MESSAGE_BYTES_MAX {
        return socket::send_message(control, message, fds, false);
    }
    let parcel = memory::parcel(message).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
    socket::send_message(control, &control::encode(&FromInit::Parcel), &[parcel.as_raw_fd()], false)
}

fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    // One more millisecond, for poll rounds down what is left and would spin on the rest.
    PollTimeout::try_from(left + std::time::Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
}
