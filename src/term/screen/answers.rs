//! Answers to what programs ask the terminal. Each is made from the screen's own state and holds no byte of the question:
//! an answer is typed into the program, and whoever can print could type.

use super::CELL_PIXELS;
use super::Screen;
use super::heard::Heard;
use crate::term::framer::Params;

/// A VT220 with colours.
const PRIMARY: &[u8] = b"\x1b[?62;22c";
const SECONDARY: &[u8] = b"\x1b[>1;10;0c";
const TERTIARY: &[u8] = b"\x1bP!|00000000\x1b\\";

impl Screen {
    /// ENQ: the answerback message is empty.
    pub(super) fn enquired(&mut self, _heard: &mut Heard) {}

    pub(super) fn device_attributes(&self, prefix: u8, which: i32, heard: &mut Heard) {
        if which > 0 {
            return;
        }
        match prefix {
            0 => heard.answer(PRIMARY),
            b'>' => heard.answer(SECONDARY),
            b'=' => heard.answer(TERTIARY),
            _ => {}
        }
    }

    pub(super) fn asked(&self, prefix: u8, intermediate: u8, last: u8, params: &Params, heard: &mut Heard) {
        match (prefix, intermediate, last) {
            (_, 0, b'c') => self.device_attributes(prefix, params.get(0), heard),
            (b'>', 0, b'q') if params.get(0) == 0 => {
                heard.answer(concat!("\x1bP>|coop(", env!("CARGO_PKG_VERSION"), ")\x1b\\").as_bytes());
            }
            (b'?', 0, b'u') => heard.answer(format!("\x1b[?{}u", self.keyboard_flags()).as_bytes()),
            (0 | b'?', 0, b'n') => self.report_status(prefix, params.get(0), heard),
            (0 | b'?', b'$', b'p') => {
                let (number, mark) = (params.get(0), if prefix == 0 { "" } else { "?" });
                let value = self.mode_value(number, prefix != 0);
                heard.answer(format!("\x1b[{mark}{number};{value}$y").as_bytes());
            }
            (b'?', 0, b'm') if params.get(0) == 4 => {
                heard.answer(format!("\x1b[>4;{}m", self.modes.other_keys).as_bytes());
            }
            // DECREQTPARM: no parity, 8 bits, 9600 baud.
            (0, 0, b'x') if matches!(params.get(0), 0 | 1) => {
                heard.answer(format!("\x1b[{};1;1;112;112;1;0x", params.get(0) + 2).as_bytes());
            }
            _ => {}
        }
    }

    fn report_status(&self, prefix: u8, which: i32, heard: &mut Heard) {
        let mark = if prefix == 0 { "" } else { "?" };
        match which {
            5 if prefix == 0 => heard.answer(b"\x1b[0n"),
            6 => {
                let top = if self.modes.origin { self.buffer().top } else { 0 };
                let (y, x, _) = self.cursor();
                heard.answer(format!("\x1b[{mark}{};{}R", y.saturating_sub(top) + 1, x + 1).as_bytes());
            }
            // No printer, unlocked keys, an unknown keyboard, no locator.
            15 if prefix != 0 => heard.answer(b"\x1b[?13n"),
            25 if prefix != 0 => heard.answer(b"\x1b[?20n"),
            26 if prefix != 0 => heard.answer(b"\x1b[?27;0;0;0n"),
            53 | 55 if prefix != 0 => heard.answer(b"\x1b[?50n"),
            _ => {}
        }
    }

    pub(super) fn report_window(&self, number: i32, which: i32, heard: &mut Heard) {
        let (width, height) = CELL_PIXELS;
        let (rows, cols) = (self.rows, self.cols);
        let answer = match number {
            11 => "\x1b[1t".to_owned(),
            13 => "\x1b[3;0;0t".to_owned(),
            14 if which != 2 => format!("\x1b[4;{};{}t", rows * height, cols * width),
            14 => format!("\x1b[4;{};{}t", rows * height, cols * width),
            15 => format!("\x1b[5;{};{}t", rows * height, cols * width),
            16 => format!("\x1b[6;{height};{width}t"),
            18 => format!("\x1b[8;{rows};{cols}t"),
            19 => format!("\x1b[9;{rows};{cols}t"),
            // Titles are the program's or somebody else's text.
            20 => "\x1b]L\x1b\\".to_owned(),
            21 => "\x1b]l\x1b\\".to_owned(),
            _ => return,
        };
        heard.answer(answer.as_bytes());
    }

    /// Ended as the question was.
    pub(super) fn report_colour(&self, number: &str, colour: [u8; 3], by_bell: bool, heard: &mut Heard) {
        let [r, g, b] = colour;
        let end = if by_bell { "\x07" } else { "\x1b\\" };
        heard.answer(format!("\x1b]{number};rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}{end}").as_bytes());
    }

    /// DECRQSS and XTGETTCAP.
    pub(super) fn dcs(&self, body: &[u8], heard: &mut Heard) {
        if let Some(what) = body.strip_prefix(b"$q") {
            let answer = match what {
                b"r" => format!("{};{}r", self.buffer().top + 1, self.buffer().bottom + 1),
                b"m" => {
                    let mut sgr = Vec::new();
                    super::paint::sgr(&self.pen.style(), &mut sgr);
                    format!("0{}m", String::from_utf8_lossy(&sgr))
                }
                b" q" => format!("{} q", self.modes.cursor_style),
                b"\"q" => format!("{}\"q", u8::from(self.pen.ink.flags & super::style::PROTECTED != 0)),
                b"\"p" => "62;1\"p".to_owned(),
                _ => return heard.answer(b"\x1bP0$r\x1b\\"),
            };
            heard.answer(format!("\x1bP1$r{answer}\x1b\\").as_bytes());
        } else if body.starts_with(b"+q") {
            heard.answer(b"\x1bP0+r\x1b\\");
        }
    }
}
