//! `kill`: every process of the box goes, what must persist stays.

use crate::home::Home;
use crate::processes;
use crate::ran::Running;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::fs;
use std::time::Duration;
use std::time::Instant;

/// Programs that do not want to go: one that ignores SIGTERM, and a grandchild that has left session and parent.
const STUBBORN: &str = "trap '' TERM HUP INT; (setsid sh -c 'trap \"\" TERM; echo there > daemonized; sleep 1001' &) ; \
                        while :; do sleep 1002; done";

fn start_stubborn(home: &Home) -> Vec<processes::Process> {
    home.start("work", STUBBORN);
    wait_until("the grandchild runs", LIMIT, || home.workspace().join("daemonized").exists().then_some(()));
    let all = wait_until("all run", LIMIT, || {
        let all = processes::of_box(home.init("work"));
        // The shells have these words on their command lines too.
        let runs = |what: &str| all.iter().any(|p| p.command.starts_with(what));
        (runs("sleep 1001") && runs("sleep 1002")).then_some(all)
    });
    assert!(all.len() >= 5, "{all:?}");
    all
}

#[test]
fn kill_ends_every_process_of_the_box_whatever_it_ignores() {
    let home = Home::new();
    let all = start_stubborn(&home);
    let began = Instant::now();
    home.coop(&["kill"]).ok();
    let took = began.elapsed();
    let left: Vec<_> = all.iter().filter(|p| processes::is_alive(p.pid)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(took >= Duration::from_millis(4500), "SIGKILL came after {took:?} already");
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn kill_with_force_gives_no_grace() {
    let home = Home::new();
    let all = start_stubborn(&home);
    let began = Instant::now();
    home.coop(&["kill", "-f"]).ok();
    // The grace is 5 s.
    assert!(began.elapsed() < Duration::from_millis(4500), "{:?}", began.elapsed());
    let left: Vec<_> = all.iter().filter(|p| processes::is_alive(p.pid)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_program_that_obeys_has_time_to_tidy_up() {
    let home = Home::new();
    home.start("work", "trap 'echo tidy > tidied; exit 0' TERM; echo > ready; while :; do sleep 0.1; done");
    wait_until("the trap stands", LIMIT, || home.workspace().join("ready").exists().then_some(()));
    home.coop(&["kill"]).ok();
    assert_eq!(fs::read_to_string(home.workspace().join("tidied")).unwrap(), "tidy\n");
}

#[test]
fn kill_removes_what_the_session_wrote_and_keeps_what_persists() {
    let home = Home::new();
    home.configure("[session]\npersist = [\".claude\", \"notes\"]\n");
    home.start("work", "sleep 1000");
    let script = "mkdir -p ~/.claude ~/notes; echo login > ~/.claude/creds; echo note > ~/notes/n; echo junk > ~/junk; mkdir -m 000 ~/locked";
    home.inside("work", script).ok();
    let session = home.coop_home().join("sessions/work");
    home.coop(&["kill"]).ok();
    for gone in ["upper", "work", "session.json"] {
        assert!(!session.join(gone).exists(), "{gone} is still there");
    }
    assert_eq!(fs::read_to_string(session.join("persist/notes/n")).unwrap(), "note\n");
    assert_eq!(fs::read_to_string(session.join("persist/.claude/creds")).unwrap(), "login\n");
    assert_eq!(home.rows().len(), 0, "what persists is no session");
    home.start("work", "sleep 1000");
    assert_eq!(home.inside("work", "cat ~/.claude/creds; ls -A ~").ok().out.lines().next(), Some("login"));
    home.inside("work", "test ! -e ~/junk").ok();
}

#[test]
fn a_lost_session_that_is_killed_keeps_what_persists() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home.inside("work", "mkdir -p ~/.claude; echo login > ~/.claude/creds; echo junk > ~/junk").ok();
    processes::send(home.init("work"), nix::sys::signal::Signal::SIGKILL);
    home.wait_for_state("work", "lost");
    home.coop(&["kill"]).ok();
    home.start("work", "sleep 1000");
    assert_eq!(home.inside("work", "cat ~/.claude/creds; ls ~").ok().out, "login\n");
}

/// What persists is taken from a tree that the box has written, by a daemon that can reach the whole host.
#[test]
fn a_link_where_something_persists_leads_nowhere_on_the_host() {
    let home = Home::new();
    let decoy = home.write("decoy/opencode/file", "decoy");
    let links = [".config", ".local/share", ".claude"];
    for (round, link) in links.iter().cycle().take(6).enumerate() {
        home.start("work", "sleep 1000");
        let target = if *link == ".claude" { home.root().join("decoy/opencode") } else { home.root().join("decoy") };
        let script = format!("mkdir -p ~/.local; rm -rf ~/{link}; ln -s {} ~/{link}", target.display());
        home.inside("work", &script).ok();
        let force: &[&str] = if round < 3 { &["kill"] } else { &["kill", "-f"] };
        home.coop(force).ok();
        assert_eq!(fs::read_to_string(&decoy).unwrap(), "decoy", "{link}");
    }
    let ran = home.coop(&["-d", "--", "sleep", "1000"]);
    assert_eq!(fs::read_to_string(&decoy).unwrap(), "decoy", "{ran:?}");
    assert_ne!(home.inside("work", "cat ~/.claude/file").out, "decoy");
    assert_eq!(fs::read_dir(home.root().join("decoy/opencode")).unwrap().count(), 1);
}

#[test]
fn a_persistent_directory_of_the_user_is_shared_by_all_sessions() {
    let home = Home::new();
    home.configure("[session]\npersist_scope = \"user\"\n");
    home.start("one", "sleep 1000");
    home.start("two", "sleep 1000");
    home.inside("one", "mkdir -p $CLAUDE_CONFIG_DIR; echo login > $CLAUDE_CONFIG_DIR/creds").ok();
    assert_eq!(home.inside("two", "cat ~/.claude/creds").ok().out, "login\n");
}

#[test]
fn kill_all_ends_all_at_once() {
    let home = Home::new();
    for n in 0..6 {
        home.start(&format!("s{n}"), "trap '' TERM; while :; do sleep 1000; done");
    }
    let inits: Vec<i32> = (0..6).map(|n| home.init(&format!("s{n}"))).collect();
    let began = Instant::now();
    home.coop(&["kill", "--all"]).ok();
    // One after the other it would be 30 s.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(!inits.iter().any(|pid| processes::is_alive(*pid)));
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn an_attached_client_is_told_of_the_kill() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sleep", "1000"]);
    home.wait_for_clients("work", 1, 0);
    home.coop(&["kill", "-f"]).ok();
    assert_ne!(terminal.exit_code(LIMIT), 0);
    terminal.wait_for_text("coop: session work was killed", LIMIT);
    // With grace the agent ends by a signal of coop's own.
    let mut terminal = home.terminal(&["--", "sleep", "1000"]);
    home.wait_for_clients("work", 1, 0);
    home.coop(&["kill"]).ok();
    assert_eq!(terminal.exit_code(LIMIT), 1);
    terminal.wait_for_text("coop: session work was killed", LIMIT);
    assert!(!terminal.text().contains("signal"), "{}", terminal.text());
}

#[test]
fn an_ended_session_stays_listed_until_it_is_killed() {
    let home = Home::new();
    home.start("work", "exit 4");
    let row = home.wait_for_state("work", "exited");
    assert_eq!(row["exit_code"], 4);
    home.coop(&["kill"]).ok();
    assert_eq!(home.rows().len(), 0);
    home.coop(&["kill"]).fails_with(3);
    home.coop(&["kill", "--all"]).ok();
}

#[test]
fn nobody_leaves_zombies() {
    let home = Home::new();
    home.start("work", "for i in $(seq 50); do (true &); done; sleep 1000");
    for n in 0..10 {
        home.start(&format!("s{n}"), "exit 0");
        home.inside("work", "(true &)").ok();
    }
    for n in 0..10 {
        home.coop(&["kill", &format!("s{n}"), "-f"]).ok();
    }
    let (daemon, guard, init) = (home.daemon(), home.guard(), home.init("work"));
    for parent in [daemon, guard, init] {
        wait_until("no zombies", LIMIT, || processes::children(parent).iter().all(|p| p.state != 'Z').then_some(()));
    }
    let in_box = processes::of_box(init);
    assert!(in_box.iter().all(|p| p.state != 'Z'), "{in_box:?}");
}

#[test]
fn a_kill_starts_nothing_again_while_it_waits() {
    let home = Home::new();
    home.configure(
        "[agent]\ncommand = \"/bin/sh\"\nargs = [\"-c\", \"echo run >> runs; (trap '' TERM HUP; sleep 1003) & sleep 1004\"]\n\
         [session]\nauto_restart = true\nrestart_delay_ms = 10\n",
    );
    home.coop(&["trust", "--yes"]).ok();
    home.coop(&["-d", "-n", "work"]).ok();
    let runs = || fs::read_to_string(home.workspace().join("runs")).unwrap_or_default().lines().count();
    wait_until("it runs", LIMIT, || {
        let all = processes::of_box(home.init("work"));
        all.iter().any(|p| p.command.starts_with("sleep 1003")).then_some(())
    });
    home.coop(&["kill", "work"]).ok();
    assert_eq!(runs(), 1);
}

#[test]
fn an_agent_that_dies_of_a_real_time_signal_has_ended() {
    let home = Home::new();
    home.start("work", "kill -40 $$");
    assert_eq!(home.wait_for_state("work", "exited")["exit_code"], 168);
    assert_eq!(home.inside("work", "kill -64 $$").code, 192);
}

/// A session with an agent that does not heed SIGTERM, and a kill of it that waits.
fn begin_a_kill(home: &Home) -> Running {
    home.start("work", "trap 'echo >> term' TERM; trap '' HUP; echo ready; while :; do sleep 0.01; done");
    home.wait_for_shown("work", "ready");
    let kill = Running::start(&mut home.command(&["kill", "work"]));
    wait_until("SIGTERM", LIMIT, || home.workspace().join("term").exists().then_some(()));
    kill
}

#[test]
fn a_kill_is_carried_through_when_the_daemon_dies_in_its_midst() {
    let home = Home::new();
    let kill = begin_a_kill(&home);
    processes::send(home.daemon(), Signal::SIGKILL);
    kill.end();
    wait_until("the session's end", LIMIT, || home.rows().is_empty().then_some(()));
    // It is listed no more as soon as its files begin to go.
    let sessions = home.coop_home().join("sessions");
    wait_until("the end of its files", LIMIT, || (fs::read_dir(&sessions).unwrap().count() == 0).then_some(()));
}

#[test]
fn a_kill_is_carried_through_when_no_daemon_is_left() {
    let home = Home::new();
    let kill = begin_a_kill(&home);
    let init = home.init("work");
    home.coop(&["shutdown"]).ok();
    kill.end();
    wait_until("the end of the box", LIMIT, || (!processes::is_alive(init)).then_some(()));
    assert!(home.daemons().is_empty());
}

#[test]
fn while_a_sessions_files_are_being_removed_its_name_is_taken_and_it_is_not() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home.inside("work", "i=0; while test $i -lt 30000; do : > ~/$i; i=$((i + 1)); done").ok();
    let init = home.init("work");
    let kill = Running::start(&mut home.command(&["kill", "-f", "work"]));
    wait_until("the end of the box", LIMIT, || (!processes::is_alive(init)).then_some(()));
    wait_until("it is listed no more", LIMIT, || home.row("work").is_none().then_some(()));
    let mut terminal = home.terminal(&["--", "true"]);
    let code = terminal.exit_code(LIMIT);
    kill.end().ok();
    // It was late enough, or too early; but there is never a session that is there and is not.
    assert!(code == 0 || code == 1, "{code}: {}", terminal.text());
}
