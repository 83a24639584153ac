//! Attacks that take more than one program or one moment: races, what a box leaves for the next one, and coop's own
//! program. The table has all others.

use crate::attack_program::Program;
use crate::home::Home;
use crate::home::binary;
use crate::home::skip;
use crate::processes;
use crate::ran::Ran;
use crate::ran::Running;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::fcntl::AT_FDCWD;
use nix::fcntl::RenameFlags;
use nix::fcntl::renameat2;
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

const CANARY: &str = "canary-of-the-host-9c20";
/// As `tests/attacks` says that something worked, and that it was refused.
const WORKED: &str = "0";
const REFUSED: &str = "1";

#[track_caller]
fn wait_for(path: &Path) {
    wait_until(&format!("{} is there", path.display()), LIMIT, || path.exists().then_some(()));
}

/// What a script has left in a file, and that file's neighbour with what was said on the way.
fn code_and_words(path: &Path) -> (String, String) {
    wait_for(path);
    let said = fs::read_to_string(path.with_extension("said")).unwrap_or_default();
    (fs::read_to_string(path).unwrap().trim().to_owned(), said)
}

#[test]
fn a_process_that_leaves_its_session_ends_with_the_box() {
    let Some(program) = Program::get() else { return };
    let home = Home::new();
    let attack = program.put_into(home.workspace());
    let strays = || processes::all().into_iter().filter(|p| p.command.contains(" outlive ") && mine(&home, p.pid));
    // Outside it stays when its parents and their session have ended.
    Ran::of(home.program("setsid").arg(&attack).args(["outlive", "outside"])).ok();
    wait_for(&home.workspace().join("outside"));
    let outside: Vec<_> = strays().map(|p| p.pid).collect();
    assert_eq!(outside.len(), 1);
    processes::send(outside[0], Signal::SIGHUP);
    processes::send(outside[0], Signal::SIGTERM);
    assert!(processes::is_alive(outside[0]));
    processes::send(outside[0], Signal::SIGKILL);
    wait_until("it has ended", LIMIT, || (!processes::is_alive(outside[0])).then_some(()));
    home.start("work", "./attack outlive inside; exec sleep 1000");
    wait_for(&home.workspace().join("inside"));
    assert_eq!(strays().count(), 1);
    home.coop(&["kill", "work", "-f"]).ok();
    assert_eq!(strays().count(), 0);
}

/// It was started for this fixture: its command or its directory lies there.
fn mine(home: &Home, pid: i32) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|path| path.starts_with(home.root()))
}

#[test]
fn who_starts_programs_in_a_box_is_closed_to_it() {
    let Some(program) = Program::get() else { return };
    let home = Home::new();
    let attack = program.put_into(home.workspace());
    // Outside, who watches sees coop's own processes come.
    let script = format!("exec {} watch never", attack.display());
    let watching = Running::start(home.program("sh").args(["-c", &script]));
    home.start("work", "./attack watch stop > watch.said; echo $? > watch.new; mv watch.new watch; exec sleep 1000");
    let outside = watching.end();
    assert_eq!(outside.code.to_string(), WORKED, "{}", outside.out);
    for _ in 0..30 {
        home.inside("work", "true").ok();
    }
    home.put("stop", b"");
    let (code, said) = code_and_words(&home.workspace().join("watch"));
    assert_eq!(code, REFUSED, "{said}");
}

/// An attack on a program's own file, by a library that the program loads: outside on a copy of coop, then in boxes
/// that run coop as their agent and as the interpreter of a script. `None`: the program under test loads no libraries.
fn attack_own_program(home: &Home, program: &Program, attack: &str) -> Option<Vec<(String, String)>> {
    let library = program.put_library_into(home.workspace());
    let attack = format!("{} {attack}", program.put_into(home.workspace()).display());
    let copy = home.workspace().join("coop-copy");
    Ran::of(Command::new("cp").arg(binary()).arg(&copy)).ok();
    let variables = |on: &str, says: &Path| {
        [
            ("LD_PRELOAD", library.display().to_string()),
            ("ATTACK_ON", on.to_owned()),
            ("ATTACK_NEXT", attack.clone()),
            ("ATTACK_SAYS", says.display().to_string()),
        ]
    };
    let says = home.workspace().join("outside");
    Ran::of(home.program(&copy).arg("--version").envs(variables("/coop-copy", &says)));
    if !says.exists() {
        skip("the program under test loads no libraries");
        return None;
    }
    let (code, said) = code_and_words(&says);
    assert_eq!(code, WORKED, "outside: {said}");
    let script = home.write("work/script", "#!/proc/self/exe\n");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut seen = Vec::new();
    for (name, command) in [("agent", "/proc/self/exe"), ("interpreter", "./script")] {
        let says = home.workspace().join(name);
        let lines = variables("memfd:", &says).map(|(name, value)| format!("{name} = \"{value}\"\n"));
        home.configure(&format!("[env]\n{}", lines.concat()));
        let ran = home.coop(&["-d", "-n", name, "--", command]);
        if ran.code == 0 {
            seen.push(code_and_words(&says));
        } else {
            // No box, no attack; what could not be had must be what was asked for.
            assert!(name == "agent" && !says.exists() && ran.err.contains("exe"), "{ran:?}");
        }
    }
    home.configure("");
    Some(seen)
}

#[test]
fn coops_own_program_that_a_box_runs_cannot_be_written_by_it() {
    let Some(program) = Program::get() else { return };
    let home = Home::new();
    let before = fs::read(binary()).unwrap();
    for (code, said) in attack_own_program(&home, &program, "rewrite").unwrap_or_default() {
        assert_eq!(code, REFUSED, "{said}");
    }
    assert!(fs::read(binary()).unwrap() == before, "the program under test was written");
}

#[test]
fn coops_own_program_that_a_box_runs_still_runs_for_others() {
    let Some(program) = Program::get() else { return };
    let home = Home::new();
    home.start("before", "sleep 1000");
    // Whether the mode can be changed is nothing; that boxes can be made and used afterwards is all.
    let seen = attack_own_program(&home, &program, "unrunnable");
    let ran = home.coop(&["-d", "-n", "after", "--", "sleep", "1000"]);
    assert_eq!(ran.code, 0, "no box after {seen:?}: {}", ran.err);
    home.inside("before", "true").ok();
}

#[test]
fn a_place_that_turns_into_a_link_leads_no_mount_out() {
    let home = Home::new();
    home.write("data/file", "data");
    let (decoy, workspace) = (home.directory("decoy"), home.workspace().to_owned());
    let (place, other) = (workspace.join("place"), workspace.join("other"));
    fs::create_dir(&place).unwrap();
    symlink(&decoy, &other).unwrap();
    home.configure(&format!("[mounts]\n\"{}\" = \"{}/new\"\n", home.root().join("data").display(), place.display()));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // A box that is there already can do this while the next one is made (CVE-2021-30465, CVE-2024-45310).
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat2(AT_FDCWD, &place, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE).unwrap();
            }
        });
        // Outside: who makes the place by its path makes it behind the link sooner or later.
        wait_until("a directory is made behind the link", LIMIT, || {
            fs::create_dir_all(place.join("new")).ok();
            decoy.join("new").exists().then_some(())
        });
        fs::remove_dir(decoy.join("new")).unwrap();
        for number in 0..20 {
            home.coop(&["-d", "-n", &format!("race-{number}"), "--", "sleep", "1000"]);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_dir(&decoy).unwrap().count(), 0, "a mount's place was made on the host");
    assert_eq!(fs::read_to_string(home.root().join("data/file")).unwrap(), "data");
}

#[test]
fn a_link_in_what_persists_shows_the_next_box_nothing() {
    for scope in ["session", "user"] {
        let home = Home::new();
        let secret = home.write(home.home().join(".ssh/key"), CANARY);
        home.configure(&format!("[session]\npersist = [\".claude\", \".a/b\"]\npersist_scope = \"{scope}\"\n"));
        home.start("work", "sleep 1000");
        // As a box may leave it (CVE-2024-42472): outside the links lead to the key.
        let links = "rm -rf ~/.claude/* ~/.claude ~/.a/b ~/.a 2>&-; ln -s ~/.ssh ~/.claude; \
                     ln -s ~/.ssh ~/.claude/ssh; mkdir -p ~/.a; ln -s ~/.ssh ~/.a/b; ln -s ~/.ssh ~/.a/b/ssh; true";
        home.inside("work", links).ok();
        Ran::of(home.program("cat").arg(&secret)).ok();
        home.coop(&["kill", "work", "-f"]).ok();
        home.coop(&["-d", "-n", "work", "--", "sleep", "1000"]);
        let seen = home.inside("work", "cat ~/.claude/key ~/.claude/ssh/key ~/.a/b/key ~/.a/b/ssh/key").out;
        assert!(!seen.contains(CANARY), "with scope {scope}: {seen}");
        assert_eq!(fs::read_to_string(&secret).unwrap(), CANARY);
        let entries = fs::read_dir(home.home().join(".ssh")).unwrap().count();
        assert_eq!(entries, 1, "with scope {scope}");
    }
}

#[test]
fn settings_that_a_box_leaves_neither_hold_up_nor_show_anything() {
    let home = Home::new();
    home.write(home.home().join(".ssh/key"), CANARY);
    home.start("work", "sleep 1000");
    home.inside("work", "mkfifo coop.toml").ok();
    // Read as a file is, it would never end: then `Ran` says so.
    home.coop(&["-d", "-n", "other", "--", "sleep", "1000"]);
    for target in [".ssh/key", ".ssh"] {
        home.inside("work", &format!("rm -f coop.toml; ln -s ~/{target} coop.toml")).ok();
        let ran = home.coop(&["-v", "-d", "-n", "third", "--", "sleep", "1000"]);
        assert!(!(ran.out.clone() + &ran.err).contains(CANARY), "{ran:?}");
    }
}

#[test]
fn a_workspace_that_a_project_names_shows_nothing_above_it() {
    let home = Home::new();
    let secret = home.write("outside/secret", CANARY);
    Ran::of(home.program("cat").arg("../outside/secret")).ok();
    // CVE-2024-21626: the directory to work in is a descriptor that somebody has open.
    for path in ["..", "./../outside", "/", "/proc/self/cwd/..", "/proc/self/fd/9/outside"] {
        home.put("coop.toml", format!("[workspace]\npath = \"{path}\"\n").as_bytes());
        let script = format!("exec 9< {}; exec {} -d -n work -- sleep 1000", home.root().display(), binary().display());
        let ran = Ran::of(home.program("sh").args(["-c", &script]));
        let seen = home.inside("work", &format!("cat {0} ../outside/secret /workspace/secret", secret.display())).out;
        assert!(!seen.contains(CANARY), "{path}: {ran:?}: {seen}");
        assert_ne!(ran.code, 0, "nobody was asked for {path}");
    }
}

#[test]
fn a_git_file_that_a_box_leaves_leads_nowhere() {
    let home = Home::new();
    let secret = home.write(home.home().join(".ssh/key"), CANARY);
    home.start("work", "sleep 1000");
    let (ssh, root) = (home.home().join(".ssh"), home.root().display().to_string());
    for change in [
        format!("printf 'gitdir: {}\\n' > .git", ssh.display()),
        "printf 'gitdir: ../home/.ssh\\n' > .git".to_owned(),
        format!("ln -s {} .git", ssh.display()),
        format!("mkdir .git; printf '{}\\n' > .git/commondir; echo 'ref: refs/heads/main' > .git/HEAD", ssh.display()),
        format!(
            "mkdir own; printf '{root}/work/.git\\n' > own/gitdir; echo {} > own/commondir; \
                 printf 'gitdir: {root}/work/own\\n' > .git",
            ssh.display()
        ),
        "mkfifo .git".to_owned(),
    ] {
        home.inside("work", &format!("rm -rf .git own; {change}")).ok();
        home.coop(&["-d", "-n", "next", "--", "sleep", "1000"]);
        let seen = home.inside("next", &format!("cat {} {}/key", secret.display(), ssh.display())).out;
        assert!(!seen.contains(CANARY), "{change}: {seen}");
        home.coop(&["kill", "next", "-f"]);
    }
}

#[test]
fn what_a_box_does_to_its_devices_leads_no_terminal_out() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    // CVE-2025-31133, CVE-2025-52565: what is mounted or opened by these names later would be what they lead to.
    let changes = "for name in null zero tty ptmx pts console stdin fd shm; do \
                   rm -rf /dev/$name; mv /dev/$name /dev/$name.old; ln -sfn /proc/1/root/etc /dev/$name; done; \
                   ln -sfn /proc/sys/kernel/core_pattern /dev/console; true";
    home.inside("work", &format!("({changes}) 2>&-")).ok();
    for _ in 0..3 {
        let out = home.inside("work", "tty; cat /etc/shadow /proc/kallsyms 2>&-; readlink /proc/self/fd/0").ok().out;
        let lines: Vec<_> = out.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("/dev/pts/") && lines[0] == lines[1], "{out}");
    }
    let mounts = home.inside("work", "cut -d' ' -f5 /proc/self/mountinfo").ok().out;
    for wanted in ["/dev/pts", "/dev/null", "/proc/kallsyms"] {
        assert!(mounts.lines().any(|line| line == wanted), "{wanted} is no mount any more:\n{mounts}");
    }
}
