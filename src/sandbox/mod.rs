//! The box: what the host offers ([`view`]), what is to be mounted where as a plain list ([`plan`]), and the interpreter
//! that carries the list out in a fresh mount namespace ([`build`]).

/// Whether boxes are held by filter, scopes and limits as well. Only a build for a benchmark is without.
pub const HARDENED: bool = !cfg!(coop_bare);

pub mod build;
pub mod explain;
pub mod filter;
pub mod groups;
pub mod masks;
pub mod persist;
pub mod plan;
pub mod prepare;
pub mod target;
pub mod view;
