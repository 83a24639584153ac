//! Why a command failed: a sentence, what to try next, and the exit code of docs/cli.

use crate::config::error::printable;
use crate::home::HomeError;
use crate::launch::error::LaunchError;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
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
    /// The daemon closed the connection: another one may answer.
    pub hung_up: bool,
}

impl Failure {
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code, hung_up: false }
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
        let code = match refusal.code {
            RefusalCode::NoSession => NO_SESSION,
            RefusalCode::Exists | RefusalCode::NoPty => BAD_ARGUMENTS,
            RefusalCode::WrongState | RefusalCode::Box | RefusalCode::BadRequest | RefusalCode::Failed => GENERAL,
        };
        Self { message: refusal.message, hint: refusal.hint, code, hung_up: false }
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        Self { code: i32::from(error.exit_code()), hint: error.hint(), message: error.to_string(), hung_up: false }
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self { code: NO_DAEMON, hint: Some(error.hint()), message: error.to_string(), hung_up: false }
    }
}

/// An answer that did not come, or output that could not be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::BrokenPipe;
        use io::ErrorKind::ConnectionReset;
        use io::ErrorKind::UnexpectedEof;
        let hung_up = matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof);
        Self { hung_up, ..Self::new(GENERAL, error.to_string()) }
    }
}
