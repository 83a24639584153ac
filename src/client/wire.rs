//! The attached client's connection: frames through a non-blocking socket.

use crate::client::connect::Daemon;
use crate::client::failure::Failure;
use crate::proto::door::DaemonSays;
use crate::proto::frame;
use crate::proto::frame::Frame;
use crate::proto::frame::FrameCodec;
use crate::sys::socket;
use nix::errno::Errno;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use tokio_util::bytes::Bytes;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;
use tokio_util::codec::Encoder;

pub struct Wire {
    stream: UnixStream,
    input: BytesMut,
    output: BytesMut,
    codec: FrameCodec,
    /// Descriptors that came and have not been taken.
    fds: Vec<OwnedFd>,
}

/// What a daemon says to an attached client.
pub enum Said {
    Output(Bytes),
    Word(DaemonSays),
}

impl Wire {
    /// Goes on where the calls on this connection ended.
    pub fn over(daemon: Daemon) -> Result<Self, Failure> {
        let Daemon { stream, input, codec, fds } = daemon;
        stream.set_nonblocking(true).map_err(Failure::no_answer)?;
        Ok(Self { stream, input, output: BytesMut::new(), codec, fds })
    }

    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// The descriptors that came beside what was read last.
    pub fn take_fds(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.fds)
    }

    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    pub fn queue(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.codec.encode(frame, &mut self.output).map_err(Failure::no_answer)
    }

    pub fn next_said(&mut self) -> Result<Option<Said>, Failure> {
        let said = |frame| match frame {
            Frame::Bytes(bytes) => Ok(Said::Output(bytes)),
            Frame::Control(payload) => frame::parse_control(&payload).map(Said::Word),
        };
        self.codec.decode(&mut self.input).and_then(|frame| frame.map(said).transpose()).map_err(Failure::no_answer)
    }

    /// Writes what the socket takes now. A daemon that is gone takes nothing, but may have said something before it went:
    /// that, and its going, show when reading.
    pub fn write_or_drop(&mut self) {
        if self.write().is_err() {
            self.output.clear();
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match nix::unistd::write(&self.stream, &self.output) {
                Ok(n) => drop(self.output.split_to(n)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there. `false`: the daemon has closed.
    pub fn read(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 64 << 10];
        match socket::read_some(&self.stream, &mut chunk, &mut self.fds) {
            Ok(0) => Ok(false),
            Ok(n) => {
                self.input.extend_from_slice(&chunk[..n]);
                Ok(true)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(true),
            Err(errno) => Err(errno.into()),
        }
    }
}
