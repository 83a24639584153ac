//! From `coop -d -- CMD`, with the daemon running, to the first thing that CMD does in its box.

use std::ffi::OsString;

use crate::bell::Bell;
use crate::bwrap::Bwrap;
use crate::coop::Coop;
use crate::inside;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::run::Running;
use crate::stats;
use crate::stats::Lane;
use crate::stats::median;
use crate::trouble::Result;
use crate::world::World;

pub fn run(world: &World) -> Result<Vec<Row>> {
    let mut our_bell = Bell::hang(world.workspace.join("bell-coop"))?;
    let mut their_bell = Bell::hang(world.workspace.join("bell-bwrap"))?;
    let coop = Coop::fresh(world);
    let bwrap = Bwrap::find(world);
    // Time until the client itself was back, of the same runs.
    let mut client_back = Vec::new();
    let (mut count, mut tooled) = (0, 0);
    let ours = match &coop {
        Some(coop) => {
            coop.ls()?;
            Lane::ours("coop", || {
                count += 1;
                let start = |name: &str, argv: &[OsString]| coop.start_session(name, argv);
                let (to_program, to_end) = create_one(world, coop, &format!("b{count}"), &mut our_bell, start)?;
                client_back.push(to_end);
                Ok(vec![to_program])
            })
        }
        None => Lane::absent("coop", "not built"),
    };
    let mut tools_bell = Bell::hang(world.workspace.join("bell-tools"))?;
    let with_tools = match &coop {
        Some(coop) => Lane::theirs("coop, with all that is on PATH", || {
            tooled += 1;
            let start = |name: &str, argv: &[OsString]| coop.start_session_with_tools(name, argv);
            Ok(vec![create_one(world, coop, &format!("t{tooled}"), &mut tools_bell, start)?.0])
        }),
        None => Lane::absent("coop, with all that is on PATH", "not built"),
    };
    let nothing = match &bwrap {
        Some(bwrap) => Lane::theirs("bwrap /bin/true", || Ok(vec![bwrap.nothing()?])),
        None => Lane::absent("bwrap /bin/true", "not installed"),
    };
    let same = match &bwrap {
        Some(bwrap) => Lane::theirs("bwrap CMD", || Ok(vec![box_one(world, bwrap, &mut their_bell)?])),
        None => Lane::absent("bwrap CMD", "not installed"),
    };
    let series = stats::alternate(world.times(200, 5), vec![ours, nothing, same, with_tools])?;
    let how = (median as stats::Statistic, report::millis as report::Unit);
    let (ours, nothing, same) = (&series[0], &series[1], &series[2]);
    let tools = report::millis(series[3].take(median));
    let mut rows = vec![
        Row::compared("create: to the program in the box", ours, nothing, how, Bar::AtMost(1.8)),
        Row::compared("create: both to the same program", ours, same, how, Bar::Report),
    ];
    if let Some(coop) = coop {
        rows.push(Row::alone("create: with the tools of HOME and PATH", tools));
        rows.push(Row::alone("create: until the client is back", report::millis(median(&client_back))));
        coop.end()?;
    }
    rows.push(everything_on(world)?);
    Ok(rows)
}

/// What filter, scopes and limits cost.
fn everything_on(world: &World) -> Result<Row> {
    let (coop, bare) = (Coop::fresh(world), Coop::bare(world));
    let mut our_bell = Bell::hang(world.workspace.join("bell-held"))?;
    let mut bare_bell = Bell::hang(world.workspace.join("bell-bare"))?;
    let ours = match &coop {
        Some(coop) => Lane::ours("coop", many(world, coop, &mut our_bell)?),
        None => Lane::absent("coop", "not built"),
    };
    let unheld = match &bare {
        Some(bare) => Lane::theirs("without filter, scopes, limits", many(world, bare, &mut bare_bell)?),
        None => Lane::absent("without filter, scopes, limits", "no --bare"),
    };
    let series = stats::alternate(world.times(200, 5), vec![ours, unheld])?;
    let how = (median as stats::Statistic, report::millis as report::Unit);
    let row = Row::compared("create: with everything on", &series[0], &series[1], how, Bar::AtMost(1.3));
    coop.into_iter().chain(bare).try_for_each(Coop::end)?;
    Ok(row)
}

/// Creates sessions one after the other, with its daemon running.
fn many<'a>(
    world: &'a World,
    coop: &'a Coop<'a>,
    bell: &'a mut Bell,
) -> Result<impl FnMut() -> Result<Vec<f64>> + use<'a>> {
    coop.ls()?;
    let mut count = 0;
    Ok(move || {
        count += 1;
        let start = |name: &str, argv: &[OsString]| coop.start_session(name, argv);
        Ok(vec![create_one(world, coop, &format!("n{count}"), bell, start)?.0])
    })
}

/// Seconds until the program in the box has started, and until the client has ended.
fn create_one(
    world: &World,
    coop: &Coop<'_>,
    name: &str,
    bell: &mut Bell,
    start: impl Fn(&str, &[OsString]) -> Result<Running>,
) -> Result<(f64, f64)> {
    let argv = world.inside(&[inside::RING, &bell.path().to_string_lossy()]);
    let client = start(name, &argv)?;
    let heard = bell.wait_for(&client)?.duration_since(client.started());
    let ended = client.finish()?;
    coop.kill(name)?;
    Ok((heard.as_secs_f64(), ended.as_secs_f64()))
}

fn box_one(world: &World, bwrap: &Bwrap<'_>, bell: &mut Bell) -> Result<f64> {
    let argv = world.inside(&[inside::RING, &bell.path().to_string_lossy()]);
    let running = world.start(bwrap.boxed(&argv))?;
    let heard = bell.wait_for(&running)?.duration_since(running.started());
    running.finish()?;
    Ok(heard.as_secs_f64())
}
