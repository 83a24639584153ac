//! Which terminal modes a program switched on, read off its output, so that an attached client can put the terminal
//! back as it found it, and put another one into the same modes.
//!
//! Where terminals disagree the tracker remembers the most that can have happened: switching off what is off does no
//! harm. It keeps no text, no colours and no titles. Bytes 0x80-0x9f are parts of UTF-8 characters, never controls.
//!
//! Sources: xterm's ctlseqs (<https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>), kitty's keyboard protocol and
//! pointer shapes (<https://sw.kovidgoyal.net/kitty/>); the parser is <https://vt100.net/emu/dec_ansi_parser>, less C1.

mod params;
mod read;

/// Longest CSI body that is understood, in bytes; xterm stops at 30 parameters.
const BODY_MAX_BYTES: usize = 256;
/// Deepest stack of keyboard flags that is followed: alacritty's limit, the highest (kitty and foot have 8 and 8).
const KEYBOARD_MAX_DEPTH: usize = 4096;
/// How many of them [`ModeTracker::replay`] pushes.
#[cfg(test)]
const KEYBOARD_REPLAY_DEPTH: usize = 8;
/// How many saved titles are followed; xterm keeps 10.
const TITLE_MAX_DEPTH: u16 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Ansi(u16),
    Dec(u16),
}

/// Every mode that is followed, with its state in a fresh terminal. Left out: 3 (restoring it clears the screen), 2
/// (VT52 is another language), 1034 to 1036 and 1039 (defaults differ, no effect on UTF-8).
#[rustfmt::skip]
const MODES: [(Mode, bool); 35] = {
    use Mode::{Ansi, Dec};
    [
        // Keyboard locked, insert, no local echo, LF is CR LF.
        (Ansi(2), false), (Ansi(4), false), (Ansi(12), true), (Ansi(20), false),
        // Cursor keys send SS3, reverse video, wrap, keys repeat, cursor blinks, cursor visible, backspace wraps.
        (Dec(1), false), (Dec(5), false), (Dec(7), true), (Dec(8), true), (Dec(12), false), (Dec(25), true),
        (Dec(45), false),
        // Application keypad, Backspace sends BS, side margins, sixels do not scroll, the cursor stays right of them.
        (Dec(66), false), (Dec(67), false), (Dec(69), false), (Dec(80), false), (Dec(8452), false),
        // Mouse: presses, clicks, highlights, drags, all motion; its encodings; focus.
        (Dec(9), false), (Dec(1000), false), (Dec(1001), false), (Dec(1002), false), (Dec(1003), false),
        (Dec(1005), false), (Dec(1006), false), (Dec(1015), false), (Dec(1016), false), (Dec(1004), false),
        // The wheel sends arrows in the alternate screen: on in all but xterm and konsole, where it does no harm.
        (Dec(1007), true),
        // Urgency on BEL, bracketed paste, synchronized output, grapheme clusters, colour scheme and size reports,
        // kitty's paste events, Win32 input.
        (Dec(1042), false), (Dec(2004), false), (Dec(2026), false), (Dec(2027), false), (Dec(2031), false),
        (Dec(2048), false), (Dec(5522), false), (Dec(9001), false),
    ]
};

/// Modes of the alternate screen. Some terminals know only the last, so each one that was used is switched off.
const ALTERNATE: [u16; 3] = [47, 1047, 1049];

/// Bytes after ESC that designate a charset, padded with 0: `(0` is line drawing into G0.
type Charset = [u8; 3];
const ASCII: [Charset; 4] = [*b"(B\0", *b")B\0", *b"*B\0", *b"+B\0"];

/// What `ESC 7` saves and `ESC 8` brings back, beside the cursor's place.
#[derive(Clone, Copy, Debug)]
struct Pen {
    /// Whether colours or attributes may be on.
    styled: bool,
    charsets: [Charset; 4],
    /// Which of the four is in use.
    shift: u8,
    origin: bool,
}

impl Default for Pen {
    fn default() -> Self {
        Self { styled: false, charsets: ASCII, shift: 0, origin: false }
    }
}

/// What each of the two screens has for itself.
#[derive(Clone, Debug, Default)]
struct Screen {
    /// Flags of kitty's keyboard protocol under the stack.
    flags: u16,
    pushed_flags: Vec<u16>,
    /// First and last row from 1; 0 for the last of the screen.
    region: Option<(u16, u16)>,
    saved: Pen,
}

/// What no reset of the terminal is sure to undo.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// Bit n - 10 for OSC 10 to 19; bits 10 and 11 for OSC 4 and 5.
    colours: u16,
    link: bool,
    pointer: bool,
    progress: bool,
    title: bool,
    /// What the program is at (OSC 7501).
    status: bool,
    /// Titles pushed and not popped.
    titles: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    Escape,
    Csi,
    Osc,
    /// DCS, SOS, PM or APC.
    Text,
}

/// How far an OSC has come: its number, the number of `;` and the bytes since the last.
#[derive(Clone, Copy, Debug, Default)]
struct Osc {
    number: u16,
    field: u16,
    length: u8,
    is_progress: bool,
    /// It may be `state=clear`.
    is_clear: bool,
}

/// Follows a program's output and knows the terminal's modes behind it.
#[derive(Clone, Debug)]
pub struct ModeTracker {
    state: State,
    /// The unfinished escape or CSI sequence behind its introducer.
    body: Vec<u8>,
    osc: Osc,
    /// Bytes that the unfinished UTF-8 character still lacks.
    utf8_left: u8,
    /// Modes that differ from a fresh terminal's, in the order in which they were changed: of the mouse's modes the
    /// last one counts.
    changed: Vec<Mode>,
    /// The modes of [`ALTERNATE`] that were switched on since the main screen was left, as bits; 0 on the main screen.
    alternate: u8,
    /// Main and alternate.
    screens: [Screen; 2],
    pen: Pen,
    keypad: bool,
    tabs: bool,
    not_utf8: bool,
    cursor_style: u16,
    /// xterm's modifyOtherKeys.
    other_keys: u16,
    window: Window,
}

/// Saves the window title. A client writes this when it attaches *and* feeds it to its tracker, whose
/// [`restore`](ModeTracker::restore) then ends with the title's return.
pub fn prelude() -> &'static [u8] {
    b"\x1b[22;2t"
}

impl Default for ModeTracker {
    fn default() -> Self {
        Self::new()
    }
}

impl ModeTracker {
    /// Of a fresh terminal.
    pub fn new() -> Self {
        Self {
            state: State::Ground,
            body: Vec::with_capacity(BODY_MAX_BYTES + 1),
            osc: Osc::default(),
            utf8_left: 0,
            changed: Vec::with_capacity(MODES.len()),
            alternate: 0,
            screens: <[Screen; 2]>::default(),
            pen: Pen::default(),
            keypad: false,
            tabs: false,
            not_utf8: false,
            cursor_style: 0,
            other_keys: 0,
            window: Window::default(),
        }
    }

    pub fn in_alternate_screen(&self) -> bool {
        self.alternate != 0
    }

    /// Whether the output ends outside of any sequence and any UTF-8 character.
    pub fn at_ground(&self) -> bool {
        self.state == State::Ground && self.utf8_left == 0
    }

    /// What puts the terminal back as it was before the program wrote anything; nothing if it changed nothing. A cursor
    /// moves only where the program had origin mode on: to the last line.
    pub fn restore(&self) -> Vec<u8> {
        let mut out = String::new();
        if !self.at_ground() {
            // Most terminals end everything at CAN, kitty a string only at ST. Elsewhere that ST ends nothing.
            out += if self.state == State::Ground { "\x18" } else { "\x18\x1b\\" };
        }
        let mut main = self.clone();
        if self.in_alternate_screen() {
            self.screens[1].undo(&mut out);
            self.entered_by().for_each(|mode| mode.switch(false, &mut out));
            // Leaving brings back a style and charsets of the main screen: the tracker knows which.
            main.feed(out.as_bytes());
        }
        main.undo_main(&mut out);
        out.into_bytes()
    }

    /// For tests: what puts a fresh terminal into the modes behind the output so far: neither text nor style, and no colours,
    /// title, tab stops or pointer. It leaves the cursor anywhere.
    #[cfg(test)]
    pub fn replay(&self) -> Vec<u8> {
        let mut out = String::new();
        self.screens[0].redo(&mut out);
        if self.in_alternate_screen() {
            self.entered_by().for_each(|mode| mode.switch(true, &mut out));
            self.screens[1].redo(&mut out);
        }
        self.changed.iter().for_each(|mode| mode.switch(!mode.is_on_by_default(), &mut out));
        if self.pen.origin {
            out += "\x1b[?6h";
        }
        for (charset, ascii) in self.pen.charsets.iter().zip(ASCII) {
            if *charset != ascii {
                out.push('\x1b');
                out.extend(charset.iter().filter(|&&b| b != 0).map(|&b| char::from(b)));
            }
        }
        out += ["", "\x0e", "\x1bn", "\x1bo"][usize::from(self.pen.shift)];
        if self.keypad {
            out += "\x1b=";
        }
        if self.cursor_style != 0 {
            out += &format!("\x1b[{} q", self.cursor_style);
        }
        if self.other_keys != 0 {
            out += &format!("\x1b[>4;{}m", self.other_keys);
        }
        if self.not_utf8 {
            out += "\x1b%@";
        }
        out.into_bytes()
    }

    fn undo_main(&self, out: &mut String) {
        if self.pen.origin {
            // Homes the cursor, and no terminal tells where it was; what comes next is best at the bottom.
            *out += "\x1b[?6l\x1b[r\x1b[999B";
        }
        // A terminal with one region for both screens has kept the alternate's.
        Screen { region: self.screens[0].region.or(self.screens[1].region), ..self.screens[0].clone() }.undo(out);
        self.changed.iter().rev().for_each(|mode| mode.switch(mode.is_on_by_default(), out));
        for (charset, ascii) in self.pen.charsets.iter().zip(ASCII) {
            if *charset != ascii {
                *out += &format!("\x1b{}B", char::from(ascii[0]));
            }
        }
        let differs = [
            (self.pen.shift != 0, "\x0f"),
            (self.not_utf8, "\x1b%G"),
            (self.keypad, "\x1b>"),
            (self.tabs, "\x1b[?5W"),
            (self.cursor_style != 0, "\x1b[0 q"),
            (self.other_keys != 0, "\x1b[>4m"),
            (self.window.link, "\x1b]8;;\x1b\\"),
            (self.window.pointer, "\x1b]22;\x1b\\"),
            (self.window.progress, "\x1b]9;4;0\x1b\\"),
            (self.window.status, "\x1b]7501;state=clear\x1b\\"),
            (self.pen.styled, "\x1b[m"),
        ];
        differs.iter().filter(|(differs, _)| *differs).for_each(|(_, reset)| *out += reset);
        for number in (4..=5).chain(10..=19).filter(|&number| self.window.colours & colour_bit(number) != 0) {
            *out += &format!("\x1b]{}\x1b\\", 100 + number);
        }
        *out += &"\x1b[23;2t".repeat(self.window.titles.into());
    }

    fn entered_by(&self) -> impl Iterator<Item = Mode> {
        let used = self.alternate;
        ALTERNATE.into_iter().enumerate().filter(move |(bit, _)| used & 1 << bit != 0).map(|(_, mode)| Mode::Dec(mode))
    }

    fn screen(&mut self) -> &mut Screen {
        &mut self.screens[usize::from(self.in_alternate_screen())]
    }
}

impl Screen {
    fn undo(&self, out: &mut String) {
        if !self.pushed_flags.is_empty() {
            *out += &format!("\x1b[<{}u", self.pushed_flags.len());
        }
        if self.flags != 0 {
            *out += "\x1b[=0;1u";
        }
        if self.region.is_some() {
            // Homes the cursor (DECSTBM), hence the saving.
            *out += "\x1b7\x1b[r\x1b8";
        }
    }

    #[cfg(test)]
    fn redo(&self, out: &mut String) {
        if self.flags != 0 {
            *out += &format!("\x1b[={};1u", self.flags);
        }
        for flags in &self.pushed_flags[self.pushed_flags.len().saturating_sub(KEYBOARD_REPLAY_DEPTH)..] {
            *out += &format!("\x1b[>{flags}u");
        }
        match self.region {
            None => {}
            Some((top, 0)) => *out += &format!("\x1b[{top}r"),
            Some((top, bottom)) => *out += &format!("\x1b[{top};{bottom}r"),
        }
    }
}

impl Mode {
    /// In a fresh terminal; a mode that is not followed counts as off.
    fn is_on_by_default(self) -> bool {
        MODES.iter().any(|&(mode, on)| mode == self && on)
    }

    fn switch(self, on: bool, out: &mut String) {
        let last = if on { 'h' } else { 'l' };
        *out += &match self {
            Self::Ansi(number) => format!("\x1b[{number}{last}"),
            Self::Dec(number) => format!("\x1b[?{number}{last}"),
        };
    }
}

/// The bit of [`Window::colours`] for an OSC number; 0 for one that sets no colour.
fn colour_bit(number: u16) -> u16 {
    match number {
        10..=19 => 1 << (number - 10),
        4 | 5 => 1 << (number + 6),
        _ => 0,
    }
}

#[cfg(test)]
#[path = "modes_tests.rs"]
mod tests;
