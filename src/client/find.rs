//! Which session is meant.

use crate::client::Context;
use crate::client::connect;
use crate::client::connect::Daemon;
use crate::client::failure::BAD_ARGUMENTS;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::failure::NO_SESSION;
use crate::launch::workspace;
use crate::name::SessionName;
use crate::proto::door::Kept;
use crate::proto::door::List;
use crate::proto::door::Row;
use std::path::Path;

/// The session of that name or workspace; without one, this workspace's.
pub fn session(context: &Context, daemon: &mut Daemon, wanted: Option<&str>) -> Result<Row, Failure> {
    let rows = connect::ask(context, daemon, List {})?;
    match wanted {
        Some(text) if is_path(text) => of_workspace(context, rows, Some(Path::new(text))),
        Some(text) => named(rows, text),
        None => of_workspace(context, rows, None),
    }
}

fn is_path(text: &str) -> bool {
    text.contains('/') || text == "." || text == ".."
}

/// Of the names of which only files are left, those that are meant.
pub fn kept(context: &Context, kept: Vec<Kept>, wanted: Option<&str>) -> Vec<SessionName> {
    let is_meant = |kept: &Kept| match wanted {
        Some(name) if !is_path(name) => kept.name.as_str() == name,
        path => {
            let path = path.map(Path::new);
            let meant = workspace::meant_by(path, context.config.as_deref(), &context.host);
            meant.is_ok_and(|meant| kept.workspace.as_ref() == Some(&meant))
        }
    };
    kept.into_iter().filter(is_meant).map(|kept| kept.name).collect()
}

fn named(rows: Vec<Row>, text: &str) -> Result<Row, Failure> {
    let name: SessionName = text.parse().map_err(|error| Failure::new(BAD_ARGUMENTS, format!("{error}")))?;
    let known = rows.iter().map(|row| row.name.to_string()).collect::<Vec<_>>().join(", ");
    rows.into_iter().find(|row| row.name == name).ok_or_else(|| {
        let hint = if known.is_empty() { "there are no sessions".to_owned() } else { format!("there are: {known}") };
        Failure::new(NO_SESSION, format!("there is no session {name}")).hinted(hint)
    })
}

fn of_workspace(context: &Context, rows: Vec<Row>, directory: Option<&Path>) -> Result<Row, Failure> {
    let here = workspace::workspace_of(directory, &context.host)?;
    let meant = workspace::meant_by(directory, context.config.as_deref(), &context.host)?;
    // One that was made in this very directory before its coop.toml named another.
    let directory = if rows.iter().any(|row| row.workspace == meant) { meant } else { here };
    in_workspace(rows, &directory)?.ok_or_else(|| {
        Failure::new(NO_SESSION, format!("{} has no session", directory.display()))
            .hinted("`coop` creates one, `coop ls` lists all")
    })
}

/// The session of a workspace, if it has one. Of several, the one that bears the directory's name.
pub fn in_workspace(rows: Vec<Row>, directory: &Path) -> Result<Option<Row>, Failure> {
    let mut here: Vec<Row> = rows.into_iter().filter(|row| row.workspace == directory).collect();
    if here.len() > 1 {
        let own_name = workspace::default_name(directory);
        match here.iter().position(|row| Some(&row.name) == own_name.as_ref()) {
            Some(index) => return Ok(Some(here.swap_remove(index))),
            None => {
                let names = here.iter().map(|row| row.name.to_string()).collect::<Vec<_>>().join(", ");
                let text = format!("{} has several sessions: {names}", directory.display());
                return Err(Failure::new(BAD_ARGUMENTS, text).hinted("name the one that you mean"));
            }
        }
    }
    Ok(here.pop())
}

/// A session without processes has no terminal to attach to.
pub fn must_live(row: &Row) -> Result<(), Failure> {
    if row.pid.is_some() {
        return Ok(());
    }
    let text = format!("session {} is lost: its processes are gone", row.name);
    Err(Failure::new(GENERAL, text)
        .hinted(format!("`coop restart {}` starts it again on what it had written", row.name)))
}
