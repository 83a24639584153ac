//! Starts a command, waits for its end with a limit, and times it.

use std::fs;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use crate::trouble::During;
use crate::trouble::Result;
use crate::trouble::Trouble;

/// How long any one command may take. Nothing that is measured here needs a tenth of it.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Waits until `fd` is ready or the deadline has passed (`false`).
pub fn ready(fd: BorrowedFd<'_>, events: PollFlags, deadline: Instant) -> Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let millis = left.as_millis() + u128::from(!left.is_zero());
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, events)], timeout) {
            Ok(0) if Instant::now() >= deadline => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(Trouble::new(format!("poll: {error}"))),
        }
    }
}

/// A started command. Dropped unfinished, it is killed and reaped.
pub struct Running {
    child: Child,
    /// Readable when the process has ended (pidfd_open(2)).
    ended: OwnedFd,
    what: String,
    stderr: PathBuf,
    started: Instant,
    reaped: bool,
}

impl Running {
    /// Output goes to `stderr` (a file: a daemon that keeps a pipe open would keep its reader, too) and nowhere.
    pub fn start(mut command: Command, stderr: PathBuf) -> Result<Running> {
        let what = describe(&command);
        let complaints = File::create(&stderr).during(|| format!("creating {}", stderr.display()))?;
        command.stdin(Stdio::null()).stderr(complaints);
        let started = Instant::now();
        let mut child = command.spawn().during(|| format!("starting {what}"))?;
        match pidfd(&child) {
            Ok(ended) => Ok(Running { child, ended, what, stderr, started, reaped: false }),
            Err(trouble) => {
                end(&mut child);
                Err(trouble)
            }
        }
    }

    /// The moment before the command was spawned.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Waits for the end, which must be a success, and answers how long after the start it came.
    pub fn finish(mut self) -> Result<Duration> {
        if !ready(self.ended.as_fd(), PollFlags::POLLIN, self.started + LIMIT)? {
            return Err(Trouble::new(format!("{} has not ended after {LIMIT:?}", self.what)));
        }
        let took = self.started.elapsed();
        let status = self.child.wait().during(|| format!("waiting for {}", self.what))?;
        self.reaped = true;
        if status.success() {
            return Ok(took);
        }
        Err(Trouble::new(format!("{}: {status}: {}", self.what, self.complaints())))
    }

    /// What the command has said on its standard error so far.
    pub fn complaints(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            end(&mut self.child);
        }
    }
}

/// Kills and reaps. It may have ended by itself, which is as good.
pub fn end(child: &mut Child) {
    if child.kill().is_ok() {
        child.wait().ok();
    }
}

fn pidfd(child: &Child) -> Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0);
    let fd = fd.ok_or_else(|| Trouble::new(format!("pidfd_open: {}", std::io::Error::last_os_error())))?;
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The command as a person would type it, without the directories.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let program = words[0].rsplit('/').next().unwrap_or_default().to_owned();
    std::iter::once(program).chain(words[1..].iter().map(|word| word.to_string())).collect::<Vec<_>>().join(" ")
}
