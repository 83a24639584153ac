//! Inits that were found and have not answered yet: nearly all do within a millisecond, one that is stopped does not. They
//! keep their names, are listed, and can be killed.

use crate::daemon::adopt;
use crate::daemon::adopt::Found;
use crate::daemon::create::Born;
use crate::daemon::remove;
use crate::daemon::supervisor::ADOPTION;
use crate::daemon::supervisor::Entry;
use crate::daemon::supervisor::Supervisor;
use crate::daemon::supervisor::ToSupervisor;
use crate::daemon::watch::watched;
use crate::name::SessionName;
use crate::proto::control::Report;
use crate::proto::door::Clients;
use crate::proto::door::Kill;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::proto::door::Row;
use crate::session::spec::DetachKey;
use crate::session::state::State;
use crate::sys::process;
use nix::sys::signal::Signal;
use std::io;
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long an init that could not be taken over is left in peace.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Takes over what an earlier daemon left. Called before the first client is served; whoever does not answer in time
    /// is listed all the same, and is taken over when it does.
    pub async fn adopt(&mut self) -> io::Result<()> {
        let mut unanswered = 0;
        for found in adopt::scan(&self.home)? {
            let name = found.name.clone();
            if self.sessions.contains_key(&name) {
                tracing::error!(session = %name, pid = found.pid, "two inits have one name; the second is left alone");
                continue;
            }
            self.ask(found)?;
            unanswered += 1;
        }
        let until = Instant::now() + ADOPTION;
        while unanswered > 0 {
            match tokio::time::timeout_at(until, self.inbox.recv()).await {
                Ok(Some(message)) => self.on_message(message).await,
                Ok(None) | Err(_) => break,
            }
            unanswered -= 1;
        }
        Ok(())
    }

    /// Asks an init for its session; the answer comes as a message.
    fn ask(&mut self, found: Found) -> io::Result<()> {
        let (name, pid, pidfd) = (found.name.clone(), found.pid, found.pidfd.try_clone()?);
        let address = self.address.clone();
        self.sessions.insert(name.clone(), Entry::Silent(found));
        tokio::spawn(async move {
            let adopted = adopt::adopt(pid, pidfd, name.clone()).await.map(Box::new);
            // A supervisor that is gone leaves the init to the next daemon.
            address.send(ToSupervisor::Adopted { name, adopted }).await.ok();
        });
        Ok(())
    }

    /// For an init that could not be taken over, or lives and has closed its connection while this daemon still has its
    /// place: it lost it by itself.
    pub(super) fn ask_again(&mut self, name: &SessionName) {
        self.sessions.remove(name);
        let asked = adopt::scan(&self.home).and_then(|all| match all.into_iter().find(|found| found.name == *name) {
            Some(found) => self.ask(found),
            None => Ok(()),
        });
        if let Err(error) = asked {
            tracing::error!(session = %name, %error, "an init that closed its connection cannot be asked again");
        }
    }

    pub(super) fn on_adopted(&mut self, name: &SessionName, adopted: io::Result<Box<(Born, Report)>>) {
        if !matches!(self.sessions.get(name), Some(Entry::Silent(_))) {
            return; // killed meanwhile
        }
        let started = adopted.and_then(|adopted| {
            let (born, report) = *adopted;
            tracing::info!(session = %name, pid = born.pid, "adopted");
            self.start_session(report.session.clone(), born, Some(report))
        });
        let Err(error) = started else { return };
        tracing::warn!(session = %name, %error, "an init could not be taken over");
        if error.kind() == io::ErrorKind::InvalidData {
            return; // it breaks the rules, and will not mend
        }
        // Descriptors were short, here or on the way (other boxes may hold many of this user's): that passes.
        let (name, address) = (name.clone(), self.address.clone());
        tokio::spawn(async move {
            tokio::time::sleep(ASK_AGAIN).await;
            address.send(ToSupervisor::AskAgain(name)).await.ok();
        });
    }

    /// Ends a session whose init does not answer.
    pub(super) fn kill_silent(&mut self, kill: Kill, reply: oneshot::Sender<Result<(), Refusal>>) {
        let Kill { session: name, forget, .. } = kill;
        let Some(Entry::Silent(found)) = self.sessions.get(&name) else {
            return drop(reply.send(Err(Refusal::no_session(&name))));
        };
        let killed = process::pidfd_signal(&found.pidfd, Signal::SIGKILL).map_err(io::Error::from);
        let pidfd = killed.and_then(|()| found.pidfd.try_clone()).and_then(|fd| watched(fd, Interest::READABLE));
        let (directory, address) = (self.home.session(&name), self.address.clone());
        tokio::spawn(async move {
            let ended = async { pidfd?.readable().await.map(drop) }.await;
            let removed = match ended {
                Ok(()) => {
                    // As everywhere here: a supervisor that is gone keeps no table.
                    address.send(ToSupervisor::Removing(name.clone())).await.ok();
                    remove::in_background(directory, forget).await
                }
                Err(error) => Err(error),
            };
            address.send(ToSupervisor::Ended { name }).await.ok();
            drop(reply.send(removed.map_err(|error| Refusal::new(RefusalCode::Failed, error.to_string()))));
        });
    }
}

/// All that is known of a session whose init is silent.
pub(super) fn row(entry: &Entry) -> Option<Row> {
    let Entry::Silent(found) = entry else { return None };
    Some(Row {
        name: found.name.clone(),
        workspace: found.workspace.clone(),
        state: State::Running,
        activity: None,
        silent: true,
        exit_code: None,
        pid: Some(found.pid),
        ptys: Vec::new(),
        clients: Clients::default(),
        created: found.created_unix_s,
        agent: Vec::new(),
        agent_given: false,
        detach_key: DetachKey::DEFAULT,
        network: None,
    })
}
