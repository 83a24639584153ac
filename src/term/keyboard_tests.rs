use super::encode::KeyboardModes;
use super::encode::paste;
use super::*;
use proptest::prelude::*;

const LEGACY: KeyboardModes = KeyboardModes {
    application_cursor: false,
    application_keypad: false,
    kitty_flags: 0,
    backspace_sends_bs: false,
    enter_sends_crlf: false,
};

fn kitty(flags: u8) -> KeyboardModes {
    KeyboardModes { kitty_flags: flags, ..LEGACY }
}

/// `^[` for ESC, so that the tables can be read.
fn sent(word: &str, modes: KeyboardModes) -> String {
    let chunk: Chunk = word.parse().unwrap_or_else(|error| panic!("{word}: {error}"));
    let bytes = chunk.encode(&modes).unwrap();
    let shown = |&byte: &u8| match byte {
        0x1b => "^[".to_owned(),
        0..=0x1f | 0x7f => format!("<{byte:02x}>"),
        _ => char::from(byte).to_string(),
    };
    if bytes.is_ascii() { bytes.iter().map(shown).collect() } else { String::from_utf8(bytes).unwrap() }
}

fn check(modes: KeyboardModes, cases: &[(&str, &str)]) {
    for (word, expected) in cases {
        assert_eq!(sent(word, modes), *expected, "{word} in {modes:?}");
    }
}

#[test]
fn text_is_typed_as_it_stands() {
    check(
        LEGACY,
        &[("ls -l", "ls -l"), ("a:b", "a:b"), ("", ""), ("text:key:up", "key:up"), ("text:-", "-"), ("日本", "日本")],
    );
}

#[test]
fn control_keys_are_what_kittys_table_of_c0_controls_says() {
    check(
        LEGACY,
        &[
            ("key:enter", "<0d>"),
            ("key:ctrl+enter", "<0d>"),
            ("key:alt+enter", "^[<0d>"),
            ("key:shift+enter", "<0d>"),
            ("key:esc", "^["),
            ("key:escape", "^["),
            ("key:alt+esc", "^[^["),
            ("key:backspace", "<7f>"),
            ("key:ctrl+backspace", "<08>"),
            ("key:alt+backspace", "^[<7f>"),
            ("key:ctrl+alt+backspace", "^[<08>"),
            ("key:tab", "<09>"),
            ("key:shift+tab", "^[[Z"),
            ("key:ctrl+shift+tab", "^[[Z"),
            ("key:alt+shift+tab", "^[^[[Z"),
            ("key:space", " "),
            ("key:ctrl+space", "<00>"),
            ("key:ctrl+alt+space", "^[<00>"),
        ],
    );
    let swapped = KeyboardModes { backspace_sends_bs: true, ..LEGACY };
    check(swapped, &[("key:backspace", "<08>"), ("key:ctrl+backspace", "<7f>")]);
    let newline = KeyboardModes { enter_sends_crlf: true, ..LEGACY };
    check(newline, &[("key:enter", "<0d><0a>"), ("key:kpenter", "<0d><0a>")]);
}

#[test]
fn characters_with_modifiers_are_as_of_old() {
    check(
        LEGACY,
        &[
            ("key:a", "a"),
            ("key:A", "A"),
            ("key:shift+a", "A"),
            ("key:ctrl+c", "<03>"),
            ("key:Ctrl+C", "<03>"),
            ("key:ctrl+shift+c", "<03>"),
            ("key:alt+x", "^[x"),
            ("key:alt+X", "^[X"),
            ("key:alt+shift+x", "^[X"),
            ("key:ctrl+alt+i", "^[<09>"),
            ("key:shift+3", "#"),
            ("key:alt+3", "^[3"),
            ("key:alt+shift+3", "^[#"),
            ("key:shift+;", ":"),
            ("key:ctrl+;", ";"),
            ("key:ctrl+]", "<1d>"),
            ("key:ctrl+\\", "<1c>"),
            ("key:ctrl+_", "<1f>"),
            ("key:ctrl+shift+-", "<1f>"),
            ("key:ctrl+2", "<00>"),
            ("key:ctrl+8", "<7f>"),
            ("key:+", "+"),
            ("key:plus", "+"),
            ("key:alt++", "^[+"),
            ("key:alt+ä", "\u{1b}ä"),
            ("key:shift+ä", "Ä"),
            ("key:super+a", "^[[97;9u"),
            ("key:ctrl+hyper+enter", "^[[13;21u"),
        ],
    );
}

#[test]
fn function_keys_are_xterms_pc_style_ones() {
    check(
        LEGACY,
        &[
            ("key:up", "^[[A"),
            ("key:down", "^[[B"),
            ("key:right", "^[[C"),
            ("key:left", "^[[D"),
            ("key:home", "^[[H"),
            ("key:end", "^[[F"),
            ("key:ctrl+left", "^[[1;5D"),
            ("key:shift+alt+ctrl+up", "^[[1;8A"),
            ("key:super+home", "^[[1;9H"),
            ("key:insert", "^[[2~"),
            ("key:delete", "^[[3~"),
            ("key:pageup", "^[[5~"),
            ("key:pagedown", "^[[6~"),
            ("key:shift+delete", "^[[3;2~"),
            ("key:f1", "^[OP"),
            ("key:f3", "^[OR"),
            ("key:f4", "^[OS"),
            ("key:shift+f3", "^[[1;2R"),
            ("key:f5", "^[[15~"),
            ("key:F6", "^[[17~"),
            ("key:f10", "^[[21~"),
            ("key:f11", "^[[23~"),
            ("key:f12", "^[[24~"),
            ("key:ctrl+f12", "^[[24;5~"),
            ("key:f13", "^[[25~"),
            ("key:f15", "^[[28~"),
            ("key:f20", "^[[34~"),
            ("key:f24", "^[[45~"),
        ],
    );
}

#[test]
fn cursor_keys_honour_application_mode_unless_modified() {
    let application = KeyboardModes { application_cursor: true, ..LEGACY };
    check(
        application,
        &[
            ("key:up", "^[OA"),
            ("key:home", "^[OH"),
            ("key:end", "^[OF"),
            ("key:ctrl+up", "^[[1;5A"),
            ("key:f1", "^[OP"),
            ("key:delete", "^[[3~"),
            ("key:f5", "^[[15~"),
        ],
    );
}

#[test]
fn the_keypad_honours_application_mode() {
    check(LEGACY, &[("key:kp5", "5"), ("key:kpplus", "+"), ("key:kpenter", "<0d>"), ("key:alt+kp5", "^[5")]);
    let application = KeyboardModes { application_keypad: true, ..LEGACY };
    check(
        application,
        &[
            ("key:kp0", "^[Op"),
            ("key:kp9", "^[Oy"),
            ("key:kpenter", "^[OM"),
            ("key:kpplus", "^[Ok"),
            ("key:kpminus", "^[Om"),
            ("key:kpmultiply", "^[Oj"),
            ("key:kpdivide", "^[Oo"),
            ("key:kpdecimal", "^[On"),
            ("key:kpequal", "^[OX"),
            ("key:5", "5"),
        ],
    );
}

#[test]
fn kitty_disambiguates_all_that_types_no_text() {
    check(
        KeyboardModes { application_cursor: true, ..kitty(1) },
        &[
            ("key:a", "a"),
            ("key:A", "A"),
            ("key:ä", "ä"),
            ("hello", "hello"),
            ("key:space", " "),
            ("key:esc", "^[[27u"),
            ("key:ctrl+c", "^[[99;5u"),
            ("key:alt+x", "^[[120;3u"),
            ("key:alt+X", "^[[120;4u"),
            ("key:ctrl+shift+a", "^[[97;6u"),
            ("key:ctrl+shift+i", "^[[105;6u"),
            ("key:ctrl+space", "^[[32;5u"),
            ("key:enter", "<0d>"),
            ("key:tab", "<09>"),
            ("key:backspace", "<7f>"),
            ("key:shift+enter", "^[[13;2u"),
            ("key:shift+tab", "^[[9;2u"),
            ("key:ctrl+shift+tab", "^[[9;6u"),
            ("key:ctrl+backspace", "^[[127;5u"),
            ("key:up", "^[[A"),
            ("key:ctrl+up", "^[[1;5A"),
            ("key:f1", "^[[P"),
            ("key:shift+f1", "^[[1;2P"),
            ("key:f3", "^[[13~"),
            ("key:shift+f3", "^[[13;2~"),
            ("key:f13", "^[[57376u"),
            ("key:f24", "^[[57387u"),
            ("key:super+v", "^[[118;9u"),
            ("key:kp5", "5"),
            ("key:kpenter", "^[[57414u"),
            ("key:ctrl+kp5", "^[[57404;5u"),
        ],
    );
}

#[test]
fn kitty_reports_all_keys_alternates_and_text_when_asked() {
    check(
        kitty(8),
        &[
            ("key:a", "^[[97u"),
            ("key:A", "^[[97;2u"),
            ("key:enter", "^[[13u"),
            ("key:tab", "^[[9u"),
            ("key:backspace", "^[[127u"),
            ("key:up", "^[[A"),
            ("aB!", "^[[97u^[[98;2u^[[49;2u"),
            ("a\r\t\u{3}", "^[[97u^[[13u^[[9u^[[99;5u"),
        ],
    );
    check(
        kitty(1 | 4),
        &[("key:ctrl+shift+a", "^[[97:65;6u"), ("key:ctrl+a", "^[[97;5u"), ("key:shift+f1", "^[[1;2P")],
    );
    check(
        kitty(8 | 16),
        &[
            // The examples of "Text as code points".
            ("key:shift+a", "^[[97;2;65u"),
            ("key:å", "^[[229;;229u"),
            ("key:a", "^[[97;;97u"),
            ("key:ctrl+a", "^[[97;5u"),
            ("key:enter", "^[[13u"),
            ("key:kp5", "^[[57404;;53u"),
        ],
    );
    check(kitty(31), &[("key:shift+a", "^[[97:65;2;65u"), ("key:shift+2", "^[[50:64;2;64u")]);
    check(kitty(2), &[("key:ctrl+c", "<03>"), ("key:up", "^[[A")]);
}

#[test]
fn bytes_are_sent_whatever_the_modes() {
    for modes in [LEGACY, kitty(31)] {
        check(modes, &[("key:hex:1b5b41", "^[[A"), ("key:hex:1B", "^[")]);
    }
    for bad in ["", "1", "1b5", "xy", "1b 5b", "+1", "é1"] {
        assert_eq!(format!("key:hex:{bad}").parse::<Chunk>(), Err(KeyError::BadHex(bad.to_owned())), "{bad}");
    }
}

#[test]
fn pastes_are_named_and_their_text_is_elsewhere() {
    assert_eq!("-".parse(), Ok(Chunk::PasteInput));
    assert_eq!("paste:@a:b c".parse(), Ok(Chunk::PasteFile("a:b c".to_owned())));
    for bad in ["paste:", "paste:@", "paste:notes.md"] {
        assert_eq!(bad.parse::<Chunk>(), Err(KeyError::NoFile(bad.to_owned())));
    }
}

#[test]
fn what_is_no_key_is_named_with_what_was_meant() {
    let cases = [
        ("key:entr", "\"entr\" is no key: did you mean \"enter\"?"),
        ("key:pagup", "\"pagup\" is no key: did you mean \"pageup\"?"),
        ("key:f25", "\"f25\" is no key: did you mean \"f2\"?"),
        ("key:kubernetes", "\"kubernetes\" is no key"),
        ("key:ctlr+c", "\"ctlr\" is no modifier: did you mean \"ctrl\"?"),
        ("key:sihft+tab", "\"sihft\" is no modifier: did you mean \"shift\"?"),
        ("key:", "a key's name is missing in \"\": write key:enter, key:ctrl+c, key:f5"),
        ("key:ctrl+", "a key's name is missing in \"ctrl+\": write key:enter, key:ctrl+c, key:f5"),
        ("key:\u{1b}", "\"\\u{1b}\" is no key"),
    ];
    for (word, message) in cases {
        assert_eq!(word.parse::<Chunk>().unwrap_err().to_string(), message, "{word}");
    }
    for word in ["key:+a", "key:++", "key:ctrl++a", "key:+++"] {
        assert!(word.parse::<Chunk>().is_err(), "{word}");
    }
}

#[test]
fn a_paste_has_the_line_ends_of_enter_and_one_end() {
    let cases: &[(&[u8], &[u8])] =
        &[(b"a\nb\r\nc\rd\n", b"a\rb\rc\rd\r"), (b"\n\n\r\n\r\r\n", b"\r\r\r\r\r"), (b"\xff\x1b[A", b"\xff\x1b[A")];
    for (text, expected) in cases {
        assert_eq!(paste(text, false), *expected);
        assert_eq!(paste(text, true), [b"\x1b[200~", *expected, b"\x1b[201~"].concat());
    }
    let hostile = [&b"a\x1b[201~\r rm -rf ~"[..], b"\x1b[20\x1b[201~1~b\x1b[2\x1b[20\x1b[201~1~01~"];
    assert_eq!(paste(&hostile.concat(), true), b"\x1b[200~a\r rm -rf ~b\x1b[201~");
}

proptest! {
    #[test]
    fn no_paste_ends_before_its_end(parts in prop::collection::vec(prop_oneof![
        Just(&b"\x1b[201~"[..]), Just(&b"\x1b[20"[..]), Just(&b"1~"[..]), Just(&b"\x1b"[..]), Just(&b"[201~"[..]),
        Just(&b"\r\n"[..]), Just(&b"x"[..])], 0..30))
    {
        let pasted = paste(&parts.concat(), true);
        let ends = pasted.windows(6).filter(|window| window == b"\x1b[201~").count();
        prop_assert_eq!(ends, 1);
        prop_assert!(pasted.ends_with(b"\x1b[201~"));
    }

    #[test]
    fn any_word_is_sent_or_refused_and_plain_text_is_itself(word in "(key:)?[a-zA-Z0-9+:äß-]{0,12}", flags in 0_u8..8) {
        if let Ok(chunk) = word.parse::<Chunk>() {
            let bytes = chunk.encode(&kitty(flags));
            if chunk == Chunk::Text(word.clone()) {
                prop_assert_eq!(bytes, Some(word.into_bytes()));
            }
        }
    }
}
