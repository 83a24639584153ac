//! `coop wait`: until something holds of a terminal. Nothing is polled: the daemon says what happens.

use crate::client::Context;
use crate::client::failure::BAD_ARGUMENTS;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::look;
use crate::client::watcher::Event;
use crate::client::watcher::Watcher;
use crate::name::PtyId;
use crate::proto::door::Role;
use crate::term::activity::Activity;
use regex::Regex;
use std::str::FromStr;
use std::time::Duration;
use std::time::Instant;

/// Longest duration that makes sense: ten years.
const DURATION_MAX_S: f64 = 3.2e8;

/// What is waited for.
#[derive(Clone, Debug)]
pub enum Condition {
    Waiting,
    Idle,
    Exit,
    /// It stands on the screen.
    Text(Regex),
    /// No output for so long.
    Quiet(Duration),
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "waiting" => Ok(Self::Waiting),
            None if text == "idle" => Ok(Self::Idle),
            None if text == "exit" => Ok(Self::Exit),
            Some(("text", pattern)) => {
                let regex = regex::RegexBuilder::new(pattern).multi_line(true).build();
                regex.map(Self::Text).map_err(|error| format!("{pattern:?} is no regular expression: {error}"))
            }
            Some(("quiet", time)) => duration(time).map(Self::Quiet),
            _ => Err("write waiting, idle, exit, text:REGEX or quiet:DURATION".to_owned()),
        }
    }
}

/// `500ms`, `5s`, `2m`, `1h`; a bare number is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: write 500ms, 5s, 2m or 1h");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(wrong()),
    };
    if (0.0..=DURATION_MAX_S).contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err(wrong()) }
}

pub fn verb(
    context: &Context,
    session: Option<&str>,
    pty: PtyId,
    condition: &str,
    timeout: Option<&str>,
) -> Result<i32, Failure> {
    let bad = |option: &str, error: String| Failure::new(BAD_ARGUMENTS, format!("{option}: {error}"));
    let wanted: Condition = condition.parse().map_err(|error| bad("--for", error))?;
    let timeout = timeout.map(duration).transpose().map_err(|error| bad("--timeout", error))?;
    let until = timeout.map(|timeout| Instant::now() + timeout);
    let (row, mut watcher) = look::watch(context, session, pty, Role::View)?;
    match until_it_holds(&mut watcher, &wanted, until)? {
        Some(what) => {
            context.note(&format!("{}: {what}", row.name));
            watcher.detach()?;
            Ok(0)
        }
        None => {
            let waited = timeout.map(|timeout| format!(" within {timeout:?}")).unwrap_or_default();
            let now = &watcher.activity;
            Err(Failure::new(GENERAL, format!("{}: {condition} did not hold{waited}; it is {now} now", row.name)))
        }
    }
}

/// What held, in words; `None` when the time is over.
fn until_it_holds(
    watcher: &mut Watcher<'_>,
    wanted: &Condition,
    until: Option<Instant>,
) -> Result<Option<String>, Failure> {
    let mut last_output = Instant::now();
    loop {
        if let Some(what) = holds(watcher, wanted, last_output) {
            return Ok(Some(what));
        }
        let quiet_at = match wanted {
            Condition::Quiet(time) => Some(last_output + *time),
            _ => None,
        };
        match watcher.next(quiet_at.into_iter().chain(until).min())? {
            Event::Output(_) | Event::Drawn => last_output = Instant::now(),
            Event::Ended(exit) => return Ok(ended(wanted, exit)),
            Event::TimedOut if until.is_some_and(|until| until <= Instant::now()) => {
                return Ok(holds(watcher, wanted, last_output));
            }
            Event::TimedOut | Event::Activity | Event::Typed | Event::Reattached => {}
        }
    }
}

fn holds(watcher: &Watcher<'_>, wanted: &Condition, last_output: Instant) -> Option<String> {
    match wanted {
        Condition::Waiting => matches!(watcher.activity, Activity::Waiting(_)).then(|| watcher.activity.to_string()),
        // What has finished, or waits, does not work either.
        Condition::Idle => matches!(watcher.activity, Activity::Idle | Activity::Done | Activity::Waiting(_))
            .then(|| watcher.activity.to_string()),
        Condition::Exit => None,
        Condition::Text(regex) => {
            let screen = look::text(&watcher.screen).join("\n");
            regex.find(&screen).map(|found| format!("the screen shows {:?}", found.as_str()))
        }
        Condition::Quiet(time) => (last_output.elapsed() >= *time).then(|| format!("quiet for {time:?}")),
    }
}

/// After the program's end nothing else will come.
fn ended(wanted: &Condition, exit: crate::session::state::Exit) -> Option<String> {
    match wanted {
        Condition::Exit | Condition::Idle | Condition::Quiet(_) => Some(format!("the program {exit}")),
        Condition::Waiting | Condition::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "s", "-1s", "1d", "nan", "inf", "1e30h", "5 s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn conditions_are_understood_or_refused() {
        for good in ["waiting", "idle", "exit", "text:a.*b", "quiet:2s"] {
            assert!(good.parse::<Condition>().is_ok(), "{good}");
        }
        for bad in ["", "text", "text:(", "quiet:", "quiet:x", "gone", "idle:3"] {
            assert!(bad.parse::<Condition>().is_err(), "{bad}");
        }
    }
}
