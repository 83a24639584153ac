//! What doors see of the daemon: one asynchronous function a call.

use crate::daemon::changes::Changes;
use crate::daemon::session::ToSession;
use crate::daemon::supervisor::ToSupervisor;
use crate::daemon::viewer::Viewer;
use crate::name::PtyId;
use crate::name::SessionName;
use crate::proto::door::Attach;
use crate::proto::door::Create;
use crate::proto::door::Created;
use crate::proto::door::Kept;
use crate::proto::door::Kill;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::proto::door::Row;
use crate::proto::door::Shell;
use crate::session::spec::NotHeld;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;

#[derive(Clone, Debug)]
pub struct Handle {
    supervisor: mpsc::Sender<ToSupervisor>,
    changes: Changes,
}

fn ending() -> Refusal {
    Refusal::new(RefusalCode::Ending, "the daemon is ending").hinted("try again")
}

impl Handle {
    pub fn new(supervisor: mpsc::Sender<ToSupervisor>, changes: Changes) -> Self {
        Self { supervisor, changes }
    }

    /// Tells when a list that was asked for before may be different now.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.listen()
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> ToSupervisor) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.supervisor.send(message(reply)).await.map_err(|_| ending())?;
        answer.await.map_err(|_| ending())
    }

    async fn ask_session<T>(
        &self,
        name: &SessionName,
        message: impl FnOnce(oneshot::Sender<T>) -> ToSession,
    ) -> Result<T, Refusal> {
        let session = self.ask(|reply| ToSupervisor::Find(name.clone(), reply)).await??;
        let (reply, answer) = oneshot::channel();
        session.send(message(reply)).await.map_err(|_| Refusal::no_session(name))?;
        answer.await.map_err(|_| Refusal::new(RefusalCode::WrongState, format!("session {name} has just ended")))
    }

    pub async fn list(&self) -> Result<Vec<Row>, Refusal> {
        self.ask(ToSupervisor::List).await?
    }

    pub async fn kept(&self) -> Result<Vec<Kept>, Refusal> {
        self.ask(ToSupervisor::Kept).await
    }

    pub async fn not_held(&self) -> Result<Vec<NotHeld>, Refusal> {
        self.ask(ToSupervisor::NotHeld).await
    }

    pub async fn create(&self, create: Box<Create>) -> Result<Created, Refusal> {
        self.ask(|reply| ToSupervisor::Create(create, reply)).await?
    }

    pub async fn attach(&self, attach: Attach) -> Result<Viewer, Refusal> {
        let name = attach.session.clone();
        self.ask_session(&name, |reply| ToSession::Attach(attach, reply)).await?
    }

    pub async fn shell(&self, shell: Shell) -> Result<PtyId, Refusal> {
        let Shell { session, command, size } = shell;
        self.ask_session(&session, |reply| ToSession::Shell { command, size, reply }).await?
    }

    pub async fn restart(&self, name: &SessionName) -> Result<(), Refusal> {
        self.ask_session(name, ToSession::Restart).await?
    }

    pub async fn kill(&self, kill: Kill) -> Result<(), Refusal> {
        let Kill { force, forget, .. } = kill;
        match self.ask_session(&kill.session, |reply| ToSession::Kill { force, forget, reply }).await {
            Ok(answer) => answer,
            Err(refusal) if refusal.code == RefusalCode::NoSession => {
                self.ask(|reply| ToSupervisor::RemoveLost(kill, reply)).await?
            }
            Err(refusal) if refusal.code == RefusalCode::WrongState => {
                self.ask(|reply| ToSupervisor::KillSilent(kill, reply)).await?
            }
            Err(refusal) => Err(refusal),
        }
    }

    pub async fn set_idle_exit(&self, after: Duration) {
        // A daemon that is ending has no use for it.
        self.supervisor.send(ToSupervisor::IdleExit(after)).await.ok();
    }

    pub async fn shutdown(&self, replaced: bool) {
        // As above: it is ending already.
        self.supervisor.send(ToSupervisor::Shutdown { replaced }).await.ok();
    }
}
