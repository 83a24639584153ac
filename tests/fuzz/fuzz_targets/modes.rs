//! Whatever a program writes: the cuts between reads change nothing, and behind a restore there is nothing to restore.
#![no_main]

use coop::daemon::opening;
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
    let told = |tracker: &ModeTracker| {
        (tracker.restore(), tracker.replay(), tracker.at_ground(), tracker.in_alternate_screen())
    };
    assert_eq!(told(&whole), told(&pieces), "the cuts matter");
    let (restore, replay) = (whole.restore(), whole.replay());
    assert!(restore.len().max(replay.len()) <= ANSWER_BYTES_MAX);
    let mut copy = ModeTracker::new();
    copy.feed(&replay);
    assert!(copy.at_ground());
    assert_eq!(copy.replay(), replay, "a replay makes other modes");
    whole.feed(&restore);
    assert_eq!((whole.restore(), whole.replay()), (Vec::new(), Vec::new()), "a restore leaves something");
    open(output);
}

fn open(output: &[u8]) {
    for opening in [opening::on_attach(output), opening::on_skip(output)] {
        assert!(opening.resume_before_end <= output.len());
    }
}

fuzz_target!(|input: &[u8]| run(input));
