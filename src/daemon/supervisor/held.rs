//! What the sessions that live have of the host, and what they are not held to.

use crate::daemon::supervisor::Entry;
use crate::daemon::supervisor::Supervisor;
use crate::session::spec::NotHeld;

impl Supervisor {
    /// The ids of the host that boxes of this daemon have.
    pub(super) fn host_ids(&self) -> Vec<u32> {
        let of = |entry: &Entry| match entry {
            Entry::Building { session, .. } | Entry::Live(_, session) => session.host_id,
            Entry::Removing | Entry::Silent(_) => None,
        };
        self.sessions.values().filter_map(of).collect()
    }

    pub(super) fn not_held(&self) -> Vec<NotHeld> {
        let mut all: Vec<NotHeld> = Vec::new();
        for entry in self.sessions.values() {
            if let Entry::Live(_, session) = entry {
                all.extend(session.not_held.iter().filter(|one| !all.contains(one)).cloned().collect::<Vec<_>>());
            }
        }
        all
    }
}
