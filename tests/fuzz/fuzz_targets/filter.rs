//! What an attached client gets: it asks the terminal nothing and goes on whole wherever the output was cut. What is still
//! asked is told by a parser that is not ours, and by our own screen.
#![no_main]

use coop::name::WinSize;
use coop::term::filter::Filter;
use coop::term::screen::Heard;
use coop::term::screen::Screen;
use libfuzzer_sys::fuzz_target;

/// The first byte says how long the pieces are, and whether the clipboard is allowed.
fn run(input: &[u8]) {
    let Some((&first, output)) = input.split_first() else { return };
    let (clipboard, piece) = (first & 1 != 0, usize::from(first / 2).max(1));
    let (shown, held) = filtered(clipboard, output, output.len().max(1));
    // A string that was left open is closed.
    assert!(shown.len() + held <= 2 * output.len());
    assert_eq!(filtered(clipboard, output, piece), (shown.clone(), held), "the cuts matter");
    assert_eq!(filtered(clipboard, &shown, shown.len().max(1)), (shown.clone(), 0), "a second pass changes something");
    let mut heard = Heard::default();
    Screen::new(WinSize::DEFAULT).feed(&shown, &mut heard);
    assert!(heard.answers.is_empty(), "{:?} is asked for by {:?}", heard.answers, String::from_utf8_lossy(&shown));
    // Terminals do not agree on what a broken character does to a sequence.
    if output.is_ascii() {
        let mut asked = Asked::default();
        vte::Parser::new().advance(&mut asked, &shown);
        assert_eq!(asked.what, "", "{:?}", String::from_utf8_lossy(&shown));
    }
}

fn filtered(clipboard: bool, output: &[u8], piece: usize) -> (Vec<u8>, usize) {
    let (mut filter, mut shown) = (Filter::new(clipboard), Vec::new());
    output.chunks(piece).for_each(|part| filter.pass(part, &mut shown, |_| {}));
    (shown, filter.held())
}

/// What a terminal would have answered.
#[derive(Default)]
struct Asked {
    what: String,
}

impl vte::Perform for Asked {
    fn execute(&mut self, byte: u8) {
        if byte == 0x05 {
            self.what += "ENQ ";
        }
    }

    fn csi_dispatch(&mut self, _: &vte::Params, intermediates: &[u8], ignored: bool, action: char) {
        if !ignored && matches!((intermediates, action), ([] | [b'?' | b'>' | b'='], 'c') | ([] | [b'?'], 'n')) {
            self.what += &format!("CSI {action} ");
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignored: bool, byte: u8) {
        if !ignored && intermediates.is_empty() && byte == b'Z' {
            self.what += "ESC Z ";
        }
    }
}

fuzz_target!(|input: &[u8]| run(input));
