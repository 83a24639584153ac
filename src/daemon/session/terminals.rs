//! The session's terminals: clients are handed to them, programs start and end on them.

use crate::daemon::link::Following;
use crate::daemon::session::Audience;
use crate::daemon::session::Session;
use crate::daemon::terminal::Order;
use crate::daemon::viewer::Viewer;
use crate::name::PtyId;
use crate::name::WinSize;
use crate::proto::control::ToInit;
use crate::proto::door::Attach;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::session::state::Exit;
use std::os::fd::OwnedFd;
use tokio::sync::oneshot;

/// Ring, page, wake socket, master.
const DIRECT_FDS: usize = 4;

impl Session {
    pub(super) async fn on_attach(&mut self, attach: Attach, reply: oneshot::Sender<Result<Viewer, Refusal>>) {
        let id = attach.pty;
        self.follow(id).await;
        let Some(pty) = self.ptys.get_mut(&id) else {
            let text = format!("session {} has no terminal {id}", self.spec.name);
            let refusal = Refusal::new(RefusalCode::NoPty, text).hinted("`coop ls --json` lists them");
            drop(reply.send(Err(refusal)));
            return;
        };
        pty.attached_ever += 1;
        pty.audience = Audience::Known;
        pty.terminal.order(Order::Attach { attach, reply });
    }

    /// Asks for a terminal's ring: its screen is kept from its first byte on, attached or not.
    pub(super) async fn follow(&mut self, id: PtyId) {
        let Some(pty) = self.ptys.get_mut(&id).filter(|pty| !pty.followed && pty.starting.is_none()) else { return };
        (pty.followed, pty.asked) = (true, true);
        self.tell_init(&ToInit::Follow { pty: id, at: Some(0), holds: true, client: 0 }).await;
    }

    /// A terminal's last client has gone: one of a shell that has ended is over.
    pub(super) async fn on_idle(&mut self, id: PtyId, attached_ever: u64) {
        let Some(pty) = self.ptys.get_mut(&id) else { return };
        let somebody_came = pty.attached_ever != attached_ever;
        if !somebody_came && pty.exit.is_some() && id != PtyId::AGENT {
            self.close(id).await;
        }
    }

    pub(super) async fn close(&mut self, id: PtyId) {
        self.tell_init(&ToInit::Unfollow { pty: id }).await;
        self.tell_init(&ToInit::Close { pty: id }).await;
        self.ptys.remove(&id);
    }

    pub(super) async fn on_shell(
        &mut self,
        command: Option<String>,
        size: WinSize,
        reply: oneshot::Sender<Result<PtyId, Refusal>>,
    ) {
        let id = PtyId(self.next_pty);
        let mut argv = self.spec.shell.clone();
        if let Some(command) = command {
            argv.extend(["-c".to_owned(), command]);
        }
        self.add_pty(id, &argv).starting = Some(reply);
        if let Err(error) = self.link.send(&ToInit::Spawn { pty: id, argv, size }).await {
            self.on_spawn_failed(id, &error.to_string()).await;
        }
    }

    /// Whether an answer to [`follow`](Self::follow) is still to come; says yes once.
    pub(super) fn has_asked(&mut self, id: PtyId) -> bool {
        self.ptys.get_mut(&id).is_some_and(|pty| std::mem::take(&mut pty.asked))
    }

    pub(super) fn on_following(&mut self, id: PtyId, following: Result<Following, String>) {
        let Some(pty) = self.ptys.get_mut(&id) else { return };
        match following {
            Ok(following) => pty.terminal.order(Order::Follow(Box::new(following))),
            Err(why) => {
                tracing::error!(session = %self.spec.name, pty = %id, %why, "a terminal cannot be followed");
                pty.followed = false;
                pty.terminal.order(Order::CannotFollow(why));
            }
        }
    }

    pub(super) fn on_direct(&mut self, id: PtyId, client: u64, fds: Vec<OwnedFd>) {
        // Short of descriptors, not all came: then that client's bytes go on through the daemon.
        if let Some(pty) = self.ptys.get(&id).filter(|_| fds.len() == DIRECT_FDS) {
            pty.terminal.order(Order::Direct { client, fds });
        }
    }

    pub(super) async fn on_spawned(&mut self, id: PtyId) {
        if id == PtyId::AGENT {
            self.life.on_started(self.born.elapsed());
        }
        if let Some(pty) = self.ptys.get_mut(&id) {
            pty.exit = None;
            pty.terminal.order(Order::Started);
            if let Some(reply) = pty.starting.take() {
                drop(reply.send(Ok(id)));
            }
        }
        self.follow(id).await;
    }

    pub(super) async fn start_agent(&mut self) {
        // Before anybody is told that it starts: who comes then must not be told of the last end.
        if let Some(agent) = self.ptys.get(&PtyId::AGENT) {
            agent.terminal.order(Order::Starting);
        }
        let spawn = ToInit::Spawn { pty: PtyId::AGENT, argv: self.spec.agent.clone(), size: WinSize::DEFAULT };
        if let Err(error) = self.link.send(&spawn).await {
            self.agent_not_started(&error.to_string()).await;
        }
    }

    /// An end after which the agent starts again is not dealt with before it has: should this daemon end first, the next
    /// one must start it.
    async fn acknowledge_end(&self) {
        if self.life.exit().is_some() {
            self.tell_init(&ToInit::Acknowledge { pty: PtyId::AGENT }).await;
        }
    }

    async fn agent_not_started(&mut self, why: &str) {
        let notice = self.life.on_start_failed(why);
        self.notice(notice);
        if let Some((pty, exit)) = self.ptys.get_mut(&PtyId::AGENT).zip(self.life.exit()) {
            pty.exit = Some(exit);
            pty.terminal.order(Order::Ended { exit, head: pty.head_at_exit });
        }
        self.acknowledge_end().await;
    }

    pub(super) async fn on_spawn_failed(&mut self, id: PtyId, why: &str) {
        if id == PtyId::AGENT {
            self.agent_not_started(why).await;
        } else if let Some(reply) = self.ptys.remove(&id).and_then(|pty| pty.starting) {
            drop(reply.send(Err(Refusal::new(RefusalCode::Failed, format!("the shell could not be started: {why}")))));
        }
    }

    pub(super) async fn on_exited(&mut self, id: PtyId, exit: Exit, head: u64) {
        let Some(pty) = self.ptys.get_mut(&id) else { return };
        pty.exit = Some(exit);
        pty.head_at_exit = head;
        // The signal was ours: whoever is attached hears that the session was killed, when it is gone.
        let by_us = self.killing.is_some() && matches!(exit, Exit::Signal(_));
        if id != PtyId::AGENT {
            if !by_us {
                pty.terminal.order(Order::Ended { exit, head });
            }
            self.tell_init(&ToInit::Acknowledge { pty: id }).await;
            let Some(pty) = self.ptys.get(&id) else { return };
            let is_watched = pty.terminal.counts.all() > 0;
            if !is_watched && pty.audience == Audience::Known {
                self.close(id).await;
            }
            return;
        }
        let effects = self.life.on_exit(exit, self.born.elapsed());
        tracing::info!(session = %self.spec.name, %exit, state = %self.life.state(), "the agent ended");
        self.perform(effects).await;
        self.acknowledge_end().await;
        // Last, for a client goes when it has heard it.
        if let Some(pty) = self.ptys.get(&id).filter(|_| self.life.exit().is_some() && !by_us) {
            pty.terminal.order(Order::Ended { exit, head });
        }
    }
}
