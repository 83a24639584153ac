//! How fast coop is, beside the tools that people use today: `cargo bench --bench bench`.
//!
//! Every comparison alternates its contestants (A B A B ...) in one run, because machines differ and their load
//! changes: compare ratios, never numbers of two runs. A slow result is reported, it is never a failing test; the
//! exit code is non-zero only when something does not *work*.
//!
//! Three programs in one binary. The `warden` is what the user starts: it adopts and ends every process that the
//! rest leaves behind. Its one child is the benchmark proper (`bench`). A copy of the binary goes into the box as
//! the program that is watched there (`inside`).

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark is all clock, files and processes; the ban is for ring 1 of coop"
)]

mod bell;
mod bwrap;
mod coop;
mod dtach;
mod family;
mod heap;
mod inside;
mod machine;
mod measure;
mod options;
mod pty;
mod report;
mod run;
mod stats;
mod stream;
mod tmux;
mod trouble;
mod warden;
mod world;

// coop's own terminal and what it needs: coop is a program and no library.
#[allow(dead_code, unused_imports, reason = "only a part of it is measured")]
#[path = "../../src/name.rs"]
mod name;
#[allow(dead_code, unused_imports, reason = "only a part of it is measured")]
#[path = "../../src/text.rs"]
mod text;
#[allow(dead_code, unused_imports, reason = "only a part of it is measured")]
#[path = "../../src/session/mod.rs"]
mod session;
#[allow(dead_code, unused_imports, reason = "only a part of it is measured")]
#[path = "../../src/term/mod.rs"]
mod term;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use crate::measure::MEASURES;
use crate::measure::Measure;
use crate::options::Asked;
use crate::options::Options;
use crate::report::Row;
use crate::trouble::Result;
use crate::world::World;

/// How long after its last command a contestant may need to be gone before it is called a leftover.
const PARTING: Duration = Duration::from_secs(3);
const LEFTOVERS_SHOWN: usize = 3;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let role = args.first().and_then(|role| role.to_str()).unwrap_or_default().to_owned();
    if role == inside::ROLE {
        return inside::main(&args[1..]);
    }
    let inner = role == warden::INNER && args.len() >= 2;
    let scratch = if inner { args.drain(..2).nth(1) } else { None };
    let asked = match options::parse(args) {
        Ok(asked) => asked,
        Err(trouble) => {
            eprintln!("bench: {trouble}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let options = match asked {
        Asked::Help => {
            print!("{}", options::USAGE);
            MEASURES.iter().for_each(|measure| println!("  {:<8} {}", measure.name, measure.what));
            return ExitCode::SUCCESS;
        }
        Asked::Run(options) => options,
    };
    let done = match scratch {
        Some(scratch) => bench(&options, scratch),
        None => warden::watch_over(&options),
    };
    done.unwrap_or_else(|trouble| {
        eprintln!("bench: {trouble}");
        ExitCode::FAILURE
    })
}

/// Runs the measures that were asked for and prints the tables.
fn bench(options: &Options, scratch: OsString) -> Result<ExitCode> {
    let started = Instant::now();
    let world = World::open(options, scratch.into())?;
    let facts = machine::facts(&world);
    println!("{}", facts.text());
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    if world.coop.is_none() {
        failed.push(format!("coop: no program at {}", options.coop.display()));
    }
    for measure in MEASURES.iter().filter(|measure| options.wants(measure.name)) {
        eprintln!("-- {}: {}", measure.name, measure.what);
        match one(measure, &world) {
            Ok(more) => {
                more.iter().for_each(|row| println!("{}", row.text()));
                rows.extend(more);
            }
            Err(trouble) => {
                println!("{:<44} FAILED: {trouble}", measure.name);
                failed.push(format!("{}: {trouble}", measure.name));
            }
        }
    }
    println!("\n{}\n{}", facts.markdown(), report::markdown(&rows));
    eprintln!("took {:.0} s", started.elapsed().as_secs_f64());
    failed.iter().for_each(|failure| eprintln!("bench: does not work: {failure}"));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One measure, and an empty house after it, so that the next one measures nothing of this one.
fn one(measure: &Measure, world: &World) -> Result<Vec<Row>> {
    let rows = (measure.run)(world);
    let patience = if rows.is_ok() { PARTING } else { Duration::ZERO };
    let left = family::leftovers(patience)?;
    for process in left.iter().take(LEFTOVERS_SHOWN) {
        eprintln!("   note: one of {} processes still there after {}: {process}", left.len(), measure.name);
    }
    family::sweep_from_bench()?;
    rows
}
