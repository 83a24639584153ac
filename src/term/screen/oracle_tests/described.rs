//! The screen's state in the oracle's notation.

use super::super::*;
use crate::term::screen::mode::Mouse;
use crate::term::screen::mode::MouseEncoding;

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
        let (mut before, mut word) = (String::new(), None);
        for &cell in buffer.grid.row(y) {
            let mut bytes = Vec::new();
            if cell.has_content() {
                paint::content(cell, &screen.clusters, &mut bytes);
            }
            text.push(' ');
            text += std::str::from_utf8(&bytes).unwrap();
            text.push(['0', '|', '2', '3'][cell.width()]);
            if word != Some(cell.style) {
                word = Some(cell.style);
                let now = look(screen, screen.styles.get(cell.style));
                if now != before {
                    text += &now;
                    before = now;
                }
            }
        }
        out.push(text);
    }
}

pub fn describe(screen: &Screen) -> Vec<String> {
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
