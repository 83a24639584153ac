//! Many sessions at once.

use crate::home::Home;
use crate::processes;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::time::Instant;

const SESSIONS: usize = 200;

#[test]
fn two_hundred_sessions_live_die_and_survive_together() {
    let home = Home::new();
    let began = Instant::now();
    for n in 0..SESSIONS {
        home.coop(&["-d", "-n", &format!("s{n}"), "--", "sleep", "1000"]).ok();
    }
    let made = began.elapsed();
    let inits = |home: &Home| -> Vec<i64> { home.rows().iter().filter_map(|row| row["pid"].as_i64()).collect() };
    let before = inits(&home);
    assert_eq!(before.len(), SESSIONS);
    let began = Instant::now();
    processes::send(home.daemon(), Signal::SIGKILL);
    assert_eq!(inits(&home), before);
    let adopted = began.elapsed();
    for n in [0, SESSIONS / 2, SESSIONS - 1] {
        // Those that were slow to answer are adopted a little later.
        wait_until("it is adopted", LIMIT, || (home.inside(&format!("s{n}"), "true").code == 0).then_some(()));
    }
    let began = Instant::now();
    home.coop(&["kill", "--all"]).ok();
    eprintln!("{SESSIONS} sessions: made in {made:?}, adopted in {adopted:?}, killed in {:?}", began.elapsed());
    assert_eq!(home.rows().len(), 0);
    let left = before.iter().filter(|pid| processes::is_alive(i32::try_from(**pid).unwrap())).count();
    assert_eq!(left, 0);
}
