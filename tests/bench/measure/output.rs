//! A program that prints as fast as it can, watched through an attached terminal; every byte is checked.

use std::ffi::OsString;
use std::time::Duration;
use std::time::Instant;

use crate::coop::Coop;
use crate::dtach::Dtach;
use crate::inside;
use crate::pty::Terminal;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::stats;
use crate::stats::Lane;
use crate::stats::median;
use crate::stream;
use crate::stream::Checker;
use crate::stream::Kind;
use crate::trouble::Result;
use crate::trouble::Trouble;
use crate::world::World;

const BYTES: usize = 50_000_000;
const SMOKE_BYTES: usize = 2_000_000;
/// Slower than 1 MB/s is not slow, it hangs.
const LIMIT: Duration = Duration::from_secs(50);
const BUFFER: usize = 256 * 1024;

pub fn run(world: &World) -> Result<Vec<Row>> {
    let mut rows = one_kind(world, Kind::Plain)?;
    rows.extend(one_kind(world, Kind::Escapes)?);
    Ok(rows)
}

fn one_kind(world: &World, kind: Kind) -> Result<Vec<Row>> {
    let bytes = world.times(BYTES, SMOKE_BYTES);
    let expected = stream::make(kind, bytes);
    let argv = world.inside(&[inside::POUR, kind.name(), &bytes.to_string()]);
    let coop = Coop::fresh(world);
    let ours = match &coop {
        Some(coop) => {
            coop.create("output", &argv)?;
            let mut terminal = coop.attach("output")?;
            let expected = &expected;
            Lane::ours("coop", move || pour(&mut terminal, expected))
        }
        None => Lane::absent("coop", "not built"),
    };
    let dtach = Dtach::find(world);
    let with_dtach = |dtach: &Dtach<'_>| dtach.attach(&dtach.create(&argv)?);
    let lanes = vec![
        ours,
        lane("dtach", dtach.as_ref().map(with_dtach), &expected),
        lane("no session", Some(bare(world, &argv)), &expected),
    ];
    let series = stats::alternate(world.times(9, 1), lanes)?;
    coop.map_or(Ok(()), Coop::end)?;
    dtach.map_or(Ok(()), Dtach::end)?;
    let what = format!("{} MB, {}", bytes / 1_000_000, kind.name());
    let row = |other, bar| Row::compared(&what, &series[0], other, (median, report::megabytes_a_second), bar);
    Ok(vec![row(&series[1], Bar::AtLeast(0.9)), row(&series[2], Bar::Report)])
}

/// The program on the terminal itself, with nothing in between: what the kernel allows.
fn bare(world: &World, argv: &[OsString]) -> Result<Terminal> {
    let mut command = world.command(argv[0].as_ref());
    command.args(&argv[1..]);
    Terminal::attach(command)
}

fn lane<'a>(name: &'static str, terminal: Option<Result<Terminal>>, expected: &'a [u8]) -> Lane<'a> {
    match terminal {
        Some(Ok(mut terminal)) => Lane::theirs(name, move || pour(&mut terminal, expected)),
        Some(Err(trouble)) => Lane::absent(name, format!("failed: {trouble}")),
        None => Lane::absent(name, "not installed"),
    }
}

/// Asks for a stream, and waits until its end is shown.
pub fn pour_until_end(terminal: &mut Terminal) -> Result<()> {
    terminal.send(&[inside::GO])?;
    terminal.read_until(stream::END_MARK)
}

/// MB/s of one whole stream.
fn pour(terminal: &mut Terminal, expected: &[u8]) -> Result<Vec<f64>> {
    let mut checker = Checker::new(expected);
    let mut buffer = vec![0; BUFFER];
    let started = Instant::now();
    terminal.send(&[inside::GO])?;
    loop {
        let Some(count) = terminal.read(&mut buffer, started + LIMIT)? else {
            let progress = checker.progress();
            return Err(Trouble::new(format!("{}: {progress} after {LIMIT:?}", terminal.what())));
        };
        if checker.feed(&buffer[..count]) {
            break;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    checker.verdict()?;
    Ok(vec![expected.len() as f64 / 1e6 / seconds])
}
