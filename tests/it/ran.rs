//! One run of a program, from its start to its end, with what it said.

use crate::wait::wait_or;
use std::io::Read;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// No command may take longer; `kill` of a program that ignores SIGTERM takes 5 s.
pub const RUN_LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Ran {
    pub words: String,
    /// As a shell says it: 128 and the signal for a program that was killed.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Starts `command` without a terminal and without input, and waits for its end and for the end of its output.
    pub fn of(command: &mut Command) -> Self {
        Running::start(command).end()
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        self.fails_with(0)
    }

    #[track_caller]
    pub fn fails_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code of {}\n-- out\n{}\n-- err\n{}", self.words, self.out, self.err);
        self
    }

    /// Both streams hold everything that is said to the user; errors must stand in the second.
    #[track_caller]
    pub fn complains_of(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "{}: no {word:?} on stderr:\n{}", self.words, self.err);
        }
        self
    }
}

/// A program under way.
#[derive(Debug)]
pub struct Running {
    words: String,
    child: Child,
    out: Receiver<Vec<u8>>,
    err: Receiver<Vec<u8>>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let words = words(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {words}: {error}"));
        let (out, err) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
        Self { words, child, out, err }
    }

    /// Ends it, whatever it is at.
    pub fn stop(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn end(mut self) -> Ran {
        let Some(status) = wait_or(RUN_LIMIT, || self.child.try_wait().unwrap()) else {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            let said = [&self.out, &self.err].map(|stream| stream.recv_timeout(RUN_LIMIT / 10).unwrap_or_default());
            let [out, err] = said.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            panic!("{} has not ended after {RUN_LIMIT:?}\n-- out\n{out}\n-- err\n{err}", self.words);
        };
        let rest = |stream: &Receiver<Vec<u8>>| match stream.recv_timeout(RUN_LIMIT / 6) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => panic!("{} has ended, but somebody still holds its output open", self.words),
        };
        let (out, err) = (rest(&self.out), rest(&self.err));
        Ran { code: shell_code(status), out, err, words: self.words }
    }
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| format!("{} ", word.to_string_lossy())).collect()
}

fn collect(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        // Nobody listens any more when the test has failed already.
        read.map(|_| sender.send(bytes).is_ok())
    });
    receiver
}

pub fn shell_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}
