//! Real full-screen programs, attached to, resized, left and found again.

use crate::attaching::DETACH;
use crate::home::Home;
use crate::home::binary;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use std::fs;

/// vim, or what of it there is.
const VIM: &str = "vim=$(command -v vim || command -v vim.tiny); exec $vim -u NONE -N -i NONE";

#[test]
fn an_editor_works_attached() {
    let home = Home::new();
    let mut terminal = home.terminal(&["--", "sh", "-c", &format!("{VIM} note.txt")]);
    terminal.wait_for("the editor", LIMIT, |screen| screen.lines().filter(|line| *line == "~").count() > 15);
    assert!(terminal.ask(vt100::Screen::alternate_screen));
    terminal.type_keys("ihello from vim\x1b");
    terminal.wait_for_text("hello from vim", LIMIT);
    terminal.type_keys(":wq\r");
    assert_eq!(terminal.exit_code(LIMIT), 0);
    assert_eq!(fs::read_to_string(home.workspace().join("note.txt")).unwrap(), "hello from vim\n");
    terminal.wait_for("the main screen", LIMIT, |_| !terminal.ask(vt100::Screen::alternate_screen));
}

#[test]
fn an_editor_is_found_again_as_it_was_left() {
    let home = Home::new();
    let mut first = home.terminal(&["--", "sh", "-c", &format!("{VIM} note.txt")]);
    first.wait_for("the editor", LIMIT, |screen| screen.lines().filter(|line| *line == "~").count() > 15);
    first.type_keys("ione line\x1b");
    first.wait_for_text("one line", LIMIT);
    first.type_keys(DETACH);
    assert_eq!(first.exit_code(LIMIT), 0);
    let second = home.terminal(&[]);
    second.wait_for_text("one line", LIMIT);
    assert!(second.ask(vt100::Screen::alternate_screen));
    second.type_keys("oand another\x1b");
    second.wait_for_text("and another", LIMIT);
}

#[test]
fn a_resize_reaches_the_program() {
    let home = Home::new();
    let script = "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done";
    let terminal = home.terminal(&["--", "sh", "-c", script]);
    terminal.wait_for_text("24 80", LIMIT);
    terminal.resize(40, 100);
    terminal.wait_for_text("40 100", LIMIT);
    terminal.resize(10, 33);
    terminal.wait_for_text("10 33", LIMIT);
}

#[test]
fn an_editor_fills_a_resized_terminal() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh", "-c", &format!("{VIM} note.txt")]);
    terminal.wait_for("the editor", LIMIT, |screen| screen.lines().filter(|line| *line == "~").count() > 15);
    terminal.resize(50, 120);
    terminal.wait_for("more lines", LIMIT, |screen| {
        // Vim looks for a new size between two waits for keys: one that comes as it begins to wait is seen at the next key.
        terminal.type_keys("\x0c");
        screen.lines().filter(|line| *line == "~").count() > 40
    });
}

#[test]
fn a_viewer_does_not_change_the_size() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh"]);
    terminal.type_keys("stty size\r");
    terminal.wait_for_text("24 80", LIMIT);
    let viewer = home.terminal(&["attach", "--view"]);
    home.wait_for_clients("work", 1, 1);
    viewer.resize(10, 30);
    terminal.type_keys("clear; stty size; echo b$((40+2))\r");
    terminal.wait_for_text("b42", LIMIT);
    assert!(terminal.screen().contains("24 80"), "{}", terminal.screen());
}

#[test]
fn a_pager_and_a_monitor_work() {
    let home = Home::new();
    let mut less = home.terminal(&["-n", "less", "--", "sh", "-c", "seq 1 1000 > n; less n"]);
    less.wait_for("the first page", LIMIT, |screen| screen.starts_with("1\n2\n"));
    less.type_keys("G");
    less.wait_for_text("\n1000\n", LIMIT);
    less.type_keys("q");
    assert_eq!(less.exit_code(LIMIT), 0);
    let mut top = home.terminal(&["-n", "top", "--", "top"]);
    top.wait_for_text("PID", LIMIT);
    top.type_keys("q");
    assert_eq!(top.exit_code(LIMIT), 0);
}

#[test]
fn coop_works_inside_tmux() {
    let home = Home::new();
    let server = home.root().join("tmux.sock");
    let server = server.to_str().unwrap();
    let coop = format!("{} -- sh", binary().display());
    let tmux = Terminal::run(home.on_terminal("tmux", &["-S", server, "-f", "/dev/null", "new-session", &coop]));
    home_prompt(&tmux);
    tmux.type_keys("echo a$((40+2)); echo tmux=$TMUX.\r");
    tmux.wait_for_text("a42", LIMIT);
    tmux.wait_for_text("tmux=.", LIMIT);
    tmux.type_keys(DETACH);
    wait_until("detached", LIMIT, || (home.row("work").unwrap()["clients"]["local"] == 0).then_some(()));
    assert_eq!(home.state("work"), "running");
    // The session was tmux's only one: its server ends with it.
    drop(tmux);
}

fn home_prompt(terminal: &Terminal) {
    terminal.wait_for("a prompt", LIMIT, |screen| screen.lines().any(|line| ["$", "#"].contains(&line)));
}
