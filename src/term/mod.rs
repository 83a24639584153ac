//! Terminals as pure logic: the output ring's arithmetic, the screen that a program's output makes, what a client may get
//! of it and what it did to a client's terminal, whether the program works or waits, which bytes a key is.

#[allow(dead_code)] // told of what every terminal does once the daemon keeps their screens
pub mod activity;
#[allow(dead_code)] // called when clients are sent filtered output
pub mod filter;
#[allow(dead_code)] // called when the daemon follows every terminal
pub mod framer;
#[allow(dead_code)] // spoken by `coop send`
pub mod keyboard;
pub mod keys;
pub mod modes;
pub mod queries;
#[allow(dead_code)] // stands before every terminal's input once the daemon answers queries
pub mod replies;
pub mod ring;
#[allow(dead_code)] // called when the daemon follows every terminal
pub mod screen;
