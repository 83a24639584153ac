//! Prompts and scripts are given as words of a command line, and are long.

use crate::home::Home;
use crate::wait::LIMIT;
use crate::wait::wait_until;

/// Longer than a message between daemon and init, shorter than what the kernel takes as one word (128 KiB).
const WORD_BYTES: usize = 100 << 10;

#[test]
fn a_session_with_a_long_command_line_outlives_its_daemon_and_starts_again() {
    let home = Home::new();
    let prompt = "p".repeat(WORD_BYTES);
    let script = "echo ${#1} ${#2} >> starts; sleep 1000";
    home.coop(&["-d", "-n", "work", "--", "sh", "-c", script, "agent", &prompt, &prompt]).ok();
    let starts = || std::fs::read_to_string(home.workspace().join("starts")).unwrap_or_default();
    let line = format!("{WORD_BYTES} {WORD_BYTES}\n");
    wait_until("the agent's start", LIMIT, || (starts() == line).then_some(()));
    home.coop(&["shutdown"]).ok();
    let row = home.wait_for_state("work", "running");
    assert_eq!(row["silent"], false);
    home.coop(&["restart"]).ok();
    wait_until("another start", LIMIT, || (starts() == line.repeat(2)).then_some(()));
}

#[test]
fn a_long_script_runs_in_a_shell_and_is_listed_by_its_beginning() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    let comment = "#".repeat(WORD_BYTES);
    assert_eq!(home.inside("work", &format!("echo done {comment}")).ok().out, "done\n");
    let shell = home.terminal(&["shell", "-c", &format!("echo there; read x {comment}")]);
    shell.wait_for_text("there", LIMIT);
    home.coop(&["shutdown"]).ok();
    let row = home.wait_for_state("work", "running");
    let command = row["ptys"][1]["command"][2].as_str().unwrap();
    assert!(command.starts_with("echo there") && command.ends_with('…') && command.len() < 5000, "{}", command.len());
}

#[test]
fn many_sessions_with_long_command_lines_are_listed_and_one_that_is_too_long_is_refused() {
    let home = Home::new();
    let prompt = "p".repeat(WORD_BYTES);
    for n in 0..6 {
        home.coop(&["-d", "-n", &format!("s{n}"), "--", "sh", "-c", "sleep 1000", &prompt, &prompt]).ok();
    }
    assert_eq!(home.rows().len(), 6);
    let too_long = ["-d", "-n", "work", "--", "true", &prompt, &prompt, &prompt];
    home.coop(&too_long).fails_with(2).complains_of(&["262144"]);
    assert_eq!(home.rows().len(), 6);
}
