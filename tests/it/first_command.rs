//! The first command starts the daemon, whatever lies in its way, and however many first commands there are.

use crate::home::Home;
use crate::home::binary;
use crate::processes;
use crate::ran::Running;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::net::UnixListener;

/// All at once, with the number of each given to `args`.
fn at_once(home: &Home, count: usize, args: impl Fn(usize) -> Vec<String>) -> Vec<crate::ran::Ran> {
    let started: Vec<Running> = (0..count).map(|n| Running::start(home.program(binary()).args(args(n)))).collect();
    started.into_iter().map(Running::end).collect()
}

#[test]
fn fifty_first_commands_have_one_daemon_and_fifty_right_answers() {
    let home = Home::new();
    for ran in at_once(&home, 50, |_| vec!["ls".into(), "--json".into()]) {
        assert_eq!(ran.ok().out.trim(), "[]");
    }
    assert_eq!((home.daemons().len(), home.guards().len()), (1, 1), "{:?}", processes::mentioning(home.coop_home()));
}

#[test]
fn fifty_first_creations_of_one_session_make_one() {
    let home = Home::new();
    for ran in at_once(&home, 50, |_| vec!["-d".into()]) {
        ran.ok();
    }
    assert_eq!((home.daemons().len(), home.guards().len()), (1, 1));
    assert_eq!(home.rows().len(), 1, "{:?}", home.rows());
}

#[test]
fn twenty_first_creations_of_as_many_sessions_make_them_all() {
    let home = Home::new();
    let words = |n: usize| ["-d", "-n", &format!("s{n}"), "--", "sleep", "1000"].map(str::to_owned).to_vec();
    for ran in at_once(&home, 20, words) {
        ran.ok();
    }
    assert_eq!(home.daemons().len(), 1);
    assert_eq!(home.rows().len(), 20);
}

#[test]
fn fifty_commands_at_a_daemon_that_has_just_been_killed_are_answered() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    for pid in [home.guard(), home.daemon()] {
        processes::send(pid, Signal::SIGKILL);
    }
    for ran in at_once(&home, 50, |_| vec!["ls".into(), "--json".into()]) {
        assert!(ran.ok().out.contains("\"running\""));
    }
    wait_until("one daemon", LIMIT, || (home.daemons().len() == 1 && home.guards().len() == 1).then_some(()));
}

#[test]
fn a_stale_socket_is_recovered() {
    let home = Home::new();
    fs::create_dir(home.coop_home()).unwrap();
    fs::set_permissions(home.coop_home(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    drop(UnixListener::bind(home.coop_home().join("sock")).unwrap());
    assert!(home.coop_home().join("sock").exists());
    assert_eq!(home.rows().len(), 0);
    home.start("work", "sleep 1000");
    assert_eq!(home.state("work"), "running");
}

#[test]
fn a_socket_that_was_deleted_under_a_live_daemon_is_replaced() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let init = home.init("work");
    fs::remove_file(home.coop_home().join("sock")).unwrap();
    assert_eq!(home.init("work"), init);
    wait_until("one daemon", LIMIT, || (home.daemons().len() == 1 && home.guards().len() == 1).then_some(()));
    home.coop(&["kill", "-f"]).ok();
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn the_whole_state_directory_deleted_under_a_live_daemon_loses_no_session() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let init = home.init("work");
    for name in ["sock", "daemon.pid", "start.lock"] {
        let removed = fs::remove_file(home.coop_home().join(name));
        assert!(removed.is_ok() || name == "start.lock", "{name}: {removed:?}");
    }
    assert_eq!(home.init("work"), init);
    wait_until("one daemon", LIMIT, || (home.daemons().len() == 1).then_some(()));
}

#[test]
fn the_first_command_leaves_no_descriptor_of_its_caller_open() {
    // `Running::end` waits for the end of the output: a daemon that held it would keep this test waiting.
    let home = Home::new();
    let script = format!("exec 7>witness; {} ls", binary().display());
    crate::ran::Ran::of(home.program("sh").args(["-c", &script])).ok();
    for pid in [home.daemon(), home.guard()] {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let held: Vec<_> = open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()).collect();
        assert!(!held.iter().any(|path| path.ends_with("witness")), "{held:?}");
    }
}

#[test]
fn in_a_box_coop_says_where_it_is_and_starts_nothing() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    // The workspace brings the program along.
    fs::copy(binary(), home.workspace().join("coop")).unwrap();
    for args in ["ls", "status", "-d", "kill --all", "attach work", "shutdown"] {
        let ran = home.inside("work", &format!("./coop {args}"));
        let said = ran.fails_with(1).out;
        assert!(said.contains("this is the box of session work; coop runs outside of it"), "{args}: {said}");
    }
    home.inside("work", "./coop --version && test ! -e ~/.coop").ok();
    // The same words where boxes can be made are no proof of being in one.
    let mut outside = home.command(&["ls"]);
    crate::ran::Ran::of(outside.env("COOP_SESSION", "work").env("IS_SANDBOX", "1")).ok();
}
