//! A git configuration, which may be a cloned repository's: no text makes the reader panic, hang, or use much more
//! memory than the text has.
#![no_main]

use coop::config::gitconfig::IdentityLine;
use coop::config::gitconfig::identity;
use coop::config::gitconfig::variables;
use libfuzzer_sys::fuzz_target;

/// So many times its own size a text may take.
const GROWTH_MAX: usize = 64;

fn run(text: &str) {
    let found = variables(text);
    let mut bytes = 0;
    let mut section_at = std::ptr::null();
    for variable in &found {
        assert!(!variable.key.is_empty() && variable.key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        assert_eq!(variable.key, variable.key.to_lowercase());
        bytes += variable.key.len() + variable.value.len();
        // Counted once where variables share it.
        if std::mem::replace(&mut section_at, variable.section.as_ptr()) != variable.section.as_ptr() {
            bytes += variable.section.len() + variable.subsection.len();
        }
    }
    assert!(bytes <= GROWTH_MAX * text.len() + 4096, "{} bytes became {bytes}", text.len());
    let said = identity(text);
    assert!(said.len() <= found.len());
    for line in said {
        let (IdentityLine::Name(value) | IdentityLine::Email(value)) = line else { continue };
        assert!(found.iter().any(|variable| &*variable.section == "user" && variable.value == value));
    }
}

fuzz_target!(|text: &str| run(text));
