//! Questions that programs ask the terminal. Output that is shown a second time must not ask them again: the answers
//! would be typed into a program that did not ask.

/// `bytes` without terminal queries, and how many bytes at their end belong to a sequence or a character that is not
/// finished there: those are left out.
pub fn without_queries(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&b| b == 0x1b || b == 0x05) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        if rest[0] == 0x05 {
            rest = &rest[1..]; // ENQ: "who are you"
            continue;
        }
        let Some(len) = sequence_len(rest) else { return (out, rest.len()) };
        if !is_query(&rest[..len]) {
            out.extend_from_slice(&rest[..len]);
        }
        rest = &rest[len..];
    }
    let unfinished = unfinished_character(rest);
    out.extend_from_slice(&rest[..rest.len() - unfinished]);
    (out, unfinished)
}

/// Length of the UTF-8 character that `bytes` end in the middle of.
fn unfinished_character(bytes: &[u8]) -> usize {
    let Some(back) = bytes.iter().rev().take(3).position(|&b| b >= 0xc0) else { return 0 };
    let needed = match bytes[bytes.len() - 1 - back] {
        0xf0.. => 4,
        0xe0.. => 3,
        _ => 2,
    };
    if back + 1 < needed { back + 1 } else { 0 }
}

/// Length of the escape sequence at the start of `bytes`; `None` when it does not end there.
fn sequence_len(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'[' => bytes[2..].iter().position(|b| !(0x20..=0x3f).contains(b)).map(|n| n + 3),
        b']' | b'P' | b'_' | b'^' | b'X' => {
            let mut at = 2;
            loop {
                match bytes.get(at)? {
                    0x07 if bytes[1] == b']' => return Some(at + 1),
                    0x18 | 0x1a => return Some(at + 1),
                    0x1b if *bytes.get(at + 1)? == b'\\' => return Some(at + 2),
                    0x1b => return Some(at),
                    _ => at += 1,
                }
            }
        }
        0x20..=0x2f => bytes[2..].iter().position(|b| !(0x20..=0x2f).contains(b)).map(|n| n + 3),
        _ => Some(2),
    }
}

fn is_query(sequence: &[u8]) -> bool {
    let (Some(&kind), Some(&last)) = (sequence.get(1), sequence.last()) else { return false };
    let body = sequence.get(2..).unwrap_or_default();
    let first = body.first().copied();
    match kind {
        b'[' => match last {
            b'c' | b'n' => true,
            b'p' => body.contains(&b'$'),
            b'q' => first == Some(b'>'),
            b'u' => first == Some(b'?'),
            b'x' => body.len() <= 2,
            b't' => (11..=21).contains(&leading_number(body)),
            _ => false,
        },
        b']' => body.windows(2).any(|pair| pair == b";?"),
        b'P' => body.starts_with(b"+q") || body.starts_with(b"$q"),
        b'_' => first == Some(b'G') && body.windows(3).any(|part| part == b"a=q"),
        b'Z' => true,
        _ => false,
    }
}

fn leading_number(bytes: &[u8]) -> u32 {
    let digits = bytes.iter().take(4).take_while(|b| b.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agents_ask_is_left_out_and_all_else_stays() {
        let asked: &[&[u8]] = &[
            b"\x1b[c",
            b"\x1b[>c",
            b"\x1b[0c",
            b"\x1b[>0q",
            b"\x1b[?u",
            b"\x1b[6n",
            b"\x1b[?6n",
            b"\x1b[?2026$p",
            b"\x1b]10;?\x07",
            b"\x1b]11;?\x1b\\",
            b"\x1b]4;1;?\x07",
            b"\x1bP+q544e\x1b\\",
            b"\x1b[14t",
            b"\x1b[18t",
            b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
            b"\x05",
            b"\x1bZ",
            b"\x1b]7501;?\x1b\\",
        ];
        for query in asked {
            let stream = [b"a", *query, b"b"].concat();
            assert_eq!(without_queries(&stream), (b"ab".to_vec(), 0), "{query:?}");
        }
        let kept: &[u8] =
            b"plain \x1b[1;31mred\x1b[0m\x1b]0;title\x07\x1b[?1049h\x1b[22;2t\x1b(B\x1b[>1u\x1b[2 q\x1b7\x1b[4;5H";
        assert_eq!(without_queries(kept), (kept.to_vec(), 0));
    }

    #[test]
    fn an_unfinished_end_is_left_out() {
        assert_eq!(without_queries(b"ab\x1b[1;"), (b"ab".to_vec(), 4));
        assert_eq!(without_queries(b"ab\x1b"), (b"ab".to_vec(), 1));
        assert_eq!(without_queries("aä".as_bytes()), ("aä".into(), 0));
        assert_eq!(without_queries(&"a日".as_bytes()[..3]), (b"a".to_vec(), 2));
    }
}
