//! What the copy of this program does inside a session: the watched side of each measure.

use std::ffi::OsString;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use nix::sys::termios;
use nix::sys::termios::SetArg;

use crate::stream;
use crate::stream::Kind;

/// First argument of the copy.
pub const ROLE: &str = "inside";
/// `ring FIFO`: says that it has started.
pub const RING: &str = "ring";
/// `echo`: gives every byte back.
pub const ECHO: &str = "echo";
/// `pour plain|escapes BYTES`: gives every `PROBE` back, and the whole stream for every `GO`.
pub const POUR: &str = "pour";
/// `calls FILE`: makes many system calls, and writes how many nanoseconds one took.
pub const CALLS: &str = "calls";

/// A key that is given back by every role with a terminal, to find out whether it listens.
pub const PROBE: u8 = b'!';
pub const GO: u8 = b'G';

/// Big enough that system calls do not count.
const CHUNK: usize = 64 * 1024;

pub fn main(args: &[OsString]) -> ExitCode {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let done = match &words[..] {
        [RING, fifo] => ring(fifo),
        [ECHO] => echo(),
        [CALLS, file] => calls(file),
        [POUR, kind, bytes] => pour(kind, bytes),
        _ => Err(io::Error::other(format!("unknown role {words:?}"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inside: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ring(fifo: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(fifo)?.write_all(b"x")
}

/// Nanoseconds of a getpid, and of an open with its close.
fn calls(file: &str) -> io::Result<()> {
    const GETPIDS: u32 = 1_000_000;
    const OPENS: u32 = 100_000;
    let each = |began: Instant, count: u32| began.elapsed().as_secs_f64() * 1e9 / f64::from(count);
    let began = Instant::now();
    for _ in 0..GETPIDS {
        std::hint::black_box(nix::unistd::getpid());
    }
    let getpid = each(began, GETPIDS);
    let began = Instant::now();
    for _ in 0..OPENS {
        drop(File::open("/etc/hostname").or_else(|_| File::open("/etc/passwd"))?);
    }
    let open = each(began, OPENS);
    std::fs::write(file, format!("{getpid} {open}"))
}

fn echo() -> io::Result<()> {
    make_raw()?;
    let (mut keys, mut screen) = (io::stdin().lock(), io::stdout().lock());
    let mut buffer = [0; 4096];
    loop {
        let count = keys.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        screen.write_all(&buffer[..count])?;
        screen.flush()?;
    }
}

fn pour(kind: &str, bytes: &str) -> io::Result<()> {
    let kind = Kind::from_name(kind).ok_or_else(|| io::Error::other("unknown kind of stream"))?;
    let stream = stream::make(kind, bytes.parse().map_err(io::Error::other)?);
    make_raw()?;
    let (mut keys, mut screen) = (io::stdin().lock(), io::stdout().lock());
    let mut key = [0];
    while keys.read(&mut key)? == 1 {
        match key[0] {
            PROBE => screen.write_all(&key)?,
            GO => stream.chunks(CHUNK).try_for_each(|chunk| screen.write_all(chunk))?,
            _ => {}
        }
        screen.flush()?;
    }
    Ok(())
}

fn make_raw() -> io::Result<()> {
    let mut settings = termios::tcgetattr(io::stdin())?;
    termios::cfmakeraw(&mut settings);
    termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &settings)?;
    Ok(())
}
