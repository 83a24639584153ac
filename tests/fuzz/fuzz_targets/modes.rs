//! Whatever a program writes: the cuts between reads change nothing, and behind a restore there is nothing to restore.
#![no_main]

use coop::term::modes::ModeTracker;
use libfuzzer_sys::fuzz_target;

/// The longest answer there can be: every mode, stack and title once.
const ANSWER_BYTES_MAX: usize = 4096;

/// The first byte says how long the pieces are.
fn run(input: &[u8]) {
    let Some((&piece, output)) = input.split_first() else { return };
    let mut whole = ModeTracker::new();
    whole.feed(output);
    let mut pieces = ModeTracker::new();
    output.chunks(usize::from(piece).max(1)).for_each(|part| pieces.feed(part));
    let told = |tracker: &ModeTracker| (tracker.restore(), tracker.at_ground(), tracker.in_alternate_screen());
    assert_eq!(told(&whole), told(&pieces), "the cuts matter");
    let restore = whole.restore();
    assert!(restore.len() <= ANSWER_BYTES_MAX);
    whole.feed(&restore);
    assert_eq!(whole.restore(), b"", "a restore leaves something");
}

fuzz_target!(|input: &[u8]| run(input));
