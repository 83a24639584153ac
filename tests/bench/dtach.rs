//! dtach: one process a session, no screen of its own. It has no command that ends a session.

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use crate::family;
use crate::pty::Terminal;
use crate::trouble::Result;
use crate::world::World;

pub struct Dtach<'w> {
    world: &'w World,
    program: PathBuf,
    sockets: RefCell<Vec<PathBuf>>,
}

impl<'w> Dtach<'w> {
    /// None if dtach is not installed.
    pub fn find(world: &'w World) -> Option<Dtach<'w>> {
        Some(Dtach { world, program: world.dtach.clone()?, sockets: RefCell::default() })
    }

    /// Starts a session; its socket is the answer.
    pub fn create(&self, argv: &[OsString]) -> Result<PathBuf> {
        let socket = self.world.fresh("dtach");
        let mut command = self.world.command(&self.program);
        command.arg("-n").arg(&socket).args(["-E", "-z"]).args(argv);
        self.world.run(command)?;
        self.sockets.borrow_mut().push(socket.clone());
        Ok(socket)
    }

    pub fn attach(&self, socket: &Path) -> Result<Terminal> {
        let mut command = self.world.command(&self.program);
        command.arg("-a").arg(socket).args(["-E", "-z"]);
        Terminal::attach(command)
    }

    /// Asks the process of every session to end: it is the one that was started with the session's socket.
    pub fn end(self) -> Result<()> {
        self.sockets.borrow().iter().try_for_each(|socket| family::terminate(&["-n", &socket.to_string_lossy()]))
    }
}
