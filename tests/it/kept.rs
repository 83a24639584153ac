//! What persists after a kill belongs to the workspace that it came from, until it is given away or forgotten.

use crate::home::Home;
use crate::ran::Ran;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A session of `dir`, killed, that has left a login.
fn leave_a_login(home: &Home, dir: &str) -> PathBuf {
    let dir = home.directory(dir);
    let name = home.coop_in(&dir, &["-d", "--", "sleep", "1000"]).ok().out;
    home.inside(name.trim(), &format!("mkdir ~/.claude; echo {} > ~/.claude/login", dir.display())).ok();
    home.coop(&["kill", "-f", name.trim()]).ok();
    dir
}

#[test]
fn a_directory_of_the_same_name_does_not_get_the_logins_of_another() {
    let home = Home::new();
    let one = leave_a_login(&home, "a/web");
    let record = home.coop_home().join("sessions/web/persist.json");
    assert_eq!(fs::metadata(&record).unwrap().permissions().mode() & 0o777, 0o600);
    let two = home.directory("b/web");
    assert_eq!(home.coop_in(&two, &["-d", "--", "sleep", "1000"]).ok().out, "web-2\n");
    assert_ne!(home.inside("web-2", "cat ~/.claude/login").code, 0);
    assert_eq!(home.coop_in(&one, &["-d", "--", "sleep", "1000"]).ok().out, "web\n");
    assert_eq!(home.inside("web", "cat ~/.claude/login").ok().out.trim(), one.to_str().unwrap());
}

#[test]
fn a_name_that_is_asked_for_comes_with_what_it_kept_and_a_word() {
    let home = Home::new();
    let one = leave_a_login(&home, "a/web");
    let ran = home.coop(&["-d", "-n", "web", "--", "sleep", "1000"]).ok();
    ran.complains_of(&["web", "takes over", one.to_str().unwrap()]);
    home.inside("web", "test -e ~/.claude/login").ok();
    home.coop(&["kill", "-f", "web"]).ok();
    // Now it is this workspace's.
    assert_eq!(home.coop_in(&one, &["-d", "--", "sleep", "1000"]).ok().out, "web-2\n");
}

#[test]
fn what_has_no_record_is_whose_the_name_is() {
    let home = Home::new();
    leave_a_login(&home, "a/web");
    fs::remove_file(home.coop_home().join("sessions/web/persist.json")).unwrap();
    let two = home.directory("b/web");
    assert_eq!(home.coop_in(&two, &["-d", "--", "sleep", "1000"]).ok().out, "web\n");
    home.inside("web", "test -e ~/.claude/login").ok();
}

#[test]
fn kept_files_are_named_by_status_and_removed_by_kill_forget() {
    let home = Home::new();
    let one = leave_a_login(&home, "a/web");
    leave_a_login(&home, "c/app");
    leave_a_login(&home, "d/lib");
    let kept = |home: &Home| {
        let out = home.coop(&["status"]).ok().out;
        out.lines().find_map(|line| line.strip_prefix("Kept      ")).map(str::to_owned)
    };
    assert_eq!(kept(&home).as_deref(), Some("app lib web"));
    home.coop(&["kill", "web"]).fails_with(3);
    home.coop(&["kill", "--forget", "nobody"]).fails_with(3);
    // By directory and by name.
    home.coop_in(&one, &["kill", "--forget"]).ok();
    assert_eq!(kept(&home).as_deref(), Some("app lib"));
    home.coop(&["kill", "--forget", "app"]).ok();
    // With a session that lives.
    home.coop(&["-d", "-n", "alive", "--", "sleep", "1000"]).ok();
    home.inside("alive", "mkdir ~/.claude; touch ~/.claude/x").ok();
    home.coop(&["kill", "--all", "--forget", "-f"]).ok();
    assert_eq!(kept(&home), None);
    assert_eq!(fs::read_dir(home.coop_home().join("sessions")).unwrap().count(), 0);
}

#[test]
fn logins_are_there_again_where_a_tool_of_the_host_lies_among_them() {
    let home = Home::new();
    let tool = home.write("home/.claude/local/claude", "#!/bin/sh\necho the tool\n");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", tool.parent().unwrap().display());
    let start = || Ran::of(home.command(&["-d", "-n", "work", "--", "sleep", "1000"]).env("PATH", &path)).ok();
    for round in ["first", "second", "third"] {
        start();
        let seen = home.inside("work", "claude; cat ~/.claude/login 2>/dev/null").out;
        let login = match round {
            "first" => "",
            "second" => "first\n",
            _ => "second\n",
        };
        assert_eq!(seen, format!("the tool\n{login}"), "{round}");
        home.inside("work", &format!("echo {round} > ~/.claude/login")).ok();
        home.coop(&["kill", "-f", "work"]).ok();
    }
}

#[test]
fn files_whose_owner_cannot_be_read_are_given_to_nobody() {
    let home = Home::new();
    let one = leave_a_login(&home, "a/web");
    fs::write(home.coop_home().join("sessions/web/persist.json"), "").unwrap();
    assert_eq!(home.coop_in(&one, &["-d", "--", "sleep", "1000"]).ok().out, "web-2\n");
    home.coop(&["-d", "-n", "web", "--", "sleep", "1000"]).fails_with(1).complains_of(&["persist.json", "--forget"]);
    home.coop(&["kill", "--forget", "web"]).ok();
    home.coop(&["-d", "-n", "web", "--", "sleep", "1000"]).ok();
    assert_ne!(home.inside("web", "cat ~/.claude/login").code, 0);
}

#[test]
fn a_session_whose_file_cannot_be_read_is_listed_and_removed_only_with_all_that_it_kept() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home.inside("work", "mkdir ~/.claude; echo mine > ~/.claude/login").ok();
    crate::processes::send(home.init("work"), nix::sys::signal::Signal::SIGKILL);
    home.wait_for_state("work", "lost");
    let directory = home.coop_home().join("sessions/work");
    let file = directory.join("session.json");
    let was = fs::read(&file).unwrap();
    fs::write(&file, "").unwrap();
    assert_eq!(home.state("work"), "lost");
    home.coop(&["kill", "work"]).fails_with(1).complains_of(&["session.json", "--forget"]);
    // Whoever mends it has everything again.
    fs::write(&file, was).unwrap();
    home.coop(&["-d", "-n", "work"]).ok();
    assert_eq!(home.inside("work", "cat ~/.claude/login").ok().out, "mine\n");
    crate::processes::send(home.init("work"), nix::sys::signal::Signal::SIGKILL);
    home.wait_for_state("work", "lost");
    fs::write(&file, "{").unwrap();
    home.coop(&["kill", "--forget", "work"]).ok();
    assert!(home.rows().is_empty() && !directory.exists());
}
