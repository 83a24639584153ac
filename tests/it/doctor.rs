//! `coop doctor`: what it finds, and that it leaves nothing behind.

use crate::home::Home;
use crate::home::is_root;
use serde_json::Value;
use std::fs;

#[test]
fn the_doctor_attacks_a_box_of_its_own_and_finds_that_it_holds() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let temporary = home.directory("temporary");
    let doctor = home.command(&["doctor", "--json"]).env("TMPDIR", &temporary).output().unwrap();
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
    let found: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let attacks = found["attacks"].as_array().unwrap();
    let of = |verdict: &str| attacks.iter().filter(|attack| attack["result"] == verdict).collect::<Vec<_>>();
    assert!(of("not-held").is_empty(), "{:?}", of("not-held"));
    assert!(of("held").len() > 60, "{attacks:?}");
    assert_eq!(found["held"], true);
    // What it cannot be without works, wherever these tests run.
    let works = |name: &str| {
        let feature = found["features"].as_array().unwrap().iter().find(|feature| feature["name"] == name);
        feature.unwrap_or_else(|| panic!("{name} is not among {found}"))["works"] == true
    };
    assert!(works("user namespaces") && works("seccomp") && works("sealed program"), "{found}");
    // Nothing of it is the user's.
    assert_eq!(home.rows().len(), 1);
    assert_eq!(home.state("work"), "running");
    assert_eq!(fs::read_dir(temporary).unwrap().count(), 0);
}

#[test]
fn what_the_doctor_says_fits_a_terminal() {
    let home = Home::new();
    let out = home.coop(&["doctor"]).ok().out;
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert!(out.contains("The box holds: "), "{out}");
    for line in ["yes  user namespaces", "yes  seccomp", "held      trace the init", "held      outlive the session"] {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
    assert_eq!(out.contains("ids of their own"), is_root());
}

#[test]
fn the_doctors_attacks_are_made_nowhere_but_in_its_box() {
    let home = Home::new();
    home.coop(&["__attack", "{}"]).fails_with(2);
    home.start("work", "sleep 1000");
    let planted = r#"{"secret":"/x","pid":1,"started":1,"abstract_socket":"x","variable":"X","coop_home":"/x","sockets":[],"absent":[],"pids":8,"memory":1,"disk":1,"scopes":true}"#;
    home.coop(&["__attack", planted]).fails_with(2);
}
