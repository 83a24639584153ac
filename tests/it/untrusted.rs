//! What a program prints is anybody's text: it does not reach the clipboard, and fills no memory.

use crate::attaching::DETACH;
use crate::home::Home;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use std::fs;

const COPY: &str = "\x1b]52;c;aGVsbG8=";

/// A session that has written to the clipboard, and what came of it to an attached terminal.
fn copies(home: &Home) -> String {
    home.put("copy", format!("{COPY}\x07{COPY}\x1b\\\x1b]52;p;?\x07after").as_bytes());
    let terminal = home.terminal(&["--", "sh", "-c", "stty -echo; read x; cat copy; exec sleep 1000"]);
    home.wait_for_clients("work", 1, 0);
    terminal.type_keys("\r");
    terminal.wait_for_text("after", LIMIT);
    let text = terminal.text();
    let again = home.terminal(&["attach", "--view"]);
    again.wait_for_text("after", LIMIT);
    assert!(!again.text().contains("]52;"), "what was copied once is copied again: {:?}", again.text());
    text
}

#[test]
fn programs_do_not_reach_the_clipboard() {
    let home = Home::new();
    assert!(!copies(&home).contains("]52;"));
}

#[test]
fn programs_reach_the_clipboard_where_that_is_wanted_but_never_read_it() {
    let home = Home::new();
    home.configure("[session]\nclipboard = true\n");
    let text = copies(&home);
    assert!(text.contains(COPY), "{text:?}");
    assert!(!text.contains("]52;p;?"), "{text:?}");
}

#[test]
fn a_project_gets_the_clipboard_only_when_it_is_trusted() {
    let home = Home::new();
    home.write("work/coop.toml", "[session]\nclipboard = true\n");
    home.coop(&["-d", "--", "sleep", "1000"]).fails_with(1).complains_of(&["clipboard"]);
    home.coop(&["trust", "--yes"]).ok();
    assert!(copies(&home).contains(COPY));
}

#[test]
fn detaching_resets_keyboard_mouse_colours_and_title() {
    let home = Home::new();
    let modes = "\x1b[>5u\x1b[?1003h\x1b[?1006h\x1b[?1004h\x1b[?2004h\x1b[?2026h\x1b[?7l\x1b[4 q\x1b[>4;2m\
                 \x1b]2;its title\x1b\\\x1b]10;#112233\x1b\\\x1b]11;#445566\x1b\\\x1b]12;#778899\x1b\\\x1b]4;1;#aabbcc\x1b\\ready";
    home.put("modes", modes.as_bytes());
    home.start("work", "stty raw -echo; cat modes; exec sleep 1000");
    home.wait_for_shown("work", "ready");
    let mut terminal = home.terminal(&[]);
    terminal.wait_for_text("ready", LIMIT);
    wait_until("its title", LIMIT, || terminal.text().contains("\x1b]2;its title").then_some(()));
    let shown = terminal.raw().len();
    terminal.type_keys(DETACH);
    assert_eq!(terminal.exit_code(LIMIT), 0);
    wait_until("coop's word", LIMIT, || terminal.text().contains("detached from").then_some(()));
    let end = String::from_utf8_lossy(&terminal.raw()[shown..]).into_owned();
    for (what, reset) in [
        ("kitty keyboard", "\x1b[<"),
        ("mouse", "\x1b[?1003l"),
        ("mouse encoding", "\x1b[?1006l"),
        ("focus", "\x1b[?1004l"),
        ("paste", "\x1b[?2004l"),
        ("wrapping", "\x1b[?7h"),
        ("cursor", " q"),
        ("other keys", "\x1b[>4"),
        ("foreground", "\x1b]110"),
        ("background", "\x1b]111"),
        ("cursor colour", "\x1b]112"),
        ("palette", "\x1b]104"),
        ("title", "\x1b[23;2t"),
    ] {
        assert!(end.contains(reset), "{what}: no {reset:?} in {end:?}");
    }
}

fn resident_kib(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs a script that prints what could fill memory; the daemon must not have grown much, and the terminal must live.
fn fills(what: &str, script: &str) {
    let home = Home::new();
    home.start(
        "work",
        "stty -echo; echo ready; read x; sh -c \"$(cat script)\"; printf '\\033\\\\\\033c'; echo end42; cat",
    );
    home.put("script", script.as_bytes());
    home.wait_for_shown("work", "ready");
    let daemon = home.daemon();
    let before = resident_kib(daemon);
    home.coop(&["send", "work", "key:enter"]).ok();
    let mut most = 0;
    wait_until(what, LIMIT * 2, || {
        most = most.max(resident_kib(daemon));
        home.coop(&["screen", "work"]).ok().out.contains("end42").then_some(())
    });
    eprintln!("{what}: {before} KiB, at most {most} KiB");
    assert!(most < before + 24 * 1024, "{what}: {before} KiB, then {most} KiB");
    assert_eq!(home.daemon(), daemon, "it is the same daemon");
    let terminal = home.terminal(&["attach"]);
    terminal.wait_for_text("end42", LIMIT);
}

#[test]
fn an_endless_title_fills_no_memory() {
    fills("a title of 50 MB", r"printf '\033]2;'; head -c 50000000 /dev/zero | tr '\0' x; printf '\007'");
}

#[test]
fn endless_strings_fill_no_memory() {
    for (name, start) in [("OSC", "]777;"), ("DCS", "P"), ("APC", "_G"), ("PM", "^")] {
        fills(name, &format!(r"printf '\033{start}'; head -c 30000000 /dev/zero | tr '\0' x"));
    }
}

#[test]
fn a_hundred_thousand_links_fill_no_memory() {
    fills(
        "links",
        r#"seq 1 100000 | sed 's|.*|'"$(printf '\033')"']8;;http://example.org/&'"$(printf '\033\\\\')"'x|'"#,
    );
}

#[test]
fn deep_stacks_and_endless_parameters_fill_no_memory() {
    fills("kitty's stack", r"yes '' | head -n 300000 | sed s/^/$(printf '\033')[\>31u/");
    fills("titles' stack", r"yes '' | head -n 300000 | sed s/^/$(printf '\033')[22t/");
    fills("parameters", r"printf '\033['; yes '1;' | tr -d '\n' | head -c 20000000; printf m");
    fills("combining characters", r"printf e; yes $(printf '\314\201') | tr -d '\n' | head -c 20000000");
}
