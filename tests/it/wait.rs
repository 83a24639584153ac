//! Waiting for facts: the only place of the suite that lets time pass.

use std::time::Duration;
use std::time::Instant;

/// How long a fact may take that should come at once, on a machine that other tests are busy on.
pub const LIMIT: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until `fact` gives something.
pub fn wait_until<T>(what: &str, limit: Duration, fact: impl FnMut() -> Option<T>) -> T {
    wait_or(limit, fact).unwrap_or_else(|| panic!("{what}: not so after {limit:?}"))
}

/// Looks until `fact` gives something or time is up.
pub fn wait_or<T>(limit: Duration, mut fact: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = fact() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Looks for the whole of `period`, and fails as soon as `fact` does not hold.
pub fn holds_for(what: &str, period: Duration, mut fact: impl FnMut() -> bool) {
    let broken = wait_or(period, || (!fact()).then_some(()));
    assert!(broken.is_none(), "{what}: no longer so within {period:?}");
}

/// Lets `period` pass: for tests whose subject is a random moment, never to wait for something.
pub fn let_pass(period: Duration) {
    std::thread::sleep(period);
}
