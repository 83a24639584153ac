//! From a key that a user types in an attached terminal to its echo there.
//!
//! One key at a time: the next is typed when the echo of the last has come, so nothing can be batched. Contestants
//! take turns in blocks of keys, short enough that the machine's load is the same for all.

use std::time::Instant;

use crate::coop::Coop;
use crate::dtach::Dtach;
use crate::inside;
use crate::pty::Terminal;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::run;
use crate::stats;
use crate::stats::Lane;
use crate::stats::Series;
use crate::stats::median;
use crate::stats::p99;
use crate::tmux::Tmux;
use crate::trouble::Result;
use crate::trouble::Trouble;
use crate::world::World;

const KEYS_A_BLOCK: usize = 100;
/// None of these occurs in the escape sequences with which a client moves the cursor or sets colours.
const KEYS: &[u8] = b"#$%&*+=_";

pub fn run(world: &World) -> Result<Vec<Row>> {
    let argv = world.inside(&[inside::ECHO]);
    let coop = Coop::fresh(world);
    let tmux = Tmux::fresh(world);
    let dtach = Dtach::find(world);
    let ours = match &coop {
        Some(coop) => {
            coop.create("echo", &argv)?;
            let mut terminal = coop.attach("echo")?;
            Lane::ours("coop", move || block(&mut terminal))
        }
        None => Lane::absent("coop", "not built"),
    };
    let with_tmux = |tmux: &Tmux<'_>| {
        tmux.create("echo", &argv)?;
        tmux.hide_status_line()?;
        tmux.attach("echo")
    };
    let with_dtach = |dtach: &Dtach<'_>| dtach.attach(&dtach.create(&argv)?);
    let mut bare = world.command(argv[0].as_ref());
    bare.args(&argv[1..]);
    let lanes = vec![
        ours,
        lane("tmux", tmux.as_ref().map(with_tmux)),
        lane("dtach", dtach.as_ref().map(with_dtach)),
        lane("no session", Some(Terminal::attach(bare))),
    ];
    let series = stats::alternate(world.times(20, 2), lanes)?;
    coop.map_or(Ok(()), Coop::end)?;
    tmux.map_or(Ok(()), Tmux::end)?;
    dtach.map_or(Ok(()), Dtach::end)?;
    Ok(rows(&series))
}

fn rows(series: &[Series]) -> Vec<Row> {
    let (coop, others) = (&series[0], &series[1..]);
    let mut rows = Vec::new();
    for other in others {
        let bar = if other.name == "tmux" { Bar::AtMost(1.25) } else { Bar::Report };
        rows.push(Row::compared("key echo, p50", coop, other, (median, report::micros), bar));
        rows.push(Row::compared("key echo, p99", coop, other, (p99, report::micros), bar));
    }
    rows
}

/// A contestant that may be missing, or may not work here.
fn lane<'a>(name: &'static str, terminal: Option<Result<Terminal>>) -> Lane<'a> {
    match terminal {
        Some(Ok(mut terminal)) => Lane::theirs(name, move || block(&mut terminal)),
        Some(Err(trouble)) => Lane::absent(name, format!("failed: {trouble}")),
        None => Lane::absent(name, "not installed"),
    }
}

/// Seconds from key to echo, for each key of a block.
fn block(terminal: &mut Terminal) -> Result<Vec<f64>> {
    KEYS.iter().cycle().take(KEYS_A_BLOCK).map(|key| one_key(terminal, *key)).collect()
}

fn one_key(terminal: &mut Terminal, key: u8) -> Result<f64> {
    let mut buffer = [0; 4096];
    let typed = Instant::now();
    terminal.send(&[key])?;
    loop {
        let Some(count) = terminal.read(&mut buffer, typed + run::LIMIT)? else {
            return Err(Trouble::new(format!("{}: no echo of a key after {:?}", terminal.what(), run::LIMIT)));
        };
        if buffer[..count].contains(&key) {
            return Ok(typed.elapsed().as_secs_f64());
        }
    }
}
