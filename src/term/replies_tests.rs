use super::*;
use proptest::prelude::*;

/// What the program gets, and the answers, when `input` comes in these pieces and nothing more for a while.
fn guarded(pieces: &[&[u8]]) -> (Vec<u8>, Vec<Reply>) {
    let (mut guard, mut out, mut replies) = (ReplyGuard::default(), Vec::new(), Vec::new());
    for piece in pieces {
        replies.extend(guard.feed(piece, &mut out));
    }
    guard.flush(&mut out);
    assert!(!guard.is_holding());
    (out, replies)
}

const REPLIES: &[&[u8]] = &[
    // DA1, DA2, DA3.
    b"\x1b[?62;22;52c",
    b"\x1b[?64;1;2;6;9;15;16;17;18;21;22;28;29;42;44;46;52;314c",
    b"\x1b[>41;388;0c",
    b"\x1bP!|00000000\x1b\\",
    // CPR, DECXCPR.
    b"\x1b[24;80R",
    b"\x1b[1;1R",
    b"\x1b[1;9R",
    b"\x1b[2;5R",
    b"\x1b[?1;1R",
    b"\x1b[?12;40;1R",
    // DSR, DECRPM, kitty's flags.
    b"\x1b[0n",
    b"\x1b[3n",
    b"\x1b[?10n",
    b"\x1b[?2026;2$y",
    b"\x1b[4;1$y",
    b"\x1b[?0u",
    b"\x1b[?31u",
    // Windows.
    b"\x1b[4;600;800t",
    b"\x1b[6;18;9t",
    b"\x1b[8;24;80t",
    b"\x1b[3;0;0t",
    // XTSMGRAPHICS, XTQMODKEYS, DECREPTPARM.
    b"\x1b[?1;0;256S",
    b"\x1b[>4;2m",
    b"\x1b[2;1;1;128;128;1;0x",
    // Colours, the clipboard, program status.
    b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]11;rgb:1e1e/1e1e/2e2e\x07",
    b"\x1b]12;#c0ffee\x07",
    b"\x1b]4;1;rgb:cd/00/00\x1b\\",
    b"\x1b]21;foreground=rgb:ff/ff/ff\x1b\\",
    b"\x1b]52;c;aGVsbG8=\x07",
    b"\x1b]7501;?\x1b\\",
    // XTVERSION, DECRQSS, XTGETTCAP, kitty's graphics.
    b"\x1bP>|XTerm(388)\x1b\\",
    b"\x1bP1$r0m\x1b\\",
    b"\x1bP0$r\x1b\\",
    b"\x1bP1+r544e=787465726d\x1b\\",
    b"\x1bP0+r524742\x1b\\",
    b"\x1b_Gi=31;OK\x1b\\",
];

const KEYS: &[&[u8]] = &[
    b"ls -l\r",
    "grüße 日本".as_bytes(),
    b"\x03",
    b"\x1b[A",
    b"\x1bOA",
    b"\x1bOR",
    b"\x1b[1;5D",
    b"\x1b[3~",
    b"\x1b[15;2~",
    // F3 with modifiers, F3 of old kitties with a type of event.
    b"\x1b[1;2R",
    b"\x1b[1;5R",
    b"\x1b[1;8R",
    b"\x1b[R",
    b"\x1b[1;1:3R",
    // Kitty's keys, modifyOtherKeys.
    b"\x1b[27u",
    b"\x1b[97;5u",
    b"\x1b[97:65;6:1;65u",
    b"\x1b[27;5;93~",
    b"\x1b[1;2S",
    // Focus, the mouse, colour scheme and size.
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b[<0;10;20M",
    b"\x1b[<0;10;20m",
    b"\x1b[M !!",
    b"\x1b[?997;1n",
    b"\x1b[48;24;80;480;640t",
    // rxvt's Shift and cursor keys, Alt and a character.
    b"\x1b[c",
    b"\x1b[Z",
    b"\x1bx",
    b"\x1b]a",
    b"\x1bPx",
    b"\x1b_x",
    b"\x1b\x1b[A",
    // A title, and what else no terminal answers.
    b"\x1b]0;title\x07",
    b"\x1bPq#0\x1b\\",
    b"\x1b^x\x1b\\",
];

#[test]
fn answers_are_taken_out_and_keys_around_them_stay() {
    for reply in REPLIES {
        let (out, replies) = guarded(&[b"a", reply, b"b"]);
        assert_eq!((out, replies.len()), (b"ab".to_vec(), 1), "{}", reply.escape_ascii());
    }
}

#[test]
fn keys_and_events_pass_unchanged() {
    for key in KEYS {
        let (out, replies) = guarded(&[b"a", key, b"b"]);
        assert_eq!((out, replies), ([b"a", *key, b"b"].concat(), Vec::new()), "{}", key.escape_ascii());
    }
}

#[test]
fn colours_are_told() {
    let cases: &[(&[u8], Colour, [u16; 3])] = &[
        (b"\x1b]10;rgb:ffff/8000/0000\x1b\\", Colour::Foreground, [0xffff, 0x8000, 0]),
        (b"\x1b]11;rgb:1e/1e/2e\x07", Colour::Background, [0x1e1e, 0x1e1e, 0x2e2e]),
        (b"\x1b]11;rgba:0/f/8/f\x07", Colour::Background, [0, 0xffff, 0x8888]),
        (b"\x1b]12;#c0ffee\x07", Colour::Cursor, [0xc0c0, 0xffff, 0xeeee]),
        (b"\x1b]4;255;rgb:cd/00/00\x1b\\", Colour::Palette(255), [0xcdcd, 0, 0]),
        (b"\x1b]4;0;rgb:0/0/0;1;rgb:f/f/f\x1b\\", Colour::Palette(0), [0, 0, 0]),
    ];
    for (input, which, rgb) in cases {
        let colour = Reply::Colour { which: *which, rgb: Rgb(*rgb) };
        assert_eq!(guarded(&[input]), (Vec::new(), vec![colour]), "{}", input.escape_ascii());
    }
    for text in ["?", "", "rgb:", "rgb:1/2", "rgb:1/2/3/4", "rgb:12345/0/0", "rgb:+1/0/0", "#12", "#éé", "red"] {
        assert_eq!(guarded(&[format!("\x1b]11;{text}\x07").as_bytes()]), (Vec::new(), vec![Reply::Other]), "{text}");
    }
    assert_eq!(guarded(&[b"\x1b]4;256;rgb:0/0/0\x07"]).1, [Reply::Other]);
}

#[test]
fn a_paste_passes_whole_whatever_is_in_it() {
    let inside = [REPLIES.concat(), KEYS.concat(), b"\x1b[200~\x1b[201\x1b\x1b[20".to_vec()].concat();
    let paste = [b"\x1b[200~", &inside[..], b"\x1b[201~"].concat();
    assert_eq!(guarded(&[&paste]), (paste.clone(), Vec::new()));
    let (out, replies) = guarded(&[&paste, b"\x1b[?62c", b"x"]);
    assert_eq!((out.len(), replies.len()), (paste.len() + 1, 1), "behind the paste answers are answers again");
}

#[test]
fn a_megabyte_passes_whole_as_it_comes() {
    let mut text: Vec<u8> = (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_be_bytes()[3]).collect();
    text.retain(|&b| b != b'~');
    let paste = [b"\x1b[200~", &text[..], b"\x1b[201~"].concat();
    let mut guard = ReplyGuard::default();
    let mut out = Vec::new();
    for piece in paste.chunks(4093) {
        guard.feed(piece, &mut out);
        assert!(!guard.is_holding() || out.is_empty(), "nothing of a paste is held back");
    }
    assert_eq!(out, paste);
}

#[test]
fn a_marker_that_was_torn_by_a_pause_begins_a_paste() {
    let mut guard = ReplyGuard::default();
    let mut out = Vec::new();
    for piece in [&b"\x1b[20"[..], b"0~\x1b[?62c\x1b", b"[201~\x1b[?62c"] {
        guard.feed(piece, &mut out);
        guard.flush(&mut out);
    }
    assert_eq!(out, b"\x1b[200~\x1b[?62c\x1b[201~");
}

#[test]
fn half_a_key_passes_when_nothing_follows() {
    for half in [&b"\x1b"[..], b"\x1b[", b"\x1b[1;", b"\x1b]", b"\x1b]1", b"\x1bP", b"\x1bP1", b"\x1b_", b"\x1b_G"] {
        let mut guard = ReplyGuard::default();
        let mut out = Vec::new();
        guard.feed(half, &mut out);
        assert_eq!((out.len(), guard.patience()), (0, Some(KEY_PATIENCE)), "{}", half.escape_ascii());
        guard.flush(&mut out);
        assert_eq!((&out[..], guard.is_holding()), (half, false));
        guard.feed(b"[c", &mut out);
        assert_eq!(out[half.len()..], *b"[c", "what follows later is something else");
    }
}

#[test]
fn half_an_answer_is_awaited_longer_and_stays_out() {
    let mut guard = ReplyGuard::default();
    let mut out = Vec::new();
    guard.feed(b"\x1b]11;rgb:ff", &mut out);
    assert_eq!(guard.patience(), Some(REPLY_PATIENCE));
    guard.flush(&mut out);
    guard.feed(b"x", &mut out);
    assert_eq!(out, b"x");
}

#[test]
fn who_types_into_half_an_answer_is_heard() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"\x1b]11;rgb:ff\rls", b"\rls"),
        (b"\x1b]11;rgb:ff\x1b[A", b"\x1b[A"),
        (b"\x1b]11;rgb:ff\x1b", b"\x1b"),
        (b"\x1bP>|x\x03", b"\x03"),
        (b"\x1b]11;rgb:ff\x18y", b"y"),
        (b"\x1b]11;rgb:\x1b[200~\x1b[0n\x1b[201~", b"\x1b[200~\x1b[0n\x1b[201~"),
    ];
    for (input, expected) in cases {
        assert_eq!(guarded(&[input]).0, *expected, "{}", input.escape_ascii());
    }
}

#[test]
fn what_is_held_and_what_is_dropped_is_bounded() {
    let mut guard = ReplyGuard::default();
    let mut out = Vec::new();
    guard.feed(b"\x1b[", &mut out);
    guard.feed(&[b'1'; 4096], &mut out);
    assert_eq!((out.len(), guard.is_holding()), (4098, false));
    out.clear();
    guard.feed(b"\x1b]11;", &mut out);
    guard.feed(&vec![b'x'; 1 << 20], &mut out);
    assert_eq!((out.len(), guard.is_holding()), ((1 << 20) - (8 << 10), false));
    out.clear();
    guard.feed(b"\x1b]52;c;", &mut out);
    guard.feed(&vec![b'x'; 1 << 20], &mut out);
    guard.feed(b"\x07", &mut out);
    assert_eq!((out.len(), guard.is_holding()), (0, false), "a large clipboard stays out");
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let pasted = [b"\x1b[200~", &REPLIES.concat()[..], b"\x1b[201~"].concat();
    prop_oneof![
        prop::sample::select(REPLIES).prop_map(<[u8]>::to_vec),
        prop::sample::select(KEYS).prop_map(<[u8]>::to_vec),
        Just(pasted),
        Just(b"\x1b".to_vec()),
        Just(b"\x1b[".to_vec()),
        Just(b"\x1b]11;".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn a_cut_anywhere_makes_no_difference(
        parts in prop::collection::vec(part(), 0..12),
        lengths in prop::collection::vec(0_usize..9, 0..60),
    ) {
        let input = parts.concat();
        let (mut pieces, mut rest) = (Vec::new(), &input[..]);
        for length in lengths {
            let (piece, tail) = rest.split_at(length.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        prop_assert_eq!(guarded(&pieces), guarded(&[&input]));
        let bytes: Vec<_> = input.chunks(1).collect();
        prop_assert_eq!(guarded(&bytes), guarded(&[&input]));
    }

    #[test]
    fn answers_between_keys_are_taken_out_and_nothing_else(
        parts in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..30),
    ) {
        let (mut input, mut expected, mut answers) = (Vec::new(), Vec::new(), 0);
        for (is_reply, index) in parts {
            let part = if is_reply { index.get(REPLIES) } else { index.get(KEYS) };
            input.extend_from_slice(part);
            if is_reply { answers += 1 } else { expected.extend_from_slice(part) }
        }
        let (out, replies) = guarded(&[&input]);
        prop_assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
        prop_assert_eq!(replies.len(), answers);
    }
}
