//! Whoever attaches sees the very screen that the program drew: cells, cursor, modes, title, history.

use crate::attaching::DETACH;
use crate::home::Home;
use crate::picture;
use crate::processes;
use crate::terminal::COLS;
use crate::terminal::ROWS;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use serde_json::Value;

/// Paints the file `paint`, and the file `more` as soon as there is a file `go`.
const PAINTER: &str = "stty raw -echo; cat paint; until test -e go; do sleep 0.01; done; cat more; exec sleep 1000";

/// All that a screen can hold: what cannot be seen in cells is looked at in `coop screen`.
const PAINTING: &str = concat!(
    "on the main screen\r\n",
    "\x1b]2;a title \u{e9}\u{4e16}\x1b\\",
    "\x1b[?1049h\x1b[H\x1b[2J",
    "\x1b[38;2;10;20;30;48;2;200;100;50mtruecolour\x1b[m \x1b[38;5;208mindexed\x1b[m \x1b[31;1mbold red\x1b[m\r\n",
    "\x1b[3mitalic\x1b[m \x1b[4:3;58:5:9mcurly\x1b[m \x1b[4munderlined\x1b[m \x1b[7minverse\x1b[m \x1b[2mfaint\x1b[m\r\n",
    "wide \u{4e16}\u{754c} combining e\u{301} emoji \u{1f600}.\r\n",
    "\x1b]8;;https://example.org/\x1b\\a link\x1b]8;;\x1b\\\r\n",
    "\x1b[24;70Hcorner\x1b[23;80HX",
    "\x1b[5;20r\x1b[6;3Hin the region",
    "\x1b[?25l\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1h\x1b=\x1b[>5u\x1b[35;44m",
);

/// What is added shows by where it goes that region, wrapping and pen are as they were.
const MORE: &str = "\x1b[20;1H\nscrolled\r\n\x1b[19;78Hwrapped\x1b[?25h";

fn paint(home: &Home, painting: &[u8], more: &[u8]) -> String {
    home.put("paint", painting);
    home.put("more", more);
    picture::painted(ROWS, COLS, painting)
}

/// What `coop screen` says, in its two fullest forms.
fn looked_at(home: &Home) -> (Value, String) {
    let mut json = home.screen("work");
    json.as_object_mut().unwrap().remove("activity");
    json.as_object_mut().unwrap().remove("reason");
    (json, home.coop(&["screen", "work", "--ansi"]).ok().out)
}

fn leave(mut terminal: Terminal) {
    terminal.type_keys(DETACH);
    assert_eq!(terminal.exit_code(LIMIT), 0);
}

fn kill_daemon(home: &Home) {
    let old = home.daemon();
    processes::send(old, Signal::SIGKILL);
    wait_until("another daemon", LIMIT, || home.daemons().iter().find(|p| p.pid != old).map(|_| ()));
}

#[test]
fn a_terminal_that_attaches_shows_the_very_screen_that_was_left() {
    let home = Home::new();
    let painted = paint(&home, PAINTING.as_bytes(), MORE.as_bytes());
    let first = home.terminal(&["--", "sh", "-c", PAINTER]);
    first.wait_for_picture("what the program painted", &painted);
    let before = looked_at(&home);
    leave(first);
    assert_eq!(looked_at(&home), before);
    let second = home.terminal(&[]);
    second.wait_for_picture("the same once more", &painted);
    assert_eq!(looked_at(&home), before);
    let (json, ansi) = before;
    assert_eq!(json["title"], "a title é世");
    assert_eq!(json["modes"]["keyboard_flags"], 5);
    assert_eq!((&json["modes"]["mouse"], &json["modes"]["mouse_encoding"]), (&"drags".into(), &"sgr".into()));
    assert!(ansi.contains("4:3") && ansi.contains("https://example.org/"), "{ansi:?}");
    for told in ["\x1b]2;a title é世", "\x1b[?1002h", "\x1b[5;20r", "https://example.org/", "4:3", "u"] {
        assert!(second.text().contains(told), "no {told:?} in {:?}", second.text());
    }
    home.put("go", b"");
    second.wait_for_picture("what was added", &picture::painted(ROWS, COLS, format!("{PAINTING}{MORE}").as_bytes()));
}

#[test]
fn the_main_screen_is_there_again_when_a_program_leaves_the_other_one() {
    let home = Home::new();
    let more = "\x1b[?1049l\x1b[?1l\x1b>and back";
    paint(&home, PAINTING.as_bytes(), more.as_bytes());
    home.start("work", PAINTER);
    home.wait_for_shown("work", "corner");
    let terminal = home.terminal(&[]);
    terminal.wait_for_text("corner", LIMIT);
    home.put("go", b"");
    terminal.wait_for_text("on the main screen\nand back", LIMIT);
}

#[test]
fn a_screen_outlives_the_daemon() {
    let home = Home::new();
    let painted = paint(&home, PAINTING.as_bytes(), MORE.as_bytes());
    let watcher = home.terminal(&["--", "sh", "-c", PAINTER]);
    watcher.wait_for_picture("what the program painted", &painted);
    let before = looked_at(&home);
    kill_daemon(&home);
    assert_eq!(looked_at(&home), before);
    home.wait_for_clients("work", 1, 0);
    let other = home.terminal(&["attach"]);
    other.wait_for_picture("the same under another daemon", &painted);
    home.put("go", b"");
    let both = picture::painted(ROWS, COLS, format!("{PAINTING}{MORE}").as_bytes());
    other.wait_for_picture("what was added", &both);
    watcher.wait_for_picture("what was added, where it was seen all the time", &both);
}

/// More than the ring holds, which is 1 MiB: what came first is known by the checkpoint alone.
fn long(before: &str, after: &str) -> Vec<u8> {
    let mut all = before.as_bytes().to_vec();
    for n in 0..40_000 {
        all.extend(format!("\x1b[8;{}H{n:60}", n % 20 + 1).bytes());
    }
    assert!(all.len() > 2 << 20);
    all.extend(after.bytes());
    all
}

#[test]
fn a_screen_whose_beginning_has_left_the_ring_outlives_the_daemon() {
    let home = Home::new();
    let painted = paint(&home, &long(PAINTING, "\x1b[9;1Hpainted"), b"");
    home.start("work", PAINTER);
    home.wait_for_shown("work", "painted");
    let before = looked_at(&home);
    let (json, ansi) = &before;
    assert_eq!(json["title"], "a title é世");
    assert!(ansi.contains("truecolour") && ansi.contains("4:3"), "{ansi:?}");
    kill_daemon(&home);
    assert_eq!(looked_at(&home), before);
    let terminal = home.terminal(&[]);
    terminal.wait_for_picture("the whole screen", &painted);
}

#[test]
fn a_sequence_that_is_cut_anywhere_reaches_those_who_attach_whole() {
    let tail = "\x1b[5;5H\x1b[38;2;1;2;3mcolour \u{4e16}\u{1f600}\x1b]2;new title\x1b\\e\u{301}.";
    // In the middle of CSI, SGR, a character, OSC, between a character and what combines with it.
    for cut in [1, 3, 9, 15, 29, 32, 38, 45, tail.len() - 4, tail.len() - 2] {
        let home = Home::new();
        let (early, late) = tail.as_bytes().split_at(cut);
        paint(&home, &[b"plain\r\nmarker", early].concat(), late);
        home.start("work", PAINTER);
        home.wait_for_shown("work", "marker");
        let terminal = home.terminal(&[]);
        terminal.wait_for_text("marker", LIMIT);
        kill_daemon(&home);
        let other = home.terminal(&["attach", "--view"]);
        other.wait_for_text("marker", LIMIT);
        home.put("go", b"");
        let painted = picture::painted(ROWS, COLS, format!("plain\r\nmarker{tail}").as_bytes());
        terminal.wait_for_picture(&format!("cut at {cut}"), &painted);
        other.wait_for_picture(&format!("cut at {cut}, seen by another"), &painted);
    }
}

fn numbers(from: u32, upto: u32) -> Vec<String> {
    (from..=upto).map(|n| n.to_string()).collect()
}

#[test]
fn history_comes_into_the_terminals_own_scrollback() {
    let home = Home::new();
    home.start("work", "seq 1 3000; exec sleep 1000");
    home.wait_for_shown("work", "3000");
    let terminal = home.terminal(&["-q"]);
    terminal.wait_for("the screen", LIMIT, |screen| screen.starts_with("2978\n") && screen.ends_with("3000"));
    // 23 lines and the cursor's are on the screen; 1000 of those above came along.
    assert_eq!(terminal.history(), numbers(1978, 2977));
    assert!(!terminal.text().contains("\x1b[?1049h"), "a shell has no use for the other screen");
}

#[test]
fn history_comes_whole_into_a_terminal_that_is_larger() {
    let home = Home::new();
    home.start("work", "seq 1 100; exec sleep 1000");
    home.wait_for_shown("work", "100");
    let terminal = home.terminal_of(50, 132, &["-q"]);
    terminal.wait_for("the screen", LIMIT, |screen| screen.lines().any(|line| line == "100"));
    let all: Vec<String> = terminal.history().into_iter().chain(terminal.screen().lines().map(str::to_owned)).collect();
    let all: Vec<String> = all.into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(all, numbers(1, 100), "{:?}", terminal.text());
}

#[test]
fn how_much_history_comes_is_a_setting() {
    for (lines, expected) in [(0, numbers(1, 0)), (7, numbers(71, 77))] {
        let home = Home::new();
        home.configure(&format!("[session]\nreplay_lines = {lines}\n"));
        home.start("work", "seq 1 100; exec sleep 1000");
        home.wait_for_shown("work", "100");
        let terminal = home.terminal(&["-q"]);
        terminal.wait_for("the screen", LIMIT, |screen| screen.starts_with("78\n") && screen.ends_with("100"));
        assert_eq!(terminal.history(), expected);
    }
}

#[test]
fn history_is_there_after_the_daemons_death_and_after_more_than_the_ring_holds() {
    let home = Home::new();
    home.start("work", "seq 1 300000; exec sleep 1000");
    home.wait_for_shown("work", "300000");
    kill_daemon(&home);
    let terminal = home.terminal(&["-q"]);
    terminal.wait_for_text("300000", LIMIT);
    assert_eq!(terminal.history(), numbers(298_978, 299_977));
}

/// A program that draws nothing when it is not asked to: what shows is what was kept.
#[test]
fn full_screen_programs_are_found_as_they_were_without_drawing_anew() {
    let home = Home::new();
    home.put("text", &(1..=1000).map(|n| format!("line {n}\n")).collect::<String>().into_bytes());
    let programs = [
        ("vim", "vim=$(command -v vim || command -v vim.tiny); exec $vim -u NONE -N -i NONE text", "line 5"),
        ("less", "exec less text", "line 5"),
        ("htop", "exec htop", "PID"),
    ];
    for (name, script, sign) in programs {
        let first = home.terminal(&["-n", name, "--", "sh", "-c", script]);
        first.wait_for_text(sign, LIMIT);
        // One that draws by the clock is stopped.
        if name == "htop" {
            let all = processes::of_box(home.init(name));
            processes::send(all.iter().find(|p| p.command.starts_with(name)).unwrap().pid, Signal::SIGSTOP);
        }
        home.coop(&["wait", name, "--for", "quiet:2s", "--timeout", "30s"]).ok();
        let left = first.ask(picture::of);
        let output = home.coop(&["output", name, "--raw"]).ok().out.len();
        leave(first);
        let again = home.terminal(&["attach", name]);
        again.wait_for_picture(name, &left);
        assert_eq!(home.coop(&["output", name, "--raw"]).ok().out.len(), output, "{name} has drawn anew");
        leave(again);
    }
}

/// A session whose program has printed more than the ring holds while no daemon was there. The program keeps each size
/// that it is given in the file `size`, as `on_size` says.
fn flooded_unseen(on_size: &str) -> Home {
    let home = Home::new();
    let script = format!(
        "trap '{on_size}' WINCH; until test -e go; do sleep 0.01; done; \
         head -c 3000000 /dev/zero | tr '\\0' x; echo > done; while :; do sleep 0.002; done"
    );
    home.start("work", &script);
    home.coop(&["shutdown"]).ok();
    wait_until("no daemon", LIMIT, || home.daemons().is_empty().then_some(()));
    home.put("go", b"");
    wait_until("the flood", LIMIT, || home.workspace().join("done").exists().then_some(()));
    home
}

fn size(home: &Home) -> String {
    std::fs::read_to_string(home.workspace().join("size")).unwrap_or_default()
}

#[test]
fn a_program_whose_screen_is_not_known_any_more_is_asked_to_draw_anew() {
    let home = flooded_unseen("stty size >> size");
    home.wait_for_state("work", "running");
    wait_until("another size, and the old one", LIMIT, || size(&home).ends_with("24 80\n").then_some(()));
}

#[test]
fn a_daemon_that_dies_while_a_program_draws_anew_leaves_it_the_right_size() {
    let home = flooded_unseen("stty size > size.new; mv size.new size");
    let listing = crate::ran::Running::start(&mut home.command(&["ls"]));
    wait_until("another size", LIMIT, || (size(&home) == "23 80\n").then_some(()));
    kill_daemon(&home);
    listing.end();
    wait_until("the old one", LIMIT, || (size(&home) == "24 80\n").then_some(()));
    assert_eq!(home.screen("work")["rows"], 24);
}
