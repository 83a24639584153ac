//! Who has nothing to do does nothing.

use crate::door::Door;
use crate::home::Home;
use crate::processes;
use crate::wait::LIMIT;
use crate::wait::let_pass;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

/// How often all threads of a process have gone to sleep.
fn naps(pid: i32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
        .filter_map(|status| {
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:"))?.to_owned();
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .sum()
}

#[test]
fn a_daemon_with_idle_sessions_attached_to_does_not_wake_up() {
    let home = Home::new();
    let mut terminals = Vec::new();
    for n in 0..5 {
        let terminal = home.terminal(&[
            "-n",
            &format!("s{n}"),
            "--",
            "sh",
            "-c",
            "printf '\\033]2;t\\007ready\\007'; exec sleep 1000",
        ]);
        terminal.wait_for_text("ready", LIMIT);
        terminals.push(terminal);
    }
    let viewer = home.terminal_of(40, 100, &["attach", "s0", "--view"]);
    viewer.wait_for_text("ready", LIMIT);
    let processes: Vec<i32> = terminals.iter().chain([&viewer]).map(crate::terminal::Terminal::pid).collect();
    let (daemon, inits) = (home.daemon(), (0..5).map(|n| home.init(&format!("s{n}"))).collect::<Vec<_>>());
    let all = || {
        let sum = |pids: &[i32]| pids.iter().map(|pid| naps(*pid)).sum::<u64>();
        [naps(daemon), sum(&processes), sum(&inits)]
    };
    // What is guessed from silence is guessed within some seconds; then three seconds in which nobody stirs.
    let still = wait_until("three seconds of stillness", LIMIT * 2, || {
        let before = all();
        let_pass(Duration::from_secs(3));
        let after = all();
        eprintln!("woken in 3 s: daemon, clients, inits: {before:?} -> {after:?}");
        (before == after).then_some(after)
    });
    let_pass(Duration::from_secs(3));
    let woken: u64 = all().iter().zip(still).map(|(after, before)| after - before).sum();
    assert!(woken <= 2, "{woken} wake-ups in three idle seconds");
}

#[test]
fn a_client_whose_program_has_ended_and_whose_reader_is_slow_waits_without_a_stir() {
    let home = Home::new();
    home.start("work", "exec sleep 1000");
    let mut command =
        home.command(&["shell", "work", "-c", "until test -e go; do sleep 0.01; done; seq 1 100000; exit 3"]);
    let mut client = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = i32::try_from(client.id()).unwrap();
    let terminals = || home.row("work").map(|row| row["ptys"].as_array().map_or(0, Vec::len));
    wait_until("the shell has come", LIMIT, || (terminals() == Some(2)).then_some(()));
    home.put("go", b"");
    wait_until("the shell has gone", LIMIT, || (terminals() == Some(1)).then_some(()));
    let before = naps(pid);
    let_pass(Duration::from_secs(2));
    let woken = naps(pid) - before;
    // Four times a second it shows the init that it lives.
    assert!(woken <= 20, "{woken} wake-ups in two seconds");
    let mut text = String::new();
    client.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 100_000);
    assert_eq!(client.wait().unwrap().code(), Some(3));
}

#[test]
fn a_client_that_no_daemon_takes_back_asks_now_and_then() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh"]);
    terminal.type_keys("echo a$((40+2))\r");
    terminal.wait_for_text("a42", LIMIT);
    let (init, daemon) = (home.init("work"), home.daemon());
    // A new daemon cannot take the session over.
    processes::send(init, Signal::SIGSTOP);
    processes::send(daemon, Signal::SIGKILL);
    home.coop(&["attach", "work"]).fails_with(1).complains_of(&["does not answer"]);
    let before = naps(terminal.pid());
    let_pass(Duration::from_secs(2));
    let woken = naps(terminal.pid()).saturating_sub(before);
    // A connection, a greeting and an answer each time, and a thread beside the client's own.
    assert!(woken <= 120, "{woken} wake-ups in two seconds");
    processes::send(init, Signal::SIGCONT);
    home.wait_for_clients("work", 1, 0);
    terminal.type_keys("echo b$((40+2)); exit 5\r");
    terminal.wait_for_text("b42", LIMIT);
    assert_eq!(terminal.exit_code(LIMIT), 5);
}

/// What a process has computed so far.
fn computed(pid: i32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10) // USER_HZ is 100
}

#[test]
fn a_client_that_typed_and_takes_nothing_costs_the_daemon_nothing() {
    let home = Home::new();
    home.start("work", "stty -echo; cat > /dev/null");
    let mut client = Door::open(&home);
    client.attach("work");
    home.wait_for_clients("work", 1, 0);
    // More than the kernel holds for a client comes, and nobody reads; then a key, which wants its answer.
    home.inside("work", "head -c 8000000 /dev/zero | tr '\\0' x > /dev/pts/0").ok();
    client.type_keys("k");
    wait_until("half a second of rest", LIMIT, || {
        let before = computed(home.daemon());
        let_pass(Duration::from_millis(500));
        (computed(home.daemon()) - before < Duration::from_millis(100)).then_some(())
    });
}
