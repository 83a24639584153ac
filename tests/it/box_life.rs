//! What a program in the box finds: its own machine, and everything a developer needs.

use crate::home::Home;
use crate::processes;
use crate::ran::Ran;
use crate::wait::LIMIT;
use crate::wait::wait_until;

/// A user with a session named `work`.
fn boxed() -> Home {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home
}

#[test]
fn the_workspace_is_seen_at_its_own_path_and_at_workspace() {
    let home = boxed();
    home.write("work/from-host", "host");
    let path = home.workspace().display().to_string();
    assert_eq!(home.inside("work", "pwd").ok().out.trim(), path);
    assert_eq!(home.inside("work", "cat /workspace/from-host").ok().out.trim(), "host");
    home.inside("work", "echo box > from-box; mkdir sub; chmod +x from-box").ok();
    assert_eq!(std::fs::read_to_string(home.workspace().join("from-box")).unwrap(), "box\n");
    let meta = std::fs::metadata(home.workspace().join("sub")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&meta), nix::unistd::geteuid().as_raw());
}

#[test]
fn the_box_has_its_own_machine() {
    let home = boxed();
    let script =
        "hostname; id -u; echo $HOME; tty; ls -A /tmp /run/user 2>/dev/null | head -3; ls /proc | grep -c '^[0-9]'";
    let out = home.inside("work", script).ok().out;
    let lines: Vec<&str> = out.lines().collect();
    let uid = nix::unistd::geteuid().to_string();
    assert_eq!(lines[..4], ["work", &uid, home.home().to_str().unwrap(), "/dev/pts/1"], "{out}");
    let processes: u32 = lines.last().unwrap().parse().unwrap();
    assert!(processes < 10, "{out}");
}

#[test]
fn every_namespace_is_the_boxs_own() {
    let home = boxed();
    for space in ["user", "mnt", "pid", "uts", "ipc", "cgroup"] {
        let inside = home.inside("work", &format!("readlink /proc/self/ns/{space}")).ok().out;
        let outside = std::fs::read_link(format!("/proc/self/ns/{space}")).unwrap();
        assert_ne!(inside.trim(), outside.to_str().unwrap());
    }
}

#[test]
fn job_control_works() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh", "-m"]);
    terminal.type_keys("sleep 1001 & jobs\r");
    terminal.wait_for_text("Running", LIMIT);
    terminal.type_keys("sleep 1002\r");
    let sleeps = || processes::of_box(home.init("work")).iter().any(|p| p.command.starts_with("sleep 1002"));
    wait_until("it sleeps", LIMIT, || sleeps().then_some(()));
    terminal.type_keys("\x1a");
    terminal.wait_for_text("Stopped", LIMIT);
    terminal.type_keys("fg\r");
    // Ctrl-C throws away what was typed and not read yet, so it must not come before `fg` is done.
    let awake = |p: &processes::Process| p.command.starts_with("sleep 1002") && p.state == 'S';
    wait_until("it goes on", LIMIT, || processes::of_box(home.init("work")).into_iter().find(awake));
    terminal.type_keys("\x03");
    wait_until("interrupted", LIMIT, || (!sleeps()).then_some(()));
    terminal.type_keys("kill %1; echo a$((40+2))\r");
    terminal.wait_for_text("a42", LIMIT);
}

#[test]
fn everyday_tools_work() {
    let home = boxed();
    for script in [
        "echo x > /dev/null && cat /dev/null && head -c 8 /dev/urandom > /dev/full; test $? -ne 0",
        "ps -e | grep -q ps",
        "echo data > /tmp/f && cat /tmp/f && test -d /var/tmp && echo x > /var/tmp/f",
        "echo shared > /dev/shm/f",
        "script -qec 'tty' /dev/null | grep -q /dev/pts/",
        "cat /etc/passwd | grep -q \"$(id -un)\" && test -d ~ && touch ~/mine",
        "mkfifo p && (echo through > p &) && grep -q through p",
        "sleep 0.01 & wait",
        "ls -l /proc/self/fd | grep -c pts > /dev/null",
        "test \"$(ls /proc/self/fd | wc -l)\" -le 5",
    ] {
        let ran = home.inside("work", script);
        assert_eq!(ran.code, 0, "{script}:\n{}{}", ran.out, ran.err);
    }
}

#[test]
fn a_shell_sees_the_agents_processes() {
    let home = Home::new();
    home.start("work", "sleep 1000 & wait");
    let out = home.inside("work", "ps -e").ok().out;
    assert!(out.contains("sleep"), "{out}");
}

#[test]
fn git_works_and_knows_its_user_but_no_helper() {
    let home = Home::new();
    home.write("home/.gitconfig", "[user]\nname = Änn Doe\nemail = ann@example.org\n[credential]\nhelper = store\n");
    let git = |args: &[&str]| Ran::of(home.program("git").args(args)).ok();
    git(&["init", "-q", "-b", "main", "."]);
    home.start("work", "sleep 1000");
    home.inside("work", "echo text > file && git add file && git commit -qm first && git status --short").ok();
    let log = git(&["log", "--format=%an <%ae> %s"]).out;
    assert_eq!(log.trim(), "Änn Doe <ann@example.org> first");
    let helper = home.inside("work", "git config --get credential.helper");
    assert_eq!((helper.code, helper.out.trim()), (1, ""), "a credential helper came along");
}

#[test]
fn git_works_in_a_worktree_whose_repository_is_elsewhere() {
    let home = Home::new();
    let repo = home.directory("repo");
    let git = |args: &[&str]| Ran::of(home.program("git").current_dir(&repo).args(args)).ok();
    git(&["init", "-q", "-b", "main", "."]);
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    git(&[&identity[..], &["commit", "-q", "--allow-empty", "-m", "first"]].concat());
    git(&["worktree", "add", "-q", "../tree"]);
    let tree = home.root().join("tree");
    home.coop_in(&tree, &["-d", "--", "sleep", "1000"]).ok();
    let script =
        "git -c user.name=b -c user.email=b@example.org commit -q --allow-empty -m second && git log --oneline | wc -l";
    assert_eq!(home.inside("tree", script).ok().out.trim(), "2");
    assert!(git(&["log", "--oneline", "tree"]).out.contains("second"));
}

#[test]
fn programs_start_with_clean_signals_and_limits() {
    let home = boxed();
    let out = home.inside("work", "grep -E '^Sig(Blk|Ign):|NoNewPrivs|^CapEff|^CapBnd' /proc/self/status").ok().out;
    for line in out.lines() {
        let (name, value) = line.split_once(':').unwrap();
        // glibc's posix_spawn ignores its own two signals, 32 and 33, in every child (sysdeps/unix/sysv/linux/spawni.c).
        let glibc = if name == "SigIgn" { 0x1_8000_0000 } else { 0 };
        let wanted = u64::from(name == "NoNewPrivs");
        assert_eq!(u64::from_str_radix(value.trim(), 16).unwrap() & !glibc, wanted, "{out}");
    }
}

#[test]
fn a_program_that_is_not_there_is_an_error_and_no_session() {
    let home = Home::new();
    let ran = home.coop(&["-d", "--", "no-such-program"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("no-such-program"), "{}", ran.err);
    assert_eq!(home.rows().len(), 0);
    // One that is found, but cannot be run.
    home.write("work/data", "\u{1}\u{2}");
    let ran = home.coop(&["-d", "--", "./data"]);
    assert_ne!(ran.code, 0);
    assert_eq!(home.rows().len(), 0, "{}", ran.err);
}

#[test]
fn the_users_own_tools_come_along_read_only() {
    let home = Home::new();
    let tool = home.write("home/bin/greet", "#!/bin/sh\necho greetings\n");
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", tool.parent().unwrap().display());
    Ran::of(home.command(&["-d", "--", "sleep", "1000"]).env("PATH", path)).ok();
    assert_eq!(home.inside("work", "greet").ok().out.trim(), "greetings");
    assert_ne!(home.inside("work", "echo changed > ~/bin/greet").code, 0);
}

#[test]
fn an_agent_on_the_path_is_found_and_a_shell_otherwise() {
    let home = Home::new();
    let ran = home.coop(&["-d"]).ok();
    assert!(ran.err.contains("no agent found"), "{}", ran.err);
    home.coop(&["kill", "-f"]).ok();
    let claude = home.write("home/bin/claude", "#!/bin/sh\necho I am claude; exec sleep 1000\n");
    std::fs::set_permissions(&claude, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", claude.parent().unwrap().display());
    Ran::of(home.command(&["-d"]).env("PATH", path)).ok();
    home.terminal(&[]).wait_for_text("I am claude", LIMIT);
}

#[test]
fn without_a_network_there_is_only_the_loopback() {
    let home = Home::new();
    home.configure("[network]\nmode = \"none\"\n");
    home.start("work", "sleep 1000");
    let script = "tail -n +3 /proc/net/dev | cut -d: -f1; cat /proc/net/route | wc -l; cat /sys/class/net/lo/operstate 2>&1 | head -1";
    let out = home.inside("work", script).ok().out;
    let lines: Vec<&str> = out.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["lo", "1"], "{out}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = format!("exec bash -c ': <> /dev/tcp/127.0.0.1/{}'", listener.local_addr().unwrap().port());
    assert_ne!(home.inside("work", &connect).code, 0);
    let inside = home.inside("work", "readlink /proc/self/ns/net").ok().out;
    assert_ne!(inside.trim(), std::fs::read_link("/proc/self/ns/net").unwrap().to_str().unwrap());
}
