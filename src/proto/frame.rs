//! Frames between client and daemon: a 4-byte big-endian length, a tag byte, a payload; 16 MiB at most.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use tokio_util::bytes::BufMut;
use tokio_util::bytes::Bytes;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;
use tokio_util::codec::Encoder;
use tokio_util::codec::LengthDelimitedCodec;

/// Largest frame in bytes, tag included: a list of 64 sessions with the longest command lines.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

const TAG_BYTES: u8 = 0x00;
const TAG_CONTROL: u8 = 0x01;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Terminal bytes: input to the daemon, output from it.
    Bytes(Bytes),
    /// A JSON message.
    Control(Bytes),
}

impl Frame {
    pub fn control<T: Serialize>(message: &T) -> Self {
        Self::Control(crate::proto::control::encode(message).into())
    }
}

/// Both ends use this one codec; it owns no socket.
#[derive(Debug)]
pub struct FrameCodec {
    lengths: LengthDelimitedCodec,
}

impl Default for FrameCodec {
    fn default() -> Self {
        let lengths =
            LengthDelimitedCodec::builder().length_field_length(4).max_frame_length(FRAME_BYTES_MAX).new_codec();
        Self { lengths }
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
        let Some(frame) = self.lengths.decode(buffer)? else { return Ok(None) };
        let mut frame = frame.freeze();
        let bad = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        match frame.first() {
            Some(&TAG_BYTES) => Ok(Some(Frame::Bytes(frame.split_off(1)))),
            Some(&TAG_CONTROL) => Ok(Some(Frame::Control(frame.split_off(1)))),
            Some(_) => bad("a frame with an unknown tag"),
            None => bad("an empty frame"),
        }
    }
}

impl Encoder<&Frame> for FrameCodec {
    type Error = io::Error;

    fn encode(&mut self, frame: &Frame, buffer: &mut BytesMut) -> io::Result<()> {
        let (tag, payload) = match frame {
            Frame::Bytes(payload) => (TAG_BYTES, payload),
            Frame::Control(payload) => (TAG_CONTROL, payload),
        };
        let len = u32::try_from(payload.len() + 1).ok().filter(|&len| len as usize <= FRAME_BYTES_MAX);
        let Some(len) = len else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a frame of more than 16 MiB"));
        };
        buffer.reserve(payload.len() + 5);
        buffer.put_u32(len);
        buffer.put_u8(tag);
        buffer.put_slice(payload);
        Ok(())
    }
}

/// Reads a control frame's JSON.
pub fn parse_control<T: DeserializeOwned>(payload: &[u8]) -> io::Result<T> {
    crate::proto::control::decode(payload).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode_in_pieces(bytes: &[u8], piece: usize) -> io::Result<Vec<Frame>> {
        let (mut codec, mut buffer, mut frames) = (FrameCodec::default(), BytesMut::new(), Vec::new());
        for part in bytes.chunks(piece) {
            buffer.extend_from_slice(part);
            while let Some(frame) = codec.decode(&mut buffer)? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_it_is_buffered() {
        assert!(decode_in_pieces(&[0x7f, 0xff, 0xff, 0xff, 0], 1).is_err());
        assert!(decode_in_pieces(&[0, 0, 0, 0], 4).is_err());
        assert!(decode_in_pieces(&[0, 0, 0, 1, 9], 5).is_err());
        let huge = Frame::Bytes(vec![0; FRAME_BYTES_MAX].into());
        assert!(FrameCodec::default().encode(&huge, &mut BytesMut::new()).is_err());
    }

    proptest! {
        #[test]
        fn frames_survive_any_chunking(
            payloads in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)), 0..8),
            piece in 1usize..50,
        ) {
            let frames: Vec<_> = payloads
                .into_iter()
                .map(|(bytes, p)| if bytes { Frame::Bytes(p.into()) } else { Frame::Control(p.into()) })
                .collect();
            let mut wire = BytesMut::new();
            for frame in &frames {
                FrameCodec::default().encode(frame, &mut wire).unwrap();
            }
            prop_assert_eq!(decode_in_pieces(&wire, piece).unwrap(), frames);
        }
    }
}
