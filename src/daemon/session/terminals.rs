//! The session's terminals: clients are handed to them, programs start and end on them.

use crate::daemon::link::Following;
use crate::daemon::session::Pty;
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
use tokio::sync::oneshot;

impl Session {
    pub(super) async fn on_attach(&mut self, attach: Attach, reply: oneshot::Sender<Result<Viewer, Refusal>>) {
        let Some(pty) = self.ptys.get_mut(&attach.pty) else {
            let text = format!("session {} has no terminal {}", self.spec.name, attach.pty);
            let refusal = Refusal::new(RefusalCode::NoPty, text).hinted("`coop ls --json` lists them");
            drop(reply.send(Err(refusal)));
            return;
        };
        if pty.followed {
            pty.attach(attach, None, reply);
            return;
        }
        let follow = ToInit::Follow { pty: attach.pty, at: attach.resume, holds: !attach.view };
        pty.waiting.push_back((attach, reply));
        if pty.waiting.len() == 1 {
            self.tell_init(&follow).await;
        }
    }

    pub(super) async fn on_idle(&mut self, id: PtyId, attached_ever: u64) {
        let Some(pty) = self.ptys.get_mut(&id) else { return };
        if pty.attached_ever != attached_ever || !pty.waiting.is_empty() {
            return; // somebody came meanwhile
        }
        pty.followed = false;
        pty.terminal.order(Order::Release);
        let is_over = pty.exit.is_some() && id != PtyId::AGENT;
        self.tell_init(&ToInit::Unfollow { pty: id }).await;
        if is_over {
            self.tell_init(&ToInit::Close { pty: id }).await;
            self.ptys.remove(&id);
        }
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
        self.add_pty(id, argv.clone()).starting = Some(reply);
        self.tell_init(&ToInit::Spawn { pty: id, argv, size }).await;
    }

    pub(super) fn on_following(&mut self, id: PtyId, following: Result<Following, String>) {
        let Some(pty) = self.ptys.get_mut(&id) else { return };
        match following {
            Ok(following) => {
                let mut following = Some(Box::new(following));
                while let Some((attach, reply)) = pty.waiting.pop_front() {
                    pty.followed = true;
                    pty.attach(attach, following.take(), reply);
                }
            }
            Err(why) => {
                tracing::error!(session = %self.spec.name, pty = %id, %why, "a terminal cannot be followed");
                for (_, reply) in pty.waiting.drain(..) {
                    drop(
                        reply.send(Err(Refusal::new(
                            RefusalCode::Failed,
                            format!("the terminal cannot be shown: {why}"),
                        ))),
                    );
                }
            }
        }
    }

    pub(super) fn on_spawned(&mut self, id: PtyId) {
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
    }

    pub(super) async fn on_spawn_failed(&mut self, id: PtyId, why: &str) {
        if id == PtyId::AGENT {
            let effects = self.life.on_start_failed(why);
            self.perform(effects).await;
            if let Some((pty, exit)) = self.ptys.get_mut(&id).zip(self.life.exit()) {
                pty.exit = Some(exit);
                pty.terminal.order(Order::Ended { exit, head: pty.head_at_exit });
            }
        } else if let Some(reply) = self.ptys.remove(&id).and_then(|pty| pty.starting) {
            drop(reply.send(Err(Refusal::new(RefusalCode::Failed, format!("the shell could not be started: {why}")))));
        }
    }

    pub(super) async fn on_exited(&mut self, id: PtyId, exit: Exit, head: u64) {
        self.tell_init(&ToInit::Acknowledge { pty: id }).await;
        let Some(pty) = self.ptys.get_mut(&id) else { return };
        pty.exit = Some(exit);
        pty.head_at_exit = head;
        if id != PtyId::AGENT {
            pty.terminal.order(Order::Ended { exit, head });
            if !pty.followed && pty.waiting.is_empty() && pty.attached_ever > 0 {
                self.tell_init(&ToInit::Close { pty: id }).await;
                self.ptys.remove(&id);
            }
            return;
        }
        let effects = self.life.on_exit(exit, self.born.elapsed());
        tracing::info!(session = %self.spec.name, %exit, state = %self.life.state(), "the agent ended");
        self.perform(effects).await;
        // Last, for a client goes when it has heard it.
        if let Some(pty) = self.ptys.get(&id).filter(|_| self.life.exit().is_some()) {
            pty.terminal.order(Order::Ended { exit, head });
        }
    }
}

impl Pty {
    fn attach(
        &mut self,
        attach: Attach,
        following: Option<Box<Following>>,
        reply: oneshot::Sender<Result<Viewer, Refusal>>,
    ) {
        self.attached_ever += 1;
        let (viewer, answer) = oneshot::channel();
        self.terminal.order(Order::Attach { attach, following, reply: viewer });
        tokio::spawn(async move {
            let gone = |_| Refusal::new(RefusalCode::Failed, "the terminal has just ended");
            drop(reply.send(answer.await.map_err(gone)));
        });
    }
}
