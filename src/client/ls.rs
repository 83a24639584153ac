//! `coop ls`.

use crate::client::Context;
use crate::client::connect;
use crate::client::connect::Daemon;
use crate::client::connect::Patience;
use crate::client::failure::Failure;
use crate::client::failure::Lasts;
use crate::proto::door::Clients;
use crate::proto::door::List;
use crate::proto::door::Row;
use crate::proto::door::Watch;
use crate::session::state::State;
use crate::term::activity::Activity;
use crate::text::deceives;
use serde_json::Value;
use serde_json::json;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Widest line of a list.
const COLUMNS: usize = 80;
/// A guard brings a daemon back within milliseconds.
const SAY_AFTER: Duration = Duration::from_secs(1);

pub fn verb(context: &Context, json: bool, watch: bool) -> Result<i32, Failure> {
    let mut daemon = context.daemon()?;
    if watch {
        return go_on(context, daemon, json);
    }
    let rows = connect::ask(context, &mut daemon, List {})?;
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &objects(&rows)).map_err(Failure::cannot("write to standard output"))?;
        writeln!(out).map_err(Failure::cannot("write to standard output"))?;
    } else {
        out.write_all(table(&rows, now_unix_s(), &home(context)).as_bytes())
            .map_err(Failure::cannot("write to standard output"))?;
    }
    Ok(0)
}

/// Shows the list anew at each change, for as long as this command runs: on a terminal in place, else one after the other
/// (as JSON, one list a line). It starts no daemon and ends none: who was shut down stays so, and it waits for the next.
fn go_on(context: &Context, mut daemon: Daemon, json: bool) -> Result<i32, Failure> {
    let mut patience = Patience::new();
    loop {
        let mut has_answered = false;
        let failure = loop {
            match next_rows(&mut daemon, !has_answered) {
                Ok(rows) => show(context, &rows, json)?,
                Err(failure) => break failure,
            }
            has_answered = true;
        };
        if has_answered {
            patience = Patience::new();
        }
        // A daemon that dies or is replaced ends a round; what it refuses, another would refuse as well.
        std::thread::sleep(patience.after(failure)?);
        daemon = next_daemon(context, &mut patience)?;
    }
}

fn next_rows(daemon: &mut Daemon, is_first: bool) -> Result<Vec<Row>, Failure> {
    if is_first {
        daemon.ask(Watch {})?;
        daemon.wait_as_long_as_it_takes()?;
    }
    daemon.answer::<Watch>()
}

fn next_daemon(context: &Context, patience: &mut Patience) -> Result<Daemon, Failure> {
    let gone_at = Instant::now();
    let mut is_said = false;
    loop {
        match connect::find(context) {
            Ok(Some(daemon)) => return Ok(daemon),
            Err(failure) if failure.lasts != Lasts::UntilNextDaemon => return Err(failure),
            Ok(None) | Err(_) => {}
        }
        if !is_said && gone_at.elapsed() > SAY_AFTER {
            context.note("no daemon is running; the list goes on when a command has started one");
            is_said = true;
        }
        // There is nothing to wait for but the next daemon's socket.
        std::thread::sleep(patience.without_daemon());
    }
}

fn show(context: &Context, rows: &[Row], json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let text = if json {
        serde_json::to_string(&objects(rows)).expect("rows have string keys only") + "\n"
    } else {
        table(rows, now_unix_s(), &home(context))
    };
    // On a terminal each line over the old one, then away with the rest: nothing flickers.
    let in_place = io::stdout().is_terminal() && !json;
    let text = if in_place { format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n")) } else { text };
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::cannot("write to standard output"))
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn home(context: &Context) -> String {
    context.host.home().display().to_string()
}

/// The rows as they are documented: the activity is one word, and why somebody is waited for stands beside it.
pub fn objects(rows: &[Row]) -> Vec<Value> {
    let object = |row: &Row| {
        let mut object = json!(row);
        let (activity, reason) = activity(row.activity.as_ref());
        object["activity"] = activity;
        object["reason"] = reason;
        for (pty, object) in row.ptys.iter().zip(object["ptys"].as_array_mut().into_iter().flatten()) {
            let (activity, reason) = self::activity(pty.activity.as_ref());
            object["activity"] = activity;
            object["reason"] = reason;
        }
        object
    };
    rows.iter().map(object).collect()
}

/// An activity's word, and its reason where it has one.
pub fn activity(activity: Option<&Activity>) -> (Value, Value) {
    match activity {
        None | Some(Activity::Unknown) => (Value::Null, Value::Null),
        Some(activity) => (json!(activity.name()), json!(activity.reason())),
    }
}

/// The list, within 80 columns.
pub fn table(rows: &[Row], now_unix_s: u64, home: &str) -> String {
    let mut lines = vec![["SESSION", "WORKSPACE", "STATE", "PTYS", "CLIENTS", "AGE"].map(str::to_owned)];
    for row in rows {
        lines.push([
            shortened(row.name.as_str(), 20),
            tilde(&row.workspace.display().to_string(), home),
            state(row),
            row.ptys.len().to_string(),
            clients(row.clients),
            age(now_unix_s.saturating_sub(row.created)),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let others: usize = widths.iter().sum::<usize>() - widths[1] + 2 * (widths.len() - 1);
    let for_workspace = COLUMNS.saturating_sub(others).max(9).min(widths[1]);
    let mut text = String::new();
    for (index, mut line) in lines.into_iter().enumerate() {
        if index > 0 {
            line[1] = cut(&line[1], for_workspace);
        }
        let padded = line.iter().enumerate().map(|(column, cell)| {
            let width = if column == 1 { for_workspace } else { widths[column] };
            format!("{cell:width$}")
        });
        let padded: Vec<String> = padded.collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn state(row: &Row) -> String {
    match row.exit_code {
        Some(code) => format!("{}({code})", row.state),
        None if row.silent => "silent".to_owned(),
        None => match &row.activity {
            Some(activity) if row.state == State::Running => activity.name().to_owned(),
            _ => row.state.to_string(),
        },
    }
}

fn clients(clients: Clients) -> String {
    let parts = [(clients.local, "local"), (clients.view, "view")];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(number, kind)| format!("{number} {kind}")).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// Two units at most: `45s`, `12m`, `2h 15m`, `3d 4h`.
pub fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match () {
        () if days > 0 => format!("{days}d {}h", hours % 24),
        () if hours > 0 => format!("{hours}h {}m", minutes % 60),
        () if minutes > 0 => format!("{minutes}m"),
        () => format!("{seconds}s"),
    }
}

fn tilde(path: &str, home: &str) -> String {
    let path: String = path.chars().map(|c| if deceives(c) { '?' } else { c }).collect();
    match path.strip_prefix(home) {
        Some("") => "~".to_owned(),
        Some(below) if below.starts_with('/') => format!("~{below}"),
        _ => path,
    }
}

/// The end of a path says more than its beginning.
fn cut(path: &str, width: usize) -> String {
    let len = path.chars().count();
    if len <= width {
        path.to_owned()
    } else {
        format!("…{}", path.chars().skip(len + 1 - width).collect::<String>())
    }
}

fn shortened(text: &str, width: usize) -> String {
    let len = text.chars().count();
    if len <= width { text.to_owned() } else { format!("{}…", text.chars().take(width - 1).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_two_units_at_most() {
        let shown: Vec<String> = [5, 65, 8100, 273_600].into_iter().map(age).collect();
        assert_eq!(shown, ["5s", "1m", "2h 15m", "3d 4h"]);
    }

    #[test]
    fn a_path_is_cut_at_its_beginning_and_home_is_a_tilde() {
        assert_eq!(tilde("/home/u/github/nlst", "/home/u"), "~/github/nlst");
        assert_eq!(tilde("/home/user2/x", "/home/u"), "/home/user2/x");
        assert_eq!(cut("/very/long/path/to/project", 10), "…o/project");
        assert_eq!(tilde("/a\u{1b}[31m", "/home/u"), "/a?[31m");
    }
}
