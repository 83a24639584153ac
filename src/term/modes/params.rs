//! Parameters of control sequences, as [`ModeTracker`](super::ModeTracker) reads them.

/// Whether these parameters of SGR leave any colour or attribute on, as far as they tell by themselves.
pub(super) fn is_styled(params: &[u8]) -> bool {
    params.iter().any(|byte| !matches!(byte, b'0' | b';'))
}

/// The numbers of a parameter list; 0 for one that is left out. What stands behind a colon is passed over.
pub(super) fn numbers(params: &[u8]) -> impl Iterator<Item = u16> {
    let number = |field: &[u8]| field.iter().take_while(|&&b| b != b':').fold(0, |n, &digit| append_digit(n, digit));
    params.split(|&b| b == b';').map(number)
}

pub(super) fn first(params: &[u8]) -> u16 {
    numbers(params).next().unwrap_or(0)
}

/// The largest number for what is none.
pub(super) fn append_digit(number: u16, digit: u8) -> u16 {
    if digit.is_ascii_digit() { number.saturating_mul(10).saturating_add(u16::from(digit - b'0')) } else { u16::MAX }
}
