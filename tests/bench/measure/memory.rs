//! Memory of everything that keeps idle sessions: guard, daemon and inits; not the programs inside.
//!
//! PSS counts a page shared by n processes as 1/n in each, so the sum counts it once. A memfd that nobody maps and the
//! kernel's own memory are not in it.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::coop::Coop;
use crate::dtach::Dtach;
use crate::family;
use crate::report;
use crate::report::Row;
use crate::run;
use crate::trouble::Result;
use crate::world::World;

/// The bar: so much, and so much more for every quiet session.
const BAR_BYTES: f64 = 8e6;
const BAR_BYTES_A_SESSION: f64 = 0.4e6;
/// A sum that has changed by less than this part in the time between is at rest.
const AT_REST: f64 = 0.01;
const BETWEEN: Duration = Duration::from_millis(300);

struct Sum {
    sessions: usize,
    bytes: f64,
    processes: usize,
    largest: f64,
}

pub fn run(world: &World) -> Result<Vec<Row>> {
    let steps: &[usize] = if world.smoke { &[1, 3] } else { &[1, 20, 100] };
    let agent = family::AGENT.map(Into::into);
    // One after the other: they must not share pages with each other.
    let theirs = match Dtach::find(world) {
        Some(dtach) => {
            sums(steps, |_| dtach.create(&agent).map(|_| ())).map_err(|trouble| format!("failed: {trouble}"))
        }
        None => Err("not installed".to_owned()),
    };
    family::sweep_from_bench()?;
    let Some(coop) = Coop::fresh(world) else {
        let row = |sessions| Row::alone(title(sessions), "not built").beside(dtach_at(&theirs, sessions));
        return Ok(steps.iter().map(|sessions| row(*sessions)).collect());
    };
    let ours = sums(steps, |number| coop.create(&format!("m{number}"), &agent).map(|_| ()))?;
    coop.end()?;
    Ok(ours.iter().map(|sum| row(sum, dtach_at(&theirs, sum.sessions))).collect())
}

fn title(sessions: usize) -> String {
    format!("PSS, {sessions} idle session{}", if sessions == 1 { "" } else { "s" })
}

fn row(sum: &Sum, against: String) -> Row {
    let bar = BAR_BYTES + BAR_BYTES_A_SESSION * sum.sessions as f64;
    let each = (sum.bytes - sum.largest) / sum.sessions as f64;
    eprintln!(
        "   {}: {} in {} processes, the largest {}, the rest {:.0} kB a session",
        title(sum.sessions),
        report::megabytes(sum.bytes),
        sum.processes,
        report::megabytes(sum.largest),
        each / 1e3
    );
    let row = Row::alone(title(sum.sessions), report::megabytes(sum.bytes)).beside(against);
    row.held_to(format!("<= {}", report::megabytes(bar)), sum.bytes <= bar)
}

fn dtach_at(theirs: &std::result::Result<Vec<Sum>, String>, sessions: usize) -> String {
    match theirs {
        Ok(sums) => {
            let sum = sums.iter().find(|sum| sum.sessions == sessions);
            format!("dtach: {}", sum.map_or_else(|| "not measured".into(), |sum| report::megabytes(sum.bytes)))
        }
        Err(why) => format!("dtach: {why}"),
    }
}

/// Creates sessions up to each step and sums up there.
fn sums(steps: &[usize], create: impl Fn(usize) -> Result<()>) -> Result<Vec<Sum>> {
    let mut created = 0;
    let mut sums = Vec::new();
    for step in steps {
        while created < *step {
            created += 1;
            create(created)?;
        }
        sums.push(sum_at_rest(*step)?);
    }
    Ok(sums)
}

/// The sum once it no longer changes (or, after the limit, as it is).
fn sum_at_rest(sessions: usize) -> Result<Sum> {
    let deadline = Instant::now() + run::LIMIT;
    let mut before = sum(sessions)?;
    loop {
        thread::sleep(BETWEEN);
        let now = sum(sessions)?;
        if (now.bytes - before.bytes).abs() <= now.bytes * AT_REST || Instant::now() > deadline {
            return Ok(now);
        }
        before = now;
    }
}

fn sum(sessions: usize) -> Result<Sum> {
    let keepers = family::wait_for_agents(sessions, run::LIMIT)?;
    let mut sum = Sum { sessions, bytes: 0.0, processes: keepers.len(), largest: 0.0 };
    for pid in keepers {
        let bytes = family::pss_kib(pid)? as f64 * 1024.0;
        sum.bytes += bytes;
        sum.largest = sum.largest.max(bytes);
    }
    Ok(sum)
}
