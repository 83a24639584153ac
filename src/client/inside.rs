//! `coop` that was started in a box: it could neither reach the daemon outside nor make a box of its own.

use crate::client::Context;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use nix::sched::CloneFlags;
use std::ffi::OsStr;
use std::io;

/// Refuses where this process is in a box. Both variables may have been handed on to somewhere else, where coop works: only
/// where no user namespace can be made are they believed.
pub fn refuse(context: &Context) -> Result<(), Failure> {
    let session = context.host.var("COOP_SESSION");
    let Some(session) = session.filter(|_| context.host.var("IS_SANDBOX") == Some(OsStr::new("1"))) else {
        return Ok(());
    };
    if can_make_a_user_namespace().map_err(Failure::cannot("tell whether this is a box"))? {
        return Ok(());
    }
    let text = format!("this is the box of session {}; coop runs outside of it", session.to_string_lossy());
    Err(Failure::new(GENERAL, text).hinted("use a terminal of the host"))
}

/// A child tries, for this process would have to live in it.
fn can_make_a_user_namespace() -> io::Result<bool> {
    match fork::fork()? {
        fork::Fork::Parent(child) => Ok(fork::waitpid(child)? == 0),
        fork::Fork::Child => {
            let made = nix::sched::unshare(CloneFlags::CLONE_NEWUSER);
            std::process::exit(i32::from(made.is_err()))
        }
    }
}
