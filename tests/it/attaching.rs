//! Creating, attaching, detaching, coming back; the exit codes that reach the caller.

use crate::home::Home;
use crate::home::binary;
use crate::ran::Ran;
use crate::wait::LIMIT;
use crate::wait::holds_for;
use std::time::Duration;

pub const DETACH: &str = "\x1dd";

#[test]
fn a_user_comes_back_to_what_was_left() {
    let home = Home::new();
    let mut first = home.terminal(&["--", "sh"]);
    first.type_keys("echo one$((40+2))\r");
    first.wait_for_text("one42", LIMIT);
    first.type_keys(DETACH);
    assert_eq!(first.exit_code(LIMIT), 0);
    assert_eq!(home.state("work"), "running");

    // `coop` in the same directory is the same session, with its variables.
    let mut second = home.terminal(&[]);
    second.type_keys("x=7; echo two$((40+2))\r");
    second.wait_for_text("two42", LIMIT);
    second.type_keys(DETACH);
    assert_eq!(second.exit_code(LIMIT), 0);
    let mut third = home.terminal(&["attach"]);
    third.type_keys("echo x is $x; exit 5\r");
    third.wait_for_text("x is 7", LIMIT);
    assert_eq!(third.exit_code(LIMIT), 5);
    assert_eq!(home.rows().len(), 1);
}

#[test]
fn a_detached_start_says_nothing_wrong_and_runs() {
    let home = Home::new();
    home.coop(&["-d", "--", "sleep", "1000"]).ok();
    let row = home.row("work").unwrap();
    assert_eq!(row["state"], "running");
    assert_eq!(row["workspace"], home.workspace().to_str().unwrap());
    assert_eq!(row["agent"], serde_json::json!(["sleep", "1000"]));
    for field in ["name", "workspace", "state", "activity", "exit_code", "pid", "ptys", "clients", "created"] {
        assert!(row.get(field).is_some(), "no {field} in {row}");
    }
    assert!(row["created"].as_u64().unwrap() > 1_600_000_000, "{row}");
}

#[test]
fn the_agents_exit_code_becomes_the_clients() {
    let home = Home::new();
    for (name, script, code) in
        [("good", "exit 0", 0), ("bad", "exit 3", 3), ("odd", "exit 255", 255), ("hit", "kill -9 $$", 137)]
    {
        let mut terminal = home.terminal(&["-n", name, "--", "sh", "-c", &format!("echo before; {script}")]);
        assert_eq!(terminal.exit_code(LIMIT), code, "{name}:\n{}", terminal.screen());
        terminal.wait_for_text("before", LIMIT);
        terminal.wait_for_text("coop: the agent of", LIMIT);
        let row = home.wait_for_state(name, "exited");
        assert_eq!(row["exit_code"], code, "{row}");
    }
}

#[test]
fn a_program_that_ends_at_once_shows_all_its_output() {
    let home = Home::new();
    for round in 0..10 {
        let mut terminal = home.terminal(&["-n", &format!("s{round}"), "--", "seq", "1", "5000"]);
        assert_eq!(terminal.exit_code(LIMIT), 0);
        terminal.wait_for_text("5000", LIMIT);
        // Where history ends and the stream begins, the colour is reset.
        let text = terminal.text().replace('\r', "").replace("\x1b[m", "");
        let wanted: String = (1..=5_000).map(|n| format!("{n}\n")).collect();
        let first_wrong = (2..5_000).find(|n| !text.contains(&format!("\n{n}\n{}\n", n + 1)));
        assert!(text.contains(&wanted), "round {round}: {} of {} bytes; {first_wrong:?}", text.len(), wanted.len());
    }
}

#[test]
fn a_shell_opens_beside_the_agent_and_gives_its_code() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let mut shell = home.terminal(&["shell"]);
    shell.type_keys("tty; exit 9\r");
    shell.wait_for_text("/dev/pts/", LIMIT);
    assert_eq!(shell.exit_code(LIMIT), 9);
    for code in [0, 1, 77] {
        home.inside("work", &format!("exit {code}")).fails_with(code);
    }
    assert!(home.inside("work", "echo $((6*7))").ok().out.contains("42"));
    assert_eq!(home.state("work"), "running");
}

#[test]
fn a_shells_input_can_come_from_no_terminal_at_all() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    // With an output that is a file, and no terminal anywhere.
    let script = format!("{} shell work -c 'seq 1 50000' > out; echo $?", binary().display());
    assert_eq!(Ran::of(home.program("sh").args(["-c", &script])).ok().out, "0\n");
    let out = std::fs::read_to_string(home.workspace().join("out")).unwrap();
    assert_eq!(out.lines().count(), 50_000);
}

#[test]
fn what_is_typed_skips_nothing_of_what_a_program_reads() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    // The reader begins when the end of the input has been typed behind all of the output.
    let printing = "stty -opost -echo; seq 1 100000; touch printed; cat; touch typed";
    let script = format!(
        "(until test -e printed; do sleep 0.01; done) | {} shell work -c '{printing}' |
            (until test -e typed; do sleep 0.01; done; cat > out)",
        binary().display()
    );
    Ran::of(home.program("sh").args(["-c", &script])).ok();
    let out = std::fs::read_to_string(home.workspace().join("out")).unwrap();
    let wrong = (1..=100_000).map(|n| n.to_string()).zip(out.lines()).find(|(right, line)| right != line);
    assert_eq!((wrong, out.lines().count()), (None, 100_000));
}

#[test]
fn a_second_viewer_sees_what_the_first_types() {
    let home = Home::new();
    let first = home.terminal(&["--", "sh"]);
    first.type_keys("echo a$((40+2))\r");
    first.wait_for_text("a42", LIMIT);
    let second = home.terminal(&["attach"]);
    home.wait_for_clients("work", 2, 0);
    first.type_keys("echo b$((40+2))\r");
    second.wait_for_text("b42", LIMIT);
    second.type_keys("echo c$((40+2))\r");
    first.wait_for_text("c42", LIMIT);
}

#[test]
fn a_viewer_cannot_type() {
    let home = Home::new();
    let first = home.terminal(&["--", "sh"]);
    first.type_keys("echo a$((40+2))\r");
    first.wait_for_text("a42", LIMIT);
    let mut viewer = home.terminal(&["attach", "--view"]);
    home.wait_for_clients("work", 1, 1);
    viewer.type_keys("touch typed; echo z$((40+2))\r");
    first.type_keys("echo b$((40+2))\r");
    viewer.wait_for_text("b42", LIMIT);
    holds_for("nothing is typed", Duration::from_millis(300), || !home.workspace().join("typed").exists());
    assert!(!first.screen().contains('z'), "{}", first.screen());
    viewer.type_keys(DETACH);
    assert_eq!(viewer.exit_code(LIMIT), 0);
}

#[test]
fn every_terminal_of_a_session_can_be_attached_to() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let shell = home.terminal(&["shell"]);
    shell.type_keys("echo a$((40+2))\r");
    shell.wait_for_text("a42", LIMIT);
    let row = home.row("work").unwrap();
    let ptys = row["ptys"].as_array().unwrap();
    assert_eq!(ptys.len(), 2, "{row}");
    assert_eq!((&ptys[0]["id"], &ptys[1]["id"]), (&0.into(), &1.into()));
    let other = home.terminal(&["attach", "work", "--pty", "1"]);
    other.type_keys("echo b$((40+2))\r");
    shell.wait_for_text("b42", LIMIT);
    let mut missing = home.terminal(&["attach", "work", "--pty", "9"]);
    assert_ne!(missing.exit_code(LIMIT), 0);
    missing.wait_for_text("9", LIMIT);
}

#[test]
fn the_detach_key_typed_twice_reaches_the_program_once() {
    let home = Home::new();
    let terminal =
        home.terminal(&["--", "sh", "-c", "stty raw -echo; echo ready; head -c 3 | od -An -tx1; sleep 1000"]);
    terminal.wait_for_text("ready", LIMIT);
    terminal.type_keys("a\x1d\x1db");
    terminal.wait_for_text("61 1d 62", LIMIT);
}

#[test]
fn the_detach_key_and_a_question_mark_show_the_keys() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sleep", "1000"]);
    terminal.wait_until_raw();
    terminal.type_keys("\x1d?");
    terminal.wait_for_text("this help", LIMIT);
}

#[test]
fn the_detach_key_can_be_another() {
    let home = Home::new();
    home.configure("[session]\ndetach_key = \"ctrl-q\"\n");
    let mut terminal = home.terminal(&["--", "cat"]);
    terminal.wait_until_raw();
    terminal.type_keys("\x11d");
    assert_eq!(terminal.exit_code(LIMIT), 0);
    assert_eq!(home.state("work"), "running");
}

#[test]
fn a_session_is_found_by_its_name_and_by_its_workspace() {
    let home = Home::new();
    home.start("other", "sleep 1000");
    let elsewhere = home.directory("elsewhere");
    for session in ["other", home.workspace().to_str().unwrap()] {
        let mut terminal = crate::terminal::Terminal::run({
            let mut command = home.on_terminal(binary(), &["attach", session]);
            command.current_dir(&elsewhere);
            command
        });
        home.wait_for_clients("other", 1, 0);
        terminal.type_keys(DETACH);
        assert_eq!(terminal.exit_code(LIMIT), 0);
        home.wait_for_clients("other", 0, 0);
    }
    for verb in ["attach", "shell", "kill", "restart"] {
        home.coop_in(&elsewhere, &[verb]).fails_with(3);
        home.coop(&[verb, "nobody"]).fails_with(3).complains_of(&["nobody"]);
    }
}

#[test]
fn a_list_fits_eighty_columns() {
    let home = Home::named("home", &"long-name-of-a-directory-".repeat(6));
    home.coop(&["-d", "-n", &"n".repeat(63), "--", "sleep", "1000"]).ok();
    assert!(home.coop(&["ls"]).ok().out.contains("nnnn"));
    for verb in ["ls", "status"] {
        let out = home.coop(&[verb]).ok().out;
        let wide = out.lines().find(|line| line.chars().count() > 80);
        assert!(wide.is_none(), "{verb}: {wide:?}");
    }
}

#[test]
fn the_list_has_the_columns_that_are_fixed() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let out = home.coop(&["ls"]).ok().out;
    let head: Vec<&str> = out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["SESSION", "WORKSPACE", "STATE", "PTYS", "CLIENTS", "AGE"]);
    assert!(out.lines().nth(1).unwrap().starts_with("work "), "{out}");
}

#[test]
fn the_way_back_to_a_shell_is_named() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let mut terminal = home.terminal(&["shell", "work"]);
    home.wait_for_clients("work", 1, 0);
    terminal.type_keys(DETACH);
    assert_eq!(terminal.exit_code(LIMIT), 0);
    terminal.wait_for_text("`coop attach work --pty 1`", LIMIT);
}

#[test]
fn who_attaches_is_told_how_to_leave_unless_quiet() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    for (args, said) in [
        (&["attach", "work", "--view"][..], Some("coop: viewing work (read-only); Ctrl-] d leaves")),
        (&["attach", "work"], Some("Ctrl-] d detaches")),
        (&["attach", "work", "--view", "-q"], None),
    ] {
        // Standard error apart: the screen that comes next may clear what was said before it.
        let said_to = home.root().join("said");
        let script = format!("exec '{}' {} 2> '{}'", binary().display(), args.join(" "), said_to.display());
        let mut terminal = crate::terminal::Terminal::run(home.on_terminal("sh", &["-c", &script]));
        let viewers = u32::from(args.contains(&"--view"));
        home.wait_for_clients("work", 1 - viewers, viewers);
        terminal.type_keys(DETACH);
        assert_eq!(terminal.exit_code(LIMIT), 0);
        let text = std::fs::read_to_string(&said_to).unwrap();
        match said {
            Some(said) => assert!(text.contains(said), "{args:?}: {text}"),
            None => assert_eq!(text.trim(), ""),
        }
    }
}

#[test]
fn quiet_prints_the_name_that_was_asked_for() {
    let home = Home::new();
    let ran = home.coop(&["-q", "-d", "--", "true"]).ok();
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("work\n", ""));
}

#[test]
fn a_long_home_leaves_room_for_the_workspace() {
    let home = Home::named(&format!("home-{}", "h".repeat(60)), &format!("home-{}/work", "h".repeat(60)));
    home.start("s", "sleep 1000");
    let out = home.coop(&["ls"]).ok().out;
    assert_eq!(out.lines().next().unwrap(), "SESSION  WORKSPACE  STATE    PTYS  CLIENTS  AGE", "{out}");
    assert!(out.contains("s        ~/work "), "{out}");
}

#[test]
fn what_this_machine_cannot_hold_is_said_once_at_the_start_and_in_the_status() {
    let home = Home::new();
    let told = |args: &[&str]| home.coop(args).ok().err.contains("not held on this machine: ");
    // Nothing holds many files together, anywhere.
    assert!(told(&["-d"]));
    assert!(!told(&["-d"]), "it is there already");
    assert!(!told(&["-q", "-d", "-n", "other"]));
    assert!(home.coop(&["status"]).ok().out.contains("\nNot held  disk in all: "));
}
