//! Ten clients of one terminal, nine of which only look, and one of these reads nothing: how long the tenth takes.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::coop::Coop;
use crate::inside;
use crate::measure::output;
use crate::pty::Terminal;
use crate::report;
use crate::report::Bar;
use crate::report::Row;
use crate::stats;
use crate::stats::Lane;
use crate::stats::median;
use crate::stream::Kind;
use crate::tmux::Tmux;
use crate::trouble::Result;
use crate::world::World;

const BYTES: usize = 10_000_000;
const SMOKE_BYTES: usize = 1_000_000;
const VIEWERS: usize = 9;
/// How long a viewer waits for more before it looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(20);

pub fn run(world: &World) -> Result<Vec<Row>> {
    let bytes = world.times(BYTES, SMOKE_BYTES);
    let argv = world.inside(&[inside::POUR, Kind::Escapes.name(), &bytes.to_string()]);
    let coop = Coop::fresh(world);
    let mut ours = match &coop {
        Some(coop) => {
            coop.create("crowd", &argv)?;
            Some(Crowd::of(coop.attach("crowd")?, || coop.open("crowd", &["--view"]))?)
        }
        None => None,
    };
    let tmux = Tmux::fresh(world);
    let mut theirs = match &tmux {
        Some(tmux) => {
            tmux.create("crowd", &argv)?;
            Some(Crowd::of(tmux.attach("crowd")?, || tmux.open("crowd", &["-r"]))?)
        }
        None => None,
    };
    let lanes = vec![
        ours.as_mut().map_or_else(|| Lane::absent("coop", "not built"), |crowd| Lane::ours("coop", || crowd.watch())),
        theirs
            .as_mut()
            .map_or_else(|| Lane::absent("tmux", "not installed"), |crowd| Lane::theirs("tmux", || crowd.watch())),
    ];
    let series = stats::alternate(world.times(9, 1), lanes)?;
    drop((ours, theirs));
    coop.map_or(Ok(()), Coop::end)?;
    tmux.map_or(Ok(()), Tmux::end)?;
    let how = (median as stats::Statistic, report::millis as report::Unit);
    Ok(vec![Row::compared("10 clients, 10 MB of escapes", &series[0], &series[1], how, Bar::AtMost(1.0))])
}

struct Crowd {
    typist: Terminal,
    viewers: Vec<Terminal>,
    /// Nobody reads what it is given.
    _stuck: Terminal,
}

impl Crowd {
    fn of(typist: Terminal, open: impl Fn() -> Result<Terminal>) -> Result<Crowd> {
        let mut viewers = (0..VIEWERS).map(|_| open()).collect::<Result<Vec<_>>>()?;
        viewers.iter_mut().try_for_each(Terminal::wait_for_output)?;
        let stuck = viewers.remove(0);
        Ok(Crowd { typist, viewers, _stuck: stuck })
    }

    /// Seconds until the typist has seen all, while the others look on.
    fn watch(&mut self) -> Result<Vec<f64>> {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for viewer in &mut self.viewers {
                scope.spawn(|| drain(viewer, &done));
            }
            // tmux draws the end of the last stream more than once.
            let settled = self.typist.settle();
            let started = Instant::now();
            let seen = settled.and_then(|()| output::pour_until_end(&mut self.typist));
            let seconds = started.elapsed().as_secs_f64();
            done.store(true, Ordering::SeqCst);
            seen.map(|()| vec![seconds])
        })
    }
}

fn drain(viewer: &mut Terminal, done: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    // A viewer that has ended reads nothing more; the typist is who is measured.
    while !done.load(Ordering::SeqCst) && viewer.read(&mut buffer, Instant::now() + PATIENCE).is_ok() {}
}
