//! What programs ask the terminal is answered by the daemon, once, whoever is attached; and what terminals answer by
//! themselves is typed into no program.

use crate::home::Home;
use crate::outer::ASKED_BY_COOP;
use crate::processes;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::holds_for;
use crate::wait::wait_or;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::fs;
use std::time::Duration;

/// Asks what the file `ask` holds, and keeps what it is told in the file `told`.
const ASKS: &str = "stty raw -echo; printf ready; until test -e go; do sleep 0.01; done; cat ask; exec cat > told";
/// Long enough for a second answer to come.
const A_WHILE: Duration = Duration::from_millis(300);

/// Questions that real agents ask, each with the answer; DA1 is last, because programs take it for the end of all.
const QUESTIONS: [(&str, &str); 16] = [
    ("\x1b[>0q", concat!("\x1bP>|coop(", env!("CARGO_PKG_VERSION"), ")\x1b\\")),
    ("\x1b[>c", "\x1b[>1;10;0c"),
    ("\x1b[3;7H\x1b[6n", "\x1b[3;7R"),
    ("\x1b[?2026$p", "\x1b[?2026;2$y"),
    ("\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"),
    ("\x1b[?9999$p", "\x1b[?9999;0$y"),
    ("\x1b]10;?\x1b\\", "\x1b]10;rgb:"),
    ("\x1b]11;?\x07", "\x1b]11;rgb:"),
    ("\x1b]4;1;?\x1b\\", "\x1b]4;1;rgb:"),
    ("\x1b[?u", "\x1b[?0u"),
    ("\x1b[14t", "\x1b[4;"),
    ("\x1b[16t", "\x1b[6;"),
    ("\x1b[18t", "\x1b[8;24;80t"),
    ("\x1bP+q544e\x1b\\", "\x1bP0+r\x1b\\"),
    ("\x1b]7501;?\x1b\\", "\x1b]7501;?\x1b\\"),
    ("\x1b[c", "\x1b[?62;22c"),
];

fn ask(home: &Home) {
    home.put("ask", QUESTIONS.map(|(question, _)| question).concat().as_bytes());
}

fn told(home: &Home) -> String {
    String::from_utf8_lossy(&fs::read(home.workspace().join("told")).unwrap_or_default()).into_owned()
}

/// Every answer once, in the order of the questions, and nothing else.
#[track_caller]
fn is_told_all_once(home: &Home) {
    let done = wait_or(LIMIT, || told(home).ends_with(QUESTIONS[15].1).then_some(()));
    assert!(done.is_some(), "no end of the answers: {:?}", told(home));
    let answers = told(home);
    let mut rest = &answers[..];
    for (question, answer) in QUESTIONS {
        let Some(after) = rest.strip_prefix(answer) else { panic!("to {question:?} not {answer:?} but {rest:?}") };
        // Colours and pixels may be any.
        let numbers = |c: char| c.is_ascii_hexdigit() || c == '/' || c == ';';
        rest = match answer.ends_with(['t', 'R', 'c', 'y', 'u', '\\']) {
            true => after,
            false => after.trim_start_matches(numbers),
        };
        rest = match answer {
            _ if answer.contains("rgb:") && question.ends_with('\x07') => rest.strip_prefix('\x07').unwrap(),
            _ if answer.contains("rgb:") => rest.strip_prefix("\x1b\\").unwrap(),
            "\x1b[4;" | "\x1b[6;" => rest.strip_prefix('t').unwrap(),
            _ => rest,
        };
    }
    assert_eq!(rest, "", "of {answers:?}");
    holds_for("nothing is said twice", A_WHILE, || told(home) == answers);
}

#[test]
fn questions_are_answered_with_nobody_attached() {
    let home = Home::new();
    ask(&home);
    home.put("go", b"");
    home.start("work", ASKS);
    is_told_all_once(&home);
}

#[test]
fn questions_are_answered_once_with_two_attached_and_reach_no_terminal() {
    let home = Home::new();
    ask(&home);
    let first = home.terminal(&["--", "sh", "-c", ASKS]);
    first.wait_for_text("ready", LIMIT);
    let clients = [first, home.terminal(&[])];
    home.wait_for_clients("work", 2, 0);
    home.put("go", b"");
    is_told_all_once(&home);
    home.coop(&["send", "work", "x"]).ok();
    for client in clients {
        // The one that is not a question, and stands between them, has come.
        wait_until("the output", LIMIT, || client.text().contains("\x1b[?2004h").then_some(()));
        // What coop itself asks comes before all output.
        let text = client.text().replacen(ASKED_BY_COOP, "", 1);
        for question in ["$p", ";?", "\x1b[c", "\x1b[>c", "\x1b[>0q", "\x1b[6n", "\x1b[?u", "4t", "6t", "8t", "+q"] {
            assert!(!text.contains(question), "{question:?} in {text:?}");
        }
    }
}

#[test]
fn a_dead_daemons_answers_are_not_given_again() {
    let home = Home::new();
    ask(&home);
    home.put("go", b"");
    home.start("work", ASKS);
    is_told_all_once(&home);
    for _ in 0..3 {
        let daemon = home.daemon();
        processes::send(daemon, Signal::SIGKILL);
        wait_until("another daemon", LIMIT, || home.daemons().iter().find(|p| p.pid != daemon).map(|_| ()));
        home.wait_for_shown("work", "ready");
        is_told_all_once(&home);
    }
}

/// Asks where the cursor is, again and again, and writes down each answer that was not the one it had to be.
const ASKS_ON: &str = r#"stty raw -echo; n=0
    while :; do
        n=$((n+1)); printf '\033[%d;5H\033[6n' $((n%20+1))
        IFS= read -r -t 20 -d R place || echo "$n: none" >> wrong
        test "$place" = $'\033'"[$((n%20+1));5" || echo "$n: $place" >> wrong
        echo $n > steps.new; mv steps.new steps; sleep 0.01
    done"#;

#[test]
fn every_question_is_answered_once_while_daemons_die() {
    let home = Home::new();
    let steps = || fs::read_to_string(home.workspace().join("steps")).ok().and_then(|n| n.trim().parse::<u32>().ok());
    let client = home.terminal(&["--", "bash", "-c", ASKS_ON]);
    for _ in 0..5 {
        let then = steps().unwrap_or(0);
        wait_until("it asks on", LIMIT, || steps().filter(|now| *now > then + 10));
        let daemon = home.daemon();
        processes::send(daemon, Signal::SIGKILL);
        wait_until("another daemon", LIMIT, || home.daemons().iter().find(|p| p.pid != daemon).map(|_| ()));
    }
    let then = steps().unwrap_or(0);
    wait_until("it asks on", LIMIT, || steps().filter(|now| *now > then + 10));
    assert_eq!(fs::read_to_string(home.workspace().join("wrong")).unwrap_or_default(), "");
    assert!(!client.text().contains("\x1b[6n"), "a question came through");
}

/// Keeps what is typed in the file `told`.
fn listener(home: &Home, before: &str) -> Terminal {
    let script = format!("stty raw -echo; printf '{before}ready'; exec cat > told");
    let terminal = home.terminal(&["--", "sh", "-c", &script]);
    terminal.wait_for_text("ready", LIMIT);
    terminal
}

#[track_caller]
fn is_told(home: &Home, wanted: &str) {
    let found = wait_or(LIMIT, || (told(home).len() >= wanted.len()).then(|| told(home)));
    assert_eq!(found.unwrap_or_else(|| told(home)), wanted);
}

#[test]
fn what_a_terminal_answers_unasked_is_not_typed_and_keys_are() {
    let home = Home::new();
    let terminal = listener(&home, "");
    let answers = [
        "\x1b[?62;22;52c",
        "\x1b[>1;7802;0c",
        "\x1bP>|xterm(390)\x1b\\",
        "\x1b[12;40R",
        "\x1b[?2026;2$y",
        "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
        "\x1b]10;rgb:ffff/ffff/ffff\x07",
        "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\",
        "\x1b[?1u",
        "\x1b[4;600;800t",
        "\x1bP1+r544e=787465726d\x1b\\",
        "\x1b_Gi=31;OK\x1b\\",
        "\x1b[0n",
    ];
    // F3 with Shift is written as a report of row 1 is, the arrows and the mouse as they always are.
    let keys =
        ["a", "\x1b[1;2R", "\x1b[A", "\x1bOB", "\x1b[<0;10;5M", "\x1b[27;5;9~", "\x1b[97;5u", "\x1b[I", "é世", "\x1bx"];
    let mut typed = String::new();
    for (n, answer) in answers.iter().enumerate() {
        let key = keys[n % keys.len()];
        terminal.type_keys(&format!("{answer}{key}"));
        typed += key;
        is_told(&home, &typed);
    }
    // In two pieces, as it comes over a slow line.
    terminal.type_keys("\x1b]11;rgb:1e1e/");
    // It is held for a second, which passes faster where much else runs.
    holds_for("half an answer is no key", A_WHILE / 3, || told(&home) == typed);
    terminal.type_keys("1e1e/2e2e\x1b\\z");
    is_told(&home, &format!("{typed}z"));
}

#[test]
fn a_paste_that_looks_like_an_answer_is_kept_whole() {
    let home = Home::new();
    let terminal = listener(&home, "\\033[?2004h");
    let paste = "\x1b[200~one \x1b[?62;22c two \x1b]11;rgb:0/0/0\x1b\\ three \x1b[5;5R\x1b[201~";
    terminal.type_keys(paste);
    is_told(&home, paste);
    terminal.type_keys("\x1b[?62;22ck");
    is_told(&home, &format!("{paste}k"));
}

#[test]
fn a_single_escape_is_a_key() {
    let home = Home::new();
    let terminal = listener(&home, "");
    terminal.type_keys("\x1b");
    is_told(&home, "\x1b");
    terminal.type_keys("\x1b[");
    is_told(&home, "\x1b\x1b[");
}
