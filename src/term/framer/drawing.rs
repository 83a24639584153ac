//! Output that only draws: what a client passes on without a closer look.

use super::BEL;
use super::Decoded;
use super::ESC;
use super::Framer;
use super::SI;
use super::SO;
use super::decode;
use super::printable;

impl Framer {
    /// How many bytes of a chunk are usual units that only draw, and end with a whole one: text, controls that ask nothing,
    /// and control sequences for colours, places, erasing and modes. Whoever skips them need not come to
    /// [`next`](Self::next) with them. `seen` gets BEL, those that change modes, charsets and the region, and of those that
    /// change colours the last.
    #[inline]
    pub fn drawing(&self, chunk: &[u8], mut seen: impl FnMut(&[u8])) -> usize {
        if self.is_busy {
            return 0;
        }
        // Of colours only the last count, unless they are saved.
        let (mut at, mut colours) = (0, None);
        let length = loop {
            at += printable(&chunk[at..]);
            match chunk.get(at) {
                Some(&ESC) => match drawing_csi(&chunk[at..]) {
                    Some((length, last)) => {
                        let sequence = &chunk[at..at + length];
                        match last {
                            b'm' => colours = Some(sequence),
                            b'h' | b'l' | b'r' => {
                                colours.take().into_iter().for_each(&mut seen);
                                seen(sequence);
                            }
                            _ => {}
                        }
                        at += length;
                    }
                    None => break at,
                },
                Some(&control @ 0x06..=0x1f) => {
                    if matches!(control, BEL | SO | SI) {
                        seen(&[control]);
                    }
                    at += 1;
                }
                Some(0xc2..) => match decode(&chunk[at..]) {
                    Decoded::Character(0xa0.., length) => at += length,
                    _ => break at,
                },
                _ => break at,
            }
        };
        colours.into_iter().for_each(seen);
        length
    }
}

/// Length and last byte of the control sequence behind ESC that `bytes` begin with, if it is whole and one that only draws.
#[inline]
fn drawing_csi(bytes: &[u8]) -> Option<(usize, u8)> {
    const MOST_BYTES: usize = 64;
    /// Bit n for the byte 0x40 + n.
    const fn set(bytes: &[u8]) -> u64 {
        let (mut bits, mut at) = (0, 0);
        while at < bytes.len() {
            bits |= 1 << (bytes[at] - 0x40);
            at += 1;
        }
        bits
    }
    const PLAIN: u64 = set(b"@ABCDEFGHJKLMPXdfhlmr");
    const PRIVATE: u64 = set(b"JKhl");
    if *bytes.get(1)? != b'[' {
        return None;
    }
    let (start, draws) = if *bytes.get(2)? == b'?' { (3, PRIVATE) } else { (2, PLAIN) };
    let body = &bytes[start..bytes.len().min(start + MOST_BYTES)];
    let length = body.iter().position(|b| !(0x30..=0x3b).contains(b))?;
    let last = body[length];
    ((0x40..=0x7e).contains(&last) && draws >> (last - 0x40) & 1 != 0).then_some((start + length + 1, last))
}
