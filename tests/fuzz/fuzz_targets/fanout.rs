//! Who gets which bytes, under any sequence of events. With an honest ring the daemon keeps some rules, and nothing may
//! be lost or doubled; a hostile ring breaks them all, and still nothing may panic or be handed out backwards.
#![no_main]

use arbitrary::Arbitrary;
use coop::session::fanout::Fanout;
use coop::session::fanout::LAG_MAX;
use coop::session::fanout::Next;
use coop::session::fanout::STALL_AFTER;
use coop::session::fanout::ViewerId;
use coop::session::fanout::ViewerKind;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::time::Duration;

const RING: u64 = 1 << 20;

#[derive(Arbitrary, Debug)]
struct Story {
    /// Where the stream stands at first.
    head: u64,
    hostile: bool,
    events: Vec<Event>,
}

#[derive(Arbitrary, Debug)]
enum Event {
    /// `back`: how far behind the head.
    Attach {
        id: u8,
        follows: bool,
        back: u32,
    },
    Detach {
        id: u8,
    },
    Write {
        bytes: u32,
    },
    Claim {
        head: u64,
        oldest: u64,
    },
    AttachAt {
        id: u8,
        follows: bool,
        cursor: u64,
    },
    Took {
        id: u8,
    },
    Typed {
        id: u8,
    },
    Next {
        id: u8,
        most: u32,
    },
    Overwritten {
        id: u8,
    },
    Skipped {
        id: u8,
        back: u16,
    },
    Wait {
        ms: u8,
    },
}

struct World {
    fanout: Fanout,
    hostile: bool,
    head: u64,
    oldest: u64,
    now: Duration,
    /// Where each viewer is, and what it was handed.
    viewers: BTreeMap<ViewerId, (u64, Option<u64>)>,
}

fn run(story: &Story) {
    let head = if story.hostile { story.head } else { story.head >> 1 };
    let oldest = head.saturating_sub(RING);
    let mut world = World {
        fanout: Fanout::new(head, oldest),
        hostile: story.hostile,
        head,
        oldest,
        now: Duration::ZERO,
        viewers: BTreeMap::new(),
    };
    for event in &story.events {
        world.on(event);
        world.check();
    }
}

impl World {
    fn on(&mut self, event: &Event) {
        let id = |id: u8| ViewerId(u64::from(id % 4));
        match *event {
            Event::Attach { id: viewer, follows, back } => {
                self.attach(id(viewer), follows, self.head.saturating_sub(back.into()).max(self.oldest));
            }
            Event::AttachAt { id: viewer, follows, cursor } if self.hostile => self.attach(id(viewer), follows, cursor),
            Event::AttachAt { .. } => {}
            Event::Detach { id: viewer } => {
                self.fanout.detach(id(viewer));
                self.viewers.remove(&id(viewer));
            }
            Event::Write { bytes } => self.write(bytes.into()),
            Event::Claim { head, oldest } if self.hostile => {
                (self.head, self.oldest) = (self.head.max(head), self.oldest.max(oldest));
                self.fanout.advance(head, oldest, self.now);
            }
            Event::Claim { .. } => {}
            Event::Took { id: viewer } => {
                self.fanout.took(id(viewer), self.now);
                if let Some((cursor, handed)) = self.viewers.get_mut(&id(viewer)) {
                    *cursor = handed.take().unwrap_or(*cursor);
                }
            }
            Event::Typed { id: viewer } => self.fanout.typed(id(viewer)),
            Event::Next { id: viewer, most } => self.next(id(viewer), u64::from(most) + 1),
            Event::Overwritten { id: viewer } => {
                self.fanout.overwritten(id(viewer));
                if let Some((_, handed)) = self.viewers.get_mut(&id(viewer)) {
                    *handed = None;
                }
            }
            Event::Skipped { id: viewer, back } => {
                let cursor = self.head.saturating_sub(back.into()).max(self.oldest.min(self.head));
                self.fanout.skipped(id(viewer), cursor, self.now);
                self.viewers.entry(id(viewer)).and_modify(|at| *at = (cursor, None));
            }
            Event::Wait { ms } => self.now += Duration::from_millis(ms.into()),
        }
    }

    fn attach(&mut self, id: ViewerId, follows: bool, cursor: u64) {
        let kind = if follows { ViewerKind::Following } else { ViewerKind::Pacing };
        self.fanout.attach(id, kind, cursor, self.now);
        self.viewers.insert(id, (cursor, None));
    }

    /// As the init does: never over the pace.
    fn write(&mut self, bytes: u64) {
        let held = self.fanout.pace(self.now).unwrap_or(self.head);
        let bytes = if self.hostile { bytes } else { bytes.min((held + RING).saturating_sub(self.head)) };
        self.head = self.head.saturating_add(bytes);
        self.oldest = self.oldest.max(self.head.saturating_sub(RING));
        self.fanout.advance(self.head, self.oldest, self.now);
    }

    fn next(&mut self, id: ViewerId, most: u64) {
        let before = self.viewers.get(&id).copied();
        match (self.fanout.next(id, most, self.now), before) {
            (Next::Bytes { from, upto }, Some((cursor, _))) => {
                assert!(from < upto && upto - from <= most && upto <= self.head, "{from}..{upto} of {}", self.head);
                assert_eq!(from, cursor, "bytes are lost or doubled");
                assert!(from >= self.oldest);
                self.viewers.insert(id, (cursor, Some(upto)));
            }
            (Next::Bytes { .. }, None) => panic!("bytes for a viewer that is not there"),
            (Next::Wait, Some((cursor, _))) => assert!(cursor >= self.head, "a viewer waits for what is there"),
            (Next::Skip | Next::Wait, _) => {}
        }
    }

    fn check(&self) {
        let (pace, deadline) = (self.fanout.pace(self.now), self.fanout.deadline(self.now));
        assert_eq!(self.fanout.head(), self.head);
        if let Some(deadline) = deadline {
            assert!(deadline > self.now && deadline <= self.now + STALL_AFTER, "a deadline that is no wake-up");
        }
        if self.hostile {
            return;
        }
        assert!(self.viewers.values().all(|(cursor, handed)| handed.unwrap_or(*cursor) <= self.head));
        if let Some(pace) = pace {
            assert!(pace <= self.head, "the pace is ahead of the stream");
            assert!(self.viewers.values().any(|(cursor, _)| *cursor == pace), "nobody is where the pace is");
        }
    }
}

const _: () = assert!(LAG_MAX < RING);

fuzz_target!(|story: Story| run(&story));
