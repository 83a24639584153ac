//! Bytes that draw cells.

use super::Screen;
use super::clusters::Clusters;
use super::grid::CLUSTER;
use super::grid::CODE;
use super::grid::Cell;
use super::links::Links;
use super::style;
use super::style::MODE;
use super::style::P16;
use super::style::P256;
use super::style::RGB;
use super::style::Style;
use super::style::Styles;
use std::io::Write as _;
use std::ops::Range;

type Tables<'a> = (&'a Styles, &'a Clusters, &'a Links);

/// How many cells of a row are not empty at its end.
pub fn trimmed(row: &[Cell]) -> usize {
    row.iter().rposition(|cell| cell.has_content()).map_or(0, |at| at + row[at].width().max(1)).min(row.len())
}

pub fn text(cells: &[Cell], clusters: &Clusters, out: &mut Vec<u8>) {
    for cell in cells {
        if cell.has_content() {
            content(*cell, clusters, out);
        } else if cell.width() == 1 {
            out.push(b' ');
        }
    }
}

pub fn content(cell: Cell, clusters: &Clusters, out: &mut Vec<u8>) {
    if cell.content & CLUSTER != 0 {
        out.extend_from_slice(clusters.text(cell).as_bytes());
    } else if let Some(c) = char::from_u32(cell.content & CODE) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Writes to a vector, which cannot fail.
pub fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a vector takes all");
}

/// Parameters of SGR behind a `0`.
pub fn sgr(style: &Style, out: &mut Vec<u8>) {
    const FLAGS: [(u16, &[u8]); 8] = [
        (style::BOLD, b";1"),
        (style::DIM, b";2"),
        (style::ITALIC, b";3"),
        (style::BLINK, b";5"),
        (style::INVERSE, b";7"),
        (style::HIDDEN, b";8"),
        (style::STRIKE, b";9"),
        (style::OVERLINE, b";53"),
    ];
    for (flag, number) in FLAGS {
        if style.flags & flag != 0 {
            out.extend_from_slice(number);
        }
    }
    match style.underline {
        0 => {}
        1 => out.extend_from_slice(b";4"),
        other => put(out, format_args!(";4:{other}")),
    }
    colour(style.fg, 38, out);
    colour(style.bg, 48, out);
    colour(style.underline_colour, 58, out);
}

fn colour(colour: u32, number: u32, out: &mut Vec<u8>) {
    let value = colour & 0xff_ffff;
    match colour & MODE {
        P16 if value < 8 => put(out, format_args!(";{}", number - 8 + value)),
        P16 => put(out, format_args!(";{}", number + 44 + value)),
        P256 => put(out, format_args!(";{number};5;{value}")),
        RGB => put(out, format_args!(";{number};2;{};{};{}", value >> 16, value >> 8 & 0xff, value & 0xff)),
        _ => {}
    }
}

/// What a terminal prints with at the moment, as far as drawing has set it.
#[derive(Clone, Debug, Default)]
pub struct Brush {
    word: u32,
    style: Style,
}

impl Brush {
    pub fn select(&mut self, word: u32, styles: &Styles, links: &Links, out: &mut Vec<u8>) {
        if word != self.word {
            self.set(styles.get(word), links, out);
            self.word = word;
        }
    }

    /// For a style without a word; none must be selected by word before [`neutral`](Self::neutral).
    pub fn set(&mut self, style: Style, links: &Links, out: &mut Vec<u8>) {
        let old = self.style;
        if style == old {
            return;
        }
        if (Style { link: 0, ..style }) != (Style { link: 0, ..old }) {
            out.extend_from_slice(b"\x1b[");
            let at = out.len();
            sgr(&style, out);
            if (Style { link: 0, ..old }) != Style::default() {
                out.insert(at, b'0');
            } else if out.len() > at {
                out.remove(at); // the `;` before the first
            }
            out.push(b'm');
            if style.flags & style::PROTECTED != 0 {
                out.extend_from_slice(b"\x1b[1\"q");
            }
        }
        if style.link != old.link {
            link(style.link, links, out);
        }
        self.style = style;
    }

    pub fn neutral(&mut self, out: &mut Vec<u8>) {
        if self.style != Style::default() {
            out.extend_from_slice(b"\x1b[m");
        }
        if self.style.link != 0 {
            out.extend_from_slice(b"\x1b]8;;\x1b\\");
        }
        *self = Self::default();
    }

    /// Draws cells from the cursor on; empty ones as spaces.
    pub fn cells(&mut self, cells: &[Cell], tables: Tables<'_>, out: &mut Vec<u8>) {
        let (styles, clusters, links) = tables;
        for cell in cells {
            if cell.content == 0 {
                continue;
            }
            self.select(cell.style, styles, links, out);
            if cell.has_content() {
                content(*cell, clusters, out);
            } else {
                out.push(b' ');
            }
        }
    }
}

pub fn link(link: u16, links: &Links, out: &mut Vec<u8>) {
    match links.get(link) {
        Some(("", uri)) => put(out, format_args!("\x1b]8;;{uri}\x1b\\")),
        Some((id, uri)) => put(out, format_args!("\x1b]8;id={id};{uri}\x1b\\")),
        None => out.extend_from_slice(b"\x1b]8;;\x1b\\"),
    }
}

impl Screen {
    /// The text of row `y` without the empty cells at its end.
    pub fn row_text(&self, y: usize) -> String {
        let mut out = Vec::new();
        if y < self.rows {
            let row = self.grid().row(y);
            text(&row[..trimmed(row)], &self.clusters, &mut out);
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Draws columns of row `y` from the cursor on, in a neutral style before and after. A wide character that the range
    /// cuts is left out.
    pub fn paint_row(&self, y: usize, columns: Range<usize>, out: &mut Vec<u8>) {
        if y >= self.rows {
            return;
        }
        let row = self.grid().row(y);
        let (start, end) = (columns.start.min(self.cols), columns.end.min(self.cols));
        let mut brush = Brush::default();
        for (x, cell) in row.iter().enumerate().take(end).skip(start) {
            let is_cut = (x + cell.width() > end) || (x == start && cell.content == 0);
            let cell = if is_cut { Cell::null(cell.style) } else { *cell };
            brush.cells(&[cell], (&self.styles, &self.clusters, &self.links), out);
        }
        brush.neutral(out);
    }
}
