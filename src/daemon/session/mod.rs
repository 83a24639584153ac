//! The session actor: owns the connection to one init and the life of its agent; hands clients to terminals.

use crate::daemon::changes::Changes;
use crate::daemon::create::Born;
use crate::daemon::link::Following;
use crate::daemon::link::Inheritance;
use crate::daemon::link::Link;
use crate::daemon::session::ending::Killing;
use crate::daemon::supervisor::ToSupervisor;
use crate::daemon::terminal::Order;
use crate::daemon::terminal::TerminalHandle;
use crate::daemon::viewer::Viewer;
use crate::daemon::watch::sleep_until;
use crate::daemon::watch::watched_or_back;
use crate::name::PtyId;
use crate::name::WinSize;
use crate::proto::control::FromInit;
use crate::proto::control::Report;
use crate::proto::control::ToInit;
use crate::proto::door::Attach;
use crate::proto::door::Refusal;
use crate::proto::door::Row;
use crate::session::spec;
use crate::session::spec::SessionSpec;
use crate::session::state::AgentLife;
use crate::session::state::Effect;
use crate::session::state::Exit;
use crate::sys::process;
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

mod ending;
mod inheriting;
mod row;
mod terminals;

/// What a session is asked. Each answer goes back on its own channel.
#[derive(Debug)]
pub enum ToSession {
    Row(oneshot::Sender<Row>),
    Attach(Attach, oneshot::Sender<Result<Viewer, Refusal>>),
    Shell {
        command: Option<String>,
        size: WinSize,
        reply: oneshot::Sender<Result<PtyId, Refusal>>,
    },
    Restart(oneshot::Sender<Result<(), Refusal>>),
    Kill {
        force: bool,
        /// What persists goes too.
        forget: bool,
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// A client of this terminal can read the ring itself, from this offset on.
    WantDirect {
        pty: PtyId,
        client: u64,
        at: u64,
    },
    /// A terminal's screen, to be kept by the init.
    Checkpoint {
        pty: PtyId,
        offset: u64,
        size: WinSize,
        screen: Vec<u8>,
    },
    /// A terminal's last client has gone; `attached_ever` says how many it had seen by then.
    Idle {
        pty: PtyId,
        attached_ever: u64,
    },
    /// The daemon ends.
    Leave {
        replaced: bool,
        done: oneshot::Sender<()>,
    },
}

/// Whether anybody may still come for what a shell leaves: its exit code.
#[derive(Debug, PartialEq, Eq)]
enum Audience {
    /// Who had it started has not attached yet.
    Awaited,
    /// Who was attached when an earlier daemon ended may come back.
    Returning,
    /// Somebody has come; when nobody is there any more, nobody will be.
    Known,
}

#[derive(Debug)]
struct Pty {
    terminal: TerminalHandle,
    /// As it is shown.
    argv: Vec<String>,
    exit: Option<Exit>,
    head_at_exit: u64,
    /// The init was asked for its ring, and has not refused.
    followed: bool,
    /// Its answer has not come. What nobody asked for is not taken: the terminal is followed already.
    asked: bool,
    attached_ever: u64,
    audience: Audience,
    /// A shell that is being started.
    starting: Option<oneshot::Sender<Result<PtyId, Refusal>>>,
}

pub struct Session {
    spec: SessionSpec,
    directory: PathBuf,
    link: Link,
    pidfd: AsyncFd<OwnedFd>,
    pid: i32,
    born: Instant,
    life: AgentLife,
    ptys: BTreeMap<PtyId, Pty>,
    next_pty: u32,
    killing: Option<Killing>,
    /// Until then clients of an earlier daemon may come back.
    returning_until: Option<Duration>,
    inbox: mpsc::Receiver<ToSession>,
    address: mpsc::Sender<ToSession>,
    supervisor: mpsc::Sender<ToSupervisor>,
    changes: Changes,
}

/// What made the actor's loop stop.
enum Over {
    /// The init is gone.
    InitGone,
    /// Another daemon has the init: this one has been replaced without having been asked.
    Displaced,
    Left(oneshot::Sender<()>),
}

impl Session {
    /// Starts the actor of a session that has just been created (`report` is `None`) or was found alive.
    pub fn start(
        spec: SessionSpec,
        directory: PathBuf,
        born: Born,
        report: Option<Report>,
        supervisor: mpsc::Sender<ToSupervisor>,
        changes: Changes,
    ) -> std::io::Result<mpsc::Sender<ToSession>> {
        let (address, inbox) = mpsc::channel(64);
        let pidfd = watched_or_back(born.pidfd, Interest::READABLE).map_err(|(pidfd, error)| {
            if report.is_none() {
                // No box lives that nobody knows of: the files of this one are about to be removed.
                process::pidfd_signal(&pidfd, Signal::SIGKILL).ok();
            }
            error
        })?;
        let life = AgentLife::started(spec.restart, Duration::ZERO);
        let mut session = Self {
            spec,
            directory,
            link: born.link,
            pidfd,
            pid: born.pid,
            born: Instant::now(),
            life,
            ptys: BTreeMap::new(),
            next_pty: 1,
            killing: None,
            returning_until: None,
            inbox,
            address: address.clone(),
            supervisor,
            changes,
        };
        let agent = session.spec.agent.clone();
        let unattended = match report {
            Some(report) => session.take_over(report),
            None => {
                session.add_pty(PtyId::AGENT, &agent);
                Vec::new()
            }
        };
        tokio::spawn(session.run(unattended));
        Ok(address)
    }

    fn add_pty(&mut self, id: PtyId, argv: &[String]) -> &mut Pty {
        let terminal = TerminalHandle::start(id, self.spec.terminals, self.address.clone(), self.changes.clone());
        self.next_pty = self.next_pty.max(id.0.saturating_add(1));
        self.ptys.entry(id).or_insert(Pty {
            terminal,
            argv: spec::shown(argv),
            exit: None,
            head_at_exit: 0,
            followed: false,
            asked: false,
            attached_ever: 0,
            audience: Audience::Awaited,
            starting: None,
        })
    }

    async fn run(mut self, unattended: Vec<(PtyId, Exit, u64)>) {
        for id in self.ptys.keys().copied().collect::<Vec<_>>() {
            self.follow(id).await;
        }
        for (pty, exit, head) in unattended {
            self.on_exited(pty, exit, head).await;
        }
        let over = loop {
            if let Some(over) = self.turn().await {
                break over;
            }
        };
        match over {
            Over::Left(done) => {
                // An init that is gone needs no goodbye, and nobody waits for the answer if the daemon is not ending.
                self.link.send(&ToInit::Bye).await.ok();
                done.send(()).ok();
            }
            Over::InitGone => self.end().await,
            Over::Displaced => {
                self.tell_terminals(|| Order::Bye { replaced: true });
                // A supervisor that is gone is going anyway.
                self.supervisor.send(ToSupervisor::Displaced(self.spec.name.clone())).await.ok();
            }
        }
    }

    async fn turn(&mut self) -> Option<Over> {
        let kill_at = self.killing.as_ref().map(|killing| killing.kill_at);
        let deadline = [self.life.deadline(), kill_at, self.returning_until];
        let deadline = deadline.into_iter().flatten().min();
        let deadline = deadline.map(|at| tokio::time::Instant::from_std(self.born + at));
        tokio::select! {
            message = self.link.receive() => match message {
                Ok((message, fds)) => self.on_init(message, fds).await,
                Err(error) => return self.on_link_lost(&error).await,
            },
            message = self.inbox.recv() => match message {
                Some(ToSession::Leave { replaced, done }) => {
                    self.tell_terminals(|| Order::Bye { replaced });
                    return Some(Over::Left(done));
                }
                Some(message) => self.on_message(message).await,
                None => return Some(Over::InitGone),
            },
            _ = self.pidfd.readable() => return Some(Over::InitGone),
            () = sleep_until(deadline) => self.on_time().await,
        }
        None
    }

    fn now(&self) -> Duration {
        self.born.elapsed()
    }

    async fn on_link_lost(&mut self, error: &std::io::Error) -> Option<Over> {
        let dead = tokio::time::timeout(Duration::from_secs(1), self.pidfd.readable()).await;
        if dead.is_err() && error.kind() == std::io::ErrorKind::UnexpectedEof {
            tracing::warn!(session = %self.spec.name, "another daemon has taken over");
            return Some(Over::Displaced);
        }
        if dead.is_err() {
            tracing::error!(session = %self.spec.name, %error, "an init breaks the rules: its session is ended");
            process::pidfd_signal(self.pidfd.get_ref(), Signal::SIGKILL).ok();
        }
        Some(Over::InitGone)
    }

    async fn on_message(&mut self, message: ToSession) {
        match message {
            ToSession::Row(reply) => drop(reply.send(self.row())),
            ToSession::Attach(attach, reply) => self.on_attach(attach, reply).await,
            ToSession::Shell { command, size, reply } => self.on_shell(command, size, reply).await,
            ToSession::Restart(reply) => {
                let effects = self.life.restart(self.now());
                self.perform(effects).await;
                drop(reply.send(Ok(())));
            }
            ToSession::Kill { force, forget, reply } => self.on_kill(force, forget, reply).await,
            ToSession::WantDirect { pty, client, at } => {
                self.tell_init(&ToInit::Follow { pty, at: Some(at), holds: true, client }).await;
            }
            ToSession::Checkpoint { pty, offset, size, screen } => {
                let checkpoint = ToInit::Checkpoint { pty, offset, size };
                if let Err(error) = self.link.send_parcel(&checkpoint, &screen).await {
                    tracing::warn!(session = %self.spec.name, %error, "a screen could not be put by");
                }
            }
            ToSession::Idle { pty, attached_ever } => self.on_idle(pty, attached_ever).await,
            ToSession::Leave { .. } => {}
        }
    }

    async fn tell_init(&self, message: &ToInit) {
        if let Err(error) = self.link.send(message).await {
            // The loop sees the same on its next receive and acts on it.
            tracing::debug!(session = %self.spec.name, %error, "a message to an init was lost");
        }
    }

    async fn on_time(&mut self) {
        let now = self.now();
        self.kill_if_due(now);
        if self.returning_until.is_some_and(|until| until <= now) {
            self.returning_until = None;
            self.give_up_on_absent().await;
        }
        let effects = self.life.on_time(now);
        self.perform(effects).await;
        self.changes.announce();
    }

    async fn on_init(&mut self, message: FromInit, fds: Vec<OwnedFd>) {
        // Rare enough to look each time.
        self.changes.announce();
        match message {
            FromInit::Following { pty, client, .. } if client != 0 => self.on_direct(pty, client, fds),
            FromInit::Following { pty, .. } | FromInit::FollowFailed { pty, client: 0, .. } if !self.has_asked(pty) => {
            }
            FromInit::Following { pty, typed, answered, size, held, checkpoint, client: _ } => {
                self.on_following(pty, Following::take(fds, Inheritance { typed, answered, size, held, checkpoint }));
            }
            FromInit::FollowFailed { pty, why, client: 0 } => self.on_following(pty, Err(why)),
            FromInit::FollowFailed { pty, why, client: _ } => {
                // That client's bytes go on through the daemon.
                tracing::warn!(session = %self.spec.name, %pty, %why, "a client cannot read by itself");
            }
            FromInit::Spawned { pty, .. } => self.on_spawned(pty).await,
            FromInit::SpawnFailed { pty, why } => self.on_spawn_failed(pty, &why).await,
            FromInit::Exited { pty, exit, head } => self.on_exited(pty, exit, head).await,
            FromInit::Namespace
            | FromInit::NoNamespace { .. }
            | FromInit::Forked { .. }
            | FromInit::Built
            | FromInit::Failed { .. }
            | FromInit::Report(_)
            | FromInit::Parcel
            | FromInit::Unknown => {}
        }
    }

    async fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                // A session that is being killed starts nothing any more.
                Effect::Start if self.killing.is_some() => {}
                Effect::Start => self.start_agent().await,
                Effect::Terminate => self.signal_agent(Signal::SIGTERM).await,
                Effect::Kill => self.signal_agent(Signal::SIGKILL).await,
                Effect::Notice(text) => self.notice(text),
            }
        }
    }

    fn notice(&self, text: String) {
        if let Some(agent) = self.ptys.get(&PtyId::AGENT) {
            agent.terminal.order(Order::Notice(text));
        }
    }

    async fn signal_agent(&self, signal: Signal) {
        self.tell_init(&ToInit::Signal { pty: PtyId::AGENT, signal: signal as i32 }).await;
    }

    fn tell_terminals(&self, order: impl Fn() -> Order) {
        self.ptys.values().for_each(|pty| pty.terminal.order(order()));
    }
}
