//! A daemon facing a hostile init: the session and terminal actors, with a client attached, against arbitrary messages,
//! descriptors, and an output ring whose header says anything. Nothing may panic, and every turn must end.
#![no_main]

use arbitrary::Arbitrary;
use coop::daemon::changes::Changes;
use coop::daemon::create::Born;
use coop::daemon::link::Link;
use coop::daemon::session::Session;
use coop::daemon::session::ToSession;
use coop::daemon::supervisor::ToSupervisor;
use coop::daemon::viewer::Viewer;
use coop::name::PtyId;
use coop::name::WinSize;
use coop::proto::control;
use coop::proto::control::FromInit;
use coop::proto::control::Program;
use coop::proto::control::PtyReport;
use coop::proto::control::Report;
use coop::proto::door::Attach;
use coop::proto::door::Role;
use coop::session::spec::AgentSource;
use coop::session::spec::DetachKey;
use coop::session::spec::NetworkMode;
use coop::session::spec::RestartPolicy;
use coop::session::spec::RestartWhen;
use coop::session::spec::SessionSpec;
use coop::session::spec::TerminalPolicy;
use coop::session::state::Exit;
use coop::sys::memory::Mapping;
use coop::sys::memory::memory_file;
use coop::sys::memory::seal;
use coop::sys::pty;
use coop::sys::pty::Pty;
use coop::sys::socket;
use coop::term::ring::RING_BYTES_MIN;
use libfuzzer_sys::fuzz_target;
use nix::fcntl::SealFlag;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;
use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Condvar;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::Once;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

/// Where `sys::ring` and `docs/protocol.md` put them.
const HEADER: u64 = 4096;
const HEAD: usize = 64;
const TAIL: usize = 128;
/// Every await of one event's consequences has happened after so many turns of the runtime.
const TURNS: usize = 12;

#[derive(Arbitrary, Debug)]
struct Story {
    /// Only every eighth story may have a race: they cost a hundred times as much.
    races: u8,
    delay_ms: u64,
    found: Option<Vec<Found>>,
    events: Vec<Event>,
}

#[derive(Arbitrary, Debug)]
struct Found {
    pty: Number,
    head: u64,
    ended: Option<(bool, i32, bool)>,
    ms: u64,
}

/// A PTY's: mostly one that there is.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Agent,
    Small(u8),
    Any(u32),
}

#[derive(Arbitrary, Debug)]
enum Event {
    // The init.
    Raw {
        bytes: Vec<u8>,
        fds: [Offer; 4],
        count: u8,
    },
    Follows {
        pty: Number,
        typed: Vec<(u64, u64)>,
        answered: u64,
        /// Offset, rows and columns.
        checkpoint: Option<(u64, u16, u16, Offer)>,
    },
    FollowsBadly {
        pty: Number,
        fds: [Offer; 4],
        count: u8,
        checkpoint: Option<(u64, u16, u16)>,
    },
    FollowFails {
        pty: Number,
    },
    Spawned {
        pty: Number,
        pid: i32,
    },
    SpawnFails {
        pty: Number,
        why: String,
    },
    Exited {
        pty: Number,
        signalled: bool,
        number: i32,
        head: u64,
    },
    Reports {
        version: u32,
        head: u64,
    },
    Head(u64),
    Tail(u64),
    Honest {
        tail: u64,
        ready: u16,
    },
    /// From now on the header changes all the time, until the next event that sets it.
    Races {
        tail: u64,
        ready: i16,
        step: i16,
    },
    // The clients.
    /// All of it in order: a client comes, the init hands over the ring, the client asks for output.
    Joins {
        role: Who,
        resume: Option<u64>,
    },
    Attach {
        pty: Number,
        role: Who,
        resume: Option<u64>,
        client: u8,
        typed: u64,
    },
    Pull {
        viewer: u8,
    },
    Types {
        viewer: u8,
        bytes: u8,
    },
    Resizes {
        viewer: u8,
        rows: u16,
        cols: u16,
    },
    Goes {
        viewer: u8,
    },
    Shell,
    Restart,
    List,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Who {
    Terminal,
    View,
    Reader,
    Hand,
}

impl Who {
    fn role(self) -> Role {
        match self {
            Self::Terminal => Role::Terminal,
            Self::View => Role::View,
            Self::Reader => Role::Reader,
            Self::Hand => Role::Hand,
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Offer {
    Ring,
    Page,
    Wake,
    Master,
    Pipe,
    Unsealed,
    Null,
    Directory,
}

/// What the hostile init has to offer. It lives as long as the fuzzer: only its numbers change.
struct Props {
    ring: OwnedFd,
    map: Mapping,
    page: OwnedFd,
    pty: Pty,
    unsealed: OwnedFd,
    null: OwnedFd,
    directory: OwnedFd,
}

static PROPS: LazyLock<Props> = LazyLock::new(|| {
    let memory = |len: u64| memory_file(c"fuzz", len).expect("memory is there");
    let sealed = |len: u64| {
        let file = memory(len);
        seal(&file, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW).expect("a new file can be sealed");
        file
    };
    let len = HEADER + RING_BYTES_MIN;
    let ring = sealed(len);
    let open = |path: &str| OwnedFd::from(std::fs::File::open(path).expect("it is everywhere"));
    Props {
        map: Mapping::new(&ring, usize::try_from(len).expect("64-bit machine"), true).expect("a ring can be mapped"),
        ring,
        page: sealed(4096),
        pty: pty::open(Path::new("/dev/ptmx")).expect("a terminal can be opened"),
        unsealed: memory(len),
        null: open("/dev/null"),
        directory: open("/"),
    }
});

struct World {
    init: OwnedFd,
    /// The init's ends of the wake-up sockets that it gave away.
    wakes: Vec<OwnedFd>,
    session: mpsc::Sender<ToSession>,
    attaching: Vec<oneshot::Receiver<Result<Viewer, coop::proto::door::Refusal>>>,
    viewers: Vec<Viewer>,
}

fn run(story: &Story) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().event_interval(1).enable_all().build().expect("a runtime");
    runtime.block_on(play(story));
}

async fn play(story: &Story) {
    Racer::stop();
    set(HEAD, 0);
    set(TAIL, 0);
    let (ours, init) = socket::message_pair().expect("a socket pair");
    // Never ready, and no process: SIGKILL for an init that breaks the rules reaches nobody.
    let pidfd = EventFd::from_flags(EfdFlags::EFD_NONBLOCK).expect("an eventfd").into();
    let born = Born { link: Link::new(ours).expect("a link"), pidfd, pid: 1 };
    let (supervisor, mut ended) = mpsc::channel::<ToSupervisor>(64);
    let report = story.found.as_ref().map(|found| Report {
        version: 1,
        session: spec(story.delay_ms),
        ptys: found.iter().map(Found::report).collect(),
        next_pty: 1,
        ending: false,
    });
    let directory = "/nonexistent/coop-fuzz".into();
    let session = Session::start(spec(story.delay_ms), directory, born, report, supervisor, Changes::default())
        .expect("a session");
    let mut world = World { init, wakes: Vec::new(), session, attaching: Vec::new(), viewers: Vec::new() };
    for event in &story.events {
        match event {
            Event::Races { .. } if story.races % 8 != 0 => {}
            Event::Joins { role, resume } => {
                let pty = Number::Agent;
                world.turn(&Event::Attach { pty, role: *role, resume: *resume, client: 1, typed: 0 }).await;
                world.turn(&Event::Follows { pty, typed: Vec::new(), answered: 0, checkpoint: None }).await;
                let newest = u8::try_from(world.viewers.len()).unwrap_or(u8::MAX).saturating_sub(1);
                world.turn(&Event::Pull { viewer: newest }).await;
            }
            event => world.turn(event).await,
        }
        while ended.try_recv().is_ok() {}
    }
}

fn spec(delay_ms: u64) -> SessionSpec {
    SessionSpec {
        name: "fuzz".parse().expect("a name"),
        workspace: "/w".into(),
        agent: vec!["agent".to_owned()],
        agent_source: AgentSource::Config,
        shell: vec!["sh".to_owned()],
        restart: RestartPolicy { when: RestartWhen::Always, delay_ms },
        network: NetworkMode::None,
        detach_key: DetachKey::DEFAULT,
        terminals: TerminalPolicy::default(),
        persist: Vec::new(),
        created_unix_s: 0,
        host_id: None,
        not_held: Vec::new(),
    }
}

/// A thread of the hostile init's that writes the ring's header as fast as it can.
struct Racer {
    running: bool,
    /// Whether the thread has seen that it is to stop.
    stopped: bool,
    tail: u64,
    ready: i16,
    step: i16,
}

static RACER: Mutex<Racer> = Mutex::new(Racer { running: false, stopped: true, tail: 0, ready: 0, step: 0 });
static RACER_CHANGED: Condvar = Condvar::new();
static RACING: AtomicBool = AtomicBool::new(false);

impl Racer {
    fn start(tail: u64, ready: i16, step: i16) {
        static THREAD: Once = Once::new();
        THREAD.call_once(|| drop(std::thread::spawn(Self::run)));
        Self::stop();
        let mut racer = Self::locked();
        *racer = Self { running: true, stopped: false, tail, ready, step };
        RACING.store(true, Ordering::SeqCst);
        RACER_CHANGED.notify_all();
    }

    /// Returns when nothing is written any more.
    fn stop() {
        RACING.store(false, Ordering::SeqCst);
        let mut racer = Self::locked();
        racer.running = false;
        while !racer.stopped {
            racer = RACER_CHANGED.wait(racer).expect("nobody panics here");
        }
    }

    fn locked() -> MutexGuard<'static, Self> {
        RACER.lock().expect("nobody panics here")
    }

    fn run() {
        loop {
            let mut racer = Self::locked();
            while !racer.running {
                racer.stopped = true;
                RACER_CHANGED.notify_all();
                racer = RACER_CHANGED.wait(racer).expect("nobody panics here");
            }
            let (mut tail, ready, step) = (racer.tail, i64::from(racer.ready), i64::from(racer.step));
            drop(racer);
            while RACING.load(Ordering::Relaxed) {
                set(TAIL, tail);
                set(HEAD, tail.wrapping_add_signed(ready));
                tail = tail.wrapping_add_signed(step);
            }
        }
    }
}

impl Number {
    fn id(self) -> PtyId {
        match self {
            Self::Agent => PtyId::AGENT,
            Self::Small(n) => PtyId(u32::from(n % 4)),
            Self::Any(n) => PtyId(n),
        }
    }
}

impl Found {
    fn report(&self) -> PtyReport {
        let program = match self.ended {
            None => Program::Running { pid: 1, for_ms: self.ms },
            Some((signalled, number, acknowledged)) => {
                Program::Ended { exit: exit(signalled, number), acknowledged, ran_ms: self.ms }
            }
        };
        PtyReport { pty: self.pty.id(), argv: Vec::new(), program, head: self.head }
    }
}

fn exit(signalled: bool, number: i32) -> Exit {
    if signalled { Exit::Signal(number) } else { Exit::Code(number) }
}

fn set(field: usize, number: u64) {
    PROPS.map.atomic_u64(field).store(number, Ordering::SeqCst);
}

impl World {
    async fn turn(&mut self, event: &Event) {
        self.on(event).await;
        self.settle().await;
    }

    async fn on(&mut self, event: &Event) {
        if matches!(event, Event::Head(_) | Event::Tail(_) | Event::Honest { .. }) {
            Racer::stop();
        }
        match event {
            Event::Races { tail, ready, step } => Racer::start(*tail, *ready, *step),
            Event::Raw { bytes, fds, count } => self.say(bytes, fds, *count),
            Event::Follows { pty, typed, answered, checkpoint } => {
                let typed = typed.iter().copied().take(64).collect();
                let kept = checkpoint.map(|(offset, rows, cols, _)| (offset, WinSize::clamped(rows, cols)));
                let says = FromInit::Following {
                    pty: pty.id(),
                    typed,
                    answered: *answered,
                    size: answered.is_multiple_of(5).then(|| WinSize::clamped(7, 70)),
                    held: (*answered % 3 == 1).then_some(*answered),
                    checkpoint: kept,
                    client: 0,
                };
                let mut fds = vec![Offer::Ring, Offer::Page, Offer::Wake, Offer::Master];
                fds.extend(checkpoint.map(|(.., screen)| screen));
                self.say(&control::encode(&says), &fds, if kept.is_some() { 5 } else { 4 });
            }
            Event::FollowsBadly { pty, fds, count, checkpoint } => {
                let checkpoint = checkpoint.map(|(offset, rows, cols)| (offset, WinSize::clamped(rows, cols)));
                let says = FromInit::Following {
                    pty: pty.id(),
                    typed: Vec::new(),
                    answered: 0,
                    size: None,
                    held: None,
                    checkpoint,
                    client: 0,
                };
                self.say(&control::encode(&says), fds, *count);
            }
            Event::FollowFails { pty } => {
                self.tell(&FromInit::FollowFailed { pty: pty.id(), why: "no".to_owned(), client: 0 });
            }
            Event::Spawned { pty, pid } => self.tell(&FromInit::Spawned { pty: pty.id(), pid: *pid }),
            Event::SpawnFails { pty, why } => {
                self.tell(&FromInit::SpawnFailed { pty: pty.id(), why: why.chars().take(64).collect() });
            }
            Event::Exited { pty, signalled, number, head } => {
                self.tell(&FromInit::Exited { pty: pty.id(), exit: exit(*signalled, *number), head: *head });
            }
            Event::Reports { version, head } => {
                let pty = PtyReport {
                    pty: PtyId::AGENT,
                    argv: Vec::new(),
                    program: Program::Running { pid: 1, for_ms: *head },
                    head: *head,
                };
                let report = Report { version: *version, session: spec(0), ptys: vec![pty], next_pty: 1, ending: false };
                self.tell(&FromInit::Report(Box::new(report)));
            }
            Event::Head(head) => self.publish(*head, None),
            Event::Tail(tail) => set(TAIL, *tail),
            Event::Honest { tail, ready } => {
                self.publish(tail.saturating_add(u64::from(*ready) % (RING_BYTES_MIN + 1)), Some(*tail));
            }
            client => self.on_client(client).await,
        }
    }

    async fn on_client(&mut self, event: &Event) {
        let chosen = |viewer: u8| self.viewers.get(usize::from(viewer) % self.viewers.len().max(1));
        match event {
            Event::Attach { pty, role, resume, client, typed } => {
                let (reply, answer) = oneshot::channel();
                let attach = Attach {
                    direct: coop::proto::door::Direct::No,
                    session: "fuzz".parse().expect("a name"),
                    pty: pty.id(),
                    role: role.role(),
                    every_byte: false,
                    size: WinSize::DEFAULT,
                    resume: *resume,
                    client: u64::from(*client),
                    typed: *typed,
                };
                self.ask(ToSession::Attach(attach, reply)).await;
                self.attaching.push(answer);
            }
            Event::Pull { viewer } => {
                if let Some(viewer) = chosen(*viewer) {
                    // The answer may come at any later event, or never.
                    let viewer = viewer.clone();
                    tokio::spawn(async move { viewer.pull().await });
                }
            }
            Event::Types { viewer, bytes } => {
                if let Some(viewer) = chosen(*viewer) {
                    viewer.input(vec![b'x'; usize::from(*bytes)].into()).await;
                }
            }
            Event::Resizes { viewer, rows, cols } => {
                if let Some(viewer) = chosen(*viewer) {
                    viewer.resize(WinSize::clamped(*rows, *cols)).await;
                }
            }
            Event::Goes { viewer } if !self.viewers.is_empty() => {
                let viewer = usize::from(*viewer) % self.viewers.len();
                self.viewers.remove(viewer).detach().await;
            }
            Event::Shell => {
                let (reply, _) = oneshot::channel();
                self.ask(ToSession::Shell { command: None, size: WinSize::DEFAULT, reply }).await;
            }
            Event::Restart => self.ask(ToSession::Restart(oneshot::channel().0)).await,
            Event::List => self.ask(ToSession::Row(oneshot::channel().0)).await,
            _ => {}
        }
    }

    fn tell(&mut self, message: &FromInit) {
        self.say(&control::encode(message), &[Offer::Null; 4], 0);
    }

    fn say(&mut self, bytes: &[u8], offers: &[Offer], count: u8) {
        let made: RefCell<Vec<OwnedFd>> = RefCell::default();
        let keep = |fd: OwnedFd| {
            let raw = fd.as_raw_fd();
            made.borrow_mut().push(fd);
            raw
        };
        let mut raw = Vec::new();
        for offer in offers.iter().take(usize::from(count % 6)) {
            raw.push(match offer {
                Offer::Ring => PROPS.ring.as_raw_fd(),
                Offer::Page => PROPS.page.as_raw_fd(),
                Offer::Wake => {
                    let (ours, theirs) = socket::wake_pair().expect("a socket pair");
                    self.wakes.push(ours);
                    keep(theirs)
                }
                Offer::Master => PROPS.pty.master.as_raw_fd(),
                Offer::Pipe => keep(nix::unistd::pipe().expect("a pipe").0),
                Offer::Unsealed => PROPS.unsealed.as_raw_fd(),
                Offer::Null => PROPS.null.as_raw_fd(),
                Offer::Directory => PROPS.directory.as_raw_fd(),
            });
        }
        // A daemon that has hung up, or an empty message: it is the daemon that is looked at.
        socket::send_message(&self.init, bytes, &raw, false).ok();
    }

    fn publish(&self, head: u64, tail: Option<u64>) {
        if let Some(tail) = tail {
            set(TAIL, tail);
        }
        set(HEAD, head);
        for wake in &self.wakes {
            // Whoever it woke may have let go of it.
            socket::wake(wake).ok();
        }
    }

    async fn ask(&self, question: ToSession) {
        // A session that has ended answers nothing.
        self.session.send(question).await.ok();
    }

    async fn settle(&mut self) {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        self.attaching.retain_mut(|answer| match answer.try_recv() {
            Ok(Ok(viewer)) => {
                self.viewers.push(viewer);
                false
            }
            Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => false,
            Err(oneshot::error::TryRecvError::Empty) => true,
        });
        // What the daemon said is not listened to, but must not pile up.
        while let Ok(Some(_)) = socket::receive_message(&self.init, control::MESSAGE_BYTES_MAX, false) {}
    }
}

fuzz_target!(|story: Story| run(&story));
