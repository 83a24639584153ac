//! What of a box's limits and borders this machine does not hold, in words for its owner.

use crate::sandbox::groups::Controller;
use crate::sandbox::groups::Groups;
use crate::session::spec::BoxSpec;
use crate::session::spec::NetworkMode;
use crate::session::spec::NotHeld;
use crate::sys::seccomp;

/// `ids_refused`: why the box of a caller who is root has no id of its own.
pub fn not_held(groups: &Groups, boxed: &BoxSpec, ids_refused: Option<&str>) -> Vec<NotHeld> {
    let mut list = Vec::new();
    let mut say = |what: &str, why: String| list.push(NotHeld { what: what.to_owned(), why });
    let limits = &boxed.limits;
    if limits.memory.is_some() && !groups.holds(Controller::Memory) {
        say("memory in all", "each program by itself is held to it: no control group".to_owned());
    }
    if limits.cpus.is_some() && !groups.holds(Controller::Cpu) {
        say("cpus", "no control group can be made".to_owned());
    }
    if limits.disk.is_some() {
        say("disk in all", "each file by itself is held to the limit".to_owned());
    }
    if boxed.network == NetworkMode::Host && seccomp::landlock_version() < seccomp::LANDLOCK_SCOPES {
        say("abstract sockets of the host", "this kernel has no scopes of Landlock (6.12)".to_owned());
    }
    if let Some(why) = ids_refused {
        if limits.pids.is_some() && !groups.holds(Controller::Pids) {
            say("processes in all", "no control group, and root is held by nothing else".to_owned());
        }
        say("programs are root behind masks", format!("no other user can stand for it: {why}"));
    }
    list
}
