//! Terminals as pure logic: the output ring's arithmetic, the detach keys, what a program did to a terminal's modes,
//! whether it works or waits, which bytes a key is and which are no keys.

// Told of what every terminal does once the daemon keeps their screens.
#[allow(dead_code)]
pub mod activity;
// Spoken by `coop send`.
#[allow(dead_code)]
pub mod keyboard;
pub mod keys;
pub mod modes;
pub mod queries;
// Stands before every terminal's input once the daemon answers queries.
#[allow(dead_code)]
pub mod replies;
pub mod ring;
