//! Frames of whoever connects: any chunking gives the same frames, nothing panics, and what is buffered stays bounded.
#![no_main]

use coop::proto::frame::FRAME_BYTES_MAX;
use coop::proto::frame::Frame;
use coop::proto::frame::FrameCodec;
use libfuzzer_sys::fuzz_target;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;
use tokio_util::codec::Encoder;

/// The first byte says how long the pieces are.
fn run(input: &[u8]) {
    let Some((&piece, wire)) = input.split_first() else { return };
    let piece = usize::from(piece).max(1);
    let (frames, failed) = decoded(wire, wire.len().max(1));
    assert_eq!(decoded(wire, piece), (frames.clone(), failed), "the cuts matter");
    for frame in &frames {
        assert!(payload(frame).len() < FRAME_BYTES_MAX);
    }
    round_trip(&frames, piece);
    let payloads = wire.chunks(piece).map(|part| part.to_vec().into());
    let made: Vec<Frame> =
        payloads.enumerate().map(|(n, p)| if n % 2 == 0 { Frame::Bytes(p) } else { Frame::Control(p) }).collect();
    round_trip(&made, piece);
}

/// Reads as `ipc::connection` does: all that is there is decoded before more is read; an error ends it.
fn decoded(wire: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let (mut codec, mut buffer, mut frames) = (FrameCodec::default(), BytesMut::new(), Vec::new());
    for part in wire.chunks(piece) {
        buffer.extend_from_slice(part);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
        // One frame that has begun, its length, and the doubling by which a buffer may grow.
        assert!(buffer.capacity() <= 2 * (FRAME_BYTES_MAX + wire.len() + 64), "{} bytes buffered", buffer.capacity());
    }
    (frames, false)
}

fn round_trip(frames: &[Frame], piece: usize) {
    let mut wire = BytesMut::new();
    for frame in frames {
        FrameCodec::default().encode(frame, &mut wire).expect("a short frame can be sent");
    }
    assert_eq!(decoded(&wire, piece), (frames.to_vec(), false));
}

fn payload(frame: &Frame) -> &[u8] {
    match frame {
        Frame::Bytes(payload) | Frame::Control(payload) => payload,
    }
}

fuzz_target!(|input: &[u8]| run(input));
