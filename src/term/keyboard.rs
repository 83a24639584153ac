//! What `coop send` is given, word by word, and the keys in it: `key:ctrl+c`, `key:f5`, `key:hex:1b5b41`.
//!
//! A keyboard's layout is not known here. A character stands for the key that types it without Shift; with Shift, the
//! US layout says what comes.

pub mod encode;

use crate::text::nearest;
use std::str::FromStr;

/// One word of `coop send`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Typed as it stands. `text:` before it is left out, for a text that looks like one of the others.
    Text(String),
    /// `key:NAME`, with any modifiers before it: `key:ctrl+alt+delete`.
    Key(Key),
    /// `key:hex:1b5b41`: sent as these bytes, whatever the modes.
    Bytes(Vec<u8>),
    /// `paste:@FILE`: the file, as if pasted.
    PasteFile(String),
    /// `-`: standard input, as if pasted.
    PasteInput,
}

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub modifiers: Modifiers,
    pub code: KeyCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCode {
    /// The character that the key types without Shift; Space is one.
    Char(char),
    Enter,
    Tab,
    Backspace,
    Escape,
    Insert,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    /// 1 to 24.
    Function(u8),
    /// A key of the keypad with Num Lock on.
    Keypad(Keypad),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keypad {
    /// 0 to 9.
    Digit(u8),
    Decimal,
    Divide,
    Multiply,
    Minus,
    Plus,
    Enter,
    Equal,
}

/// A set, with kitty's bits (<https://sw.kovidgoyal.net/kitty/keyboard-protocol/#modifiers>); the lower three are
/// xterm's too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modifiers(u8);

impl Modifiers {
    pub const NONE: Self = Self(0);
    pub const SHIFT: Self = Self(1);
    pub const ALT: Self = Self(2);
    pub const CTRL: Self = Self(4);
    pub const SUPER: Self = Self(8);
    pub const HYPER: Self = Self(16);
    pub const META: Self = Self(32);

    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As both protocols send it.
    pub const fn parameter(self) -> u8 {
        self.0 + 1
    }
}

/// Why a word is nothing that could be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("{word:?} is no key{}", meant(*nearest))]
    UnknownKey { word: String, nearest: Option<&'static str> },
    #[error("{word:?} is no modifier{}", meant(*nearest))]
    UnknownModifier { word: String, nearest: Option<&'static str> },
    #[error("a key's name is missing in {0:?}: write key:enter, key:ctrl+c, key:f5")]
    NoKey(String),
    #[error("{0:?} are no bytes in hexadecimal digits, two a byte: write key:hex:1b5b41")]
    BadHex(String),
    #[error("{0:?} names no file: write paste:@FILE, or - for standard input")]
    NoFile(String),
}

fn meant(nearest: Option<&'static str>) -> String {
    nearest.map(|word| format!(": did you mean {word:?}?")).unwrap_or_default()
}

const MODIFIERS: [(&str, Modifiers); 10] = [
    ("ctrl", Modifiers::CTRL),
    ("control", Modifiers::CTRL),
    ("alt", Modifiers::ALT),
    ("option", Modifiers::ALT),
    ("shift", Modifiers::SHIFT),
    ("super", Modifiers::SUPER),
    ("cmd", Modifiers::SUPER),
    ("win", Modifiers::SUPER),
    ("hyper", Modifiers::HYPER),
    ("meta", Modifiers::META),
];

/// Every key with a name; whoever calls it otherwise is told the nearest.
#[rustfmt::skip]
const NAMES: [(&str, KeyCode); 64] = {
    use KeyCode::{Backspace, Char, Delete, Down, End, Enter, Escape, Home, Insert, Left, PageDown, PageUp, Right, Tab, Up};
    use KeyCode::Function as F;
    use KeyCode::Keypad as K;
    use Keypad::Digit;
    [
        ("enter", Enter), ("return", Enter), ("tab", Tab), ("space", Char(' ')), ("backspace", Backspace),
        ("esc", Escape), ("escape", Escape), ("plus", Char('+')),
        ("up", Up), ("down", Down), ("left", Left), ("right", Right), ("home", Home), ("end", End),
        ("pageup", PageUp), ("pagedown", PageDown), ("pgup", PageUp), ("pgdn", PageDown), ("pgdown", PageDown),
        ("insert", Insert), ("ins", Insert), ("delete", Delete), ("del", Delete),
        ("f1", F(1)), ("f2", F(2)), ("f3", F(3)), ("f4", F(4)), ("f5", F(5)), ("f6", F(6)), ("f7", F(7)), ("f8", F(8)),
        ("f9", F(9)), ("f10", F(10)), ("f11", F(11)), ("f12", F(12)), ("f13", F(13)), ("f14", F(14)), ("f15", F(15)),
        ("f16", F(16)), ("f17", F(17)), ("f18", F(18)), ("f19", F(19)), ("f20", F(20)), ("f21", F(21)), ("f22", F(22)),
        ("f23", F(23)), ("f24", F(24)),
        ("kp0", K(Digit(0))), ("kp1", K(Digit(1))), ("kp2", K(Digit(2))), ("kp3", K(Digit(3))), ("kp4", K(Digit(4))),
        ("kp5", K(Digit(5))), ("kp6", K(Digit(6))), ("kp7", K(Digit(7))), ("kp8", K(Digit(8))), ("kp9", K(Digit(9))),
        ("kpdecimal", K(Keypad::Decimal)), ("kpdivide", K(Keypad::Divide)), ("kpmultiply", K(Keypad::Multiply)),
        ("kpminus", K(Keypad::Minus)), ("kpplus", K(Keypad::Plus)), ("kpenter", K(Keypad::Enter)),
        ("kpequal", K(Keypad::Equal)),
    ]
};

impl FromStr for Chunk {
    type Err = KeyError;

    fn from_str(word: &str) -> Result<Self, KeyError> {
        if word == "-" {
            return Ok(Self::PasteInput);
        }
        match word.split_once(':') {
            Some(("text", text)) => Ok(Self::Text(text.to_owned())),
            Some(("paste", file)) => match file.strip_prefix('@') {
                Some(file) if !file.is_empty() => Ok(Self::PasteFile(file.to_owned())),
                _ => Err(KeyError::NoFile(word.to_owned())),
            },
            Some(("key", key)) => match key.strip_prefix("hex:") {
                Some(digits) => hex(digits).map(Self::Bytes).ok_or_else(|| KeyError::BadHex(digits.to_owned())),
                None => key.parse().map(Self::Key),
            },
            _ => Ok(Self::Text(word.to_owned())),
        }
    }
}

impl FromStr for Key {
    type Err = KeyError;

    /// `ctrl+shift+f5`. Names are read in either case, single characters as they are: `A` is Shift and `a`, but with
    /// Ctrl the case says nothing, as people write Ctrl-C for what they press without Shift.
    fn from_str(word: &str) -> Result<Self, KeyError> {
        // The last `+` may be the key itself.
        let (modifiers, key) = match word.strip_suffix('+') {
            Some("") => (None, "+"),
            Some(rest) => (Some(rest.strip_suffix('+').unwrap_or(rest)), if rest.ends_with('+') { "+" } else { "" }),
            None => word.rsplit_once('+').map_or((None, word), |(modifiers, key)| (Some(modifiers), key)),
        };
        if key.is_empty() {
            return Err(KeyError::NoKey(word.to_owned()));
        }
        let mut set = Modifiers::NONE;
        for name in modifiers.into_iter().flat_map(|modifiers| modifiers.split('+')) {
            set = set.with(modifier(name)?);
        }
        let code = code(key)?;
        Ok(match code {
            KeyCode::Char(upper) => match lower_case(upper) {
                Some(lower) if set.contains(Modifiers::CTRL) => Self { modifiers: set, code: KeyCode::Char(lower) },
                Some(lower) => Self { modifiers: set.with(Modifiers::SHIFT), code: KeyCode::Char(lower) },
                None => Self { modifiers: set, code },
            },
            _ => Self { modifiers: set, code },
        })
    }
}

fn modifier(name: &str) -> Result<Modifiers, KeyError> {
    let lower = name.to_lowercase();
    let found = MODIFIERS.iter().find(|(known, _)| *known == lower);
    let nearest = || nearest(&lower, MODIFIERS.iter().map(|(known, _)| *known));
    found
        .map(|(_, modifier)| *modifier)
        .ok_or_else(|| KeyError::UnknownModifier { word: name.to_owned(), nearest: nearest() })
}

fn code(name: &str) -> Result<KeyCode, KeyError> {
    let mut characters = name.chars();
    if let (Some(one), None) = (characters.next(), characters.next())
        && !one.is_control()
    {
        return Ok(KeyCode::Char(one));
    }
    let lower = name.to_lowercase();
    let found = NAMES.iter().find(|(known, _)| *known == lower);
    let nearest = || nearest(&lower, NAMES.iter().map(|(known, _)| *known));
    found.map(|(_, code)| *code).ok_or_else(|| KeyError::UnknownKey { word: name.to_owned(), nearest: nearest() })
}

fn lower_case(upper: char) -> Option<char> {
    let mut lower = upper.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) if one != upper => Some(one),
        _ => None,
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = digits.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| !digits.is_empty() && digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect()
}

#[cfg(test)]
#[path = "keyboard_tests.rs"]
mod tests;
