//! How often anything of coop wakes up while nothing happens: batteries and noisy neighbours.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use nix::unistd::Pid;

use crate::coop::Coop;
use crate::family;
use crate::report::Row;
use crate::run;
use crate::trouble::Result;
use crate::trouble::Trouble;
use crate::world::World;

/// What creation leaves to be done (timers, checkpoints) is over after this.
const SETTLE: Duration = Duration::from_secs(2);

pub fn run(world: &World) -> Result<Vec<Row>> {
    let sessions = world.times(100, 3);
    let watched = Duration::from_secs(if world.smoke { 1 } else { 5 });
    let what = format!("context switches, {sessions} idle sessions, {} s", watched.as_secs());
    let Some(coop) = Coop::fresh(world) else { return Ok(vec![Row::alone(what, "not built")]) };
    for number in 1..=sessions {
        coop.create(&format!("i{number}"), &family::AGENT.map(Into::into))?;
    }
    let keepers = family::wait_for_agents(sessions, run::LIMIT)?;
    thread::sleep(SETTLE);
    let before = counts(&keepers)?;
    thread::sleep(watched);
    let after = counts(&keepers)?;
    let mut woken: Vec<(u64, Pid)> = after.iter().map(|(pid, count)| (count - before[pid], *pid)).collect();
    woken.sort_unstable();
    let sum: u64 = woken.iter().map(|(count, _)| count).sum();
    for (count, pid) in woken.iter().rev().take(3).filter(|(count, _)| *count > 0) {
        eprintln!("   {count} of {}", family::describe(*pid));
    }
    coop.end()?;
    if keepers.is_empty() {
        return Err(Trouble::new("no process keeps the sessions"));
    }
    Ok(vec![Row::alone(what, format!("{sum} in {} processes", keepers.len()))])
}

fn counts(pids: &[Pid]) -> Result<HashMap<Pid, u64>> {
    pids.iter().map(|pid| Ok((*pid, family::context_switches(*pid)?))).collect()
}
