//! Random streams.

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
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
pub fn usual(random: &mut Random, out: &mut Vec<u8>) {
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
pub fn unusual(random: &mut Random, out: &mut Vec<u8>) {
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
