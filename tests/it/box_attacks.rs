//! Attacks from inside. Each is run once outside too, harmlessly, to show that it bites there.

use crate::home::Home;
use crate::home::is_root;
use crate::ran::Ran;
use std::fs;
use std::fs::OpenOptions;

fn boxed() -> Home {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home
}

/// What must fail inside; `sh` says so by its code.
#[track_caller]
fn fails_inside(home: &Home, script: &str) {
    let ran = home.inside("work", script);
    assert_ne!(ran.code, 0, "it worked: {script}\n{}", ran.out);
}

/// Files of the kernel that change the whole machine. They are opened for writing, and nothing is written.
const KERNEL_FILES: [&str; 4] =
    ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/proc/sys/kernel/hostname"];

#[test]
fn the_kernels_files_cannot_be_opened_for_writing() {
    let home = boxed();
    for file in KERNEL_FILES {
        if is_root() {
            let opened = OpenOptions::new().write(true).open(file);
            eprintln!("outside: {file}: {:?}", opened.map(|_| "opens"));
        }
        // The redirection opens; the command of it writes nothing.
        fails_inside(&home, &format!(": >> {file}"));
        fails_inside(&home, &format!("test -w {file}"));
    }
    fails_inside(&home, "find /proc/sys /sys -type f -writable 2>/dev/null | grep -v '^/proc/sys/fs/binfmt' | grep .");
    let uevent = "/sys/kernel/uevent_helper";
    if fs::metadata(uevent).is_ok() {
        fails_inside(&home, &format!(": >> {uevent}"));
    }
}

#[test]
fn the_init_cannot_be_traced_read_or_killed() {
    let home = boxed();
    let init = home.init("work");
    assert!(fs::read(format!("/proc/{init}/environ")).is_ok(), "outside its owner can read it");
    for script in [
        "cat /proc/1/environ",
        "cat /proc/1/cmdline | grep .",
        "cat /proc/1/maps",
        "ls /proc/1/fd/",
        "ls /proc/1/root/",
        "ls /proc/1/cwd/",
        "readlink /proc/1/exe",
        ": >> /proc/1/exe",
        ": >> /proc/1/mem",
        ": >> /proc/1/oom_score_adj",
        "timeout 5 strace -p 1 -o /dev/null -e trace=none; test $? -eq 124",
        "nsenter -t 1 -m true",
        "nsenter -t 1 -U true",
    ] {
        if !script.contains("strace") || fs::metadata("/usr/bin/strace").is_ok() {
            fails_inside(&home, script);
        }
    }
    for signal in ["KILL", "STOP", "TERM", "HUP", "SEGV"] {
        home.inside("work", &format!("kill -{signal} 1"));
        assert_eq!(home.init("work"), init, "SIG{signal} reached the init");
    }
    assert_eq!(home.state("work"), "running");
    home.inside("work", "true").ok();
}

#[test]
fn kill_of_all_from_inside_ends_the_box_at_most() {
    let home = boxed();
    home.start("other", "sleep 1000");
    let (init, other) = (home.init("work"), home.init("other"));
    home.inside("work", "kill -9 -1");
    assert!(crate::processes::is_alive(init) && crate::processes::is_alive(other));
    assert_eq!(home.state("other"), "running");
    home.coop(&["-d", "-n", "other"]).ok();
}

#[test]
fn mounts_can_neither_be_removed_nor_changed() {
    let home = boxed();
    let workspace = home.workspace().display().to_string();
    let mut scripts = vec![
        "umount /etc/shadow".to_owned(),
        "umount -l /proc/sys".to_owned(),
        "umount /workspace".to_owned(),
        "mount -o remount,rw /usr".to_owned(),
        "mount -o remount,rw,bind /proc/sys".to_owned(),
        "mount -t tmpfs none /mnt".to_owned(),
        "mount --bind /usr /mnt".to_owned(),
        "chroot / true".to_owned(),
        "mknod /tmp/null c 1 3".to_owned(),
        "hostname other".to_owned(),
        "touch /usr/x".to_owned(),
        "touch /etc/x".to_owned(),
    ];
    // A fresh user namespace gives capabilities over its own copies only.
    for nested in [
        "umount -l /etc/shadow",
        "umount -l /proc/sys",
        "mount -o remount,rw,bind /usr",
        "mount -o remount,rw,bind /proc/sys",
    ] {
        scripts.push(format!("unshare -Urm {nested}"));
    }
    scripts.push(format!("unshare -Urm umount -l {workspace}"));
    for script in scripts {
        fails_inside(&home, &script);
    }
    if is_root() {
        // Outside, as root and in a mount namespace of their own, these do work.
        let script = "mount -t tmpfs none /mnt && umount /mnt";
        Ran::of(home.program("unshare").args(["-m", "sh", "-c", script])).ok();
    }
}

#[test]
fn no_further_user_namespace_can_be_made() {
    let home = boxed();
    for script in ["unshare -U true", "unshare -UC true", "echo 9 > /proc/sys/user/max_user_namespaces"] {
        fails_inside(&home, script);
    }
    Ran::of(home.program("unshare").args(["-UC", "true"])).ok();
}

#[test]
fn a_daemon_whose_socket_lies_in_the_workspace_serves_no_box() {
    let home = boxed();
    let other = home.workspace().join("other");
    std::fs::copy(crate::home::binary(), home.workspace().join("coop")).unwrap();
    let elsewhere = home.directory("elsewhere");
    let others = |args: &[&str]| Ran::of(home.command(args).env("COOP_HOME", &other).current_dir(&elsewhere));
    others(&["-d", "--", "sleep", "1000"]).ok();
    let ran = home.inside("work", "unset IS_SANDBOX; COOP_HOME=$PWD/other ./coop ls; echo code $?").ok();
    assert!(!ran.out.contains("running") && ran.out.contains("code 4"), "{}", ran.out);
    assert!(others(&["ls"]).ok().out.contains("running"), "outside it does");
    others(&["kill", "--all"]).ok();
    others(&["shutdown"]).ok();
}

#[test]
fn the_hosts_processes_cannot_be_seen_or_signalled() {
    let home = boxed();
    let mut victim = home.program("sleep").arg("1003").spawn().unwrap();
    let pid = victim.id();
    let inside = home.inside("work", &format!("ps -ef; ls /proc; kill -0 {pid}"));
    assert!(!inside.out.contains("1003"), "{}", inside.out);
    assert_ne!(inside.code, 0, "signal 0 reached process {pid} of the host");
    assert!(Ran::of(home.program("kill").args(["-0", &pid.to_string()])).code == 0, "outside it does");
    victim.kill().unwrap();
    victim.wait().unwrap();
}

#[test]
fn a_box_is_closed_to_other_boxes() {
    let home = boxed();
    let other = home.directory("other");
    fs::write(other.join("file"), "theirs").unwrap();
    home.coop_in(&other, &["-d", "-n", "other", "--", "sleep", "1004"]).ok();
    home.inside("other", "echo theirs > ~/theirs; echo theirs > /tmp/theirs; echo theirs > /dev/shm/theirs").ok();
    let out = home.inside("work", "ps -ef; ls -A ~ /tmp /dev/shm; cat ~/theirs /tmp/theirs /dev/shm/theirs").out;
    assert!(!out.contains("1004") && !out.lines().any(|line| line == "theirs"), "{out}");
    fails_inside(&home, &format!("ls {}", other.display()));
}

#[test]
fn coops_own_state_and_socket_are_out_of_reach() {
    let home = boxed();
    let state = home.coop_home().display().to_string();
    fails_inside(&home, &format!("ls {state}/sock"));
    fails_inside(&home, &format!("ls {state}/sessions"));
    fails_inside(&home, "find / -path /proc -prune -o -name session.json -print 2>/dev/null | grep .");
    assert!(fs::metadata(home.coop_home().join("sock")).is_ok(), "outside it is there");
}

#[test]
fn no_set_uid_program_and_no_device_in_the_workspace_works() {
    let home = boxed();
    assert_ne!(home.inside("work", "cp /usr/bin/id ./id && chmod u+s id").code, 0);
    assert_eq!(home.inside("work", "./id -u && grep NoNewPrivs /proc/self/status").ok().out.lines().count(), 2);
    // Inside and outside options of the mount: what /proc/self/mountinfo says of it.
    let out = home.inside("work", "grep ' /workspace ' /proc/self/mountinfo").ok().out;
    assert!(out.contains("nosuid") && out.contains("nodev"), "{out}");
    if is_root() {
        nix::sys::stat::mknod(
            &home.workspace().join("null"),
            nix::sys::stat::SFlag::S_IFCHR,
            nix::sys::stat::Mode::from_bits_truncate(0o666),
            nix::sys::stat::makedev(1, 3),
        )
        .unwrap();
        assert!(fs::read(home.workspace().join("null")).is_ok(), "outside it opens");
        fails_inside(&home, "cat ./null");
    }
}

#[test]
fn inherited_descriptors_do_not_reach_the_box() {
    let home = Home::new();
    home.write("outside/secret", "secret");
    let script = format!(
        "exec 5<{}; exec 9<>{}; {} -d -- sleep 1000",
        home.root().join("outside/secret").display(),
        home.root().join("outside/other").display(),
        crate::home::binary().display()
    );
    Ran::of(home.program("sh").args(["-c", &script])).ok();
    let init = home.init("work");
    for process in crate::processes::of_box(init) {
        let open: Vec<_> = fs::read_dir(format!("/proc/{}/fd", process.pid))
            .unwrap()
            .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok())
            .filter(|path| path.starts_with(home.root().join("outside")))
            .collect();
        assert!(open.is_empty(), "{process:?} holds {open:?}");
    }
    let out = home.inside("work", "ls -l /proc/$$/fd").ok().out;
    assert!(!out.contains("secret"), "{out}");
}

#[test]
fn a_faked_session_variable_adopts_nobody() {
    let home = boxed();
    let socket = home.coop_home().join("sock").display().to_string();
    // Inside a box anybody can look like an init's environment.
    let fake = format!(
        "COOP_SESSION=fake COOP_SOCKET={socket} COOP_WORKSPACE=/ COOP_CREATED=1 sleep 1005 & echo started; wait"
    );
    let shell = home.terminal(&["shell", "work", "-c", &fake]);
    shell.wait_for_text("started", crate::wait::LIMIT);
    // And outside, as the same user, too.
    let mut outside = home.program("sleep");
    outside.arg("1006").envs([
        ("COOP_SESSION", "fake"),
        ("COOP_SOCKET", &socket),
        ("COOP_WORKSPACE", "/"),
        ("COOP_CREATED", "1"),
    ]);
    let mut outside = outside.spawn().unwrap();
    crate::processes::send(home.daemon(), nix::sys::signal::Signal::SIGKILL);
    let rows = home.rows();
    outside.kill().unwrap();
    outside.wait().unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["name"], "work");
}
