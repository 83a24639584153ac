//! Parameters of a control sequence.

use super::SEQUENCE_MAX_BYTES;

/// As many as xterm.js keeps, of parameters and of sub-parameters.
const MAX_COUNT: usize = 32;

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

/// Length and last byte of the control sequence behind ESC that `bytes` begin with, if it is whole and one that only draws.
#[inline]
pub(super) fn drawing_csi(bytes: &[u8]) -> Option<(usize, u8)> {
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
        /// Numbers below it can take one more digit.
        const ROOM: i32 = 100_000_000;
        (self.count, self.sub_count) = (1, 0);
        let mut at = 2;
        let mut byte = *bytes.get(at)?;
        let mut prefix = 0;
        if (0x3c..=0x3f).contains(&byte) {
            prefix = byte;
            at += 1;
            byte = *bytes.get(at)?;
        }
        let (start, mut value) = (at, 0);
        loop {
            match byte {
                b'0'..=b'9' if value < ROOM => value = value * 10 + i32::from(byte - b'0'),
                b';' if self.count < MAX_COUNT => {
                    self.values[self.count - 1] = value;
                    value = 0;
                    self.count += 1;
                }
                0x30..=0x3b => {
                    // Sub-parameters, or too many or too large ones.
                    at += bytes[at..].iter().position(|b| !(0x30..=0x3b).contains(b))?;
                    self.parse(&bytes[start..at]);
                    byte = bytes[at];
                    value = self.values[self.count - 1];
                    break;
                }
                _ => break,
            }
            at += 1;
            byte = *bytes.get(at)?;
        }
        self.values[self.count - 1] = value;
        let mut intermediate = 0;
        if (0x20..=0x2f).contains(&byte) {
            intermediate = byte;
            at += 1;
            byte = *bytes.get(at)?;
        }
        let is_usual = (0x40..=0x7e).contains(&byte) && at < SEQUENCE_MAX_BYTES;
        is_usual.then_some(Csi { length: at + 1, prefix, intermediate, last: byte })
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

    pub fn iter(&self) -> impl Iterator<Item = i32> {
        self.values[..self.count].iter().copied()
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

fn append(number: &mut i32, digit: u8) {
    let digit = i32::from(digit - b'0');
    *number = if *number == -1 { digit } else { number.saturating_mul(10).saturating_add(digit) };
}
