//! tmux, with a server of its own and none of the user's settings.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::pty::Terminal;
use crate::trouble::Result;
use crate::world::World;

pub struct Tmux<'w> {
    world: &'w World,
    program: PathBuf,
    socket: PathBuf,
}

impl<'w> Tmux<'w> {
    /// No server runs yet. None if tmux is not installed.
    pub fn fresh(world: &'w World) -> Option<Tmux<'w>> {
        let program = world.tmux.clone()?;
        Some(Tmux { world, program, socket: world.fresh("tmux") })
    }

    fn command(&self) -> Command {
        let mut command = self.world.command(&self.program);
        command.arg("-S").arg(&self.socket).args(["-f", "/dev/null"]);
        command
    }

    pub fn create(&self, name: &str, argv: &[OsString]) -> Result<f64> {
        let mut command = self.command();
        command.args(["new-session", "-d", "-x", "80", "-y", "24", "-s", name]).args(argv);
        Ok(self.world.run(command)?.as_secs_f64())
    }

    /// Its clock would come between the keys.
    pub fn hide_status_line(&self) -> Result<()> {
        let mut command = self.command();
        command.args(["set-option", "-g", "status", "off"]);
        self.world.run(command)?;
        Ok(())
    }

    pub fn ls(&self) -> Result<f64> {
        let mut command = self.command();
        command.arg("ls");
        Ok(self.world.run(command)?.as_secs_f64())
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
        command.args(["attach-session", "-t", name]).args(options);
        command
    }

    pub fn end(self) -> Result<()> {
        let mut command = self.command();
        command.arg("kill-server");
        self.world.run(command)?;
        Ok(())
    }
}
