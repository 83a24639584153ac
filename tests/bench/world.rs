//! Where a run happens: its directory, its environment, and the contestants that this machine has.

use std::cell::Cell;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use nix::unistd::Uid;
use nix::unistd::User;

use crate::inside;
use crate::options::Options;
use crate::run::Running;
use crate::trouble::During;
use crate::trouble::Result;

/// Where the system's programs are. What whoever runs this has in HOME differs from machine to machine, and boxes show it.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub struct World {
    pub smoke: bool,
    pub coop: Option<PathBuf>,
    pub bare: Option<PathBuf>,
    pub tmux: Option<PathBuf>,
    pub dtach: Option<PathBuf>,
    pub bwrap: Option<PathBuf>,
    pub workspace: PathBuf,
    /// As a login sets it.
    user: Option<String>,
    scratch: PathBuf,
    fresh: Cell<u32>,
}

impl World {
    pub fn open(options: &Options, scratch: PathBuf) -> Result<World> {
        let workspace = scratch.join("work");
        for dir in [&workspace, &scratch.join("home")] {
            fs::create_dir(dir).during(|| format!("creating {}", dir.display()))?;
        }
        let myself = env::current_exe().during(|| "finding my own program".into())?;
        fs::copy(&myself, workspace.join("inside")).during(|| format!("copying {}", myself.display()))?;
        Ok(World {
            smoke: options.smoke,
            coop: fs::canonicalize(&options.coop).ok(),
            bare: options.bare.as_ref().and_then(|path| fs::canonicalize(path).ok()),
            tmux: on_path("tmux"),
            dtach: on_path("dtach"),
            bwrap: on_path("bwrap"),
            workspace,
            user: User::from_uid(Uid::effective()).ok().flatten().map(|user| user.name),
            scratch,
            fresh: Cell::new(0),
        })
    }

    /// How often: thoroughly, or just to see that it works.
    pub fn times(&self, full: usize, smoke: usize) -> usize {
        if self.smoke { smoke } else { full }
    }

    /// A path in the scratch directory that has not been given out before.
    pub fn fresh(&self, kind: &str) -> PathBuf {
        self.fresh.set(self.fresh.get() + 1);
        self.scratch.join(format!("{kind}{}", self.fresh.get()))
    }

    /// A command in the workspace with an environment of its own: nothing of the user's settings, and nothing that
    /// says that this already runs in a session of coop, tmux or a sandbox.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.workspace).stdout(Stdio::null());
        command.env("PATH", SYSTEM_PATH);
        command.env("HOME", self.scratch.join("home")).env("SHELL", "/bin/sh");
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        command.envs(self.user.iter().map(|user| ("USER", user)));
        command
    }

    pub fn start(&self, command: Command) -> Result<Running> {
        Running::start(command, self.scratch.join("stderr"))
    }

    /// Runs to a successful end, output thrown away.
    pub fn run(&self, command: Command) -> Result<Duration> {
        self.start(command)?.finish()
    }

    /// Runs to a successful end and answers what it printed.
    pub fn read(&self, mut command: Command) -> Result<String> {
        let path = self.scratch.join("stdout");
        let file = fs::File::create(&path).during(|| format!("creating {}", path.display()))?;
        command.stdout(file);
        self.run(command)?;
        fs::read_to_string(&path).during(|| format!("reading {}", path.display()))
    }

    /// The command line of this program's copy in the workspace.
    pub fn inside(&self, words: &[&str]) -> Vec<OsString> {
        let program = self.workspace.join("inside").into_os_string();
        let words = words.iter().map(|word| OsString::from(*word));
        [program, inside::ROLE.into()].into_iter().chain(words).collect()
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| candidate.is_file())
}
