//! An output ring that a hostile init writes: arbitrary heads and tails, changed at any moment, and files that are no
//! ring at all. A reader gets just the bytes that are there or is told that something is wrong.
#![no_main]

use arbitrary::Arbitrary;
use coop::sys::memory::Mapping;
use coop::sys::memory::memory_file;
use coop::sys::memory::seal;
use coop::sys::ring::FollowerPage;
use coop::sys::ring::RingError;
use coop::sys::ring::RingReader;
use coop::sys::ring::Taken;
use coop::term::ring::RING_BYTES_MAX;
use coop::term::ring::RING_BYTES_MIN;
use libfuzzer_sys::fuzz_target;
use nix::fcntl::SealFlag;
use std::os::fd::OwnedFd;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;

/// Where `sys::ring` and `docs/protocol.md` put them.
const HEADER: u64 = 4096;
const HEAD: usize = 64;
const TAIL: usize = 128;
const PAGE: u64 = 4096;

#[derive(Arbitrary, Debug)]
enum Event {
    Head(u64),
    Tail(u64),
    /// A pair that fits together.
    Honest {
        tail: u64,
        ready: u16,
    },
    Take {
        cursor: Cursor,
        most: u64,
    },
    Oldest,
    File {
        len: Len,
        seals: u8,
    },
    NotAFile(u8),
    Page {
        at: u16,
        number: u64,
    },
}

#[derive(Arbitrary, Debug)]
enum Cursor {
    At(u64),
    BehindTail(u16),
    BehindHead(u16),
}

#[derive(Arbitrary, Debug)]
enum Len {
    Any(u32),
    Near { shift: u8, more: i8 },
}

/// One ring of the smallest size, its bytes being their own index.
struct World {
    map: Mapping,
    reader: RingReader,
    page: FollowerPage,
    page_map: Mapping,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let sealed = |len: u64| {
        let file = memory_file(c"fuzz", len).expect("memory is there");
        seal(&file, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW).expect("a new file can be sealed");
        file
    };
    let ring = sealed(HEADER + RING_BYTES_MIN);
    let map = writable(&ring, HEADER + RING_BYTES_MIN);
    for at in (0..RING_BYTES_MIN).step_by(8) {
        let bytes: [u8; 8] = std::array::from_fn(|n| content(at + n as u64));
        map.atomic_u64(index(HEADER + at)).store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
    }
    let page = sealed(PAGE);
    World {
        map,
        reader: RingReader::map(&ring).expect("a sealed file of the right size is a ring"),
        page: FollowerPage::map(&page).expect("a sealed page is a page"),
        page_map: writable(&page, PAGE),
    }
});

fn writable(file: &OwnedFd, len: u64) -> Mapping {
    Mapping::new(file, index(len), true).expect("a file that is not sealed against writing can be mapped")
}

fn index(at: u64) -> usize {
    usize::try_from(at).expect("64-bit machine")
}

/// The byte of the ring at a place of the stream.
fn content(at: u64) -> u8 {
    let at = at % RING_BYTES_MIN;
    (at % 251) as u8
}

fn run(events: &[Event]) {
    for event in events {
        match event {
            Event::Head(head) => set(HEAD, *head),
            Event::Tail(tail) => set(TAIL, *tail),
            Event::Honest { tail, ready } => {
                set(TAIL, *tail);
                set(HEAD, tail.saturating_add(u64::from(*ready) % (RING_BYTES_MIN + 1)));
            }
            Event::Take { cursor, most } => take(cursor, *most),
            Event::Oldest => oldest(),
            Event::File { len, seals } => offer(len, *seals),
            Event::NotAFile(kind) => offer_no_memory(*kind),
            Event::Page { at, number } => follow(*at, *number),
        }
    }
}

fn set(field: usize, number: u64) {
    WORLD.map.atomic_u64(field).store(number, Ordering::SeqCst);
}

fn get(field: usize) -> u64 {
    WORLD.map.atomic_u64(field).load(Ordering::SeqCst)
}

fn take(cursor: &Cursor, most: u64) {
    let (head, tail) = (get(HEAD), get(TAIL));
    let cursor = match cursor {
        Cursor::At(at) => *at,
        Cursor::BehindTail(by) => tail.wrapping_add(u64::from(*by)),
        Cursor::BehindHead(by) => head.wrapping_sub(u64::from(*by)),
    };
    let sound = tail <= head && cursor <= head && head - tail <= RING_BYTES_MIN;
    let mut out = b"before".to_vec();
    let taken = WORLD.reader.take(cursor, most, &mut out);
    let new = out.strip_prefix(b"before").expect("what was there stays");
    match taken {
        Err(error) => {
            assert_eq!(error, RingError::Nonsense);
            assert!(!sound && new.is_empty());
        }
        Ok(Taken::Overwritten { oldest }) => {
            assert!(sound && cursor < tail && oldest == tail && new.is_empty());
        }
        Ok(Taken::Bytes(count)) => {
            assert!(sound && cursor >= tail);
            assert_eq!((count, count as u64), (new.len(), most.min(head - cursor)));
            assert!(new.iter().enumerate().all(|(n, &byte)| byte == content(cursor + n as u64)));
        }
    }
}

fn oldest() {
    let (head, tail) = (get(HEAD), get(TAIL));
    let sound = tail <= head && head - tail <= RING_BYTES_MIN;
    assert_eq!(WORLD.reader.oldest(), sound.then_some(tail));
    assert_eq!(WORLD.reader.head(), head);
}

/// Only a file that can neither shrink nor grow and has a ring's size is mapped.
fn offer(len: &Len, seals: u8) {
    let len = match *len {
        Len::Any(len) => u64::from(len),
        Len::Near { shift, more } => (HEADER + (1 << (shift % 28))).saturating_add_signed(more.into()),
    };
    let all = [
        SealFlag::F_SEAL_SHRINK,
        SealFlag::F_SEAL_GROW,
        SealFlag::F_SEAL_WRITE,
        SealFlag::F_SEAL_FUTURE_WRITE,
        SealFlag::F_SEAL_SEAL,
    ];
    let chosen = all.into_iter().enumerate().filter(|(bit, _)| seals & 1 << bit != 0).map(|(_, flag)| flag);
    let seals: SealFlag = chosen.collect();
    let file = memory_file(c"fuzz", len).expect("memory is there");
    seal(&file, seals).expect("a new file can be sealed");
    let fixed = seals.contains(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW);
    let size = len.checked_sub(HEADER).filter(|size| size.is_power_of_two());
    let is_ring = fixed && size.is_some_and(|size| (RING_BYTES_MIN..=RING_BYTES_MAX).contains(&size));
    assert_eq!(RingReader::map(&file).is_ok(), is_ring, "{len} {seals:?}");
    let read_only = seals.intersects(SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_FUTURE_WRITE);
    assert_eq!(FollowerPage::map(&file).is_ok(), fixed && len == PAGE && !read_only, "{len} {seals:?}");
}

fn offer_no_memory(kind: u8) {
    let file: OwnedFd = match kind % 4 {
        0 => nix::unistd::pipe().expect("a pipe").0,
        1 => std::fs::File::open("/dev/zero").expect("/dev/zero").into(),
        2 => std::fs::File::open("/").expect("/").into(),
        _ => std::fs::File::open("/proc/self/exe").expect("/proc/self/exe").into(),
    };
    assert_eq!(RingReader::map(&file).err(), Some(RingError::Unsound));
    assert_eq!(FollowerPage::map(&file).err(), Some(RingError::Unsound));
}

/// The page belongs to both sides: whatever stands in it is read and written without harm.
fn follow(at: u16, number: u64) {
    let World { page, page_map, .. } = &*WORLD;
    page_map.atomic_u64(index(u64::from(at) * 8 % PAGE)).store(number, Ordering::SeqCst);
    page.hold();
    page.init_waits();
    page.take_init_waits();
    page.take_want();
    assert!(page.typed().len() <= index(PAGE) / 16);
    page.set_typed(usize::from(at), number, number);
    page.set_hold(Some(number));
    assert_eq!(page.hold(), Some(number));
    page.set_hold(None);
    assert_eq!(page.hold(), None);
}

fuzz_target!(|events: Vec<Event>| run(&events));
