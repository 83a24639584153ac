//! A terminal's ring that is full, and what waits for it.

use super::*;
use crate::sys::pty;
use crate::term::ring::Geometry;
use std::path::Path;

const RING: u64 = 4096;
/// More than the ring takes.
const WRITTEN: usize = 6000;

/// A terminal whose ring is full, what follows it, and a program that has ended.
fn full() -> (BoxPty, FollowerPage, OwnedFd) {
    let opened = pty::open(Path::new("/dev/ptmx")).unwrap();
    let slave = opened.slave.try_clone().unwrap();
    let ring = RingWriter::create(Geometry::new(RING).unwrap()).unwrap();
    let pid = Pid::from_raw(7);
    let mut pty = BoxPty::new(PtyId::AGENT, opened, ring, &[], pid);
    let (page, wake) = pty.follow(Some(0), true, false).unwrap();
    assert_eq!(nix::unistd::write(&slave, &[b'x'; WRITTEN]), Ok(WRITTEN));
    while pty.ring.head() < RING {
        assert_eq!(pty.read(), Turn::Went);
    }
    assert!(!pty.wants_to_read());
    (pty, FollowerPage::map(&page).unwrap(), wake)
}

#[test]
fn what_a_program_wrote_before_its_end_is_waited_for_as_long_as_the_ring_is_held() {
    let (mut pty, page, _wake) = full();
    assert!(pty.on_reaped(Pid::from_raw(7), Exit::Code(0)));
    for _ in 0..10 * TURNS_AFTER_END {
        assert_eq!(pty.read(), Turn::Went);
    }
    page.set_hold(None);
    while pty.read() == Turn::Went {}
    assert_eq!((pty.ring.head(), pty.has_ended()), (WRITTEN as u64, true));
}

#[test]
fn a_moment_that_is_past_wakes_nobody() {
    let (mut pty, _page, _wake) = full();
    assert!(pty.deadline().is_some());
    let past = Instant::now().checked_sub(GRACE).unwrap();
    pty.ghosts.push(Ghost { cursor: 0, until: past });
    assert!(pty.deadline().is_some_and(|at| at > Instant::now()));
    pty.blocked = Some((past, 0));
    assert!(pty.wants_to_read(), "who held the ring is overtaken");
    assert_eq!(pty.deadline(), None);
}
