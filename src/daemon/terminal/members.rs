//! Who is attached: coming, going, typing, and whose size counts.

use crate::daemon::session::ToSession;
use crate::daemon::terminal::Attaching;
use crate::daemon::terminal::Member;
use crate::daemon::terminal::NUDGE;
use crate::daemon::terminal::Terminal;
use crate::daemon::terminal::queue::Queue;
use crate::daemon::viewer::Output;
use crate::daemon::viewer::Viewer;
use crate::name::WinSize;
use crate::proto::door::Attach;
use crate::proto::door::Attached;
use crate::proto::door::DaemonSays;
use crate::proto::door::Direct;
use crate::proto::door::Role;
use crate::session::fanout::ViewerId;
use crate::session::fanout::ViewerKind;
use crate::session::spec::SizePolicy;
use crate::sys::pty;
use crate::term::screen::SpecialColours;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

impl Terminal {
    pub(super) fn attach(&mut self, attach: &Attach, reply: Attaching) {
        let now = self.now();
        self.inherited = None;
        self.attached_ever += 1;
        let id = ViewerId(self.next_viewer);
        self.next_viewer += 1;
        let kind = match attach.role {
            Role::Terminal if attach.direct == Direct::Held => ViewerKind::Direct,
            Role::Terminal => ViewerKind::Pacing,
            Role::View | Role::Hand => ViewerKind::Following,
            Role::Reader => ViewerKind::Reading,
        };
        let earlier = self.following.as_ref().and_then(|following| following.typed.get(&attach.client).copied());
        let typed = earlier.unwrap_or(0).max(attach.typed);
        self.members.insert(
            id,
            Member {
                client: attach.client,
                role: attach.role,
                is_direct: kind == ViewerKind::Direct,
                every_byte: attach.every_byte,
                size: attach.size,
                queue: Queue::default(),
                parked: None,
                typed,
                told: typed,
                ack_at: None,
                told_end: false,
            },
        );
        self.count();
        // Before anything is drawn for it.
        let size = self.size;
        // One that comes back from a daemon that died is not the one who typed last, if the size is another's.
        let comes_back = attach.resume.is_some_and(|seen| seen > 0);
        if attach.role == Role::Terminal && (!comes_back || attach.size == size) {
            self.lead(id);
        }
        self.say(id, DaemonSays::Activity { activity: self.monitor.activity().clone() });
        let oldest = self.following.as_ref().and_then(|following| following.ring.oldest());
        let readable = oldest.map(|oldest| oldest..=self.picture.at());
        let wanted = if attach.role == Role::Reader { attach.resume.max(oldest) } else { attach.resume };
        let resume = wanted.filter(|at| readable.is_some_and(|readable| readable.contains(at)));
        // Without a place to resume at, the cursor is set by the opening, which is made at the first pull.
        self.fanout.attach(id, kind, resume.unwrap_or(0), now);
        self.begin(id, kind, size, (resume, attach.resume));
        let attached = Attached { typed, clipboard: self.policy.clipboard, size: self.size, head: self.picture.at() };
        if reply.send(Ok(Viewer::new(id, attached, self.address.clone()))).is_err() {
            return self.detach(id);
        }
        if attach.role == Role::Terminal && attach.direct == Direct::Wanted {
            let want =
                ToSession::WantDirect { pty: self.pty, client: id.0 + 1, at: resume.unwrap_or(self.picture.at()) };
            // A session with so much to do leaves this client on the path it is on.
            self.session.try_send(want).ok();
        }
    }

    /// How the output begins for a client that has just come: `resume` is where it can go on and where it wanted to.
    fn begin(&mut self, id: ViewerId, kind: ViewerKind, size: WinSize, resume: (Option<u64>, Option<u64>)) {
        match resume {
            // It has never lost its place; should it have, it will say so.
            _ if kind == ViewerKind::Direct && self.size == size => {}
            _ if kind == ViewerKind::Direct => self.fanout.overwritten(id),
            // Its terminal shows what it has seen as it was for the old size.
            (Some(seen), _) if seen > 0 && self.size != size => self.fanout.overwritten(id),
            (Some(offset), _) => {
                let start = DaemonSays::Start { offset, screen_bytes: 0, skipped: false };
                self.say(id, start);
            }
            (None, Some(_)) => self.fanout.overwritten(id),
            (None, None) => self.open(id),
        }
    }

    /// From here on this client reads the ring and writes to the terminal itself.
    pub(super) fn hand_over(&mut self, client: u64, fds: Vec<OwnedFd>) {
        let id = ViewerId(client.saturating_sub(1));
        // Once, and who may type: what nobody asked for is not passed on.
        let waits = |member: &&mut Member| member.role == Role::Terminal && !member.is_direct;
        if let Some(member) = self.members.get_mut(&id).filter(waits)
            && let Some(offset) = self.fanout.goes_direct(id)
        {
            member.is_direct = true;
            member.queue.push(Output::Hands(DaemonSays::Direct { offset }, fds));
        }
    }

    /// A client that types past the daemon says so now and then.
    pub(super) fn on_typing(&mut self, id: ViewerId) {
        if self.members.get(&id).is_some_and(|member| member.role == Role::Terminal) {
            self.lead(id);
            if self.monitor.on_input(self.now()) {
                self.tell_activity();
            }
        }
    }

    pub(super) fn say(&mut self, id: ViewerId, what: DaemonSays) {
        if let Some(member) = self.members.get_mut(&id) {
            member.queue.say(what);
        }
    }

    pub(super) fn on_input(&mut self, id: ViewerId, bytes: tokio_util::bytes::Bytes) {
        match self.members.get(&id).map(|member| member.role) {
            Some(Role::Terminal) => self.lead(id),
            Some(Role::Hand) => {}
            // A client that may only look has no way to type; what comes all the same is dropped.
            Some(Role::View | Role::Reader) | None => return,
        }
        if self.monitor.on_input(self.now()) {
            self.tell_activity();
        }
        if self.members.get(&id).is_some_and(|member| !member.every_byte) {
            self.fanout.typed(id);
        }
        self.typing.push(id, bytes);
    }

    /// Programs that ask hear the colours of the terminal that came last, and keep them when it has gone.
    pub(super) fn on_colours(&mut self, id: ViewerId, colours: SpecialColours) {
        if self.members.get(&id).is_some_and(|member| member.role == Role::Terminal) {
            self.picture.set_outer_colours(colours);
        }
    }

    pub(super) fn on_resize(&mut self, id: ViewerId, size: WinSize) {
        if let Some(member) = self.members.get_mut(&id).filter(|member| member.role == Role::Terminal) {
            member.size = size;
            // Nobody leads until one who comes back from a daemon that died does something.
            self.leader.get_or_insert(id);
            self.settle_size();
        }
    }

    /// This client typed last, or came last.
    fn lead(&mut self, id: ViewerId) {
        if self.leader != Some(id) {
            self.leader = Some(id);
            self.settle_size();
        }
    }

    /// Gives the terminal the size that it should have now. With nobody there it keeps what it has.
    fn settle_size(&mut self) {
        let mut sizes = self.members.values().filter(|member| member.role == Role::Terminal).map(|member| member.size);
        let size = match self.policy.size {
            SizePolicy::Latest => self.leader.and_then(|id| self.members.get(&id)).map(|member| member.size),
            SizePolicy::Smallest => sizes.next().map(|first| {
                sizes.fold(first, |a, b| WinSize::clamped(a.rows().min(b.rows()), a.cols().min(b.cols())))
            }),
        };
        let Some(size) = size.filter(|size| *size != self.size) else { return };
        self.size = size;
        if let Some(following) = &self.following {
            following.page.set_size(size);
        }
        if self.nudge_until.is_none() {
            self.set_size(size);
        }
        // Each terminal has wrapped its lines anew in its own way: all get the screen afresh.
        self.tell_all(&DaemonSays::Size { size });
        let readers = |member: &Member| member.role == Role::Reader;
        let afresh: Vec<ViewerId> =
            self.members.iter().filter(|(_, member)| !readers(member)).map(|(&id, _)| id).collect();
        afresh.into_iter().for_each(|id| self.fanout.overwritten(id));
    }

    pub(super) fn set_size(&mut self, size: WinSize) {
        // What was printed before belongs to the old size.
        self.look_at_ring(self.now());
        self.picture.resize(size);
        if let Some(following) = &self.following
            && let Err(errno) = pty::set_size(&following.master, size)
        {
            tracing::warn!(pty = %self.pty, %errno, "cannot set a terminal's size");
        }
    }

    /// Gives the program another size for a moment, so that it draws its screen anew.
    pub(super) fn nudge(&mut self) {
        let rows = if self.size.rows() > 1 { self.size.rows() - 1 } else { 2 };
        self.set_size(WinSize::clamped(rows, self.size.cols()));
        self.nudge_until = Some(self.now() + NUDGE);
    }

    pub(super) fn detach(&mut self, id: ViewerId) {
        self.members.remove(&id);
        self.fanout.detach(id);
        if self.leader == Some(id) {
            self.leader = None;
        }
        self.settle_size();
        self.count();
    }

    fn count(&self) {
        let of = |role: Role| {
            let number = self.members.values().filter(|member| member.role == role).count();
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        self.counts.view.store(of(Role::View), Ordering::Relaxed);
        self.counts.local.store(of(Role::Terminal), Ordering::Relaxed);
        self.changes.announce();
    }
}
