//! coop: runs AI coding agents in boxes they cannot leave, and keeps their terminals alive through anything.
//!
//! One binary, three roles: the client that a user starts, the daemon that the first client starts, and the init that the
//! daemon starts as PID 1 of every box. The modules stand in three rings; a module imports only from those above it.

// -- Ring 1, pure: no clock, file, socket, task or unsafe. Time and bytes come in as arguments. --------------------------
/// Words of the domain, each parsed once.
#[deny(unsafe_code)]
mod name;
/// What is quoted on a user's terminal, and what was meant by a word.
#[deny(unsafe_code)]
mod text;
/// What a session is made from and how it lives: specification, restart policy, fan-out.
#[deny(unsafe_code)]
mod session;
/// Terminals: ring arithmetic, screen, queries and their answers, keys, activity.
#[deny(unsafe_code)]
mod term;
/// What is on every wire.
#[deny(unsafe_code)]
mod proto;
/// Coopfile layers and what they mean.
#[deny(unsafe_code)]
mod config;

// -- Ring 2, the host: files and system calls, blocking, no tokio. -------------------------------------------------------
/// System calls: the only `unsafe`.
#[allow(clippy::disallowed_methods)]
mod sys;
/// `~/.coop`.
#[deny(unsafe_code)]
#[allow(clippy::disallowed_methods)]
mod home;
/// From the command line, Coopfiles and the host's environment to the specification of a session.
#[deny(unsafe_code)]
#[allow(clippy::disallowed_methods)]
mod launch;
/// The box: configuration to operations, operations to mounts.
#[deny(unsafe_code)]
#[allow(clippy::disallowed_methods)]
mod sandbox;
/// PID 1 of a box.
#[deny(unsafe_code)]
#[allow(clippy::disallowed_methods)]
mod init;

// -- Ring 3, tokio (the client: a blocking loop). ------------------------------------------------------------------------
/// The guard, and the daemon's actors.
#[deny(unsafe_code)]
#[allow(clippy::disallowed_methods)]
mod daemon;
/// The unix-socket door.
#[deny(unsafe_code)]
#[allow(clippy::disallowed_methods)]
mod ipc;
/// The daemon's process: actors and doors put together.
#[deny(unsafe_code)]
#[allow(clippy::disallowed_methods)]
mod serve;
/// The command line, one file a verb.
#[deny(unsafe_code)]
#[allow(clippy::disallowed_methods)]
mod client;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Hidden verbs come first and by hand: every box execs this binary twice, and a full parser costs more than the rest.
    let mut words = std::env::args_os().skip(1);
    let verb = words.next();
    let code = match verb.as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("__init") => init::run::run(),
        Some("__stage1") => {
            let network = match words.next().as_deref() {
                Some(mode) if mode == "host" => session::spec::NetworkMode::Host,
                // Whatever was meant, the stricter one is safe.
                _ => session::spec::NetworkMode::None,
            };
            match words.next().as_deref().and_then(std::ffi::OsStr::to_str).map(|word| (word, word.parse())) {
                Some(("-", _)) => init::stage1::run(network, None),
                Some((_, Ok(id))) => init::stage1::run(network, Some(id)),
                // Without the id that was meant the box would be the caller's own on the host.
                _ => 2,
            }
        }
        Some("__attack") => client::attack(words.next()),
        Some("__guard") => daemon::guard::run(words.collect()),
        Some("__daemon") => serve::run(words.collect()),
        _ => client::run(),
    };
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
