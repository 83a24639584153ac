//! `coop kill`: ends sessions, all at once if several are meant.

use crate::client::Context;
use crate::client::connect;
use crate::client::connect::Daemon;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::failure::NO_SESSION;
use crate::client::find;
use crate::name::SessionName;
use crate::proto::door::Kept;
use crate::proto::door::Kill;
use crate::proto::door::List;
use crate::proto::door::Status;

/// How it is to be done.
#[derive(Clone, Copy)]
pub struct Manner {
    pub force: bool,
    pub forget: bool,
}

pub fn verb(context: &Context, session: Option<&str>, all: bool, manner: Manner) -> Result<i32, Failure> {
    let mut daemon = context.daemon()?;
    let names = if all {
        let sessions = connect::ask(context, &mut daemon, List {})?.into_iter().map(|row| row.name);
        sessions.chain(kept(context, &mut daemon, manner)?.into_iter().map(|kept| kept.name)).collect()
    } else {
        match find::session(context, &mut daemon, session) {
            Ok(row) => vec![row.name],
            Err(failure) if failure.code == NO_SESSION => {
                let kept = kept(context, &mut daemon, manner)?;
                let left = find::kept(context, kept, session);
                if left.is_empty() { return Err(failure) } else { left }
            }
            Err(failure) => return Err(failure),
        }
    };
    // One connection each, so that their graces run side by side.
    let mut asked: Vec<(SessionName, Daemon)> = Vec::new();
    for name in names {
        let mut connection = context.daemon()?;
        let Manner { force, forget } = manner;
        connection.ask(Kill { session: name.clone(), force, forget })?;
        asked.push((name, connection));
    }
    let mut failures = 0;
    for (name, mut connection) in asked {
        match connection.answer::<Kill>() {
            Ok(()) => context.detail(|| format!("session {name} is ended")),
            Err(failure) if !all => return Err(failure),
            Err(failure) => {
                failure.print();
                failures += 1;
            }
        }
    }
    if failures > 0 {
        return Err(Failure::new(GENERAL, format!("{failures} sessions could not be ended completely")));
    }
    Ok(0)
}

/// What killed sessions have left, if it is to be forgotten.
fn kept(context: &Context, daemon: &mut Daemon, manner: Manner) -> Result<Vec<Kept>, Failure> {
    if manner.forget { Ok(connect::ask(context, daemon, Status {})?.kept) } else { Ok(Vec::new()) }
}
