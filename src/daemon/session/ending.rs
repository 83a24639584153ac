//! The end of a session: the kill, its last words, its files, and the answer to who wanted it.

use crate::daemon::remove;
use crate::daemon::session::Session;
use crate::daemon::supervisor::ToSupervisor;
use crate::daemon::terminal::Order;
use crate::proto::control::ToInit;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::sys::process;
use nix::sys::signal::Signal;
use std::time::Duration;
use tokio::sync::oneshot;

/// What a kill gives the box between SIGTERM and SIGKILL.
const KILL_GRACE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Killing {
    pub kill_at: Duration,
    forget: bool,
    replies: Vec<oneshot::Sender<Result<(), Refusal>>>,
}

impl Killing {
    /// It has been begun, and nobody waits for the answer any more. Whether what persists was to go was not passed on.
    pub fn of_an_earlier_daemon(now: Duration) -> Self {
        Self { kill_at: now + KILL_GRACE, forget: false, replies: Vec::new() }
    }
}

impl Session {
    pub(super) async fn on_kill(&mut self, force: bool, forget: bool, reply: oneshot::Sender<Result<(), Refusal>>) {
        let (now, is_new) = (self.now(), self.killing.is_none());
        let killing =
            self.killing.get_or_insert(Killing { kill_at: now + KILL_GRACE, forget: false, replies: Vec::new() });
        killing.forget |= forget;
        killing.replies.push(reply);
        if force {
            killing.kill_at = now;
        } else if is_new {
            self.tell_init(&ToInit::TerminateAll).await;
        }
    }

    pub(super) fn kill_if_due(&mut self, now: Duration) {
        let Some(killing) = self.killing.as_mut().filter(|killing| killing.kill_at <= now) else { return };
        killing.kill_at = now + KILL_GRACE;
        if let Err(errno) = process::pidfd_signal(self.pidfd.get_ref(), Signal::SIGKILL) {
            tracing::error!(session = %self.spec.name, %errno, "cannot kill an init");
        }
    }

    /// The init is gone, and with it, by the kernel's word, every process of the box.
    pub(super) async fn end(self) {
        let why = if self.killing.is_some() {
            "was killed"
        } else {
            "is lost: its processes are gone; `coop` starts it again"
        };
        self.tell_terminals(|| Order::Gone(format!("session {} {why}", self.spec.name)));
        // What this session held open is needed for removing its files, when the limit is near.
        let Self { spec, directory, supervisor, killing, link, pidfd, ptys, inbox, .. } = self;
        drop((link, pidfd, ptys));
        let removed = match &killing {
            Some(killing) => {
                // First, for nobody must be sent here any more.
                supervisor.send(ToSupervisor::Removing(spec.name.clone())).await.ok();
                // Nor is anybody kept waiting who was: lists, for one.
                drop(inbox);
                remove::in_background(directory.clone(), killing.forget).await
            }
            None => {
                tracing::warn!(session = %spec.name, "a session was lost: its init is gone");
                Ok(())
            }
        };
        // The name is free before the answer goes out. A supervisor that is gone keeps no table.
        supervisor.send(ToSupervisor::Ended { name: spec.name.clone() }).await.ok();
        for reply in killing.into_iter().flat_map(|killing| killing.replies) {
            let answer = removed.as_ref().copied().map_err(|error| {
                let text =
                    format!("session {} is ended, but not all of its files could be removed: {error}", spec.name);
                Refusal::new(RefusalCode::Failed, text).hinted(format!("remove {} by hand", directory.display()))
            });
            drop(reply.send(answer));
        }
    }
}
