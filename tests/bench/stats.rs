//! Alternating runs, medians, percentiles and ratios.

use crate::trouble::Result;

/// Takes the samples of one round.
type Sampler<'a> = Box<dyn FnMut() -> Result<Vec<f64>> + 'a>;

/// One contestant of a comparison.
pub struct Lane<'a> {
    pub name: &'static str,
    /// Or why there can be no samples.
    sample: std::result::Result<Sampler<'a>, String>,
    /// A failure of this one is a failure of the measure; another's is only reported.
    ours: bool,
}

impl<'a> Lane<'a> {
    pub fn ours(name: &'static str, sample: impl FnMut() -> Result<Vec<f64>> + 'a) -> Lane<'a> {
        Lane { name, sample: Ok(Box::new(sample)), ours: true }
    }

    pub fn theirs(name: &'static str, sample: impl FnMut() -> Result<Vec<f64>> + 'a) -> Lane<'a> {
        Lane { name, sample: Ok(Box::new(sample)), ours: false }
    }

    pub fn absent(name: &'static str, why: impl ToString) -> Lane<'a> {
        Lane { name, sample: Err(why.to_string()), ours: false }
    }
}

/// The samples of one contestant, by round.
pub struct Series {
    pub name: &'static str,
    rounds: Vec<Vec<f64>>,
    pub absent: Option<String>,
}

/// Which one number to take from several samples.
pub type Statistic = fn(&[f64]) -> f64;

impl Series {
    pub fn take(&self, statistic: Statistic) -> f64 {
        statistic(&self.rounds.concat())
    }
}

/// `rounds` times A, B, C, ... after one round that is thrown away.
pub fn alternate(rounds: usize, lanes: Vec<Lane<'_>>) -> Result<Vec<Series>> {
    let mut lanes = lanes;
    let empty = |lane: &Lane<'_>| Series { name: lane.name, rounds: Vec::new(), absent: None };
    let mut series: Vec<Series> = lanes.iter().map(empty).collect();
    for round in 0..=rounds {
        for (lane, series) in lanes.iter_mut().zip(&mut series) {
            let Ok(sample) = &mut lane.sample else { continue };
            match sample() {
                Ok(samples) if round > 0 => series.rounds.push(samples),
                Ok(_) => {}
                Err(trouble) if lane.ours => return Err(trouble),
                Err(trouble) => lane.sample = Err(format!("failed: {trouble}")),
            }
        }
    }
    for (lane, series) in lanes.into_iter().zip(&mut series) {
        series.absent = lane.sample.err();
    }
    Ok(series)
}

/// Two views of the same question; where they disagree the machine was not quiet.
#[derive(Clone, Copy)]
pub struct Ratio {
    /// The one's statistic over all rounds, divided by the other's.
    pub overall: f64,
    /// Median of the ratios of neighbouring rounds.
    pub pairs: f64,
}

pub fn ratio(a: &Series, b: &Series, statistic: Statistic) -> Option<Ratio> {
    if a.absent.is_some() || b.absent.is_some() || a.rounds.is_empty() || b.rounds.is_empty() {
        return None;
    }
    let pairs: Vec<f64> = a.rounds.iter().zip(&b.rounds).map(|(a, b)| statistic(a) / statistic(b)).collect();
    Some(Ratio { overall: a.take(statistic) / b.take(statistic), pairs: median(&pairs) })
}

pub fn median(samples: &[f64]) -> f64 {
    percentile(samples, 50)
}

pub fn p99(samples: &[f64]) -> f64 {
    percentile(samples, 99)
}

/// Nearest rank; the mean of the two middle ones for an even median. NaN of nothing.
fn percentile(samples: &[f64], per_cent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    if count == 0 {
        return f64::NAN;
    }
    if per_cent == 50 && count.is_multiple_of(2) {
        return f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]);
    }
    sorted[(count * per_cent).div_ceil(100).clamp(1, count) - 1]
}
