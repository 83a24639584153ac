//! Whatever is typed: nothing is made up, nothing but the detach keys is swallowed, and the cuts between reads matter
//! only behind an ESC.
#![no_main]

use coop::session::spec::DetachKey;
use coop::term::keys::DetachKeys;
use coop::term::keys::Typed;
use libfuzzer_sys::fuzz_target;

const ESC: u8 = 0x1b;

/// The first byte is the detach key, the second says how long the pieces are.
fn run(input: &[u8]) {
    let [key, piece, input @ ..] = input else { return };
    let key = DetachKey(key % 0x1f + 1);
    let whole = typed(key, &mut std::iter::once(input));
    check(key, input, &whole);
    let torn = typed(key, &mut input.chunks(usize::from(*piece).max(1)));
    check(key, input, &torn);
    // A lone ESC is the Escape key and is sent at once; everywhere else a cut changes nothing.
    let mut keys_whole = Vec::new();
    let mut start = 0;
    for at in (0..input.len()).step_by(usize::from(*piece).max(1)).filter(|&at| at > 0 && input[at - 1] != ESC) {
        keys_whole.push(&input[start..at]);
        start = at;
    }
    keys_whole.push(&input[start..]);
    if input.last() != Some(&ESC) && key.0 != ESC {
        assert_eq!(typed(key, &mut keys_whole.into_iter()), whole, "the cuts matter");
    }
}

/// What comes of it up to a detach, with neighbouring bytes joined.
fn typed(key: DetachKey, parts: &mut dyn Iterator<Item = &[u8]>) -> Vec<Typed> {
    let mut keys = DetachKeys::new(key);
    let mut all: Vec<Typed> = Vec::new();
    for part in parts {
        for what in keys.feed(part) {
            join(&mut all, what);
            if all.last() == Some(&Typed::Detach) {
                return all;
            }
        }
    }
    assert_eq!(keys.is_holding(), !keys.clone().flush().is_empty());
    join(&mut all, Typed::Bytes(keys.flush()));
    assert!(!keys.is_holding());
    all
}

fn join(all: &mut Vec<Typed>, what: Typed) {
    match (all.last_mut(), what) {
        (_, Typed::Bytes(more)) if more.is_empty() => {}
        (Some(Typed::Bytes(last)), Typed::Bytes(more)) => last.extend(more),
        (_, what) => all.push(what),
    }
}

fn check(key: DetachKey, input: &[u8], all: &[Typed]) {
    let sent: Vec<u8> = all
        .iter()
        .filter_map(|what| if let Typed::Bytes(b) = what { Some(b) } else { None })
        .flatten()
        .copied()
        .collect();
    // Not in its order: a key release passes the detach key that waits for the next key.
    let mut typed = [0; 256];
    input.iter().for_each(|&byte| typed[usize::from(byte)] += 1);
    for &byte in &sent {
        typed[usize::from(byte)] -= 1;
        assert!(typed[usize::from(byte)] >= 0, "something was made up");
    }
    let key_possible = input.contains(&key.0) || input.contains(&ESC);
    assert!(key_possible || sent == input, "something was swallowed");
}

fuzz_target!(|input: &[u8]| run(input));
