//! The agent is started again in place, or not; sessions that were lost come back.

use crate::home::Home;
use crate::processes;
use crate::wait::LIMIT;
use crate::wait::holds_for;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::fs;
use std::time::Duration;

/// The user's agent: a script that counts its starts in the workspace, then does `rest`.
fn configure_agent(home: &Home, settings: &str, rest: &str) {
    let script = home.write("work/agent.sh", &format!("echo start >> starts\n{rest}\n"));
    let session = format!("[session]\n{settings}\n");
    home.configure(&format!("[agent]\ncommand = \"sh\"\nargs = [\"{}\"]\n{session}", script.display()));
}

fn starts(home: &Home) -> usize {
    fs::read_to_string(home.workspace().join("starts")).unwrap_or_default().lines().count()
}

fn wait_for_starts(home: &Home, wanted: usize) {
    wait_until(&format!("{wanted} starts"), LIMIT, || (starts(home) == wanted).then_some(()));
}

#[test]
fn a_restart_gives_a_fresh_agent_in_the_same_box() {
    let home = Home::new();
    configure_agent(&home, "", "sleep 1000");
    home.coop(&["-d"]).ok();
    wait_for_starts(&home, 1);
    home.inside("work", "echo kept > ~/kept; sleep 1003 & echo").ok();
    let (init, created) = (home.init("work"), home.row("work").unwrap()["created"].clone());
    home.coop(&["restart"]).ok();
    wait_for_starts(&home, 2);
    let row = home.wait_for_state("work", "running");
    assert_eq!((home.init("work"), &row["created"]), (init, &created));
    assert_eq!(home.inside("work", "cat ~/kept").ok().out, "kept\n");
}

#[test]
fn an_attached_client_stays_through_a_restart() {
    let home = Home::new();
    configure_agent(&home, "", "echo agent $$ is there; exec sleep 1000");
    let terminal = home.terminal(&[]);
    terminal.wait_for_text("is there", LIMIT);
    home.coop(&["restart"]).ok();
    terminal.wait_for("the second agent", LIMIT, |screen| screen.matches("is there").count() == 2);
}

#[test]
fn a_command_that_was_given_once_is_restarted_on_request_only() {
    let home = Home::new();
    home.start("work", "echo x >> starts; exit 7");
    home.wait_for_state("work", "exited");
    holds_for("not restarted", Duration::from_millis(1500), || starts(&home) == 1);
    home.coop(&["restart"]).ok();
    wait_for_starts(&home, 2);
}

#[test]
fn coop_starts_an_ended_session_again() {
    let home = Home::new();
    configure_agent(&home, "auto_restart = false", "read line; exit 3");
    let mut terminal = home.terminal(&[]);
    wait_for_starts(&home, 1);
    terminal.type_keys("go\r");
    assert_eq!(terminal.exit_code(LIMIT), 3);
    home.coop(&["-d"]).ok();
    wait_for_starts(&home, 2);
    assert_eq!(home.wait_for_state("work", "running")["exit_code"], serde_json::Value::Null);
}

#[test]
fn an_agent_that_crashes_is_started_again_by_itself() {
    let home = Home::new();
    configure_agent(&home, "restart_delay_ms = 50", "test $(wc -l < starts) -lt 3 && kill -9 $$; sleep 1000");
    home.coop(&["-d"]).ok();
    wait_for_starts(&home, 3);
    home.wait_for_state("work", "running");
    holds_for("it stays", Duration::from_millis(500), || starts(&home) == 3);
}

#[test]
fn an_agent_that_ended_well_is_not_started_again() {
    let home = Home::new();
    configure_agent(&home, "restart_delay_ms = 10", "exit 0");
    home.coop(&["-d"]).ok();
    assert_eq!(home.wait_for_state("work", "exited")["exit_code"], 0);
    holds_for("it stays ended", Duration::from_millis(500), || starts(&home) == 1);
}

#[test]
fn auto_restart_can_be_always_or_never() {
    let home = Home::new();
    configure_agent(
        &home,
        "auto_restart = true\nrestart_delay_ms = 10",
        "test $(wc -l < starts) -ge 3 && sleep 1000; exit 0",
    );
    home.coop(&["-d"]).ok();
    wait_for_starts(&home, 3);
    let other = Home::new();
    configure_agent(&other, "auto_restart = false\nrestart_delay_ms = 10", "exit 1");
    other.coop(&["-d"]).ok();
    other.wait_for_state("work", "exited");
    holds_for("never", Duration::from_millis(300), || starts(&other) == 1);
}

#[test]
fn a_crash_loop_stops_with_a_word_to_who_is_attached() {
    let home = Home::new();
    configure_agent(&home, "restart_delay_ms = 100", "read line; exit 1");
    let mut terminal = home.terminal(&[]);
    for n in 1..=5 {
        wait_for_starts(&home, n);
        terminal.type_keys("crash\r");
    }
    terminal.wait_for("a notice", LIMIT, |screen| screen.replace('\n', " ").contains("not started again"));
    assert_eq!(terminal.exit_code(LIMIT), 1);
    home.wait_for_state("work", "exited");
    assert_eq!(starts(&home), 5);
}

#[test]
fn a_restarting_session_says_so() {
    let home = Home::new();
    configure_agent(&home, "restart_delay_ms = 600000", "exit 1");
    home.coop(&["-d"]).ok();
    home.wait_for_state("work", "restarting");
    home.coop(&["kill"]).ok();
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn a_lost_session_is_listed_and_comes_back_with_its_home() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home.inside("work", "echo mine > ~/kept").ok();
    let row = home.row("work").unwrap();
    processes::send(home.init("work"), Signal::SIGKILL);
    let lost = home.wait_for_state("work", "lost");
    assert_eq!((&lost["created"], &lost["workspace"]), (&row["created"], &row["workspace"]));
    assert_eq!(lost["pid"], serde_json::Value::Null);
    let ran = home.coop(&["shell", "-c", "true"]).complains_of(&["lost"]);
    assert_ne!(ran.code, 0);
    home.coop(&["-d"]).ok();
    home.wait_for_state("work", "running");
    assert_eq!(home.inside("work", "cat ~/kept").ok().out, "mine\n");
}

#[test]
fn a_lost_session_that_cannot_be_started_keeps_what_it_wrote() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home.inside("work", "echo mine > ~/kept").ok();
    processes::send(home.init("work"), Signal::SIGKILL);
    home.wait_for_state("work", "lost");
    let scratch = home.coop_home().join("sessions/work/upper/tmp");
    fs::remove_dir(&scratch).unwrap();
    fs::write(&scratch, "in the way").unwrap();
    home.coop(&["-d"]).fails_with(1);
    home.wait_for_state("work", "lost");
    fs::remove_file(&scratch).unwrap();
    home.coop(&["-d"]).ok();
    assert_eq!(home.inside("work", "cat ~/kept").ok().out, "mine\n");
}

#[test]
fn a_lost_session_can_be_killed() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    processes::send(home.init("work"), Signal::SIGKILL);
    home.wait_for_state("work", "lost");
    home.coop(&["kill"]).ok();
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn what_ended_while_no_daemon_lived_is_told_with_its_code() {
    let home = Home::new();
    home.start("work", "until test -e go; do sleep 0.01; done; exit 42");
    home.coop(&["shutdown"]).ok();
    wait_until("no daemon", LIMIT, || home.daemons().is_empty().then_some(()));
    home.write("work/go", "");
    let done = || processes::mentioning(home.workspace()).iter().all(|p| !p.command.contains("until"));
    wait_until("the agent has ended", LIMIT, || done().then_some(()));
    assert_eq!(home.wait_for_state("work", "exited")["exit_code"], 42);
}

#[test]
fn a_restart_on_request_is_told_to_who_is_attached() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh", "-c", "echo pid$$; sleep 1000"]);
    terminal.wait_for_text("pid", LIMIT);
    home.coop(&["restart", "work"]).ok();
    terminal.wait_for_text("[coop] the agent is ended and started again on request", LIMIT);
}

#[test]
fn who_attaches_while_the_agent_starts_again_is_there_for_the_new_one() {
    let home = Home::new();
    home.start("work", "echo start >> starts; test $(wc -l < starts) -gt 1 || exit 7; echo the second; sleep 1000");
    home.wait_for_state("work", "exited");
    // The start takes as long as this test wants.
    let init = home.init("work");
    processes::send(init, Signal::SIGSTOP);
    home.coop(&["restart"]).ok();
    let terminal = home.terminal(&["attach", "work"]);
    home.wait_for_clients("work", 1, 0);
    processes::send(init, Signal::SIGCONT);
    terminal.wait_for_text("the second", LIMIT);
    home.wait_for_clients("work", 1, 0);
}

#[test]
fn a_daemon_that_dies_before_it_starts_the_agent_again_leaves_that_to_the_next_one() {
    let home = Home::new();
    configure_agent(&home, "restart_delay_ms = 600000", "exit 1");
    home.coop(&["-d"]).ok();
    home.wait_for_state("work", "restarting");
    let daemon = home.daemon();
    processes::send(daemon, Signal::SIGKILL);
    wait_until("another daemon", LIMIT, || (home.daemon() != daemon).then_some(()));
    assert_eq!(home.state("work"), "restarting");
}
