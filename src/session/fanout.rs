//! Who gets which bytes of a PTY's output, who may hold the program back, and who must skip.
//!
//! Every viewer has a cursor of its own into the stream. The fastest *pacing* viewer (a local terminal that may type)
//! holds the program back, as a slow terminal would; everybody else is served as well as it can be without harm.

use std::collections::BTreeMap;
use std::time::Duration;

/// A pacing viewer that has taken nothing for so long, though something was there, holds nobody any more.
pub const STALL_AFTER: Duration = Duration::from_millis(250);
/// What a viewer is given on top when the time ran out while nobody could listen to it.
const EXCUSE: Duration = Duration::from_millis(50);
/// A viewer more than this behind the one that sets the pace skips: 256 KiB are some 100 screens.
pub const LAG_MAX: u64 = 256 << 10;
/// A viewer with more than this before it when its user types skips, so that the answer to the key shows at once.
pub const TYPED_LAG_MAX: u64 = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerKind {
    /// A local terminal with a keyboard: it gets every byte as long as it keeps up.
    Pacing,
    /// It never holds anybody.
    Following,
    /// It reads the ring itself, and only wants a fresh start now and then.
    Direct,
    /// It holds nobody, and it is never made to skip what is still there.
    Reading,
}

/// What is next for a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Bytes from here to the head.
    Bytes { from: u64, upto: u64 },
    /// It fell behind: a fresh start near the head.
    Skip,
    /// Nothing yet.
    Wait,
}

#[derive(Debug)]
struct Viewer {
    kind: ViewerKind,
    cursor: u64,
    /// The end of what has been handed out and not been taken yet.
    handed_upto: Option<u64>,
    /// When it last took something, or was last seen to have nothing before it.
    fresh_at: Duration,
    must_skip: bool,
    /// Its user typed: others may lose something for it.
    skips_for_key: bool,
    /// It was set here by a skip, past what the fastest had seen: until that one is here too, it does not set the pace.
    jumped_to: Option<u64>,
}

impl Viewer {
    fn new(kind: ViewerKind, cursor: u64, now: Duration) -> Self {
        let (must_skip, skips_for_key) = (false, false);
        Self { kind, cursor, handed_upto: None, fresh_at: now, must_skip, skips_for_key, jumped_to: None }
    }

    fn is_stalled(&self, head: u64, now: Duration) -> bool {
        self.cursor < head && now.saturating_sub(self.fresh_at) >= STALL_AFTER
    }
}

#[derive(Debug, Default)]
pub struct Fanout {
    head: u64,
    oldest: u64,
    viewers: BTreeMap<ViewerId, Viewer>,
}

impl Fanout {
    pub fn new(head: u64, oldest: u64) -> Self {
        Self { head, oldest, viewers: BTreeMap::new() }
    }

    pub fn head(&self) -> u64 {
        self.head
    }

    pub fn attach(&mut self, id: ViewerId, kind: ViewerKind, cursor: u64, now: Duration) {
        self.viewers.insert(id, Viewer::new(kind, cursor, now));
    }

    pub fn detach(&mut self, id: ViewerId) {
        self.viewers.remove(&id);
    }

    /// The writer has published a new head; `oldest` is what can still be read.
    pub fn advance(&mut self, head: u64, oldest: u64, now: Duration) {
        for viewer in self.viewers.values_mut().filter(|v| v.cursor == self.head) {
            viewer.fresh_at = now;
        }
        self.head = self.head.max(head);
        self.oldest = self.oldest.max(oldest);
        self.settle(now);
    }

    /// The viewer took what it was handed.
    pub fn took(&mut self, id: ViewerId, now: Duration) {
        if let Some(viewer) = self.viewers.get_mut(&id)
            && let Some(upto) = viewer.handed_upto.take()
        {
            viewer.cursor = upto;
            viewer.fresh_at = now;
        }
        self.settle(now);
    }

    /// The viewer's user typed.
    pub fn typed(&mut self, id: ViewerId) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.skips_for_key = self.head.saturating_sub(viewer.cursor) > TYPED_LAG_MAX;
            viewer.must_skip |= viewer.skips_for_key;
        }
    }

    /// What to hand to this viewer; handing out `Bytes` is remembered until [`Fanout::took`].
    pub fn next(&mut self, id: ViewerId, most: u64, now: Duration) -> Next {
        let pace = self.pace(now);
        let (head, oldest) = (self.head, self.oldest);
        let Some(viewer) = self.viewers.get_mut(&id) else { return Next::Wait };
        let limit = match viewer.kind {
            ViewerKind::Pacing => pace.unwrap_or(0),
            ViewerKind::Following => head,
            ViewerKind::Direct if viewer.must_skip => return Next::Skip,
            ViewerKind::Direct => return Next::Wait,
            ViewerKind::Reading => viewer.cursor,
        };
        if viewer.must_skip || viewer.cursor < oldest || limit.saturating_sub(viewer.cursor) > LAG_MAX {
            return Next::Skip;
        }
        if viewer.cursor == head {
            return Next::Wait;
        }
        let upto = head.min(viewer.cursor + most);
        viewer.handed_upto = Some(upto);
        Next::Bytes { from: viewer.cursor, upto }
    }

    /// From here on the viewer reads the ring itself; returns the offset behind what it was handed.
    pub fn goes_direct(&mut self, id: ViewerId) -> Option<u64> {
        let viewer = self.viewers.get_mut(&id)?;
        viewer.kind = ViewerKind::Direct;
        Some(viewer.handed_upto.unwrap_or(viewer.cursor))
    }

    /// The ring said that this viewer's cursor is gone.
    pub fn overwritten(&mut self, id: ViewerId) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.handed_upto = None;
            viewer.must_skip = true;
        }
    }

    /// The viewer was given a fresh start and goes on at `cursor`.
    pub fn skipped(&mut self, id: ViewerId, cursor: u64, now: Duration) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            let jumped_to = (!viewer.skips_for_key).then_some(cursor);
            *viewer = Viewer { jumped_to, ..Viewer::new(viewer.kind, cursor, now) };
        }
    }

    /// The offset that the program may not overwrite: the fastest pacing viewer's. `None`: nobody holds it back.
    pub fn pace(&self, now: Duration) -> Option<u64> {
        self.steady(now).or_else(|| self.fastest(now, |_| true))
    }

    /// The fastest of those that came to their place by reading.
    fn steady(&self, now: Duration) -> Option<u64> {
        self.fastest(now, |viewer| viewer.jumped_to.is_none())
    }

    fn fastest(&self, now: Duration, which: impl Fn(&Viewer) -> bool) -> Option<u64> {
        let pacing = |v: &&Viewer| v.kind == ViewerKind::Pacing && !v.must_skip && !v.is_stalled(self.head, now);
        self.viewers.values().filter(pacing).filter(|v| which(v)).map(|v| v.cursor).max()
    }

    /// Who jumped is like the others as soon as they are where it is, or gone.
    fn settle(&mut self, now: Duration) {
        let steady = self.steady(now);
        for viewer in self.viewers.values_mut() {
            viewer.jumped_to = viewer.jumped_to.filter(|to| steady.is_some_and(|steady| steady < *to));
        }
    }

    /// Whoever asks was itself kept from running: what viewers took meanwhile has not been heard yet, so none has stalled
    /// before it was given another moment.
    pub fn excuse(&mut self, now: Duration) {
        let fresh = now.saturating_sub(STALL_AFTER) + EXCUSE;
        self.viewers.values_mut().for_each(|viewer| viewer.fresh_at = viewer.fresh_at.max(fresh));
    }

    /// When the pace changes by time alone: the first moment at which a holder will have stalled.
    pub fn deadline(&self, now: Duration) -> Option<Duration> {
        let waits = |v: &&Viewer| v.kind == ViewerKind::Pacing && v.cursor < self.head && !v.is_stalled(self.head, now);
        self.viewers.values().filter(waits).map(|v| v.fresh_at + STALL_AFTER).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ViewerId = ViewerId(1);
    const B: ViewerId = ViewerId(2);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn take_all(fanout: &mut Fanout, id: ViewerId, now: Duration) -> u64 {
        let mut took = 0;
        while let Next::Bytes { from, upto } = fanout.next(id, 1 << 16, now) {
            took += upto - from;
            fanout.took(id, now);
        }
        took
    }

    #[test]
    fn a_pacing_viewer_gets_every_byte_and_holds_the_rest() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, ms(0));
        fanout.advance(1 << 20, 0, ms(0));
        assert_eq!(fanout.pace(ms(0)), Some(0));
        assert_eq!(take_all(&mut fanout, A, ms(1)), 1 << 20);
        assert_eq!(fanout.pace(ms(1)), Some(1 << 20));
    }

    #[test]
    fn nobody_is_held_by_a_stopped_terminal() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, ms(0));
        fanout.advance(10, 0, ms(100));
        assert_eq!(fanout.deadline(ms(100)), Some(ms(350)));
        assert_eq!(fanout.pace(ms(349)), Some(0));
        assert_eq!(fanout.pace(ms(350)), None);
        assert_eq!(fanout.deadline(ms(350)), None);
    }

    #[test]
    fn a_stopped_terminal_that_comes_back_goes_on_where_it_was_if_the_bytes_are_there() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, ms(0));
        fanout.advance(1 << 20, 0, ms(0));
        assert_eq!(take_all(&mut fanout, A, ms(5000)), 1 << 20);
        fanout.advance(3 << 20, 2 << 20, ms(9000));
        assert_eq!(fanout.next(A, 100, ms(9000)), Next::Skip);
    }

    #[test]
    fn the_fastest_sets_the_pace_and_the_slow_one_skips() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, ms(0));
        fanout.attach(B, ViewerKind::Pacing, 0, ms(0));
        fanout.advance(300 << 10, 0, ms(0));
        take_all(&mut fanout, A, ms(1));
        assert_eq!(fanout.pace(ms(1)), Some(300 << 10));
        assert_eq!(fanout.next(B, 100, ms(1)), Next::Skip);
        fanout.skipped(B, 299 << 10, ms(1));
        assert_eq!(fanout.next(B, 100, ms(1)), Next::Bytes { from: 299 << 10, upto: (299 << 10) + 100 });
    }

    #[test]
    fn one_that_skipped_does_not_make_the_fastest_skip() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, ms(0));
        fanout.attach(B, ViewerKind::Pacing, 0, ms(0));
        fanout.advance(1 << 20, 0, ms(0));
        while fanout.pace(ms(1)) < Some(300 << 10) {
            fanout.next(A, 1 << 16, ms(1));
            fanout.took(A, ms(1));
        }
        assert_eq!(fanout.next(B, 100, ms(1)), Next::Skip);
        fanout.skipped(B, 1 << 20, ms(1));
        let pace = fanout.pace(ms(1));
        assert!(pace < Some(1 << 20), "{pace:?}");
        assert!(take_all(&mut fanout, A, ms(2)) > 600 << 10);
        // From here on either may lead.
        fanout.advance(2 << 20, 1 << 20, ms(3));
        take_all(&mut fanout, B, ms(3));
        assert_eq!(fanout.pace(ms(3)), Some(2 << 20));
    }

    #[test]
    fn one_that_skipped_leads_where_nobody_else_does() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, ms(0));
        fanout.skipped(A, 100, ms(0));
        fanout.advance(1000, 0, ms(0));
        assert_eq!(fanout.pace(ms(0)), Some(100));
    }

    #[test]
    fn a_following_viewer_never_holds() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Following, 0, ms(0));
        fanout.advance(300 << 10, 0, ms(0));
        assert_eq!((fanout.pace(ms(0)), fanout.deadline(ms(0))), (None, None));
        assert_eq!(fanout.next(A, 100, ms(0)), Next::Skip);
    }

    #[test]
    fn typing_into_a_flood_skips_it() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, ms(0));
        fanout.advance(TYPED_LAG_MAX, 0, ms(0));
        fanout.typed(A);
        assert!(matches!(fanout.next(A, 100, ms(0)), Next::Bytes { .. }));
        fanout.advance(TYPED_LAG_MAX + 1, 0, ms(0));
        fanout.typed(A);
        assert_eq!(fanout.next(A, 100, ms(0)), Next::Skip);
    }

    #[test]
    fn what_was_handed_out_is_held_until_it_is_taken() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, ms(0));
        fanout.advance(100, 0, ms(0));
        fanout.next(A, 50, ms(0));
        assert_eq!(fanout.pace(ms(0)), Some(0));
        fanout.took(A, ms(1));
        assert_eq!(fanout.pace(ms(1)), Some(50));
    }

    #[test]
    fn nobody_has_stalled_while_nobody_could_listen() {
        let mut fanout = Fanout::new(0, 0);
        fanout.attach(A, ViewerKind::Pacing, 0, Duration::ZERO);
        fanout.advance(100, 0, Duration::ZERO);
        let late = STALL_AFTER * 4;
        assert_eq!(fanout.pace(late), None);
        fanout.excuse(late);
        assert_eq!(fanout.pace(late), Some(0));
        assert_eq!(fanout.pace(late + EXCUSE), None);
    }
}
