//! Terminals as pure logic: the output ring's arithmetic, the detach keys, what a program did to a terminal's modes.

pub mod keys;
pub mod modes;
pub mod queries;
pub mod ring;
