//! The settings that hold: every layer merged, every default filled in.

use crate::config::layer::EnvValue;
use crate::config::layer::HostPath;
use crate::config::layer::Layer;
use crate::config::layer::MountTarget;
use crate::config::limits::LimitsSaid;
use crate::session::spec::DetachKey;
use crate::session::spec::NetworkMode;
use crate::session::spec::PersistScope;
use crate::session::spec::RestartPolicy;
use crate::session::spec::RestartWhen;
use crate::session::spec::TerminalPolicy;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The variables that the known agents read their API keys and service addresses from, by the agents' own manuals.
pub const ENV_PASS_DEFAULT: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "OPENROUTER_API_KEY",
    "DEEPSEEK_API_KEY",
    "MISTRAL_API_KEY",
    "GROQ_API_KEY",
    "XAI_API_KEY",
];

/// Where the known agents keep logins, settings and history, relative to HOME. Claude Code keeps `~/.claude.json`
/// beside its directory unless `CLAUDE_CONFIG_DIR` names the directory, so that variable is set (`launch`).
pub const PERSIST_DEFAULT: &[&str] =
    &[".claude", ".codex", ".gemini", ".config/opencode", ".local/share/opencode", ".local/state/opencode", ".aider"];

pub const WORKSPACE_MOUNT_DEFAULT: &str = "/workspace";
pub const SHELL_DEFAULT: &str = "/bin/sh";
pub const RESTART_DELAY_DEFAULT_MS: u64 = 1000;
/// An hour: longer than any rate limit that a wait before a restart is meant for.
pub const RESTART_DELAY_MAX_MS: u64 = 3_600_000;

/// More than the output ring ever holds.
pub const REPLAY_LINES_MAX: u32 = 100_000;

/// All settings of one session. `None` here has a meaning of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `None`: the first known agent on PATH.
    pub agent_command: Option<String>,
    pub agent_args: Vec<String>,
    pub workspace_mount: PathBuf,
    /// `None`: the directory that `-w` names, or the current one.
    pub workspace_path: Option<HostPath>,
    pub env_pass: Vec<String>,
    pub env: BTreeMap<String, EnvValue>,
    pub mounts: BTreeMap<HostPath, MountTarget>,
    pub network: NetworkMode,
    pub persist: Vec<PathBuf>,
    pub persist_scope: PersistScope,
    pub restart: RestartPolicy,
    pub shell: String,
    pub detach_key: DetachKey,
    pub terminals: TerminalPolicy,
    pub nesting: bool,
    pub limits: LimitsSaid,
}

impl Config {
    /// Merges `layers`, the first being the lowest, over the built-in defaults.
    pub fn resolve(layers: &[Layer]) -> Self {
        let said = layers.iter().cloned().fold(Layer::default(), |below, layer| layer.over(below));
        let terminals = TerminalPolicy::default();
        Self {
            agent_command: said.agent_command,
            agent_args: said.agent_args.unwrap_or_default(),
            workspace_mount: said.workspace_mount.unwrap_or_else(|| WORKSPACE_MOUNT_DEFAULT.into()),
            workspace_path: said.workspace_path,
            env_pass: said.env_pass.unwrap_or_else(|| owned(ENV_PASS_DEFAULT)),
            env: said.env,
            mounts: said.mounts,
            network: said.network.unwrap_or(NetworkMode::Host),
            persist: said.persist.unwrap_or_else(|| owned(PERSIST_DEFAULT)),
            persist_scope: said.persist_scope.unwrap_or(PersistScope::Session),
            restart: RestartPolicy {
                when: said.auto_restart.unwrap_or(RestartWhen::OnFailure),
                delay_ms: said.restart_delay_ms.unwrap_or(RESTART_DELAY_DEFAULT_MS),
            },
            shell: said.shell.unwrap_or_else(|| SHELL_DEFAULT.to_owned()),
            detach_key: said.detach_key.unwrap_or(DetachKey::DEFAULT),
            terminals: TerminalPolicy {
                replay_lines: said.replay_lines.unwrap_or(terminals.replay_lines),
                size: said.size.unwrap_or(terminals.size),
                clipboard: said.clipboard.unwrap_or(terminals.clipboard),
            },
            nesting: said.nesting.unwrap_or(false),
            limits: said.limits.resolve(),
        }
    }
}

fn owned<T: From<&'static str>>(words: &[&'static str]) -> Vec<T> {
    words.iter().map(|&word| T::from(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Secret;
    use proptest::collection::btree_map;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    fn layer() -> impl Strategy<Value = Layer> {
        let env = btree_map("[A-C]", "[a-z]{0,2}".prop_map(|v| EnvValue::Literal(Secret::new(v))), 0..3);
        let mount =
            ("/[x-z]", any::<bool>()).prop_map(|(inside, read_only)| MountTarget { inside: inside.into(), read_only });
        let mounts = btree_map("/[a-c]".prop_map(|p| HostPath::At(p.into())), mount, 0..3);
        let lists = (option::of(vec("[a-z]", 0..3)), option::of(vec("[A-Z]", 0..3)));
        (option::of("[a-z]"), lists, env, mounts, option::of(0..9u64)).prop_map(
            |(agent_command, (agent_args, env_pass), env, mounts, restart_delay_ms)| Layer {
                agent_command,
                agent_args,
                env_pass,
                env,
                mounts,
                restart_delay_ms,
                ..Layer::default()
            },
        )
    }

    proptest! {
        #[test]
        fn merging_is_associative(a in layer(), b in layer(), c in layer()) {
            let left = a.clone().over(b.clone()).over(c.clone());
            prop_assert_eq!(left, a.over(b.over(c)));
        }

        #[test]
        fn an_empty_layer_changes_nothing_on_either_side(a in layer()) {
            prop_assert_eq!(a.clone().over(Layer::default()), a.clone());
            prop_assert_eq!(Layer::default().over(a.clone()), a);
        }

        #[test]
        fn what_the_last_layer_says_holds_and_what_it_omits_stays(a in layer(), b in layer()) {
            let both = Config::resolve(&[a.clone(), b.clone()]);
            let first = Config::resolve(std::slice::from_ref(&a));
            prop_assert_eq!(both.agent_command, b.agent_command.or(a.agent_command));
            prop_assert_eq!(both.agent_args, b.agent_args.unwrap_or(first.agent_args));
            for (name, value) in &b.env {
                prop_assert_eq!(&both.env[name], value);
            }
            for (name, value) in a.env.iter().filter(|(name, _)| !b.env.contains_key(*name)) {
                prop_assert_eq!(&both.env[name], value);
            }
        }
    }

    #[test]
    fn without_a_coopfile_the_defaults_hold() {
        let config = Config::resolve(&[]);
        assert_eq!(config.workspace_mount, PathBuf::from("/workspace"));
        assert_eq!(config.network, NetworkMode::Host);
        assert_eq!(config.restart, RestartPolicy { when: RestartWhen::OnFailure, delay_ms: 1000 });
        assert_eq!(config.detach_key, DetachKey(0x1d));
        assert!(config.persist.contains(&PathBuf::from(".claude")));
        assert!(config.env_pass.contains(&"ANTHROPIC_API_KEY".to_owned()));
    }
}
