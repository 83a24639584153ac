//! Parameters of a control sequence.

use super::SEQUENCE_MAX_BYTES;

/// As many as xterm.js keeps, of parameters and of sub-parameters.
const MAX_COUNT: usize = 32;
/// So many digits are no number beyond 64 bits, and so many bytes no more parameters than are kept.
const FEW_BYTES: usize = 18;

/// `1;38:2::1:2:3`. A parameter that is left out is 0, a sub-parameter that is left out -1.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: [i32; MAX_COUNT],
    /// Where a parameter's sub-parameters begin. They reach to where the next one's begin.
    starts: [u8; MAX_COUNT],
    subs: [i32; MAX_COUNT],
    count: usize,
    sub_count: usize,
}

/// A usual control sequence, of so many bytes. A prefix or intermediate of 0 is none.
pub struct Csi {
    pub length: usize,
    pub prefix: u8,
    pub intermediate: u8,
    pub last: u8,
}

impl Params {
    /// The control sequence that `bytes` begin with, if they begin with ESC [.
    #[inline]
    pub(super) fn parse_csi_behind_escape(&mut self, bytes: &[u8]) -> Option<Csi> {
        if *bytes.get(1)? == b'[' { self.parse_csi(bytes) } else { None }
    }

    /// The control sequence that `bytes` begin with, behind an introducer of two bytes. `None` if it is not whole or has
    /// anything that is not usual.
    #[inline]
    pub(super) fn parse_csi(&mut self, bytes: &[u8]) -> Option<Csi> {
        let (first, mut at) = (*bytes.get(2)?, 2);
        let mut prefix = 0;
        if (0x3c..=0x3f).contains(&first) {
            prefix = first;
            at += 1;
        }
        let (mut value, mut count) = (0_u64, 0);
        for &byte in bytes[at..].iter().take(FEW_BYTES) {
            at += 1;
            match byte {
                b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
                b';' => {
                    self.values[count % MAX_COUNT] = clamped(value);
                    (value, count) = (0, count + 1);
                }
                0x40..=0x7e => {
                    self.values[count % MAX_COUNT] = clamped(value);
                    (self.count, self.sub_count) = (count + 1, 0);
                    return Some(Csi { length: at, prefix, intermediate: 0, last: byte });
                }
                _ => break,
            }
        }
        self.parse_long_csi(bytes, prefix)
    }

    /// The same with sub-parameters, with an intermediate or of any length.
    #[inline(never)]
    fn parse_long_csi(&mut self, bytes: &[u8], prefix: u8) -> Option<Csi> {
        let start = if prefix == 0 { 2 } else { 3 };
        let mut at = start + bytes[start..].iter().position(|b| !(0x30..=0x3b).contains(b))?;
        self.parse(&bytes[start..at]);
        let (mut last, mut intermediate) = (bytes[at], 0);
        if (0x20..=0x2f).contains(&last) {
            intermediate = last;
            at += 1;
            last = *bytes.get(at)?;
        }
        let is_usual = (0x40..=0x7e).contains(&last) && at < SEQUENCE_MAX_BYTES;
        is_usual.then_some(Csi { length: at + 1, prefix, intermediate, last })
    }

    /// Of bytes 0x30-0x3b.
    pub(super) fn parse(&mut self, bytes: &[u8]) {
        (self.count, self.sub_count) = (1, 0);
        (self.values[0], self.starts[0]) = (0, 0);
        let mut bytes = bytes.iter();
        let mut has_subs = false;
        // Nearly all have no sub-parameters.
        for &byte in bytes.by_ref() {
            match byte {
                b';' if self.count < MAX_COUNT => self.add(),
                b';' => return,
                b':' => {
                    has_subs = true;
                    break;
                }
                digit => append(&mut self.values[self.count - 1], digit),
            }
        }
        if !has_subs {
            return;
        }
        self.sub();
        let (mut in_sub, mut full) = (true, false);
        for &byte in bytes {
            match byte {
                b';' if self.count == MAX_COUNT => return,
                b';' => {
                    self.add();
                    in_sub = false;
                }
                b':' if self.sub_count == MAX_COUNT => (in_sub, full) = (true, true),
                b':' => {
                    self.sub();
                    in_sub = true;
                }
                digit if !in_sub => append(&mut self.values[self.count - 1], digit),
                digit if !full => append(&mut self.subs[self.sub_count - 1], digit),
                _ => {}
            }
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// The parameter at `index`, 0 if there is none.
    pub fn get(&self, index: usize) -> i32 {
        if index < self.count { self.values[index] } else { 0 }
    }

    /// The parameter at `index` as a count or place: at least 1.
    pub fn number(&self, index: usize) -> usize {
        usize::try_from(self.get(index)).unwrap_or(1).max(1)
    }

    pub fn values(&self) -> &[i32] {
        &self.values[..self.count]
    }

    pub fn has_subs(&self) -> bool {
        self.sub_count > 0
    }

    pub fn subs(&self, index: usize) -> &[i32] {
        if self.sub_count == 0 {
            return &[];
        }
        let end = if index + 1 < self.count { usize::from(self.starts[index + 1]) } else { self.sub_count };
        &self.subs[usize::from(self.starts[index])..end]
    }

    fn add(&mut self) {
        self.values[self.count] = 0;
        self.starts[self.count] = u8::try_from(self.sub_count).unwrap_or(0);
        self.count += 1;
    }

    fn sub(&mut self) {
        self.subs[self.sub_count] = -1;
        self.sub_count += 1;
    }
}

#[allow(clippy::cast_possible_truncation)] // what does not fit has been cut off
fn clamped(number: u64) -> i32 {
    number.min(i32::MAX as u64) as i32
}

fn append(number: &mut i32, digit: u8) {
    let digit = i32::from(digit - b'0');
    *number = if *number == -1 { digit } else { number.saturating_mul(10).saturating_add(digit) };
}
