//! coop itself, with a state directory of its own.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::pty::Terminal;
use crate::run::Running;
use crate::trouble::During;
use crate::trouble::Result;
use crate::world::World;

pub struct Coop<'w> {
    world: &'w World,
    program: PathBuf,
    home: PathBuf,
}

impl<'w> Coop<'w> {
    /// No daemon runs yet. None if there is no coop.
    pub fn fresh(world: &'w World) -> Option<Coop<'w>> {
        let program = world.coop.clone()?;
        Some(Coop { world, program, home: world.fresh("coop") })
    }

    /// The one whose boxes have neither filter nor scopes nor limits.
    pub fn bare(world: &'w World) -> Option<Coop<'w>> {
        let program = world.bare.clone()?;
        Some(Coop { world, program, home: world.fresh("bare") })
    }

    fn command(&self) -> Command {
        let mut command = self.world.command(&self.program);
        command.env("COOP_HOME", &self.home);
        command
    }

    fn creation(&self, name: &str, argv: &[OsString]) -> Command {
        let mut command = self.command();
        command.args(["-d", "-n", name, "-w"]).arg(&self.world.workspace).arg("--").args(argv);
        command
    }

    /// Starts to create a session; the client's process is the answer.
    pub fn start_session(&self, name: &str, argv: &[OsString]) -> Result<Running> {
        self.world.start(self.creation(name, argv))
    }

    /// The same with all the tools that whoever runs this has on PATH and in HOME: the box shows those.
    pub fn start_session_with_tools(&self, name: &str, argv: &[OsString]) -> Result<Running> {
        let mut command = self.creation(name, argv);
        for name in ["PATH", "HOME"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        self.world.start(command)
    }

    /// Runs a program in the box of a session, to its end.
    pub fn in_box(&self, name: &str, command_line: &str) -> Result<()> {
        let mut command = self.command();
        command.args(["shell", name, "-c", command_line]);
        self.world.run(command).map(drop)
    }

    pub fn create(&self, name: &str, argv: &[OsString]) -> Result<f64> {
        Ok(self.world.run(self.creation(name, argv))?.as_secs_f64())
    }

    pub fn ls(&self) -> Result<f64> {
        let mut command = self.command();
        command.arg("ls");
        Ok(self.world.run(command)?.as_secs_f64())
    }

    /// How many of these sessions `coop ls` shows, each at the beginning of its line.
    pub fn listed(&self, names: &[String]) -> Result<usize> {
        let mut command = self.command();
        command.arg("ls");
        let lines = self.world.read(command)?;
        let shown: Vec<&str> = lines.lines().filter_map(|line| line.split_whitespace().next()).collect();
        Ok(names.iter().filter(|name| shown.contains(&name.as_str())).count())
    }

    pub fn kill(&self, name: &str) -> Result<()> {
        let mut command = self.command();
        command.args(["kill", name, "-f"]);
        self.world.run(command).during(|| "ending a session".into())?;
        Ok(())
    }

    pub fn attach(&self, name: &str) -> Result<Terminal> {
        Terminal::attach(self.client(name, &[]))
    }

    /// As [`attach`](Self::attach), and waits for nothing.
    pub fn open(&self, name: &str, options: &[&str]) -> Result<Terminal> {
        Terminal::open(self.client(name, options))
    }

    fn client(&self, name: &str, options: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["attach", name]).args(options);
        command
    }

    /// Ends all sessions and the daemon.
    pub fn end(self) -> Result<()> {
        let mut kill = self.command();
        kill.args(["kill", "--all", "-f"]);
        self.world.run(kill)?;
        let mut shutdown = self.command();
        shutdown.arg("shutdown");
        self.world.run(shutdown)?;
        Ok(())
    }
}
