//! Bytes in bulk, in both directions; slow viewers, and keys that must show soon.

use crate::home::Home;
use crate::home::binary;
use crate::survival::COUNTER;
use crate::survival::Count;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::let_pass;
use crate::wait::wait_until;
use sha2::Digest;
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

/// A MiB that no two places of look alike: lost, doubled or swapped parts change the hash.
fn mebibyte() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..).flat_map(|n: u32| format!("{n} ").into_bytes()).take(1 << 20).collect();
    bytes.truncate(1 << 20);
    bytes
}

fn hash(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_paste_of_a_mebibyte_arrives_whole_and_in_order() {
    let home = Home::new();
    let script = "stty raw -echo; echo ready; head -c 1048576 | sha256sum; sleep 1000";
    let terminal = home.terminal(&["--", "sh", "-c", script]);
    terminal.wait_for_text("ready", LIMIT);
    let bytes = mebibyte();
    terminal.type_bytes(&bytes);
    terminal.wait_for_text(&hash(&bytes)[..60], LIMIT);
}

#[test]
fn a_paste_waits_for_a_program_that_does_not_read_yet() {
    let home = Home::new();
    let script =
        "stty raw -echo; echo ready; until test -e go; do sleep 0.01; done; head -c 1048576 | sha256sum; sleep 1000";
    let terminal = home.terminal(&["--", "sh", "-c", script]);
    terminal.wait_for_text("ready", LIMIT);
    let bytes = mebibyte();
    std::thread::scope(|scope| {
        let typing = scope.spawn(|| terminal.type_bytes(&bytes));
        let_pass(Duration::from_millis(500));
        // The daemon has other things to do than to wait for this one.
        assert_eq!(home.state("work"), "running");
        home.write("work/go", "");
        typing.join().unwrap();
    });
    terminal.wait_for_text(&hash(&bytes)[..60], LIMIT);
}

#[test]
fn a_paste_into_a_program_that_does_not_read_outlives_daemons_and_arrives_once() {
    let home = Home::new();
    let script = "stty raw -echo; echo ready; until test -e go; do sleep 0.01; done; exec cat > told";
    let terminal = home.terminal(&["--", "sh", "-c", script]);
    terminal.wait_for_text("ready", LIMIT);
    let mut bytes = mebibyte();
    bytes.extend_from_slice(b"end");
    terminal.type_bytes(&bytes);
    for _ in 0..3 {
        let daemon = home.daemon();
        crate::processes::send(daemon, nix::sys::signal::Signal::SIGKILL);
        wait_until("another daemon", LIMIT, || home.daemons().iter().find(|p| p.pid != daemon).map(|_| ()));
        home.wait_for_clients("work", 1, 0);
    }
    home.put("go", b"");
    let told = || fs::read(home.workspace().join("told")).unwrap_or_default();
    wait_until("all is read", LIMIT, || told().ends_with(b"end").then_some(()));
    assert_eq!(told().len(), bytes.len());
    assert_eq!(hash(&told()), hash(&bytes));
}

#[test]
fn fifty_megabytes_come_through_unchanged() {
    let home = Home::new();
    let count = Arc::new(Mutex::new(Count::default()));
    let sink = Arc::clone(&count);
    home.configure("[env]\nCOUNT_TO = \"6000000\"\n");
    let command = home.on_terminal(binary(), &COUNTER);
    let mut terminal = Terminal::feeding(command, move |bytes| {
        let mut count = sink.lock().unwrap();
        if count.last < 6_000_000 {
            count.take(bytes);
        }
    });
    home.wait_for_clients("work", 1, 0);
    terminal.type_keys("\r");
    assert_eq!(terminal.exit_code(Duration::from_secs(120)), 0);
    wait_until("all is read", LIMIT, || (count.lock().unwrap().last >= 6_000_000).then_some(()));
    let count = count.lock().unwrap();
    // What follows the last line is coop's word of the end.
    let wrong: Vec<_> = count.wrong.iter().filter(|line| !line.starts_with("after 6000000:")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A program that writes without end and counts its steps in a file.
const FLOOD: &str = "i=0; while :; do i=$((i+1)); seq 1 2000; echo $i > steps.new; mv steps.new steps; done";

fn steps(home: &Home) -> u64 {
    fs::read_to_string(home.workspace().join("steps")).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[test]
fn a_terminal_that_takes_nothing_does_not_stop_the_program() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh", "-c", FLOOD]);
    wait_until("it floods", LIMIT, || (steps(&home) > 2).then_some(()));
    let closed = terminal.stop_reading();
    // 20 steps are 180 KB; 400 fill every buffer on the way several times.
    let then = steps(&home);
    let began = Instant::now();
    wait_until("the program runs on", LIMIT, || (steps(&home) > then + 400).then_some(()));
    eprintln!("3.6 MB while nobody read: {:?}", began.elapsed());
    drop(closed);
    terminal.type_keys("\x03");
    terminal.wait_for_text("coop: ", LIMIT);
}

#[test]
fn a_terminal_that_takes_nothing_does_not_stop_another() {
    let home = Home::new();
    let slow = home.terminal(&["--", "sh"]);
    slow.type_keys("echo a$((40+2))\r");
    slow.wait_for_text("a42", LIMIT);
    let fast = home.terminal(&["attach"]);
    home.wait_for_clients("work", 2, 0);
    let closed = slow.stop_reading();
    fast.type_keys("seq 1 300000; echo done$((40+2))\r");
    fast.wait_for_text("done42", LIMIT);
    drop(closed);
    // It skips to the end and goes on from there.
    fast.type_keys("echo b$((40+2))\r");
    slow.wait_for_text("b42", LIMIT);
}

#[test]
fn a_stopped_client_stops_nobody() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh", "-c", FLOOD]);
    terminal.wait_for("the flood", LIMIT, |screen| steps(&home) > 2 && screen.lines().count() > 20);
    crate::processes::send(terminal.pid(), nix::sys::signal::Signal::SIGSTOP);
    let then = steps(&home);
    wait_until("the program runs on", LIMIT, || (steps(&home) > then + 400).then_some(()));
    crate::processes::send(terminal.pid(), nix::sys::signal::Signal::SIGCONT);
    terminal.type_keys("\x03");
    terminal.wait_for_text("coop: ", LIMIT);
}

#[test]
fn a_viewer_holds_nobody() {
    let home = Home::new();
    home.start("work", FLOOD);
    let viewer = home.terminal(&["attach", "--view"]);
    home.wait_for_clients("work", 0, 1);
    let closed = viewer.stop_reading();
    let then = steps(&home);
    wait_until("the program runs on", LIMIT, || (steps(&home) > then + 400).then_some(()));
    drop(closed);
}

#[test]
fn ctrl_c_into_a_flood_shows_soon() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh"]);
    terminal.type_keys("trap : INT; PS1='prompt> '\r");
    for round in 1..4 {
        // Of its own numbers: a flood that stands there still from the last round is not this one.
        terminal.type_keys(&format!("clear; seq {round}000000000 9000000000\r"));
        let is_flood = |line: &&str| line.len() == 10 && line.starts_with(&round.to_string());
        terminal.wait_for("the flood", LIMIT, |screen| screen.lines().filter(is_flood).count() > 15);
        let began = Instant::now();
        terminal.type_keys("\x03");
        terminal.wait_for("the prompt", LIMIT, |screen| screen.trim_end().ends_with("prompt>"));
        let took = began.elapsed();
        eprintln!("round {round}: Ctrl-C to the prompt {took:?}");
        assert!(took < LIMIT, "{took:?}");
    }
}

#[test]
fn with_nobody_attached_nothing_is_held_back() {
    let home = Home::new();
    home.start("work", FLOOD);
    wait_until("the program runs", LIMIT, || (steps(&home) > 400).then_some(()));
    let terminal = home.terminal(&[]);
    terminal.wait_for("the end of the stream", LIMIT, |screen| screen.lines().count() > 15);
}
