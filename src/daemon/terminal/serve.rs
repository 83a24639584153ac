//! A terminal's output: from the ring to whoever waits for it.

use crate::daemon::opening;
use crate::daemon::opening::Opening;
use crate::daemon::terminal::ACK_DELAY;
use crate::daemon::terminal::HAND_OUT_BYTES;
use crate::daemon::terminal::Terminal;
use crate::daemon::viewer::Output;
use crate::init::pty::is_worth_waking;
use crate::proto::door::DaemonSays;
use crate::session::fanout::Next;
use crate::session::fanout::ViewerId;
use crate::sys::ring::Taken;
use crate::sys::socket;
use std::time::Duration;

impl Terminal {
    /// After whatever happened: write, hand out, say what is held, and ask for the next wake-up.
    pub(super) fn catch_up(&mut self) {
        let now = self.now();
        if self.nudge_until.is_some_and(|until| until <= now) {
            self.nudge_until = None;
            self.set_size(self.size);
        }
        self.write_input(now);
        loop {
            let seen = self.look_at_ring(now);
            self.serve_parked(now);
            self.publish_hold(now);
            let Some(following) = &self.following else { return };
            if self.members.values().all(|member| member.parked.is_none()) {
                return; // whoever pulls next is served from what is there
            }
            following.page.want_wake();
            if following.ring.head() == seen {
                return;
            }
        }
    }

    fn look_at_ring(&mut self, now: Duration) -> u64 {
        let Some(following) = &self.following else { return 0 };
        let head = following.ring.head();
        self.fanout.advance(head, following.ring.oldest().unwrap_or(0), now);
        head
    }

    fn publish_hold(&self, now: Duration) {
        let Some(following) = &self.following else { return };
        let pace = self.fanout.pace(now);
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
            out.extend(member.queue.drain(..));
        }
    }

    fn hand_out(&mut self, id: ViewerId, from: u64, upto: u64, out: &mut Vec<Output>) {
        let Some(following) = &self.following else { return };
        let mut bytes = Vec::new();
        match following.ring.take(from, upto - from, &mut bytes) {
            Ok(Taken::Bytes(_)) => out.push(Output::Bytes(bytes)),
            Ok(Taken::Overwritten { .. }) => self.fanout.overwritten(id),
            Err(_) => self.break_off(),
        }
    }

    fn say_end(&mut self, id: ViewerId, out: &mut Vec<Output>) {
        let Some((exit, head)) = self.end else { return };
        if self.fanout.head() >= head
            && let Some(member) = self.members.get_mut(&id).filter(|member| !member.told_end)
        {
            member.told_end = true;
            out.push(Output::Says(DaemonSays::Ended { exit }));
        }
    }

    /// The first thing that a fresh client sees.
    pub(super) fn open(&mut self, id: ViewerId) {
        let Some((output, head)) = self.newest(u64::MAX) else { return };
        let opening = opening::on_attach(&output);
        self.start_at(id, opening, head, false);
    }

    fn skip(&mut self, id: ViewerId) {
        let Some((output, head)) = self.newest(64 << 10) else { return };
        let opening = opening::on_skip(&output);
        self.start_at(id, opening, head, true);
    }

    fn start_at(&mut self, id: ViewerId, opening: Opening, head: u64, skipped: bool) {
        let offset = head - opening.resume_before_end as u64;
        self.fanout.skipped(id, offset, self.now());
        let screen_bytes = opening.screen.len() as u64;
        self.say(id, DaemonSays::Start { offset, screen_bytes, skipped });
        if let Some(member) = self.members.get_mut(&id) {
            member.queue.push_back(Output::Bytes(opening.screen));
        }
        if opening.wants_redraw {
            self.nudge();
        }
    }

    /// The newest output, at most `most` bytes, and the offset of its end.
    pub(super) fn newest(&self, most: u64) -> Option<(Vec<u8>, u64)> {
        let following = self.following.as_ref()?;
        // A program that prints at full speed overwrites the oldest bytes meanwhile: ask for less each time.
        let mut most = most.min(following.ring.geometry().size());
        loop {
            let head = following.ring.head();
            let from = head.saturating_sub(most).max(following.ring.oldest()?);
            let mut output = Vec::new();
            match following.ring.take(from, head - from, &mut output) {
                Ok(Taken::Bytes(n)) => return Some((output, from + n as u64)),
                Ok(Taken::Overwritten { .. }) if most > 4096 => most /= 2,
                Ok(Taken::Overwritten { .. }) => return Some((Vec::new(), head)),
                Err(_) => return None,
            }
        }
    }
}
