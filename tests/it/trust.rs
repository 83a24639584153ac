//! A project's Coopfile is hostile until its owner says otherwise.

use crate::home::Home;
use crate::wait::LIMIT;

const DEMANDING: &str = "[agent]\ncommand = \"sh\"\nargs = [\"-c\", \"sleep 1000\"]\n[mounts]\n\"~/data\" = \"/home-of-host\"\n[env]\nT = \"$HOST_TOKEN\"\n";

/// A project that wants more than its user gives; what it wants is there.
fn demanding() -> Home {
    let home = Home::new();
    home.write("home/data/file", "data");
    home.write("work/coop.toml", DEMANDING);
    home
}

#[test]
fn without_a_terminal_an_untrusted_project_is_an_error_with_the_list() {
    let home = demanding();
    let ran = home.coop(&["-d"]).fails_with(1);
    ran.clone().complains_of(&["coop trust", "/home-of-host", "HOST_TOKEN", "sh"]);
    assert_eq!(home.rows().len(), 0);
    home.coop(&["trust"]).fails_with(1);
    home.coop(&["-d"]).fails_with(1);
}

#[test]
fn what_was_trusted_works_until_it_changes() {
    let home = demanding();
    let out = home.coop(&["trust", "--yes"]).ok();
    assert!((out.out + &out.err).contains("/home-of-host"));
    home.coop(&["-d"]).ok();
    home.coop(&["kill", "-f"]).ok();
    home.write("work/coop.toml", &format!("{DEMANDING}U = \"$OTHER\"\n"));
    home.coop(&["-d"]).fails_with(1).complains_of(&["OTHER"]);
    // The text that was confirmed is still confirmed, but not in another directory.
    home.write("work/coop.toml", DEMANDING);
    home.coop(&["-d"]).ok();
    home.write("clone/coop.toml", DEMANDING);
    home.coop_in(&home.directory("clone"), &["-d"]).fails_with(1);
}

#[test]
fn on_a_terminal_the_question_is_asked() {
    let home = demanding();
    let mut no = home.terminal(&["-d"]);
    no.wait_for_text("/home-of-host", LIMIT);
    no.type_keys("n\r");
    assert_eq!(no.exit_code(LIMIT), 1);
    assert_eq!(home.rows().len(), 0);
    let mut enter = home.terminal(&["-d"]);
    enter.wait_for_text("/home-of-host", LIMIT);
    enter.type_keys("\r");
    assert_eq!(enter.exit_code(LIMIT), 1, "no answer is no");
    let mut yes = home.terminal(&["-d"]);
    yes.wait_for_text("/home-of-host", LIMIT);
    yes.type_keys("y\r");
    assert_eq!(yes.exit_code(LIMIT), 0, "{}", yes.screen());
    assert_eq!(home.rows().len(), 1);
}

#[test]
fn a_project_that_asks_for_nothing_is_not_asked_about() {
    let home = Home::new();
    home.write("work/coop.toml", "[session]\nrestart_delay_ms = 5\n[network]\nmode = \"none\"\n");
    home.coop(&["-d", "--", "sleep", "1000"]).ok();
}

#[test]
fn an_agent_cannot_trust_for_its_user() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    home.inside("work", "mkdir -p ~/.coop/trusted && touch ~/.coop/trusted/x; true").ok();
    let text = DEMANDING.replace('"', "\\\"").replace('\n', "\\n").replace('$', "\\$");
    home.inside("work", &format!("printf \"{text}\" > /workspace/coop.toml")).ok();
    home.coop(&["kill", "-f"]).ok();
    assert!(!home.coop_home().join("trusted/x").exists());
    home.coop(&["-d"]).fails_with(1).complains_of(&["coop trust"]);
}

#[test]
fn a_hostile_list_cannot_move_the_cursor() {
    let home = Home::new();
    home.write("work/coop.toml", "[mounts]\n\"~/\" = \"/x\\u001b[2J\\u001b[H\"\n");
    let ran = home.coop(&["-d"]);
    assert_ne!(ran.code, 0);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
}
