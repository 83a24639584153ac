//! Arithmetic of the output ring: offsets are 64-bit stream positions that never wrap in practice (at 1 GB/s they would
//! after 584 years); a position's place in memory is its low bits.

/// Default ring size: at 80x24 some 500 screens, read and drawn by a terminal in well under 100 ms.
pub const RING_BYTES: u64 = 1 << 20;

/// Smallest and largest ring that a reader maps, in bytes. What the init offers is untrusted.
pub const RING_BYTES_MIN: u64 = 1 << 12;
pub const RING_BYTES_MAX: u64 = 1 << 26;

/// The size of a ring: a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    size: u64,
}

/// A contiguous piece of the ring's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub index: usize,
    pub len: usize,
}

/// What a reader at a cursor can do, given the head and tail it has just loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// This many bytes stand ready; 0 means that the reader has caught up.
    Bytes(u64),
    /// The writer has overwritten the cursor; the oldest byte still there is at `oldest`.
    Overwritten { oldest: u64 },
    /// Head, tail and cursor contradict each other: the writer is broken or hostile.
    Nonsense,
}

impl Geometry {
    pub fn new(size: u64) -> Option<Self> {
        (size.is_power_of_two() && (RING_BYTES_MIN..=RING_BYTES_MAX).contains(&size)).then_some(Self { size })
    }

    pub fn size(self) -> u64 {
        self.size
    }

    /// The memory at `offset`, at most `len` bytes and not past the end of the buffer.
    #[allow(clippy::cast_possible_truncation)] // index < size <= 64 MiB, and coop is built for 64-bit machines
    pub fn span(self, offset: u64, len: u64) -> Span {
        let index = offset & (self.size - 1);
        Span { index: index as usize, len: len.min(self.size - index) as usize }
    }

    pub fn readable(self, cursor: u64, head: u64, tail: u64) -> Readable {
        if head < cursor || head < tail || head - tail > self.size {
            Readable::Nonsense
        } else if tail > cursor {
            Readable::Overwritten { oldest: tail }
        } else {
            Readable::Bytes(head - cursor)
        }
    }

    /// How many bytes the writer may write without overwriting anything a holder at `held` has not taken.
    pub fn room(self, head: u64, held: Option<u64>) -> u64 {
        match held {
            Some(held) => self.size.saturating_sub(head.saturating_sub(held)),
            None => self.size,
        }
    }

    /// The tail to publish *before* writing up to `len` bytes at `head`.
    pub fn tail_before_write(self, head: u64, len: u64) -> u64 {
        (head + len).saturating_sub(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_size_that_is_no_power_of_two_or_absurd_is_refused() {
        for bad in [0, 1, 4095, 4097, (1 << 20) + 1, 1 << 27, u64::MAX] {
            assert_eq!(Geometry::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_lying_header_is_told_from_an_overtaken_reader() {
        let ring = Geometry::new(4096).unwrap();
        assert_eq!(ring.readable(10, 5, 0), Readable::Nonsense);
        assert_eq!(ring.readable(0, 5000, 0), Readable::Nonsense);
        assert_eq!(ring.readable(0, 5000, 904), Readable::Overwritten { oldest: 904 });
        assert_eq!(ring.readable(904, 5000, 904), Readable::Bytes(4096));
    }

    proptest! {
        #[test]
        fn a_span_stays_inside_the_buffer(offset: u64, len: u64, shift in 12u32..=26) {
            let ring = Geometry::new(1 << shift).unwrap();
            let span = ring.span(offset, len);
            prop_assert!((span.index + span.len) as u64 <= ring.size());
            prop_assert!(span.len as u64 == len || span.index + span.len == 1usize << shift);
        }

        #[test]
        fn a_writer_that_keeps_to_its_room_never_overwrites_a_holder(
            held in 0u64..1 << 40, ahead in 0u64..=1 << 20, want in 1u64..1 << 21,
        ) {
            let ring = Geometry::new(RING_BYTES).unwrap();
            let head = held + ahead;
            let len = want.min(ring.room(head, Some(held)));
            prop_assert!(ring.tail_before_write(head, len) <= held);
        }

        #[test]
        fn what_is_readable_after_a_write_is_what_was_written(head in 0u64..1 << 40, len in 1u64..=1 << 20) {
            let ring = Geometry::new(RING_BYTES).unwrap();
            let tail = ring.tail_before_write(head, len);
            prop_assert_eq!(ring.readable(head, head + len, tail), Readable::Bytes(len));
        }
    }
}
