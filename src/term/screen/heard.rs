//! What the output says to others than the screen.

use crate::text::is_invisible;

/// Most bytes of answers and most signals that wait to be taken; what comes on top is dropped.
const ANSWERS_MAX_BYTES: usize = 64 * 1024;
const SIGNALS_MAX: usize = 256;
/// Longest text of a signal in bytes, but for a program's status.
const TEXT_MAX_BYTES: usize = 1024;

/// Taken by whoever feeds the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// To be written to the program, in the order of its questions.
    pub answers: Vec<u8>,
    pub signals: Vec<Signal>,
}

/// All text is the program's, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    Bell,
    Title(String),
    /// OSC 9, 99 and 777.
    Notification {
        title: String,
        text: String,
    },
    /// The payload of OSC 7501.
    ProgramStatus(String),
    AlternateScreen(bool),
    /// A shell's prompt begins (OSC 133;A).
    Prompt,
    /// RIS.
    Reset,
}

impl Heard {
    pub(super) fn answer(&mut self, answer: &[u8]) {
        if self.answers.len() + answer.len() <= ANSWERS_MAX_BYTES {
            self.answers.extend_from_slice(answer);
        }
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        let has_room = self.signals.len() < SIGNALS_MAX;
        match (&signal, self.signals.last_mut()) {
            (Signal::Bell, Some(Signal::Bell))
            | (Signal::Prompt, Some(Signal::Prompt))
            | (Signal::Reset, Some(Signal::Reset)) => {}
            // Only the last title counts.
            (Signal::Title(_), Some(last @ Signal::Title(_))) => *last = signal,
            _ if has_room => self.signals.push(signal),
            _ => {}
        }
    }
}

/// Text of at most so many bytes, without controls, what turns text around and what shows nothing.
pub(super) fn clean(bytes: &[u8], max_bytes: usize) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if !c.is_control() && !is_invisible(c) {
                if text.len() + c.len_utf8() > max_bytes {
                    return text;
                }
                text.push(c);
            }
        }
    }
    text
}

pub(super) fn signal_text(bytes: &[u8]) -> String {
    clean(bytes, TEXT_MAX_BYTES)
}
