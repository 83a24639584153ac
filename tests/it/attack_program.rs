//! The program of `tests/attacks`, compiled once for all tests that need it.

use crate::home::skip;
use crate::ran::Ran;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::Weak;

/// In this binary, which is run where the source is not.
macro_rules! sources {
    ($($name:literal)*) => { [$(($name, include_str!(concat!("../attacks/", $name)))),*] };
}

const SOURCES: [(&str, &str); 11] = sources! {
    "attack.h" "bombs.c" "calls.c" "files.c" "main.c" "modes.c" "mounts.c" "namespaces.c" "processes.c" "sockets.c"
    "targets.c"
};
const LIBRARY: [(&str, &str); 1] = sources! { "preload.c" };

/// The compiled attacks. The last test that needs them removes them.
pub struct Program {
    directory: PathBuf,
}

impl Program {
    /// `None`: there is no compiler.
    pub fn get() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Program>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = shared.upgrade() {
            return Some(program);
        }
        if Command::new("cc").arg("--version").output().is_err() {
            skip("there is no C compiler");
            return None;
        }
        let directory = std::env::temp_dir().join(format!("coop-it-{}-attacks", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let program = Arc::new(Self { directory });
        program.compile("attack", &[], &SOURCES);
        program.compile("preload.so", &["-shared", "-fPIC"], &LIBRARY);
        *shared = Arc::downgrade(&program);
        Some(program)
    }

    fn compile(&self, name: &str, options: &[&str], sources: &[(&str, &str)]) {
        let mut command = Command::new("cc");
        command.current_dir(&self.directory).args(["-D_GNU_SOURCE", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1"]);
        command.args(["-o", name]).args(options);
        for (name, text) in sources {
            fs::write(self.directory.join(name), text).unwrap();
            if name.ends_with(".c") {
                command.arg(name);
            }
        }
        Ran::of(&mut command).ok();
    }

    /// A copy in `directory`. By another process: while a thread of this one has it open to write, a child that another
    /// thread starts has that too, and it cannot be run.
    pub fn put_into(&self, directory: &Path) -> PathBuf {
        self.put("attack", directory)
    }

    /// The library of `preload.c`.
    pub fn put_library_into(&self, directory: &Path) -> PathBuf {
        self.put("preload.so", directory)
    }

    fn put(&self, name: &str, directory: &Path) -> PathBuf {
        Ran::of(Command::new("cp").arg(self.directory.join(name)).arg(directory)).ok();
        directory.join(name)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).unwrap();
    }
}
