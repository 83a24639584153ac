//! Colours that a program changes: OSC 4, 10, 11, 12 and their resets.

/// Light grey on black, until a client's terminal is known.
const DEFAULTS: [[u8; 3]; 3] = [[0xd3; 3], [0; 3], [0xd3; 3]];

/// Foreground, background and cursor as red, green and blue, where they are known.
pub type Special = [Option<[u8; 3]>; 3];

#[derive(Clone, Debug, Default)]
pub struct Colours {
    /// Those of the client's terminal.
    pub outer: Special,
    /// Those that the program has set.
    pub set: Special,
    /// 256 of them once one was set.
    palette: Vec<Option<[u8; 3]>>,
}

impl Colours {
    pub fn special(&self, which: usize) -> [u8; 3] {
        self.set[which].or(self.outer[which]).unwrap_or(DEFAULTS[which])
    }

    pub fn palette(&self, index: u8) -> [u8; 3] {
        self.palette.get(usize::from(index)).copied().flatten().unwrap_or_else(|| standard(index))
    }

    pub fn changed(&self) -> impl Iterator<Item = (usize, [u8; 3])> {
        self.palette.iter().enumerate().filter_map(|(index, colour)| Some((index, (*colour)?)))
    }

    pub fn set_palette(&mut self, index: u8, colour: Option<[u8; 3]>) {
        if self.palette.is_empty() && colour.is_some() {
            self.palette = vec![None; 256];
        }
        if let Some(slot) = self.palette.get_mut(usize::from(index)) {
            *slot = colour;
        }
    }

    pub fn reset_palette(&mut self) {
        self.palette = Vec::new();
    }

    pub fn reset(&mut self) {
        self.set = [None; 3];
        self.reset_palette();
    }
}

/// xterm's palette.
fn standard(index: u8) -> [u8; 3] {
    const FIRST: [[u8; 3]; 16] = [
        [0x00, 0x00, 0x00],
        [0xcd, 0x00, 0x00],
        [0x00, 0xcd, 0x00],
        [0xcd, 0xcd, 0x00],
        [0x00, 0x00, 0xee],
        [0xcd, 0x00, 0xcd],
        [0x00, 0xcd, 0xcd],
        [0xe5, 0xe5, 0xe5],
        [0x7f, 0x7f, 0x7f],
        [0xff, 0x00, 0x00],
        [0x00, 0xff, 0x00],
        [0xff, 0xff, 0x00],
        [0x5c, 0x5c, 0xff],
        [0xff, 0x00, 0xff],
        [0x00, 0xff, 0xff],
        [0xff, 0xff, 0xff],
    ];
    let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match index {
        0..=15 => FIRST[usize::from(index)],
        16..=231 => [level((index - 16) / 36), level((index - 16) / 6 % 6), level((index - 16) % 6)],
        232.. => [8 + 10 * (index - 232); 3],
    }
}

/// `rgb:r/g/b` with one to four digits each, or `#` and one to four for each (XParseColor).
pub fn parse(spec: &[u8]) -> Option<[u8; 3]> {
    let spec = std::str::from_utf8(spec).ok()?.to_ascii_lowercase();
    let scaled = |digits: &str| -> Option<u8> {
        let value = u32::from_str_radix(digits, 16).ok()?;
        let most = (1_u32 << (4 * digits.len())) - 1;
        Some(((value * 255 + most / 2) / most) as u8)
    };
    let is_hex = |digits: &str| (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = match (spec.strip_prefix("rgb:"), spec.strip_prefix('#')) {
        (Some(parts), _) => parts.split('/').collect(),
        (None, Some(digits)) if digits.is_ascii() && digits.len() % 3 == 0 && digits.len() <= 12 => {
            let each = digits.len() / 3;
            (0..3).map(|at| &digits[at * each..(at + 1) * each]).collect()
        }
        _ => return None,
    };
    match parts.as_slice() {
        [r, g, b] if parts.iter().all(|part| is_hex(part)) => Some([scaled(r)?, scaled(g)?, scaled(b)?]),
        _ => None,
    }
}
