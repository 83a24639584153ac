//! Which user of the host a box's programs are, when root is who starts it: nobody. Each box has an id of its own from a
//! range that no distribution gives to anybody, and sees the caller's files as its own through mapped mounts. So what gets
//! out of a box is not root, limits that the kernel does not put on root hold, and boxes are strangers to each other.

use crate::name::SessionName;
use crate::sandbox::build;
use crate::sandbox::explain::SandboxError;
use crate::sandbox::plan;
use crate::sandbox::plan::Places;
use crate::sandbox::view::HostView;
use crate::session::mounting::Op;
use crate::session::spec::BoxSpec;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Between what directory services give to users (SSSD's default ends at 2,000,200,000) and systemd's range for foreign
/// ids, which begins at 2,147,352,576 (systemd's UIDS-GIDS).
pub const IDS: Range<u32> = 2_100_000_000..2_100_065_536;

/// An id for the box of that name, which none of `taken` is.
pub fn choose(name: &SessionName, taken: &[u32]) -> Option<u32> {
    // Far apart for two daemons that do not know of each other, as far as chance goes.
    let mut hash = std::process::id();
    for byte in name.as_str().bytes() {
        hash = hash.wrapping_mul(31).wrapping_add(u32::from(byte));
    }
    let count = IDS.end - IDS.start;
    (0..count).map(|step| IDS.start + hash.wrapping_add(step) % count).find(|id| !taken.contains(id))
}

/// The mounts of a box, and their trees; for [`build::map_owners`] when the box's namespace is there. Blocking; needs root's
/// rights.
pub fn mounts(
    boxed: &BoxSpec,
    directory: &Path,
    coop_home: &Path,
    name: &SessionName,
) -> Result<(Vec<Op>, Vec<OwnedFd>), SandboxError> {
    let view = HostView::look(boxed, coop_home)?;
    let ops = plan::plan(boxed, &view, &Places { session: directory, coop_home, hostname: name.as_str() });
    let trees = build::clone_host_trees(&ops)?;
    Ok((ops, trees))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_the_range_and_not_given_twice() {
        let name: SessionName = "work".parse().unwrap();
        let mut taken = Vec::new();
        for _ in 0..100 {
            let id = choose(&name, &taken).unwrap();
            assert!(IDS.contains(&id) && !taken.contains(&id));
            taken.push(id);
        }
    }
}
