//! The words that may stand right of a `=`: each function takes what was written and gives the checked thing or the
//! reason against it.

use crate::config::layer::EnvValue;
use crate::config::layer::MountTarget;
use crate::name::Secret;
use crate::session::spec::DetachKey;
use crate::session::spec::NetworkMode;
use crate::session::spec::PersistScope;
use crate::session::spec::RestartWhen;
use crate::session::spec::SizePolicy;
use crate::text::nearest;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// Why a value is refused, as the end of a sentence that began with its key.
pub type Reason = String;

/// Directories of the box that the kernel fills; nothing may be mounted on or below them.
const KERNEL_DIRECTORIES: &[&str] = &["/proc", "/sys", "/dev"];

pub fn network(word: &str) -> Result<NetworkMode, Reason> {
    match word {
        "none" => Ok(NetworkMode::None),
        "host" => Ok(NetworkMode::Host),
        "auto" | "proxy" | "veth" => {
            Err(format!("the network mode {word:?} is not in this build: write \"none\" or \"host\""))
        }
        _ => Err(no_such(word, &["none", "host"])),
    }
}

pub fn persist_scope(word: &str) -> Result<PersistScope, Reason> {
    match word {
        "session" => Ok(PersistScope::Session),
        "user" => Ok(PersistScope::User),
        _ => Err(no_such(word, &["session", "user"])),
    }
}

pub fn restart_word(word: &str) -> Result<RestartWhen, Reason> {
    match word {
        "on-failure" => Ok(RestartWhen::OnFailure),
        "true" | "false" => Err(format!("write {word} without quotes")),
        _ => Err(no_such(word, &["on-failure"]) + ", or true, or false"),
    }
}

/// A program: bare (looked up on PATH), absolute, or with a `/` in it (relative to the workspace).
pub fn program(word: &str) -> Result<String, Reason> {
    if word.trim().is_empty() {
        return Err("a program cannot be empty".to_owned());
    }
    Ok(word.to_owned())
}

/// The name of an environment variable (POSIX, Base Definitions 8.1, and lower case, which proxies use).
pub fn env_name(word: &str) -> Result<String, Reason> {
    let fits = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !fits || word.is_empty() || word.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(format!("{word:?} is no name of a variable: letters, digits and '_', no digit first"));
    }
    // Adoption finds sessions by these, and agents believe IS_SANDBOX: only coop may say them.
    if word.starts_with("COOP_") || word == "IS_SANDBOX" {
        return Err(format!("{word} is set by coop itself"));
    }
    Ok(word.to_owned())
}

pub fn env_value(text: &str) -> Result<EnvValue, Reason> {
    match text.strip_prefix('$') {
        None => Ok(EnvValue::Literal(Secret::new(text.to_owned()))),
        Some(escaped) if escaped.starts_with('$') => Ok(EnvValue::Literal(Secret::new(escaped.to_owned()))),
        Some(variable) => env_name(variable).map(EnvValue::FromHost).map_err(|_| {
            "after '$' the name of one host variable and nothing else; \"$$...\" is a literal '$'".to_owned()
        }),
    }
}

/// `PATH` or `PATH:ro`.
pub fn mount_target(text: &str) -> Result<MountTarget, Reason> {
    let (path, read_only) = match text.strip_suffix(":ro") {
        Some(path) => (path, true),
        None => (text, false),
    };
    if path.contains(':') {
        return Err(format!("{text:?}: only \":ro\" may follow the path in the box"));
    }
    Ok(MountTarget { inside: box_path(path)?, read_only })
}

/// An absolute path in the box on which something can be mounted, normalized.
pub fn box_path(text: &str) -> Result<PathBuf, Reason> {
    if !text.starts_with('/') {
        return Err(format!("{text:?} must be an absolute path in the box"));
    }
    let path = without_dots(text)?;
    if path == Path::new("/") {
        return Err("the root of the box cannot be mounted over".to_owned());
    }
    match KERNEL_DIRECTORIES.iter().find(|dir| path.starts_with(dir)) {
        Some(dir) => Err(format!("nothing can be mounted on {dir} or below it")),
        None => Ok(path),
    }
}

/// A path below HOME that is kept: relative, normalized, not HOME itself.
pub fn persist_path(text: &str) -> Result<PathBuf, Reason> {
    if text.starts_with('/') || text.starts_with('~') {
        return Err(format!("{text:?} must be relative to the home directory, such as \".claude\""));
    }
    let path = without_dots(text)?;
    if path.as_os_str().is_empty() {
        return Err("the home directory itself cannot be kept: name directories in it".to_owned());
    }
    Ok(path)
}

/// `ctrl-X`: the control character that the terminal sends for it.
pub fn detach_key(text: &str) -> Result<DetachKey, Reason> {
    let lower = text.to_ascii_lowercase();
    let taken = |why: &str| Err(format!("{text:?} cannot be the detach key: {why}"));
    match lower.strip_prefix("ctrl-").unwrap_or_default() {
        "c" => taken("it interrupts the program"),
        "d" => taken("it ends the input"),
        "i" => taken("it is the Tab key"),
        "j" => taken("it is the line feed"),
        "m" => taken("it is the Enter key"),
        "[" => taken("it is the Escape key and begins every function key"),
        "space" | "@" => taken("not every terminal can send it"),
        key => match key.as_bytes() {
            // ASCII: Ctrl clears the upper bits of the letter's code.
            [byte @ (b'a'..=b'z' | b'\\' | b']' | b'^' | b'_')] => Ok(DetachKey(byte & 0x1f)),
            _ => {
                Err(format!("{text:?} is no detach key: write \"ctrl-a\" to \"ctrl-z\", or ctrl- and one of ] \\ ^ _"))
            }
        },
    }
}

/// Refuses `..`; drops `.` and doubled slashes.
fn without_dots(text: &str) -> Result<PathBuf, Reason> {
    let path = Path::new(text);
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(format!("{text:?} must not hold \"..\""));
    }
    Ok(path.components().filter(|part| *part != Component::CurDir).collect())
}

/// `[session] size`
pub fn size(text: &str) -> Result<SizePolicy, Reason> {
    match text {
        "latest" => Ok(SizePolicy::Latest),
        "smallest" => Ok(SizePolicy::Smallest),
        _ => Err(no_such(text, &["latest", "smallest"])),
    }
}

fn no_such(word: &str, known: &[&str]) -> Reason {
    let quoted: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("unknown value {word:?}, did you mean {near:?}?"),
        None => format!("unknown value {word:?}: write {}", quoted.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detach_key_is_a_control_character_that_nobody_else_needs() {
        assert_eq!(detach_key("ctrl-a"), Ok(DetachKey(1)));
        assert_eq!(detach_key("Ctrl-]"), Ok(DetachKey(0x1d)));
        assert_eq!(detach_key("ctrl-\\"), Ok(DetachKey(0x1c)));
        assert_eq!(detach_key("ctrl-_"), Ok(DetachKey(0x1f)));
        for refused in
            ["ctrl-c", "ctrl-d", "ctrl-i", "ctrl-j", "ctrl-m", "ctrl-[", "ctrl-space", "ctrl-", "a", "", "^]"]
        {
            assert!(detach_key(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_box_path_is_absolute_and_not_the_kernels() {
        assert_eq!(box_path("/a//b/./c/"), Ok("/a/b/c".into()));
        assert_eq!(box_path("/devel"), Ok("/devel".into()));
        for refused in ["", "a", "/", "//", "/.", "/proc", "/proc/self", "/dev/", "/sys", "/a/../b"] {
            assert!(box_path(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_kept_path_stays_below_home() {
        assert_eq!(persist_path("./.config//x"), Ok(".config/x".into()));
        for refused in ["", ".", "./", "/etc", "~/.ssh", "a/../..", ".."] {
            assert!(persist_path(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_dollar_takes_a_whole_host_variable_or_is_escaped() {
        let literal = |text: &str| Ok(EnvValue::Literal(Secret::new(text.to_owned())));
        assert_eq!(env_value("a$b"), literal("a$b"));
        assert_eq!(env_value("$$HOME"), literal("$HOME"));
        assert_eq!(env_value("$HOME"), Ok(EnvValue::FromHost("HOME".into())));
        for refused in ["$", "${HOME}", "$HOME/bin", "$1"] {
            assert!(env_value(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_mount_target_may_end_in_ro_and_nothing_else() {
        assert_eq!(mount_target("/a:ro"), Ok(MountTarget { inside: "/a".into(), read_only: true }));
        assert_eq!(mount_target("/a"), Ok(MountTarget { inside: "/a".into(), read_only: false }));
        assert!(mount_target("/a:rw").is_err());
        assert!(mount_target("/a:ro:ro").is_err());
    }

    #[test]
    fn variables_that_coop_sets_cannot_be_named() {
        assert!(env_name("PATH").is_ok() && env_name("HOME").is_ok() && env_name("http_proxy").is_ok());
        for refused in ["", "1A", "A-B", "A=B", "A\0", "COOP_SESSION", "IS_SANDBOX", "Ä"] {
            assert!(env_name(refused).is_err(), "{refused}");
        }
    }
}
