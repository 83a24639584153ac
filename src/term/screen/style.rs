//! How characters look, and the words that cells keep of it.
//!
//! A style without true colour, link and fancy underline *is* its word; any other is the index of a table, which is swept
//! of unused ones, so it never holds more than the cells of both screens, a quarter more, and [`STYLES_MAX`]. A style may
//! stand in it more than once: looking for it in all of the table would cost more than the sweeps do.

/// Colours are a mode in bits 24-25 and a value below, as in xterm.js.
pub const DEFAULT: u32 = 0;
pub const P16: u32 = 1 << 24;
pub const P256: u32 = 2 << 24;
pub const RGB: u32 = 3 << 24;
pub const MODE: u32 = 3 << 24;

pub const BOLD: u16 = 1;
pub const DIM: u16 = 2;
pub const ITALIC: u16 = 4;
pub const BLINK: u16 = 8;
pub const INVERSE: u16 = 16;
pub const HIDDEN: u16 = 32;
pub const STRIKE: u16 = 64;
pub const OVERLINE: u16 = 128;
/// DECSCA.
pub const PROTECTED: u16 = 256;

/// Most styles that the table holds; more lose their true colours.
const STYLES_MAX: usize = 1 << 17;
/// New styles between two sweeps, at least.
const SWEEP_LEAST: usize = 256;
const TABLE: u32 = 1 << 31;
const FLAGS_SHIFT: u32 = 18;
const UNDERLINED: u32 = 1 << 30;
const CACHE: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub fg: u32,
    pub bg: u32,
    pub underline_colour: u32,
    pub flags: u16,
    /// Number of a hyperlink, 0 for none.
    pub link: u16,
    /// 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed.
    pub underline: u8,
}

impl Style {
    pub fn background(bg: u32) -> Self {
        Self { bg, ..Self::default() }
    }

    /// That of a style which needs no table.
    #[inline]
    pub fn word(&self) -> Option<u32> {
        let is_simple = self.fg & MODE != RGB
            && self.bg & MODE != RGB
            && self.underline <= 1
            && self.link == 0
            && self.underline_colour == DEFAULT;
        is_simple.then(|| self.pack())
    }

    /// Without what needs the table.
    fn simplified(self) -> Self {
        let plain = |colour: u32| if colour & MODE == RGB { DEFAULT } else { colour };
        Self {
            fg: plain(self.fg),
            bg: plain(self.bg),
            underline_colour: DEFAULT,
            link: 0,
            underline: self.underline.min(1),
            ..self
        }
    }

    fn pack(&self) -> u32 {
        let underlined = if self.underline == 0 { 0 } else { UNDERLINED };
        underlined | u32::from(self.flags) << FLAGS_SHIFT | pack_colour(self.bg) << 9 | pack_colour(self.fg)
    }

    fn unpack(word: u32) -> Self {
        Self {
            fg: unpack_colour(word & 0x1ff),
            bg: unpack_colour(word >> 9 & 0x1ff),
            underline_colour: DEFAULT,
            flags: (word >> FLAGS_SHIFT & 0x1ff) as u16,
            link: 0,
            underline: u8::from(word & UNDERLINED != 0),
        }
    }

    fn hash(&self) -> usize {
        let mix = |hash: u64, part: u32| (hash ^ u64::from(part)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let rest = u32::from(self.flags) << 16 ^ u32::from(self.link) << 3 ^ u32::from(self.underline);
        let hash = mix(mix(mix(mix(0, self.fg), self.bg), self.underline_colour), rest);
        (hash >> 20) as usize % CACHE
    }
}

fn pack_colour(colour: u32) -> u32 {
    match colour & MODE {
        P16 => 1 + (colour & 0xff),
        P256 => 17 + (colour & 0xff),
        _ => 0,
    }
}

fn unpack_colour(packed: u32) -> u32 {
    match packed {
        0 => DEFAULT,
        1..=16 => P16 | (packed - 1),
        _ => P256 | (packed - 17),
    }
}

#[derive(Clone, Debug)]
pub struct Styles {
    pub(super) table: Vec<Style>,
    free: Vec<u32>,
    /// The newest.
    cache: [(Style, u32); CACHE],
    /// How many may be in use before the next sweep.
    sweep_at: usize,
    /// Styles that there was no room for since the last one.
    refused: u32,
}

impl Styles {
    pub fn new() -> Self {
        Self {
            table: Vec::new(),
            free: Vec::new(),
            cache: [(Style::default(), 0); CACHE],
            sweep_at: SWEEP_LEAST,
            refused: 0,
        }
    }

    pub fn get(&self, word: u32) -> Style {
        if word & TABLE == 0 { Style::unpack(word) } else { self.table[(word & !TABLE) as usize] }
    }

    /// Whether unused styles should be swept before the next [`word`](Self::word).
    pub fn is_crowded(&self) -> bool {
        const REFUSED: u32 = 4096;
        self.free.is_empty() && self.table.len() >= self.sweep_at || self.refused >= REFUSED
    }

    pub fn word(&mut self, style: Style) -> u32 {
        if let Some(word) = style.word() {
            return word;
        }
        let slot = style.hash();
        if self.cache[slot].0 == style {
            return self.cache[slot].1;
        }
        let word = match self.free.pop() {
            Some(word) => word,
            None if self.table.len() >= STYLES_MAX => {
                self.refused += 1;
                return style.simplified().pack();
            }
            None => {
                self.table.push(style);
                TABLE | (self.table.len() - 1) as u32
            }
        };
        self.table[(word & !TABLE) as usize] = style;
        self.cache[slot] = (style, word);
        word
    }

    /// Frees the styles that none of `words` names.
    pub fn sweep(&mut self, words: impl Iterator<Item = u32>) {
        let mut used = vec![false; self.table.len()];
        words.filter(|word| word & TABLE != 0).for_each(|word| used[(word & !TABLE) as usize] = true);
        self.free.clear();
        self.refused = 0;
        for (at, style) in self.table.iter_mut().enumerate().filter(|(at, _)| !used[*at]) {
            self.free.push(TABLE | at as u32);
            *style = Style::default();
        }
        self.cache = [(Style::default(), 0); CACHE];
        let live = self.table.len() - self.free.len();
        self.sweep_at = (live + (live / 4).max(SWEEP_LEAST)).min(STYLES_MAX);
        if self.free.is_empty() {
            self.sweep_at = self.sweep_at.max(self.table.len() + 1);
        }
    }

    /// Of the styles of the table, used or not.
    pub fn links(&self) -> impl Iterator<Item = u16> {
        self.table.iter().map(|style| style.link)
    }
}
