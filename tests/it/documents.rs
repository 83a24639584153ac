//! Every command that the documents show can be typed.

use crate::home::Home;
use crate::home::skip;
use crate::ran::Ran;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Commands of one document: the lines of its blocks that are marked `sh`.
fn blocks(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line.trim()) {
            (None, "```sh") => block = Some(String::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(lines), _) => *lines += &format!("{line}\n"),
            (None, _) => {}
        }
    }
    assert!(block.is_none(), "{}: a block does not end", document.display());
    blocks
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    all.push(root.join("README.md"));
    all.retain(|path| path.is_file());
    all
}

/// The words after `coop` in a line, if it is a call of it.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let line = line.split(" # ").next()?.split(['|', '>', ';', '&']).next()?.trim();
    let words: Vec<String> = line.split_whitespace().map(|word| word.trim_matches(['\'', '"']).to_owned()).collect();
    let mut words = words.into_iter().skip_while(|word| word.contains('=') && !word.starts_with('-')).peekable();
    match words.peek()?.as_str() {
        "coop" | "./coop" | "target/release/coop" => Some(words.skip(1).collect()),
        "cargo" if line.starts_with("cargo run") => Some(words.skip_while(|word| word != "--").skip(1).collect()),
        _ => None,
    }
}

#[test]
fn every_shell_block_is_shell() {
    let home = Home::new();
    for document in documents() {
        for block in blocks(&document) {
            let ran = Ran::of(home.program("bash").args(["-n", "-c", &block]));
            assert_eq!(ran.code, 0, "{}:\n{block}\n{}", document.display(), ran.err);
        }
    }
}

#[test]
fn every_command_of_coop_in_the_documents_is_understood() {
    let home = Home::new();
    let documents = documents();
    if documents.is_empty() {
        return skip("there are no documents here");
    }
    let mut shown = 0;
    for document in &documents {
        for block in blocks(document) {
            for line in block.lines() {
                let Some(mut words) = arguments(line) else { continue };
                // Everything before is parsed, nothing is done.
                let end = match words.first().map(String::as_str) {
                    // What follows is typed, whatever it looks like.
                    Some("send") => 2,
                    _ => words.iter().position(|word| word == "--").unwrap_or(words.len()),
                };
                words.insert(end, "--help".to_owned());
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let ran = home.coop(&words);
                assert_eq!(ran.code, 0, "{}: {line}\n{}", document.display(), ran.err);
                shown += 1;
            }
        }
    }
    let readme = documents.iter().find(|path| path.ends_with("README.md"));
    assert!(readme.is_none_or(|readme| !blocks(readme).is_empty()), "README shows no command");
    assert!(readme.is_none() || shown > 0);
    assert!(!home.coop_home().exists(), "help started something");
}

#[test]
fn readme_begins_with_the_two_commands() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let Ok(text) = fs::read_to_string(readme) else { return skip("there is no README here") };
    let first = |command: &str| text.find(command).unwrap_or_else(|| panic!("README does not name {command}"));
    assert!(first("cargo run --release").max(first("tests/run")) < 2500, "the two commands come first");
}

#[test]
fn a_wrong_command_line_is_one_line_and_a_hint() {
    let home = Home::new();
    for (args, words) in [
        (&["atach"][..], &["no command `atach`", "`coop attach`"][..]),
        (&["claude"], &["`coop -- claude`"]),
        (&["--bogus"], &["--bogus"]),
        (&["attach", "--pty", "x"], &["a terminal is a number", "`coop attach --help`"]),
        (&["--config", "/x", "ls"], &["--config", "`coop restart`"]),
        (&["ls", "--config", "/x"], &["--config"]),
        (&["man", "--idle-exit", "3"], &["--idle-exit"]),
    ] {
        let ran = home.coop(args).fails_with(2).complains_of(words);
        let lines: Vec<&str> = ran.err.lines().collect();
        assert!(
            matches!(lines[..], [error, hint] if error.starts_with("coop: ") && hint.starts_with("hint: ")),
            "{lines:?}"
        );
        assert_eq!(ran.out, "");
    }
    for (verb, option, shown) in [
        ("ls", "--config", false),
        ("status", "--config", true),
        ("man", "--idle-exit", false),
        ("ls", "--idle-exit", true),
    ] {
        assert_eq!(home.coop(&[verb, "--help"]).ok().out.contains(option), shown, "{verb} {option}");
    }
    assert!(!home.coop_home().exists(), "something was started");
}
