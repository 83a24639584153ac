//! Unix sockets: messages with descriptors, and paths of any length.

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::Backlog;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::UnixAddr;
use nix::sys::socket::recvmsg;
use nix::sys::socket::sendmsg;
use std::fs::File;
use std::io;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;

/// Most descriptors that one message carries.
pub const MESSAGE_FDS_MAX: usize = 4;

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
    let mut control = cmsg_space!([RawFd; MESSAGE_FDS_MAX]);
    let mut buffers = [IoSliceMut::new(&mut bytes)];
    let mut flags = MsgFlags::MSG_CMSG_CLOEXEC;
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    let (len, fds, truncated) = loop {
        match recvmsg::<()>(fd.as_fd().as_raw_fd(), &mut buffers, Some(&mut control), flags) {
            Ok(message) => {
                let mut fds = Vec::new();
                let mut truncated = message.flags.contains(MsgFlags::MSG_TRUNC);
                match message.cmsgs() {
                    Ok(cmsgs) => cmsgs.for_each(|cmsg| fds.extend(owned_rights(&cmsg))),
                    Err(_) => truncated |= !message.flags.contains(MsgFlags::MSG_CTRUNC),
                }
                break (message.bytes, fds, truncated);
            }
            Err(Errno::EINTR | Errno::ECONNRESET) => {}
            Err(errno) => return Err(errno),
        }
    };
    if len == 0 && fds.is_empty() && !truncated {
        return Ok(None);
    }
    bytes.truncate(len);
    Ok(Some(Received { bytes, fds, truncated }))
}

fn owned_rights(cmsg: &ControlMessageOwned) -> Vec<OwnedFd> {
    match cmsg {
        // SAFETY: the kernel has just installed these descriptors for this message; nobody else knows them.
        ControlMessageOwned::ScmRights(raw) => raw.iter().map(|&fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect(),
        _ => Vec::new(),
    }
}

/// The user at the other end.
pub fn peer_uid(fd: impl AsFd) -> nix::Result<u32> {
    nix::sys::socket::getsockopt(&fd, nix::sys::socket::sockopt::PeerCredentials).map(|cred| cred.uid())
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
