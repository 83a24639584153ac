//! Whose a name is: one of a session that is there, or of the files that a killed one has left.

use crate::daemon::create;
use crate::daemon::kept;
use crate::daemon::supervisor::Entry;
use crate::daemon::supervisor::Supervisor;
use crate::daemon::supervisor::removing;
use crate::name::SessionName;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::session::spec::SessionSpec;
use std::io;
use std::path::PathBuf;

pub(super) enum Claim {
    Free {
        revived: bool,
        /// The workspace whose kept files the new session gets.
        taken_from: Option<PathBuf>,
    },
    /// Another client is creating, or has just created, the very session.
    Ours(SessionName),
    Taken(Refusal),
}

/// Who has a name.
enum Holder {
    Nobody,
    Session(PathBuf),
    Lost(PathBuf),
    /// No session any more, but what it kept.
    Files(PathBuf),
    Removing,
    /// Files of which is not known whose they are, and why.
    Unknown(io::Error),
}

impl Supervisor {
    /// Finds a name for a new session.
    pub(super) fn claim(&self, session: &mut SessionSpec, renameable: bool) -> Claim {
        let base = session.name.clone();
        for number in 2.. {
            match self.holder(&session.name) {
                Holder::Nobody => break,
                Holder::Removing => return Claim::Taken(removing::refusal(&session.name)),
                Holder::Files(workspace) if workspace == session.workspace => break,
                // A name that was asked for by name is given, with what belongs to it.
                Holder::Files(workspace) if !renameable => {
                    return Claim::Free { revived: false, taken_from: Some(workspace) };
                }
                // It is started again, on what it had written.
                Holder::Lost(workspace) if workspace == session.workspace => {
                    return Claim::Free { revived: true, taken_from: None };
                }
                Holder::Session(workspace) if renameable && workspace == session.workspace => {
                    return Claim::Ours(session.name.clone());
                }
                _ if renameable => session.name = base.numbered(number),
                Holder::Unknown(error) => return Claim::Taken(removing::unreadable(&session.name, &error)),
                Holder::Session(workspace) | Holder::Lost(workspace) | Holder::Files(workspace) => {
                    let text = format!("there is a session {} already, in {}", session.name, workspace.display());
                    let hint = format!("`coop attach {}`, or choose another name with -n", session.name);
                    return Claim::Taken(Refusal::new(RefusalCode::Exists, text).hinted(hint));
                }
            }
        }
        Claim::Free { revived: false, taken_from: None }
    }

    fn holder(&self, name: &SessionName) -> Holder {
        match self.sessions.get(name) {
            Some(Entry::Building { session, .. } | Entry::Live(_, session)) => {
                return Holder::Session(session.workspace.clone());
            }
            Some(Entry::Silent(found)) => return Holder::Session(found.workspace.clone()),
            Some(Entry::Removing) => return Holder::Removing,
            None => {}
        }
        let directory = self.home.session(name);
        match create::read_session_file(&directory) {
            Ok(Some(lost)) => Holder::Lost(lost.workspace),
            Ok(None) => match kept::owner(&directory) {
                Ok(owner) => owner.map_or(Holder::Nobody, Holder::Files),
                Err(error) => Holder::Unknown(error),
            },
            Err(error) => Holder::Unknown(error),
        }
    }
}
