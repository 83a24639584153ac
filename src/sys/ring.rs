//! The output ring in shared memory, and the page through which a reader says how far it is.
//!
//! One header page, then the bytes. The init alone writes; readers map it read-only. Offsets and the rules of who may
//! overwrite what are arithmetic of [`crate::term::ring`].

use crate::name::WinSize;
use crate::sys::memory::Mapping;
use crate::sys::memory::file_len;
use crate::sys::memory::has_seals;
use crate::sys::memory::memory_file;
use crate::sys::memory::seal;
use crate::term::ring::Geometry;
use crate::term::ring::Readable;
use nix::errno::Errno;
use nix::fcntl::SealFlag;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

/// Bytes before the data, one page: head and tail on cache lines of their own.
const HEADER_BYTES: usize = 4096;
const HEAD: usize = 64;
const TAIL: usize = 128;

const PAGE_BYTES: usize = 4096;
const CURSOR: usize = 0;
const WANT: usize = 64;
const INIT_WAITS: usize = 128;
const HOLDS: usize = 192;
const ANSWERED: usize = 256;
const SIZE: usize = 320;
/// From here on: who typed how much, pairs of two numbers. The page holds 128 of them; the oldest are re-used.
const TYPED: usize = 2048;
const TYPED_SLOTS: usize = (PAGE_BYTES - TYPED) / 16;

/// So often a reader looks at a head and a tail that contradict each other and move. An honest writer moves them once in the
/// time of many looks; a hostile one would have the reader look for ever.
const LOOKS_MAX: u32 = 1000;

/// The init's side: it reads a PTY's master straight into the ring.
#[derive(Debug)]
pub struct RingWriter {
    map: Mapping,
    geometry: Geometry,
    head: u64,
    file: OwnedFd,
}

impl RingWriter {
    pub fn create(geometry: Geometry) -> nix::Result<Self> {
        let len = HEADER_BYTES as u64 + geometry.size();
        let file = memory_file(c"coop-ring", len)?;
        // Map writable first: F_SEAL_FUTURE_WRITE lets existing writable mappings live and refuses every later one.
        let map = Mapping::new(&file, usize::try_from(len).map_err(|_| Errno::EFBIG)?, true)?;
        seal(
            &file,
            SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_FUTURE_WRITE | SealFlag::F_SEAL_SEAL,
        )?;
        Ok(Self { map, geometry, head: 0, file })
    }

    pub fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub fn head(&self) -> u64 {
        self.head
    }

    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Reads at most `room` bytes of `fd` into the ring and publishes them. 0 is end of file.
    pub fn read_from(&mut self, fd: impl AsFd, room: u64) -> nix::Result<usize> {
        let span = self.geometry.span(self.head, room.min(self.geometry.size() / 4));
        let tail = self.geometry.tail_before_write(self.head, span.len as u64);
        // The tail is published before the first byte is overwritten: a reader that copies and then finds its cursor
        // at or above the tail has copied nothing that was being overwritten.
        self.map.atomic_u64(TAIL).store(tail, Ordering::SeqCst);
        let read = self.map.read_from(fd, HEADER_BYTES + span.index, span.len)?;
        self.head += read as u64;
        self.map.atomic_u64(HEAD).store(self.head, Ordering::SeqCst);
        Ok(read)
    }
}

/// The reader's side of a ring that somebody untrusted writes.
#[derive(Debug)]
pub struct RingReader {
    map: Mapping,
    geometry: Geometry,
}

/// Why a reader got no bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RingError {
    #[error("the output ring is not sealed or has an impossible size")]
    Unsound,
    #[error("the output ring contradicts itself")]
    Nonsense,
    #[error("cannot map the output ring: {0}")]
    Map(Errno),
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Bytes were appended; none when the reader has caught up.
    Bytes(usize),
    /// The cursor has been overwritten; the oldest byte there is at `oldest`.
    Overwritten { oldest: u64 },
}

impl RingReader {
    /// Maps a ring after making sure that it can neither shrink under the mapping nor be of a mad size.
    pub fn map(file: &OwnedFd) -> Result<Self, RingError> {
        if !has_seals(file, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW) {
            return Err(RingError::Unsound);
        }
        let len = file_len(file).map_err(RingError::Map)?;
        let geometry = len.checked_sub(HEADER_BYTES as u64).and_then(Geometry::new).ok_or(RingError::Unsound)?;
        let bytes = usize::try_from(len).map_err(|_| RingError::Unsound)?;
        let map = Mapping::new(file, bytes, false).map_err(RingError::Map)?;
        Ok(Self { map, geometry })
    }

    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    pub fn head(&self) -> u64 {
        self.map.atomic_u64(HEAD).load(Ordering::SeqCst)
    }

    /// The oldest offset that can still be read. `None` when head and tail contradict each other.
    pub fn oldest(&self) -> Option<u64> {
        let tail = self.map.atomic_u64(TAIL).load(Ordering::SeqCst);
        let head = self.head();
        (head >= tail && head - tail <= self.geometry.size()).then_some(tail)
    }

    /// Appends at most `most` bytes from `cursor` on to `out`.
    pub fn take(&self, cursor: u64, most: u64, out: &mut Vec<u8>) -> Result<Taken, RingError> {
        let ready = match self.readable(cursor) {
            Readable::Bytes(ready) => ready.min(most),
            Readable::Overwritten { oldest } => return Ok(Taken::Overwritten { oldest }),
            Readable::Nonsense => return Err(RingError::Nonsense),
        };
        let before = out.len();
        let mut done = 0;
        while done < ready {
            let span = self.geometry.span(cursor + done, ready - done);
            self.map.copy_out(HEADER_BYTES + span.index, span.len, out);
            done += span.len as u64;
        }
        match self.readable(cursor) {
            Readable::Bytes(_) => Ok(Taken::Bytes(out.len() - before)),
            Readable::Overwritten { oldest } => {
                out.truncate(before);
                Ok(Taken::Overwritten { oldest })
            }
            Readable::Nonsense => {
                out.truncate(before);
                Err(RingError::Nonsense)
            }
        }
    }

    fn readable(&self, cursor: u64) -> Readable {
        // The tail first: it only grows, so a head loaded later cannot make an older tail look like nonsense.
        for _ in 0..LOOKS_MAX {
            let tail = self.map.atomic_u64(TAIL).load(Ordering::SeqCst);
            let head = self.head();
            match self.geometry.readable(cursor, head, tail) {
                // The writer moved both between the two loads; an honest one is consistent on a second look.
                Readable::Nonsense if self.map.atomic_u64(TAIL).load(Ordering::SeqCst) != tail => {}
                answer => return answer,
            }
        }
        Readable::Nonsense
    }
}

/// The page through which one follower and the init meet. `cursor`, `holds` and `want` are the follower's, `init_waits`
/// the init's. A byte on the socket pair beside it wakes the other side, if it said that it sleeps.
#[derive(Debug)]
pub struct FollowerPage {
    map: Mapping,
}

impl FollowerPage {
    /// The init's side: a new page, and the file to hand over.
    pub fn create(cursor: u64, holds: bool) -> nix::Result<(Self, OwnedFd)> {
        let file = memory_file(c"coop-follower", PAGE_BYTES as u64)?;
        let map = Mapping::new(&file, PAGE_BYTES, true)?;
        seal(&file, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL)?;
        let page = Self { map };
        page.set_hold(holds.then_some(cursor));
        Ok((page, file))
    }

    /// The follower's side.
    pub fn map(file: &OwnedFd) -> Result<Self, RingError> {
        let sound =
            has_seals(file, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW) && file_len(file) == Ok(PAGE_BYTES as u64);
        if !sound {
            return Err(RingError::Unsound);
        }
        Mapping::new(file, PAGE_BYTES, true).map(|map| Self { map }).map_err(RingError::Map)
    }

    /// The follower's: nothing at or after `cursor` may be overwritten, or `None`: nothing is held.
    pub fn set_hold(&self, cursor: Option<u64>) {
        if let Some(cursor) = cursor {
            self.map.atomic_u64(CURSOR).store(cursor, Ordering::SeqCst);
        }
        self.map.atomic_u32(HOLDS).store(u32::from(cursor.is_some()), Ordering::SeqCst);
    }

    /// The init's: what the follower holds.
    pub fn hold(&self) -> Option<u64> {
        let holds = self.map.atomic_u32(HOLDS).load(Ordering::SeqCst) != 0;
        holds.then(|| self.map.atomic_u64(CURSOR).load(Ordering::SeqCst))
    }

    /// The follower's: how many bytes of a client's input have been written to the terminal. It outlives the follower,
    /// so that its successor need not ask the client to send them again.
    pub fn set_typed(&self, slot: usize, client: u64, bytes: u64) {
        let at = TYPED + 16 * (slot % TYPED_SLOTS);
        self.map.atomic_u64(at).store(client, Ordering::SeqCst);
        self.map.atomic_u64(at + 8).store(bytes, Ordering::SeqCst);
    }

    /// The init's: what the follower said with [`FollowerPage::set_typed`].
    pub fn typed(&self) -> Vec<(u64, u64)> {
        let read = |at: usize| self.map.atomic_u64(at).load(Ordering::SeqCst);
        let slots = (0..TYPED_SLOTS).map(|slot| TYPED + 16 * slot);
        slots.map(|at| (read(at), read(at + 8))).filter(|(client, _)| *client != 0).collect()
    }

    /// The follower's: it has answered all that the program asked before this offset. It outlives the follower as well.
    pub fn set_answered(&self, offset: u64) {
        self.map.atomic_u64(ANSWERED).store(offset, Ordering::SeqCst);
    }

    /// The init's: what the follower said with [`FollowerPage::set_answered`].
    pub fn answered(&self) -> u64 {
        self.map.atomic_u64(ANSWERED).load(Ordering::SeqCst)
    }

    /// The follower's: the size that the terminal has when nothing is tried with it. It outlives the follower, too.
    pub fn set_size(&self, size: WinSize) {
        self.map.atomic_u32(SIZE).store(u32::from(size.rows()) << 16 | u32::from(size.cols()), Ordering::SeqCst);
    }

    /// The init's: what the follower said with [`FollowerPage::set_size`], if it did.
    pub fn size(&self) -> Option<WinSize> {
        let size = self.map.atomic_u32(SIZE).load(Ordering::SeqCst);
        let [a, b, c, d] = size.to_be_bytes();
        (size != 0).then(|| WinSize::clamped(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }

    /// The follower's: "wake me at the next byte". It must look at the head once more before it sleeps.
    pub fn want_wake(&self) {
        self.map.atomic_u32(WANT).store(1, Ordering::SeqCst);
    }

    /// The init's: whether the follower is to be woken now. Answers yes once per wish.
    pub fn take_want(&self) -> bool {
        self.map.atomic_u32(WANT).swap(0, Ordering::SeqCst) != 0
    }

    /// The init's: "wake me when there is room". It must look at the cursor once more before it sleeps.
    pub fn set_init_waits(&self) {
        self.map.atomic_u32(INIT_WAITS).store(1, Ordering::SeqCst);
    }

    pub fn init_waits(&self) -> bool {
        self.map.atomic_u32(INIT_WAITS).load(Ordering::SeqCst) != 0
    }

    /// Whether the init waits for room; answers yes once per wish.
    pub fn take_init_waits(&self) -> bool {
        self.map.atomic_u32(INIT_WAITS).swap(0, Ordering::SeqCst) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn filled(bytes: &[u8]) -> (RingWriter, RingReader) {
        let mut writer = RingWriter::create(Geometry::new(4096).unwrap()).unwrap();
        let reader = RingReader::map(writer.file()).unwrap();
        feed(&mut writer, bytes);
        (writer, reader)
    }

    fn feed(writer: &mut RingWriter, bytes: &[u8]) {
        let (source, sink) = nix::unistd::pipe().unwrap();
        let mut sink = std::fs::File::from(sink);
        sink.write_all(bytes).unwrap();
        drop(sink);
        while writer.read_from(&source, u64::MAX).unwrap() > 0 {}
    }

    #[test]
    fn a_reader_gets_just_what_was_written_across_the_wrap() {
        let (mut writer, reader) = filled(&[b'a'; 4000]);
        feed(&mut writer, &[b'b'; 500]);
        let mut out = Vec::new();
        assert_eq!(reader.take(3000, u64::MAX, &mut out).unwrap(), Taken::Bytes(1500));
        assert_eq!(out, [vec![b'a'; 1000], vec![b'b'; 500]].concat());
    }

    #[test]
    fn an_overtaken_reader_is_told_and_gets_nothing_torn() {
        let (_writer, reader) = filled(&[b'x'; 10_000]);
        let mut out = Vec::new();
        assert!(matches!(reader.take(0, 10, &mut out).unwrap(), Taken::Overwritten { oldest } if oldest >= 5904));
        assert!(out.is_empty());
    }

    #[test]
    fn a_writer_that_never_stops_moving_its_tail_is_not_waited_for() {
        let geometry = Geometry::new(4096).unwrap();
        let writer = RingWriter::create(geometry).unwrap();
        let reader = RingReader::map(writer.file()).unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        // Above the head, where no honest one is.
        let put_tail = |tail| writer.map.atomic_u64(TAIL).store(tail, Ordering::SeqCst);
        put_tail(1 << 40);
        let taken = std::thread::scope(|scope| {
            scope.spawn(|| (1 << 40..).take_while(|_| !over.load(Ordering::SeqCst)).for_each(put_tail));
            let taken: Vec<_> = (0..100).map(|_| reader.take(0, 10, &mut Vec::new())).collect();
            over.store(true, Ordering::SeqCst);
            taken
        });
        assert!(taken.iter().all(|taken| *taken == Err(RingError::Nonsense)), "{taken:?}");
    }

    #[test]
    fn a_file_that_could_shrink_is_not_mapped() {
        let file = memory_file(c"t", 8192).unwrap();
        assert_eq!(RingReader::map(&file).unwrap_err(), RingError::Unsound);
        assert_eq!(FollowerPage::map(&file).unwrap_err(), RingError::Unsound);
    }

    #[test]
    fn nobody_else_can_map_a_ring_writable() {
        let (writer, _reader) = filled(b"x");
        assert!(Mapping::new(writer.file(), 8192, true).is_err());
    }

    #[test]
    fn a_follower_and_the_init_see_each_others_words() {
        let (inits, file) = FollowerPage::create(7, true).unwrap();
        let follower = FollowerPage::map(&file).unwrap();
        assert_eq!(inits.hold(), Some(7));
        follower.set_hold(None);
        assert_eq!(inits.hold(), None);
        follower.want_wake();
        assert!(inits.take_want() && !inits.take_want());
        follower.set_typed(3, 99, 1234);
        assert_eq!(inits.typed(), [(99, 1234)]);
        assert_eq!(inits.size(), None);
        follower.set_size(WinSize::clamped(23, 132));
        assert_eq!(inits.size(), Some(WinSize::clamped(23, 132)));
        inits.set_init_waits();
        assert!(follower.take_init_waits() && !follower.init_waits());
    }
}
