//! The small words of the domain, each parsed once and correct ever after.

use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Longest session name in bytes: the length of a DNS label and of a Linux host name component.
pub const NAME_MAX_BYTES: usize = 63;

/// A session's name: `a-z0-9` first, then `a-z0-9._-`, at most 63 bytes. It is a directory name, a host name and a
/// word of the command line, so nothing else is let in anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionName(String);

/// Why a text is no session name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    #[error("a session name cannot be empty")]
    Empty,
    #[error("a session name has at most {NAME_MAX_BYTES} characters, this one has {0}")]
    TooLong(usize),
    #[error("{0:?} is no session name: it must begin with a-z or 0-9 and go on with a-z, 0-9, '.', '_' or '-'")]
    BadCharacter(String),
}

impl SessionName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a name from a directory's: lower case, every other character a `-`, cut to length. `None` when nothing
    /// that could stand in a name is left.
    pub fn from_basename(basename: &str) -> Option<Self> {
        let mut name = String::new();
        for c in basename.chars().flat_map(char::to_lowercase) {
            if name.len() == NAME_MAX_BYTES {
                break;
            }
            let fits = c.is_ascii_lowercase() || c.is_ascii_digit();
            match (fits, name.is_empty()) {
                (true, _) => name.push(c),
                (false, true) => {}
                (false, false) if matches!(c, '.' | '_') => name.push(c),
                (false, false) if !name.ends_with('-') => name.push('-'),
                (false, false) => {}
            }
        }
        name.truncate(name.trim_end_matches(['-', '.', '_']).len());
        name.parse().ok()
    }

    /// The same name with `-N` behind it, shortened if it must be: what a second directory of the same basename gets.
    pub fn numbered(&self, n: u32) -> Self {
        let suffix = format!("-{n}");
        let keep = self.0.len().min(NAME_MAX_BYTES - suffix.len());
        Self(format!("{}{suffix}", &self.0[..keep]))
    }
}

impl FromStr for SessionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let head_fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        match text.as_bytes() {
            [] => Err(NameError::Empty),
            bytes if bytes.len() > NAME_MAX_BYTES => Err(NameError::TooLong(text.chars().count())),
            [first, rest @ ..]
                if head_fits(*first) && rest.iter().all(|&b| head_fits(b) || matches!(b, b'.' | b'_' | b'-')) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NameError::BadCharacter(text.to_owned())),
        }
    }
}

impl TryFrom<String> for SessionName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<SessionName> for String {
    fn from(name: SessionName) -> Self {
        name.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A PTY of a session. 0 is the agent's; shells count up from 1 and a number is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PtyId(pub u32);

impl PtyId {
    pub const AGENT: Self = Self(0);
}

impl fmt::Display for PtyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A terminal's size in cells. The kernel takes any `u16`; a screen of 65535 x 65535 cells would be 34 GB, so a size is
/// clamped where it enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Said")]
pub struct WinSize {
    rows: u16,
    cols: u16,
}

/// A size as somebody says it, who may say anything.
#[derive(Deserialize)]
struct Said {
    rows: u16,
    cols: u16,
}

impl From<Said> for WinSize {
    fn from(said: Said) -> Self {
        Self::clamped(said.rows, said.cols)
    }
}

impl WinSize {
    /// Widest terminal in columns and rows: four 8K displays side by side at a 4 px font.
    pub const MAX_CELLS_A_SIDE: u16 = 4096;
    /// The size of a PTY that nobody has attached to yet.
    pub const DEFAULT: Self = Self { rows: 24, cols: 80 };

    /// Clamps both sides to `1..=4096`; a side of 0 (a terminal that does not know its size) becomes the default's.
    pub fn clamped(rows: u16, cols: u16) -> Self {
        let side = |n: u16, unknown: u16| if n == 0 { unknown } else { n.min(Self::MAX_CELLS_A_SIDE) };
        Self { rows: side(rows, Self::DEFAULT.rows), cols: side(cols, Self::DEFAULT.cols) }
    }

    pub fn rows(self) -> u16 {
        self.rows
    }

    pub fn cols(self) -> u16 {
        self.cols
    }
}

/// A value that must not be seen: it has no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself. Call it only where it is handed to the program it is meant for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lets_nothing_in_that_could_leave_its_directory() {
        for good in ["a", "0", "nlst", "doc-proc_2.x", &"a".repeat(63)] {
            assert_eq!(good.parse::<SessionName>().unwrap().as_str(), good);
        }
        for bad in
            ["", ".", "..", "../../x", "-a", "_a", "A", "a/b", "a b", "a\n", "a\u{7f}", "ä", "a\0", &"a".repeat(64)]
        {
            assert!(bad.parse::<SessionName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_basename_becomes_a_name() {
        let name = |s| SessionName::from_basename(s).map(String::from);
        assert_eq!(name("My Project (2)").as_deref(), Some("my-project-2"));
        assert_eq!(name("..hidden").as_deref(), Some("hidden"));
        assert_eq!(name("Über-Straße").as_deref(), Some("ber-stra-e"));
        assert_eq!(name("日本"), None);
        assert_eq!(name(&"x".repeat(200)).unwrap().len(), NAME_MAX_BYTES);
    }

    #[test]
    fn a_numbered_name_is_still_a_name() {
        let long: SessionName = "a".repeat(63).parse().unwrap();
        assert_eq!(long.numbered(12).as_str().len(), NAME_MAX_BYTES);
        assert!(long.numbered(12).as_str().parse::<SessionName>().is_ok());
    }

    #[test]
    fn absurd_sizes_are_clamped() {
        assert_eq!(WinSize::clamped(0, 0), WinSize::DEFAULT);
        assert_eq!(WinSize::clamped(65535, 65535).cols(), 4096);
        let said: WinSize = serde_json::from_str(r#"{"rows":0,"cols":65535}"#).unwrap();
        assert_eq!((said.rows(), said.cols()), (24, 4096));
    }

    #[test]
    fn a_secret_does_not_print() {
        assert!(!format!("{:?}", Secret::new("hunter2".into())).contains("hunter2"));
    }
}
