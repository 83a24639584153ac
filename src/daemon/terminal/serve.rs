//! A terminal's output: from the ring to whoever waits for it.

use crate::daemon::link::Checkpoint;
use crate::daemon::session::ToSession;
use crate::daemon::terminal::ACK_DELAY;
use crate::daemon::terminal::HAND_OUT_BYTES;
use crate::daemon::terminal::Terminal;
use crate::daemon::terminal::picture::Seen;
use crate::daemon::viewer::Output;
use crate::init::pty::is_worth_waking;
use crate::proto::door::DaemonSays;
use crate::session::fanout::Next;
use crate::session::fanout::ViewerId;
use crate::sys::ring::Taken;
use crate::sys::socket;
use crate::term::screen::Signal;
use std::time::Duration;

/// Who "types" the answers to what programs ask.
const ANSWERS: ViewerId = ViewerId(u64::MAX);
/// How long the ring is held for a client that was given a screen and reads on by itself.
const HANDOVER: Duration = Duration::from_millis(100);
/// Behind output that only the screen follows this actor sleeps so long before it looks again: a program that prints
/// without a pause then costs one wake-up for many of its writes.
const NAP: Duration = Duration::from_millis(3);
/// Pieces of output in a row, before the daemon's other tasks have their turn.
const PIECES_A_TURN: u32 = 2;
/// So long after output it is looked at what has left the screen, unless [`MUCH_BYTES`] came meanwhile.
const CALM: Duration = Duration::from_millis(250);
const MUCH_BYTES: u64 = 256 << 10;
/// Less than this is read when somebody attaches, in a fraction of a millisecond.
const LITTLE_BYTES: u64 = 64 << 10;
/// So much is looked at in a row.
const LOOK_BYTES: u64 = 16 << 10;
/// Answers that a program does not read, beyond which it gets no more, in bytes.
const ANSWERS_MAX: usize = 64 << 10;

impl Terminal {
    /// After whatever happened: write, hand out, say what is held, and ask for the next wake-up.
    pub(super) fn catch_up(&mut self) {
        let now = self.now();
        if self.nudge_until.is_some_and(|until| until <= now) {
            self.nudge_until = None;
            self.set_size(self.size);
        }
        self.write_input(now);
        if self.monitor.deadline().is_some_and(|at| at <= now) && self.monitor.tick(now) {
            self.tell_activity();
        }
        self.inherited = self.inherited.filter(|(_, until)| *until > now);
        self.look_back(now);
        if self.nap_until.is_some_and(|until| until > now) && self.may_nap() {
            return self.serve_parked(now);
        }
        self.nap_until = None;
        for _ in 0..PIECES_A_TURN {
            let before = self.picture.at();
            let seen = self.look_at_ring(now);
            self.serve_parked(now);
            self.publish_hold(now);
            let may_nap = self.may_nap();
            let Some(following) = &self.following else { return self.is_behind = false };
            if may_nap && seen != before && following.ring.head() == seen {
                self.is_behind = false;
                self.nap_until = Some(now + NAP);
                return;
            }
            following.page.want_wake();
            self.is_behind = following.ring.head() != seen;
            if !self.is_behind {
                return;
            }
        }
    }

    /// Whoever attaches gets the newest lines that have left the screen: they are read while little happens.
    fn look_back(&mut self, now: Duration) {
        let Some((_, then)) = self.look_back_at.filter(|(at, _)| *at <= now) else { return };
        self.look_back_at = None;
        let Some(following) = &self.following else { return };
        let is_calm = self.picture.at() - then <= MUCH_BYTES;
        if !is_calm || !self.picture.look_back(&following.ring, self.policy.replay_lines, LOOK_BYTES) {
            // Piece by piece, so that others have their turn.
            let next = if is_calm { (now, then) } else { (now + CALM, self.picture.at()) };
            self.look_back_at = Some(next);
        }
    }

    /// Whether nobody waits for output to come through this actor.
    fn may_nap(&self) -> bool {
        self.following.is_some() && self.members.values().all(|member| member.is_direct)
    }

    /// Feeds the screen what is new, and gives the answers that the program waits for. Returns how far it has come.
    pub(super) fn look_at_ring(&mut self, now: Duration) -> u64 {
        let Some(following) = &self.following else { return 0 };
        let mut seen = match self.picture.follow(&following.ring) {
            Ok(seen) => seen,
            Err(_) => {
                self.break_off("output ring");
                return 0;
            }
        };
        if !seen.answers.is_empty() && self.typing.pending(ANSWERS) < ANSWERS_MAX {
            self.typing.push(ANSWERS, std::mem::take(&mut seen.answers).into());
            self.write_input(now);
        }
        let Some(following) = &self.following else { return 0 };
        following.page.set_answered(self.picture.at());
        self.fanout.advance(self.picture.at(), following.ring.oldest().unwrap_or(0), now);
        if let Some(Checkpoint { offset, size, screen }) = self.picture.checkpoint(&following.ring) {
            let pty = self.pty;
            // A session with so much to do gets the next one.
            self.session.try_send(ToSession::Checkpoint { pty, offset, size, screen }).ok();
        }
        let unread = self.picture.unread_past(&following.ring);
        if seen.is_output && self.policy.replay_lines > 0 && unread > LITTLE_BYTES {
            self.look_back_at.get_or_insert((now + CALM, self.picture.at()));
        }
        self.observe(&seen, now);
        if seen.lost {
            self.nudge();
        }
        self.picture.at()
    }

    /// What the output says about the program's doings.
    fn observe(&mut self, seen: &Seen, now: Duration) {
        let monitor = &mut self.monitor;
        let mut changed = seen.is_output && monitor.on_output(now);
        for signal in &seen.signals {
            changed |= match signal {
                Signal::Bell => monitor.on_bell(now),
                Signal::Title(title) => monitor.on_title(title, now),
                Signal::Notification { title, text } => monitor.on_notification(title, text, now),
                Signal::ProgramStatus(payload) => monitor.on_status(payload.as_bytes(), now),
                Signal::AlternateScreen(_) => false,
                Signal::Prompt => monitor.on_prompt(now),
                Signal::Reset => monitor.on_reset(now),
            };
        }
        if changed {
            self.tell_activity();
        }
    }

    fn publish_hold(&self, now: Duration) {
        let Some(following) = &self.following else { return };
        let inherited = self.inherited.map(|(cursor, _)| cursor);
        // The screen itself wants every byte, and has taken them already.
        let pace = self.fanout.pace(now).into_iter().chain(inherited).chain([self.picture.at()]).min();
        following.page.set_hold(pace);
        let room = following.ring.geometry().room(following.ring.head(), pace);
        if following.page.init_waits() && is_worth_waking(room, following.ring.geometry()) {
            following.page.take_init_waits();
            // An init that is gone shows on this very socket.
            socket::wake(following.wake.get_ref()).ok();
        }
    }

    fn write_input(&mut self, now: Duration) {
        let Some(following) = &self.following else { return };
        for (id, written) in self.typing.write(&following.master) {
            if let Some(member) = self.members.get_mut(&id) {
                member.typed += written;
                let slot = usize::try_from(id.0).unwrap_or(usize::MAX);
                following.page.set_typed(slot, member.client, member.typed);
                member.ack_at.get_or_insert(now + ACK_DELAY);
            }
        }
        if std::mem::take(&mut self.typing.is_held_up) {
            self.break_off("terminal");
        }
    }

    fn serve_parked(&mut self, now: Duration) {
        let parked: Vec<ViewerId> =
            self.members.iter().filter(|(_, member)| member.parked.is_some()).map(|(&id, _)| id).collect();
        for id in parked {
            self.serve(id, now);
        }
    }

    fn serve(&mut self, id: ViewerId, now: Duration) {
        let mut out = Vec::new();
        self.take_queued(id, &mut out);
        match self.fanout.next(id, HAND_OUT_BYTES, now) {
            Next::Bytes { from, upto } => self.hand_out(id, from, upto, &mut out),
            Next::Skip => {
                self.skip(id);
                self.take_queued(id, &mut out);
            }
            Next::Wait => self.say_end(id, &mut out),
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        let ack_due = member.ack_at.is_some_and(|at| at <= now);
        if member.told < member.typed && (ack_due || !out.is_empty()) {
            out.push(Output::Says(DaemonSays::Typed { upto: member.typed }));
            member.told = member.typed;
            member.ack_at = None;
        }
        if !out.is_empty()
            && let Some(reply) = member.parked.take()
        {
            // A door that is gone says so by detaching.
            reply.send(out).ok();
        }
    }

    fn take_queued(&mut self, id: ViewerId, out: &mut Vec<Output>) {
        if let Some(member) = self.members.get_mut(&id) {
            out.append(&mut member.queue.take());
        }
    }

    fn hand_out(&mut self, id: ViewerId, from: u64, upto: u64, out: &mut Vec<Output>) {
        let Some(following) = &self.following else { return };
        let mut bytes = Vec::new();
        match following.ring.take(from, upto - from, &mut bytes) {
            Ok(Taken::Bytes(_)) => out.push(Output::Bytes(bytes)),
            Ok(Taken::Overwritten { .. }) => self.fanout.overwritten(id),
            Err(_) => self.break_off("output ring"),
        }
    }

    fn say_end(&mut self, id: ViewerId, out: &mut Vec<Output>) {
        let Some((exit, head)) = self.end else { return };
        if self.fanout.head() >= head
            && let Some(member) = self.members.get_mut(&id).filter(|member| !member.told_end)
        {
            member.told_end = true;
            // Nothing can be said after the last word.
            if member.told < member.typed {
                out.push(Output::Says(DaemonSays::Typed { upto: member.typed }));
                member.told = member.typed;
            }
            out.push(Output::Says(DaemonSays::Ended { exit, head }));
        }
    }

    /// The first thing that a fresh client sees.
    pub(super) fn open(&mut self, id: ViewerId) {
        let Some(following) = &self.following else { return };
        let view = self.members.get(&id).map_or(self.size, |member| member.size);
        let opening = self.picture.opening(&following.ring, self.policy.replay_lines, view);
        self.start(id, opening, false);
    }

    /// A fresh screen for a client that fell behind.
    fn skip(&mut self, id: ViewerId) {
        let screen = self.picture.fresh();
        self.start(id, screen, true);
    }

    fn start(&mut self, id: ViewerId, screen: Vec<u8>, skipped: bool) {
        let offset = self.picture.resume_at();
        self.fanout.skipped(id, offset, self.now());
        if self.members.get(&id).is_some_and(|member| member.is_direct) {
            // It goes on there by itself, but has to hear of it first.
            self.inherited = Some((offset, self.now() + HANDOVER));
        }
        self.say(id, DaemonSays::Start { offset, screen_bytes: screen.len() as u64, skipped });
        if let Some(member) = self.members.get_mut(&id) {
            member.queue.push(Output::Bytes(screen));
        }
    }
}
