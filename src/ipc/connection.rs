//! Frames over one unix stream.

use crate::proto::frame::Frame;
use crate::proto::frame::FrameCodec;
use crate::sys::socket;
use serde::Serialize;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::net::unix::OwnedWriteHalf;
use tokio_util::bytes::Buf;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;
use tokio_util::codec::Encoder;

pub struct Connection {
    pub reader: FrameReader,
    pub writer: FrameWriter,
}

pub struct FrameReader {
    stream: OwnedReadHalf,
    buffer: BytesMut,
    codec: FrameCodec,
}

pub struct FrameWriter {
    stream: OwnedWriteHalf,
    buffer: BytesMut,
    codec: FrameCodec,
}

impl Connection {
    pub fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: FrameReader { stream: reader, buffer: BytesMut::new(), codec: FrameCodec::default() },
            writer: FrameWriter { stream: writer, buffer: BytesMut::new(), codec: FrameCodec::default() },
        }
    }
}

impl FrameReader {
    /// The next whole frame; `None` when the other side has closed. Cancel-safe.
    pub async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

impl FrameWriter {
    pub fn queue(&mut self, frame: &Frame) -> io::Result<()> {
        self.codec.encode(frame, &mut self.buffer)
    }

    pub async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.buffer).await?;
        self.buffer.clear();
        Ok(())
    }

    /// Sends a frame with descriptors beside its first byte.
    pub async fn send_with(&mut self, frame: &Frame, fds: &[OwnedFd]) -> io::Result<()> {
        self.flush().await?;
        self.queue(frame)?;
        let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let stream = self.stream.as_ref();
        let sent = stream.async_io(Interest::WRITABLE, || Ok(socket::send_some(stream, &self.buffer, &raw)?)).await?;
        self.buffer.advance(sent);
        self.flush().await
    }

    pub async fn control<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        self.queue(&Frame::control(message))?;
        self.flush().await
    }
}
