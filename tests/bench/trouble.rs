//! What went wrong, in one sentence that names the thing.

use std::fmt;

/// A failure of the benchmark or of a contestant, ready to be read by a person.
#[derive(Debug, Clone)]
pub struct Trouble(String);

pub type Result<T> = std::result::Result<T, Trouble>;

impl Trouble {
    pub fn new(text: impl Into<String>) -> Trouble {
        Trouble(text.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was being done when a call failed.
pub trait During<T> {
    fn during(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> During<T> for std::result::Result<T, E> {
    fn during(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Trouble(format!("{}: {error}", doing())))
    }
}
