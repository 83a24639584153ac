//! A FIFO in the workspace that a program inside a box rings when it has started.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use nix::poll::PollFlags;
use nix::sys::stat::Mode;

use crate::run;
use crate::run::Running;
use crate::trouble::During;
use crate::trouble::Result;
use crate::trouble::Trouble;

pub struct Bell {
    path: PathBuf,
    fifo: File,
}

impl Bell {
    pub fn hang(path: PathBuf) -> Result<Bell> {
        nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o600)).during(|| format!("mkfifo {}", path.display()))?;
        // Read and write: it never reports end of file, and the ringer's open never blocks (fifo(7)).
        let fifo = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&path);
        let fifo = fifo.during(|| format!("opening {}", path.display()))?;
        Ok(Bell { path, fifo })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for one ring and answers when it was heard.
    pub fn wait_for(&mut self, ringer: &Running) -> Result<Instant> {
        if !run::ready(self.fifo.as_fd(), PollFlags::POLLIN, ringer.started() + run::LIMIT)? {
            let said = ringer.complaints();
            return Err(Trouble::new(format!("the program in the box has not started; the command said: {said}")));
        }
        let heard = Instant::now();
        let count = self.fifo.read(&mut [0; 16]).during(|| "reading the fifo".into())?;
        if count == 1 { Ok(heard) } else { Err(Trouble::new(format!("the program in the box started {count} times"))) }
    }
}
