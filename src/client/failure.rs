//! Why a command failed: a sentence, what to try next, and the exit code of docs/guide.md.

use crate::home::HomeError;
use crate::launch::error::LaunchError;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::text::printable;
use std::fmt::Display;
use std::io;

pub const GENERAL: i32 = 1;
pub const BAD_ARGUMENTS: i32 = 2;
pub const NO_SESSION: i32 = 3;
pub const NO_DAEMON: i32 = 4;

/// Text for the user's terminal: it may quote a path, a file or the word of a box. Lines stay lines.
pub fn shown(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

#[derive(Debug)]
pub struct Failure {
    pub message: String,
    pub hint: Option<String>,
    pub code: i32,
    pub lasts: Lasts,
}

/// Whether the same may go well a moment later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    Forever,
    /// No daemon is there, or it went: the next one may answer.
    UntilNextDaemon,
    /// A daemon that has just come may not have taken the session over yet, or be short of something.
    Awhile,
}

impl Failure {
    /// One that lasts, unless it is for want of a daemon.
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        let lasts = if code == NO_DAEMON { Lasts::UntilNextDaemon } else { Lasts::Forever };
        Self { message: message.into(), hint: None, code, lasts }
    }

    /// What the kernel, a disk or a reader did not do for a command: `what` stands behind "cannot".
    pub fn cannot<E: Into<io::Error>>(what: impl Display) -> impl FnOnce(E) -> Self {
        move |error| {
            let error = error.into();
            let failure = Self::new(GENERAL, format!("cannot {what}: {error}"));
            match error.raw_os_error() {
                Some(libc::ENOSPC | libc::EDQUOT) => failure.hinted("the disk is full: free some space"),
                Some(libc::EMFILE | libc::ENFILE) => failure.hinted("too many files are open: see `ulimit -n`"),
                Some(libc::EACCES | libc::EPERM) => {
                    failure.hinted("it belongs to somebody else, or its mode forbids it")
                }
                _ => failure,
            }
        }
    }

    /// The daemon hung up, or says nothing, or nothing that can be understood.
    pub fn no_answer(error: io::Error) -> Self {
        use io::ErrorKind::BrokenPipe;
        use io::ErrorKind::ConnectionReset;
        use io::ErrorKind::TimedOut;
        use io::ErrorKind::UnexpectedEof;
        use io::ErrorKind::WouldBlock;
        let lasts = match error.kind() {
            BrokenPipe | ConnectionReset | UnexpectedEof => Lasts::UntilNextDaemon,
            TimedOut | WouldBlock => Lasts::Awhile,
            _ => Lasts::Forever,
        };
        let failure = Self::new(NO_DAEMON, format!("the daemon does not answer: {error}"));
        Self {
            lasts,
            ..failure.hinted("`coop logs` shows what it did last; any command starts a new one if it is gone")
        }
    }

    /// Another try would end in the same way.
    pub fn lasting(mut self) -> Self {
        self.lasts = Lasts::Forever;
        self
    }

    pub fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The one place where a command's failure is shown.
    pub fn print(&self) {
        eprintln!("coop: {}", shown(&self.message));
        if let Some(hint) = &self.hint {
            eprintln!("hint: {}", shown(hint));
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (code, lasts) = match refusal.code {
            RefusalCode::NoSession => (NO_SESSION, Lasts::Forever),
            RefusalCode::Exists | RefusalCode::NoPty | RefusalCode::TooLong => (BAD_ARGUMENTS, Lasts::Forever),
            RefusalCode::WrongState | RefusalCode::Failed => (GENERAL, Lasts::Awhile),
            RefusalCode::Ending => (NO_DAEMON, Lasts::UntilNextDaemon),
            RefusalCode::Box | RefusalCode::BadRequest => (GENERAL, Lasts::Forever),
        };
        Self { message: refusal.message, hint: refusal.hint, code, lasts }
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        Self { hint: error.hint(), ..Self::new(i32::from(error.exit_code()), error.to_string()).lasting() }
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::new(NO_DAEMON, error.to_string()).hinted(error.hint()).lasting()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_no_answer_asks_the_next_daemon_only_if_this_one_went() {
        let of = |kind: io::ErrorKind| Failure::no_answer(kind.into());
        let (hung_up, late) = (of(io::ErrorKind::UnexpectedEof), of(io::ErrorKind::TimedOut));
        assert_eq!((hung_up.code, hung_up.lasts), (NO_DAEMON, Lasts::UntilNextDaemon));
        assert_eq!((late.code, late.lasts), (NO_DAEMON, Lasts::Awhile));
        assert_eq!(of(io::ErrorKind::InvalidData).lasts, Lasts::Forever);
        assert!([hung_up, late].iter().all(|failure| failure.hint.is_some()));
    }
}
