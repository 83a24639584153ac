//! The user's own terminal beside the program's screen: what it is asked, what its answers are good for, and what it is told.

use crate::attaching::DETACH;
use crate::home::Home;
use crate::home::binary;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::wait_or;
use crate::wait::wait_until;
use std::fs;

/// Asks for the background again and again, and keeps what it is told in the file `told`.
const ASKS: &str = r"stty raw -echo; (while :; do printf '\033]11;?\033\\'; sleep 0.05; done) & exec cat > told";
/// Waits for somebody as Gemini CLI says it, once the file `go` is there: a key that is typed just before would count as
/// the answer.
const CALLS: &str = r"until test -e go; do sleep 0.01; done; printf '\033]2;Action Required\007asked'; exec sleep 1000";
pub const ASKED_BY_COOP: &str = "\x1b]10;?\x1b\\\x1b]11;?\x1b\\\x1b]12;?\x1b\\\x1b]7501;?\x1b\\\x1b[c";
const ATTRIBUTES: &str = "\x1b[?62;22c";

/// The last question to a terminal that has just been attached.
fn wait_for_questions(terminal: &Terminal) {
    terminal.wait_for_written(ASKED_BY_COOP);
}

fn told(home: &Home) -> String {
    String::from_utf8_lossy(&fs::read(home.workspace().join("told")).unwrap_or_default()).into_owned()
}

#[test]
fn programs_hear_the_colours_of_the_terminal_that_was_there_last() {
    let home = Home::new();
    home.start("work", ASKS);
    wait_until("an answer", LIMIT, || told(&home).contains("11;rgb:0000/0000/0000").then_some(()));
    for (colour, answer) in
        [("rgb:1111/2222/3333", "\x1b]11;rgb:1111/2222/3333"), ("#fafbfc", "\x1b]11;rgb:fafa/fbfb/fcfc")]
    {
        let mut terminal = home.terminal(&[]);
        wait_for_questions(&terminal);
        terminal.type_keys(&format!("\x1b]11;{colour}\x1b\\{ATTRIBUTES}"));
        wait_until(answer, LIMIT, || told(&home).contains(answer).then_some(()));
        terminal.type_keys(DETACH);
        assert_eq!(terminal.exit_code(LIMIT), 0);
        let length = told(&home).len();
        let later = wait_or(LIMIT, || told(&home).get(length..).filter(|more| more.len() > 100).map(str::to_owned));
        let later = later.unwrap_or_else(|| panic!("no more answers: {:?}", told(&home)));
        assert!(later.contains(answer) && !later.contains("0000/0000"), "with nobody there {later:?}");
    }
    assert!(!told(&home).contains("62;22"), "an answer of the terminal reached the program");
}

#[test]
fn a_terminals_answers_do_not_reach_who_has_it_next() {
    let home = Home::new();
    let script = format!(
        "{} -- true; stty raw -echo; printf gone; dd bs=1 count=1 2>/dev/null | od -An -tx1",
        binary().display()
    );
    let terminal = Terminal::run(home.on_terminal("sh", &["-c", &script]));
    wait_for_questions(&terminal);
    terminal.type_keys(&format!("\x1b]10;rgb:0/0/0\x1b\\\x1b]11;rgb:0/0/0\x1b\\{ATTRIBUTES}"));
    terminal.wait_for_text("gone", LIMIT);
    terminal.type_keys("x");
    terminal.wait_for_text("78", LIMIT);
}

#[test]
fn a_terminal_that_understands_program_status_is_told_what_the_program_is_at() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh", "-c", CALLS]);
    wait_for_questions(&terminal);
    terminal.type_keys(&format!("\x1b]7501;?\x1b\\{ATTRIBUTES}"));
    terminal.wait_for_written("\x1b]7501;state=");
    home.put("go", b"");
    // "Action Required" in base64.
    let report = "\x1b]7501;state=blocked:msg=QWN0aW9uIFJlcXVpcmVk\x1b\\";
    terminal.wait_for_written(report);
    terminal.type_keys(DETACH);
    assert_eq!(terminal.exit_code(LIMIT), 0);
    let text = terminal.text();
    let last = text.rsplit(report).next().unwrap_or_default();
    assert!(last.contains("\x1b]7501;state=clear\x1b\\"), "{last:?}");
}

#[test]
fn a_terminal_that_does_not_understand_program_status_gets_none() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh", "-c", CALLS]);
    wait_for_questions(&terminal);
    terminal.type_keys(ATTRIBUTES);
    home.put("go", b"");
    terminal.wait_for_text("asked", LIMIT);
    wait_until("waiting", LIMIT, || (home.screen("work")["activity"] == "waiting").then_some(()));
    terminal.type_keys(DETACH);
    assert_eq!(terminal.exit_code(LIMIT), 0);
    assert!(!terminal.text().contains("7501;state"), "{:?}", terminal.text());
}

#[test]
fn a_terminal_that_shows_notifications_is_told_when_somebody_is_waited_for() {
    let home = Home::new();
    home.put("go", b"");
    let mut command = home.on_terminal(binary(), &["--", "sh", "-c", CALLS]);
    command.env("TERM_PROGRAM", "WezTerm");
    let terminal = Terminal::run(command);
    terminal.wait_for_written("\x1b]9;work: Action Required\x1b\\");
}

#[test]
fn a_terminal_of_another_size_hears_the_bell_the_title_and_what_is_notified() {
    let home = Home::new();
    let first = home.terminal(&[
        "--",
        "sh",
        "-c",
        r"read x; printf '\007\033]2;its title\007\033]9;look here\033\\\033]8;;http://x\033\\shown'; exec sleep 1000",
    ]);
    home.wait_for_clients("work", 1, 0);
    let other = home.terminal_of(10, 40, &["attach", "--view"]);
    home.wait_for_clients("work", 1, 1);
    first.type_keys("\r");
    other.wait_for_text("shown", LIMIT);
    let text = other.text();
    for aside in ["\x07", "\x1b]2;its title\x07", "\x1b]9;look here\x1b\\"] {
        assert!(text.contains(aside), "no {aside:?} in {text:?}");
    }
}
