//! The guard: the daemon's parent. One thread, no runtime; it holds the listening socket too, so that a client that
//! connects while no daemon lives just waits for the next one.
//!
//! Guard and daemon watch each other over one socket pair: its end without a `bye` is a death, and the survivor replaces
//! the other.

use crate::daemon::log;
use crate::home::CoopHome;
use crate::session::state::Exit;
use crate::sys::process;
use crate::sys::socket;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SfdFlags;
use nix::sys::signalfd::SignalFd;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// The daemon's word for "I go in order".
pub const BYE: &[u8] = b"bye";
/// The guard's word for "please go in order".
pub const GO: &[u8] = b"go";

/// A daemon that dies this soon after its start counts as one that cannot live.
const TOO_SOON: Duration = Duration::from_secs(1);
/// So many in a row and the guard gives up; the next command of the user starts anew.
const CRASHES_MAX: u32 = 10;

/// What guard and daemon are told on their command line.
#[derive(Clone, Debug)]
pub struct Orders {
    pub home: CoopHome,
    pub idle_exit: Duration,
    pub verbose: bool,
}

impl Orders {
    pub fn to_words(&self) -> [OsString; 4] {
        [
            self.home.root().into(),
            self.home.socket().into(),
            self.idle_exit.as_secs().to_string().into(),
            if self.verbose { "verbose".into() } else { "quiet".into() },
        ]
    }

    pub fn from_words(words: &[OsString]) -> Option<Self> {
        let [root, socket, idle, verbose, ..] = words else { return None };
        let idle_exit = Duration::from_secs(idle.to_str()?.parse().ok()?);
        let home = CoopHome::new(PathBuf::from(root), Some(PathBuf::from(socket)));
        Some(Self { home, idle_exit, verbose: verbose == "verbose" })
    }
}

/// Starts a guard over a daemon that already runs; returns the daemon's end of their link.
pub fn start_over_me(orders: &Orders, listener: impl AsFd) -> io::Result<OwnedFd> {
    let (ours, guards) = socket::message_pair()?;
    Command::new("/proc/self/exe")
        .arg0("coop-guard")
        .arg("__guard")
        .args(orders.to_words())
        .arg("adopt")
        .env_clear()
        .stdin(Stdio::from(listener.as_fd().try_clone_to_owned()?))
        .stdout(Stdio::from(guards))
        .stderr(Stdio::null())
        .spawn()?;
    Ok(ours)
}

pub fn run(words: Vec<OsString>) -> i32 {
    let Some(orders) = Orders::from_words(&words) else { return 2 };
    process::call_me(c"coop-guard");
    log::start(&orders.home.log(), orders.verbose);
    let adopts = words.get(4).is_some_and(|word| word == "adopt");
    match guard(&orders, adopts) {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(%error, "the guard ends");
            1
        }
    }
}

fn guard(orders: &Orders, adopts: bool) -> io::Result<()> {
    let listener = process::inherited(0)?;
    // A session leader already when the client forked us; not when a daemon did.
    nix::unistd::setsid().ok();
    process::become_subreaper()?;
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        mask.add(signal);
    }
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let mut link = if adopts { process::inherited(1)? } else { start_daemon(orders, &listener)? };
    let (mut crashes, mut started) = (0, Instant::now());
    loop {
        match watch(&link, &signals)? {
            Seen::Bye => return Ok(()),
            Seen::Death { killed } => {
                // Killed from outside (by a test, by the kernel short of memory) is no fault that would repeat itself.
                crashes = if started.elapsed() < TOO_SOON && !killed { crashes + 1 } else { 0 };
                if crashes >= CRASHES_MAX {
                    return Err(io::Error::other("the daemon dies again and again; its log says why"));
                }
                tracing::warn!(crashes, "the daemon died; starting another one");
                started = Instant::now();
                link = start_daemon(orders, &listener)?;
            }
        }
    }
}

enum Seen {
    Bye,
    Death { killed: bool },
}

fn watch(link: &OwnedFd, signals: &SignalFd) -> io::Result<Seen> {
    let mut killed = false;
    loop {
        let mut fds = [PollFd::new(link.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match nix::poll::poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        while let Ok(Some(signal)) = signals.read_signal() {
            if Signal::try_from(signal.ssi_signo.cast_signed()).is_ok_and(|s| s != Signal::SIGCHLD) {
                // The daemon answers with its bye; if it is dead, its end of the link says so.
                socket::send_message(link, GO, &[], false).ok();
            }
        }
        while let Some((_, exit)) = process::reap_one() {
            killed |= exit == Exit::Signal(Signal::SIGKILL as i32);
        }
        match socket::receive_message(link, 16, false) {
            Ok(Some(message)) if message.bytes == BYE => return Ok(Seen::Bye),
            Ok(Some(_)) | Err(nix::errno::Errno::EAGAIN) => {}
            Ok(None) | Err(_) => return Ok(Seen::Death { killed: killed || is_reaped_as_killed(signals) }),
        }
    }
}

/// A process closes its files before it can be reaped: give it the moment between the two.
fn is_reaped_as_killed(signals: &SignalFd) -> bool {
    let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    let has_child_ended = nix::poll::poll(&mut fds, 20u8).is_ok_and(|ready| ready > 0);
    let mut killed = false;
    while let Some((_, exit)) = process::reap_one().filter(|_| has_child_ended) {
        killed |= exit == Exit::Signal(Signal::SIGKILL as i32);
    }
    killed
}

fn start_daemon(orders: &Orders, listener: &OwnedFd) -> io::Result<OwnedFd> {
    let (ours, daemons) = socket::message_pair()?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("coop-daemon")
        .arg("__daemon")
        .args(orders.to_words())
        .env_clear()
        .stdin(Stdio::from(listener.try_clone()?))
        .stdout(Stdio::from(daemons))
        .stderr(Stdio::null());
    // Signals that the guard blocks must not be blocked in the daemon, which would inherit that.
    let blocked = SigSet::thread_get_mask()?;
    SigSet::empty().thread_set_mask()?;
    let child = command.spawn();
    blocked.thread_set_mask()?;
    child.map(|_| ours)
}
