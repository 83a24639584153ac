use super::*;

#[test]
fn parameters_are_read_with_their_sub_parameters() {
    let mut params = Params::default();
    params.parse(b"1;38:2::5;;7");
    assert_eq!(params.values(), [1, 38, 0, 7]);
    assert_eq!((params.subs(0), params.subs(1), params.subs(2)), (&[][..], &[2, -1, 5][..], &[][..]));
    params.parse(b"");
    assert_eq!((params.count(), params.get(0), params.number(0)), (1, 0, 1));
    params.parse(&[b"9;".repeat(100), b"1:2".repeat(100)].concat());
    assert_eq!((params.count(), params.get(31)), (32, 9));
    params.parse(b"99999999999");
    assert_eq!(params.get(0), i32::MAX);
}

#[test]
fn an_overlong_sequence_is_dropped_however_it_comes() {
    let stream = [b"\x1b[".as_slice(), &[b'1'; 3000], b"mx"].concat();
    let count = |pieces: usize| {
        let (mut framer, mut text) = (Framer::default(), 0);
        for mut chunk in stream.chunks(pieces) {
            while let Some(unit) = framer.next(&mut chunk) {
                text += if matches!(unit.what, What::Text { .. }) { unit.raw.len() } else { 0 };
            }
        }
        text
    };
    assert_eq!(count(1), count(4000));
}

#[test]
fn printable_ascii_is_found_to_its_end() {
    for special in [0_u8, 0x1f, 0x7f, 0x80, 0xff] {
        for at in 0..40 {
            let mut bytes = [b' ', b'~', b'a', b'`'].repeat(10);
            bytes[at] = special;
            assert_eq!(printable(&bytes), at);
        }
    }
    assert_eq!(printable(b"all of it is text"), 17);
}
