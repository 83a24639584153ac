//! Pseudo-terminals of the box's own devpts, and window sizes.

use crate::name::WinSize;
use crate::sys::check;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::path::Path;

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
