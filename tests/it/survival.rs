//! A counted stream at full speed, watched by an attached client, while daemons die: not one byte lost or doubled.

use crate::home::Home;
use crate::home::binary;
use crate::processes;
use crate::terminal::Terminal;
use crate::wait::LIMIT;
use crate::wait::let_pass;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

/// A program that counts as soon as a key is typed: by then the client is attached, and nothing of it is history.
pub const COUNTER: [&str; 4] = ["--", "sh", "-c", "read key; exec seq 1 ${COUNT_TO-100000000000}"];

/// Reads what `seq 1 N` writes to a terminal, from the line `1` on.
#[derive(Debug, Default)]
pub struct Count {
    /// The last number that was complete.
    pub last: u64,
    partial: Vec<u8>,
    /// Lines that were not the number that had to come.
    pub wrong: Vec<String>,
    pub bytes: u64,
}

impl Count {
    pub fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        for &byte in bytes {
            if byte != b'\n' {
                self.partial.push(byte);
                continue;
            }
            let line = std::mem::take(&mut self.partial);
            let expected = self.last + 1;
            let digits = line.strip_suffix(b"\r").unwrap_or(&line);
            if digits == itoa(expected, &mut [0; 20]) {
                self.last = expected;
            } else if self.last > 0 {
                let text = String::from_utf8_lossy(&line).into_owned();
                let number: Option<u64> = text.trim().parse().ok();
                if self.wrong.len() < 20 {
                    self.wrong.push(format!("after {}: {text:?}", self.last));
                }
                self.last = number.unwrap_or(self.last);
            }
        }
    }
}

/// `format!` for each of a hundred million lines would be what this test measures.
fn itoa(mut number: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut at = room.len();
    while number > 0 || at == room.len() {
        at -= 1;
        room[at] = b'0' + u8::try_from(number % 10).unwrap();
        number /= 10;
    }
    &room[at..]
}

/// A random moment, from what the kernel gives.
fn random_ms(below: u64) -> Duration {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap();
    Duration::from_millis(u64::from_str_radix(&text[..8], 16).unwrap() % below)
}

/// How many daemons die: as many as the issue asks for.
const KILLS: u32 = 100;

#[test]
fn a_hundred_daemon_deaths_lose_and_double_not_one_byte() {
    let home = Home::new();
    let count = Arc::new(Mutex::new(Count::default()));
    let sink = Arc::clone(&count);
    let command = home.on_terminal(binary(), &COUNTER);
    let terminal = Terminal::feeding(command, move |bytes| sink.lock().unwrap().take(bytes));
    home.wait_for_clients("work", 1, 0);
    terminal.type_keys("\r");
    let seen = || count.lock().unwrap().last;
    wait_until("the stream flows", LIMIT, || (seen() > 100_000).then_some(()));
    let mut daemon = home.daemon();
    for kill in 1..=KILLS {
        let_pass(random_ms(150));
        processes::send(daemon, Signal::SIGKILL);
        // At the new daemon while it adopts, too.
        let old = daemon;
        daemon = wait_until("another daemon", LIMIT, || home.daemons().iter().find(|p| p.pid != old).map(|p| p.pid));
        if kill % 3 != 0 {
            let then = seen();
            wait_until("the stream flows on", LIMIT, || {
                let count = count.lock().unwrap();
                assert!(count.wrong.is_empty(), "kill {kill}: {:#?}", count.wrong);
                (count.last > then + 1000).then_some(())
            });
        }
    }
    terminal.check_sink();
    let count = count.lock().unwrap();
    assert!(count.wrong.is_empty(), "{:#?}", count.wrong);
    eprintln!("{KILLS} kills, {} lines, {} MB", count.last, count.bytes >> 20);
}

#[test]
fn a_count_tells_a_lost_and_a_doubled_line() {
    let mut good = Count::default();
    good.take(b"1\r\n2\r\n3\r");
    good.take(b"\n4\r\n");
    assert_eq!((good.last, good.wrong.len()), (4, 0));
    for bad in
        [&b"1\r\n3\r\n"[..], b"1\r\n1\r\n2\r\n", b"1\r\n2\r\n2\r\n", b"1\r\n12\r\n", b"1\r\n\r\n", b"1\r\n\x1b[0m2\r\n"]
    {
        let mut count = Count::default();
        count.take(bad);
        assert!(!count.wrong.is_empty(), "{}", String::from_utf8_lossy(bad));
    }
}
