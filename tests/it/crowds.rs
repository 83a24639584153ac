//! Many clients of one terminal, each at its own pace.

use crate::home::Home;
use crate::home::binary;
use crate::processes;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Instant;

#[test]
fn of_five_clients_one_that_is_stopped_stops_nobody() {
    let home = Home::new();
    let first = home.terminal(&["--", "sh"]);
    home.wait_for_clients("work", 1, 0);
    first.type_keys("PS1='> '\r");
    let others: Vec<Terminal> = (0..3).map(|_| home.terminal(&["attach"])).collect();
    let viewer = home.terminal(&["attach", "--view"]);
    home.wait_for_clients("work", 4, 1);
    processes::send(others[0].pid(), Signal::SIGSTOP);
    first.type_keys("seq 1 400000; echo end$((40+2)); touch done\r");
    for terminal in [&first, &others[1], &others[2], &viewer] {
        terminal.wait_for_text("end42", LIMIT);
    }
    wait_until("the program goes on", LIMIT, || home.workspace().join("done").exists().then_some(()));
    processes::send(others[0].pid(), Signal::SIGCONT);
    others[0].wait_for_text("end42", LIMIT);
    first.type_keys("echo b$((40+2))\r");
    for terminal in others.iter().chain([&first, &viewer]) {
        terminal.wait_for_text("b42", LIMIT);
    }
}

/// Paints much the same picture over and over, in sequences that leave garbage behind if only a part of one is read.
const SEQUENCES: &str = r#"import sys, os
out = sys.stdout.buffer
i = 0
out.write(b"\x1b[2J")
while not os.path.exists("stop"):
    i += 1
    for row in range(1, 21):
        out.write(b"\x1b[%d;3H\x1b[38;2;%d;%d;%dm\xe4\xb8\x96%06d\x1b]8;;http://example.org/%d\x07x\x1b]8;;\x07\x1b[m\x1b]2;title %d\x07" % (row, i % 256, row, 3, i, i % 50, i))
out.write(b"\x1b[22;1H\x1b[Jfinished")
out.flush()
import time
time.sleep(1000)
"#;

/// On every row nothing but the character, the number and the x.
fn is_clean(screen: &str) -> bool {
    screen.lines().take(20).all(|line| {
        let line = line.trim();
        let number = line.strip_prefix('世').and_then(|line| line.strip_suffix('x'));
        number.is_some_and(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[test]
fn who_falls_behind_gets_a_fresh_screen_and_never_half_a_sequence() {
    if !fs::exists("/usr/bin/python3").unwrap() {
        return crate::home::skip("there is no /usr/bin/python3");
    }
    let home = Home::new();
    home.write("work/flood.py", SEQUENCES);
    let fast = home.terminal(&["--", "/usr/bin/python3", "flood.py"]);
    home.wait_for_clients("work", 1, 0);
    let slow = [home.terminal(&["attach"]), home.terminal(&["attach", "--view"])];
    home.wait_for_clients("work", 2, 1);
    for _ in 0..5 {
        for terminal in &slow {
            processes::send(terminal.pid(), Signal::SIGSTOP);
        }
        let seen = fast.raw().len();
        wait_until("a flood", LIMIT, || (fast.raw().len() > seen + (3 << 20)).then_some(()));
        for terminal in &slow {
            processes::send(terminal.pid(), Signal::SIGCONT);
            let seen = terminal.raw().len();
            wait_until("it sees more", LIMIT, || (terminal.raw().len() > seen + 100_000).then_some(()));
        }
    }
    home.put("stop", b"");
    fast.wait_for_text("finished", LIMIT);
    for terminal in slow.iter().chain([&fast]) {
        terminal.wait_for_text("finished", LIMIT);
        assert!(is_clean(&terminal.screen()), "{}", terminal.screen());
        assert_eq!(terminal.screen(), fast.screen());
    }
}

/// A terminal that is as fast as can be, and the last that it was given.
fn fast_terminal(home: &Home, args: &[&str]) -> (Terminal, Arc<Mutex<Vec<u8>>>) {
    let last = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&last);
    let terminal = Terminal::feeding(home.on_terminal(binary(), args), move |bytes| {
        let mut last = sink.lock().unwrap();
        last.extend_from_slice(bytes);
        let surplus = last.len().saturating_sub(200);
        last.drain(..surplus);
    });
    (terminal, last)
}

#[test]
fn ctrl_c_shows_at_once_in_a_flood_that_five_watch() {
    let home = Home::new();
    home.start("work", "PS1='prompt> ' exec sh -i");
    let clients: Vec<_> = (0..5).map(|_| fast_terminal(&home, &["attach"])).collect();
    home.wait_for_clients("work", 5, 0);
    let (typist, last) = &clients[1];
    typist.type_keys("trap : INT\r");
    processes::send(clients[0].0.pid(), Signal::SIGSTOP);
    // A fresh screen has the cursor's place and the modes behind the last cell.
    let prompts = |last: &Mutex<Vec<u8>>| {
        let last = String::from_utf8_lossy(&last.lock().unwrap()).into_owned();
        last.rfind("prompt> ").is_some_and(|at| !last[at..].contains("y\r\n")).then_some(())
    };
    for round in 0..3 {
        wait_until("the prompt", LIMIT, || prompts(last));
        typist.type_keys("yes\r");
        wait_until("the flood", LIMIT, || last.lock().unwrap().ends_with(b"y\r\ny\r\ny\r\ny\r\n").then_some(()));
        let began = Instant::now();
        typist.type_keys("\x03");
        wait_until("the prompt", LIMIT, || prompts(last));
        let took = began.elapsed();
        clients[2..].iter().for_each(|(_, last)| wait_until("the prompt for all", LIMIT, || prompts(last)));
        eprintln!("round {round}: Ctrl-C to the prompt {took:?}, for all {:?}", began.elapsed());
    }
    processes::send(clients[0].0.pid(), Signal::SIGCONT);
    wait_until("the prompt for the one that was stopped", LIMIT, || prompts(&clients[0].1));
}

#[test]
fn clients_through_pipes_and_terminals_see_the_same() {
    let home = Home::new();
    let terminal = home.terminal(&["--", "sh", "-c", "stty -echo; read x; seq 1 100; echo end"]);
    home.wait_for_clients("work", 1, 0);
    let script = format!("{} attach --view < /dev/null > out", binary().display());
    let mut piped = home.program("sh").args(["-c", &script]).spawn().unwrap();
    home.wait_for_clients("work", 1, 1);
    terminal.type_keys("\r");
    terminal.wait_for_text("end", LIMIT);
    assert!(wait_until("its end", LIMIT, || piped.try_wait().unwrap()).success());
    let text = fs::read_to_string(home.workspace().join("out")).unwrap();
    let all: String = (1..=100).map(|n| format!("{n}\r\n")).collect();
    assert!(text.contains(&all), "{text:?}");
}
