//! What must not be seen in the box, or on disk.

use crate::home::Home;
use crate::home::is_root;
use crate::processes;
use crate::ran::Ran;
use std::fs;
use std::path::Path;

const CANARY: &str = "canary-7f3a1c";

#[test]
fn the_environment_is_an_allow_list() {
    let home = Home::new();
    let mut command = home.command(&["-d", "--", "sleep", "1000"]);
    let host =
        [("SECRET_TOKEN", CANARY), ("AWS_SECRET_ACCESS_KEY", CANARY), ("SSH_AUTH_SOCK", CANARY), ("LC_TIME", "C")];
    Ran::of(command.envs(host).env("ANTHROPIC_API_KEY", "key-1").env("TMUX", "x,1,0")).ok();
    let out = home.inside("work", "env").ok().out;
    assert!(!out.contains(CANARY), "{out}");
    for wanted in [
        "ANTHROPIC_API_KEY=key-1",
        "LC_TIME=C",
        "IS_SANDBOX=1",
        "COOP_SESSION=work",
        "COOP_CREATED=",
        &format!("COOP_WORKSPACE={}", home.workspace().display()),
        &format!("HOME={}", home.home().display()),
    ] {
        assert!(out.contains(wanted), "no {wanted} in\n{out}");
    }
    for unwanted in ["COOP_HOME", "COOP_SOCKET", "TMUX", "SSH_AUTH_SOCK"] {
        assert!(!out.contains(&format!("{unwanted}=")), "{out}");
    }
}

#[test]
fn a_key_is_named_and_its_value_never_written() {
    let home = Home::new();
    let mut command = home.command(&["-v", "-d", "--", "sh", "-c", "sleep 1000"]);
    let ran = Ran::of(command.env("ANTHROPIC_API_KEY", CANARY)).ok();
    assert!(ran.err.contains("ANTHROPIC_API_KEY"), "{}", ran.err);
    assert!(!(ran.out + &ran.err).contains(CANARY));
    home.inside("work", "test -n \"$ANTHROPIC_API_KEY\"").ok();
    processes::send(home.daemon(), nix::sys::signal::Signal::SIGKILL);
    home.coop(&["restart"]).ok();
    let (init, daemon, guard) = (home.init("work"), home.daemon(), home.guard());
    assert_eq!(files_with(home.home(), CANARY.as_bytes()), Vec::<String>::new());
    for pid in [init, daemon, guard] {
        for file in ["environ", "cmdline"] {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
            assert!(!processes::contains(&bytes, CANARY.as_bytes()), "in {file} of {pid}");
        }
    }
    home.inside("work", "test -n \"$ANTHROPIC_API_KEY\"").ok();
}

#[test]
fn what_is_typed_and_shown_is_never_logged() {
    let home = Home::new();
    let terminal = home.terminal(&["-v", "--", "sh"]);
    terminal.type_keys(&format!("echo {CANARY}\r"));
    terminal.wait_for("it is shown", crate::wait::LIMIT, |screen| screen.matches(CANARY).count() > 1);
    home.coop(&["restart"]).ok();
    assert_eq!(files_with(home.coop_home(), CANARY.as_bytes()), Vec::<String>::new());
}

/// Files below `dir` that hold `wanted`.
fn files_with(dir: &Path, wanted: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().filter_map(Result::ok) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files_with(&entry.path(), wanted));
        } else if kind.is_file() && fs::read(entry.path()).is_ok_and(|bytes| processes::contains(&bytes, wanted)) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn the_hosts_homes_and_files_are_not_there() {
    let home = Home::new();
    let outside = home.write("outside/file", CANARY);
    let secrets =
        [".ssh/id_ed25519", ".aws/credentials", ".netrc", ".config/gh/hosts.yml", ".coop-canary", "Documents/x"];
    for secret in secrets {
        home.write(home.home().join(secret), CANARY);
    }
    home.start("work", "sleep 1000");
    for secret in secrets {
        let path = home.home().join(secret);
        assert!(fs::read_to_string(&path).unwrap().contains(CANARY), "the attack works outside");
        let ran = home.inside("work", &format!("cat '{}'", path.display()));
        assert!(ran.code != 0 && !ran.out.contains(CANARY), "{secret}: {}", ran.out);
    }
    let ran = home.inside("work", &format!("cat '{}'", outside.display()));
    assert!(ran.code != 0 && !ran.out.contains(CANARY), "{}", ran.out);
    let seen =
        home.inside("work", "grep -rl canary-7f3a1c /home /root /tmp /run /var /mnt /srv /media 2>/dev/null").out;
    assert_eq!(seen.trim(), "");
}

#[test]
fn a_workspace_that_is_the_home_hides_credentials_and_coops_state() {
    let home = Home::new();
    home.write(home.home().join(".ssh/id_ed25519"), CANARY);
    home.write(home.home().join("project"), "seen");
    let ran = home.coop_in(home.home(), &["-d", "-n", "work", "--", "sleep", "1000"]).ok();
    assert!(ran.err.contains("home"), "a word of warning: {:?}", ran.err);
    assert_eq!(home.inside("work", "cat ~/project /workspace/project").ok().out, "seenseen");
    for path in ["~/.ssh/id_ed25519", "/workspace/.ssh/id_ed25519"] {
        let ran = home.inside("work", &format!("cat {path}"));
        assert!(ran.code != 0 && !ran.out.contains(CANARY), "{path}: {}", ran.out);
    }
    for path in ["~/.coop/sock", "/workspace/.coop/sock", "~/.coop/sessions/work/session.json"] {
        home.inside("work", &format!("test ! -e {path}")).ok();
    }
    assert_ne!(home.inside("work", "umount ~/.ssh || umount /workspace/.ssh").code, 0);
    let ran = home.inside("work", "mv ~/.ssh ~/other; cat ~/other/*");
    assert!(!ran.out.contains(CANARY), "{}", ran.out);
    assert_eq!(fs::read_to_string(home.home().join(".ssh/id_ed25519")).unwrap(), CANARY);
}

#[test]
fn settings_that_are_linked_into_the_workspace_are_hidden_in_it() {
    let home = Home::new();
    let settings = home.write("work/dotfiles/coop.toml", "[env]\nKEY = \"seen\"\n");
    std::fs::create_dir_all(home.home().join(".config/coop")).unwrap();
    std::os::unix::fs::symlink(&settings, home.home().join(".config/coop/default.toml")).unwrap();
    home.start("work", "sleep 1000");
    assert_eq!(home.inside("work", "echo $KEY").ok().out, "seen\n");
    assert_ne!(home.inside("work", "echo x >> dotfiles/coop.toml").code, 0);
    assert_ne!(home.inside("work", "rm -f dotfiles/coop.toml").code, 0);
    assert_eq!(home.inside("work", "cat dotfiles/coop.toml; cat /workspace/dotfiles/coop.toml").out, "");
    assert!(fs::read_to_string(settings).unwrap().contains("KEY"));
}

#[test]
fn secrets_in_etc_are_masked_also_for_root() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    if is_root() {
        assert!(!fs::read("/etc/shadow").unwrap().is_empty(), "the attack works outside");
    }
    for file in ["/etc/shadow", "/etc/gshadow", "/etc/shadow-"] {
        let ran = home.inside("work", &format!("cat {file}"));
        assert!(!ran.out.contains("root:"), "{file}: {}", ran.out);
    }
    home.inside("work", "test -z \"$(cat /etc/ssh/ssh_host_*_key 2>/dev/null)\"").ok();
    home.inside("work", "grep -q root /etc/passwd").ok();
}

#[test]
fn a_symlink_in_the_workspace_is_no_way_for_a_mount_to_leave() {
    let home = Home::new();
    let decoy = home.write("decoy/file", "decoy");
    std::os::unix::fs::symlink(home.root().join("decoy"), home.workspace().join("link")).unwrap();
    std::os::unix::fs::symlink(&decoy, home.workspace().join("target")).unwrap();
    let data = home.write("data/d", "data");
    let mounts = format!(
        "[mounts]\n\"{0}\" = \"{1}/link/new\"\n\"{2}\" = \"{1}/target\"\n",
        home.root().join("data").display(),
        home.workspace().display(),
        data.display()
    );
    home.configure(&mounts);
    let ran = home.coop(&["-d", "--", "sleep", "1000"]);
    // Refused or built somewhere in the box: the host must not notice.
    assert_eq!(fs::read_to_string(&decoy).unwrap(), "decoy", "{ran:?}");
    assert_eq!(fs::read_dir(home.root().join("decoy")).unwrap().count(), 1, "{ran:?}");
}

#[test]
fn mounts_come_along_and_keep_their_word() {
    let home = Home::new();
    home.write("data/d", "data");
    home.configure(&format!(
        "[mounts]\n\"{0}\" = \"/data\"\n\"{0}/d\" = \"/mnt/ro:ro\"\n",
        home.root().join("data").display()
    ));
    home.start("work", "sleep 1000");
    assert_eq!(home.inside("work", "cat /data/d /mnt/ro").ok().out, "datadata");
    home.inside("work", "echo new > /data/new").ok();
    assert_ne!(home.inside("work", "echo new > /mnt/ro").code, 0);
    assert_eq!(fs::read_to_string(home.root().join("data/new")).unwrap(), "new\n");
}

#[test]
fn a_credential_that_is_mounted_by_its_name_is_seen_and_what_a_mount_only_contains_is_not() {
    let home = Home::new();
    for secret in [".ssh/key", ".aws/credentials", ".coop/secret", "plain"] {
        home.write(home.home().join(secret), CANARY);
    }
    fs::set_permissions(home.coop_home(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    home.configure("[mounts]\n\"~/.ssh\" = \"/ssh:ro\"\n\"~\" = \"/h\"\n");
    home.start("work", "sleep 1000");
    assert_eq!(home.inside("work", "cat /ssh/key /h/plain").ok().out, CANARY.repeat(2));
    for hidden in ["/h/.ssh/key", "/h/.aws/credentials", "/h/.coop/secret", "/h/.coop/sock", "~/.ssh/key"] {
        assert_ne!(home.inside("work", &format!("cat {hidden}")).code, 0, "{hidden}");
    }
    home.inside("work", "test ! -e /h/.coop/sessions && test ! -e /h/.config/coop/default.toml").ok();
    assert_ne!(home.inside("work", "mv /h/.ssh /h/other").code, 0);
}

#[test]
fn a_link_to_a_credential_is_no_name_for_it() {
    let home = Home::new();
    home.write(home.home().join(".ssh/key"), CANARY);
    home.directory("data");
    // As a box with this mount could have left it.
    std::os::unix::fs::symlink(home.home().join(".ssh"), home.root().join("data/set")).unwrap();
    home.configure(&format!("[mounts]\n\"{}/data/set\" = \"/set\"\n", home.root().display()));
    home.coop(&["-d"]).fails_with(2).complains_of(&["data/set", ".ssh", "credentials"]);
    home.configure("[mounts]\n\"~/.config/coop\" = \"/settings\"\n");
    home.coop(&["-d"]).fails_with(2).complains_of(&["coop's own"]);
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn a_projects_mount_of_a_credential_needs_trust() {
    let home = Home::new();
    home.write(home.home().join(".ssh/key"), CANARY);
    home.write("work/coop.toml", "[mounts]\n\"~/.ssh\" = \"/ssh:ro\"\n");
    home.coop(&["-d"]).fails_with(1).complains_of(&["read ~/.ssh (as /ssh)"]);
    home.coop(&["trust", "-y"]).ok();
    home.coop(&["-d"]).ok();
    assert_eq!(home.inside("work", "cat /ssh/key").ok().out, CANARY);
}
