//! What a terminal shows, as text that can be compared: cells with their attributes, cursor, modes.

use std::fmt::Write;

/// A picture of a screen, line by line; blanks that nothing can be seen of are left out.
pub fn of(screen: &vt100::Screen) -> String {
    let (rows, cols) = screen.size();
    let mut text = String::new();
    for row in 0..rows {
        let mut line = String::new();
        let mut style = String::new();
        for col in 0..cols {
            let cell = screen.cell(row, col).unwrap();
            if cell.is_wide_continuation() {
                continue;
            }
            let now = style_of(cell);
            if now != style {
                write!(line, "<{now}>").unwrap();
                style = now;
            }
            line.push_str(if cell.has_contents() { cell.contents() } else { " " });
        }
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    let cursor = screen.cursor_position();
    writeln!(text, "cursor {cursor:?} hidden={}", screen.hide_cursor()).unwrap();
    let pen =
        (screen.fgcolor(), screen.bgcolor(), screen.bold(), screen.italic(), screen.underline(), screen.inverse());
    writeln!(text, "pen {pen:?}").unwrap();
    // Not the keypad's mode: it is restored by DECNKM, which this emulator does not know.
    let keys = (screen.application_cursor(), screen.bracketed_paste());
    let mouse = (screen.mouse_protocol_mode(), screen.mouse_protocol_encoding());
    writeln!(text, "alternate={} keys={keys:?} mouse={mouse:?}", screen.alternate_screen()).unwrap();
    text
}

/// The picture that a terminal of this size shows of `bytes`.
pub fn painted(rows: u16, cols: u16, bytes: &[u8]) -> String {
    let mut parser = vt100::Parser::new(rows, cols, 0);
    parser.process(bytes);
    of(parser.screen())
}

/// The lines in which two pictures differ.
pub fn difference(is: &str, wanted: &str) -> String {
    let pairs = is.lines().zip(wanted.lines()).enumerate().filter(|(_, (is, wanted))| is != wanted);
    pairs.map(|(n, (is, wanted))| format!("line {n} is     {is:?}\n        wanted {wanted:?}\n")).collect()
}

fn style_of(cell: &vt100::Cell) -> String {
    let mut style = String::new();
    let is_blank = !cell.has_contents() || cell.contents() == " ";
    if is_blank && !cell.inverse() && !cell.underline() {
        return match cell.bgcolor() {
            vt100::Color::Default => style,
            colour => format!("on {colour:?} "),
        };
    }
    if cell.fgcolor() != vt100::Color::Default {
        write!(style, "{:?} ", cell.fgcolor()).unwrap();
    }
    if cell.bgcolor() != vt100::Color::Default {
        write!(style, "on {:?} ", cell.bgcolor()).unwrap();
    }
    let flags =
        [(cell.bold(), "bold "), (cell.dim(), "dim "), (cell.italic(), "italic "), (cell.inverse(), "inverse ")];
    flags.iter().filter(|(is_on, _)| *is_on).for_each(|(_, word)| style.push_str(word));
    if cell.underline() {
        style.push_str("underline ");
    }
    style
}
