//! `coop ls` and `tmux ls` with twenty sessions each.

use crate::coop::Coop;
use crate::family;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::stats;
use crate::stats::Lane;
use crate::stats::median;
use crate::tmux::Tmux;
use crate::trouble::Result;
use crate::trouble::Trouble;
use crate::world::World;

pub fn run(world: &World) -> Result<Vec<Row>> {
    let sessions = world.times(20, 5);
    let agent = family::AGENT.map(Into::into);
    let coop = Coop::fresh(world);
    let tmux = Tmux::fresh(world);
    let names: Vec<String> = (1..=sessions).map(|number| format!("s{number}")).collect();
    for name in &names {
        if let Some(coop) = &coop {
            coop.create(name, &agent)?;
        }
        if let Some(tmux) = &tmux {
            tmux.create(name, &agent)?;
        }
    }
    let ours = match &coop {
        Some(coop) if coop.listed(&names)? == sessions => Lane::ours("coop", || Ok(vec![coop.ls()?])),
        Some(coop) => {
            return Err(Trouble::new(format!("coop ls lists {} of {sessions} sessions", coop.listed(&names)?)));
        }
        None => Lane::absent("coop", "not built"),
    };
    let theirs = match &tmux {
        Some(tmux) => Lane::theirs("tmux", || Ok(vec![tmux.ls()?])),
        None => Lane::absent("tmux", "not installed"),
    };
    let series = stats::alternate(world.times(200, 5), vec![ours, theirs])?;
    let what = format!("ls, {sessions} sessions");
    let rows = vec![Row::compared(&what, &series[0], &series[1], (median, report::millis), Bar::AtMost(1.5))];
    coop.map_or(Ok(()), Coop::end)?;
    tmux.map_or(Ok(()), Tmux::end)?;
    Ok(rows)
}
