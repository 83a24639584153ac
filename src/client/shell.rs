//! `coop shell`: a new shell in the box, whose exit code becomes this command's.

use crate::client::Context;
use crate::client::attach;
use crate::client::attach::Target;
use crate::client::failure::Failure;
use crate::client::find;
use crate::client::screen;
use crate::proto::door::Shell;

/// End of transmission: what a terminal's user types to end the input.
const EOT: u8 = 0x04;

pub fn verb(context: &Context, session: Option<&str>, command: Option<String>) -> Result<i32, Failure> {
    let mut daemon = context.daemon()?;
    let row = find::session(context, &mut daemon, session)?;
    find::must_live(&row)?;
    let pty = daemon.call(Shell { session: row.name.clone(), command, size: screen::size() })?;
    let mut target = Target::of(&row, pty);
    target.end_of_input = Some(EOT);
    target.is_new = true;
    attach::attach(context, daemon, target)
}
