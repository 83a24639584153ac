//! `coop doctor`: what this machine can do, found out by doing it, and whether a box holds, found out by attacking one.

pub mod attacks;
mod features;
mod trial;

use crate::client::Context;
use crate::client::failure::Failure;
use crate::client::inside;
use serde::Deserialize;
use serde::Serialize;
use std::io;
use std::io::Write;

/// One thing that a box is made with.
#[derive(Debug, Serialize)]
struct Feature {
    name: &'static str,
    works: bool,
    /// What it is for, or what is missing.
    why: String,
    remedy: Option<String>,
}

/// What came of one attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Held,
    NotHeld,
    /// There is nothing here that could be attacked.
    NotApplicable,
}

#[derive(Debug, Serialize, Deserialize)]
struct Attack {
    name: String,
    result: Verdict,
    detail: String,
}

/// The form of `--json`.
#[derive(Debug, Serialize)]
struct Findings {
    features: Vec<Feature>,
    attacks: Vec<Attack>,
    /// Why there was no box to attack.
    problem: Option<String>,
    /// Whether every attack was held.
    held: bool,
}

pub fn verb(context: &Context, json: bool) -> Result<i32, Failure> {
    inside::refuse(context)?;
    let features = features::look(context)?;
    let mut out = io::stdout().lock();
    let written = Failure::cannot("write to standard output");
    if !json {
        print_features(&mut out, &features).map_err(written)?;
    }
    let (attacks, problem) = match trial::run(context) {
        Ok(attacks) => (attacks, None),
        Err(failure) => (Vec::new(), Some(failure.message)),
    };
    let held = problem.is_none() && attacks.iter().all(|attack| attack.result != Verdict::NotHeld);
    let findings = Findings { features, attacks, problem, held };
    let written = if json {
        serde_json::to_writer_pretty(&mut out, &findings).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        print_attacks(&mut out, &findings)
    };
    written.map_err(Failure::cannot("write to standard output"))?;
    Ok(i32::from(!held))
}

fn print_features(out: &mut impl Write, features: &[Feature]) -> io::Result<()> {
    for feature in features {
        let word = if feature.works { "yes" } else { "no" };
        paragraph(out, &format!("{word:<5}{:<20} ", feature.name), &feature.why)?;
        if let Some(remedy) = &feature.remedy {
            paragraph(out, &format!("{:26}remedy: ", ""), remedy)?;
        }
    }
    writeln!(out)
}

/// Words in 80 columns, in lines that begin where the first one does.
fn paragraph(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    let indent = label.len();
    write!(out, "{label}")?;
    let mut column = indent;
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 && column + 1 + word.len() > 80 {
            write!(out, "\n{:indent$}", "")?;
            column = indent;
        } else if index > 0 {
            write!(out, " ")?;
            column += 1;
        }
        write!(out, "{word}")?;
        column += word.len();
    }
    writeln!(out)
}

fn print_attacks(out: &mut impl Write, findings: &Findings) -> io::Result<()> {
    for attack in &findings.attacks {
        let (word, why) = match attack.result {
            // The name of the error says it all; JSON has the rest.
            Verdict::Held => ("held", attack.detail.split(':').next().unwrap_or_default()),
            Verdict::NotHeld => ("NOT HELD", attack.detail.as_str()),
            Verdict::NotApplicable => ("not here", attack.detail.as_str()),
        };
        paragraph(out, &format!("{word:<8}  {:<42} ", attack.name), why)?;
    }
    if let Some(problem) = &findings.problem {
        return writeln!(out, "There was no box to attack: {problem}");
    }
    let count = |verdict| findings.attacks.iter().filter(|attack| attack.result == verdict).count();
    let (held, open) = (count(Verdict::Held), count(Verdict::NotHeld));
    let elsewhere = count(Verdict::NotApplicable);
    let verdict = if findings.held { "The box holds" } else { "THE BOX DOES NOT HOLD" };
    writeln!(out, "\n{verdict}: {held} attacks held, {open} not held, {elsewhere} not applicable here.")
}
