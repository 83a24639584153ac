//! Pseudo-terminals of the box's own devpts, and window sizes.

use crate::name::WinSize;
use crate::sys::check;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::SaFlags;
use nix::sys::signal::SigAction;
use nix::sys::signal::SigHandler;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signal::sigaction;
use nix::sys::stat::Mode;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

/// How long a write may be kept waiting, in microseconds. An honest terminal takes what it has room for at once.
const WAIT_US: libc::suseconds_t = 20_000;
/// So often: a signal that comes while this process has no processor ends a write that would not have waited.
pub const WAITS_MAX: u32 = 5;

/// Signals that have ended a wait of [`write_now`].
static ALARMS: AtomicU32 = AtomicU32::new(0);

/// Both ends of a PTY. The master is non-blocking: O_NONBLOCK belongs to the open file, which daemon and init share.
#[derive(Debug)]
pub struct Pty {
    pub master: OwnedFd,
    pub slave: OwnedFd,
}

pub fn open(ptmx: &Path) -> nix::Result<Pty> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let master = nix::fcntl::open(ptmx, flags, Mode::empty())?;
    let locked: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads one int.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const locked) }.into())?;
    let peer_flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes flags by value and returns a new descriptor: no path, so no other devpts can answer.
    let raw = check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, peer_flags) }.into())?;
    let raw = i32::try_from(raw).map_err(|_| nix::errno::Errno::EBADF)?;
    // SAFETY: the ioctl has just returned it.
    let slave = unsafe { OwnedFd::from_raw_fd(raw) };
    Ok(Pty { master, slave })
}

/// Writes what a master takes at once. `O_NONBLOCK` belongs to the open file, and whoever shares that can take it away: a
/// signal then ends the wait, and the error is `ETIMEDOUT`. (`RWF_NOWAIT` would say it for one write; terminals refuse it.)
/// For the main thread alone, which such signals go to. Gives also how many of them came: one may come to an honest
/// terminal, while the processor is elsewhere.
pub fn write_now(master: impl AsFd, bytes: &[u8]) -> nix::Result<(usize, u32)> {
    extern "C" fn count(_: libc::c_int) {
        ALARMS.fetch_add(1, Ordering::Relaxed);
    }
    static HANDLED: OnceLock<nix::Result<SigAction>> = OnceLock::new();
    let interrupts = SigAction::new(SigHandler::Handler(count), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler adds to a number, which may be done at any time.
    (*HANDLED.get_or_init(|| unsafe { sigaction(Signal::SIGALRM, &interrupts) }))?;
    let before = ALARMS.load(Ordering::Relaxed);
    alarm_every(WAIT_US)?;
    let mut attempts = (0..WAITS_MAX).map(|_| nix::unistd::write(&master, bytes));
    let written = attempts.find(|written| *written != Err(Errno::EINTR));
    alarm_every(0)?;
    let waits = ALARMS.load(Ordering::Relaxed).wrapping_sub(before);
    Ok((written.unwrap_or(Err(Errno::ETIMEDOUT))?, waits))
}

/// SIGALRM again and again, for the first may come before the wait begins. 0: no more.
fn alarm_every(microseconds: libc::suseconds_t) -> nix::Result<()> {
    let time = libc::timeval { tv_sec: 0, tv_usec: microseconds };
    let timer = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: the kernel reads one itimerval; the old one is not asked for.
    check(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) }.into()).map(drop)
}

pub fn set_size(fd: impl AsFd, size: WinSize) -> nix::Result<()> {
    let size = libc::winsize { ws_row: size.rows(), ws_col: size.cols(), ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads one winsize.
    check(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }.into()).map(drop)
}

pub fn size(fd: impl AsFd) -> nix::Result<WinSize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize.
    check(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) }.into())?;
    Ok(WinSize::clamped(size.ws_row, size.ws_col))
}

/// Makes a terminal the controlling one of the calling session leader.
pub fn make_controlling(fd: impl AsFd) -> nix::Result<()> {
    // SAFETY: TIOCSCTTY takes an int by value.
    check(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) }.into()).map(drop)
}
