//! What is wrong with a Coopfile, said so that it can be mended: file, line, key, reason, and the nearest right word.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;

/// All that is wrong with one file, in the order of its lines; never empty.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// The dotted path of the key; empty for a file that is no TOML.
    pub key: String,
    pub reason: String,
}

/// A reason, and the bytes of the text that it is about.
#[derive(Clone, Debug)]
pub struct Fault {
    pub span: Range<usize>,
    pub key: String,
    pub reason: String,
}

impl ConfigError {
    /// Turns byte offsets into lines. Faults come in the order of the table of keys and leave in the order of the file.
    pub fn locate(file: &Path, text: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.span.start);
        let problem = |fault: Fault| {
            let before = text.get(..fault.span.start).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            Problem {
                file: file.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                key: fault.key,
                reason: fault.reason,
            }
        };
        Self { problems: faults.into_iter().map(problem).collect() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            let newline = if n == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = printable(&self.file.to_string_lossy());
        write!(f, "{file}:{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", printable(&self.key))?;
        }
        f.write_str(&printable(&self.reason))
    }
}

/// Whether a character moves the cursor, hides or reorders what a terminal shows.
pub fn deceives(c: char) -> bool {
    c.is_control()
        // Invisible and bidirectional controls (Unicode TR36, "Trojan Source", CVE-2021-42574), tag characters.
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("a\u{1b}]52;c\u{7}\u{202e}ä\u{9b}"), "a\\u{1b}]52;c\\u{7}\\u{202e}ä\\u{9b}");
    }

    #[test]
    fn the_nearest_word_is_near() {
        assert_eq!(nearest("comand", ["args", "command"]), Some("command"));
        assert_eq!(nearest("no", ["none", "host"]), Some("none"));
        assert_eq!(nearest("kubernetes", ["args", "command"]), None);
    }
}
