//! One terminal, many windows: whose size counts, and what the others see.

use crate::attaching::DETACH;
use crate::home::Home;
use crate::processes;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::holds_for;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::time::Duration;

/// Says its terminal's size at the start and at each change.
const SIZES: &str = "trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done";
/// A full-screen program: it marks the corners of its screen, and draws anew at each change.
const CORNERS: &str = r#"draw() { set -- $(stty size)
        printf '\033[?1049h\033[2J\033[1;1HA%s\033[1;%dHB\033[%d;1HC\033[%d;%dHD\033[%d;3H' "$1x$2" $(($2-1)) $1 $1 $(($2-1)) $1; }
    trap draw WINCH; draw; while :; do sleep 0.02; done"#;

fn size_is(home: &Home, rows: u64, cols: u64) {
    let size = || {
        let screen = home.screen("work");
        (screen["rows"].as_u64().unwrap(), screen["cols"].as_u64().unwrap())
    };
    let found = crate::wait::wait_or(LIMIT, || (size() == (rows, cols)).then_some(()));
    assert!(found.is_some(), "not {rows} x {cols} but {:?}", size());
}

#[test]
fn a_session_that_is_started_detached_has_the_usual_size_whatever_the_terminal_has() {
    let home = Home::new();
    let mut terminal = home.terminal_of(50, 132, &["-d", "--", "sh", "-c", "stty size; exec sleep 1000"]);
    assert_eq!(terminal.exit_code(LIMIT), 0);
    home.wait_for_shown("work", "24 80");
}

#[test]
fn a_session_that_is_started_detached_has_eighty_columns() {
    let home = Home::new();
    home.start("work", SIZES);
    home.wait_for_shown("work", "24 80");
    size_is(&home, 24, 80);
}

#[test]
fn the_program_is_told_the_size_of_whoever_attaches_and_keeps_it() {
    let home = Home::new();
    home.start("work", SIZES);
    home.wait_for_shown("work", "24 80");
    let mut terminal = home.terminal_of(30, 100, &[]);
    terminal.wait_for_text("30 100", LIMIT);
    terminal.type_keys(DETACH);
    assert_eq!(terminal.exit_code(LIMIT), 0);
    size_is(&home, 30, 100);
}

#[test]
fn the_client_that_typed_last_leads() {
    let home = Home::new();
    let small = home.terminal(&["--", "sh", "-c", SIZES]);
    small.wait_for_text("24 80", LIMIT);
    let large = home.terminal_of(50, 132, &[]);
    size_is(&home, 50, 132);
    small.type_keys("x");
    size_is(&home, 24, 80);
    large.type_keys("x");
    size_is(&home, 50, 132);
    // Its window changes, and that of one who does not lead.
    large.resize(40, 120);
    size_is(&home, 40, 120);
    small.resize(20, 70);
    holds_for("the size of the leader", Duration::from_millis(300), || home.screen("work")["rows"] == 40);
    small.type_keys("x");
    size_is(&home, 20, 70);
}

#[test]
fn the_smallest_counts_where_that_is_wanted() {
    let home = Home::new();
    home.configure("[session]\nsize = \"smallest\"\n");
    let mut low = home.terminal_of(20, 100, &["--", "sh", "-c", SIZES]);
    low.wait_for_text("20 100", LIMIT);
    let narrow = home.terminal_of(40, 60, &[]);
    size_is(&home, 20, 60);
    narrow.type_keys("x");
    size_is(&home, 20, 60);
    low.type_keys(DETACH);
    assert_eq!(low.exit_code(LIMIT), 0);
    size_is(&home, 40, 60);
}

#[test]
fn those_who_only_look_never_count() {
    let home = Home::new();
    for policy in ["latest", "smallest"] {
        home.configure(&format!("[session]\nsize = \"{policy}\"\n"));
        let terminal = home.terminal(&["-n", "work", "--", "sh", "-c", SIZES]);
        terminal.wait_for_text("24 80", LIMIT);
        let viewer = home.terminal_of(10, 40, &["attach", "--view"]);
        home.wait_for_clients("work", 1, 1);
        viewer.type_keys("x");
        viewer.resize(9, 30);
        home.coop(&["screen", "work"]).ok();
        home.coop(&["send", "work", "x"]).ok();
        holds_for("24 x 80", Duration::from_millis(300), || {
            let screen = home.screen("work");
            screen["rows"] == 24 && screen["cols"] == 80
        });
        home.coop(&["kill", "-f", "work"]).ok();
    }
}

/// The corners as they have to be seen in a window that may be larger than the screen.
fn shows_corners(terminal: &Terminal, rows: u16, cols: u16) {
    terminal.wait_for(&format!("the corners of {rows} x {cols}"), LIMIT, |screen| {
        let lines: Vec<&str> = screen.lines().collect();
        let line = |row: u16| lines.get(usize::from(row)).copied().unwrap_or_default();
        let (first, last) = (line(0), line(rows - 1));
        let corner = |line: &str, letter| line.chars().nth(usize::from(cols) - 2) == Some(letter);
        first.starts_with(&format!("A{rows}x{cols}"))
            && corner(first, 'B')
            && last.starts_with('C')
            && corner(last, 'D')
            && lines.iter().flat_map(|line| line.chars()).filter(|c| "ABCD".contains(*c)).count() == 4
    });
}

#[test]
fn a_larger_window_shows_the_whole_screen_and_nothing_else() {
    let home = Home::new();
    let leader = home.terminal(&["--", "sh", "-c", CORNERS]);
    shows_corners(&leader, 24, 80);
    let large = home.terminal_of(50, 132, &["attach", "--view"]);
    shows_corners(&large, 24, 80);
    leader.resize(30, 100);
    shows_corners(&leader, 30, 100);
    shows_corners(&large, 30, 100);
    leader.resize(10, 40);
    shows_corners(&large, 10, 40);
    // As large as the window: nothing needs to be fitted any more.
    leader.resize(50, 132);
    shows_corners(&leader, 50, 132);
    shows_corners(&large, 50, 132);
}

#[test]
fn a_smaller_window_shows_the_part_around_the_cursor() {
    let home = Home::new();
    let leader = home.terminal(&["--", "sh", "-c", CORNERS]);
    shows_corners(&leader, 24, 80);
    let small = home.terminal_of(10, 30, &["attach", "--view"]);
    small.wait_for("the lower left corner alone", LIMIT, |screen| {
        screen.lines().nth(9).is_some_and(|line| line.trim_end() == "C") && !screen.contains(['A', 'B', 'D'])
    });
    small.resize(24, 80);
    shows_corners(&small, 24, 80);
}

#[test]
fn a_line_typed_by_one_shows_right_in_all_windows() {
    let home = Home::new();
    let leader = home.terminal(&["--", "sh"]);
    home.wait_for_clients("work", 1, 0);
    let large = home.terminal_of(40, 120, &["attach", "--view"]);
    let small = home.terminal_of(12, 40, &["attach", "--view"]);
    home.wait_for_clients("work", 1, 2);
    leader.type_keys("PS1='> '; clear; seq -s ' ' 1 40\r");
    let line = (1..=40).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    let (first, second) = line.split_at(80);
    // Rows as they are seen: a line that was wrapped is two.
    let rows = |terminal: &Terminal, width: usize| -> Vec<String> {
        let width = u16::try_from(width).unwrap();
        terminal.ask(|screen| screen.rows(0, width).map(|row| row.trim_end().to_owned()).collect())
    };
    for (terminal, width) in [(&leader, 80), (&large, 120), (&small, 40)] {
        terminal.wait_for("both rows", LIMIT, |_| {
            let wanted = [first[..width.min(80)].trim_end(), second.trim_end()];
            rows(terminal, width).windows(2).any(|two| two == wanted)
        });
    }
}

#[test]
fn the_leader_leads_on_after_the_daemons_death() {
    let home = Home::new();
    let small = home.terminal(&["--", "sh", "-c", SIZES]);
    small.wait_for_text("24 80", LIMIT);
    let large = home.terminal_of(50, 132, &[]);
    size_is(&home, 50, 132);
    small.type_keys("x");
    size_is(&home, 24, 80);
    for _ in 0..4 {
        let daemon = home.daemon();
        crate::processes::send(daemon, nix::sys::signal::Signal::SIGKILL);
        home.wait_for_clients("work", 2, 0);
        size_is(&home, 24, 80);
    }
    large.type_keys("x");
    size_is(&home, 50, 132);
}

#[test]
fn absurd_sizes_do_no_harm() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh"]);
    home.wait_for_clients("work", 1, 0);
    for (rows, cols) in [(0, 0), (1, 1), (0, 80), (65535, 65535), (1, 1000), (24, 80)] {
        terminal.resize(rows, cols);
        home.coop(&["screen", "work"]).ok();
    }
    terminal.type_keys("clear; echo a$((40+2))\r");
    terminal.wait_for_text("a42", LIMIT);
}

#[test]
fn a_client_that_comes_back_after_another_changed_the_size_shows_that_size() {
    let home = Home::new();
    let slow = home.terminal_of(24, 80, &["--", "sh"]);
    slow.type_keys("echo a$((40+2))\r");
    slow.wait_for_text("a42", LIMIT);
    let daemon = home.daemon();
    processes::send(slow.pid(), Signal::SIGSTOP);
    processes::send(daemon, Signal::SIGKILL);
    wait_until("another daemon", LIMIT, || home.daemons().iter().find(|p| p.pid != daemon).map(|_| ()));
    let small = home.terminal_of(20, 60, &["attach"]);
    home.wait_for_clients("work", 1, 0);
    processes::send(slow.pid(), Signal::SIGCONT);
    home.wait_for_clients("work", 2, 0);
    small.type_keys("clear; printf '\\033[3;999HX\\033[5;1H'\r");
    for terminal in [&small, &slow] {
        terminal.wait_for("an X in column 60", LIMIT, |screen| screen.lines().any(|line| line.find('X') == Some(59)));
    }
}
