//! What a program does, as far as it can be known: in lists, on the screen's JSON, and as it changes.

use crate::home::Home;
use crate::wait::LIMIT;
use crate::wait::holds_for;
use crate::wait::wait_or;
use crate::wait::wait_until;
use std::fs;
use std::time::Duration;

/// Runs each line that it is sent.
const OBEYS: &str = "stty -echo; echo ready; while read -r line; do eval \"$line\"; done";

fn obeys(home: &Home) {
    home.start("work", OBEYS);
    home.wait_for_shown("work", "ready");
}

fn does(home: &Home, line: &str) {
    home.coop(&["send", "work", line, "key:enter"]).ok();
}

#[track_caller]
fn activity_is(home: &Home, wanted: &str) -> serde_json::Value {
    let found = wait_or(LIMIT, || home.row("work").filter(|row| row["activity"] == wanted));
    found.unwrap_or_else(|| panic!("not {wanted} but {:?}", home.row("work")))
}

#[test]
fn what_a_program_reports_of_itself_is_shown_everywhere() {
    let home = Home::new();
    obeys(&home);
    does(&home, r"printf '\033]7501;state=working:app=probe\033\\'");
    activity_is(&home, "working");
    does(&home, r"printf '\033]7501;state=blocked:app=probe:kind=question:msg=V2hpY2ggb25lPw==\033\\'");
    let row = activity_is(&home, "waiting");
    let reason = serde_json::json!({"kind": "question", "app": "probe", "text": "Which one?"});
    assert_eq!((&row["reason"], &row["state"]), (&reason, &"running".into()));
    assert_eq!((&row["ptys"][0]["activity"], &row["ptys"][0]["reason"]), (&"waiting".into(), &reason));
    let screen = home.screen("work");
    assert_eq!((&screen["activity"], &screen["reason"]), (&"waiting".into(), &reason));
    let list = home.coop(&["ls"]).ok().out;
    assert!(list.lines().nth(1).unwrap().contains(" waiting "), "{list}");
    does(&home, r"printf '\033]7501;state=done:app=probe\033\\'");
    assert!(activity_is(&home, "done")["reason"].is_null());
}

#[test]
fn a_bell_a_notification_and_a_title_are_understood() {
    let home = Home::new();
    obeys(&home);
    // A bell that comes soon after a key answers it.
    does(&home, r"sleep 1.2; printf '\a'");
    assert_eq!(activity_is(&home, "waiting")["reason"]["kind"], "bell");
    does(&home, r"printf '\033]9;Your turn\033\\'");
    let found = wait_or(LIMIT, || home.row("work").filter(|row| row["reason"]["text"] == "Your turn"));
    assert_eq!(found.expect("the notification")["reason"]["kind"], "notification");
    does(
        &home,
        r"printf '\033]0;\342\240\213 busy\033\\'; while sleep 0.5; do printf '\033]0;\342\240\231 busy\033\\'; done",
    );
    activity_is(&home, "working");
}

#[test]
fn output_is_work_and_silence_is_none() {
    let home = Home::new();
    obeys(&home);
    does(&home, "sleep 0.5; for i in $(seq 20); do echo $i; sleep 0.1; done");
    activity_is(&home, "working");
    activity_is(&home, "idle");
    home.coop(&["send", "work", "exit", "key:enter"]).ok();
    home.wait_for_state("work", "exited");
    activity_is(&home, "done");
}

#[test]
fn an_attached_terminal_is_told_what_the_program_reports() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh", "-c", OBEYS]);
    terminal.wait_for_text("ready", LIMIT);
    let report = "\x1b]7501;state=blocked:kind=auth\x1b\\";
    does(&home, r"printf '\033]7501;state=blocked:kind=auth\033\\\033]9;look here\033\\'");
    wait_until("the report", LIMIT, || terminal.text().contains(report).then_some(()));
    wait_until("the notification", LIMIT, || terminal.text().contains("\x1b]9;look here").then_some(()));
}

#[test]
fn a_reason_is_one_plain_line_whatever_the_program_says() {
    let home = Home::new();
    obeys(&home);
    // ESC, a newline and a mark that turns the direction of text, in a notification.
    does(&home, r"printf '\033]9;a\342\200\256b %01000d\033\\' 7");
    let row = activity_is(&home, "waiting");
    let text = row["reason"]["text"].as_str().unwrap();
    assert!(text.chars().count() <= 200 && !text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
}

#[test]
fn a_watched_list_shows_every_change_and_costs_nothing_else() {
    let home = Home::new();
    home.coop(&["ls"]).ok();
    let script = format!("exec {} ls --watch --json > lists", crate::home::binary().display());
    let mut watcher = home.program("sh").args(["-c", &script]).spawn().unwrap();
    let lists = || -> Vec<serde_json::Value> {
        let text = fs::read_to_string(home.workspace().join("lists")).unwrap_or_default();
        text.split_inclusive('\n').filter(|l| l.ends_with('\n')).map(|l| serde_json::from_str(l).unwrap()).collect()
    };
    wait_until("the first list", LIMIT, || (lists().first()? == &serde_json::json!([])).then_some(()));
    obeys(&home);
    let shows = |what: &str, fact: &dyn Fn(&serde_json::Value) -> bool| {
        wait_until(what, LIMIT, || lists().last().is_some_and(fact).then_some(()));
    };
    shows("the session", &|list| list[0]["name"] == "work");
    let terminal = home.terminal(&[]);
    shows("the client", &|list| list[0]["clients"]["local"] == 1);
    does(&home, r"printf '\033]7501;state=blocked\033\\'");
    shows("that it waits", &|list| list[0]["activity"] == "waiting");
    drop(terminal);
    shows("that the client has gone", &|list| list[0]["clients"]["local"] == 0);
    crate::processes::send(home.daemon(), nix::sys::signal::Signal::SIGKILL);
    wait_until("another daemon", LIMIT, || home.row("work"));
    let many = lists().len();
    holds_for("no list without a change", Duration::from_millis(500), || lists().len() <= many + 3);
    home.coop(&["kill", "-f", "work"]).ok();
    shows("that the session has gone", &|list| list.as_array().unwrap().is_empty());
    watcher.kill().unwrap();
    watcher.wait().unwrap();
}

#[test]
fn a_list_is_watched_in_place() {
    let home = Home::new();
    let mut terminal = home.terminal(&["ls", "--watch"]);
    terminal.wait_for_text("SESSION", LIMIT);
    home.start("one", "exec sleep 1000");
    terminal.wait_for_text("\none ", LIMIT);
    home.start("two", "exec sleep 1000");
    terminal.wait_for_text("\ntwo ", LIMIT);
    assert_eq!(terminal.screen().matches("SESSION").count(), 1, "{}", terminal.screen());
    home.coop(&["kill", "-f", "one"]).ok();
    terminal.wait_for("one less", LIMIT, |screen| !screen.contains("\none ") && screen.contains("\ntwo "));
    terminal.type_keys("\x03");
    assert_eq!(terminal.exit_code(LIMIT), 130);
}
