//! The part of coop that the fuzz targets call, as a library: coop itself is a binary and has none. The modules stand at
//! the root under their own names, for they refer to each other as `crate::...`; their order is that of `src/main.rs`.

#![allow(dead_code)]

#[path = "../../src/name.rs"]
pub mod name;
#[path = "../../src/text.rs"]
pub mod text;
#[path = "../../src/session/mod.rs"]
pub mod session;
#[path = "../../src/term/mod.rs"]
pub mod term;
#[path = "../../src/proto/mod.rs"]
pub mod proto;
#[path = "../../src/config/mod.rs"]
pub mod config;

#[path = "../../src/home.rs"]
pub mod home;
#[path = "../../src/init/mod.rs"]
pub mod init;
#[path = "../../src/sandbox/mod.rs"]
pub mod sandbox;
#[path = "../../src/sys/mod.rs"]
pub mod sys;

#[path = "../../src/daemon/mod.rs"]
pub mod daemon;

/// The fuzzer's own.
#[path = "json.rs"]
pub mod fuzz_json;
