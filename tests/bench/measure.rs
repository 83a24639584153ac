//! What is measured, in the order of the tables in issues 2 and 3.

mod attach;
mod calls;
mod create;
mod crowd;
mod echo;
mod first;
mod idle;
mod list;
mod memory;
mod output;
mod screen;
mod size;

use crate::report::Row;
use crate::trouble::Result;
use crate::world::World;

pub struct Measure {
    pub name: &'static str,
    pub what: &'static str,
    pub run: fn(&World) -> Result<Vec<Row>>,
}

pub const MEASURES: [Measure; 14] = [
    Measure { name: "create", what: "a session, from the command to the program in the box", run: create::run },
    Measure { name: "calls", what: "system calls under the filter", run: calls::run },
    Measure { name: "first", what: "the first command ever, start of the daemon included", run: first::run },
    Measure { name: "ls", what: "listing 20 sessions", run: list::run },
    Measure { name: "echo", what: "from a key to its echo, through attach", run: echo::run },
    Measure { name: "output", what: "50 MB through attach, every byte checked", run: output::run },
    Measure { name: "attach", what: "from the command that attaches to the whole screen", run: attach::run },
    Measure { name: "crowd", what: "10 MB seen by one of ten clients", run: crowd::run },
    Measure { name: "memory", what: "PSS of all that keeps idle sessions", run: memory::run },
    Measure { name: "size", what: "the release binary", run: size::run },
    Measure { name: "screen", what: "output to screen, plain and with escapes", run: screen::speed },
    Measure { name: "terminal", what: "memory of a terminal without history", run: screen::memory },
    Measure { name: "snapshot", what: "a screen told to a client", run: screen::snapshot },
    Measure { name: "idle", what: "context switches while nothing happens", run: idle::run },
];
