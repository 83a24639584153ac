//! The terminal actor: one PTY's audience. It follows the ring on behalf of all viewers, writes what they type, and sets
//! the size. Who gets what is decided by [`Fanout`]; this actor performs it.

use crate::daemon::link::Following;
use crate::daemon::session::ToSession;
use crate::daemon::typing::Typing;
use crate::daemon::viewer::FromViewer;
use crate::daemon::viewer::Output;
use crate::daemon::viewer::Viewer;
use crate::daemon::watch::sleep_until;
use crate::name::PtyId;
use crate::name::WinSize;
use crate::proto::door::Attach;
use crate::proto::door::DaemonSays;
use crate::session::fanout::Fanout;
use crate::session::fanout::ViewerId;
use crate::session::fanout::ViewerKind;
use crate::session::state::Exit;
use crate::sys::pty;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

mod serve;

/// Most bytes handed to a viewer at once: a frame that a client's death or a skip can cost is no larger.
const HAND_OUT_BYTES: u64 = 32 << 10;
/// An acknowledgement of input rides on the next output, or goes alone after this time.
const ACK_DELAY: Duration = Duration::from_millis(50);
/// A full-screen program redraws when its size changes; this long it has another one.
const NUDGE: Duration = Duration::from_millis(60);

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
    /// `following` comes with the first of a row of viewers.
    Attach {
        attach: Attach,
        following: Option<Box<Following>>,
        reply: oneshot::Sender<Viewer>,
    },
    /// Nobody is attached: let go of the ring.
    Release,
    Notice(String),
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

#[derive(Debug)]
struct Member {
    view: bool,
    size: WinSize,
    queue: VecDeque<Output>,
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
    session: mpsc::Sender<ToSession>,
    orders: mpsc::UnboundedReceiver<Order>,
    inbox: mpsc::Receiver<FromViewer>,
    /// Handed to every viewer.
    address: mpsc::Sender<FromViewer>,
    counts: Arc<Counts>,
    born: Instant,
    following: Option<Following>,
    fanout: Fanout,
    members: BTreeMap<ViewerId, Member>,
    next_viewer: u64,
    /// How many clients have ever attached: lets the session tell an old "nobody is here" from a new one.
    attached_ever: u64,
    typing: Typing,
    size: WinSize,
    leader: Option<ViewerId>,
    nudge_until: Option<Duration>,
    end: Option<(Exit, u64)>,
    session_gone: bool,
}

/// The session's side of a terminal.
#[derive(Debug)]
pub struct TerminalHandle {
    pub orders: mpsc::UnboundedSender<Order>,
    pub counts: Arc<Counts>,
}

impl TerminalHandle {
    pub fn start(pty: PtyId, session: mpsc::Sender<ToSession>) -> Self {
        let (orders, orders_in) = mpsc::unbounded_channel();
        let (address, inbox) = mpsc::channel(64);
        let counts = Arc::new(Counts::default());
        let terminal = Terminal {
            pty,
            session,
            orders: orders_in,
            inbox,
            address,
            counts: Arc::clone(&counts),
            born: Instant::now(),
            following: None,
            fanout: Fanout::default(),
            members: BTreeMap::new(),
            next_viewer: 0,
            attached_ever: 0,
            typing: Typing::default(),
            size: WinSize::DEFAULT,
            leader: None,
            nudge_until: None,
            end: None,
            session_gone: false,
        };
        tokio::spawn(terminal.run());
        Self { orders, counts }
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
            }
            if due.is_some_and(|due| self.now() > due + STARVED) {
                self.fanout.excuse(self.now());
            }
            self.catch_up();
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
        let acks = self.members.values().filter_map(|member| member.ack_at);
        let lag = self.fanout.deadline(self.now());
        acks.chain(lag).chain(self.nudge_until).min()
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Attach { attach, following, reply } => self.attach(&attach, following, reply),
            Order::Release => self.let_go(),
            Order::Notice(text) => self.tell_all(&DaemonSays::Notice { text }),
            Order::Started => self.end = None,
            Order::Ended { exit, head } => self.end = Some((exit, head)),
            Order::Gone(why) => self.tell_all(&DaemonSays::Gone { why }),
            Order::Bye { replaced } => self.tell_all(&DaemonSays::Bye { replaced }),
        }
    }

    fn tell_all(&mut self, what: &DaemonSays) {
        self.members.values_mut().for_each(|member| member.queue.push_back(Output::Says(what.clone())));
    }

    fn attach(&mut self, attach: &Attach, following: Option<Box<Following>>, reply: oneshot::Sender<Viewer>) {
        let now = self.now();
        if let Some(following) = following {
            self.fanout = Fanout::new(following.ring.head(), following.ring.oldest().unwrap_or(0));
            self.following = Some(*following);
        }
        self.attached_ever += 1;
        let id = ViewerId(self.next_viewer);
        self.next_viewer += 1;
        let kind = if attach.view { ViewerKind::Following } else { ViewerKind::Pacing };
        let earlier = self.following.as_ref().and_then(|following| following.typed.get(&attach.client).copied());
        let typed = earlier.unwrap_or(0).max(attach.typed);
        self.members.insert(
            id,
            Member {
                client: attach.client,
                view: attach.view,
                size: attach.size,
                queue: VecDeque::new(),
                parked: None,
                typed,
                told: typed,
                ack_at: None,
                told_end: false,
            },
        );
        self.count();
        let readable = self.following.as_ref().and_then(|f| Some((f.ring.oldest()?, f.ring.head())));
        let resume = attach.resume.filter(|at| readable.is_some_and(|(oldest, head)| (oldest..=head).contains(at)));
        // Without a place to resume at, the cursor is set by the opening, which is made at the first pull.
        self.fanout.attach(id, kind, resume.unwrap_or(0), now);
        match (resume, attach.resume) {
            (Some(offset), _) => {
                let start = DaemonSays::Start { offset, screen_bytes: 0, skipped: false };
                self.say(id, start);
            }
            (None, Some(_)) => self.fanout.overwritten(id),
            (None, None) => self.open(id),
        }
        if !attach.view {
            self.lead(id);
        }
        if reply.send(Viewer::new(id, typed, self.address.clone())).is_err() {
            self.detach(id);
        }
    }

    fn say(&mut self, id: ViewerId, what: DaemonSays) {
        if let Some(member) = self.members.get_mut(&id) {
            member.queue.push_back(Output::Says(what));
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

    fn on_input(&mut self, id: ViewerId, bytes: tokio_util::bytes::Bytes) {
        match self.members.get(&id) {
            Some(member) if !member.view => {}
            // A client that may only look has no way to type; what comes all the same is dropped.
            _ => return,
        }
        self.lead(id);
        self.fanout.typed(id);
        self.typing.push(id, bytes);
    }

    fn on_resize(&mut self, id: ViewerId, size: WinSize) {
        if let Some(member) = self.members.get_mut(&id) {
            member.size = size;
            if self.leader == Some(id) {
                self.resize(size);
            }
        }
    }

    /// This client typed last, or came last: the terminal has its size.
    fn lead(&mut self, id: ViewerId) {
        if self.leader != Some(id) {
            self.leader = Some(id);
            if let Some(size) = self.members.get(&id).map(|member| member.size) {
                self.resize(size);
            }
        }
    }

    fn resize(&mut self, size: WinSize) {
        self.size = size;
        if self.nudge_until.is_none() {
            self.set_size(size);
        }
    }

    fn set_size(&self, size: WinSize) {
        if let Some(following) = &self.following
            && let Err(errno) = pty::set_size(&following.master, size)
        {
            tracing::warn!(pty = %self.pty, %errno, "cannot set a terminal's size");
        }
    }

    /// Gives the program another size for a moment, so that it draws its screen anew.
    fn nudge(&mut self) {
        let rows = if self.size.rows() > 1 { self.size.rows() - 1 } else { 2 };
        self.set_size(WinSize::clamped(rows, self.size.cols()));
        self.nudge_until = Some(self.now() + NUDGE);
    }

    fn detach(&mut self, id: ViewerId) {
        self.members.remove(&id);
        self.fanout.detach(id);
        if self.leader == Some(id) {
            self.leader = None;
        }
        self.count();
    }

    fn count(&self) {
        let viewing = self.members.values().filter(|member| member.view).count();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.counts.view.store(number(viewing), Ordering::Relaxed);
        self.counts.local.store(number(self.members.len() - viewing), Ordering::Relaxed);
    }

    fn let_go(&mut self) {
        self.following = None;
        self.typing.give_up();
    }

    /// The init has closed. Why, the session knows, and will say.
    fn lose_init(&mut self) {
        self.let_go();
    }

    pub(super) fn break_off(&mut self) {
        tracing::error!(pty = %self.pty, "a ring contradicts itself: its session is broken");
        self.let_go();
        self.tell_all(&DaemonSays::Gone { why: "the session's output ring is broken".to_owned() });
    }
}

async fn woken(following: Option<&Following>) -> bool {
    match following {
        Some(following) => following.woken().await,
        None => std::future::pending().await,
    }
}
