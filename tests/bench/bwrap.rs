//! bubblewrap: a box for one command, no terminal and no daemon.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use crate::trouble::Result;
use crate::world::World;

const ARGS: [&str; 9] = ["--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs"];

pub struct Bwrap<'w> {
    world: &'w World,
    program: PathBuf,
}

impl<'w> Bwrap<'w> {
    /// None if bubblewrap is not installed.
    pub fn find(world: &'w World) -> Option<Bwrap<'w>> {
        Some(Bwrap { world, program: world.bwrap.clone()? })
    }

    /// A box that holds what coop's does of these: the system, its own /dev, /proc and /tmp, and the workspace.
    pub fn boxed(&self, argv: &[impl AsRef<OsStr>]) -> Command {
        let mut command = self.world.command(&self.program);
        let workspace = &self.world.workspace;
        command.args(ARGS).arg("/tmp").arg("--bind").arg(workspace).arg(workspace).args(argv);
        command
    }

    /// Wall time of a box around /bin/true.
    pub fn nothing(&self) -> Result<f64> {
        Ok(self.world.run(self.boxed(&["/bin/true"]))?.as_secs_f64())
    }
}
