use super::*;
use proptest::prelude::*;

fn screen(rows: u16, cols: u16, output: &[u8]) -> Screen {
    let mut screen = Screen::new(WinSize::clamped(rows, cols));
    screen.feed(output, &mut Heard::default());
    screen
}

fn heard(output: &[u8]) -> Heard {
    let (mut screen, mut heard) = (Screen::new(WinSize::DEFAULT), Heard::default());
    screen.feed(output, &mut heard);
    heard
}

fn answers(output: &[u8]) -> String {
    heard(output).answers.escape_ascii().to_string()
}

#[test]
fn every_question_is_answered_once() {
    for (question, answer) in [
        (&b"\x1b[c"[..], "\\x1b[?62;22c"),
        (b"\x1bZ", "\\x1b[?62;22c"),
        (b"\x1b[>c", "\\x1b[>1;10;0c"),
        (b"\x1b[=c", "\\x1bP!|00000000\\x1b\\\\"),
        (b"\x1b[5n", "\\x1b[0n"),
        (b"ab\x1b[6n", "\\x1b[1;3R"),
        (b"\n\x1b[?6n", "\\x1b[?2;1R"),
        (b"\x1b[?2026$p", "\\x1b[?2026;2$y"),
        (b"\x1b[?2004h\x1b[?2004$p", "\\x1b[?2004;1$y"),
        (b"\x1b[?4711$p", "\\x1b[?4711;0$y"),
        (b"\x1b[4$p", "\\x1b[4;2$y"),
        (b"\x1b[?u", "\\x1b[?0u"),
        (b"\x1b[>5u\x1b[?u", "\\x1b[?5u"),
        (b"\x1b]10;?\x07", "\\x1b]10;rgb:d3d3/d3d3/d3d3\\x07"),
        (b"\x1b]11;?\x1b\\", "\\x1b]11;rgb:0000/0000/0000\\x1b\\\\"),
        (b"\x1b]12;#ff8000\x07\x1b]12;?\x1b\\", "\\x1b]12;rgb:ffff/8080/0000\\x1b\\\\"),
        (b"\x1b]4;1;?\x1b\\", "\\x1b]4;1;rgb:cdcd/0000/0000\\x1b\\\\"),
        (b"\x1b]13;?\x07", "\\x1b]13;rgb:d3d3/d3d3/d3d3\\x07"),
        (b"\x1b]19;?\x07", "\\x1b]19;rgb:0000/0000/0000\\x07"),
        (b"\x1b]11;?;?\x07", "\\x1b]11;rgb:0000/0000/0000\\x07\\x1b]12;rgb:d3d3/d3d3/d3d3\\x07"),
        (b"\x1b[?12$p", "\\x1b[?12;2$y"),
        (b"\x1b[?12h\x1b[?12$p", "\\x1b[?12;1$y"),
        (b"\x1b[?4m", "\\x1b[>4;0m"),
        (b"\x1b[>4;2m\x1b[?4m", "\\x1b[>4;2m"),
        (b"\x1b[14t", "\\x1b[4;384;640t"),
        (b"\x1b[16t", "\\x1b[6;16;8t"),
        (b"\x1b[18t", "\\x1b[8;24;80t"),
        (b"\x1b]2;evil\x07\x1b[21t", "\\x1b]l\\x1b\\\\"),
        (b"\x1bP+q544e\x1b\\", "\\x1bP0+r\\x1b\\\\"),
        (b"\x1bP$qm\x1b\\", "\\x1bP1$r0m\\x1b\\\\"),
        (b"\x1bP$q evil\x1b\\", "\\x1bP0$r\\x1b\\\\"),
        (b"\x1b]7501;?\x1b\\", "\\x1b]7501;?\\x1b\\\\"),
        (b"\x1b[x", "\\x1b[2;1;1;112;112;1;0x"),
        (b"\x05", ""),
        (b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", ""),
        (b"\x1b]99;i=1:p=?;\x1b\\", ""),
        (b"\x1b]52;c;?\x07", ""),
    ] {
        assert_eq!(answers(question), answer, "{}", question.escape_ascii());
    }
    assert!(answers(b"\x1b[>0q").starts_with("\\x1bP>|coop("));
}

#[test]
fn answers_keep_the_order_of_the_questions() {
    assert_eq!(answers(b"\x1b[5n\x1b]11;?\x07\x1b[c"), "\\x1b[0n\\x1b]11;rgb:0000/0000/0000\\x07\\x1b[?62;22c");
}

#[test]
fn signals_are_heard_without_control_characters() {
    let signals = heard(
        b"\x07\x07\x1b]0;a\x01b\x07\x1b]9;done\x07\x1b]9;4;1;50\x07\x1b]777;notify;t;x\x07\x1b]7501;state=idle\x1b\\\x1b[?1049h",
    )
    .signals;
    assert_eq!(
        signals,
        [
            Signal::Bell,
            Signal::Title("ab".to_owned()),
            Signal::Notification { title: String::new(), text: "done".to_owned() },
            Signal::Notification { title: "t".to_owned(), text: "x".to_owned() },
            Signal::ProgramStatus("state=idle".to_owned()),
            Signal::AlternateScreen(true),
        ]
    );
    let signals = heard(b"\x1b]133;A\x07\x1b]133;A;k=i\x1b\\$ \x1b]133;B\x07\x1bc\x1b]133;A\x07").signals;
    assert_eq!(signals, [Signal::Prompt, Signal::Reset, Signal::Prompt]);
}

#[test]
fn nothing_grows_without_bound() {
    let mut output = Vec::new();
    for n in 0..5000 {
        output.extend(
            format!("\x1b]8;id={n};http://{n}/\x07x\x1b[38;2;{};{};7m\x1b[>1u\x1b[22t\x07\x1b[c", n / 256, n % 256)
                .bytes(),
        );
        output.extend("e\u{301}".bytes());
    }
    output.extend("\u{301}".repeat(1000).bytes());
    output.extend(b"\x1b]2;");
    output.extend(vec![b'a'; 100_000]);
    output.extend(b"\x07\x1b]2;");
    output.extend(vec![b'a'; 5000]);
    output.extend(b"\x07");
    let (mut screen, mut heard) = (Screen::new(WinSize::DEFAULT), Heard::default());
    screen.feed(&output, &mut heard);
    assert!(heard.answers.len() <= 64 * 1024 && heard.signals.len() <= 256);
    assert_eq!(screen.title().len(), 1024);
    assert_eq!(screen.buffers[0].keyboard.pushed.len(), 16);
    assert_eq!(screen.titles.window_stack.len(), 10);
    assert!(screen.row_text(23).len() < 300, "{}", screen.row_text(23));
}

#[test]
fn a_cut_sequence_is_held_and_belongs_to_the_snapshot() {
    for held in [&b"\x1b"[..], b"\x1b[1;3", b"\x1b]0;ti", b"\x1b]0;ti\x1b", b"\xe6\x97", b"\x1bPq#0", b"\x1b(", b"\xc2"]
    {
        let screen = screen(3, 10, &[b"ab", held].concat());
        assert!(!screen.at_ground());
        assert_eq!(screen.held(), held);
        let mut snapshot = Vec::new();
        screen.snapshot(&mut snapshot);
        assert!(snapshot.ends_with(held), "{}", held.escape_ascii());
    }
    assert!(screen(3, 10, b"ab\x1b[m").at_ground());
}

#[test]
fn a_long_string_is_never_taken_for_text() {
    let (mut screen, mut heard) = (Screen::new(WinSize::DEFAULT), Heard::default());
    screen.feed(b"a\x1bPq", &mut heard);
    (0..100).for_each(|_| screen.feed(&[b'#'; 1000], &mut heard));
    let mut snapshot = Vec::new();
    screen.snapshot(&mut snapshot);
    assert!(snapshot.ends_with(b"\x1bX"));
    screen.feed(b"##\x1b\\b", &mut heard);
    assert_eq!(screen.row_text(0), "ab");
}

#[test]
fn both_screens_come_back() {
    let first = screen(4, 20, b"main\x1b[2;3r\x1b7\x1b[?1049h\x1b[2;2Hother\x1b[31m");
    let mut snapshot = Vec::new();
    first.snapshot(&mut snapshot);
    let mut second = screen(4, 20, &snapshot);
    assert_eq!((second.row_text(1), second.in_alternate_screen()), (" other".to_owned(), true));
    second.feed(b"\x1b[?1049l", &mut Heard::default());
    assert_eq!((second.row_text(0), second.cursor()), ("main".to_owned(), (0, 0, true)));
}

#[test]
fn resizing_keeps_the_cursors_line() {
    let mut screen = screen(24, 80, b"one\r\ntwo\r\nthree");
    screen.resize(WinSize::clamped(1, 1));
    assert_eq!((screen.row_text(0), screen.cursor()), ("t".to_owned(), (0, 0, true)));
    screen.feed("日本\r\n\x1b[5;5Hx\x1b[2Jy".as_bytes(), &mut Heard::default());
    screen.resize(WinSize::clamped(2, 4096));
    screen.feed(b"\x1b[1;4096Hz", &mut Heard::default());
    assert_eq!(screen.row_text(0).len(), 4096);
}

#[test]
fn only_changed_rows_are_told_of() {
    let mut screen = screen(4, 10, b"a");
    let before = screen.generation();
    screen.feed(b"\x1b[3;1Hx", &mut Heard::default());
    let changed: Vec<_> = (0..4).filter(|&y| screen.row_changed(y) > before).collect();
    assert_eq!(changed, [2]);
}

#[test]
fn a_row_can_be_painted_in_part() {
    let screen = screen(2, 10, "a\x1b[1;31mb日c".as_bytes());
    let mut out = Vec::new();
    screen.paint_row(0, 0..3, &mut out);
    assert_eq!(out.escape_ascii().to_string(), "a\\x1b[1;31mb \\x1b[m");
}

#[test]
fn lines_that_leave_can_be_kept() {
    for (form, expected) in [(Form::Plain, "abcdefgh\nred\n"), (Form::Ansi, "abcdefgh\n\\x1b[31mred\\x1b[m\n")] {
        let mut screen = Screen::new(WinSize::clamped(2, 5));
        screen.keep_history(form, usize::MAX);
        screen.feed(b"abcdefgh\r\n\x1b[31mred\x1b[m\r\nx\r\ny", &mut Heard::default());
        let history = String::from_utf8(screen.take_history()).unwrap();
        assert_eq!(history.replace('\x1b', "\\x1b"), expected);
    }
}

#[test]
fn what_was_never_written_is_passed_over_in_lines_that_are_kept() {
    let mut screen = Screen::new(WinSize::clamped(2, 20));
    screen.keep_history(Form::Ansi, usize::MAX);
    // A gap in the middle, spaces, a gap at the beginning, and one at the end of a row that the line goes on from.
    let rows = ["a\x1b[12Gb", "a         b", "\x1b[12Gb", "\x1b[20Gab\x1b[A\x1b[5G\x1b[K\x1b[B\r", "", ""];
    screen.feed(rows.join("\r\n").as_bytes(), &mut Heard::default());
    let history = String::from_utf8(screen.take_history()).unwrap();
    let row = " ".repeat(20);
    assert_eq!(history, format!("a\x1b[10Cb\na         b\n \x1b[10Cb\n{row}b\n"));
}

#[test]
fn a_few_bytes_that_make_many_lines_leave_fill_no_memory() {
    let mut screen = Screen::new(WinSize::clamped(50, 200));
    screen.keep_history(Form::Ansi, 100);
    screen.feed(&b"\x1b#8\x1b[50S".repeat(1000), &mut Heard::default());
    let history = screen.take_history();
    assert!(history.len() <= 5 << 20, "{} bytes", history.len());
    assert!(history.ends_with(format!("\n{}\n", "E".repeat(200)).as_bytes()));
    assert!(history.split(|&b| b == b'\n').count() > 100);
}

#[test]
fn lines_that_are_scrolled_away_can_be_kept() {
    let mut screen = Screen::new(WinSize::clamped(3, 5));
    screen.keep_history(Form::Plain, usize::MAX);
    screen
        .feed(b"a\r\nb\r\nc\x1b[2Sd\x1b[2;3r\x1b[S\x1b[r\x1b[?1049hx\x1b[S\x1b[?1049l\x1b[99S", &mut Heard::default());
    assert_eq!(
        (String::from_utf8(screen.take_history()).unwrap(), screen.history_rows()),
        ("a\nb\nc\n d\n\n".to_owned(), 5)
    );
}

#[test]
fn memory_is_in_proportion_to_the_cells() {
    let mut screen = Screen::new(WinSize::DEFAULT);
    let uri = "x".repeat(2000);
    for n in 0..12_000_u32 {
        let [_, r, g, b] = n.to_be_bytes();
        screen.feed(format!("\x1b[38;2;{r};{g};{b}me\u{301}\x1b]8;;{n}{uri}\x07").as_bytes(), &mut Heard::default());
    }
    let cells = 2 * 24 * 80;
    assert!(screen.styles.table.len() <= 2 * cells && screen.clusters.texts.len() <= 2 * cells);
    assert!(screen.links.bytes <= 64 * 1024);
}

proptest! {
    #[test]
    fn a_flood_leaves_the_screen_as_if_it_was_drawn(
        before in prop::collection::vec(prop_oneof![
            Just("\x1b[44m"), Just("\x1b[2;5r"), Just("\x1b[4h"), Just("\x1b[?7l"), Just("\x1b[?6h"), Just("\x1b[?1049h"),
            Just("\x1b[20h"), Just("\x1b(0"), Just("ab\r\n"), Just("\x1b[3;7H"), Just("\x1b7"), Just("\x1b[31m"),
        ], 0..4),
        lines in prop::collection::vec((prop_oneof![
            Just("plain"), Just(""), Just("日本\tx"), Just("e\u{301}·wörter"), Just("a long line that is wrapped"),
            Just("x\u{1f469}\u{200d}\u{1f4bb}"),
        ], prop_oneof![8 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r")]), 1..40),
        after in prop_oneof![Just(""), Just("tail"), Just("\x1b[2A\x1b[Kz"), Just("\u{301}")],
        (rows, cols) in (1_u16..12, 2_u16..30),
    ) {
        let flood: String = lines.iter().cycle().take(2500).map(|(text, end)| [*text, *end].concat()).collect();
        let stream = [&before.concat(), &flood, after].concat();
        let at_once = screen(rows, cols, stream.as_bytes());
        let mut drawn = Screen::new(WinSize::clamped(rows, cols));
        stream.as_bytes().chunks(1000).for_each(|piece| drawn.feed(piece, &mut Heard::default()));
        let with_history = |piece: usize, most: usize| {
            let mut screen = Screen::new(WinSize::clamped(rows, cols));
            screen.keep_history(Form::Plain, most);
            stream.as_bytes().chunks(piece).for_each(|piece| screen.feed(piece, &mut Heard::default()));
            let history = String::from_utf8(screen.take_history()).unwrap();
            let lines: Vec<_> = history.lines().rev().take(20).map(str::to_owned).collect();
            lines
        };
        prop_assert_eq!(with_history(usize::MAX, 20), with_history(1000, 20));
        let snapshot = |screen: &Screen| {
            let mut out = Vec::new();
            screen.snapshot(&mut out);
            out.escape_ascii().to_string()
        };
        prop_assert_eq!(snapshot(&at_once), snapshot(&drawn));
        prop_assert_eq!((at_once.last_width, at_once.x, at_once.y), (drawn.last_width, drawn.x, drawn.y));
    }

    #[test]
    fn cuts_never_matter_and_no_bytes_panic(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
        rows in 1u16..6, cols in 1u16..12, seed: u64,
    ) {
        let mut stream = pieces.concat();
        // Half of it sequences.
        let mut random = oracle_tests::Random::new(seed);
        for _ in 0..20 {
            let at = random.below(stream.len() + 1);
            let tail = stream.split_off(at);
            stream.extend_from_slice([&b"\x1b["[..], b"\x1b]", b"\x1bP", b"\x1b[?", "日".as_bytes(), b"\x1b(0"][random.below(6)]);
            stream.extend(tail);
        }
        let (mut whole, mut cut) = (Screen::new(WinSize::clamped(rows, cols)), Screen::new(WinSize::clamped(rows, cols)));
        let (mut heard_whole, mut heard_cut) = (Heard::default(), Heard::default());
        whole.feed(&stream, &mut heard_whole);
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(1 + random.below(rest.len().min(7)));
            cut.feed(now, &mut heard_cut);
            rest = later;
        }
        let (mut one, mut other) = (Vec::new(), Vec::new());
        whole.snapshot(&mut one);
        cut.snapshot(&mut other);
        prop_assert_eq!(one, other);
        prop_assert_eq!(heard_whole, heard_cut);
        whole.resize(WinSize::clamped(cols, rows));
        whole.feed(&stream, &mut Heard::default());
    }
}

#[test]
fn a_style_is_kept_while_the_line_before_it_scrolls_away() {
    let mut screen = Screen::new(WinSize::clamped(2, 4));
    for n in 0..5_000_u32 {
        let [_, r, g, b] = (n + 1).to_be_bytes();
        // Behind a wrap that is pending on the last row, so that a row in the new background comes in first.
        let other = if n % 3 == 0 { format!("\x1b[1;1H\x1b[38;2;8;{g};{b}mo") } else { String::new() };
        let output = format!("{other}\x1b[m\x1b[2;4Hx\x1b[38;2;9;{g};{b}m\x1b[48;2;{r};{g};{b}myz");
        screen.feed(output.as_bytes(), &mut Heard::default());
        let cell = screen.grid().row(1)[0];
        let style = screen.styles.get(cell.style);
        assert_eq!(style.fg & 0xff_ffff, 9 << 16 | u32::from(g) << 8 | u32::from(b), "style {n}");
    }
}
