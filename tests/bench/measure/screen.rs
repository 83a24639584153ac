//! The terminal that every PTY has: how fast output becomes a screen, what it takes, and how fast it is told to others.
//!
//! Times are the CPU's, of one thread: what others do on the machine counts less.

use std::fs;
use std::path::Path;

use alacritty_terminal::Term;
use alacritty_terminal::event::VoidListener;
use alacritty_terminal::term::Config;
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::vte::ansi::Processor;

use crate::heap;
use crate::name::WinSize;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::stats;
use crate::stats::Lane;
use crate::stats::median;
use crate::stream;
use crate::stream::Kind;
use crate::term::filter::Filter;
use crate::term::modes::ModeTracker;
use crate::term::screen::Heard;
use crate::term::screen::Screen;
use crate::trouble::During;
use crate::trouble::Result;
use crate::world::World;

const BYTES: usize = 16_000_000;
const SMOKE_BYTES: usize = 300_000;
/// A PTY's read returns about so much (N_TTY_BUF_SIZE).
const CHUNK_BYTES: usize = 4096;
const AGENTS: [&str; 4] = ["claude", "codex", "gemini", "opencode"];
const MEMORY_MAX_BYTES: usize = 64 * 1024;
const SNAPSHOT_MAX_SECONDS: f64 = 100e-6;

/// What a recorded program wrote.
fn recorded(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams").join(name).with_extension("stream");
    fs::read(&path).during(|| format!("reading {}", path.display()))
}

fn outputs(world: &World) -> Result<Vec<(String, Vec<u8>, Bar)>> {
    let bytes = world.times(BYTES, SMOKE_BYTES);
    let made = |kind: Kind, bar| (kind.name().to_owned(), stream::make(kind, bytes), Bar::AtLeast(bar));
    let mut outputs = vec![made(Kind::Plain, 2.0), made(Kind::Escapes, 1.2)];
    for name in AGENTS {
        let once = recorded(name)?;
        outputs.push((name.to_owned(), once.repeat(bytes.div_ceil(once.len())), Bar::Report));
    }
    Ok(outputs)
}

pub fn speed(world: &World) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, output, bar) in outputs(world)? {
        let lanes = vec![
            Lane::ours("coop", || Ok(vec![rate(&output, Screen::new(WinSize::DEFAULT), feed)])),
            Lane::theirs("alacritty_terminal", || Ok(vec![rate(&output, alacritty(), advance)])),
            Lane::theirs("filter", || {
                Ok(vec![rate(&output, (Filter::new(false), ModeTracker::new(), Vec::new()), pass)])
            }),
        ];
        let series = stats::alternate(world.times(9, 1), lanes)?;
        let how = (median as stats::Statistic, report::megabytes_a_second as report::Unit);
        rows.push(Row::compared(&format!("parse + screen, {name}"), &series[0], &series[1], how, bar));
        let filter = report::megabytes_a_second(series[2].take(median));
        rows.push(Row::alone(format!("filter for clients, {name}"), filter));
    }
    Ok(rows)
}

/// MB/s of the CPU's time.
fn rate<T>(output: &[u8], mut state: T, take: impl Fn(&mut T, &[u8])) -> f64 {
    let before = cpu_seconds();
    output.chunks(CHUNK_BYTES).for_each(|chunk| take(&mut state, chunk));
    output.len() as f64 / 1e6 / (cpu_seconds() - before)
}

fn feed(screen: &mut Screen, output: &[u8]) {
    screen.feed(output, &mut Heard::default());
}

fn pass((filter, modes, out): &mut (Filter, ModeTracker, Vec<u8>), output: &[u8]) {
    out.clear();
    filter.pass(output, out, |seen| modes.feed(seen));
}

/// Without history, as ours.
fn alacritty() -> (Term<VoidListener>, Processor) {
    let config = Config { scrolling_history: 0, ..Config::default() };
    (Term::new(config, &TermSize::new(80, 24), VoidListener), Processor::new())
}

fn advance((terminal, parser): &mut (Term<VoidListener>, Processor), output: &[u8]) {
    parser.advance(terminal, output);
}

fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours and of the type that clock_gettime(2) fills in.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

pub fn memory(world: &World) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let fresh: (String, Vec<u8>, Bar) = ("fresh".into(), Vec::new(), Bar::Report);
    for (name, output, _) in [fresh].into_iter().chain(outputs(world)?) {
        let before = heap::bytes();
        let mut screen = Screen::new(WinSize::DEFAULT);
        output.chunks(CHUNK_BYTES).for_each(|chunk| feed(&mut screen, chunk));
        let bytes = heap::bytes().saturating_sub(before) + size_of::<Screen>();
        let row = Row::alone(format!("terminal of 80x24, {name}"), format!("{:.1} KiB", bytes as f64 / 1024.0));
        rows.push(row.held_to("<= 64 KiB".into(), bytes <= MEMORY_MAX_BYTES));
    }
    Ok(rows)
}

pub fn snapshot(world: &World) -> Result<Vec<Row>> {
    const EACH: usize = 100;
    let mut rows = Vec::new();
    for name in AGENTS {
        let output = recorded(name)?;
        let mut screen = Screen::new(WinSize::DEFAULT);
        // In the middle, where it shows something.
        feed(&mut screen, &output[..output.len() / 2]);
        let mut out = Vec::new();
        let mut samples = Vec::new();
        for _ in 0..world.times(50, 3) {
            let before = cpu_seconds();
            for _ in 0..EACH {
                out.clear();
                screen.snapshot(&mut out);
            }
            samples.push((cpu_seconds() - before) / EACH as f64);
        }
        let seconds = median(&samples);
        let value = format!("{:.1} us, {} bytes", seconds * 1e6, out.len());
        let row = Row::alone(format!("snapshot of 80x24, {name}"), value);
        rows.push(row.held_to("<= 100 us".into(), seconds <= SNAPSHOT_MAX_SECONDS));
    }
    Ok(rows)
}
