//! Strings: titles, links, colours, notifications.

use super::Screen;
use super::colours;
use super::heard::Heard;
use super::heard::Signal;
use super::heard::clean;
use super::heard::signal_text;
use crate::term::framer::Kind;
use crate::term::framer::Params;

/// Longest title in bytes.
const TITLE_MAX_BYTES: usize = 1024;
/// Deepest stack of titles: xterm's.
const TITLES_MAX: usize = 10;
/// Longest payload of OSC 7501 in bytes.
const STATUS_MAX_BYTES: usize = 4096;

#[derive(Clone, Debug, Default)]
pub struct Titles {
    pub window: String,
    pub icon: String,
    pub window_stack: Vec<String>,
    pub icon_stack: Vec<String>,
}

fn push(stack: &mut Vec<String>, title: &str) {
    if stack.len() == TITLES_MAX {
        stack.remove(0);
    }
    stack.push(title.to_owned());
}

/// The number before the first `;` and what is behind it.
fn numbered(body: &[u8]) -> Option<(u32, &[u8])> {
    let end = body.iter().position(|&b| b == b';').unwrap_or(body.len());
    let number = std::str::from_utf8(&body[..end]).ok()?.parse().ok()?;
    Some((number, body.get(end + 1..).unwrap_or_default()))
}

impl Screen {
    pub(super) fn string(&mut self, kind: Kind, body: &[u8], ended_by_bell: bool, heard: &mut Heard) {
        match kind {
            Kind::Osc => {
                if let Some((number, text)) = numbered(body) {
                    self.osc(number, text, ended_by_bell, heard);
                }
            }
            Kind::Dcs => self.dcs(body, heard),
            Kind::Apc | Kind::Other => {}
        }
    }

    fn osc(&mut self, number: u32, text: &[u8], ended_by_bell: bool, heard: &mut Heard) {
        match number {
            0 | 2 => {
                if number == 0 {
                    self.titles.icon = clean(text, TITLE_MAX_BYTES);
                }
                self.set_title(clean(text, TITLE_MAX_BYTES), heard);
            }
            1 => self.titles.icon = clean(text, TITLE_MAX_BYTES),
            4 => self.palette(text, ended_by_bell, heard),
            8 => self.link(text),
            9 if !text.starts_with(b"4;") && text != b"4" => notify(b"", text, heard),
            10..=19 => self.special_colours(number, text, ended_by_bell, heard),
            99 => notify_kitty(text, heard),
            104 => self.reset_palette(text),
            110..=112 => self.colours.set[number as usize - 110] = None,
            133 if text.first() == Some(&b'A') && matches!(text.get(1), None | Some(b';')) => {
                heard.signal(Signal::Prompt);
            }
            777 => {
                if let Some(rest) = text.strip_prefix(b"notify;") {
                    let end = rest.iter().position(|&b| b == b';').unwrap_or(rest.len());
                    notify(&rest[..end], rest.get(end + 1..).unwrap_or_default(), heard);
                }
            }
            7501 if text == b"?" => heard.answer(b"\x1b]7501;?\x1b\\"),
            7501 if text.len() <= STATUS_MAX_BYTES => {
                heard.signal(Signal::ProgramStatus(clean(text, STATUS_MAX_BYTES)));
            }
            _ => {}
        }
    }

    fn set_title(&mut self, title: String, heard: &mut Heard) {
        if title != self.titles.window {
            heard.signal(Signal::Title(title.clone()));
            self.titles.window = title;
        }
    }

    /// XTWINOPS: the title stacks, and reports.
    pub(super) fn window(&mut self, params: &Params, heard: &mut Heard) {
        let which = params.get(1);
        let (window, icon) = (matches!(which, 0 | 2), matches!(which, 0 | 1));
        match params.get(0) {
            22 => {
                let titles = &mut self.titles;
                if window {
                    push(&mut titles.window_stack, &titles.window);
                }
                if icon {
                    push(&mut titles.icon_stack, &titles.icon);
                }
            }
            23 => {
                if let Some(title) = window.then(|| self.titles.window_stack.pop()).flatten() {
                    self.set_title(title, heard);
                }
                if let Some(title) = icon.then(|| self.titles.icon_stack.pop()).flatten() {
                    self.titles.icon = title;
                }
            }
            number => self.report_window(number, which, heard),
        }
    }

    /// OSC 8.
    fn link(&mut self, text: &[u8]) {
        let Some(end) = text.iter().position(|&b| b == b';') else { return };
        let (params, uri) = (&text[..end], clean(&text[end + 1..], usize::MAX));
        if uri.is_empty() {
            if params.trim_ascii().is_empty() {
                self.change_pen(|pen| pen.set_link(0));
            }
            return;
        }
        let id = params.split(|&b| b == b':').find_map(|param| param.strip_prefix(b"id=")).unwrap_or_default();
        let id = clean(id, usize::MAX).replace([':', ';'], "");
        let mut link = self.links.number(&id, &uri);
        if link.is_none() && self.links.may_sweep() {
            let cells = self.buffers.iter().flat_map(|buffer| buffer.grid.cells());
            self.styles.sweep(cells.map(|cell| cell.style));
            self.pen_word = None;
            let Screen { links, styles, pen, .. } = self;
            links.sweep(styles.links().chain([pen.link]));
            link = self.links.number(&id, &uri);
        }
        let link = link.unwrap_or(0);
        self.change_pen(|pen| pen.set_link(link));
    }

    fn palette(&mut self, text: &[u8], ended_by_bell: bool, heard: &mut Heard) {
        let mut fields = text.split(|&b| b == b';');
        while let (Some(index), Some(spec)) = (fields.next(), fields.next()) {
            let Some(index) = std::str::from_utf8(index).ok().and_then(|index| index.parse::<u8>().ok()) else {
                continue;
            };
            if spec == b"?" {
                let colour = self.colours.palette(index);
                self.report_colour(&format!("4;{index}"), colour, ended_by_bell, heard);
            } else if let Some(colour) = colours::parse(spec) {
                self.colours.set_palette(index, Some(colour));
            }
        }
    }

    fn reset_palette(&mut self, text: &[u8]) {
        if text.is_empty() {
            return self.colours.reset_palette();
        }
        let numbers = text.split(|&b| b == b';').filter_map(|index| std::str::from_utf8(index).ok()?.parse().ok());
        numbers.for_each(|index| self.colours.set_palette(index, None));
    }

    fn special_colours(&mut self, number: u32, text: &[u8], ended_by_bell: bool, heard: &mut Heard) {
        // Further values are for the numbers that follow.
        for (number, spec) in (number..=19).zip(text.split(|&b| b == b';')) {
            // Pointer, Tektronix and highlighting (13-19) have the text's colours, or what is under them the other way.
            let which = match number {
                10 | 13 | 15 | 17 => 0,
                11 | 14 | 16 | 19 => 1,
                _ => 2,
            };
            if spec == b"?" {
                self.report_colour(&number.to_string(), self.colours.special(which), ended_by_bell, heard);
            } else if let Some(colour) = colours::parse(spec).filter(|_| number <= 12) {
                self.colours.set[which] = Some(colour);
            }
        }
    }
}

fn notify(title: &[u8], text: &[u8], heard: &mut Heard) {
    let (title, text) = (signal_text(title), signal_text(text));
    if !title.is_empty() || !text.is_empty() {
        heard.signal(Signal::Notification { title, text });
    }
}

/// OSC 99 (<https://sw.kovidgoyal.net/kitty/desktop-notifications/>): plain titles and bodies, each for itself.
fn notify_kitty(text: &[u8], heard: &mut Heard) {
    let Some(end) = text.iter().position(|&b| b == b';') else { return };
    let (params, payload) = (&text[..end], &text[end + 1..]);
    let value = |key: &[u8]| params.split(|&b| b == b':').find_map(|param| param.strip_prefix(key));
    if value(b"e=") == Some(b"1") {
        return; // base64
    }
    match value(b"p=") {
        None | Some(b"title") => notify(payload, b"", heard),
        Some(b"body") => notify(b"", payload, heard),
        _ => {}
    }
}
