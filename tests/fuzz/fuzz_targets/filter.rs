//! Output that is shown a second time: it asks the terminal nothing, loses nothing else, and goes on whole wherever it
//! was cut. What is still asked is told by a parser that is not ours.
#![no_main]

use coop::term::queries::without_queries;
use libfuzzer_sys::fuzz_target;

/// The first byte says where the output is cut.
fn run(input: &[u8]) {
    let Some((&cut, output)) = input.split_first() else { return };
    let (shown, unfinished) = without_queries(output);
    assert!(shown.len() + unfinished <= output.len());
    assert!(is_part_of(&shown, &output[..output.len() - unfinished]));
    cut_anywhere(output, usize::from(cut).min(output.len()));
    // Terminals do not agree on what a broken character does to a sequence.
    if output.is_ascii() {
        assert_eq!(without_queries(&shown), (shown.clone(), 0), "a second pass changes something");
        let mut asked = Asked::default();
        vte::Parser::new().advance(&mut asked, &shown);
        assert_eq!(asked.what, "", "{:?}", String::from_utf8_lossy(&shown));
    }
}

/// A client sees the first part filtered, and the stream goes on at the bytes that were held back.
fn cut_anywhere(output: &[u8], cut: usize) {
    let (mut shown, held) = without_queries(&output[..cut]);
    let (rest, unfinished) = without_queries(&output[cut - held..]);
    shown.extend(rest);
    assert_eq!((shown, unfinished), without_queries(output), "cut at {cut}");
}

fn is_part_of(part: &[u8], whole: &[u8]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|byte| whole.any(|other| other == byte))
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
