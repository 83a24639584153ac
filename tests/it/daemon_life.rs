//! The daemon starts by itself, goes by itself, goes when told, and makes way for another build.

use crate::attaching::DETACH;
use crate::home::Home;
use crate::home::binary;
use crate::processes;
use crate::ran::Ran;
use crate::ran::Running;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::holds_for;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn wait_for_no_daemon(home: &Home) {
    let gone = || home.daemons().is_empty() && home.guards().is_empty();
    wait_until("daemon and guard are gone", LIMIT, || gone().then_some(()));
}

#[test]
fn an_idle_daemon_goes_with_its_guard_and_its_socket() {
    let home = Home::new();
    home.coop(&["--idle-exit", "1", "ls"]).ok();
    wait_for_no_daemon(&home);
    assert!(!home.coop_home().join("sock").exists());
}

#[test]
fn a_daemon_with_a_session_stays() {
    let home = Home::new();
    home.coop(&["--idle-exit", "1", "-d", "--", "sleep", "1000"]).ok();
    let daemon = home.daemon();
    holds_for("it stays", Duration::from_secs(3), || processes::is_alive(daemon));
    home.coop(&["kill", "-f"]).ok();
    wait_for_no_daemon(&home);
}

#[test]
fn shutdown_lets_sessions_live_and_detaches_who_is_attached() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh"]);
    terminal.type_keys("echo a$((40+2))\r");
    terminal.wait_for_text("a42", LIMIT);
    let init = home.init("work");
    home.coop(&["shutdown"]).ok();
    assert_eq!(terminal.exit_code(LIMIT), 0);
    terminal
        .wait_for("words how to return", LIMIT, |screen| screen.contains("coop: ") && screen.contains("coop attach"));
    wait_for_no_daemon(&home);
    assert!(processes::is_alive(init));
    assert_eq!(home.init("work"), init);
    let again = home.terminal(&[]);
    again.type_keys("echo b$((40+2))\r");
    again.wait_for_text("b42", LIMIT);
}

#[test]
fn a_second_shutdown_finds_nothing_to_do() {
    let home = Home::new();
    home.coop(&["ls"]).ok();
    home.coop(&["shutdown"]).ok();
    wait_for_no_daemon(&home);
    home.coop(&["shutdown"]).ok();
    assert!(home.daemons().is_empty(), "shutdown started a daemon to end it");
}

#[test]
fn sigterm_to_daemon_or_guard_is_a_shutdown() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let init = home.init("work");
    for to_guard in [false, true] {
        let mut terminal = home.terminal(&["attach"]);
        home.wait_for_clients("work", 1, 0);
        processes::send(if to_guard { home.guard() } else { home.daemon() }, Signal::SIGTERM);
        assert_eq!(terminal.exit_code(LIMIT), 0, "{}", terminal.screen());
        wait_for_no_daemon(&home);
        assert!(processes::is_alive(init));
    }
    assert_eq!(home.init("work"), init);
}

/// By another process: one that is forked here meanwhile would hold the copy open for writing, and nobody could run it.
fn copied_to(home: &Home, name: &str) -> std::path::PathBuf {
    let copy = home.root().join(name);
    Ran::of(home.program("cp").arg(binary()).arg(&copy)).ok();
    copy
}

/// Another build, as far as anybody can tell.
fn copied_binary(home: &Home) -> std::path::PathBuf {
    copied_to(home, "coop-of-another-build")
}

#[test]
fn another_build_replaces_the_daemon_and_nobody_notices() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh"]);
    terminal.type_keys("echo a$((40+2))\r");
    terminal.wait_for_text("a42", LIMIT);
    let (init, daemon) = (home.init("work"), home.daemon());
    let ran = Ran::of(home.program(copied_binary(&home)).args(["ls", "--json"])).ok();
    assert!(ran.out.contains("\"work\""), "{}", ran.out);
    wait_until("one other daemon", LIMIT, || match &home.daemons()[..] {
        [one] => (one.pid != daemon).then_some(()),
        _ => None,
    });
    terminal.type_keys("echo b$((40+2))\r");
    terminal.wait_for_text("b42", LIMIT);
    assert!(processes::is_alive(init));
    terminal.type_keys(DETACH);
    assert_eq!(terminal.exit_code(LIMIT), 0);
    let mut back = Terminal::run(home.on_terminal(home.root().join("coop-of-another-build"), &[]));
    back.type_keys("echo c$((40+2)); exit 4\r");
    back.wait_for_text("c42", LIMIT);
    assert_eq!(back.exit_code(LIMIT), 4);
}

#[test]
fn of_many_commands_of_another_build_none_fails() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let (builds, init) = ([copied_binary(&home), binary()], home.init("work"));
    for round in 0..10 {
        let mut commands: Vec<_> = (0..8).map(|_| home.program(&builds[round % 2])).collect();
        let running: Vec<Running> = commands.iter_mut().map(|command| Running::start(command.arg("ls"))).collect();
        for ran in running.into_iter().map(Running::end) {
            assert!(ran.ok().out.contains("work"));
        }
        assert_eq!(home.daemons().len(), 1, "round {round}");
    }
    assert_eq!(home.init("work"), init);
}

#[test]
fn commands_beside_a_shutdown_find_the_next_daemon() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    for _ in 0..10 {
        let words = ["ls", "ls", "shutdown", "ls", "status", "ls"];
        let running = words.map(|word| Running::start(&mut home.command(&[word])));
        running.into_iter().for_each(|running| drop(running.end().ok()));
    }
    assert_eq!(home.state("work"), "running");
}

#[test]
fn a_binary_that_was_replaced_under_a_live_daemon_hurts_nobody() {
    let home = Home::new();
    let copy = copied_binary(&home);
    let run = |args: &[&str]| Ran::of(home.program(&copy).args(args)).ok();
    run(&["-d", "-n", "one", "--", "sleep", "1000"]);
    // As an installer does: rename over it. The live daemon's own file is gone then.
    let fresh = copied_to(&home, "fresh");
    fs::rename(&fresh, &copy).unwrap();
    processes::send(home.daemon(), Signal::SIGKILL);
    run(&["-d", "-n", "two", "--", "sleep", "1000"]);
    let out = run(&["ls", "--json"]).out;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row["state"] == "running"), "{out}");
    run(&["shutdown"]);
}

#[test]
fn status_tells_all_that_is_fixed() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let out = home.coop(&["status"]).ok().out;
    for word in ["Daemon", "Rootfs", "Coopfile", "Agent", "Network", "Sessions", &home.daemon().to_string()] {
        assert!(out.contains(word), "no {word} in\n{out}");
    }
    let json: serde_json::Value = serde_json::from_str(&home.coop(&["status", "--json"]).ok().out).unwrap();
    assert_eq!(json["daemon"]["pid"], home.daemon(), "{json}");
}

#[test]
fn the_log_is_shown_to_its_last_lines() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home.coop(&["kill", "-f"]).ok();
    let all = home.coop(&["logs", "-n", "1000"]).ok().out;
    assert!(all.contains("serving"), "{all}");
    assert_eq!(home.coop(&["logs", "-n", "1"]).ok().out.lines().count(), 1);
    let mut follower = home.terminal(&["logs", "-f"]);
    follower.wait_for_text("serving", LIMIT);
    home.start("later-session", "sleep 1000");
    follower.wait_for_text("later-session", LIMIT);
    follower.type_keys("\x03");
    assert_eq!(follower.exit_code(LIMIT), 130);
}

/// `coop ls --watch` of that program, and what it has written so far.
fn watcher(home: &Home, program: &Path) -> Terminal {
    let watcher = Terminal::run(home.on_terminal(program, &["ls", "--watch"]));
    watcher.wait_for_text("work", LIMIT);
    watcher
}

#[test]
fn a_watched_list_leaves_a_daemon_of_another_build_alone() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let old = watcher(&home, &binary());
    let copy = copied_binary(&home);
    let before = home.daemon();
    let new = watcher(&home, &copy);
    let daemon =
        wait_until("another daemon", LIMIT, || home.daemons().iter().map(|p| p.pid).find(|pid| *pid != before));
    Ran::of(home.program(&copy).args(["-d", "-n", "later", "--", "sleep", "1000"])).ok();
    for watcher in [&old, &new] {
        watcher.wait_for_text("later", LIMIT);
    }
    assert_eq!(home.daemon(), daemon);
    Ran::of(home.program(&copy).args(["shutdown"])).ok();
}

#[test]
fn a_watched_list_does_not_undo_a_shutdown_and_goes_on_with_the_next_daemon() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let watcher = watcher(&home, &binary());
    home.coop(&["shutdown"]).ok();
    watcher.wait_for_text("no daemon is running", LIMIT);
    assert!(home.daemons().is_empty());
    home.start("later", "sleep 1000");
    watcher.wait_for_text("later", LIMIT);
}

#[test]
fn output_that_cannot_be_written_is_said_with_what_to_do() {
    let home = Home::new();
    home.start("work", "echo ready; exec sleep 1000");
    home.wait_for_shown("work", "ready");
    for words in ["ls", "ls --json", "status", "screen", "output", "logs"] {
        let script = format!("exec {} {words} > /dev/full", binary().display());
        let ran = Ran::of(home.program("sh").args(["-c", &script])).fails_with(1);
        ran.complains_of(&["cannot write to standard output", "the disk is full"]);
    }
}

#[test]
fn verbs_of_later_builds_say_so() {
    let home = Home::new();
    for verb in ["init", "rebuild", "serve", "tunnel"] {
        home.coop(&[verb]).fails_with(1).complains_of(&["not in this build"]);
    }
    assert!(home.daemons().is_empty());
}

#[test]
fn completions_and_the_manual_come_without_a_daemon() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.coop(&["completions", shell]).ok().out.contains("coop"));
    }
    assert!(home.coop(&["man"]).ok().out.contains(".TH"));
    for args in [&["--help"][..], &["-h"], &["attach", "--help"]] {
        let out = home.coop(args).ok().out;
        let wide = out.lines().find(|line| line.chars().count() > 80);
        assert!(wide.is_none(), "{wide:?}");
    }
    assert!(home.coop(&["--version"]).ok().out.starts_with("coop "));
    home.coop(&["--nonsense"]).fails_with(2);
    home.coop(&["nonsense-verb"]).fails_with(2);
    assert!(home.daemons().is_empty() && !home.coop_home().exists());
}

#[test]
fn the_state_and_the_socket_can_lie_elsewhere() {
    let home = Home::new();
    let socket = home.home().join("other-socket/s");
    let socket = socket.to_str().unwrap();
    home.coop(&["--socket", socket, "-d", "--", "sleep", "1000"]).ok();
    assert!(fs::metadata(socket).is_ok());
    assert!(home.coop(&["--socket", socket, "ls"]).ok().out.contains("work"));
    home.coop(&["--socket", socket, "kill", "-f"]).ok();
    home.coop(&["--socket", socket, "shutdown"]).ok();
}
