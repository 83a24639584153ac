//! Where users keep what must not come into a box.

use crate::launch::host::Host;
use std::path::Path;
use std::path::PathBuf;

/// Files and directories that hold credentials, relative to HOME. Tools are never bound from them, and the box masks
/// them when the workspace contains HOME.
pub const CREDENTIALS: &[&str] = &[
    ".ssh",
    ".aws",
    ".config/gh",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".docker",
    ".kube",
    ".gnupg",
    ".config/gcloud",
    ".azure",
    ".git-credentials",
    ".config/git/credentials",
    ".password-store",
    ".mozilla",
    ".config/google-chrome",
    ".local/share/keyrings",
    ".terraform.d",
    ".vault-token",
    ".config/op",
    ".config/coop",
];

/// Logins of the agents themselves. The box has its own copies of these directories (`[session] persist`), so they are
/// not masked, but an agent that is installed beside its login must not bring it along.
const AGENT_LOGINS: &[&str] = &[
    ".claude/.credentials.json",
    ".claude.json",
    ".codex/auth.json",
    ".gemini/oauth_creds.json",
    ".local/share/opencode/auth.json",
    ".aider/oauth-keys.env",
];

/// The paths of [`CREDENTIALS`] on one host, as written and where symlinks lead.
#[derive(Debug)]
pub struct Forbidden {
    credentials: Vec<PathBuf>,
    agent_logins: Vec<PathBuf>,
    coop_home: Vec<PathBuf>,
    /// The user's own settings: whoever writes there says what the next box may.
    settings: Vec<PathBuf>,
}

impl Forbidden {
    pub fn on(host: &Host) -> Self {
        let both = |path: PathBuf| {
            let real = path.canonicalize().ok().filter(|real| *real != path);
            std::iter::once(path).chain(real)
        };
        let under_home = CREDENTIALS.iter().map(|credential| host.home().join(credential));
        let named = ["GNUPGHOME", "CLOUDSDK_CONFIG", "DOCKER_CONFIG", "PASSWORD_STORE_DIR", "AWS_CONFIG_FILE"];
        let moved = named.iter().filter_map(|name| host.path_var(name)).map(Path::to_owned);
        // The directory and the file: either may be a link into a checkout of the user's dotfiles.
        let configs = host.config_home().join("coop");
        let configs = [configs.join("default.toml"), configs];
        let logins = AGENT_LOGINS.iter().map(|login| host.home().join(login));
        let settings = [host.home().join(".config/coop"), configs[1].clone(), configs[0].clone()];
        let homes = [host.coop_home.clone(), host.home().join(".coop")];
        Self {
            credentials: under_home.chain(moved).chain(configs).flat_map(both).collect(),
            agent_logins: logins.flat_map(both).collect(),
            coop_home: homes.into_iter().flat_map(both).collect(),
            settings: settings.into_iter().flat_map(both).collect(),
        }
    }

    /// What a box never shows, whatever lies around it. An agent's own login is not among it: in a workspace that
    /// contains HOME the agent would have none.
    pub fn hidden(&self) -> Vec<PathBuf> {
        self.credentials.iter().chain(&self.coop_home).cloned().collect()
    }

    /// Whether showing `path` would show a credential or coop's own directory, or a part of one.
    pub fn shows_secrets(&self, path: &Path) -> bool {
        self.credentials.iter().chain(&self.agent_logins).any(|secret| overlaps(path, secret)) || self.shows_coop(path)
    }

    /// Whether `path` is, or lies in, coop's own directory or the user's settings for it.
    pub fn is_coops(&self, path: &Path) -> bool {
        self.coop_home.iter().chain(&self.settings).any(|own| path.starts_with(own))
    }

    /// Whether `path` is, or lies in, a place where credentials are kept.
    pub fn is_credential(&self, path: &Path) -> bool {
        self.credentials.iter().any(|secret| path.starts_with(secret))
    }

    /// Whether showing `path` would show coop's own directory, or a part of it.
    pub fn shows_coop(&self, path: &Path) -> bool {
        self.coop_home.iter().any(|coop| overlaps(path, coop))
    }
}

fn overlaps(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}
