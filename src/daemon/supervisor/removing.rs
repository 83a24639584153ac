//! Sessions whose files are being removed: beside the supervisor, for a box may have left a great many.

use crate::daemon::create;
use crate::daemon::kept;
use crate::daemon::remove;
use crate::daemon::supervisor::Entry;
use crate::daemon::supervisor::Supervisor;
use crate::daemon::supervisor::ToSupervisor;
use crate::name::SessionName;
use crate::proto::door::Kill;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use std::io;
use tokio::sync::oneshot;

impl Supervisor {
    pub(super) fn remove_lost(&mut self, kill: &Kill, reply: oneshot::Sender<Result<(), Refusal>>) {
        let name = &kill.session;
        let directory = self.home.session(name);
        let session = create::read_session_file(&directory);
        if let (Err(error), false) = (&session, kill.forget) {
            // Which of its files are to be kept is not known.
            return drop(reply.send(Err(unreadable(name, error))));
        }
        let is_there = !matches!(session, Ok(None)) || kill.forget && kept::has_files(&directory);
        if !is_there || self.sessions.contains_key(name) {
            return drop(reply.send(Err(Refusal::no_session(name))));
        }
        self.remove(name.clone(), kill.forget, |removed| drop(reply.send(removed)));
    }

    /// Removes a session's files beside the supervisor. Its name is free before `then` is told.
    pub(super) fn remove(
        &mut self,
        name: SessionName,
        forget: bool,
        then: impl FnOnce(Result<(), Refusal>) + Send + 'static,
    ) {
        let address = self.address.clone();
        let directory = self.home.session(&name);
        self.sessions.insert(name.clone(), Entry::Removing);
        tokio::spawn(async move {
            let removed = remove::in_background(directory.clone(), forget).await.map_err(|error| {
                tracing::warn!(session = %name, %error, "not all of its files could be removed");
                Refusal::new(RefusalCode::Failed, format!("cannot remove {}: {error}", directory.display()))
            });
            address.send(ToSupervisor::Ended { name }).await.ok();
            then(removed);
        });
    }
}

pub(super) fn refusal(name: &SessionName) -> Refusal {
    let text = format!("the files of session {name} are being removed");
    Refusal::new(RefusalCode::WrongState, text).hinted("try again in a moment")
}

pub(super) fn unreadable(name: &SessionName, error: &io::Error) -> Refusal {
    Refusal::new(RefusalCode::Failed, error.to_string())
        .hinted(format!("mend that file, or remove all files of session {name}: `coop kill --forget {name}`"))
}
