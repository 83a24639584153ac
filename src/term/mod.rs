//! Terminals as pure logic: the output ring's arithmetic, the screen that a program's output makes, what a client may get
//! of it and what it did to a client's terminal, whether the program works or waits, which bytes a key is.

#[allow(dead_code)] // a part is not called yet
pub mod activity;
#[allow(dead_code)] // a part is not called yet
pub mod filter;
#[allow(dead_code)] // a part is not called yet
pub mod framer;
pub mod keyboard;
pub mod keys;
pub mod modes;
#[allow(dead_code)] // a part is not called yet
pub mod replies;
pub mod ring;
#[allow(dead_code)] // a part is not called yet
pub mod screen;
