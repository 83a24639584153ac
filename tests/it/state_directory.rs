//! `COOP_HOME`: who may read it, and what is refused.

use crate::home::Home;
use crate::home::is_root;
use crate::home::skip;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn nobody_else_can_read_or_enter_anything() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let state = home.coop_home();
    for dir in [state.to_owned(), state.join("logs"), state.join("sessions"), state.join("sessions/work")] {
        assert_eq!(mode(&dir), 0o700, "{}", dir.display());
    }
    for file in ["sock", "daemon.pid", "logs/daemon.log", "sessions/work/session.json"] {
        assert_eq!(mode(&state.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_loose_umask_changes_nothing() {
    let home = Home::new();
    let script = format!("umask 0; {} -d -- sleep 1000", crate::home::binary().display());
    crate::ran::Ran::of(home.program("sh").args(["-c", &script])).ok();
    assert_eq!(mode(home.coop_home()), 0o700);
    assert_eq!(mode(&home.coop_home().join("sock")), 0o600);
    assert_eq!(mode(&home.coop_home().join("logs/daemon.log")), 0o600);
    assert_eq!(mode(&home.coop_home().join("sessions/work")), 0o700);
}

#[test]
fn a_symlink_for_a_state_directory_is_refused() {
    let home = Home::new();
    let target = home.directory("elsewhere");
    symlink(&target, home.coop_home()).unwrap();
    home.coop(&["ls"]).fails_with(4).complains_of(&["symbolic link"]);
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    fs::remove_file(home.coop_home()).unwrap();
}

#[test]
fn a_symlink_for_a_socket_leads_nowhere() {
    let home = Home::new();
    fs::create_dir(home.coop_home()).unwrap();
    fs::set_permissions(home.coop_home(), fs::Permissions::from_mode(0o700)).unwrap();
    let canary = home.write("canary", "canary");
    symlink(&canary, home.coop_home().join("sock")).unwrap();
    let ran = home.coop(&["ls"]);
    assert!([0, 4].contains(&ran.code), "{ran:?}");
    assert_eq!(fs::read_to_string(&canary).unwrap(), "canary");
    if ran.code == 0 {
        assert!(!fs::symlink_metadata(home.coop_home().join("sock")).unwrap().is_symlink());
    } else {
        fs::remove_file(home.coop_home().join("sock")).unwrap();
    }
}

#[test]
fn symlinks_for_log_and_pid_file_are_not_followed() {
    for name in ["daemon.pid", "start.lock", "logs/daemon.log"] {
        let home = Home::new();
        let canary = home.write("canary", "canary");
        home.coop(&["ls"]).ok();
        home.coop(&["shutdown"]).ok();
        crate::wait::wait_until("no daemon", crate::wait::LIMIT, || home.daemons().is_empty().then_some(()));
        let path = home.coop_home().join(name);
        if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        symlink(&canary, &path).unwrap();
        let ran = home.coop(&["ls"]);
        assert!([0, 4].contains(&ran.code), "{name}: {ran:?}");
        assert_eq!(fs::read_to_string(&canary).unwrap(), "canary", "{name}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_state_directory_that_others_can_write_is_refused() {
    let home = Home::new();
    fs::create_dir(home.coop_home()).unwrap();
    for loose in [0o770, 0o707] {
        fs::set_permissions(home.coop_home(), fs::Permissions::from_mode(loose)).unwrap();
        home.coop(&["ls"]).fails_with(4).complains_of(&["written by others", "chmod 700"]);
    }
    fs::set_permissions(home.coop_home(), fs::Permissions::from_mode(0o700)).unwrap();
    home.coop(&["ls"]).ok();
}

#[test]
fn a_state_directory_of_somebody_else_is_refused() {
    let home = Home::new();
    let foreign = if is_root() {
        fs::create_dir(home.coop_home()).unwrap();
        std::os::unix::fs::chown(home.coop_home(), Some(12_345), None).unwrap();
        home.coop_home().to_owned()
    } else {
        "/usr".into()
    };
    let mut command = home.command(&["ls"]);
    let ran = crate::ran::Ran::of(command.env("COOP_HOME", &foreign)).fails_with(4);
    ran.complains_of(&["belongs to"]);
    if is_root() {
        fs::remove_dir(home.coop_home()).unwrap();
    }
}

/// Says nothing, and tells what the daemon does.
const CONNECTS: &str = "
import socket
door = socket.socket(socket.AF_UNIX)
door.settimeout(2)
door.connect('sock')
try:
    print('hung up' if door.recv(1) == b'' else 'speaks')
except TimeoutError:
    print('waits for a greeting')
except ConnectionResetError:
    print('hung up')
";

#[test]
fn another_user_cannot_talk_to_the_daemon() {
    if !is_root() {
        return skip("only root can become another user");
    }
    if !fs::exists("/usr/bin/python3").unwrap() {
        return skip("there is no /usr/bin/python3");
    }
    let home = Home::new();
    home.start("work", "sleep 1000");
    // Open the way, so that it is the daemon that refuses; the directories above are not passed on it.
    fs::set_permissions(home.coop_home(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(home.coop_home().join("sock"), fs::Permissions::from_mode(0o666)).unwrap();
    let connects_as = |uid: &str| {
        let mut command = home.program("setpriv");
        command.args(["--reuid", uid, "--regid", uid, "--clear-groups", "/usr/bin/python3", "-I", "-c", CONNECTS]);
        crate::ran::Ran::of(command.current_dir(home.coop_home())).ok().out
    };
    assert_eq!(connects_as("0"), "waits for a greeting\n");
    assert_eq!(connects_as("12345"), "hung up\n");
    fs::set_permissions(home.coop_home(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(home.state("work"), "running");
}
