//! What a session is and does, without a clock, a socket or a process: it is told what happened and answers with what
//! is to be done.

pub mod fanout;
pub mod mounting;
pub mod spec;
pub mod state;
