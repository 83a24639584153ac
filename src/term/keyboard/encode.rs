//! What a terminal sends for a key, by the modes that its program set.
//!
//! Sources: xterm's PC-style function keys (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>; F13 and up as in
//! its `input.c`, `decfuncvalue`), without modifyOtherKeys; kitty's protocol
//! (<https://sw.kovidgoyal.net/kitty/keyboard-protocol/>), of which a key press without release is sent.

use crate::term::keyboard::Chunk;
use crate::term::keyboard::Key;
use crate::term::keyboard::KeyCode;
use crate::term::keyboard::Keypad;
use crate::term::keyboard::Modifiers;

const ESC: u8 = 0x1b;
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

// Kitty's flags. 2 (event types) changes nothing for a press, whose type may be left out.
const DISAMBIGUATE: u8 = 1;
const ALTERNATES: u8 = 4;
const ALL_KEYS: u8 = 8;
const TEXT: u8 = 16;

/// The modes of a terminal that change what a key sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyboardModes {
    /// DECCKM, `CSI ? 1 h`.
    pub application_cursor: bool,
    /// DECNKM, `CSI ? 66 h` or `ESC =`.
    pub application_keypad: bool,
    /// The flags on top of the stack of kitty's protocol; 0 is the old encoding.
    pub kitty_flags: u8,
    /// DECBKM, `CSI ? 67 h`: Backspace sends BS, Ctrl-Backspace DEL.
    pub backspace_sends_bs: bool,
    /// LNM, `CSI 20 h`: Enter sends CR LF.
    pub enter_sends_crlf: bool,
}

/// How a key without a character is sent: by number and `~`, by letter, or as kitty's number and `u`.
enum Function {
    Tilde(u8),
    Letter(u8),
}

impl Key {
    /// The bytes of one key press.
    pub fn encode(self, modes: &KeyboardModes) -> Vec<u8> {
        if modes.kitty_flags & (DISAMBIGUATE | ALL_KEYS) == 0 { legacy(self, modes) } else { kitty(self, modes) }
    }
}

impl Chunk {
    /// The bytes of a text, a key or bytes; `None` for a paste, whose text is elsewhere.
    pub fn encode(&self, modes: &KeyboardModes) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) if modes.kitty_flags & ALL_KEYS != 0 => {
                Some(text.chars().flat_map(|c| key_of(c).encode(modes)).collect())
            }
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Key(key) => Some(key.encode(modes)),
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::PasteFile(_) | Self::PasteInput => None,
        }
    }
}

/// What a terminal sends for a pasted text: line ends are what Enter sends, and in a bracketed paste (`bracketed`, mode
/// 2004) no end marker but the last.
pub fn paste(bytes: &[u8], bracketed: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + PASTE_START.len() + PASTE_END.len());
    if bracketed {
        out.extend_from_slice(PASTE_START);
    }
    let start = out.len();
    let mut after_cr = false;
    for &byte in bytes {
        match byte {
            b'\n' if after_cr => {}
            b'\n' => out.push(b'\r'),
            _ => out.push(byte),
        }
        after_cr = byte == b'\r';
        // Checked at every byte: what stands around a marker that was taken out may be a marker again.
        if bracketed && out[start..].ends_with(PASTE_END) {
            out.truncate(out.len() - PASTE_END.len());
        }
    }
    if bracketed {
        out.extend_from_slice(PASTE_END);
    }
    out
}

/// The key that types a character, as far as a US layout has one.
fn key_of(c: char) -> Key {
    let plain = |code| Key { modifiers: Modifiers::NONE, code };
    match c {
        '\r' | '\n' => plain(KeyCode::Enter),
        '\t' => plain(KeyCode::Tab),
        '\x1b' => plain(KeyCode::Escape),
        '\x7f' | '\x08' => plain(KeyCode::Backspace),
        // ASCII has the control characters 0x40 below what they are typed with.
        '\0'..='\x1f' => {
            let typed = char::from_u32(u32::from(c) | 0x40).unwrap_or(c).to_ascii_lowercase();
            Key { modifiers: Modifiers::CTRL, code: KeyCode::Char(typed) }
        }
        _ => match SHIFTED.iter().find(|(_, with_shift)| *with_shift == c) {
            Some((base, _)) => Key { modifiers: Modifiers::SHIFT, code: KeyCode::Char(*base) },
            None => match super::lower_case(c) {
                Some(lower) => Key { modifiers: Modifiers::SHIFT, code: KeyCode::Char(lower) },
                None => plain(KeyCode::Char(c)),
            },
        },
    }
}

fn legacy(key: Key, modes: &KeyboardModes) -> Vec<u8> {
    let Key { modifiers, code } = key;
    // Nothing of old knows these modifiers.
    let is_novel = !modifiers.without(Modifiers::SHIFT.with(Modifiers::ALT).with(Modifiers::CTRL)).is_empty();
    match code {
        KeyCode::Keypad(pad) => legacy_keypad(pad, modifiers, modes),
        _ if function(code, false).is_some() => legacy_function(code, modifiers, modes),
        // A function key beyond F24, too, which no word makes.
        _ if is_novel || matches!(code, KeyCode::Function(_)) => csi_u(key, 0),
        KeyCode::Char(c) => with_alt(modifiers, &legacy_text(c, modifiers)),
        _ => {
            let ctrl = modifiers.contains(Modifiers::CTRL);
            let bytes: &[u8] = match code {
                KeyCode::Enter if modes.enter_sends_crlf => b"\r\n",
                KeyCode::Enter => b"\r",
                KeyCode::Tab if modifiers.contains(Modifiers::SHIFT) => b"\x1b[Z",
                KeyCode::Tab => b"\t",
                KeyCode::Backspace if ctrl != modes.backspace_sends_bs => b"\x08",
                KeyCode::Backspace => b"\x7f",
                _ => b"\x1b",
            };
            with_alt(modifiers, bytes)
        }
    }
}

fn with_alt(modifiers: Modifiers, bytes: &[u8]) -> Vec<u8> {
    let prefix: &[u8] = if modifiers.contains(Modifiers::ALT) { &[ESC] } else { &[] };
    [prefix, bytes].concat()
}

fn legacy_text(c: char, modifiers: Modifiers) -> Vec<u8> {
    let typed = if modifiers.contains(Modifiers::SHIFT) { shifted(c) } else { c };
    let control = [typed, c].into_iter().find_map(control).filter(|_| modifiers.contains(Modifiers::CTRL));
    match control {
        Some(control) => vec![control],
        None => typed.to_string().into_bytes(),
    }
}

/// Kitty's table "Legacy ctrl mapping of ASCII keys", which is xterm's too; Ctrl leaves other characters as they are.
fn control(c: char) -> Option<u8> {
    match c {
        'a'..='z' => u8::try_from(c).ok().map(|letter| letter & 0x1f),
        ' ' | '2' | '@' => Some(0x00),
        '3' | '[' => Some(0x1b),
        '4' | '\\' => Some(0x1c),
        '5' | ']' => Some(0x1d),
        '6' | '^' | '~' => Some(0x1e),
        '7' | '/' | '_' => Some(0x1f),
        '8' | '?' => Some(0x7f),
        _ => None,
    }
}

fn legacy_function(code: KeyCode, modifiers: Modifiers, modes: &KeyboardModes) -> Vec<u8> {
    let Some(function) = function(code, false) else { return Vec::new() };
    let is_cursor = !matches!(code, KeyCode::Function(_));
    match function {
        Function::Letter(letter) if modifiers.is_empty() && (!is_cursor || modes.application_cursor) => {
            vec![ESC, b'O', letter]
        }
        function => csi_function(&function, modifiers),
    }
}

fn csi_function(function: &Function, modifiers: Modifiers) -> Vec<u8> {
    let parameter = modifiers.parameter();
    match (function, modifiers.is_empty()) {
        (Function::Letter(letter), true) => vec![ESC, b'[', *letter],
        (Function::Letter(letter), false) => format!("\x1b[1;{parameter}{}", char::from(*letter)).into_bytes(),
        (Function::Tilde(number), true) => format!("\x1b[{number}~").into_bytes(),
        (Function::Tilde(number), false) => format!("\x1b[{number};{parameter}~").into_bytes(),
    }
}

/// How a key is named in a CSI sequence that both protocols know; kitty sends F3 and F13 and up in its own way.
fn function(code: KeyCode, kitty: bool) -> Option<Function> {
    const TILDES: [u8; 20] = [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34, 42, 43, 44, 45];
    Some(match code {
        KeyCode::Up => Function::Letter(b'A'),
        KeyCode::Down => Function::Letter(b'B'),
        KeyCode::Right => Function::Letter(b'C'),
        KeyCode::Left => Function::Letter(b'D'),
        KeyCode::End => Function::Letter(b'F'),
        KeyCode::Home => Function::Letter(b'H'),
        KeyCode::Insert => Function::Tilde(2),
        KeyCode::Delete => Function::Tilde(3),
        KeyCode::PageUp => Function::Tilde(5),
        KeyCode::PageDown => Function::Tilde(6),
        // `CSI R` would be a cursor position report.
        KeyCode::Function(3) if kitty => Function::Tilde(13),
        KeyCode::Function(13..) if kitty => return None,
        KeyCode::Function(n @ 1..=4) => Function::Letter(b'O' + n),
        KeyCode::Function(n) => Function::Tilde(*TILDES.get(usize::from(n.checked_sub(5)?))?),
        _ => return None,
    })
}

/// VT100: characters, or in application mode SS3 and a letter 0x40 higher.
fn legacy_keypad(pad: Keypad, modifiers: Modifiers, modes: &KeyboardModes) -> Vec<u8> {
    let character = keypad_character(pad);
    match character {
        _ if modes.application_keypad && modifiers.is_empty() => {
            let letter = match pad {
                Keypad::Equal => b'X',
                _ => u8::try_from(character).map_or(0, |byte| byte + 0x40),
            };
            vec![ESC, b'O', letter]
        }
        '\r' => legacy(Key { modifiers, code: KeyCode::Enter }, modes),
        // Shift selects the other half of these keys; what is on it has a name of its own.
        _ => legacy(Key { modifiers: modifiers.without(Modifiers::SHIFT), code: KeyCode::Char(character) }, modes),
    }
}

fn keypad_character(pad: Keypad) -> char {
    match pad {
        Keypad::Digit(n) => char::from(b'0' + n.min(9)),
        Keypad::Decimal => '.',
        Keypad::Divide => '/',
        Keypad::Multiply => '*',
        Keypad::Minus => '-',
        Keypad::Plus => '+',
        Keypad::Enter => '\r',
        Keypad::Equal => '=',
    }
}

fn kitty(key: Key, modes: &KeyboardModes) -> Vec<u8> {
    let Key { modifiers, code } = key;
    let all = modes.kitty_flags & ALL_KEYS != 0;
    let types_text = modifiers.without(Modifiers::SHIFT).is_empty();
    match code {
        _ if all => {}
        KeyCode::Char(_) if types_text => return legacy(key, modes),
        KeyCode::Keypad(pad) if pad != Keypad::Enter && types_text => {
            return keypad_character(pad).to_string().into_bytes();
        }
        // So that somebody can type `reset` and Enter when a program left the protocol on.
        KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace if modifiers.is_empty() => return legacy(key, modes),
        _ => {}
    }
    match function(code, true) {
        Some(function) => csi_function(&function, modifiers),
        None => csi_u(key, modes.kitty_flags),
    }
}

/// `CSI code:shifted ; modifiers ; text u`, without what is empty at its end.
fn csi_u(key: Key, flags: u8) -> Vec<u8> {
    let Key { modifiers, code } = key;
    let shift = modifiers.contains(Modifiers::SHIFT);
    let (number, with_shift) = match code {
        KeyCode::Char(c) => (u32::from(c), Some(shifted(c)).filter(|&with_shift| shift && with_shift != c)),
        other => (number(other), None),
    };
    let typed = match code {
        KeyCode::Char(c) => Some(with_shift.unwrap_or(c)),
        KeyCode::Keypad(pad) if pad != Keypad::Enter => Some(keypad_character(pad)),
        _ => None,
    };
    let text = typed.filter(|_| flags & TEXT != 0 && modifiers.without(Modifiers::SHIFT).is_empty());
    let mut out = format!("\x1b[{number}");
    if let Some(with_shift) = with_shift.filter(|_| flags & ALTERNATES != 0) {
        out += &format!(":{}", u32::from(with_shift));
    }
    match (modifiers.is_empty(), text) {
        (true, None) => {}
        (true, Some(text)) => out += &format!(";;{}", u32::from(text)),
        (false, None) => out += &format!(";{}", modifiers.parameter()),
        (false, Some(text)) => out += &format!(";{};{}", modifiers.parameter(), u32::from(text)),
    }
    out.push('u');
    out.into_bytes()
}

/// Kitty's table "Functional key codes".
fn number(code: KeyCode) -> u32 {
    match code {
        KeyCode::Char(c) => u32::from(c),
        KeyCode::Enter => 13,
        KeyCode::Tab => 9,
        KeyCode::Backspace => 127,
        KeyCode::Escape => 27,
        // F13 is 57376.
        KeyCode::Function(n) => 57363 + u32::from(n),
        KeyCode::Keypad(Keypad::Digit(n)) => 57399 + u32::from(n),
        KeyCode::Keypad(Keypad::Decimal) => 57409,
        KeyCode::Keypad(Keypad::Divide) => 57410,
        KeyCode::Keypad(Keypad::Multiply) => 57411,
        KeyCode::Keypad(Keypad::Minus) => 57412,
        KeyCode::Keypad(Keypad::Plus) => 57413,
        KeyCode::Keypad(Keypad::Enter) => 57414,
        KeyCode::Keypad(Keypad::Equal) => 57415,
        // The rest has no number of its own: `function` names it.
        _ => 0,
    }
}

/// What Shift makes of a key on a US keyboard, letters aside.
#[rustfmt::skip]
const SHIFTED: [(char, char); 21] = [
    ('1', '!'), ('2', '@'), ('3', '#'), ('4', '$'), ('5', '%'), ('6', '^'), ('7', '&'), ('8', '*'), ('9', '('),
    ('0', ')'), ('-', '_'), ('=', '+'), ('[', '{'), (']', '}'), ('\\', '|'), (';', ':'), ('\'', '"'), (',', '<'),
    ('.', '>'), ('/', '?'), ('`', '~'),
];

fn shifted(c: char) -> char {
    let on_us_keyboard = SHIFTED.iter().find(|(base, _)| *base == c).map(|(_, with_shift)| *with_shift);
    let mut upper = c.to_uppercase();
    match (on_us_keyboard, upper.next(), upper.next()) {
        (Some(with_shift), ..) => with_shift,
        (None, Some(upper), None) => upper,
        _ => c,
    }
}
