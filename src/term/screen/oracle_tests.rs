//! The screen against xterm.js: `tests/oracle/oracle.js`, which needs `npm ci` there and node. Random streams, whole
//! states. `COOP_ORACLE_STREAMS` sets how many.

#![allow(clippy::disallowed_methods)] // the ban on processes is for the program

use super::mode::Mouse;
use super::mode::MouseEncoding;
use super::*;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

struct Oracle {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Oracle {
    fn start() -> Option<Self> {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
        if !home.join("node_modules").is_dir() {
            eprintln!("skipped: {} has no node_modules (npm ci)", home.display());
            return None;
        }
        let mut node = Command::new("node");
        let mut child =
            node.arg("oracle.js").current_dir(home).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (stdin, stdout) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Self { child, stdin, stdout })
    }

    fn ask(&mut self, job: &serde_json::Value) -> Vec<String> {
        let job = job.to_string();
        write!(self.stdin, "{}\n{job}", job.len()).unwrap();
        self.stdin.flush().unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn state(&mut self, cols: usize, rows: usize, steps: &[Step]) -> Vec<String> {
        let steps: Vec<_> = steps
            .iter()
            .map(|step| match step {
                Step::Write(bytes) => serde_json::json!(base64(bytes)),
                Step::Resize(cols, rows) => serde_json::json!([cols, rows]),
            })
            .collect();
        self.ask(&serde_json::json!({ "cols": cols, "rows": rows, "steps": steps }))
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

enum Step {
    Write(Vec<u8>),
    Resize(usize, usize),
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, &b| bits << 8 | u32::from(b)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            out.push(if at > chunk.len() { '=' } else { char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]) });
        }
    }
    out
}

// -- The screen's state in the oracle's notation. --

fn colour(colour: u32) -> String {
    let value = colour & 0xff_ffff;
    match colour & style::MODE {
        style::P16 => format!("p{value}"),
        style::P256 => format!("P{value}"),
        style::RGB => format!("#{value:x}"),
        _ => "-".to_owned(),
    }
}

fn look(screen: &Screen, style: style::Style) -> String {
    let flags: String = "bdikvhsop"
        .chars()
        .enumerate()
        .filter(|(bit, _)| style.flags & 1 << bit != 0)
        .map(|(_, letter)| letter)
        .collect();
    let link = screen.links.get(style.link).map_or("", |(_, uri)| uri);
    let underlined = colour(style.underline_colour).replace("#ffffff", "-");
    format!("{},{},{flags},{},{underlined},{link}", colour(style.fg), colour(style.bg), style.underline)
}

fn set(charset: Charset) -> char {
    if charset == 0 { 'B' } else { char::from(charset) }
}

fn describe_buffer(screen: &Screen, which: usize, out: &mut Vec<String>) {
    let (buffer, name) = (&screen.buffers[which], ["main", "other"][which]);
    out.push(format!("{name} region {} {}", buffer.top, buffer.bottom));
    let tabs: Vec<_> = (0..screen.cols).filter(|&x| buffer.is_tab(x)).map(|x| x.to_string()).collect();
    out.push(format!("{name} tabs {}", tabs.join(" ")));
    let saved = buffer.saved;
    let ink = pen::Ink { is_extended: false, ..saved.ink };
    let saved_look = look(screen, Pen { ink, ..Pen::default() }.style());
    let (x, y) = (saved.x.min(screen.cols - 1), saved.y.min(screen.rows - 1));
    out.push(format!("{name} saved {x} {y} {saved_look} {}", set(saved.charset)));
    for y in 0..buffer.grid.rows {
        let mut text = format!("{name} row {y} {}", if buffer.grid.is_wrapped(y) { "w" } else { "-" });
        for &cell in buffer.grid.row(y) {
            let mut bytes = Vec::new();
            if cell.has_content() {
                paint::content(cell, &screen.clusters, &mut bytes);
            }
            let content = String::from_utf8(bytes).unwrap();
            text += &format!(" {content}|{}|{}", cell.width(), look(screen, screen.styles.get(cell.style)));
        }
        out.push(text);
    }
}

fn describe(screen: &Screen) -> Vec<String> {
    let mut out = vec![format!("cursor {} {}", screen.x, screen.y), format!("active {}", screen.active)];
    out.push(format!("pen {}", look(screen, screen.pen.style())));
    let sets: String = screen.charsets.into_iter().map(set).collect();
    out.push(format!("charsets {sets} {} {}", screen.level, set(screen.charset)));
    out.push(format!("last {}", screen.last_width));
    let modes = &screen.modes;
    let on = |number| modes.is_on(number);
    let bits = [
        modes.inserts,
        modes.returns,
        on(1),
        on(66),
        on(2004),
        modes.origin,
        on(45),
        on(1004),
        on(2026),
        on(7),
        modes.cursor_is_hidden,
        on(12),
    ];
    let bits: Vec<_> = bits.iter().map(|&bit| u8::from(bit).to_string()).collect();
    let mouse = match modes.mouse {
        Mouse::None => "NONE",
        Mouse::X10 => "X10",
        Mouse::Presses => "VT200",
        Mouse::Drags => "DRAG",
        Mouse::Motion => "ANY",
    };
    let encoding = match modes.mouse_encoding {
        MouseEncoding::X10 => "DEFAULT",
        MouseEncoding::Sgr => "SGR",
        MouseEncoding::SgrPixels => "SGR_PIXELS",
    };
    let cursor = ["-", "block", "underline", "bar"][usize::from(modes.cursor_style).div_ceil(2)];
    let blinks = u8::from(modes.cursor_style % 2 == 1);
    out.push(format!("modes {} {mouse} {encoding} {cursor} {blinks}", bits.join(" ")));
    out.push(format!("title {}", screen.titles.window));
    out.push(format!("icon {}", screen.titles.icon));
    out.push(format!("titles {} {}", screen.titles.window_stack.join("|"), screen.titles.icon_stack.join("|")));
    describe_buffer(screen, 0, &mut out);
    describe_buffer(screen, 1, &mut out);
    out
}

// -- Streams. --

pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

const WORDS: &[&str] = &[
    "a",
    "bc",
    "hello",
    "x y z",
    "wrapping text that is long",
    "日本",
    "e\u{301}",
    "é",
    "😀",
    "ｗ",
    "─│",
    "\u{301}",
    "\u{200d}",
    "👩\u{200d}💻",
    "ｱ",
    "q",
    "한",
    "~",
    "@[]",
];

/// One sequence that programs use.
fn usual(random: &mut Random, out: &mut Vec<u8>) {
    let (a, b) = (random.below(14), random.below(28));
    let text = match random.below(34) {
        0..=9 => random.pick(WORDS).to_owned(),
        10..=12 => "\r\n".to_owned(),
        13 => random.pick(&["\r", "\n", "\t", "\x08", "\x07"]).to_owned(),
        14 => format!("\x1b[{a};{b}H"),
        15 => format!("\x1b[{a}{}", random.pick(&["A", "B", "C", "D", "G", "d", "E", "F"])),
        16 => format!("\x1b[{}{}", a % 3, random.pick(&["J", "K"])),
        17 => format!(
            "\x1b[{}m",
            random.pick(&["0", "1", "4", "7", "31", "42", "38;5;200", "1;3;91", "48;5;7", "", "39;49"])
        ),
        18 => format!("\x1b[38;2;{a};{b};3m"),
        19 => format!("\x1b[48;2;{a};{b};3m"),
        20 => format!("\x1b[{}m", random.pick(&["4:3", "22", "24", "27", "2", "9", "58;5;3", "53", "58:2::1:2:3"])),
        21 => random.pick(&["\x1b7", "\x1b8", "\x1bM", "\x1bD", "\x1bE"]).to_owned(),
        22 => format!("\x1b[{a};{b}r"),
        23 => "\x1b[r".to_owned(),
        24 => format!("\x1b[{}{}", a % 5, random.pick(&["L", "M", "P", "@", "X", "S", "T", "b"])),
        25 => format!(
            "\x1b[?{}{}",
            random.pick(&["25", "1", "2004", "1000", "1002", "1006", "2026", "1004", "7"]),
            random.pick(&["h", "l"])
        ),
        26 => random.pick(&["\x1b[?1049h", "\x1b[?1049l"]).to_owned(),
        27 => random
            .pick(&["\x1b]0;title\x07", "\x1b]2;other\x1b\\", "\x1b]8;;http://a/\x1b\\", "\x1b]8;;\x1b\\"])
            .to_owned(),
        28 => format!("\x1b[{} q", a % 7),
        29 => random.pick(&["\x1b(0", "\x1b(B", "\x1b[4h", "\x1b[4l", "\x1b=", "\x1b>"]).to_owned(),
        30 => random.pick(&["\x1b[6n", "\x1b[c", "\x1b]11;?\x07", "\x1b[?u", "\x1b[>1u", "\x1b[<u"]).to_owned(),
        _ => random.pick(WORDS).to_owned(),
    };
    out.extend_from_slice(text.as_bytes());
}

/// And those that hardly any does.
fn unusual(random: &mut Random, out: &mut Vec<u8>) {
    let (a, b) = (random.below(14), random.below(28));
    let text = match random.below(24) {
        0 => format!("\x1b[?6{}", random.pick(&["h", "l"])),
        1 => random.pick(&["\x1bc", "\x1b[!p", "\x1b#8", "\x1b[1\"q", "\x1b[0\"q"]).to_owned(),
        2 => {
            random.pick(&["\x0e", "\x0f", "\x1bn", "\x1bo", "\x1b)0", "\x1b*A", "\x1b+K", "\x1b~", "\x1b%G"]).to_owned()
        }
        3 => random.pick(&["\x1bH", "\x1b[g", "\x1b[3g", "\t\t", "\x1b[2I", "\x1b[2Z"]).to_owned(),
        4 => {
            format!("\x1b[?{}{}", random.pick(&["45", "66", "12", "1003", "9", "1016", "2"]), random.pick(&["h", "l"]))
        }
        5 => random
            .pick(&["\x1b[?47h", "\x1b[?47l", "\x1b[?1047h", "\x1b[?1047l", "\x1b[?1048h", "\x1b[?1048l"])
            .to_owned(),
        6 => {
            random.pick(&["\x1b[20h", "\x1b[20l", "\x1b[s", "\x1b[u", "\x1b[22t", "\x1b[23t", "\x1b[22;1t"]).to_owned()
        }
        7 => format!("\x1b[?{}{}", a % 3, random.pick(&["J", "K"])),
        8 => format!("\x1b[{}{}", a % 4, random.pick(&[" @", " A", "'}", "'~"])),
        9 => format!("\x1b[{}{}", b, random.pick(&["`", "a", "e", "f", "b", "b"])),
        10 => random.pick(&["\u{84}", "\u{85}", "\u{88}", "\u{9b}1m", "\u{9d}2;t\u{9c}", "\u{90}q\u{9c}"]).to_owned(),
        11 => random
            .pick(&["\x1b[1;\n2H", "\x1b[3\x18", "\x1b[é", "\x1b[1 1m", "\x1b[?1?h", "\x1b]0;\x18", "\x1b_Gé"])
            .to_owned(),
        12 => random
            .pick(&[
                "\x1b[38:5:9m",
                "\x1b[38:2:1:2:3m",
                "\x1b[48;2;1m",
                "\x1b[38;5m",
                "\x1b[4:9m",
                "\x1b[;;5m",
                "\x1b[59m",
            ])
            .to_owned(),
        13 => random
            .pick(&["\x7f", "\x1bP$qm\x1b\\", "\x1b_x\x1b\\", "\x1bXabc\x1b\\", "\x1b^q\x1bD", "\x1b]1;i\x07"])
            .to_owned(),
        14 => {
            out.extend_from_slice(random.pick(&[
                &b"\xff"[..],
                b"\xe3\x81",
                b"\xc2",
                b"\xf0\x9f",
                b"\x85",
                b"\xef\xbb\xbf",
                b"\xc0\x80",
            ]));
            return;
        }
        _ => return usual(random, out),
    };
    out.extend_from_slice(text.as_bytes());
}

struct Case {
    cols: usize,
    rows: usize,
    before: Vec<u8>,
    after: Vec<u8>,
}

fn case(seed: u64, all: bool) -> Case {
    let mut random = Random::new(seed);
    let (cols, rows) = (2 + random.below(24), 1 + random.below(9));
    let mut stream = Vec::new();
    for _ in 0..random.below(60) {
        if all { unusual(&mut random, &mut stream) } else { usual(&mut random, &mut stream) }
    }
    let cut = random.below(stream.len() + 1);
    let after = stream.split_off(cut);
    Case { cols, rows, before: stream, after }
}

fn screen_of(case: &Case, parts: &[&[u8]]) -> Screen {
    let mut screen = Screen::new(WinSize::clamped(case.rows as u16, case.cols as u16));
    for part in parts {
        screen.feed(part, &mut Heard::default());
    }
    screen
}

fn first_difference(what: &str, seed: u64, case: &Case, ours: &[String], theirs: &[String]) -> bool {
    if ours == theirs {
        return true;
    }
    let at = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs);
    let (ours, theirs) = at.map_or(("", "length"), |at| (&ours[at], &theirs[at]));
    eprintln!(
        "{what} {seed} {}x{}: {}  //  {}\n  this:   {ours}\n  oracle: {theirs}",
        case.cols,
        case.rows,
        case.before.escape_ascii(),
        case.after.escape_ascii()
    );
    false
}

fn streams(all: bool) {
    let Some(mut oracle) = Oracle::start() else { return };
    let count: u64 = std::env::var("COOP_ORACLE_STREAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    let from: u64 = std::env::var("COOP_ORACLE_FROM").ok().and_then(|from| from.parse().ok()).unwrap_or(0);
    let mut equal = [0; 4];
    for seed in from..from + count {
        let case = case(seed, all);
        let whole = [case.before.clone(), case.after.clone()].concat();
        let (before, mut snapshot) = (screen_of(&case, &[&case.before]), Vec::new());
        before.snapshot(&mut snapshot);
        let expected = oracle.state(case.cols, case.rows, &[Step::Write(whole.clone())]);
        if expected[0].split(' ').nth(1).unwrap().parse().is_ok_and(|x: usize| x > case.cols) {
            // A mark at a pending wrap with nothing to join: xterm.js leaves the screen.
            equal = equal.map(|count| count + 1);
            continue;
        }
        let ours = describe(&screen_of(&case, &[&case.before, &case.after]));
        equal[0] += u64::from(first_difference("screen", seed, &case, &ours, &expected));
        let mut ground = Vec::new();
        before.snapshot_without_held(&mut ground);
        let restored = oracle.state(case.cols, case.rows, &[Step::Write(ground)]);
        equal[1] += u64::from(first_difference("snapshot", seed, &case, &describe(&before), &restored));
        let rest = [snapshot.clone(), case.after.clone()].concat();
        let continued = oracle.state(case.cols, case.rows, &[Step::Write(rest)]);
        equal[2] += u64::from(first_difference("rest", seed, &case, &continued, &expected));
        let mut again = Vec::new();
        screen_of(&case, &[&snapshot]).snapshot(&mut again);
        equal[3] += u64::from(again == snapshot);
    }
    let [screens, snapshots, rests, agains] = equal;
    eprintln!(
        "{count}: screen {screens}, snapshot {snapshots}, snapshot and rest {rests}, snapshot of snapshot {agains}"
    );
    // What cannot be restored is told in `snapshot.rs`. Screens differ behind a mark at a pending wrap with nothing to
    // join, which makes xterm.js leave the screen.
    assert!(screens * 1000 >= count * 995);
    assert!(snapshots * 100 >= count * 98 && rests * 100 >= count * 98 && agains * 100 >= count * 98);
}

#[test]
fn the_screen_is_the_oracles_after_usual_streams() {
    streams(false);
}

#[test]
fn the_screen_is_the_oracles_after_any_streams() {
    streams(true);
}

#[test]
fn every_character_has_the_oracles_width() {
    let Some(mut oracle) = Oracle::start() else { return };
    let widths = oracle.ask(&serde_json::json!({ "widths": true })).concat();
    for (code, theirs) in (0x20_u32..).zip(widths.bytes()) {
        if !(0x7f..0xa0).contains(&code) {
            assert_eq!(width::width(code), usize::from(theirs - b'0'), "{code:x}");
        }
    }
}
