//! Names: what is let in, and whose session a name is.

use crate::home::Home;
use std::fs;

/// What lies in COOP_HOME/sessions.
fn directories(home: &Home) -> Vec<String> {
    let Ok(entries) = fs::read_dir(home.coop_home().join("sessions")) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_name_that_is_none_creates_nothing() {
    let home = Home::new();
    let long = "a".repeat(64);
    for bad in ["../../x", "..", ".", "", "a/b", "A", "-a", "_a", "a b", "a\nb", "a\x1b[2J", "a\x7f", "ä", &long] {
        let argument = format!("--name={bad}");
        let ran = home.coop(&["-d", &argument, "--", "true"]).fails_with(2);
        assert!(!ran.err.is_empty(), "{bad:?}");
        assert!(!ran.err.contains('\x1b'), "a control character came back: {:?}", ran.err);
    }
    assert_eq!(directories(&home), [""; 0]);
    assert!(!home.root().join("x").exists());
    assert_eq!(home.rows().len(), 0);
}

#[test]
fn a_name_that_is_none_removes_nothing() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let decoy = home.coop_home().join("sessions/../decoy");
    fs::create_dir_all(&decoy).unwrap();
    for verb in ["kill", "attach", "shell", "restart"] {
        for bad in ["../decoy", "", "a\x1bb", &"a".repeat(64)] {
            let code = home.coop(&[verb, "--", bad]).code;
            assert!(code == 2 || code == 3, "{verb} {bad:?} gave {code}");
        }
    }
    assert!(decoy.exists());
    assert_eq!(home.state("work"), "running");
}

#[test]
fn the_longest_and_the_oddest_names_work() {
    let home = Home::new();
    let long = "a".repeat(63);
    for good in ["0", "a.b_c-d", &long] {
        home.coop(&["-d", "-n", good, "--", "sleep", "1000"]).ok();
        assert_eq!(home.inside(good, "hostname").ok().out.trim(), good);
    }
    assert_eq!(home.rows().len(), 3);
}

#[test]
fn a_basename_becomes_a_name() {
    let home = Home::new();
    for (basename, name) in [("My Project (2)", "my-project-2"), ("Über", "ber"), ("日本", "session")] {
        let dir = home.directory(basename);
        home.coop_in(&dir, &["-d", "--", "sleep", "1000"]).ok();
        let row = home.row(name).unwrap_or_else(|| panic!("{name}: {:?}", home.rows()));
        assert_eq!(row["workspace"], dir.to_str().unwrap());
    }
}

#[test]
fn two_workspaces_of_one_name_have_two_sessions() {
    let home = Home::new();
    let (one, two) = (home.directory("a/same"), home.directory("b/same"));
    for dir in [&one, &two, &one, &two] {
        home.coop_in(dir, &["-d"]).ok();
    }
    let rows = home.rows();
    assert_eq!(rows.len(), 2, "{rows:?}");
    let of = |name: &str| home.row(name).unwrap()["workspace"].as_str().unwrap().to_owned();
    assert_eq!((of("same"), of("same-2")), (one.to_str().unwrap().to_owned(), two.to_str().unwrap().to_owned()));
    assert!(home.coop_in(&two, &["kill"]).ok().err.len() < 1000);
    assert_eq!(home.rows().len(), 1);
    assert_eq!(home.state("same"), "running");
}

#[test]
fn an_existing_name_with_a_command_is_an_error() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home.coop(&["-d", "-n", "work", "--", "true"]).fails_with(2).complains_of(&["work"]);
    assert_eq!(home.row("work").unwrap()["agent"][0], "sh");
}

#[test]
fn several_sessions_of_a_workspace_and_none_named_are_listed() {
    let home = Home::new();
    home.start("one", "sleep 1000");
    home.start("two", "sleep 1000");
    home.coop(&["attach"]).fails_with(2).complains_of(&["one", "two"]);
    home.coop(&["kill"]).fails_with(2);
    assert_eq!(home.rows().len(), 2);
    home.start("work", "sleep 1000");
    home.coop(&["kill"]).ok();
    assert_eq!(
        (home.state("one"), home.state("two"), home.state("work")),
        ("running".into(), "running".into(), "none".into())
    );
}
