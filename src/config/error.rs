//! What is wrong with a Coopfile, said so that it can be mended: file, line, key, reason, and the nearest right word.

use crate::text::printable;
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
