//! The Coopfile: text in, a checked [`layer::Layer`] out; layers in, one [`settings::Config`] out. Nothing here reads a
//! file or the environment: a `$VAR` or a `~` stays a named thing until `launch` looks it up.

pub mod asks;
pub mod error;
pub mod gitconfig;
pub mod keys;
pub mod layer;
pub mod limits;
pub mod settings;
pub mod value;
