//! The supervisor: the table of sessions, and when the daemon is no longer needed.

use crate::daemon::adopt::Found;
use crate::daemon::changes::Changes;
use crate::daemon::create;
use crate::daemon::create::Born;
use crate::daemon::create::Made;
use crate::daemon::create::Means;
use crate::daemon::ids;
use crate::daemon::kept;
use crate::daemon::session::Session;
use crate::daemon::session::ToSession;
use crate::daemon::supervisor::claim::Claim;
use crate::home::CoopHome;
use crate::name::SessionName;
use crate::proto::control::Report;
use crate::proto::door::Create;
use crate::proto::door::Created;
use crate::proto::door::Kept;
use crate::proto::door::Kill;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::proto::door::Row;
use crate::sandbox::groups::Groups;
use crate::session::spec::AGENT_BYTES_MAX;
use crate::session::spec::NotHeld;
use crate::session::spec::SessionSpec;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;

mod claim;
mod held;
mod lost;
mod removing;
mod silent;

/// An init answers in well under a millisecond; a new daemon waits this long for all of them.
const ADOPTION: Duration = Duration::from_secs(1);
/// How long the end of the daemon waits for clients to have been told.
const FAREWELL: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub enum ToSupervisor {
    List(oneshot::Sender<Result<Vec<Row>, Refusal>>),
    /// The address of a live session.
    Find(SessionName, oneshot::Sender<Result<mpsc::Sender<ToSession>, Refusal>>),
    Create(Box<Create>, oneshot::Sender<Result<Created, Refusal>>),
    /// An init that was found has answered, or cannot.
    Adopted {
        name: SessionName,
        adopted: io::Result<Box<(Born, Report)>>,
    },
    KillSilent(Kill, oneshot::Sender<Result<(), Refusal>>),
    /// What became of a creation.
    Made {
        name: SessionName,
        made: Result<Box<Made>, Refusal>,
    },
    /// Removes the files of a lost session, or what is kept of one that was killed.
    RemoveLost(Kill, oneshot::Sender<Result<(), Refusal>>),
    /// What sessions that live are not held to.
    NotHeld(oneshot::Sender<Vec<NotHeld>>),
    /// The names of which only kept files are left.
    Kept(oneshot::Sender<Vec<Kept>>),
    /// A session's init is gone, and its files are about to be removed.
    Removing(SessionName),
    /// All of a session is gone.
    Ended {
        name: SessionName,
    },
    /// An init that lives has closed its connection to this daemon.
    Displaced(SessionName),
    /// An init could not be taken over a moment ago.
    AskAgain(SessionName),
    IdleExit(Duration),
    Shutdown {
        replaced: bool,
    },
}

/// How many clients there are: doors count, the supervisor looks.
#[derive(Debug, Default)]
pub struct Connected {
    pub all: AtomicUsize,
    /// Of them, those that have a terminal: they must hear it when the daemon goes.
    pub attached: AtomicUsize,
}

#[derive(Debug)]
enum Entry {
    /// It is being built; all who ask for it meanwhile wait.
    Building {
        session: SessionSpec,
        /// It was lost: what it had written stays, even if it cannot be started.
        revived: bool,
        /// The workspace whose kept files it gets.
        taken_from: Option<PathBuf>,
        waiting: Vec<oneshot::Sender<Result<Created, Refusal>>>,
    },
    /// Its files are being removed, and its name is not free yet.
    Removing,
    Live(mpsc::Sender<ToSession>, SessionSpec),
    /// Its processes live, but its init has not answered this daemon (it is stopped, or may not be looked into).
    Silent(Found),
}

pub struct Supervisor {
    home: CoopHome,
    sessions: BTreeMap<SessionName, Entry>,
    inbox: mpsc::Receiver<ToSupervisor>,
    address: mpsc::Sender<ToSupervisor>,
    clients: Arc<Connected>,
    idle_exit: Duration,
    means: Means,
    changes: Changes,
    /// Another daemon may take this one's place only by making the socket anew.
    own_socket: Option<(u64, u64)>,
}

/// Which file bears the socket's name now.
pub fn socket_inode(home: &CoopHome) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(home.socket()).ok().map(|found| (found.dev(), found.ino()))
}

impl Supervisor {
    pub fn new(home: CoopHome, idle_exit: Duration, open_files: u64) -> (Self, mpsc::Sender<ToSupervisor>) {
        let (address, inbox) = mpsc::channel(256);
        let supervisor = Self {
            own_socket: socket_inode(&home),
            means: Means {
                groups: Arc::new(Groups::find(home.root())),
                program: Arc::default(),
                home: home.clone(),
                open_files,
            },
            home,
            sessions: BTreeMap::new(),
            inbox,
            address: address.clone(),
            clients: Arc::new(Connected::default()),
            idle_exit,
            changes: Changes::default(),
        };
        (supervisor, address)
    }

    /// What the first box needs, while its client still works out what it is to be. That box says what went wrong.
    pub fn prepare(&self) {
        let means = self.means.clone();
        // Where there is no thread to be had, that box makes it for itself.
        drop(std::thread::Builder::new().spawn(move || drop(means.program())));
    }

    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    pub fn clients(&self) -> Arc<Connected> {
        Arc::clone(&self.clients)
    }

    fn start_session(&mut self, spec: SessionSpec, born: Born, report: Option<Report>) -> io::Result<()> {
        let directory = self.home.session(&spec.name);
        let address =
            Session::start(spec.clone(), directory, born, report, self.address.clone(), self.changes.clone())?;
        self.sessions.insert(spec.name.clone(), Entry::Live(address, spec));
        Ok(())
    }

    /// Runs until the daemon is to end; returns whether another one takes its place.
    pub async fn run(mut self) -> bool {
        let mut idle_since = Instant::now();
        loop {
            let idle = self.is_idle();
            if !idle {
                idle_since = Instant::now();
            }
            // A client that leaves sends no message: look again from time to time, but only while there is nothing else.
            let check = if idle { idle_since + self.idle_exit } else { Instant::now() + self.idle_exit };
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(ToSupervisor::Shutdown { replaced }) => {
                        self.leave(replaced).await;
                        return replaced;
                    }
                    Some(ToSupervisor::Displaced(name)) if socket_inode(&self.home) == self.own_socket => {
                        self.ask_again(&name);
                    }
                    Some(ToSupervisor::Displaced(_)) => {
                        self.leave(true).await;
                        return true;
                    }
                    Some(message) => self.on_message(message).await,
                    None => return false,
                },
                () = tokio::time::sleep_until(check), if self.sessions.is_empty() => {
                    // A client that has come meanwhile has not said anything yet.
                    if idle && self.is_idle() && idle_since.elapsed() >= self.idle_exit {
                        tracing::info!("nothing left to do: the daemon ends");
                        return false;
                    }
                }
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.sessions.is_empty() && self.clients.all.load(Ordering::Relaxed) == 0
    }

    async fn leave(&mut self, replaced: bool) {
        let mut goodbyes = Vec::new();
        for entry in self.sessions.values() {
            if let Entry::Live(session, _) = entry {
                let (done, gone) = oneshot::channel();
                if session.send(ToSession::Leave { replaced, done }).await.is_ok() {
                    goodbyes.push(gone);
                }
            }
        }
        let all = async {
            for gone in goodbyes {
                gone.await.ok();
            }
            while self.clients.attached.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(FAREWELL, all).await.is_err() {
            tracing::warn!("some clients could not be told that the daemon ends");
        }
    }

    async fn on_message(&mut self, message: ToSupervisor) {
        if !matches!(
            message,
            ToSupervisor::List(_) | ToSupervisor::NotHeld(_) | ToSupervisor::Kept(_) | ToSupervisor::Find(..)
        ) {
            self.changes.announce();
        }
        match message {
            ToSupervisor::List(reply) => self.list(reply),
            ToSupervisor::NotHeld(reply) => drop(reply.send(self.not_held())),
            ToSupervisor::Find(name, reply) => drop(reply.send(self.find(&name))),
            ToSupervisor::Adopted { name, adopted } => self.on_adopted(&name, adopted),
            ToSupervisor::KillSilent(kill, reply) => self.kill_silent(kill, reply),
            ToSupervisor::Create(create, reply) => self.create(*create, reply),
            ToSupervisor::Made { name, made } => self.on_made(&name, made),
            ToSupervisor::RemoveLost(kill, reply) => self.remove_lost(&kill, reply),
            ToSupervisor::Kept(reply) => drop(reply.send(kept::all(&self.home))),
            ToSupervisor::AskAgain(name) => {
                if matches!(self.sessions.get(&name), Some(Entry::Silent(_))) {
                    self.ask_again(&name);
                }
            }
            ToSupervisor::Removing(name) => drop(self.sessions.insert(name, Entry::Removing)),
            ToSupervisor::Ended { name } => {
                self.sessions.remove(&name);
                self.means.groups.remove(&name);
            }
            ToSupervisor::IdleExit(after) => self.idle_exit = after,
            ToSupervisor::Shutdown { .. } | ToSupervisor::Displaced(_) => {}
        }
    }

    fn live(&self, name: &SessionName) -> Option<mpsc::Sender<ToSession>> {
        match self.sessions.get(name) {
            Some(Entry::Live(session, _)) => Some(session.clone()),
            _ => None,
        }
    }

    fn find(&self, name: &SessionName) -> Result<mpsc::Sender<ToSession>, Refusal> {
        match self.sessions.get(name) {
            Some(Entry::Live(session, _)) => Ok(session.clone()),
            Some(Entry::Silent(found)) => {
                let text = format!("session {name} lives, but its init (pid {}) does not answer", found.pid);
                let hint = format!("if it was stopped, `kill -CONT {}`; `coop kill {name}` ends it", found.pid);
                Err(Refusal::new(RefusalCode::WrongState, text).hinted(hint))
            }
            Some(Entry::Removing) => Err(removing::refusal(name)),
            Some(Entry::Building { .. }) | None => Err(Refusal::no_session(name)),
        }
    }

    /// The rows are gathered beside the supervisor: a slow session delays only this one list.
    fn list(&self, reply: oneshot::Sender<Result<Vec<Row>, Refusal>>) {
        let live: Vec<_> = self.sessions.keys().filter_map(|name| self.live(name)).collect();
        let mut rows = match self.lost() {
            Ok(rows) => rows,
            Err(error) => {
                let text = format!("{} cannot be read: {error}", self.home.sessions().display());
                return drop(reply.send(Err(Refusal::new(RefusalCode::Failed, text))));
            }
        };
        rows.extend(self.sessions.values().filter_map(silent::row));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for session in live {
                let (row, answer) = oneshot::channel();
                if session.send(ToSession::Row(row)).await.is_ok() {
                    answers.push(answer);
                }
            }
            for answer in answers {
                rows.extend(answer.await.ok());
            }
            rows.sort_by(|a, b| a.name.cmp(&b.name));
            drop(reply.send(Ok(rows)));
        });
    }

    fn create(&mut self, create: Create, reply: oneshot::Sender<Result<Created, Refusal>>) {
        let Create { mut session, boxed, size, renameable } = create;
        let agent_bytes: usize = session.agent.iter().map(|word| word.len() + 1).sum();
        if agent_bytes > AGENT_BYTES_MAX {
            let text =
                format!("the agent's command line is {agent_bytes} bytes long, and may be {AGENT_BYTES_MAX} at most");
            let refusal = Refusal::new(RefusalCode::TooLong, text).hinted("give it a file to read");
            return drop(reply.send(Err(refusal)));
        }
        let (revived, taken_from) = match self.claim(&mut session, renameable) {
            Claim::Free { revived, taken_from } => (revived, taken_from),
            Claim::Ours(name) => {
                match self.sessions.get_mut(&name) {
                    Some(Entry::Building { waiting, .. }) => waiting.push(reply),
                    _ => {
                        let created = Created { name, existed: true, taken_from: None, not_held: Vec::new() };
                        drop(reply.send(Ok(created)));
                    }
                }
                return;
            }
            Claim::Taken(refusal) => return drop(reply.send(Err(refusal))),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        session.created_unix_s = now;
        session.host_id = if boxed.user.uid == 0 { ids::choose(&session.name, &self.host_ids()) } else { None };
        let name = session.name.clone();
        self.sessions.insert(
            name.clone(),
            Entry::Building { session: session.clone(), revived, taken_from, waiting: vec![reply] },
        );
        let (means, address) = (self.means.clone(), self.address.clone());
        tokio::spawn(async move {
            let made = create::create(&means, session, boxed, size).await.map(Box::new);
            // A supervisor that is gone leaves the init to the next daemon, which will find it.
            address.send(ToSupervisor::Made { name, made }).await.ok();
        });
    }

    fn on_made(&mut self, name: &SessionName, made: Result<Box<Made>, Refusal>) {
        let Some(Entry::Building { session: spec, revived, taken_from, waiting }) = self.sessions.remove(name) else {
            return;
        };
        let mut not_held = Vec::new();
        let started = made.and_then(|made| {
            tracing::info!(session = %name, pid = made.born.pid, "created");
            let Made { session, born } = *made;
            not_held.clone_from(&session.not_held);
            self.start_session(session, born, None).map_err(|error| {
                Refusal::new(RefusalCode::Failed, format!("the daemon is short of something: {error}"))
            })
        });
        let name = name.clone();
        let failed = started.as_ref().err().cloned();
        let answer = move || {
            for (index, reply) in waiting.into_iter().enumerate() {
                let existed = index > 0;
                let not_held = if existed { Vec::new() } else { not_held.clone() };
                let created = Created { name: name.clone(), existed, taken_from: taken_from.clone(), not_held };
                drop(reply.send(started.clone().map(|()| created)));
            }
        };
        let Some(refusal) = failed else { return answer() };
        self.means.groups.remove(&spec.name);
        tracing::warn!(session = %spec.name, error = %refusal, "a session could not be created");
        if revived { answer() } else { self.remove(spec.name, false, |_| answer()) }
    }
}
