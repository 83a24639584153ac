//! A Coopfile of a cloned repository, read before anybody trusts it: every error names file and line and is safe to
//! print; what is accepted is within its bounds; and a file that asks for nothing gets nothing.
#![no_main]

use coop::config::asks::Ask;
use coop::config::asks::asks;
use coop::config::error::ConfigError;
use coop::config::layer::EnvValue;
use coop::config::layer::HostPath;
use coop::config::layer::Layer;
use coop::config::settings::Config;
use coop::config::settings::RESTART_DELAY_MAX_MS;
use coop::session::spec::NetworkMode;
use coop::session::spec::PersistScope;
use libfuzzer_sys::fuzz_target;
use std::path::Component;
use std::path::Path;

const MINE: &str = "/home/u/.config/coop/default.toml";
const PROJECT: &str = "/p/q/coop.toml";
const PROJECT_DIR: &str = "/p/q";

/// The user's own file, a NUL, the project's file. Without a NUL all is the project's.
fn run(text: &str) {
    let (mine, project) = text.split_once('\0').unwrap_or(("", text));
    let (Some(mine), Some(project)) = (parsed(MINE, mine), parsed(PROJECT, project)) else { return };
    let before = Config::resolve(std::slice::from_ref(&mine));
    let after = Config::resolve(&[mine, project.clone()]);
    check_bounds(&before);
    check_bounds(&after);
    let wanted = asks(&project, Path::new(PROJECT_DIR), &before);
    wanted.iter().for_each(check_line);
    if wanted.is_empty() {
        check_nothing_more(&before, &after);
    }
}

fn parsed(origin: &str, text: &str) -> Option<Layer> {
    match Layer::parse(Path::new(origin), text) {
        Ok(layer) => {
            assert_eq!(layer.clone().over(layer.clone()), layer);
            Some(layer)
        }
        Err(error) => {
            check_error(&error, origin, text);
            None
        }
    }
}

fn check_error(error: &ConfigError, origin: &str, text: &str) {
    assert!(!error.problems.is_empty());
    let lines = text.matches('\n').count() + 1;
    for problem in &error.problems {
        assert_eq!(problem.file, Path::new(origin));
        assert!((1..=lines).contains(&problem.line) && problem.column >= 1 && !problem.reason.is_empty());
    }
    let shown = error.to_string();
    assert_eq!(shown.lines().count(), error.problems.len(), "{shown}");
    for (line, problem) in shown.lines().zip(&error.problems) {
        assert!(line.starts_with(&format!("{origin}:{}:{}: ", problem.line, problem.column)), "{line}");
        assert!(is_harmless(line), "{line:?}");
    }
}

fn check_line(ask: &Ask) {
    let line = ask.to_string();
    assert!(line.chars().count() <= Ask::WIDTH && is_harmless(&line), "{line:?}");
}

fn is_harmless(line: &str) -> bool {
    !line.chars().any(|c| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'))
}

fn check_bounds(config: &Config) {
    let in_box = |path: &Path| path.is_absolute() && path != Path::new("/") && is_plain(path);
    assert!(in_box(&config.workspace_mount));
    assert!(config.mounts.values().all(|target| in_box(&target.inside)));
    assert!(config.persist.iter().all(|path| path.is_relative() && path != Path::new("") && is_plain(path)));
    assert!((1..0x20).contains(&config.detach_key.0));
    assert!(config.restart.delay_ms <= RESTART_DELAY_MAX_MS);
    assert!(config.env.keys().chain(&config.env_pass).all(|name| !name.is_empty() && !name.contains(['=', '\0'])));
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| !matches!(part, Component::ParentDir | Component::CurDir))
        && !path.as_os_str().as_encoded_bytes().contains(&0)
}

/// The project was not asked about, so the box shows, runs and reaches no more than the user's own settings give.
fn check_nothing_more(before: &Config, after: &Config) {
    let command = |config: &Config| (config.agent_command.clone(), config.agent_args.clone(), config.shell.clone());
    assert_eq!(command(before), command(after));
    assert_eq!((&before.workspace_mount, &before.mounts), (&after.workspace_mount, &after.mounts));
    assert!(after.network == NetworkMode::None || before.network == NetworkMode::Host);
    assert!(after.env_pass.iter().all(|name| before.env_pass.contains(name)));
    for (name, value) in &after.env {
        let passed = *value == EnvValue::FromHost(name.clone()) && before.env_pass.contains(name);
        assert!(passed || before.env.get(name) == Some(value), "{name}");
    }
    match &after.workspace_path {
        Some(HostPath::At(path)) if path.starts_with(PROJECT_DIR) => {}
        other => assert_eq!(*other, before.workspace_path),
    }
    if after.persist_scope == PersistScope::User {
        assert_eq!(before.persist_scope, PersistScope::User);
        assert!(after.persist.iter().all(|path| before.persist.contains(path)));
    }
}

fuzz_target!(|text: &str| run(text));
