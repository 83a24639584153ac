//! Looking, typing and waiting without a terminal: `coop screen`, `output`, `send` and `wait`.

use crate::home::Home;
use crate::ran::Ran;
use crate::ran::Running;
use crate::wait::LIMIT;
use crate::wait::holds_for;
use crate::wait::wait_or;
use crate::wait::wait_until;
use std::fs;
use std::time::Duration;
use std::time::Instant;

/// Keeps what is typed in the file `told`, after it has switched on `modes`.
fn listener(modes: &str) -> Home {
    let home = Home::new();
    home.start("work", &format!("stty raw -echo; printf '{modes}ready'; exec cat > told"));
    home.wait_for_shown("work", "ready");
    home
}

fn told(home: &Home) -> String {
    String::from_utf8_lossy(&fs::read(home.workspace().join("told")).unwrap_or_default()).into_owned()
}

#[track_caller]
fn is_told(home: &Home, wanted: &str) {
    let found = wait_or(LIMIT, || (told(home).len() >= wanted.len()).then(|| told(home)));
    assert_eq!(found.unwrap_or_else(|| told(home)), wanted);
}

#[track_caller]
fn sends(modes: &str, chunks: &[&str], wanted: &str) {
    let home = listener(modes);
    home.coop(&[&["send", "work"], chunks].concat()).ok();
    is_told(&home, wanted);
}

#[test]
fn text_and_keys_are_typed_in_their_order() {
    sends(
        "",
        &["echo hello", "key:enter", "key:ctrl+c", "é世", "-x", "text:key:enter"],
        "echo hello\r\x03é世-xkey:enter",
    );
    sends("", &["x", "--pty", "1", "--help"], "x--pty1--help");
    sends("", &["key:up", "key:f5", "key:shift+tab", "key:alt+x", "key:hex:1b5b41"], "\x1b[A\x1b[15~\x1b[Z\x1bx\x1b[A");
}

#[test]
fn arrows_are_what_the_programs_mode_makes_of_them() {
    sends("\\033[?1h", &["key:up", "key:left"], "\x1bOA\x1bOD");
    sends("\\033[>1u", &["key:ctrl+c", "key:esc", "key:up", "a"], "\x1b[99;5u\x1b[27u\x1b[Aa");
}

#[test]
fn backspace_and_enter_are_what_the_programs_modes_make_of_them() {
    sends("", &["key:backspace", "key:enter"], "\x7f\r");
    sends("\\033[?67h\\033[20h", &["key:backspace", "key:ctrl+backspace", "key:enter"], "\x08\x7f\r\n");
}

#[test]
fn a_paste_is_bracketed_where_the_program_asked_for_it() {
    for (modes, before, after) in [("", "", ""), ("\\033[?2004h", "\x1b[200~", "\x1b[201~")] {
        let home = listener(modes);
        home.put("text", b"one\ntwo");
        home.coop(&["send", "work", "paste:@text"]).ok();
        let pasted = if modes.is_empty() { "one\rtwo" } else { "one\ntwo" };
        let first = format!("{before}{pasted}{after}");
        let is_known = |is: &str| is == first || is == format!("{before}one\rtwo{after}");
        wait_until("the paste", LIMIT, || is_known(&told(&home)).then_some(()));
        let first = told(&home);
        let script = format!("printf piped | {} send . -", crate::home::binary().display());
        Ran::of(home.program("sh").args(["-c", &script])).ok();
        is_told(&home, &format!("{first}{before}piped{after}"));
    }
}

#[test]
fn a_paste_cannot_end_itself() {
    let home = listener("\\033[?2004h");
    home.put("text", b"one\x1b[201~rm\r");
    home.coop(&["send", "work", "paste:@text"]).ok();
    wait_until("the paste", LIMIT, || told(&home).contains("rm").then_some(()));
    wait_until("its end", LIMIT, || told(&home).ends_with("\x1b[201~").then_some(()));
    assert_eq!(told(&home).matches("\x1b[201~").count(), 1, "{:?}", told(&home));
}

#[test]
fn a_large_paste_comes_whole() {
    let home = Home::new();
    home.start("work", "stty raw -echo; printf ready; head -c 3000000 | sha256sum; exec sleep 1000");
    home.wait_for_shown("work", "ready");
    let bytes: Vec<u8> = (0..).flat_map(|n: u32| format!("{n} ").into_bytes()).take(3_000_000).collect();
    home.put("text", &bytes);
    let sum = Ran::of(home.program("sha256sum").arg("text")).ok().out;
    home.coop(&["send", "work", "paste:@text"]).ok();
    home.wait_for_shown("work", &sum[..60]);
}

#[test]
fn a_large_paste_outlives_the_daemon_and_comes_whole() {
    let home = Home::new();
    let script = "stty raw -echo; printf ready; dd bs=1 count=1 of=first; until test -e go; do sleep 0.01; done; \
         cat first - > told";
    home.start("work", script);
    home.wait_for_shown("work", "ready");
    let bytes: Vec<u8> = (0..).flat_map(|n: u32| format!("{n} ").into_bytes()).take(1_000_000).collect();
    home.put("text", &bytes);
    let sending = Running::start(&mut home.command(&["send", "work", "paste:@text"]));
    wait_until("it is being sent", LIMIT, || fs::metadata(home.workspace().join("first")).ok().filter(|m| m.len() > 0));
    let daemon = home.daemon();
    crate::processes::send(daemon, nix::sys::signal::Signal::SIGKILL);
    wait_until("another daemon", LIMIT, || home.daemons().iter().find(|p| p.pid != daemon).map(|_| ()));
    home.put("go", b"");
    sending.end().ok();
    is_told(&home, &String::from_utf8(bytes).unwrap());
}

#[test]
fn what_cannot_be_sent_is_refused_and_nothing_is_sent() {
    let home = listener("");
    home.put("empty", b"");
    for bad in ["key:entre", "key:", "key:ctrl+", "key:hex:1b5", "key:hex:zz", "key:crtl+c", "paste:file", "paste:@"] {
        home.coop(&["send", "work", "before", bad]).fails_with(2).complains_of(&["coop: "]);
    }
    home.coop(&["send", "work", "key:entre"]).fails_with(2).complains_of(&["did you mean", "enter"]);
    home.coop(&["send", "work", "before", "paste:@missing"]).fails_with(1).complains_of(&["missing"]);
    home.coop(&["send", "work"]).fails_with(2);
    home.coop(&["send"]).fails_with(2);
    home.coop(&["send", "nobody", "x"]).fails_with(3).complains_of(&["nobody"]);
    home.coop(&["send", "work", "--pty", "7", "x"]).fails_with(2);
    home.coop_in(&home.directory("elsewhere"), &["send", ".", "x"]).fails_with(3);
    holds_for("nothing is typed", Duration::from_millis(200), || told(&home).is_empty());
    home.coop(&["send", ".", "x"]).ok();
    is_told(&home, "x");
}

#[test]
fn a_program_that_has_ended_is_sent_nothing() {
    let home = Home::new();
    home.start("work", "true");
    home.wait_for_state("work", "exited");
    let ran = home.coop(&["send", "work", "x"]);
    assert_eq!(ran.code, 1, "{ran:?}");
}

#[test]
fn a_screen_is_shown_as_text_as_it_is_painted_and_as_json() {
    let home = Home::new();
    home.put(
        "paint",
        b"\x1b]2;title\x07\x1b[2J\x1b[2;3H\x1b[31mred\x1b[m\x1b[5;1Hlast \xe4\xb8\x96\x1b[?25l\x1b[?2004h",
    );
    home.start("work", "stty raw -echo; cat paint; exec sleep 1000");
    let shown = home.wait_for_shown("work", "last");
    assert_eq!(shown, "\n  red\n\n\nlast 世\n");
    assert_eq!(home.coop(&["screen"]).ok().out, shown, "of this workspace's session, as text");
    assert_eq!(home.coop(&["screen", "work", "--text"]).ok().out, shown);
    let ansi = home.coop(&["screen", "work", "--ansi"]).ok().out;
    let painted = crate::picture::painted(24, 80, ansi.as_bytes());
    assert!(painted.contains("<Idx(1) >red"), "{painted}");
    let json = home.screen("work");
    assert_eq!((&json["session"], &json["pty"], &json["state"]), (&"work".into(), &0.into(), &"running".into()));
    assert_eq!((&json["rows"], &json["cols"], &json["title"]), (&24.into(), &80.into(), &"title".into()));
    assert_eq!(json["cursor"], serde_json::json!({"row": 4, "col": 7, "visible": false}));
    assert_eq!(json["modes"]["bracketed_paste"], true);
    assert_eq!(json["text"].as_array().unwrap().len(), 24);
    assert_eq!(json["text"][1], "  red");
    home.coop(&["screen", "--text", "--json"]).fails_with(2);
    home.coop(&["screen", "nobody"]).fails_with(3);
    home.coop(&["screen", "work", "--pty", "5"]).fails_with(2);
}

#[test]
fn a_second_terminal_has_a_screen_of_its_own() {
    let home = Home::new();
    home.start("work", "exec sleep 1000");
    let shell = home.terminal(&["shell"]);
    shell.type_keys("echo shell$((40+2))\r");
    shell.wait_for_text("shell42", LIMIT);
    assert!(home.coop(&["screen", "--pty", "1"]).ok().out.contains("shell42"));
    assert!(!home.coop(&["screen"]).ok().out.contains("shell42"));
    home.coop(&["send", "work", "--pty", "1", "echo sent$((40+2))", "key:enter"]).ok();
    shell.wait_for_text("sent42", LIMIT);
    home.coop(&["wait", "--pty", "1", "--for", "text:sent42"]).ok();
    assert!(home.coop(&["output", "--pty", "1"]).ok().out.contains("sent42"));
}

#[test]
fn output_is_lines_of_text_or_the_programs_own_bytes() {
    let home = Home::new();
    home.start("work", "seq 1 500; printf '\\033[31mred\\033[m\\nend'; exec sleep 1000");
    home.wait_for_shown("work", "end");
    let all: String = (1..=500).map(|n| format!("{n}\n")).collect::<String>() + "red\nend\n";
    assert_eq!(home.coop(&["output"]).ok().out, all);
    assert_eq!(home.coop(&["output", "work", "-n", "3"]).ok().out, "500\nred\nend\n");
    assert_eq!(home.coop(&["output", "work", "-n", "0"]).ok().out, "");
    let raw = home.coop(&["output", "work", "--raw"]).ok().out;
    assert!(raw.starts_with("1\r\n2\r\n") && raw.ends_with("500\r\n\x1b[31mred\x1b[m\r\nend"), "{raw:?}");
    home.coop(&["output", "work", "-n", "x"]).fails_with(2);
    home.coop(&["output", "nobody"]).fails_with(3);
}

#[test]
fn output_that_has_left_the_ring_is_not_shown_and_the_rest_is_whole() {
    let home = Home::new();
    home.start("work", "seq 1 300000; exec sleep 1000");
    home.wait_for_shown("work", "300000");
    let out = home.coop(&["output"]).ok().out;
    let numbers: Vec<u32> = out.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    // Of the ring's MiB a quarter may be about to be written over.
    assert!(numbers.len() >= 98_000, "{}", numbers.len());
    assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]));
    assert_eq!(numbers.last(), Some(&300_000));
    assert_eq!(home.coop(&["output", "-n", "2"]).ok().out, "299999\n300000\n");
}

#[test]
fn output_is_followed_until_the_program_ends() {
    for raw in [false, true] {
        let home = Home::new();
        home.start("work", "seq 1 100; until test -e go; do sleep 0.01; done; seq 101 200; printf 'no newline'");
        home.wait_for_shown("work", "100");
        let form = if raw { "--raw" } else { "-q" };
        let script = format!("exec {} output -f {form} > out", crate::home::binary().display());
        let follower = Running::start(home.program("sh").args(["-c", &script]));
        let out = || fs::read_to_string(home.workspace().join("out")).unwrap_or_default().replace('\r', "");
        wait_until("the first half", LIMIT, || out().ends_with("99\n100\n").then_some(()));
        crate::processes::send(home.daemon(), nix::sys::signal::Signal::SIGKILL);
        home.put("go", b"");
        follower.end().ok();
        let wanted: String = (1..=200).map(|n| format!("{n}\n")).collect::<String>() + "no newline";
        assert_eq!(out().trim_end(), wanted, "raw: {raw}");
    }
}

/// One that runs and can be given what it prints; the caller's condition is waited for meanwhile.
fn waits(condition: &str, act: impl FnOnce(&Home)) -> Ran {
    let home = Home::new();
    home.start("work", "stty -echo; printf 'ready\\n'; while read -r line; do eval \"$line\"; done");
    home.wait_for_shown("work", "ready");
    let waiting = Running::start(&mut home.command(&["wait", "work", "--for", condition, "--timeout", "25s"]));
    act(&home);
    waiting.end()
}

fn does(home: &Home, line: &str) {
    home.coop(&["send", "work", line, "key:enter"]).ok();
}

#[test]
fn text_on_the_screen_is_waited_for() {
    let ran = waits("text:^all [0-9]+ passed$", |home| does(home, "echo all 42 passed")).ok();
    assert!(ran.err.contains("all 42 passed"), "{ran:?}");
}

#[test]
fn the_end_of_the_program_is_waited_for() {
    waits("exit", |home| does(home, "exit 3")).ok().complains_of(&["3"]);
}

#[test]
fn a_program_that_waits_is_waited_for_and_says_why() {
    let line = r"printf '\033]7501;state=blocked:kind=permission:msg=TWF5IEk/\033\\'";
    waits("waiting", |home| does(home, line)).ok().complains_of(&["May I?"]);
}

#[test]
fn idleness_and_quiet_are_waited_for() {
    waits("idle", |home| {
        does(home, r"printf '\033]7501;state=working\033\\'; sleep 0.5; printf '\033]7501;state=idle\033\\'");
    })
    .ok();
    let began = Instant::now();
    waits("quiet:500ms", |home| does(home, "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done")).ok();
    assert!(began.elapsed() > Duration::from_millis(500));
}

#[test]
fn what_holds_already_is_not_waited_for_and_what_never_holds_ends_in_time() {
    let home = Home::new();
    home.start("work", "echo ready; exec sleep 1000");
    home.wait_for_shown("work", "ready");
    home.coop(&["wait", "work", "--for", "text:ready"]).ok();
    for condition in ["exit", "waiting", "text:never", "quiet:1h"] {
        let ran = home.coop(&["wait", "work", "--for", condition, "--timeout", "200ms"]);
        ran.fails_with(1).complains_of(&["work", condition, "200ms"]);
    }
    for (condition, timeout) in
        [("text:(", "1s"), ("quiet:x", "1s"), ("gone", "1s"), ("", "1s"), ("exit", "soon"), ("exit", "-1s")]
    {
        let timeout = format!("--timeout={timeout}");
        home.coop(&["wait", "work", "--for", condition, &timeout]).fails_with(2);
    }
    home.coop(&["wait", "work"]).fails_with(2);
    home.coop(&["wait", "nobody", "--for", "exit"]).fails_with(3);
}

#[test]
fn a_program_that_has_ended_already_is_not_waited_for() {
    let home = Home::new();
    home.start("work", "echo bye; exit 4");
    home.wait_for_state("work", "exited");
    home.coop(&["wait", "work", "--for", "exit", "--timeout", "20s"]).ok();
    assert!(home.coop(&["screen", "work"]).ok().out.contains("bye"));
    assert_eq!(home.coop(&["output", "work"]).ok().out, "bye\n");
    assert_eq!(home.coop(&["output", "work", "-f"]).ok().out, "bye\n");
}

#[test]
fn waiting_outlives_the_daemon() {
    waits("text:done42", |home| {
        home.wait_for_clients("work", 0, 1);
        let daemon = home.daemon();
        crate::processes::send(daemon, nix::sys::signal::Signal::SIGKILL);
        wait_until("another daemon", LIMIT, || home.daemons().iter().find(|p| p.pid != daemon).map(|_| ()));
        does(home, "echo done$((40+2))");
    })
    .ok();
}

#[test]
fn a_wait_whose_session_is_killed_fails() {
    let ran = waits("text:never", |home| {
        home.wait_for_clients("work", 0, 1);
        home.coop(&["kill", "-f", "work"]).ok();
    });
    assert_eq!(ran.code, 1, "{ran:?}");
}
