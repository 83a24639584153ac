//! The first command of a user who has never run coop: no state directory, no daemon.

use std::ffi::OsString;

use crate::coop::Coop;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::stats;
use crate::stats::Lane;
use crate::stats::median;
use crate::tmux::Tmux;
use crate::trouble::Result;
use crate::world::World;

/// The aim; there is no bar.
const AIM_SECONDS: f64 = 0.050;

pub fn run(world: &World) -> Result<Vec<Row>> {
    let nothing = [OsString::from("true")];
    let lanes = match &world.coop {
        Some(_) => [
            Lane::ours("coop ls", || with_fresh(world, |coop| coop.ls())),
            Lane::ours("coop -d", || with_fresh(world, |coop| coop.create("first", &nothing))),
        ],
        None => ["coop ls", "coop -d"].map(|name| Lane::absent(name, "not built")),
    };
    let tmux = match &world.tmux {
        Some(_) => Lane::theirs("tmux new-session -d", || start_tmux(world)),
        None => Lane::absent("tmux new-session -d", "not installed"),
    };
    let series = stats::alternate(world.times(20, 2), lanes.into_iter().chain([tmux]).collect())?;
    let how = (median as stats::Statistic, report::millis as report::Unit);
    let rows = [("first command: coop ls", &series[0]), ("first command: coop -d -- true", &series[1])];
    Ok(rows.map(|(what, ours)| row(what, ours, &series[2], how)).into())
}

fn row(what: &str, ours: &stats::Series, tmux: &stats::Series, how: (stats::Statistic, report::Unit)) -> Row {
    let row = Row::compared(what, ours, tmux, how, Bar::Report);
    let took = ours.take(median);
    let verdict = if ours.absent.is_some() {
        ""
    } else if took < AIM_SECONDS {
        " (reached)"
    } else {
        " (not reached)"
    };
    row.with_bar(format!("report; aim < {:.0} ms{verdict}", AIM_SECONDS * 1e3))
}

fn with_fresh(world: &World, command: impl Fn(&Coop<'_>) -> Result<f64>) -> Result<Vec<f64>> {
    let Some(coop) = Coop::fresh(world) else { return Ok(Vec::new()) };
    let took = command(&coop)?;
    coop.end()?;
    Ok(vec![took])
}

fn start_tmux(world: &World) -> Result<Vec<f64>> {
    let Some(tmux) = Tmux::fresh(world) else { return Ok(Vec::new()) };
    // A server whose only session has ended goes away by itself: this one stays to be ended.
    let took = tmux.create("first", &["sleep".into(), "1000000".into()])?;
    tmux.end()?;
    Ok(vec![took])
}
