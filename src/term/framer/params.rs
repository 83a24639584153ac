//! Parameters of a control sequence.

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

impl Params {
    /// Of bytes 0x30-0x3b.
    #[inline]
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

    pub fn subs(&self, index: usize) -> &[i32] {
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
