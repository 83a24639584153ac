//! Terminals as pure logic: the output ring's arithmetic, the screen that a program's output makes, what a client may get
//! of it and what it did to a client's terminal, whether the program works or waits, which bytes a key is.

pub mod activity;
pub mod aside;
pub mod filter;
pub mod framer;
pub mod keyboard;
pub mod keys;
pub mod modes;
pub mod replies;
pub mod ring;
pub mod screen;
