//! Sequences that are not the usual ones: with controls in them, or broken off.

use super::CAN;
use super::DEL;
use super::Decoded;
use super::ESC;
use super::Form;
use super::Found;
use super::Framer;
use super::Kind;
use super::SEQUENCE_MAX_BYTES;
use super::SUB;
use super::decode;
use super::string_kind;

impl Framer {
    /// Any sequence, with controls in it or broken off.
    pub(super) fn sequence(&mut self, bytes: &[u8], mut state: State, mut at: usize) -> Found {
        self.clean.clear();
        self.controls.clear();
        while let Some(&byte) = bytes.get(at) {
            if at >= SEQUENCE_MAX_BYTES {
                return Found::Whole(at, Form::Nothing);
            }
            match byte {
                ESC => return Found::Whole(at, Form::Nothing),
                CAN | SUB => {
                    self.controls.push(byte);
                    return Found::Whole(at + 1, Form::Nothing);
                }
                ..=0x1f => self.controls.push(byte),
                DEL => {}
                0x80.. => match decode(&bytes[at..]) {
                    Decoded::Unfinished => return Found::Unfinished,
                    Decoded::Character(0x80..=0x9f, _) => return Found::Whole(at, Form::Nothing),
                    Decoded::Character(_, length) if state != State::Ignored => {
                        return Found::Whole(at + length, Form::Nothing);
                    }
                    Decoded::Character(_, length) | Decoded::Invalid(length) => at += length - 1,
                },
                _ => match state.step(byte) {
                    Step::To(next) => {
                        state = next;
                        self.clean.push(byte);
                    }
                    Step::Csi => (state, _) = (State::Csi, self.clean.clear()),
                    Step::String(kind) => return self.string(kind, bytes, at + 1, at + 1),
                    Step::End => return Found::Whole(at + 1, self.dispatched(state, byte)),
                },
            }
            at += 1;
        }
        Found::Unfinished
    }

    fn dispatched(&mut self, state: State, last: u8) -> Form {
        let first_of = |clean: &[u8]| match clean {
            [] => Some(0),
            [one] => Some(*one),
            _ => None,
        };
        match state {
            State::Ignored => Form::Nothing,
            State::Escape | State::EscapeIntermediate => match first_of(&self.clean) {
                Some(intermediate) => Form::Escape { intermediate, last },
                None => Form::Nothing,
            },
            _ => {
                let prefix = self.clean.first().copied().filter(|b| (0x3c..=0x3f).contains(b)).unwrap_or(0);
                let rest = &self.clean[usize::from(prefix != 0)..];
                let (params, behind) = rest.split_at(rest.iter().position(|&b| b < 0x30).unwrap_or(rest.len()));
                let Some(intermediate) = first_of(behind) else { return Form::Nothing };
                self.params.parse(params);
                Form::Csi { prefix, intermediate, last }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Escape,
    EscapeIntermediate,
    Csi,
    CsiParam,
    CsiIntermediate,
    Ignored,
}

enum Step {
    To(State),
    Csi,
    String(Kind),
    End,
}

impl State {
    /// For a printable ASCII character.
    fn step(self, byte: u8) -> Step {
        match (self, byte) {
            (Self::Escape, b'[') => Step::Csi,
            (Self::Escape | Self::EscapeIntermediate, 0x20..=0x2f) => Step::To(Self::EscapeIntermediate),
            (Self::Escape, _) => string_kind(byte).map_or(Step::End, Step::String),
            (Self::EscapeIntermediate, _) | (_, 0x40..) => Step::End,
            (Self::Csi, 0x3c..=0x3f) | (Self::Csi | Self::CsiParam, 0x30..=0x3b) => Step::To(Self::CsiParam),
            (Self::Csi | Self::CsiParam | Self::CsiIntermediate, 0x20..=0x2f) => Step::To(Self::CsiIntermediate),
            _ => Step::To(Self::Ignored),
        }
    }
}
