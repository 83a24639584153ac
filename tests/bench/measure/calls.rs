//! System calls in a box, under its filter, and outside of any.

use std::fs;

use crate::coop::Coop;
use crate::inside;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::stats;
use crate::stats::Lane;
use crate::stats::median;
use crate::trouble::During;
use crate::trouble::Result;
use crate::trouble::Trouble;
use crate::world::World;

const SESSION: &str = "calls";

pub fn run(world: &World) -> Result<Vec<Row>> {
    let coop = Coop::fresh(world);
    if let Some(coop) = &coop {
        coop.create(SESSION, &["sleep".into(), "1000".into()])?;
    }
    let mut rows = Vec::new();
    for (index, call) in ["getpid", "open and close"].into_iter().enumerate() {
        let (ours, theirs) = (world.workspace.join("calls-coop"), world.workspace.join("calls-plain"));
        let boxed = match &coop {
            Some(coop) => Lane::ours("coop", || {
                let words = world.inside(&[inside::CALLS, &ours.to_string_lossy()]);
                let line: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                coop.in_box(SESSION, &line.join(" "))?;
                Ok(vec![took(&ours, index)?])
            }),
            None => Lane::absent("coop", "not built"),
        };
        let plain = Lane::theirs("no box", || {
            let words = world.inside(&[inside::CALLS, &theirs.to_string_lossy()]);
            let mut command = world.command(words[0].as_ref());
            command.args(&words[1..]);
            world.run(command)?;
            Ok(vec![took(&theirs, index)?])
        });
        let series = stats::alternate(world.times(15, 2), vec![boxed, plain])?;
        let how = (median as stats::Statistic, nanos as report::Unit);
        // Calls in a second are the inverse of what one takes: 0.9 of them are 1.11 of that.
        rows.push(Row::compared(&format!("a call: {call}"), &series[0], &series[1], how, Bar::AtMost(1.11)));
    }
    if let Some(coop) = coop {
        coop.end()?;
    }
    Ok(rows)
}

fn nanos(value: f64) -> String {
    format!("{value:.0} ns")
}

fn took(file: &std::path::Path, index: usize) -> Result<f64> {
    let text = fs::read_to_string(file).during(|| format!("reading {}", file.display()))?;
    let word = text.split_whitespace().nth(index).and_then(|word| word.parse().ok());
    word.ok_or_else(|| Trouble::new(format!("{} says {text:?}", file.display())))
}
