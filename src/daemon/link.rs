//! The daemon's end of the connection to one init.

use crate::daemon::watch::watched;
use crate::name::WinSize;
use crate::proto::control;
use crate::proto::control::FromInit;
use crate::proto::control::ToInit;
use crate::sys::memory;
use crate::sys::ring::FollowerPage;
use crate::sys::ring::RingReader;
use crate::sys::socket;
use crate::sys::socket::Received;
use nix::errno::Errno;
use nix::fcntl::SealFlag;
use nix::sys::socket::Shutdown;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How long an init may leave its socket full. One that goes on has room again within a millisecond.
const PATIENCE: Duration = Duration::from_secs(1);

/// A message pair's end under tokio.
#[derive(Debug)]
pub struct Link {
    socket: AsyncFd<OwnedFd>,
}

/// What the init hands over for following one PTY, checked and mapped.
#[derive(Debug)]
pub struct Following {
    pub ring: RingReader,
    pub page: FollowerPage,
    pub wake: AsyncFd<OwnedFd>,
    pub master: OwnedFd,
    /// Bytes of input that an earlier daemon had written, by client.
    pub typed: BTreeMap<u64, u64>,
    /// The offset up to which an earlier daemon had answered the program's questions.
    pub answered: u64,
    /// The size that an earlier daemon meant the terminal to have.
    pub size: Option<WinSize>,
    /// From where on the ring is held: what an earlier daemon's clients had not taken.
    pub held: Option<u64>,
    pub checkpoint: Option<Checkpoint>,
}

/// The screen as an earlier daemon left it: bytes that draw it, and the offset of the output that they stand for.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub offset: u64,
    pub size: WinSize,
    pub screen: Vec<u8>,
}

/// What the init says beside the descriptors of a `following`.
#[derive(Debug)]
pub struct Inheritance {
    pub typed: Vec<(u64, u64)>,
    pub answered: u64,
    pub size: Option<WinSize>,
    pub held: Option<u64>,
    pub checkpoint: Option<(u64, WinSize)>,
}

impl Link {
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        nix::fcntl::fcntl(&socket, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
        Ok(Self { socket: watched(socket, Interest::READABLE | Interest::WRITABLE)? })
    }

    pub async fn send(&self, message: &ToInit) -> io::Result<()> {
        self.send_with(message, None).await
    }

    /// Sends a message with a parcel beside it.
    pub async fn send_parcel(&self, message: &ToInit, content: &[u8]) -> io::Result<()> {
        let parcel = memory::parcel(content)?;
        self.send_with(message, Some(&parcel)).await
    }

    /// Sends the trees of a box's mounts.
    pub async fn send_trees(&self, trees: &[OwnedFd]) -> io::Result<()> {
        let message = control::encode(&ToInit::Trees);
        for some in trees.chunks(control::TREES_MAX) {
            let raw: Vec<_> = some.iter().map(AsRawFd::as_raw_fd).collect();
            let send = |socket: &OwnedFd| socket::send_message(socket, &message, &raw, false).map_err(io::Error::from);
            self.socket.async_io(Interest::WRITABLE, send).await?;
        }
        Ok(())
    }

    async fn send_with(&self, message: &ToInit, fd: Option<&OwnedFd>) -> io::Result<()> {
        let mut bytes = control::encode(message);
        let parcel;
        let mut fd = fd;
        if bytes.len() > control::MESSAGE_BYTES_MAX {
            parcel = memory::parcel(&bytes)?;
            (bytes, fd) = (control::encode(&ToInit::Parcel), Some(&parcel));
        }
        let raw: Vec<_> = fd.iter().map(|fd| fd.as_raw_fd()).collect();
        let send = |socket: &OwnedFd| socket::send_message(socket, &bytes, &raw, false).map_err(io::Error::from);
        let sent = tokio::time::timeout(PATIENCE, self.socket.async_io(Interest::WRITABLE, send)).await;
        sent.unwrap_or_else(|_| {
            // It stands still, or is hostile. Whoever sends must not wait for it: this connection is over, which the next
            // `receive` says, and the init is asked anew.
            nix::sys::socket::shutdown(self.socket.get_ref().as_raw_fd(), Shutdown::Both)?;
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    /// The next message. An init that is gone or breaks the rules is an error. Cancel-safe.
    pub async fn receive(&self) -> io::Result<(FromInit, Vec<OwnedFd>)> {
        let receive = |socket: &OwnedFd| match socket::receive_message(socket, control::MESSAGE_BYTES_MAX, false) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the init hung up")),
            Err(Errno::EAGAIN) => Err(io::ErrorKind::WouldBlock.into()),
            Err(errno) => Err(errno.into()),
        };
        let Received { bytes, fds, truncated } = self.socket.async_io(Interest::READABLE, receive).await?;
        if truncated {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the init sent an oversized message"));
        }
        match understand(&bytes)? {
            FromInit::Parcel => Ok((unpack(fds)?, Vec::new())),
            message => Ok((message, fds)),
        }
    }
}

fn understand(bytes: &[u8]) -> io::Result<FromInit> {
    control::decode(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The message in a parcel.
fn unpack(fds: Vec<OwnedFd>) -> io::Result<FromInit> {
    // Missing, it is this process that is short of descriptors: that passes, and is no breach of the rules.
    let parcel = fds.into_iter().next().ok_or_else(|| io::Error::other("a parcel's descriptor did not arrive"))?;
    if !is_sound(&parcel) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the init sent a parcel that can change"));
    }
    match understand(&memory::open_parcel(parcel, control::PARCEL_BYTES_MAX)?)? {
        FromInit::Parcel => Err(io::Error::new(io::ErrorKind::InvalidData, "the init sent a parcel in a parcel")),
        message => Ok(message),
    }
}

/// A file that could block or grow is none of ours.
fn is_sound(parcel: &OwnedFd) -> bool {
    memory::has_seals(parcel, SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW)
}

impl Following {
    /// Takes what came with a `following` message. Nothing of it is believed unchecked.
    pub fn take(mut fds: Vec<OwnedFd>, inherits: Inheritance) -> Result<Self, String> {
        let parcel = if inherits.checkpoint.is_some() && fds.len() == 5 { fds.pop() } else { None };
        let [ring, page, wake, master] = <[OwnedFd; 4]>::try_from(fds).map_err(|fds| {
            format!(
                "{} of 4 descriptors arrived: most likely the daemon's limit of open files is reached (`ulimit -Hn`)",
                fds.len()
            )
        })?;
        let ring = RingReader::map(&ring).map_err(|error| error.to_string())?;
        let page = FollowerPage::map(&page).map_err(|error| error.to_string())?;
        for fd in [&wake, &master] {
            // A blocking descriptor would let a hostile init stop the whole daemon.
            let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_RDWR;
            nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFL(flags)).map_err(|errno| errno.to_string())?;
        }
        if !nix::unistd::isatty(&master).unwrap_or(false) {
            return Err("the master that came is no terminal".to_owned());
        }
        let wake = watched(wake, Interest::READABLE).map_err(|error| error.to_string())?;
        let checkpoint = inherits.checkpoint.zip(parcel).and_then(|((offset, size), parcel)| {
            // Without it, the screen is drawn from what the ring still has.
            let sound = is_sound(&parcel);
            let screen = sound.then(|| memory::open_parcel(parcel, control::CHECKPOINT_BYTES_MAX).ok()).flatten()?;
            Some(Checkpoint { offset, size, screen })
        });
        let Inheritance { typed, answered, size, held, .. } = inherits;
        let typed = typed.into_iter().collect();
        Ok(Self { ring, page, wake, master, typed, answered, size, held, checkpoint })
    }

    /// Waits until the init has something new (or is gone: `false`). Cancel-safe.
    pub async fn woken(&self) -> bool {
        let Ok(mut ready) = self.wake.readable().await else { return false };
        let alive = socket::take_wakes(self.wake.get_ref());
        ready.clear_ready();
        alive
    }
}
