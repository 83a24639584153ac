//! The daemon: its guard, its start, and its actors. A supervisor owns the table of sessions; a session actor owns the
//! connection to one init; a terminal actor owns one PTY's followers and input. Others hold their addresses.

pub mod adopt;
pub mod changes;
pub mod create;
pub mod guard;
pub mod handle;
pub mod held;
pub mod ids;
pub mod kept;
pub mod link;
pub mod log;
pub mod remove;
pub mod session;
pub mod supervisor;
pub mod terminal;
pub mod typing;
pub mod viewer;
pub mod watch;
