//! Unix sockets: messages with descriptors, and paths of any length.

use nix::errno::Errno;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::Backlog;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::UnixAddr;
use nix::sys::socket::sendmsg;
use std::fs::File;
use std::io;
use std::io::IoSlice;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;

/// A message that arrived.
#[derive(Debug)]
pub struct Received {
    pub bytes: Vec<u8>,
    pub fds: Vec<OwnedFd>,
    /// The message was longer than is taken: its sender breaks the rules. (Descriptors that are missing are no sign of
    /// that: the receiver's own limit of open files drops them.)
    pub truncated: bool,
}

/// A pair that keeps messages and their descriptors together.
pub fn message_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    nix::sys::socket::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

/// A non-blocking byte pair, for wake-ups.
pub fn wake_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    nix::sys::socket::socketpair(AddressFamily::Unix, SockType::Stream, None, flags)
}

/// Wakes the other side of a [`wake_pair`]. A full socket is a wake-up that is already on its way.
pub fn wake(fd: impl AsFd) -> nix::Result<()> {
    match nix::sys::socket::send(fd.as_fd().as_raw_fd(), b"w", MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
        Ok(_) | Err(Errno::EAGAIN) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Takes all wake-ups that have arrived. `false`: the other side is gone.
pub fn take_wakes(fd: impl AsFd) -> bool {
    let mut sink = [0; 64];
    loop {
        match nix::sys::socket::recv(fd.as_fd().as_raw_fd(), &mut sink, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return false,
            Ok(n) if n < sink.len() => return true,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return true,
            Err(_) => return false,
        }
    }
}

pub fn send_message(fd: impl AsFd, bytes: &[u8], fds: &[RawFd], wait: bool) -> nix::Result<()> {
    let rights = [ControlMessage::ScmRights(fds)];
    let control: &[ControlMessage<'_>] = if fds.is_empty() { &[] } else { &rights };
    let mut flags = MsgFlags::MSG_NOSIGNAL;
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    loop {
        match sendmsg::<()>(fd.as_fd().as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Sends the beginning of `bytes` over a stream, with descriptors beside the first; returns how many went.
pub fn send_some(fd: impl AsFd, bytes: &[u8], fds: &[RawFd]) -> nix::Result<usize> {
    let rights = [ControlMessage::ScmRights(fds)];
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    sendmsg::<()>(fd.as_fd().as_raw_fd(), &[IoSlice::new(bytes)], &rights, flags, None)
}

/// Reads from a stream what is there, with the descriptors that come along. 0: the other side has closed.
pub fn read_some(fd: impl AsFd, bytes: &mut [u8], fds: &mut Vec<OwnedFd>) -> nix::Result<usize> {
    let (len, with, _) = receive(fd.as_fd(), bytes, libc::MSG_CMSG_CLOEXEC)?;
    fds.extend(with);
    Ok(len)
}

/// Receives one message of at most `most` bytes. `Ok(None)`: the other side is gone.
pub fn receive_message(fd: impl AsFd, most: usize, wait: bool) -> nix::Result<Option<Received>> {
    let mut peek = MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC;
    peek.set(MsgFlags::MSG_DONTWAIT, !wait);
    // Its length first: a buffer for the largest message there could be would stay in every init's memory for ever.
    let len = loop {
        match nix::sys::socket::recv(fd.as_fd().as_raw_fd(), &mut [], peek) {
            Ok(len) => break len.min(most),
            // ECONNRESET: the other side closed without reading all that we sent. It is said once and comes before what
            // the other side had sent, which is still there to be read.
            Err(Errno::EINTR | Errno::ECONNRESET) => {}
            Err(errno) => return Err(errno),
        }
    };
    let mut bytes = vec![0; len];
    let mut flags = libc::MSG_CMSG_CLOEXEC;
    if !wait {
        flags |= libc::MSG_DONTWAIT;
    }
    let (len, fds, truncated) = receive(fd.as_fd(), &mut bytes, flags)?;
    if len == 0 && fds.is_empty() && !truncated {
        return Ok(None);
    }
    bytes.truncate(len);
    Ok(Some(Received { bytes, fds, truncated }))
}

/// `recvmsg(2)` that loses no descriptor: each one that the kernel has installed is owned here, even when others did not
/// fit under this process's limit. (The usual wrappers give none of them then, and all stay open for ever.)
fn receive(fd: BorrowedFd<'_>, bytes: &mut [u8], flags: libc::c_int) -> nix::Result<(usize, Vec<OwnedFd>, bool)> {
    const SCM_MAX_FD: usize = 253; // net/scm.h: no sender can put more into one message
    const CONTROL_BYTES: usize = 64 + SCM_MAX_FD * size_of::<RawFd>();
    let mut control = [0_u64; CONTROL_BYTES.div_ceil(8)];
    let mut vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    loop {
        // SAFETY: all-zero is a valid msghdr.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = CONTROL_BYTES;
        // SAFETY: the header points to live buffers of the lengths that it states, aligned as cmsghdr must be.
        let received = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
        match Errno::result(received) {
            Err(Errno::EINTR | Errno::ECONNRESET) => {}
            Err(errno) => return Err(errno),
            Ok(len) => {
                let truncated = header.msg_flags & libc::MSG_TRUNC != 0;
                let len = usize::try_from(len).map_err(|_| Errno::EIO)?;
                return Ok((len, installed(&header), truncated));
            }
        }
    }
}

/// The descriptors that came with a message.
fn installed(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: the kernel has just filled the control buffer that the header describes; the CMSG macros stay within it. The
    // descriptors were installed for this message, so nobody else owns them.
    unsafe {
        let mut cmsg = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = cmsg.as_ref() {
            if found.cmsg_level == libc::SOL_SOCKET && found.cmsg_type == libc::SCM_RIGHTS {
                let data = libc::CMSG_DATA(cmsg).cast::<RawFd>();
                let bytes = found.cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize);
                for index in 0..bytes / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            cmsg = libc::CMSG_NXTHDR(header, cmsg);
        }
    }
    fds
}

/// The user at the other end.
pub fn peer_uid(fd: impl AsFd) -> nix::Result<u32> {
    nix::sys::socket::getsockopt(&fd, nix::sys::socket::sockopt::PeerCredentials).map(|cred| cred.uid())
}

/// Whether the other end was opened in this process's own pid namespace. A box has one of its own below it, so nothing that
/// runs in a box passes, wherever it found the socket. Of a process that is gone nothing is known: it does not pass.
pub fn peer_is_beside_us(fd: impl AsFd) -> io::Result<bool> {
    let pidfd = peer_pidfd(fd)?;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
    Ok(is_of_one_namespace(&info))
}

/// `NSpid:` in a pidfd's fdinfo: its number in this namespace and in each one below; 0 or -1 where it has none here.
fn is_of_one_namespace(fdinfo: &str) -> bool {
    let numbers = fdinfo.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let mut numbers = numbers.unwrap_or_default().split_ascii_whitespace();
    matches!((numbers.next().map(str::parse::<i32>), numbers.next()), (Some(Ok(1..)), None))
}

fn peer_pidfd(fd: impl AsFd) -> io::Result<OwnedFd> {
    const SO_PEERPIDFD: libc::c_int = 77; // asm-generic/socket.h, since Linux 6.5
    let mut number: RawFd = -1;
    let mut len: libc::socklen_t = 4;
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: the kernel writes one int, of which both place and length are given.
    let got = unsafe { libc::getsockopt(raw, libc::SOL_SOCKET, SO_PEERPIDFD, (&raw mut number).cast(), &raw mut len) };
    match Errno::result(got) {
        // SAFETY: the kernel has just installed this descriptor for us.
        Ok(_) => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
        // An older kernel has only the number: one that was re-used meanwhile is the risk that is left there.
        Err(Errno::ENOPROTOOPT) => {
            let peer = nix::sys::socket::getsockopt(&fd, nix::sys::socket::sockopt::PeerCredentials)?;
            Ok(crate::sys::process::pidfd_open(nix::unistd::Pid::from_raw(peer.pid()))?)
        }
        Err(errno) => Err(errno.into()),
    }
}

pub fn set_send_buffer(fd: impl AsFd, bytes: usize) -> nix::Result<()> {
    nix::sys::socket::setsockopt(&fd, nix::sys::socket::sockopt::SndBuf, &bytes)
}

/// A socket's address holds 107 bytes of path (`unix(7)`), a HOME may be longer: go through the directory's descriptor.
struct ShortPath {
    _directory: File,
    path: PathBuf,
}

impl ShortPath {
    fn of(path: &Path) -> io::Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket's path needs a directory and a name"));
        };
        let directory = File::open(parent)?;
        let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
        Ok(Self { _directory: directory, path })
    }
}

pub fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(ShortPath::of(path)?.path)
}

/// Binds a listening socket of mode 0600. A file in its place is an error.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let short = ShortPath::of(path)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = nix::sys::socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    // The mode of the inode that bind(2) makes is that of the socket's own, less the umask.
    nix::sys::stat::fchmod(&socket, nix::sys::stat::Mode::from_bits_truncate(0o600))?;
    nix::sys::socket::bind(socket.as_raw_fd(), &UnixAddr::new(&short.path)?)?;
    nix::sys::socket::listen(&socket, Backlog::new(1024)?)?;
    Ok(UnixListener::from(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_with_its_descriptors() {
        let (ours, theirs) = message_pair().unwrap();
        let carried = [ours.as_raw_fd(), theirs.as_raw_fd(), ours.as_raw_fd()];
        send_message(&theirs, b"hello", &carried, false).unwrap();
        let received = receive_message(&ours, 64, false).unwrap().unwrap();
        assert_eq!(
            (received.bytes.as_slice(), received.fds.len(), received.truncated),
            (b"hello".as_slice(), 3, false)
        );
        assert_eq!(receive_message(&ours, 64, false).unwrap_err(), Errno::EAGAIN);
    }

    #[test]
    fn an_oversized_message_and_a_closed_pair_are_told() {
        let (ours, theirs) = message_pair().unwrap();
        send_message(&theirs, &[7; 100], &[], false).unwrap();
        assert!(receive_message(&ours, 64, false).unwrap().unwrap().truncated);
        drop(theirs);
        assert!(receive_message(&ours, 64, false).unwrap().is_none());
    }

    #[test]
    fn a_peer_of_this_namespace_is_told_from_one_below_and_one_that_is_gone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert!(peer_is_beside_us(&ours).unwrap() && peer_is_beside_us(&theirs).unwrap());
        assert!(is_of_one_namespace("flags:\t02\nPid:\t71\nNSpid:\t71\n"));
        for other in ["NSpid:\t71\t2\n", "NSpid:\t-1\n", "NSpid:\t0\n", "Pid:\t71\n", ""] {
            assert!(!is_of_one_namespace(other), "{other:?}");
        }
    }

    #[test]
    fn what_was_said_before_a_reset_is_heard() {
        let (ours, theirs) = message_pair().unwrap();
        send_message(&ours, b"unread", &[], false).unwrap();
        send_message(&theirs, b"last words", &[], false).unwrap();
        drop(theirs);
        assert_eq!(receive_message(&ours, 64, true).unwrap().unwrap().bytes, b"last words");
        assert!(receive_message(&ours, 64, true).unwrap().is_none());
    }
}
