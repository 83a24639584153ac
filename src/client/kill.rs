//! `coop kill`: ends sessions, all at once if several are meant.

use crate::client::Context;
use crate::client::connect::Daemon;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::find;
use crate::name::SessionName;
use crate::proto::door::Kill;
use crate::proto::door::List;

pub fn verb(context: &Context, session: Option<&str>, all: bool, force: bool) -> Result<i32, Failure> {
    let mut daemon = context.daemon()?;
    let names: Vec<SessionName> = if all {
        daemon.call(List {})?.into_iter().map(|row| row.name).collect()
    } else {
        vec![find::session(context, &mut daemon, session)?.name]
    };
    // One connection each, so that their graces run side by side.
    let mut asked: Vec<(SessionName, Daemon)> = Vec::new();
    for name in names {
        let mut connection = context.daemon()?;
        connection.ask(Kill { session: name.clone(), force })?;
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
