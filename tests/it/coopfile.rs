//! The Coopfile: layers, and errors that say where.

use crate::home::Home;
use crate::ran::Ran;
use std::fs;
use std::path::Path;

#[test]
fn a_wrong_coopfile_is_an_error_with_file_line_and_the_nearest_key() {
    let home = Home::new();
    for (text, words) in [
        ("[agent]\ncomand = \"x\"\n", &["coop.toml", "2", "command"][..]),
        ("\n\n[sesion]\n", &["coop.toml", "3", "session"]),
        ("[session]\n\nrestart_delay_ms = \"soon\"\n", &["coop.toml", "3", "restart_delay_ms"]),
        ("[session]\nauto_restart = \"sometimes\"\n", &["coop.toml", "2", "auto_restart"]),
        ("[network]\nmode = \"hots\"\n", &["coop.toml", "2", "host"]),
        ("[session]\ndetach_key = \"ctrl-c\"\n", &["coop.toml", "2", "detach_key"]),
        ("[env]\nCOOP_SESSION = \"x\"\n", &["coop.toml", "2", "COOP_SESSION"]),
        ("[agent\n", &["coop.toml", "1"]),
        ("env_pass = 7\n", &["coop.toml", "1", "env_pass"]),
    ] {
        home.write("work/coop.toml", text);
        home.coop(&["-d"]).fails_with(2).complains_of(words);
        assert_eq!(home.rows().len(), 0, "{text}");
    }
}

#[test]
fn a_wrong_file_of_the_users_own_is_an_error_too() {
    let home = Home::new();
    home.configure("[agent]\ncomand = \"x\"\n");
    home.coop(&["-d"]).fails_with(2).complains_of(&["default.toml", "2", "command"]);
    let other = home.write("other.toml", "nonsense = 1\n");
    home.coop(&["--config", other.to_str().unwrap(), "-d"]).fails_with(2).complains_of(&[
        "other.toml",
        "1",
        "nonsense",
    ]);
    home.coop(&["--config", "/no/such/file", "-d"])
        .fails_with(2)
        .complains_of(&["coop: /no/such/file: no such file", "hint: "]);
}

#[test]
fn a_project_goes_over_the_user_and_the_command_line_over_both() {
    let home = Home::new();
    home.configure("[env]\nA = \"user\"\nB = \"user\"\n[agent]\ncommand = \"sleep\"\nargs = [\"1000\"]\n");
    home.write("work/coop.toml", "[env]\nB = \"project\"\nC = \"project\"\n");
    let ran = home.coop(&["-d"]);
    if ran.code != 0 {
        home.coop(&["trust", "--yes"]).ok();
        home.coop(&["-d"]).ok();
    }
    assert_eq!(home.inside("work", "echo $A $B $C").ok().out.trim(), "user project project");
    assert_eq!(home.row("work").unwrap()["agent"], serde_json::json!(["sleep", "1000"]));
    home.coop(&["-d", "-n", "other", "--", "sh", "-c", "sleep 1000"]).ok();
    assert_eq!(home.row("other").unwrap()["agent"][0], "sh");
}

#[test]
fn a_variable_of_the_host_is_taken_and_a_missing_one_warned_about() {
    let home = Home::new();
    home.configure("[env]\nTAKEN = \"$FROM_HOST\"\nMISSING = \"$NOT_THERE\"\nDOLLAR = \"$$x\"\n");
    let mut command = home.command(&["-d", "--", "sleep", "1000"]);
    let ran = Ran::of(command.env("FROM_HOST", "of the host")).ok();
    ran.complains_of(&["NOT_THERE"]);
    let out = home.inside("work", "echo $TAKEN/$DOLLAR/${MISSING-unset}").ok().out;
    assert_eq!(out.trim(), "of the host/$x/unset");
}

#[test]
fn env_pass_replaces_the_list_of_keys() {
    let home = Home::new();
    home.configure("env_pass = [\"MY_KEY\"]\n");
    let mut command = home.command(&["-d", "--", "sleep", "1000"]);
    Ran::of(command.env("MY_KEY", "mine").env("OPENAI_API_KEY", "theirs")).ok().complains_of(&["MY_KEY"]);
    assert_eq!(home.inside("work", "echo ${MY_KEY-unset} ${OPENAI_API_KEY-unset}").ok().out.trim(), "mine unset");
}

#[test]
fn the_workspace_can_be_shown_elsewhere_and_be_a_part_of_the_project() {
    let home = Home::new();
    home.write("work/inner/file", "inner");
    home.write("work/coop.toml", "[workspace]\nmount = \"/src\"\npath = \"inner\"\n");
    let ran = home.coop(&["-d", "--", "sleep", "1000"]);
    if ran.code != 0 {
        home.coop(&["trust", "--yes"]).ok();
        home.coop(&["-d", "--", "sleep", "1000"]).ok();
    }
    let name = home.rows()[0]["name"].as_str().unwrap().to_owned();
    assert_eq!(home.inside(&name, "cat /src/file").ok().out, "inner");
    assert_ne!(home.inside(&name, "cat ../coop.toml").code, 0);
}

#[test]
fn the_shell_of_coop_shell_is_a_setting() {
    let home = Home::new();
    home.configure("[session]\nshell = \"/bin/bash\"\n");
    home.start("work", "sleep 1000");
    assert!(home.inside("work", "echo $BASH_VERSION").ok().out.trim().len() > 3);
}

#[test]
fn the_example_is_accepted_as_it_is_and_with_every_line_in_force() {
    let home = Home::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("coop.toml.example");
    let Ok(text) = fs::read_to_string(&example) else {
        return crate::home::skip("the source is not here");
    };
    home.write("work/coop.toml", &text);
    home.coop(&["-d", "--", "sleep", "1000"]).ok();
    home.coop(&["kill", "-f"]).ok();
    let commented = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])).map(str::to_owned);
    let in_force: Vec<String> = text.lines().map(|line| commented(line).unwrap_or_else(|| line.to_owned())).collect();
    fs::create_dir_all(home.home().join("datasets")).unwrap();
    home.write("work/coop.toml", &in_force.join("\n"));
    let keys = in_force.iter().filter(|line| line.contains(" = ") && !line.starts_with('#')).count();
    assert!(keys >= 13, "the example documents {keys} keys");
    home.coop(&["trust", "--yes"]).ok();
    let mut command = home.command(&["-d", "--", "sleep", "1000"]);
    Ran::of(command.env("PROJECT_GH_TOKEN", "t")).ok();
    home.inside("work", "test -d /data && test \"$GH_TOKEN\" = t && test \"$RUST_BACKTRACE\" = 1").ok();
}

#[test]
fn the_session_of_a_workspace_that_the_project_names_is_found_from_the_project() {
    let home = Home::new();
    home.directory("work/sub");
    home.write("work/coop.toml", "[workspace]\npath = \"sub\"\n");
    home.coop(&["-d"]).ok();
    assert_eq!(home.row("sub").unwrap()["workspace"], home.workspace().join("sub").to_str().unwrap());
    assert_eq!(home.coop(&["-d"]).ok().out, "sub\n");
    assert_eq!(home.rows().len(), 1);
    home.coop(&["shell", "-c", "true"]).ok();
    home.coop(&["restart"]).ok();
    home.coop(&["kill", "-f"]).ok();
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn a_project_that_is_not_trusted_does_not_make_kill_mean_the_session_of_another() {
    let home = Home::new();
    let other = home.directory("other");
    home.coop_in(&other, &["-d", "--", "sleep", "1000"]).ok();
    home.write("work/coop.toml", "[workspace]\npath = \"../other\"\n");
    home.coop(&["kill", "-f"]).fails_with(3);
    assert_eq!(home.state("other"), "running");
    home.coop(&["trust", "-y"]).ok();
    home.coop(&["kill", "-f"]).ok();
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn a_faulty_coopfile_is_there_and_faulty() {
    let home = Home::new();
    let file = home.write("work/coop.toml", "[agent]\ncomand = \"x\"\n");
    let out = home.coop(&["status"]).ok().out;
    let line = out.lines().find(|line| line.starts_with("Coopfile")).unwrap();
    assert!(line.contains("coop.toml") && line.ends_with("faulty"), "{out}");
    let shown: serde_json::Value = serde_json::from_str(&home.coop(&["status", "--json"]).ok().out).unwrap();
    assert_eq!(shown["coopfile"]["path"], file.to_str().unwrap());
    assert!(shown["coopfile"]["trusted"].is_null() && shown["problem"].as_str().unwrap().contains("comand"));
}

#[test]
fn all_faults_of_a_list_are_told_at_once() {
    let home = Home::new();
    home.write("work/coop.toml", "env_pass = [\"1A\", \"OK\", \"B C\", 7]\n");
    let ran = home.coop(&["-d"]).fails_with(2).complains_of(&["1A", "B C", "a string, not a number"]);
    assert_eq!(ran.err.matches("coop.toml:1:").count(), 3, "{}", ran.err);
}

#[test]
fn a_link_that_leads_nowhere_is_no_missing_coopfile() {
    let home = Home::new();
    std::os::unix::fs::symlink("nowhere", home.workspace().join("coop.toml")).unwrap();
    home.coop(&["-d"]).fails_with(2).complains_of(&["coop.toml", "leads nowhere"]);
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn a_program_that_cannot_be_run_is_said_plainly() {
    let home = Home::new();
    home.write("work/script", "#!/bin/sh\n");
    for (program, said) in [
        ("nonexistentcmd", "coop: nonexistentcmd is not in the box"),
        ("./nothing", "coop: ./nothing is not in the box"),
        ("./script", "coop: ./script is there, but it is not executable\nhint: `chmod +x ./script`"),
        ("/workspace/script", "coop: /workspace/script is there, but it is not executable"),
        ("/usr", "coop: /usr is there, but it is a directory"),
    ] {
        let ran = home.coop(&["-d", "--", program]).fails_with(2).complains_of(&[said]);
        assert!(!ran.err.contains("--:"), "{}", ran.err);
    }
}
