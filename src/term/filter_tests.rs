use super::*;
use crate::term::modes::ModeTracker;
use proptest::prelude::*;

fn filtered(clipboard: bool, stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Filter::new(clipboard).pass(stream, &mut out, |_| {});
    out
}

#[test]
fn questions_are_left_out_and_all_else_passes() {
    let asked: &[&[u8]] = &[
        b"\x1b[c",
        b"\x1b[>c",
        b"\x1b[=c",
        b"\x1b[>0q",
        b"\x1b[?u",
        b"\x1b[6n",
        b"\x1b[?6n",
        b"\x1b[?2026$p",
        b"\x1b[4$p",
        b"\x1b]10;?\x07",
        b"\x1b]11;?\x1b\\",
        b"\x1b]4;1;?\x07",
        b"\x1bP+q544e\x1b\\",
        b"\x1bP$qm\x1b\\",
        b"\x1b[14t",
        b"\x1b[21t",
        b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
        b"\x05",
        b"\x1bZ",
        b"\x1b]7501;?\x1b\\",
        b"\x1b[x",
        b"\x1b]99;i=1:p=?;\x1b\\",
        b"\x1b]1337;ReportCellSize\x07",
        b"\x1b]52;c;?\x07",
        b"\x1b]52;c;YQ==\x07",
        b"\xc2\x9bc",
        b"\x1b]5522;type=write\x1b\\",
        b"\x1b[6\x18",
        b"\x1b]1\x001;?\x07",
    ];
    for query in asked {
        let stream = [b"a", *query, b"b"].concat();
        assert_eq!(
            filtered(false, &stream).escape_ascii().to_string().replace("\\x18", ""),
            "ab",
            "{}",
            query.escape_ascii()
        );
    }
    let kept: &[u8] =
        "plain \x1b[1;31mré日\x1b[0m\x1b]0;why;?\x07\x1b[?1049h\x1b[22;2t\x1b(B\x1b[>1u\x1b[2 q\x1b7\x1b]8;;a?b=?\x07"
            .as_bytes();
    assert_eq!(filtered(false, kept), kept);
    assert_eq!(filtered(true, b"\x1b]52;c;YQ==\x07"), b"\x1b]52;c;YQ==\x07");
    assert_eq!(filtered(true, b"\x1b]52;c;?\x07"), b"");
}

#[test]
fn unfinished_units_are_held_back_and_counted() {
    for (stream, held) in
        [(&b"ab\x1b[1;"[..], 4), (b"ab\x1b", 1), (b"ab\xe6\x97", 2), (b"ab\x1b]0;x\x1b", 6), (b"ab", 0)]
    {
        let (mut filter, mut out) = (Filter::new(false), Vec::new());
        filter.pass(stream, &mut out, |_| {});
        assert_eq!((out.as_slice(), filter.held()), (&b"ab"[..], held));
    }
}

#[test]
fn invalid_bytes_and_unfinished_sequences_vanish() {
    assert_eq!(filtered(false, b"a\xffb\xe6\x97c\x85d"), b"abcd");
    assert_eq!(filtered(false, b"a\x1b[1;\x1b[mb"), b"a\x1b[mb");
}

#[test]
fn a_question_inside_of_a_sequence_is_left_out() {
    assert_eq!(filtered(false, b"a\x1b[1\x05;3\nmb\x1b\x05[6nc").escape_ascii().to_string(), "a\\x1b[1;3\\nmbc");
}

#[test]
fn a_string_is_closed_even_if_what_ended_it_is_dropped() {
    assert_eq!(filtered(false, b"a\x1b_Gx\x1bZtext").escape_ascii().to_string(), "a\\x1b_Gx\\x1b\\\\text");
    assert_eq!(filtered(false, b"a\x1b]0;x\x1b[6ntext").escape_ascii().to_string(), "a\\x1b]0;x\\x1b\\\\text");
    let image = [b"\x1bPq", vec![b'#'; 200_000].as_slice()].concat();
    let passed = filtered(false, &[image.as_slice(), b"\x1b[ctext"].concat());
    assert!(passed == [image.as_slice(), b"\x1b\\text"].concat());
}

#[test]
fn long_images_pass_in_pieces_and_long_questions_do_not() {
    let image = [b"\x1bPq", vec![b'#'; 200_000].as_slice(), b"\x1b\\x"].concat();
    assert_eq!(filtered(false, &image), image);
    let question = [b"\x1bP+q", vec![b'4'; 200_000].as_slice(), b"\x1b\\x"].concat();
    assert_eq!(filtered(false, &question), b"x");
    let question = [b"\x1b\xffP+q", vec![b'4'; 200_000].as_slice(), b"\x1b\\x"].concat();
    assert_eq!(filtered(false, &question), b"x");
    let (mut filter, mut out) = (Filter::new(false), Vec::new());
    image.chunks(999).for_each(|chunk| filter.pass(chunk, &mut out, |_| {}));
    assert!(out == image);
}

proptest! {
    #[test]
    fn whoever_sees_all_but_text_knows_the_modes(parts in prop::collection::vec(prop_oneof![
        Just(b"\x1b[1;31m".to_vec()), Just(b"\x1b[m".to_vec()), Just(b"\x1b[?1049h".to_vec()), Just(b"\x1b[?25l".to_vec()),
        Just(b"\x1b[?1;2004h".to_vec()), Just(b"\x1b[4l\x1b7".to_vec()), Just(b"\x1b(0\x0eqq".to_vec()), Just(b"\x1b8".to_vec()),
        Just(b"\x1b[3;9r\x1b[?6h".to_vec()), Just(b"\x1b]8;;http://a\x1b\\".to_vec()), Just(b"\x1b[>1u\x1b[2 q".to_vec()),
        Just("日本\r\né".as_bytes().to_vec()), Just(b"\x0f\x1b[!p".to_vec()), Just(b"\x1b]2;x\x1b[6n".to_vec()),
        Just(b"\x1b[1\x0em\x18".to_vec()), Just(b"\x1b[?1;\xff".to_vec()), Just(b"\x1b]10;red\x07\x1bc".to_vec()),
    ], 0..30), piece in 1_usize..40) {
        let stream = parts.concat();
        let (mut filter, mut out) = (Filter::new(false), Vec::new());
        let (mut some, mut all) = (ModeTracker::new(), ModeTracker::new());
        stream.chunks(piece).for_each(|piece| filter.pass(piece, &mut out, |seen| some.feed(seen)));
        all.feed(&out);
        prop_assert_eq!(some.restore().escape_ascii().to_string(), all.restore().escape_ascii().to_string());
        prop_assert_eq!(some.in_alternate_screen(), all.in_alternate_screen());
    }

    #[test]
    fn cuts_never_matter(parts in prop::collection::vec(prop_oneof![
        Just(b"\x1b[6n".to_vec()), Just(b"\x1b[31m".to_vec()), Just(b"\x1b]11;?\x07".to_vec()), Just(b"\x1b]0;a\x1b\\".to_vec()),
        Just("日本é".as_bytes().to_vec()), Just(b"\x1bP$qm\x1b\\".to_vec()), prop::collection::vec(any::<u8>(), 0..9),
        Just(b"\x1b[1\x07m".to_vec()), Just(b"\x1b]52;".to_vec()),
    ], 0..30)) {
        let stream = parts.concat();
        let (mut filter, mut out) = (Filter::new(false), Vec::new());
        stream.iter().for_each(|&byte| filter.pass(&[byte], &mut out, |_| {}));
        let (mut whole, mut at_once) = (Filter::new(false), Vec::new());
        whole.pass(&stream, &mut at_once, |_| {});
        prop_assert_eq!(out, at_once);
        prop_assert_eq!(filter.held(), whole.held());
    }
}
