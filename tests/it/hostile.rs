//! An init that has been taken over: the real one is stopped, and a test speaks with its descriptors in its place. The
//! program under test has no part in that: an init's own user may trace it, and so take copies of what it holds.

use crate::home::Home;
use crate::processes;
use crate::processes::Process;
use crate::ran::Running;
use crate::wait::LIMIT;
use crate::wait::wait_or;
use crate::wait::wait_until;
use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::fcntl::SealFlag;
use nix::fcntl::fcntl;
use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;
use nix::sys::signal::Signal;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockType;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sendmsg;
use nix::sys::socket::sockopt;
use rustix::net::RecvAncillaryBuffer;
use rustix::net::RecvAncillaryMessage;
use rustix::net::RecvFlags;
use rustix::process::PidfdFlags;
use rustix::process::PidfdGetfdFlags;
use serde_json::Value;
use serde_json::json;
use std::fs;
use std::fs::File;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::fs::FileExt;

/// Where `docs/protocol.md` puts them.
pub const HEAD: u64 = 64;
pub const TAIL: u64 = 128;
/// The daemon's end of the spare pair.
const SPARE: RawFd = 9;

/// A user with one session that minds its own business; the other one is to be taken over.
pub struct Scene {
    pub home: Home,
    pub daemon: i32,
    descriptors: usize,
}

impl Scene {
    pub fn new() -> Self {
        let home = Home::new();
        home.start("other", "while sleep 0.1; do n=$((n+1)); echo tick $n; done");
        home.wait_for_shown("other", "tick");
        let daemon = home.daemon();
        Self { descriptors: descriptors(daemon).len(), daemon, home }
    }

    /// A session whose init is in a test's hand.
    pub fn hostile(&self) -> Hostile {
        self.home.start("work", "echo here; while read line; do echo got $line; done");
        self.home.wait_for_shown("work", "here");
        Hostile::take(&self.home, "work")
    }

    /// Somebody attaches to a new terminal of the hostile session; the init has been asked to let it be followed.
    pub fn asked(&self, hostile: &Hostile) -> (Running, Value) {
        let client = Running::start(&mut self.home.command(&["shell", "work", "-c", "echo there; sleep 1000"]));
        let pty = hostile.await_order("spawn")["pty"].clone();
        hostile.say(&json!({"say": "spawned", "pty": pty, "pid": 2}), &[]);
        hostile.await_order("follow");
        (client, pty)
    }

    pub fn others_live(&self, after: &str) {
        self.home.coop(&["ls"]).ok();
        assert_eq!(self.home.inside("other", "echo o$((40+2))k").ok().out.trim(), "o42k", "{after}");
        let screen = || self.home.coop(&["screen", "other"]).ok().out;
        let before = screen();
        wait_until("output flows", LIMIT, || (screen() != before).then_some(()));
        assert_eq!(self.home.daemons().iter().map(|p| p.pid).collect::<Vec<_>>(), [self.daemon], "{after}");
        assert!(!self.home.log().contains("panic"), "{after}:\n{}", self.home.log());
    }

    /// The session can be ended, and the daemon keeps nothing of it.
    pub fn ends(&self, hostile: &Hostile, after: &str) {
        self.others_live(after);
        self.home.coop(&["kill", "-f", "work"]).ok();
        hostile.is_gone();
        assert_eq!(self.home.state("work"), "none", "{after}");
        let few = || descriptors(self.daemon).len() <= self.descriptors;
        let rows = || self.home.coop(&["ls", "--json"]).out;
        assert!(
            wait_or(LIMIT, || few().then_some(())).is_some(),
            "{after}: {:?}\n{}",
            descriptors(self.daemon),
            rows()
        );
    }
}

pub struct Hostile {
    pub pid: i32,
    pidfd: OwnedFd,
    control: OwnedFd,
    of_box: Vec<Process>,
}

impl Hostile {
    /// Takes over the init of a session that the daemon follows already.
    pub fn take(home: &Home, session: &str) -> Self {
        let (pid, daemon) = (home.init(session), home.daemon());
        let of_box = processes::of_box(pid);
        stop(pid);
        let pidfd = rustix::process::pidfd_open(rustix::process::Pid::from_raw(pid).unwrap(), PidfdFlags::empty());
        let pidfd = pidfd.unwrap();
        let control = messages(&pidfd, pid).into_iter().find(|(_, fd)| maker(fd) == daemon);
        let (_, control) = control.expect("an init that was just served has a connection to the daemon");
        Self { pid, pidfd, control, of_box }
    }

    /// The init's own end of the spare pair, over which a new daemon comes.
    pub fn spare(&self) -> OwnedFd {
        let all = messages(&self.pidfd, self.pid);
        all.into_iter().find(|(number, fd)| *number != SPARE && maker(fd) == self.pid).unwrap().1
    }

    /// From now on it speaks to another daemon.
    pub fn turn_to(&mut self, control: OwnedFd) {
        self.control = control;
    }

    /// A copy of the init's first descriptor of a file whose name ends so.
    pub fn copy_of(&self, name: &str) -> OwnedFd {
        let named = |(_, link): &(RawFd, String)| link.trim_end_matches(" (deleted)").ends_with(name);
        let (number, _) = descriptors(self.pid).into_iter().find(named).unwrap_or_else(|| panic!("it has no {name}"));
        copy(&self.pidfd, number).unwrap()
    }

    /// Writes into the init's own memory, at an offset of its mapping of a file whose name ends so.
    pub fn scribble(&self, name: &str, offset: u64, bytes: &[u8]) {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.pid)).unwrap();
        let line = maps.lines().find(|line| line.trim_end_matches(" (deleted)").ends_with(name)).unwrap();
        let start = u64::from_str_radix(line.split_once('-').unwrap().0, 16).unwrap();
        let memory = File::options().write(true).open(format!("/proc/{}/mem", self.pid)).unwrap();
        memory.write_all_at(bytes, start + offset).unwrap();
    }

    pub fn say(&self, message: &Value, fds: &[BorrowedFd<'_>]) {
        self.send(message.to_string().as_bytes(), fds).unwrap_or_else(|errno| panic!("{message}: {errno}"));
    }

    /// Sends without waiting.
    pub fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> nix::Result<usize> {
        let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control: &[ControlMessage<'_>] = if fds.is_empty() { &[] } else { &rights };
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        sendmsg::<()>(self.control.as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None)
    }

    /// Sends, waiting for room; `false`: the daemon has hung up.
    pub fn press(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> bool {
        wait_until("the daemon reads", LIMIT, || match self.send(bytes, fds) {
            // So many descriptors of this user are on their way that others have to arrive first.
            Err(Errno::EAGAIN | Errno::ETOOMANYREFS) => None,
            sent => Some(sent.is_ok()),
        })
    }

    /// Waits until the daemon tells it to do this; what else it is told is passed over.
    pub fn await_order(&self, order: &str) -> Value {
        wait_until(order, LIMIT, || hear(&self.control)).map_or_else(
            || panic!("the daemon hung up before it said {order}"),
            |(message, _)| if message["do"] == order { message } else { self.await_order(order) },
        )
    }

    /// Ends with its box: nothing of that is left.
    pub fn is_gone(&self) {
        let left = || self.of_box.iter().filter(|p| processes::is_alive(p.pid)).collect::<Vec<_>>();
        wait_until("its box ends", LIMIT, || left().is_empty().then_some(()));
    }
}

/// What came over a socket: `None` if nothing has, `Some(None)` at its end.
pub fn hear(socket: &OwnedFd) -> Option<Option<(Value, Vec<OwnedFd>)>> {
    let (mut bytes, mut room) = (vec![0; 64 << 10], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))]);
    let mut ancillary = RecvAncillaryBuffer::new(&mut room);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags);
    let received = match received {
        Err(rustix::io::Errno::AGAIN) => return None,
        received => received.unwrap().bytes,
    };
    let fds = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let fds = fds.collect();
    if received == 0 {
        return Some(None);
    }
    Some(Some((serde_json::from_slice(&bytes[..received]).unwrap(), fds)))
}

pub fn stop(pid: i32) {
    processes::send(pid, Signal::SIGSTOP);
    wait_until("it stands still", LIMIT, || Process::look(pid).filter(|p| p.state == 'T').map(drop));
}

/// A process's descriptors, by number, with what they lead to.
pub fn descriptors(pid: i32) -> Vec<(RawFd, String)> {
    let all = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(Result::ok);
    all.filter_map(|entry| {
        let link = fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
        Some((entry.file_name().to_str()?.parse().ok()?, link))
    })
    .collect()
}

fn copy(pidfd: &OwnedFd, number: RawFd) -> rustix::io::Result<OwnedFd> {
    rustix::process::pidfd_getfd(pidfd, number, PidfdGetfdFlags::empty())
}

/// The sockets of a process that carry messages.
fn messages(pidfd: &OwnedFd, pid: i32) -> Vec<(RawFd, OwnedFd)> {
    let sockets = descriptors(pid).into_iter().filter(|(_, link)| link.starts_with("socket:"));
    let copies = sockets.map(|(number, _)| (number, copy(pidfd, number).unwrap()));
    copies.filter(|(_, fd)| getsockopt(fd, sockopt::SockType) == Ok(SockType::SeqPacket)).collect()
}

/// Who made the pair that this socket is one end of.
fn maker(socket: impl AsFd) -> i32 {
    getsockopt(&socket.as_fd(), sockopt::PeerCredentials).unwrap().pid()
}

/// A memory file with these seals.
pub fn memory(bytes: u64, seals: SealFlag) -> File {
    let file = memfd_create(c"hostile", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap();
    nix::unistd::ftruncate(&file, i64::try_from(bytes).unwrap()).unwrap();
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).unwrap();
    file.into()
}

/// As large as it is for ever, but not unchanging: what rings and pages are.
pub fn fixed(bytes: u64) -> File {
    memory(bytes, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW)
}

/// A parcel.
pub fn parcel(text: &[u8]) -> File {
    let file = memory(0, SealFlag::empty());
    file.write_all_at(text, 0).unwrap();
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW)).unwrap();
    file
}
