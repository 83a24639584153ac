//! The environment of programs in the box: a list of what may come in, and nothing else.

use crate::config::layer::EnvValue;
use crate::config::settings::Config;
use crate::launch::host::Host;
use crate::name::Secret;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;

/// Variables that describe the user, their terminal and their taste, and hold no secret.
const ALLOWED: &[&str] = &[
    "COLORTERM",
    "LANG",
    "LANGUAGE",
    "TZ",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "LESS",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
];
/// Variables that name files with certificates of authorities: behind a company's proxy nothing works without.
const CERTIFICATES: &[&str] =
    &["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"];
/// What a shell assumes when PATH is not set, without the directories that only root needs.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// The terminal that nearly every outer terminal understands.
const TERM_DEFAULT: &str = "xterm-256color";

/// The whole environment of a box.
#[derive(Debug)]
pub struct Environment {
    values: BTreeMap<String, Secret>,
}

impl Environment {
    /// Later steps win: what the host is allowed to give, keys, then `[env]`.
    pub fn gather(config: &Config, host: &Host, notes: &mut Vec<String>) -> Self {
        let mut environment = Self { values: BTreeMap::new() };
        environment.take_allowed(host, notes);
        environment.set_own(config, host);
        environment.hand_over(config, host, notes);
        environment.set_configured(config, host, notes);
        environment
    }

    fn take_allowed(&mut self, host: &Host, notes: &mut Vec<String>) {
        let allowed = |name: &str| {
            name == "PATH"
                || name == "TERM"
                || name.starts_with("LC_")
                || ALLOWED.contains(&name)
                || CERTIFICATES.contains(&name)
        };
        for (name, value) in &host.env {
            let Some(name) = name.to_str().filter(|name| allowed(name)) else { continue };
            self.take(name, value, notes);
        }
    }

    /// `false` when the value is not UTF-8: the protocol's strings are, and a mangled value helps nobody.
    fn take(&mut self, name: &str, value: &OsStr, notes: &mut Vec<String>) -> bool {
        match value.to_str() {
            Some(text) => self.values.insert(name.to_owned(), Secret::new(text.to_owned())),
            None => {
                notes.push(format!("{name} is left out: its value is not UTF-8"));
                return false;
            }
        };
        true
    }

    fn set_own(&mut self, config: &Config, host: &Host) {
        let user = &host.user;
        let home = user.home.to_string_lossy();
        let mut own = vec![
            ("HOME", home.to_string()),
            ("USER", user.name.clone()),
            ("LOGNAME", user.name.clone()),
            ("SHELL", user.shell.to_string_lossy().into_owned()),
        ];
        // With this one directory holds all that Claude Code keeps; without, half of it lies in ~/.claude.json.
        if config.persist.iter().any(|path| path == Path::new(".claude")) {
            own.push(("CLAUDE_CONFIG_DIR", format!("{home}/.claude")));
        }
        for (name, value) in own {
            self.values.insert(name.to_owned(), Secret::new(value));
        }
        for (name, value) in [("PATH", PATH_DEFAULT), ("TERM", TERM_DEFAULT)] {
            let missing = self.values.get(name).is_none_or(|value| value.expose().is_empty());
            if missing {
                self.values.insert(name.to_owned(), Secret::new(value.to_owned()));
            }
        }
    }

    /// An empty variable counts as unset: agents take an empty key for a wrong one instead of asking for a login.
    fn hand_over(&mut self, config: &Config, host: &Host, notes: &mut Vec<String>) {
        let mut handed = Vec::new();
        for name in &config.env_pass {
            let Some(value) = host.var(name) else { continue };
            if !config.env.contains_key(name) && self.take(name, value, notes) {
                handed.push(name.as_str());
            }
        }
        if !handed.is_empty() {
            notes.push(format!("handed to the agent: {}", handed.join(", ")));
        }
    }

    fn set_configured(&mut self, config: &Config, host: &Host, notes: &mut Vec<String>) {
        for (name, value) in &config.env {
            match value {
                EnvValue::Literal(value) => {
                    self.values.insert(name.clone(), value.clone());
                }
                EnvValue::FromHost(variable) => match host.env.get(OsStr::new(variable)) {
                    Some(value) => {
                        self.take(name, value, notes);
                    }
                    None => notes.push(format!("env.{name} is left out: ${variable} is not set")),
                },
            }
        }
    }

    /// The PATH that programs in the box will have.
    pub fn path(&self) -> &str {
        self.values.get("PATH").map_or(PATH_DEFAULT, Secret::expose)
    }

    /// Files and directories that certificate variables name.
    pub fn certificates(&self) -> Vec<PathBuf> {
        let named = CERTIFICATES.iter().filter_map(|name| self.values.get(*name));
        named.map(|path| PathBuf::from(path.expose())).filter(|path| path.is_absolute()).collect()
    }

    pub fn into_pairs(self) -> Vec<(String, Secret)> {
        self.values.into_iter().collect()
    }
}
