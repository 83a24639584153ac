//! The terminal actor: one PTY's screen and its audience. It follows the ring from the program's first byte on, attached
//! or not; answers what the program asks; writes what viewers type; sets the size. Who gets what is decided by
//! [`Fanout`]; this actor performs it.

use crate::daemon::changes::Changes;
use crate::daemon::link::Following;
use crate::daemon::session::ToSession;
use crate::daemon::terminal::picture::PIECE_BYTES;
use crate::daemon::terminal::picture::Picture;
use crate::daemon::terminal::queue::Queue;
use crate::daemon::typing::Typing;
use crate::daemon::viewer::FromViewer;
use crate::daemon::viewer::Output;
use crate::daemon::viewer::Viewer;
use crate::daemon::watch::sleep_until;
use crate::name::PtyId;
use crate::name::WinSize;
use crate::proto::door::Attach;
use crate::proto::door::DaemonSays;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::proto::door::Role;
use crate::session::fanout::Fanout;
use crate::session::fanout::ViewerId;
use crate::session::spec::TerminalPolicy;
use crate::session::state::Exit;
use crate::sys::pty;
use crate::term::activity::Activity;
use crate::term::activity::ActivityMonitor;
use crate::term::ring::RING_BYTES_MAX;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;

mod members;
mod past;
mod picture;
mod queue;
mod serve;

/// Most bytes handed to a viewer at once: a frame that a client's death or a skip can cost is no larger.
const HAND_OUT_BYTES: u64 = 32 << 10;
/// An acknowledgement of input rides on the next output, or goes alone after this time.
const ACK_DELAY: Duration = Duration::from_millis(50);
/// A full-screen program redraws when its size changes; this long it has another one.
const NUDGE: Duration = Duration::from_millis(60);

/// The largest ring in pieces, twice, since it may be written to meanwhile. A hostile init could move its head for ever.
const PIECES_AT_START: u64 = 2 * RING_BYTES_MAX / PIECE_BYTES;

/// How long clients of a daemon that died have to come back before what they had not taken may be overwritten.
const INHERITANCE: Duration = Duration::from_secs(3);
/// A timer that fires so late was not served: this process did not run.
const STARVED: Duration = Duration::from_millis(10);

/// How many clients a terminal has; written by its actor, read for lists.
#[derive(Debug, Default)]
pub struct Counts {
    pub local: AtomicU32,
    pub view: AtomicU32,
}

/// What the session tells its terminal. Not bounded, so that the two can never wait for each other; these are as rare as
/// what users and programs do.
#[derive(Debug)]
pub enum Order {
    /// The ring, which comes once.
    Follow(Box<Following>),
    CannotFollow(String),
    Attach {
        attach: Attach,
        reply: Attaching,
    },
    /// What a client needs for reading the ring itself.
    Direct {
        client: u64,
        fds: Vec<OwnedFd>,
    },
    Notice(String),
    /// The program is about to be started again: whoever comes from here on is there for the next one.
    Starting,
    Started,
    /// The program has ended and is not started again; the output ends at `head`.
    Ended {
        exit: Exit,
        head: u64,
    },
    Gone(String),
    Bye {
        replaced: bool,
    },
}

/// Who waits to be attached.
pub type Attaching = oneshot::Sender<Result<Viewer, Refusal>>;

#[derive(Debug)]
struct Member {
    role: Role,
    /// It reads the ring itself.
    is_direct: bool,
    /// It skips nothing when its user types.
    every_byte: bool,
    size: WinSize,
    queue: Queue,
    parked: Option<oneshot::Sender<Vec<Output>>>,
    client: u64,
    /// Bytes of input written for this client, in all its lives; and how many of them it knows of.
    typed: u64,
    told: u64,
    ack_at: Option<Duration>,
    told_end: bool,
}

pub struct Terminal {
    pty: PtyId,
    policy: TerminalPolicy,
    session: mpsc::Sender<ToSession>,
    orders: mpsc::UnboundedReceiver<Order>,
    inbox: mpsc::Receiver<FromViewer>,
    /// Handed to every viewer.
    address: mpsc::Sender<FromViewer>,
    counts: Arc<Counts>,
    born: Instant,
    following: Option<Following>,
    picture: Picture,
    monitor: ActivityMonitor,
    activity: watch::Sender<Activity>,
    changes: Changes,
    /// Clients that came before the ring.
    early: Vec<(Attach, Attaching)>,
    fanout: Fanout,
    members: BTreeMap<ViewerId, Member>,
    next_viewer: u64,
    /// How many clients have ever attached: lets the session tell an old "nobody is here" from a new one.
    attached_ever: u64,
    typing: Typing,
    size: WinSize,
    leader: Option<ViewerId>,
    nudge_until: Option<Duration>,
    /// The ring is looked at again then, without having been woken.
    nap_until: Option<Duration>,
    /// When to look back at what has left the screen, and how far the output had come when that was set.
    look_back_at: Option<(Duration, u64)>,
    /// There is more output than one turn took.
    is_behind: bool,
    /// The ring is held from this offset until that moment, or until somebody attaches.
    inherited: Option<(u64, Duration)>,
    end: Option<(Exit, u64)>,
    session_gone: bool,
}

/// The session's side of a terminal.
#[derive(Debug)]
pub struct TerminalHandle {
    pub orders: mpsc::UnboundedSender<Order>,
    pub counts: Arc<Counts>,
    /// What the program is doing.
    pub activity: watch::Receiver<Activity>,
}

impl Counts {
    pub fn all(&self) -> u32 {
        self.local.load(Ordering::Relaxed) + self.view.load(Ordering::Relaxed)
    }
}

impl TerminalHandle {
    pub fn start(pty: PtyId, policy: TerminalPolicy, session: mpsc::Sender<ToSession>, changes: Changes) -> Self {
        let (activity, says) = watch::channel(Activity::default());
        let (orders, orders_in) = mpsc::unbounded_channel();
        let (address, inbox) = mpsc::channel(64);
        let counts = Arc::new(Counts::default());
        let terminal = Terminal {
            pty,
            policy,
            session,
            orders: orders_in,
            inbox,
            address,
            counts: Arc::clone(&counts),
            born: Instant::now(),
            following: None,
            picture: Picture::new(WinSize::DEFAULT),
            monitor: ActivityMonitor::default(),
            activity,
            changes,
            early: Vec::new(),
            fanout: Fanout::default(),
            members: BTreeMap::new(),
            next_viewer: 0,
            attached_ever: 0,
            typing: Typing::default(),
            size: WinSize::DEFAULT,
            leader: None,
            nudge_until: None,
            nap_until: None,
            look_back_at: None,
            is_behind: false,
            inherited: None,
            end: None,
            session_gone: false,
        };
        tokio::spawn(terminal.run());
        Self { orders, counts, activity: says }
    }

    /// A terminal whose session is gone takes no orders, and needs none.
    pub fn order(&self, order: Order) {
        self.orders.send(order).ok();
    }
}

impl Terminal {
    async fn run(mut self) {
        loop {
            let due = self.deadline();
            let deadline = due.map(|at| tokio::time::Instant::from_std(self.born + at));
            tokio::select! {
                biased;
                order = self.orders.recv(), if !self.session_gone => match order {
                    Some(order) => self.on_order(order),
                    None => self.session_gone = true,
                },
                Some(message) = self.inbox.recv() => self.on_viewer(message).await,
                alive = woken(self.following.as_ref()) => if !alive { self.lose_init() },
                () = self.typing.writable() => {}
                () = sleep_until(deadline) => {}
                () = tokio::task::yield_now(), if self.is_behind => {}
            }
            if due.is_some_and(|due| self.now() > due + STARVED) {
                self.fanout.excuse(self.now());
            }
            let began = self.now();
            self.catch_up();
            if self.now() > began + STARVED {
                // So much output, or so slow a machine: nobody could be heard meanwhile.
                self.fanout.excuse(self.now());
            }
            // The last words for clients must get through before this actor ends.
            if self.session_gone && self.members.is_empty() {
                return;
            }
        }
    }

    fn now(&self) -> Duration {
        self.born.elapsed()
    }

    fn deadline(&self) -> Option<Duration> {
        // Who has not taken what it was given can be told nothing: its next pull is what this waits for.
        let acks = self.members.values().filter(|member| member.parked.is_some()).filter_map(|member| member.ack_at);
        let lag = self.fanout.deadline(self.now());
        let inherited = self.inherited.map(|(_, until)| until);
        acks.chain(lag)
            .chain(self.nudge_until)
            .chain(inherited)
            .chain(self.monitor.deadline())
            .chain(self.nap_until)
            .chain(self.look_back_at.map(|(at, _)| at))
            .min()
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Follow(following) => self.follow(*following),
            Order::CannotFollow(why) => {
                let text = format!("the terminal cannot be shown: {why}");
                let refusal = || Refusal::new(RefusalCode::Failed, text.clone());
                self.early.drain(..).for_each(|(_, reply)| drop(reply.send(Err(refusal()))));
            }
            Order::Attach { attach, reply } if self.following.is_none() => self.early.push((attach, reply)),
            Order::Attach { attach, reply } => self.attach(&attach, reply),
            Order::Direct { client, fds } => self.hand_over(client, fds),
            Order::Notice(text) => self.tell_all(&DaemonSays::Notice { text }),
            Order::Starting => self.end = None,
            Order::Started => {
                self.end = None;
                self.monitor = ActivityMonitor::default();
                self.tell_activity();
            }
            Order::Ended { exit, head } => {
                self.end = Some((exit, head));
                if self.monitor.on_exit(self.now()) {
                    self.tell_activity();
                }
            }
            Order::Gone(why) => self.tell_all(&DaemonSays::Gone { why }),
            Order::Bye { replaced } => self.tell_all(&DaemonSays::Bye { replaced }),
        }
    }

    fn tell_activity(&mut self) {
        let activity = self.monitor.activity().clone();
        self.tell_all(&DaemonSays::Activity { activity: activity.clone() });
        self.activity.send_replace(activity);
        self.changes.announce();
    }

    fn tell_all(&mut self, what: &DaemonSays) {
        self.members.values_mut().for_each(|member| member.queue.say(what.clone()));
    }

    fn follow(&mut self, mut following: Following) {
        let found = pty::size(&following.master).unwrap_or(self.size);
        self.size = following.size.unwrap_or(found);
        following.page.set_size(self.size);
        let is_known = self.picture.begin(&mut following, found);
        self.fanout = Fanout::new(self.picture.at(), following.ring.oldest().unwrap_or(0));
        // What an earlier daemon's clients have not taken is held for them until they are back.
        self.inherited = following.held.map(|cursor| (cursor, self.now() + INHERITANCE));
        self.following = Some(following);
        // All of it: clients of an earlier daemon resume anywhere up to the head.
        let head = self.following.as_ref().map_or(0, |following| following.ring.head());
        for _ in 0..PIECES_AT_START {
            if self.following.is_none() || self.look_at_ring(self.now()) >= head {
                break;
            }
        }
        if found == self.size {
            self.picture.resize(found);
        } else {
            // An earlier daemon died while it had the program draw anew.
            self.set_size(self.size);
        }
        if !is_known {
            self.nudge();
        }
        for (attach, reply) in std::mem::take(&mut self.early) {
            self.attach(&attach, reply);
        }
    }

    async fn on_viewer(&mut self, message: FromViewer) {
        match message {
            FromViewer::Pull { id, reply } => {
                self.fanout.took(id, self.now());
                if let Some(member) = self.members.get_mut(&id) {
                    member.parked = Some(reply);
                }
            }
            FromViewer::Input { id, bytes } => self.on_input(id, bytes),
            FromViewer::Resize { id, size } => self.on_resize(id, size),
            FromViewer::Typing { id } => self.on_typing(id),
            FromViewer::Refresh { id } => self.fanout.overwritten(id),
            FromViewer::Colours { id, colours } => self.on_colours(id, colours),
            FromViewer::Detach { id } => {
                self.detach(id);
                if self.members.is_empty() {
                    let idle = ToSession::Idle { pty: self.pty, attached_ever: self.attached_ever };
                    // The session outlives its terminals, or takes them along.
                    self.session.send(idle).await.ok();
                }
            }
        }
    }

    fn let_go(&mut self) {
        self.following = None;
        self.typing.give_up();
        self.early.clear();
    }

    /// The init has closed. Why, the session knows, and will say.
    fn lose_init(&mut self) {
        self.let_go();
    }

    /// What the init has handed over does what no honest one does.
    pub(super) fn break_off(&mut self, what: &str) {
        tracing::error!(pty = %self.pty, "the {what} breaks the rules: its session is broken");
        self.let_go();
        self.tell_all(&DaemonSays::Gone { why: format!("the session's {what} is broken") });
    }
}

async fn woken(following: Option<&Following>) -> bool {
    match following {
        Some(following) => following.woken().await,
        None => std::future::pending().await,
    }
}
