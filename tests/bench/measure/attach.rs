//! From the command that attaches to the whole screen, after the program has printed a lot.

use crate::coop::Coop;
use crate::inside;
use crate::measure::output;
use crate::pty::Terminal;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::stats;
use crate::stats::Lane;
use crate::stats::median;
use crate::stats::p99;
use crate::stream;
use crate::stream::Kind;
use crate::tmux::Tmux;
use crate::trouble::Result;
use crate::world::World;

const BYTES: usize = 10_000_000;
const SMOKE_BYTES: usize = 1_000_000;

pub fn run(world: &World) -> Result<Vec<Row>> {
    let bytes = world.times(BYTES, SMOKE_BYTES);
    let argv = world.inside(&[inside::POUR, Kind::Escapes.name(), &bytes.to_string()]);
    let coop = Coop::fresh(world);
    let ours = match &coop {
        Some(coop) => {
            coop.create("attach", &argv)?;
            output::pour_until_end(&mut coop.attach("attach")?)?;
            Lane::ours("coop", || first_screen(coop.open("attach", &[])?))
        }
        None => Lane::absent("coop", "not built"),
    };
    let tmux = Tmux::fresh(world);
    let theirs = match &tmux {
        Some(tmux) => {
            tmux.create("attach", &argv)?;
            output::pour_until_end(&mut tmux.attach("attach")?)?;
            Lane::theirs("tmux", || first_screen(tmux.open("attach", &[])?))
        }
        None => Lane::absent("tmux", "not installed"),
    };
    let series = stats::alternate(world.times(40, 2), vec![ours, theirs])?;
    coop.map_or(Ok(()), Coop::end)?;
    tmux.map_or(Ok(()), Tmux::end)?;
    let row = |what, how, bar| Row::compared(what, &series[0], &series[1], (how, report::millis), bar);
    Ok(vec![
        row("attach to the screen after 10 MB, p50", median, Bar::AtMost(1.0)),
        row("attach to the screen after 10 MB, p99", p99, Bar::Report),
    ])
}

/// Seconds since the client was started, when the last thing on the screen has come.
fn first_screen(mut terminal: Terminal) -> Result<Vec<f64>> {
    terminal.read_until(stream::END_MARK)?;
    Ok(vec![terminal.age().as_secs_f64()])
}
