//! What was typed and not yet acknowledged: kept until the program's terminal has it.

use std::collections::VecDeque;

/// Bytes on their way at most; more waits here.
const IN_FLIGHT_MAX: usize = 256 << 10;
/// One frame of input.
const FRAME_BYTES: usize = 32 << 10;
/// So much is kept for a program that does not read; then standard input is not read either.
const KEPT_MAX: usize = 8 << 20;

#[derive(Debug, Default)]
pub struct Typed {
    bytes: VecDeque<u8>,
    /// How many of them have been sent to the present daemon.
    sent: usize,
    acknowledged: u64,
}

impl Typed {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    pub fn has_room(&self) -> bool {
        self.bytes.len() < KEPT_MAX
    }

    /// How many bytes have been acknowledged in all.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// What is to be written next by whoever writes to the program's terminal itself: nothing while something is still
    /// on its way through the daemon, which comes first.
    pub fn next_to_write(&self) -> &[u8] {
        if self.sent == 0 { self.bytes.as_slices().0 } else { &[] }
    }

    /// So much of [`next_to_write`](Self::next_to_write) has been written.
    pub fn wrote(&mut self, len: usize) {
        self.bytes.drain(..len);
        self.acknowledged += len as u64;
    }

    pub fn next_to_send(&mut self) -> Option<Vec<u8>> {
        let len = (self.bytes.len() - self.sent).min(FRAME_BYTES).min(IN_FLIGHT_MAX.saturating_sub(self.sent));
        if len == 0 {
            return None;
        }
        let bytes = self.bytes.range(self.sent..self.sent + len).copied().collect();
        self.sent += len;
        Some(bytes)
    }

    pub fn acknowledge(&mut self, upto: u64) {
        let new = usize::try_from(upto.saturating_sub(self.acknowledged)).unwrap_or(usize::MAX).min(self.sent);
        self.bytes.drain(..new);
        self.sent -= new;
        self.acknowledged += new as u64;
    }

    /// An earlier daemon had written so much in all, though it did not live to say so. Called before anything is sent
    /// to the new one.
    pub fn acknowledge_earlier(&mut self, upto: u64) {
        let new = usize::try_from(upto.saturating_sub(self.acknowledged)).unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes.drain(..new);
        self.acknowledged += new as u64;
    }

    /// Another daemon: what the last one did not acknowledge is sent once more.
    pub fn send_again(&mut self) {
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_sent_once_in_order_within_the_window() {
        let mut typed = Typed::default();
        let all: Vec<u8> = (0..1_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
        typed.push(&all);
        let mut arrived = Vec::new();
        while arrived.len() < all.len() {
            let mut batch = 0;
            while let Some(bytes) = typed.next_to_send() {
                batch += bytes.len();
                arrived.extend(bytes);
            }
            assert!(batch > 0 && batch <= IN_FLIGHT_MAX);
            typed.acknowledge(arrived.len() as u64);
        }
        assert_eq!(arrived, all);
        assert_eq!(typed.acknowledged(), all.len() as u64);
    }

    #[test]
    fn what_a_dead_daemon_did_not_acknowledge_is_sent_again() {
        let mut typed = Typed::default();
        typed.push(b"abcdef");
        assert_eq!(typed.next_to_send().unwrap(), b"abcdef");
        typed.acknowledge(2);
        typed.send_again();
        assert_eq!(typed.next_to_send().unwrap(), b"cdef");
    }

    #[test]
    fn what_was_written_past_the_daemon_is_never_sent_to_one() {
        let mut typed = Typed::default();
        typed.push(b"abcdef");
        assert_eq!(typed.next_to_write(), b"abcdef");
        typed.wrote(2);
        typed.send_again();
        typed.acknowledge_earlier(0);
        assert_eq!(typed.acknowledged(), 2);
        assert_eq!(typed.next_to_send().unwrap(), b"cdef");
        assert_eq!(typed.next_to_write(), b"", "that is on its way");
        typed.acknowledge(6);
        typed.push(b"g");
        assert_eq!(typed.next_to_write(), b"g");
    }

    #[test]
    fn a_lying_acknowledgement_cannot_take_what_was_not_sent() {
        let mut typed = Typed::default();
        typed.push(b"abc");
        typed.acknowledge(u64::MAX);
        assert_eq!(typed.next_to_send().unwrap(), b"abc");
    }
}
