//! Odd places: spaces, letters beyond ASCII, paths that no socket address holds, homes that cannot be written.

use crate::attaching::DETACH;
use crate::home::Home;
use crate::home::binary;
use crate::home::is_root;
use crate::processes;
use crate::ran::Ran;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Create, attach, look, survive, end.
fn whole_life(home: &Home) {
    let mut terminal = home.terminal(&["-n", "life", "--", "sh"]);
    terminal.type_keys("echo a$((40+2)); echo x > file\r");
    terminal.wait_for_text("a42", LIMIT);
    processes::send(home.daemon(), nix::sys::signal::Signal::SIGKILL);
    terminal.type_keys("echo b$((40+2))\r");
    terminal.wait_for_text("b42", LIMIT);
    terminal.type_keys(DETACH);
    assert_eq!(terminal.exit_code(LIMIT), 0);
    let row = home.row("life").unwrap();
    assert_eq!(row["workspace"], home.workspace().to_str().unwrap());
    assert_eq!(
        home.inside("life", "pwd; cat /workspace/file").ok().out,
        format!("{}\nx\n", home.workspace().display())
    );
    home.coop(&["kill", "life", "-f"]).ok();
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn spaces_and_letters_beyond_ascii() {
    whole_life(&Home::named("Zuhause von Jörg", "mein Projekt – 日本語"));
}

#[test]
fn quotes_and_other_traps_of_a_shell() {
    whole_life(&Home::named("it's a $HOME", "a;b 'c' \"d\" * [e] \\f"));
}

#[test]
fn a_home_so_long_that_no_socket_address_holds_it() {
    let home = Home::named(&format!("home/{}/{}", "h".repeat(120), "i".repeat(120)), "work");
    assert!(home.coop_home().join("sock").as_os_str().len() > 107);
    whole_life(&home);
}

#[test]
fn a_workspace_below_the_home() {
    let home = Home::named("home", "home/projects/mine");
    home.write("home/other", "unseen");
    home.start("work", "sleep 1000");
    assert_ne!(home.inside("work", "cat ~/other").code, 0);
    home.inside("work", "cd ~/projects/mine && touch here").ok();
    assert!(home.workspace().join("here").exists());
    home.coop(&["kill", "-f", "work"]).ok();
    whole_life(&home);
}

#[test]
fn a_symlink_to_the_workspace_is_the_workspace() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let link = home.root().join("link");
    std::os::unix::fs::symlink(home.workspace(), &link).unwrap();
    home.coop_in(&link, &["-d"]).ok();
    home.coop(&["-d", "-w", link.to_str().unwrap()]).ok();
    assert_eq!(home.rows().len(), 1);
}

#[test]
fn a_directory_that_is_no_workspace_is_refused() {
    let home = Home::new();
    home.write("work/file", "x");
    fs::create_dir(home.coop_home()).unwrap();
    fs::set_permissions(home.coop_home(), fs::Permissions::from_mode(0o700)).unwrap();
    for bad in ["/", "/proc", "/no/such/dir", "file", home.coop_home().to_str().unwrap()] {
        let ran = home.coop(&["-d", "-w", bad, "--", "true"]);
        assert!(ran.code == 2 || ran.code == 1, "{bad}: {ran:?}");
        assert!(ran.err.contains(bad), "{bad}: {}", ran.err);
    }
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn a_workspace_that_was_removed_is_an_error_and_no_hang() {
    let home = Home::new();
    let gone = home.directory("gone");
    home.coop_in(&gone, &["-d", "-n", "gone", "--", "true"]).ok();
    home.wait_for_state("gone", "exited");
    processes::send(home.init("gone"), nix::sys::signal::Signal::SIGKILL);
    home.wait_for_state("gone", "lost");
    fs::remove_dir(&gone).unwrap();
    let ran = home.coop(&["-d", "-n", "gone"]);
    assert!(ran.code == 1 || ran.code == 2 || ran.code == 0, "{ran:?}");
    home.coop(&["kill", "gone"]).ok();
}

#[test]
fn a_home_that_cannot_be_written() {
    let home = Home::new();
    if is_root() {
        // Root is stopped by a read-only mount alone; in a mount namespace of the test's own.
        let script = format!(
            "mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}' && exec {1} ls",
            home.home().display(),
            binary().display()
        );
        let ran = Ran::of(home.program("unshare").args(["-m", "sh", "-c", &script])).fails_with(4);
        ran.complains_of(&[".coop", "COOP_HOME"]);
    } else {
        fs::set_permissions(home.home(), fs::Permissions::from_mode(0o500)).unwrap();
        home.coop(&["ls"]).fails_with(4).complains_of(&[".coop", "COOP_HOME"]);
        fs::set_permissions(home.home(), fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert!(!home.coop_home().exists());
    // The remedy that the error names.
    let elsewhere = home.directory("elsewhere").join("coop");
    Ran::of(home.command(&["ls"]).env("COOP_HOME", &elsewhere)).ok();
    Ran::of(home.command(&["shutdown"]).env("COOP_HOME", &elsewhere)).ok();
}

#[test]
fn a_terminal_of_no_size_and_an_unknown_term() {
    let home = Home::new();
    let mut command = home.on_terminal(binary(), &["--", "sh"]);
    command.env("TERM", "no-such-terminal");
    let terminal = Terminal::run(command);
    terminal.resize(0, 0);
    terminal.type_keys("echo a$((40+2))\r");
    crate::wait::wait_until("an answer", LIMIT, || terminal.text().contains("a42").then_some(()));
}

#[test]
fn a_user_without_a_home_or_a_name() {
    let home = Home::new();
    let mut command = home.command(&["-d", "--", "sleep", "1000"]);
    command.env_remove("USER").env_remove("SHELL").env_remove("TERM").env_remove("LANG").env_remove("PATH");
    Ran::of(&mut command).ok();
    home.inside("work", "id -un; test -n \"$PATH\"").ok();
}

#[test]
fn a_path_that_is_not_utf_8_is_an_error_and_creates_nothing() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let odd = home.root().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&odd).unwrap();
    let refused =
        |command: &mut std::process::Command| Ran::of(command).fails_with(2).complains_of(&["coop: ", "UTF-8"]);
    refused(home.command(&["-d", "-w"]).arg(&odd));
    refused(home.command(&["-d"]).current_dir(&odd));
    refused(home.command(&["ls"]).env("COOP_HOME", &odd));
    refused(home.command(&["ls"]).env_remove("COOP_HOME").env("HOME", &odd));
    assert!(!home.coop_home().exists());
    // A link whose own name gives nothing away.
    std::os::unix::fs::symlink(&odd, home.root().join("link")).unwrap();
    home.configure(&format!("[mounts]\n\"{}\" = \"/data\"\n", home.root().join("link").display()));
    refused(&mut home.command(&["-d", "--", "true"]));
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn from_a_directory_that_was_deleted_sessions_are_still_in_reach() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    // The shell's own directory goes under it.
    let from_nowhere = |args: &str| {
        let gone = home.directory("gone");
        let script = format!("cd '{0}' && rmdir '{0}' && exec '{1}' {args}", gone.display(), binary().display());
        Ran::of(home.program("sh").args(["-c", &script]))
    };
    assert!(from_nowhere("ls").ok().out.contains("work"));
    assert_eq!(from_nowhere("shell work -c 'echo a$((40+2))'").ok().out.trim(), "a42");
    from_nowhere("logs").ok();
    from_nowhere("status --json").ok();
    from_nowhere(&format!("-d -n other -w '{}' -- true", home.workspace().display())).ok();
    for needs_one in ["-d", "kill"] {
        from_nowhere(needs_one).fails_with(1).complains_of(&["current directory"]);
    }
    from_nowhere("kill -f work").ok();
    from_nowhere("shutdown").ok();
}

#[test]
fn a_relative_coop_home_is_refused() {
    let home = Home::new();
    Ran::of(home.command(&["ls"]).env("COOP_HOME", "here")).fails_with(2).complains_of(&["COOP_HOME", "absolute"]);
    assert!(!home.workspace().join("here").exists());
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_names_its_place() {
    let home = Home::new();
    for args in [&["completions", "bash"][..], &["man"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = home.command(args).stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("coop: ") && !said.contains("panicked"), "{said}");
    }
    let file = home.write("file", "x");
    let below = file.join("man1");
    home.coop(&["man", below.to_str().unwrap()]).fails_with(1).complains_of(&[below.to_str().unwrap(), "hint: "]);
}

#[test]
fn a_socket_where_none_can_be_is_an_error_about_the_socket() {
    let home = Home::new();
    let file = home.write("file", "x");
    for socket in [file.join("sock"), "/tmp/coop-it-sock".into()] {
        let ran = home.coop(&["--socket", socket.to_str().unwrap(), "ls"]).fails_with(4);
        let ran = ran.complains_of(&["--socket"]);
        assert!(!ran.err.contains("chmod"), "{}", ran.err);
    }
}
