//! Text of others: which of its characters deceive, which of its lines are the last, which word was meant.

/// Whether a character moves the cursor, hides or reorders what a terminal shows.
pub fn deceives(c: char) -> bool {
    c.is_control() || is_invisible(c) || is_joiner(c)
}

/// Bidirectional controls (Unicode TR36, "Trojan Source", CVE-2021-42574), and formats that show nothing: Unicode's general
/// category Cf, tag characters, U+2028 and 2029. The two joiners are none of them: scripts and emoji need them.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// The text with everything escaped that could move the cursor, hide or reorder what a terminal shows: a project's file
/// is quoted on its owner's terminal before its owner has trusted it.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if deceives(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// The known word nearest to `word`, when one is near enough to be what was meant: a third of its letters may differ,
/// two always, swapped neighbours count once.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near_enough = (word.chars().count() / 3).max(2);
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= near_enough && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The last so many lines of a text, the last of which may lack its LF.
pub fn last_lines(text: &[u8], lines: usize) -> &[u8] {
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    let ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    match lines.checked_sub(1) {
        None => &[],
        Some(before) => &text[ends.into_iter().nth(before).unwrap_or(0)..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("a\u{1b}]52;c\u{7}\u{202e}ä\u{9b}"), "a\\u{1b}]52;c\\u{7}\\u{202e}ä\\u{9b}");
    }

    #[test]
    fn joiners_can_deceive_but_belong_to_words() {
        for c in ['\u{200c}', '\u{200d}'] {
            assert!(deceives(c) && !is_invisible(c), "{c:?}");
        }
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("comand", ["args", "command"]), Some("command"));
        assert_eq!(nearest("no", ["none", "host"]), Some("none"));
        assert_eq!(nearest("kubernetes", ["args", "command"]), None);
    }

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        let text = b"a\nb\nc\n";
        assert_eq!(last_lines(text, 2), b"b\nc\n");
        assert_eq!(last_lines(b"a\nb\nc", 1), b"c");
        assert_eq!(last_lines(text, 9), text);
        assert_eq!(last_lines(text, usize::MAX), text);
        assert_eq!(last_lines(text, 0), b"");
    }
}
