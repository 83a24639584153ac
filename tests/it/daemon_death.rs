//! The daemon and its guard die; nothing else does.

use crate::attaching::DETACH;
use crate::home::Home;
use crate::processes;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::Read;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

/// The rows without what changes by itself.
fn facts(home: &Home) -> Vec<Value> {
    let mut rows = home.rows();
    for row in &mut rows {
        row["clients"].take();
    }
    rows
}

/// Three sessions: running, with a second terminal, and ended with a code.
fn populated() -> Home {
    let home = Home::new();
    home.start("run", "sleep 1000");
    home.start("two", "sleep 1000");
    home.inside("two", "true").ok();
    home.start("end", "exit 6");
    home.wait_for_state("end", "exited");
    home
}

#[test]
fn a_killed_daemon_is_back_at_once_with_the_same_sessions() {
    let home = populated();
    let (before, guard) = (facts(&home), home.guard());
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let daemon = home.daemon();
        let began = Instant::now();
        processes::send(daemon, Signal::SIGKILL);
        let after = facts(&home);
        slowest = slowest.max(began.elapsed());
        assert_eq!(after, before);
        assert_ne!(home.daemon(), daemon);
    }
    assert_eq!(home.guard(), guard);
    eprintln!("kill -9 of the daemon to the right answer: {slowest:?} at worst");
}

#[test]
fn a_guards_death_and_then_the_daemons_lose_nothing() {
    let home = populated();
    let before = facts(&home);
    let (guard, daemon) = (home.guard(), home.daemon());
    processes::send(guard, Signal::SIGKILL);
    wait_until("another guard", LIMIT, || home.guards().iter().any(|p| p.pid != guard).then_some(()));
    assert_eq!(home.daemon(), daemon, "the daemon has nothing to do with it");
    assert_eq!(facts(&home), before);
    processes::send(daemon, Signal::SIGKILL);
    assert_eq!(facts(&home), before);
    assert_ne!(home.daemon(), daemon);
    assert_ne!(home.guard(), guard);
}

#[test]
fn guard_and_daemon_killed_together_lose_nothing() {
    let home = populated();
    let before = facts(&home);
    for _ in 0..3 {
        let (guard, daemon) = (home.guard(), home.daemon());
        processes::send(guard, Signal::SIGKILL);
        processes::send(daemon, Signal::SIGKILL);
        assert_eq!(facts(&home), before);
        assert_eq!(home.daemons().len(), 1);
    }
}

#[test]
fn an_attached_client_survives_every_death() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh"]);
    for round in 0..6 {
        terminal.type_keys(&format!("echo round$(({round}+100))\r"));
        terminal.wait_for_text(&format!("round{}", round + 100), LIMIT);
        let (guard, daemon) = (home.guard(), home.daemon());
        if round % 3 != 0 {
            processes::send(guard, Signal::SIGKILL);
        }
        if round % 3 != 1 {
            processes::send(daemon, Signal::SIGKILL);
        }
        // With both gone it is the client's part to start another.
        wait_until("a daemon", LIMIT, || (home.daemons().len() == 1 && home.guards().len() == 1).then_some(()));
    }
    terminal.type_keys("exit 8\r");
    assert_eq!(terminal.exit_code(LIMIT), 8);
}

#[test]
fn an_exit_that_nobody_watched_reaches_the_client_that_comes_back() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh", "-c", "echo up; until test -e go; do sleep 0.01; done; exit 21"]);
    terminal.wait_for_text("up", LIMIT);
    for pid in [home.guard(), home.daemon()] {
        processes::send(pid, Signal::SIGKILL);
    }
    home.write("work/go", "");
    assert_eq!(terminal.exit_code(LIMIT), 21);
}

#[test]
fn a_shell_without_a_terminal_survives_the_daemons_death() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let script = "echo one; touch began; until test -e go; do sleep 0.01; done; echo two; exit 3";
    let shell = crate::ran::Running::start(&mut home.command(&["shell", "work", "-c", script]));
    wait_until("it began", LIMIT, || home.workspace().join("began").exists().then_some(()));
    // It runs before the client knows; a client that has no answer yet cannot tell whether there is a shell.
    home.wait_for_clients("work", 1, 0);
    processes::send(home.daemon(), Signal::SIGKILL);
    home.write("work/go", "");
    let ran = shell.end().fails_with(3);
    assert_eq!(ran.out.replace('\r', ""), "one\ntwo\n");
}

#[test]
fn a_stopped_daemon_does_not_stop_the_agent() {
    let home = Home::new();
    home.start("work", "while :; do echo; echo x >> beats; sleep 0.02; done");
    let beats = || std::fs::metadata(home.workspace().join("beats")).map_or(0, |meta| meta.len());
    wait_until("it beats", LIMIT, || (beats() > 4).then_some(()));
    let daemon = home.daemon();
    processes::send(daemon, Signal::SIGSTOP);
    let then = beats();
    wait_until("it beats on", LIMIT, || (beats() > then + 20).then_some(()));
    processes::send(daemon, Signal::SIGCONT);
}

#[test]
fn a_stopped_init_keeps_its_name_and_is_taken_over_when_it_goes_on() {
    let home = Home::new();
    home.start("still", "sleep 1000");
    home.start("other", "sleep 1000");
    let init = home.init("still");
    processes::send(init, Signal::SIGSTOP);
    processes::send(home.daemon(), Signal::SIGKILL);
    let row = home.row("still").expect("it is listed all the same");
    assert_eq!((row["state"].as_str(), row["pid"].as_i64()), (Some("running"), Some(i64::from(init))));
    home.coop(&["attach", "still"]).fails_with(1).complains_of(&["does not answer", "kill -CONT"]);
    home.inside("other", "true").ok();
    processes::send(init, Signal::SIGCONT);
    wait_until("it is taken over", LIMIT, || (home.inside("still", "true").code == 0).then_some(()));
    assert_eq!(home.init("still"), init);
}

#[test]
fn a_stopped_init_can_be_killed() {
    let home = Home::new();
    home.start("still", "sleep 1000");
    let init = home.init("still");
    processes::send(init, Signal::SIGSTOP);
    processes::send(home.daemon(), Signal::SIGKILL);
    home.coop(&["kill", "still"]).ok();
    wait_until("its processes are gone", LIMIT, || (!processes::is_alive(init)).then_some(()));
    assert!(home.row("still").is_none());
    assert!(!home.coop_home().join("sessions/still").exists());
}

/// Answers each greeting as a release does that this one does not understand; how often it was asked.
fn a_later_release(listener: UnixListener) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let welcome = r#"{"protocol":999,"version":"9.0.0","build":"another","pid":1,"serves":false}"#;
            let length = u32::try_from(welcome.len() + 1).unwrap().to_be_bytes();
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            // Who has hung up needs no answer.
            stream.write_all(&[&length[..], &[1], welcome.as_bytes()].concat()).ok();
            stream.read_to_end(&mut Vec::new()).ok();
        }
    });
    asked
}

#[test]
fn a_client_that_does_not_understand_the_next_daemon_says_so_and_ends() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh"]);
    terminal.type_keys("echo a$((40+2))\r");
    terminal.wait_for_text("a42", LIMIT);
    let (socket, beside) = (home.coop_home().join("sock"), home.coop_home().join("later"));
    let asked = a_later_release(UnixListener::bind(&beside).unwrap());
    std::fs::rename(&beside, &socket).unwrap();
    let (guard, daemon) = (home.guard(), home.daemon());
    // So that neither starts the other again.
    processes::send(daemon, Signal::SIGSTOP);
    processes::send(guard, Signal::SIGKILL);
    processes::send(daemon, Signal::SIGKILL);
    assert_eq!(terminal.exit_code(LIMIT), 4);
    terminal.wait_for_text("does not understand", LIMIT);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    std::fs::remove_file(socket).unwrap();
    assert_eq!(home.state("work"), "running");
}

#[test]
fn a_shell_that_nobody_came_back_to_is_forgotten_and_its_number_is_not_given_again() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let shell = |script: &str| {
        let mut terminal = home.terminal(&["shell", "work", "-c", script]);
        terminal.wait_for_text("there", LIMIT);
        terminal.type_keys(DETACH);
        assert_eq!(terminal.exit_code(LIMIT), 0);
    };
    let ids = || -> Vec<u64> {
        home.row("work").unwrap()["ptys"].as_array().unwrap().iter().map(|pty| pty["id"].as_u64().unwrap()).collect()
    };
    shell("echo there; until test -e now; do sleep 0.01; done");
    shell("echo there; until test -e later; do sleep 0.01; done");
    assert_eq!(ids(), [0, 1, 2]);
    let daemon = home.daemon();
    processes::send(daemon, Signal::SIGKILL);
    wait_until("another daemon", LIMIT, || (home.daemon() != daemon).then_some(()));
    home.put("now", b"");
    wait_until("the first is forgotten", LIMIT, || (ids() == [0, 2]).then_some(()));
    home.put("later", b"");
    wait_until("the second is forgotten", LIMIT, || (ids() == [0]).then_some(()));
    let daemon = home.daemon();
    processes::send(daemon, Signal::SIGKILL);
    wait_until("another daemon", LIMIT, || (home.daemon() != daemon).then_some(()));
    shell("echo there; sleep 1000");
    assert_eq!(ids(), [0, 3]);
}
