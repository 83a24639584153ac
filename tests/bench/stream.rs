//! A deterministic stream of terminal output, made on one side and checked on the other.
//!
//! It holds no question to the terminal, no clipboard and no title: a session daemon may answer or withhold those.
//! What it does hold must arrive byte for byte, between a start and an end mark, because a client may say something
//! of its own before and after.

use crate::trouble::Result;
use crate::trouble::Trouble;

const START: &[u8] = b"<<coop-bench-start-5f1d>>\r\n";
const END: &[u8] = b"\r\n<<coop-bench-end-5f1d>>";
/// How a screen shows the end.
pub const END_MARK: &[u8] = b"<<coop-bench-end-5f1d>>";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Numbered lines of letters.
    Plain,
    /// Numbered lines in which every word has its colour, with cursor movement and erasing, as full-screen programs do.
    Escapes,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Plain => "plain",
            Kind::Escapes => "escapes",
        }
    }

    pub fn from_name(name: &str) -> Option<Kind> {
        [Kind::Plain, Kind::Escapes].into_iter().find(|kind| kind.name() == name)
    }
}

/// Marks included, `bytes` long or a few more.
pub fn make(kind: Kind, bytes: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(bytes + 1024);
    stream.extend_from_slice(START);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut line = 0;
    while stream.len() + END.len() < bytes {
        match kind {
            Kind::Plain => plain_line(&mut stream, line, &mut dice),
            Kind::Escapes => escapes_line(&mut stream, line, &mut dice),
        }
        line += 1;
    }
    stream.extend_from_slice(END);
    stream
}

/// xorshift64 (Marsaglia 2003): the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

const WORDS: [&str; 8] = ["box", "session", "terminal", "agent", "wörter", "ring", "daemon", "→"];

fn word(dice: &mut Dice) -> &'static str {
    WORDS[usize::try_from(dice.below(8)).unwrap_or(0)]
}

fn plain_line(stream: &mut Vec<u8>, line: u64, dice: &mut Dice) {
    stream.extend_from_slice(format!("{line:010}").as_bytes());
    for _ in 0..dice.below(12) {
        stream.push(b' ');
        stream.extend_from_slice(word(dice).as_bytes());
    }
    stream.extend_from_slice(b"\r\n");
}

fn escapes_line(stream: &mut Vec<u8>, line: u64, dice: &mut Dice) {
    stream.extend_from_slice(format!("\x1b[0m{line:010}").as_bytes());
    for _ in 0..dice.below(8) {
        let (a, b, word) = (dice.below(256), dice.below(24), word(dice));
        let piece = match dice.below(6) {
            0 => format!("\x1b[38;2;{a};{b};90m{word}"),
            1 => format!("\x1b[48;5;{a}m {word}\x1b[49m"),
            2 => format!("\x1b[{};{}H\x1b[K{word}", b + 1, a % 80 + 1),
            3 => format!("\x1b[1;4m{word}\x1b[22;24m"),
            4 => format!("\x1b[{}G\x1b[3{}m{word}", a % 80 + 1, b % 8),
            _ => format!("\x1b[A\x1b[2K\r{word}\x1b[B"),
        };
        stream.extend_from_slice(piece.as_bytes());
    }
    stream.extend_from_slice(b"\r\n");
}

/// Compares what arrives with what was sent.
pub struct Checker<'e> {
    expected: &'e [u8],
    /// Bytes of `expected` that have arrived, once the start mark has been seen.
    matched: usize,
    /// The end of what arrived last, in case a mark is cut in two.
    tail: Vec<u8>,
    damage: Option<Damage>,
}

struct Damage {
    /// Where the first wrong byte was.
    at: usize,
    /// Bytes that arrived from there on.
    after: usize,
}

impl<'e> Checker<'e> {
    pub fn new(expected: &'e [u8]) -> Checker<'e> {
        Checker { expected, matched: 0, tail: Vec::new(), damage: None }
    }

    /// Takes the next bytes; true when the stream has come to its end, whole or not.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.damage.is_some() {
            return self.find_end(bytes);
        }
        if self.matched > 0 {
            return self.compare(bytes);
        }
        self.tail.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.tail);
        match find(&held, START) {
            Some(start) => self.compare(&held[start..]),
            None => {
                self.tail = held[held.len().saturating_sub(START.len())..].to_vec();
                false
            }
        }
    }

    fn compare(&mut self, bytes: &[u8]) -> bool {
        let rest = &self.expected[self.matched..];
        let count = bytes.len().min(rest.len());
        if bytes[..count] == rest[..count] {
            self.matched += count;
            return self.matched == self.expected.len();
        }
        let same = bytes.iter().zip(rest).take_while(|(a, b)| a == b).count();
        self.matched += same;
        self.damage = Some(Damage { at: self.matched, after: 0 });
        self.find_end(&bytes[same..])
    }

    fn find_end(&mut self, bytes: &[u8]) -> bool {
        if let Some(damage) = &mut self.damage {
            damage.after += bytes.len();
        }
        self.tail.extend_from_slice(bytes);
        let ended = find(&self.tail, END).is_some();
        self.tail.drain(..self.tail.len().saturating_sub(END.len()));
        ended
    }

    /// How far it has come, for messages.
    pub fn progress(&self) -> String {
        format!("{} of {} bytes", self.matched, self.expected.len())
    }

    /// Whether every byte came, in order and once.
    pub fn verdict(&self) -> Result<()> {
        let Some(damage) = &self.damage else { return Ok(()) };
        let line = self.expected[..damage.at].iter().filter(|byte| **byte == b'\n').count();
        Err(Trouble::new(format!(
            "output damaged: wrong from byte {} (line {line}) on; {} bytes sent, {} arrived",
            damage.at,
            self.expected.len(),
            damage.at + damage.after
        )))
    }
}

pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    loop {
        // Most bytes are looked at once, so that a search costs those who send more no time of their own.
        at += hay[at..].iter().position(|&byte| byte == first)?;
        if hay[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}
