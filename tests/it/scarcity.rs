//! What runs out or is forbidden: a clear error, the right code, and nothing lost.

use crate::home::Home;
use crate::home::binary;
use crate::home::is_root;
use crate::home::skip;
use crate::processes;
use crate::ran::Ran;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::fs;

/// `script` as root in a mount namespace of its own, with `COOP_HOME` on a file system of so many KiB. `$COOP` is coop.
fn on_small_disk(home: &Home, kib: u32, script: &str) -> Ran {
    fs::create_dir(home.coop_home()).unwrap();
    let script = format!("mount -t tmpfs -o mode=700,size={kib}k none \"$COOP_HOME\" && {script}");
    Ran::of(home.program("unshare").args(["-m", "sh", "-c", &script]).env("COOP", binary()))
}

/// Fills what is left.
const FILL: &str = "dd if=/dev/zero of=$COOP_HOME/filler bs=4k 2> /dev/null";

#[test]
fn a_full_disk_is_an_error_that_says_so() {
    if !is_root() {
        return skip("mounting a small file system needs root");
    }
    let home = Home::new();
    let ran = on_small_disk(&home, 64, &format!("{FILL}; \"$COOP\" ls; code=$?; \"$COOP\" shutdown; exit $code"));
    assert!(ran.code == 0 || ran.code == 4, "{ran:?}");
    if ran.code == 4 {
        ran.complains_of(&["space"]);
    }
}

#[test]
fn a_disk_that_fills_up_loses_no_session() {
    if !is_root() {
        return skip("mounting a small file system needs root");
    }
    let home = Home::new();
    let script = format!(
        "\"$COOP\" -d -n one -- sleep 1000 && {{ {FILL}; \"$COOP\" -d -n two -- sleep 1000; echo second=$?; \
         pid=$(\"$COOP\" status --json | sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p' | head -1); kill -9 $pid; \
         \"$COOP\" ls; \"$COOP\" shell one -c 'echo in one'; rm $COOP_HOME/filler; \
         \"$COOP\" -d -n three -- sleep 1000 && \"$COOP\" ls; \"$COOP\" kill --all -f; \"$COOP\" shutdown; }}"
    );
    let ran = on_small_disk(&home, 256, &script).ok();
    assert!(ran.out.contains("in one"), "{ran:?}");
    assert!(ran.out.contains("second=1"), "{ran:?}");
    assert!(ran.err.contains("space"), "{ran:?}");
    assert!(ran.out.lines().any(|line| line.starts_with("three ") && line.contains("running")), "{ran:?}");
    let ls: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("one ")).collect();
    assert!(ls.len() >= 2 && ls.iter().all(|line| line.contains("running")), "{ran:?}");
}

#[test]
fn few_descriptors_are_enough_or_an_error() {
    let home = Home::new();
    let coop = binary().display().to_string();
    let with_limit = |limit: u32, args: &str| {
        Ran::of(home.program("sh").args(["-c", &format!("ulimit -n {limit}; exec {coop} {args}")]))
    };
    let mut made = 0;
    let refused = (0..40).find_map(|n| {
        let ran = with_limit(64, &format!("-d -n s{n} -- sleep 1000"));
        made += u32::from(ran.code == 0);
        (ran.code != 0).then_some(ran)
    });
    eprintln!("{made} sessions with 64 descriptors");
    assert!(made >= 3);
    if let Some(ran) = refused {
        assert_eq!(ran.code, 1, "{ran:?}");
        ran.complains_of(&["ulimit"]);
    }
    let rows = home.rows();
    let running = rows.iter().filter(|row| row["state"] == "running").count();
    assert_eq!(running, made as usize, "{rows:?}");
    // The daemon goes on with what it has: a terminal needs descriptors, which one session less sets free.
    home.coop(&["kill", "-f", &format!("s{}", made - 1)]).ok();
    home.inside("s0", "true").ok();
    with_limit(4, "ls");
    home.coop(&["kill", "--all", "-f"]).ok();
}

/// Runs in a user namespace that allows no further one, as a hardened machine does.
#[test]
fn forbidden_user_namespaces_are_an_error_with_a_remedy() {
    let home = Home::new();
    let script = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && {coop} -d -- true; code=$?; {coop} ls --json; {coop} shutdown; exit $code",
        coop = binary().display()
    );
    let ran = Ran::of(home.program("unshare").args(["-Ur", "sh", "-c", &script]));
    if ran.err.contains("unshare failed") || ran.err.contains("nonexistent") {
        return skip("this machine has no nested user namespaces at all");
    }
    let ran = ran.fails_with(1);
    assert_eq!(ran.out.trim(), "[]", "nothing weaker, and no session");
    ran.complains_of(&["namespace", "sysctl"]);
}

#[test]
fn coop_works_in_a_users_own_namespace() {
    let home = Home::new();
    let coop = binary().display().to_string();
    let script = format!("{coop} -d -- sleep 1000 && {coop} shell -c 'echo inside'; {coop} kill -f; {coop} shutdown");
    let ran = Ran::of(home.program("unshare").args(["-Ur", "sh", "-c", &script])).ok();
    assert!(ran.out.contains("inside"), "{ran:?}");
}

#[test]
fn a_daemon_that_cannot_be_started_is_exit_code_four() {
    let home = Home::new();
    home.write("home/.coop", "a file in the way");
    home.coop(&["ls"]).fails_with(4).complains_of(&[".coop"]);
    fs::remove_file(home.coop_home()).unwrap();
    home.coop(&["ls"]).ok();
}

#[test]
fn a_fork_bomb_in_the_box_does_not_stop_the_kill() {
    let home = Home::new();
    // Bounded: 300 processes.
    home.start("work", "for i in $(seq 300); do sleep 1007 & done; wait");
    let init = home.init("work");
    wait_until("300 processes", LIMIT, || (processes::of_box(init).len() > 300).then_some(()));
    home.coop(&["kill", "-f"]).ok();
    assert!(!processes::is_alive(init));
    let left = processes::mentioning(home.workspace());
    assert!(!left.iter().any(|p| p.command.starts_with("sleep 1007")), "{left:?}");
}

#[test]
fn a_log_does_not_grow_without_end() {
    let home = Home::new();
    home.coop(&["ls"]).ok();
    home.coop(&["shutdown"]).ok();
    wait_until("no daemon", LIMIT, || home.daemons().is_empty().then_some(()));
    let log = home.coop_home().join("logs/daemon.log");
    fs::write(&log, "x".repeat(80).repeat(20_000)).unwrap();
    home.start("work", "sleep 1000");
    let size = |path: &std::path::Path| fs::metadata(path).map_or(0, |meta| meta.len());
    assert!(size(&log) < 100_000, "{}", size(&log));
    let all: u64 = fs::read_dir(log.parent().unwrap()).unwrap().map(|entry| size(&entry.unwrap().path())).sum();
    assert!(all < 3 << 20, "{all}");
}

/// The limit of open files of a process that runs already.
fn limit_files(pid: i32, limit: &str) {
    let status = std::process::Command::new("prlimit").args(["--pid", &pid.to_string(), limit]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_client_that_could_not_be_given_the_ring_is_served_on_when_another_one_comes() {
    let home = Home::new();
    home.start("work", "echo there; read x; echo after $x; sleep 1000");
    home.wait_for_shown("work", "there");
    let init = home.init("work");
    limit_files(init, "--nofile=8:4096");
    let first = home.terminal(&["attach", "work"]);
    first.wait_for_text("there", LIMIT);
    wait_until("the init's refusal", LIMIT, || home.log().contains("cannot").then_some(()));
    limit_files(init, "--nofile=4096:4096");
    let second = home.terminal(&["attach", "work"]);
    second.wait_for_text("there", LIMIT);
    second.type_keys("this\r");
    second.wait_for_text("after this", LIMIT);
    first.wait_for_text("after this", LIMIT);
}

#[test]
fn a_guard_that_cannot_be_started_is_started_as_soon_as_it_can_be() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let (daemon, guard) = (home.daemon(), home.guard());
    limit_files(daemon, "--nofile=8:4096");
    processes::send(guard, Signal::SIGKILL);
    wait_until("a word in the log", LIMIT, || home.log().contains("no guard could be started").then_some(()));
    limit_files(daemon, "--nofile=4096:4096");
    assert_ne!(home.guard(), guard);
    assert_eq!(home.daemon(), daemon);
}
