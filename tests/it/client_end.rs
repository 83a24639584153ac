//! However a client ends, the terminal is left exactly as it was.

use crate::attaching::DETACH;
use crate::door::Door;
use crate::home::Home;
use crate::processes;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::sys::signal::Signal;

/// Turns on what a full-screen program turns on, and draws again when asked to.
const FULL_SCREEN: &str = "draw() { printf '\\033[?1049h\\033[?25l\\033[?1002h\\033[?1006h\\033[?2004h\\033[?1h\\033=\\033[3;10r\\033[31mfull screen'; }; \
     stty raw -echo; trap draw WINCH; draw; while :; do sleep 0.05; done";

/// A shell of the user's on the terminal, from which coop is started: what stays of the terminal is the shell's.
fn shell_with_session(home: &Home) -> Terminal {
    home.start("work", FULL_SCREEN);
    let mut command = home.on_terminal("sh", &["-m"]);
    command.env("PS1", "outer> ").env("BIN", crate::home::binary());
    let terminal = Terminal::run(command);
    terminal.wait_for_text("outer>", LIMIT);
    terminal
}

/// Attaches to the session; gives the client's pid.
fn attach(home: &Home, terminal: &Terminal) -> i32 {
    terminal.type_keys("$BIN attach work; echo code=$?\r");
    terminal.wait_for_text("full screen", LIMIT);
    home.wait_for_clients("work", 1, 0);
    assert!(terminal.ask(vt100::Screen::alternate_screen));
    wait_until("the client", LIMIT, || processes::children(terminal.pid()).first().map(|p| p.pid))
}

#[track_caller]
fn is_as_it_was(terminal: &Terminal, before: &nix::sys::termios::Termios) {
    terminal.wait_for("the settings", LIMIT, |_| terminal.settings() == *before);
    let modes = |screen: &vt100::Screen| {
        (
            (screen.alternate_screen(), screen.hide_cursor(), screen.bracketed_paste()),
            (screen.application_cursor(), screen.application_keypad(), screen.mouse_protocol_mode()),
            (screen.mouse_protocol_encoding(), screen.fgcolor()),
        )
    };
    let clean = modes(vt100::Parser::new(24, 80, 0).screen());
    assert_eq!(terminal.ask(modes), clean, "{:?}", terminal.text());
    // And no scrolling region: a cursor that is sent home and then far down comes to the last line.
    terminal.type_keys("printf '\\033[99;1Hbottom\\n\\nlast'; echo\r");
    terminal.wait_for_text("last", LIMIT);
}

#[test]
fn detaching_leaves_the_terminal_as_it_was() {
    let home = Home::new();
    let terminal = shell_with_session(&home);
    let before = terminal.settings();
    attach(&home, &terminal);
    assert_ne!(terminal.settings(), before);
    terminal.type_keys(DETACH);
    terminal.wait_for_text("code=0", LIMIT);
    is_as_it_was(&terminal, &before);
}

#[test]
fn the_programs_end_leaves_the_terminal_as_it_was() {
    let home = Home::new();
    let terminal = shell_with_session(&home);
    let before = terminal.settings();
    attach(&home, &terminal);
    let sleep = processes::of_box(home.init("work")).into_iter().find(|p| p.command.starts_with("sh ")).unwrap();
    processes::send(sleep.pid, Signal::SIGKILL);
    terminal.wait_for_text("code=137", LIMIT);
    is_as_it_was(&terminal, &before);
}

#[test]
fn sigterm_leaves_the_terminal_as_it_was() {
    let home = Home::new();
    let terminal = shell_with_session(&home);
    let before = terminal.settings();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
        let client = attach(&home, &terminal);
        processes::send(client, signal);
        terminal.wait_for_text(&format!("code={}", 128 + signal as i32), LIMIT);
        is_as_it_was(&terminal, &before);
        terminal.type_keys("clear\r");
        terminal.wait_for("a clear screen", LIMIT, |screen| !screen.contains("code="));
        home.wait_for_clients("work", 0, 0);
    }
    assert_eq!(home.state("work"), "running");
}

#[test]
fn a_killed_session_leaves_the_terminal_as_it_was() {
    let home = Home::new();
    let terminal = shell_with_session(&home);
    let before = terminal.settings();
    attach(&home, &terminal);
    home.coop(&["kill", "work", "-f"]).ok();
    terminal.wait_for_text("code=1", LIMIT);
    is_as_it_was(&terminal, &before);
}

#[test]
fn a_shutdown_leaves_the_terminal_as_it_was() {
    let home = Home::new();
    let terminal = shell_with_session(&home);
    let before = terminal.settings();
    attach(&home, &terminal);
    home.coop(&["shutdown"]).ok();
    terminal.wait_for_text("code=0", LIMIT);
    is_as_it_was(&terminal, &before);
}

#[test]
fn a_client_whose_terminal_closes_ends_at_once() {
    let home = Home::new();
    for round in 0..3 {
        let terminal = if round == 0 { home.terminal(&["--", "sh"]) } else { home.terminal(&[]) };
        home.wait_for_clients("work", 1, 0);
        terminal.close();
        home.wait_for_clients("work", 0, 0);
    }
    assert_eq!(home.state("work"), "running");
}

#[test]
fn a_client_in_a_flood_whose_terminal_closes_ends_at_once() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "seq", "1", "100000000000"]);
    terminal.wait_for("the flood", LIMIT, |screen| screen.lines().count() > 20);
    terminal.close();
    home.wait_for_clients("work", 0, 0);
    home.coop(&["kill", "-f"]).ok();
}

#[test]
fn a_client_that_dies_before_it_is_answered_stays_attached_nowhere() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    for _ in 0..20 {
        Door::open(&home).ask_to_attach("work");
    }
    // Those before it have been dealt with, for one terminal serves them all in turn.
    Door::open(&home).attach("work");
    home.wait_for_clients("work", 0, 0);
}
