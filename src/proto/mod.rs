//! What is on every wire: frames and calls between client and daemon, messages between daemon and init.

pub mod control;
pub mod door;
pub mod frame;
