use super::*;
use proptest::prelude::*;

const KEY: &[u8] = b"\x1d";
const KITTY: &[u8] = b"\x1b[93;5u";
const XTERM: &[u8] = b"\x1b[27;5;93~";

fn typed(input: &[u8]) -> Vec<Typed> {
    DetachKeys::new(DetachKey::DEFAULT).feed(input)
}

fn bytes(bytes: &[u8]) -> Vec<Typed> {
    vec![Typed::Bytes(bytes.to_vec())]
}

/// Feeds `input` in pieces and joins what comes out.
fn typed_in_pieces(key: DetachKey, input: &[u8], lengths: &[usize]) -> Vec<Typed> {
    let (mut keys, mut out, mut rest) = (DetachKeys::new(key), Vec::new(), input);
    for length in lengths.iter().copied().chain([input.len()]) {
        let (piece, tail) = rest.split_at(length.min(rest.len()));
        rest = tail;
        for one in keys.feed(piece) {
            match one {
                Typed::Bytes(bytes) => send(&mut out, &bytes),
                other => out.push(other),
            }
        }
    }
    send(&mut out, &keys.flush());
    out
}

fn every_key() -> impl Iterator<Item = &'static [u8]> {
    [KEY, KITTY, b"\x1b[93;5:1u", b"\x1b[93:125:93;69u", b"\x1b[1098::93;5u", XTERM].into_iter()
}

#[test]
fn the_key_then_d_detaches_in_every_encoding() {
    let ds: [&[u8]; 8] =
        [b"d", b"D", b"\x04", b"\x1b[100u", b"\x1b[100;5u", b"\x1b[100:68;2u", b"\x1b[68;2:1u", b"\x1b[27;5;100~"];
    for key in every_key() {
        for d in ds {
            assert_eq!(typed(&[key, d].concat()), [Typed::Detach], "{:?} {:?}", key.escape_ascii(), d.escape_ascii());
        }
    }
}

#[test]
fn the_key_then_a_question_mark_helps_in_every_encoding() {
    let marks: [&[u8]; 7] =
        [b"?", b"\x1b[63u", b"\x1b[63;2u", b"\x1b[47;2u", b"\x1b[47:63;2u", b"\x1b[223:63;2u", b"\x1b[27;2;63~"];
    for key in every_key() {
        for mark in marks {
            assert_eq!(typed(&[key, mark].concat()), [Typed::Help], "{:?}", mark.escape_ascii());
        }
    }
}

#[test]
fn the_key_typed_twice_is_sent_once() {
    for key in every_key() {
        assert_eq!(typed(&[key, key].concat()), bytes(key));
        assert_eq!(typed(&[key, key, key, b"d"].concat()), [bytes(key), vec![Typed::Detach]].concat());
    }
}

#[test]
fn the_key_then_anything_else_is_sent_unchanged() {
    for key in every_key() {
        for other in [&b"x"[..], b"\x1b[A", b"\x1bd", b"\xc3\xa9", b"\x1b[100;3u", b"\x1b]11;rgb:dd\x1b\\"] {
            let input = [key, other, b"d?"].concat();
            assert_eq!(typed(&input), bytes(&input), "{:?}", input.escape_ascii());
        }
    }
}

#[test]
fn the_key_waits_for_the_next_one_over_reads_and_flushes() {
    for key in every_key() {
        let mut keys = DetachKeys::new(DetachKey::DEFAULT);
        assert_eq!(keys.feed(key), []);
        assert!(!keys.is_holding());
        assert_eq!(keys.flush(), b"");
        assert_eq!(keys.feed(b"d"), [Typed::Detach]);
    }
}

#[test]
fn releases_modifiers_and_the_mouse_do_not_come_between() {
    for aside in
        [&b"\x1b[93;5:3u"[..], b"\x1b[57442;1:3u", b"\x1b[57441;2u", b"\x1b[<35;7;9M", b"\x1b[I", b"\x1b[1;1:3A"]
    {
        let expected = [bytes(aside), vec![Typed::Detach]].concat();
        assert_eq!(typed(&[KITTY, aside, b"d"].concat()), expected, "{:?}", aside.escape_ascii());
    }
    assert_eq!(typed(b"\x1b[93;5:3ud"), bytes(b"\x1b[93;5:3ud"), "a release is no key");
}

#[test]
fn what_is_typed_behind_a_detach_is_dropped() {
    let mut keys = DetachKeys::new(DetachKey::DEFAULT);
    assert_eq!(keys.feed(b"a\x1ddls\r"), [bytes(b"a"), vec![Typed::Detach]].concat());
    assert_eq!(keys.feed(b"d"), bytes(b"d"));
}

#[test]
fn a_paste_passes_unchanged_however_it_is_cut() {
    let paste = [b"\x1b[200~", KEY, b"d", KITTY, b"d\x1b[2", b"\x1b[201~"].concat();
    let input = [&paste[..], KEY, b"d"].concat();
    let expected = [bytes(&paste), vec![Typed::Detach]].concat();
    for cut in 0..input.len() {
        let got = typed_in_pieces(DetachKey::DEFAULT, &input, &[cut]);
        assert_eq!(got, expected, "cut at {cut}");
    }
}

#[test]
fn the_marks_of_a_paste_count_however_slowly_they_come() {
    let (mut keys, mut passed) = (DetachKeys::new(DetachKey::DEFAULT), Vec::new());
    let paste = [b"\x1b[200~", KEY, b"d\x1b[201~"].concat();
    for byte in &paste {
        passed.extend(keys.feed(&[*byte]));
        passed.push(Typed::Bytes(keys.flush()));
    }
    let passed: Vec<u8> = passed
        .into_iter()
        .flat_map(|one| match one {
            Typed::Bytes(bytes) => bytes,
            other => panic!("{other:?} in a paste"),
        })
        .collect();
    assert_eq!(passed, paste);
    assert_eq!(keys.feed(b"\x1dd"), [Typed::Detach]);
}

#[test]
fn escape_is_sent_at_once_and_an_unfinished_csi_when_flushed() {
    let mut keys = DetachKeys::new(DetachKey::DEFAULT);
    assert_eq!(keys.feed(b"\x1b"), bytes(b"\x1b"));
    assert!(!keys.is_holding());
    assert_eq!(keys.feed(b"\x1dd"), [Typed::Detach], "Escape before the key does not hide it");
    assert_eq!(keys.feed(b"\x1b["), [], "Alt-[, or the begin of a key");
    assert!(keys.is_holding());
    assert_eq!(keys.flush(), b"\x1b[");
    assert!(!keys.is_holding());
    assert_eq!(keys.feed(b"93;5ud"), bytes(b"93;5ud"), "its begin was sent, so its end is no key");
    assert_eq!(keys.feed(b"\x1b[93;"), []);
    assert_eq!(keys.feed(b"5ud"), [Typed::Detach]);
}

#[test]
fn what_can_be_no_key_is_not_held() {
    let mut keys = DetachKeys::new(DetachKey::DEFAULT);
    assert_eq!(keys.feed(b"\x1b"), bytes(b"\x1b"));
    assert_eq!(keys.feed(b"[9"), bytes(b"[9"), "behind an Escape that was sent");
    assert_eq!(keys.feed(b"\x1b[200~\x1b[20"), bytes(b"\x1b[200~\x1b[20"), "in a paste");
    assert_eq!(keys.feed(b"1~"), bytes(b"1~"));
    let long = [b"\x1b[", &b"1".repeat(SEQUENCE_MAX_BYTES)[..]].concat();
    assert_eq!(keys.feed(&long), bytes(&long), "too long");
}

#[test]
fn a_key_awaiting_the_next_is_sent_before_a_flushed_sequence() {
    let mut keys = DetachKeys::new(DetachKey::DEFAULT);
    assert_eq!(keys.feed(b"\x1d\x1b["), []);
    assert_eq!(keys.flush(), b"\x1d\x1b[");
}

#[test]
fn other_keys_can_be_the_detach_key() {
    let detaches = |key, input: &[u8]| DetachKeys::new(DetachKey(key)).feed(input) == [Typed::Detach];
    assert!(detaches(0x01, b"\x01d") && detaches(0x01, b"\x1b[97;5ud") && detaches(0x01, b"\x1b[27;5;97~d"));
    assert!(detaches(0x1c, b"\x1b[92;5ud") && detaches(0x1e, b"\x1b[54:94;6ud") && detaches(0x1f, b"\x1b[27;6;95~d"));
    assert!(detaches(0x04, b"\x1b[100;5ud"));
    assert!(!detaches(0x01, b"\x1b[97;6ud"), "Ctrl-Shift-A is another key");
    assert_eq!(DetachKeys::new(DetachKey(0x04)).feed(b"\x04\x04"), bytes(b"\x04"), "twice is sent, not detached");
}

#[test]
fn the_help_names_the_key() {
    assert_eq!(DetachKeys::new(DetachKey::DEFAULT).describe(), "Ctrl-]");
    assert_eq!(DetachKeys::new(DetachKey(0x01)).describe(), "Ctrl-A");
    let help = help_text(DetachKey(0x1c));
    assert!(help.contains("Ctrl-\\ d  ") && help.ends_with("\r\n") && help.lines().count() == 3, "{help}");
}

/// Input made of pieces that look like sequences.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..6),
        proptest::sample::select(vec![
            &b"\x1b[200~"[..],
            b"\x1b[201~",
            KITTY,
            XTERM,
            KEY,
            b"\x1b[",
            b"\x1b",
            b"d",
            b"?",
            b"\x1b[<0;1;1M",
            b"93;5u",
        ])
        .prop_map(<[u8]>::to_vec),
    ]
}

proptest! {
    #[test]
    fn input_without_the_key_passes_unchanged_in_any_pieces(
        pieces in proptest::collection::vec(piece(), 0..20),
        lengths in proptest::collection::vec(0..9_usize, 0..40),
    ) {
        // 0x1c is in none of the pieces but the random ones.
        let input: Vec<u8> = pieces.concat().into_iter().filter(|&b| b != 0x1c).collect();
        let out = typed_in_pieces(DetachKey(0x1c), &input, &lengths);
        prop_assert_eq!(out, if input.is_empty() { vec![] } else { bytes(&input) });
    }

    #[test]
    fn cuts_that_leave_an_escape_with_its_sequence_change_nothing(
        pieces in proptest::collection::vec(piece(), 0..20),
        lengths in proptest::collection::vec(1..9_usize, 0..40),
    ) {
        let input = pieces.concat();
        let mut at = 0;
        let lengths: Vec<usize> = lengths
            .iter()
            .map(|length| {
                let torn = |end: usize| input.get(end - 1) == Some(&ESC);
                let end = (at + length..).find(|&end| !torn(end)).expect("there is an end");
                end - std::mem::replace(&mut at, end)
            })
            .collect();
        let until_detach = |mut typed: Vec<Typed>| {
            if let Some(at) = typed.iter().position(|one| *one == Typed::Detach) {
                typed.truncate(at + 1);
            }
            typed
        };
        let whole = until_detach(typed_in_pieces(DetachKey::DEFAULT, &input, &[]));
        prop_assert_eq!(until_detach(typed_in_pieces(DetachKey::DEFAULT, &input, &lengths)), whole);
    }
}
