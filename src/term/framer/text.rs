//! Characters: how long a run of text is, and what UTF-8 means.

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A code point and its length in bytes.
    Character(u32, usize),
    /// So many bytes that are no character: they vanish, as in xterm.js.
    Invalid(usize),
    /// A character whose rest may follow.
    Unfinished,
}

/// Decodes the first character of `bytes`, which are not empty. U+FEFF vanishes, as in xterm.js.
pub fn decode(bytes: &[u8]) -> Decoded {
    let first = bytes[0];
    let (length, mut code) = match first {
        ..=0x7f => return Decoded::Character(u32::from(first), 1),
        0xc0..=0xdf => (2, u32::from(first & 0x1f)),
        0xe0..=0xef => (3, u32::from(first & 0x0f)),
        0xf0..=0xf7 => (4, u32::from(first & 0x07)),
        _ => return Decoded::Invalid(1),
    };
    for at in 1..length {
        match bytes.get(at) {
            None => return Decoded::Unfinished,
            Some(&byte @ 0x80..=0xbf) => code = code << 6 | u32::from(byte & 0x3f),
            Some(_) => return Decoded::Invalid(at),
        }
    }
    let least = [0x80, 0x800, 0x10000][length - 2];
    match code {
        0xd800..=0xdfff | 0xfeff | 0x11_0000.. => Decoded::Invalid(length),
        _ if code < least => Decoded::Invalid(length),
        _ => Decoded::Character(code, length),
    }
}

/// How many bytes of printable ASCII `bytes` begin with.
#[inline]
pub(super) fn printable(bytes: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    const FEW: usize = 12;
    let few = &bytes[..bytes.len().min(FEW)];
    match few.iter().position(|b| !(0x20..0x7f).contains(b)) {
        Some(at) => return at,
        None if few.len() < FEW => return few.len(),
        None => {}
    }
    let mut at = FEW;
    while let Some(word) = bytes.get(at..at + 8).and_then(|word| word.try_into().ok()) {
        let word = u64::from_le_bytes(word);
        // The lowest byte that is marked is one; those above it may be marked in vain.
        let deletes = word ^ (0x7f * EACH);
        let special = (word | word.wrapping_sub(0x20 * EACH) | deletes.wrapping_sub(EACH) & !deletes) & HIGH;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = &bytes[at..];
    at + rest.iter().position(|b| !(0x20..0x7f).contains(b)).unwrap_or(rest.len())
}

/// How many bytes of text `bytes` begin with: without controls, and without a character that is not finished.
/// The first `at` are printable ASCII.
pub(super) fn length(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at += run(&bytes[at..], |b| b < 0x20 || b == 0x7f || b == 0xc2);
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(0xc2), Some(0x80..=0x9f) | None) => return at,
            (Some(0xc2), _) => at += 1,
            (Some(_), _) => return at,
            (None, _) => return at - unfinished(bytes),
        }
    }
}

/// How many bytes of a string `bytes` begin with that cannot end it.
pub(super) fn string_run(bytes: &[u8]) -> usize {
    run(bytes, |b| b == 0x1b || b == 0x07 || b == 0x18 || b == 0x1a || b >= 0x80)
}

fn run(bytes: &[u8], special: impl Fn(u8) -> bool) -> usize {
    const BLOCK: usize = 16;
    // A fold without an exit becomes vector code; a search with one does not.
    let clean = |block: &&[u8]| !block.iter().fold(false, |found, &b| found | special(b));
    let clean_blocks = bytes.chunks_exact(BLOCK).take_while(clean).count() * BLOCK;
    let rest = &bytes[clean_blocks..];
    clean_blocks + rest.iter().position(|&b| special(b)).unwrap_or(rest.len())
}

/// Length of the character that `bytes` end in the middle of.
fn unfinished(bytes: &[u8]) -> usize {
    let Some(back) = bytes.iter().rev().take(3).position(|&b| b >= 0xc0) else { return 0 };
    match decode(&bytes[bytes.len() - 1 - back..]) {
        Decoded::Unfinished => back + 1,
        _ => 0,
    }
}
