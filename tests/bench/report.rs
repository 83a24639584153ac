//! One row a result, for the screen and for docs/benchmarks.md.

use std::fmt;

use crate::stats;
use crate::stats::Ratio;
use crate::stats::Series;
use crate::stats::Statistic;

/// What issues 2 and 3 ask of a number.
#[derive(Clone, Copy)]
pub enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// Nothing is asked; the number is wanted.
    Report,
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::AtMost(most) => write!(f, "<= {most}x"),
            Bar::AtLeast(least) => write!(f, ">= {least}x"),
            Bar::Report => f.write_str("report"),
        }
    }
}

pub struct Row {
    what: String,
    coop: String,
    against: String,
    ratio: Option<Ratio>,
    bar: String,
    /// None: there is nothing to pass, or it could not be measured.
    passed: Option<bool>,
}

impl Row {
    /// A result without a contestant beside it.
    pub fn alone(what: impl Into<String>, coop: impl Into<String>) -> Row {
        let (what, coop) = (what.into(), coop.into());
        Row { what, coop, against: "-".into(), ratio: None, bar: Bar::Report.to_string(), passed: None }
    }

    /// A result that is held against a number, not against a contestant's.
    pub fn held_to(mut self, bar: String, passed: bool) -> Row {
        (self.bar, self.passed) = (bar, Some(passed));
        self
    }

    /// Says in other words what is asked, without a verdict of its own.
    pub fn with_bar(mut self, bar: String) -> Row {
        self.bar = bar;
        self
    }

    pub fn beside(mut self, against: String) -> Row {
        self.against = against;
        self
    }

    /// Two series of the same alternating runs.
    pub fn compared(what: &str, coop: &Series, other: &Series, how: (Statistic, Unit), bar: Bar) -> Row {
        let (statistic, unit) = how;
        let ratio = stats::ratio(coop, other, statistic);
        let passed = ratio.and_then(|ratio| match bar {
            Bar::AtMost(most) => Some(ratio.overall <= most),
            Bar::AtLeast(least) => Some(ratio.overall >= least),
            Bar::Report => None,
        });
        let value = |series: &Series| series.absent.clone().unwrap_or_else(|| unit(series.take(statistic)));
        let against = format!("{}: {}", other.name, value(other));
        Row { what: what.to_owned(), coop: value(coop), against, ratio, bar: bar.to_string(), passed }
    }

    fn result(&self) -> &'static str {
        match self.passed {
            Some(true) => "pass",
            Some(false) => "miss",
            None => "-",
        }
    }

    fn ratios(&self) -> [String; 2] {
        let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        [show(self.ratio.map(|ratio| ratio.overall)), show(self.ratio.map(|ratio| ratio.pairs))]
    }

    pub fn text(&self) -> String {
        let [overall, pairs] = self.ratios();
        let Row { what, coop, against, bar, .. } = self;
        format!("{what:<44} {coop:<14} {against:<28} x{overall:<5} (pairs x{pairs:<5}) {bar:<10} {}", self.result())
    }
}

/// The table for docs/benchmarks.md.
pub fn markdown(rows: &[Row]) -> String {
    let head = "| measure | coop | against | ratio | ratio of pairs | bar | result |\n|---|---|---|---|---|---|---|\n";
    let line = |row: &Row| {
        let [overall, pairs] = row.ratios();
        let cells = [&row.what, &row.coop, &row.against, &overall, &pairs, &row.bar, row.result()];
        format!("| {} |\n", cells.map(|cell| cell.replace('|', "/").replace('\n', " ")).join(" | "))
    };
    head.to_owned() + &rows.iter().map(line).collect::<String>()
}

/// How to write a number.
pub type Unit = fn(f64) -> String;

pub fn millis(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1e3)
}

pub fn micros(seconds: f64) -> String {
    format!("{:.0} us", seconds * 1e6)
}

pub fn megabytes_a_second(rate: f64) -> String {
    format!("{rate:.1} MB/s")
}

pub fn megabytes(bytes: f64) -> String {
    format!("{:.2} MB", bytes / 1e6)
}
