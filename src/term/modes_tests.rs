use super::*;
use proptest::prelude::*;

fn tracker(output: &[u8]) -> ModeTracker {
    let mut tracker = ModeTracker::new();
    tracker.feed(output);
    tracker
}

fn restore(output: &[u8]) -> String {
    String::from_utf8(tracker(output).restore()).unwrap()
}

fn replay(output: &[u8]) -> String {
    String::from_utf8(tracker(output).replay()).unwrap()
}

#[test]
fn a_program_that_only_prints_needs_no_restoring() {
    for output in [
        "",
        "hello\r\nwörld 日本\r\n",
        "\x1b[1;31mred\x1b[0m \x1b[38;5;1mred\x1b[m\r\n",
        "\x1b[2J\x1b[H\x1b[3;4Hx\x1b[K\x1b[10X",
        "\x1b[?25l\x1b[?25h\x1b[?2026h\x1b[?2026l\x1b[?7h\x1b[?25h",
        "\x1b7\x1b[5;5H\x1b8\x1b[s\x1b[u",
        "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
        "\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]4;1;?\x07\x1b[?u\x1b[c\x1b[6n\x1b[?2026$p\x1b]22;?__current__\x07",
        "\x1b]52;c;aGVsbG8=\x07\x1bP+q544e\x1b\\\x1b_Gi=1;AAAA\x1b\\\x1b]9;a notification\x07\x1b]133;A\x07",
    ] {
        assert_eq!(restore(output.as_bytes()), "", "{output:?}");
        assert_eq!(replay(output.as_bytes()), "", "{output:?}");
    }
}

#[test]
fn every_mode_is_put_back_by_its_opposite_and_in_reverse_order() {
    assert_eq!(restore(b"\x1b[?1000;1006h\x1b[?25l\x1b[4h"), "\x1b[4l\x1b[?25h\x1b[?1006l\x1b[?1000l");
    for (mode, default) in MODES {
        let (mut changes, mut puts_back) = (String::new(), String::new());
        mode.switch(!default, &mut changes);
        mode.switch(default, &mut puts_back);
        assert_eq!(restore(changes.as_bytes()), puts_back);
        assert_eq!(restore((changes.clone() + &puts_back).as_bytes()), "");
        assert_eq!(replay(changes.as_bytes()), changes);
    }
    assert_eq!(restore(b"\x1b[?3h\x1b[?4711h\x1b[?h\x1b[99h\x1b[?1007h"), "");
}

#[test]
fn the_alternate_screen_is_left_as_it_was_entered_and_only_then() {
    for mode in [47, 1047, 1049] {
        let enter = format!("\x1b[?{mode}h");
        assert!(tracker(enter.as_bytes()).in_alternate_screen());
        assert_eq!(restore(enter.as_bytes()), format!("\x1b[?{mode}l"));
        assert_eq!(replay(enter.as_bytes()), enter);
        assert_eq!(restore(format!("{enter}\x1b[?{mode}l").as_bytes()), "");
    }
    assert_eq!(restore(b"\x1b[?1049h\x1b[?47h"), "\x1b[?47l\x1b[?1049l");
}

#[test]
fn each_screen_has_its_own_keyboard_flags() {
    assert_eq!(restore(b"\x1b[>1u\x1b[>5u"), "\x1b[<2u");
    assert_eq!(restore(b"\x1b[>1u\x1b[<u"), "");
    assert_eq!(replay(b"\x1b[>255u"), "\x1b[>31u");
    assert_eq!(restore(b"\x1b[=5u\x1b[<u"), "", "a pop too many resets the flags");
    assert_eq!(restore(b"\x1b[>1u\x1b[<9u\x1b[=5u\x1b[=4;3u"), "\x1b[=0;1u");
    let both = b"\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[>u\x1b[=8;2u";
    assert_eq!(restore(both), "\x1b[<2u\x1b[?1049l\x1b[<1u");
    assert_eq!(replay(both), "\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[>8u");
}

#[test]
fn a_region_is_reset_without_moving_the_cursor() {
    assert_eq!(restore(b"\x1b[2;20r"), "\x1b7\x1b[r\x1b8");
    assert_eq!(replay(b"\x1b[2;20r"), "\x1b[2;20r");
    assert_eq!(restore(b"\x1b[2;20r\x1b[r\x1b[5;3r\x1b[1r"), "");
    assert_eq!(restore(b"\x1b[?1049h\x1b[3r"), "\x1b7\x1b[r\x1b8\x1b[?1049l");
    assert_eq!(
        restore(b"\x1b[?1049h\x1b[3r\x1b[?1049l"),
        "\x1b7\x1b[r\x1b8",
        "some terminals have one for both screens"
    );
    assert_eq!(restore(b"\x1b[?1049h\x1b[3r\x1b[?1049l\x1b[r"), "");
}

#[test]
fn charsets_keypad_cursor_and_keys_are_put_back() {
    let output = b"\x1b(0\x1b.A\x0e\x1b=\x1b[5 q\x1b[>4;2m\x1b[?6h\x1b[3g\x1b%@";
    let expected = "\x1b[?6l\x1b[r\x1b[999B\x1b(B\x1b*B\x0f\x1b%G\x1b>\x1b[?5W\x1b[0 q\x1b[>4m";
    assert_eq!(restore(output), expected);
    assert_eq!(replay(output), "\x1b[?6h\x1b(0\x1b.A\x0e\x1b=\x1b[5 q\x1b[>4;2m\x1b%@");
    assert_eq!(restore(b"\x1b[>4;2m\x1b[>4m\x1b[2 q\x1b[ q\x1b=\x1b>\x1b(0\x1b(B\x0e\x0f"), "");
}

#[test]
fn leaving_the_alternate_screen_brings_back_what_was_saved_on_entering() {
    assert_eq!(restore(b"\x1b(0\x1b[?1049h\x1b(B"), "\x1b[?1049l\x1b(B");
    assert_eq!(restore(b"\x1b[7m\x1b[?1049h\x1b[m"), "\x1b[?1049l\x1b[m");
    assert_eq!(restore(b"\x1b7\x1b[1m\x1b8"), "\x1b[m", "some terminals keep the style");
    assert_eq!(restore(b"\x1b7\x1b[?6h\x1b8"), "\x1b[?6l\x1b[r\x1b[999B", "and the origin");
}

#[test]
fn colours_link_pointer_progress_and_style_are_put_back() {
    let st = "\x1b\\";
    assert_eq!(restore(b"\x1b]10;#fff;?;#000\x07"), format!("\x1b]110{st}\x1b]112{st}"));
    assert_eq!(restore(b"\x1b]4;1;?;2;red\x07\x1b]17;blue\x1b\\"), format!("\x1b]104{st}\x1b]117{st}"));
    assert_eq!(restore(b"\x1b]4;1;red\x07\x1b]104;1\x07"), format!("\x1b]104{st}"));
    assert_eq!(restore(b"\x1b]4;1;red\x07\x1b]104\x07\x1b]11;red\x07\x1b]111\x1b\\"), "");
    assert_eq!(restore(b"\x1b]8;id=1;http://x;y\x07text"), format!("\x1b]8;;{st}"));
    assert_eq!(restore(b"\x1b]22;pointer\x07"), format!("\x1b]22;{st}"));
    assert_eq!(restore(b"\x1b]9;4;1;50\x07"), format!("\x1b]9;4;0{st}"));
    assert_eq!(restore(b"\x1b]9;4;1;50\x07\x1b]9;4;0;\x07\x1b]9;42;1\x07"), "");
    assert_eq!(restore(b"\x1b[0;1m"), "\x1b[m");
}

#[test]
fn the_title_comes_back_when_the_prelude_saved_it() {
    let mut tracker = tracker(prelude());
    tracker.feed(b"\x1b]0;busy\x07\x1b[22;0t\x1b]2;more\x1b\\");
    assert_eq!(tracker.restore(), b"\x1b[23;2t\x1b[23;2t");
    tracker.feed(b"\x1b[23;0t");
    assert_eq!(tracker.restore(), b"\x1b[23;2t");
}

#[test]
fn a_cut_sequence_is_ended_first() {
    for cut in ["\x1b", "\x1b[?25", "\x1b(", "\x1b]0;tit", "\x1bPq#0", "\x1b]0;x\x1b"] {
        let tracker = tracker(cut.as_bytes());
        assert!(!tracker.at_ground(), "{cut:?}");
        assert_eq!(tracker.restore(), b"\x18\x1b\\", "{cut:?}");
    }
    let half = tracker(&"日".as_bytes()[..2]);
    assert!(!half.at_ground());
    assert_eq!(half.restore(), b"\x18");
    for whole in ["日", "é", "🐔", "a", "\x1b[m", "\x1b]0;x\x07", "\x1b]0;x\x1b\\", "\x1b[1\x18", "\x1bP\x1a"] {
        assert!(tracker(whole.as_bytes()).at_ground(), "{whole:?}");
    }
}

#[test]
fn resets_by_the_program_count() {
    assert_eq!(restore(b"\x1b[?1049h\x1b[?1003h\x1b[>1u\x1b(0\x1b[1m\x1b[3;4r\x1b[5 q\x1bc"), "");
    assert_eq!(restore(b"\x1b]11;red\x07\x1bc"), "\x1b]111\x1b\\", "xterm keeps its colours");
    assert_eq!(
        restore(b"\x1b[?1;6;25h\x1b[?25l\x1b[4h\x1b=\x1b(0\x0e\x1b[1m\x1b[3;4r\x1b[?2004h\x1b[!p"),
        "\x1b[?2004l"
    );
}

#[test]
fn the_mouse_mode_that_was_set_last_is_replayed_last() {
    assert_eq!(replay(b"\x1b[?1015h\x1b[?1006h\x1b[?1015h"), "\x1b[?1006h\x1b[?1015h");
}

#[test]
fn c1_bytes_are_text() {
    assert_eq!(restore(b"\x9b?25l\xc2\x9b?25l\x9d0;x\x07"), "");
    assert_eq!(restore(b"\x1b[1\x9b?25lx\x0e"), "\x0f");
}

#[test]
fn overlong_sequences_are_passed_over_in_bounded_memory() {
    let mut long = ModeTracker::new();
    for piece in [&b"\x1b[?25"[..], &b";1".repeat(50_000), b"l"] {
        long.feed(piece);
    }
    assert_eq!(long.restore(), b"");
    assert_eq!(long.body.capacity(), BODY_MAX_BYTES + 1);
    long.feed(&b"\x1b[>1u".repeat(KEYBOARD_MAX_DEPTH + 9));
    assert_eq!(long.screens[0].pushed_flags.len(), KEYBOARD_MAX_DEPTH);
    long.feed(&b"\x1b[22t".repeat(999));
    assert!(long.restore().len() < 600);
}

/// The modes of an emulator that is not ours.
fn vt100_modes(output: &[u8]) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut parser = vt100::Parser::default();
    parser.process(output);
    let screen = parser.screen();
    let keys = (screen.application_keypad(), screen.application_cursor(), screen.bracketed_paste());
    let mouse = (screen.mouse_protocol_mode(), screen.mouse_protocol_encoding());
    (screen.alternate_screen(), screen.hide_cursor(), keys, mouse)
}

/// Output made of sequences that matter, whole and torn.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let number = proptest::sample::select(vec![
        0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 19, 22, 23, 25, 47, 69, 104, 110, 1000, 1006, 1007, 1047, 1048, 1049,
        2004, 2026, 65535,
    ]);
    let csi = (
        proptest::sample::select(vec!["", "?", ">", "<", "="]),
        proptest::collection::vec(number.clone(), 0..3),
        proptest::sample::select(vec![
            "h", "l", "m", "u", "r", "s", "t", " q", "!p", "g", "W", "n", "\x0eh", "\x1b[", "\x18",
        ]),
    )
        .prop_map(|(marker, numbers, last)| {
            let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
            format!("\x1b[{marker}{}{last}", numbers.join(";")).into_bytes()
        });
    let osc = (number, proptest::sample::select(vec!["", ";", ";?", ";x", ";4;1", ";;x", ";;", ";4;0;1"]), 0..4_usize)
        .prop_map(|(number, text, end)| {
            format!("\x1b]{number}{text}{}", ["\x07", "\x1b\\", "", "\x18"][end]).into_bytes()
        });
    let others = proptest::sample::select(vec![
        "\x1b7", "\x1b8", "\x1bc", "\x1b(0", "\x1b(B", "\x1b)0", "\x1b-A", "\x1b%@", "\x1bn", "\x1b=", "\x1bH", "\x0e",
        "\x0f", "é", "日本", "🐔", "text\r\n", "\x1bPq", "\x1b\\", "\x18",
    ]);
    let piece = prop_oneof![
        4 => csi,
        2 => osc,
        3 => others.prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..50),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_cuts_between_reads_change_nothing(
        output in output(),
        lengths in proptest::collection::vec(1..9_usize, 0..99),
    ) {
        let mut pieces = ModeTracker::new();
        let mut at = 0;
        for length in lengths.into_iter().chain([output.len()]) {
            let end = output.len().min(at + length);
            pieces.feed(&output[at..end]);
            at = end;
            let whole = tracker(&output[..end]);
            prop_assert_eq!(pieces.at_ground(), whole.at_ground());
            prop_assert_eq!(pieces.restore(), whole.restore());
            prop_assert_eq!(pieces.replay(), whole.replay());
        }
    }

    #[test]
    fn behind_a_restore_there_is_nothing_to_restore(output in output()) {
        let mut tracker = tracker(&output);
        let restore = tracker.restore();
        tracker.feed(&restore);
        prop_assert_eq!(String::from_utf8(tracker.restore()).unwrap(), "");
        prop_assert_eq!(String::from_utf8(tracker.replay()).unwrap(), "");
    }

    #[test]
    fn a_replay_makes_the_same_modes(output in output()) {
        let original = tracker(&output);
        let copy = tracker(&original.replay());
        prop_assert_eq!(copy.replay(), original.replay());
        prop_assert_eq!(copy.in_alternate_screen(), original.in_alternate_screen());
    }

    #[test]
    fn another_emulator_is_put_back_and_copied_too(output in output()) {
        // It knows neither DECSTR nor 1047, and goes on with a sequence behind a byte that is not ASCII.
        let output: Vec<u8> = output.into_iter().filter(u8::is_ascii).collect();
        let unknown = |pattern: &[u8]| output.windows(pattern.len()).any(|window| window == pattern);
        if unknown(b"!p") || unknown(b"1047") {
            return Ok(());
        }
        let tracker = tracker(&output);
        prop_assert_eq!(vt100_modes(&[&output[..], &tracker.restore()].concat()), vt100_modes(b""));
        if tracker.at_ground() {
            prop_assert_eq!(vt100_modes(&tracker.replay()), vt100_modes(&output));
        }
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(output in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let tracker = tracker(&output);
        tracker.restore();
        tracker.replay();
    }
}
