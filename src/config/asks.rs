//! What a project's Coopfile wants beyond what its user's own settings give. The file comes with a cloned repository,
//! so its owner sees this list once and says yes or no.

use crate::config::layer::EnvValue;
use crate::config::layer::HostPath;
use crate::config::layer::Layer;
use crate::config::layer::MountTarget;
use crate::config::limits::LimitsSaid;
use crate::config::settings::Config;
use crate::session::spec::NetworkMode;
use crate::session::spec::PersistScope;
use crate::text::printable;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;

/// One thing that a project wants. Shown as one line of at most [`Ask::WIDTH`] columns, with nothing in it that a
/// terminal would obey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Run this. `program` is `None` where only the arguments are the project's.
    Agent {
        program: Option<String>,
        args: Vec<String>,
    },
    Shell(String),
    Mount {
        host: HostPath,
        target: MountTarget,
    },
    /// Read this host variable, as the box's variable `seen_as`.
    HostVariable {
        name: String,
        seen_as: String,
    },
    /// Set a variable: any of them can run code (`BASH_ENV`, `NODE_OPTIONS`, `GIT_*`, `PATH`, `LD_*`, ...) or send the
    /// user's API keys elsewhere (`*_BASE_URL`, proxies), and no list of those is complete.
    Variable {
        name: String,
        value: EnvValue,
    },
    Network(NetworkMode),
    /// A directory outside of the project's own becomes the workspace.
    Workspace(HostPath),
    /// The workspace is laid over a directory of the box, which may hold programs.
    WorkspaceMount(PathBuf),
    /// Programs write to the clipboard of the user's terminal.
    Clipboard,
    /// Logins and settings of the user's other sessions are seen and changed.
    SharedPersist,
    /// One more directory that is shared with the user's other sessions.
    SharedPath(PathBuf),
    /// Programs make namespaces and mounts, with all the parts of the kernel that this opens to them.
    Nesting,
    /// More of the machine than the user's own settings give.
    Limit {
        key: &'static str,
        value: String,
    },
}

/// Lists what `project` (a Coopfile in the directory `project_dir`) wants and `mine`, the built-in and the user's own
/// layers, do not give.
pub fn asks(project: &Layer, project_dir: &Path, mine: &Config) -> Vec<Ask> {
    let mut wanted = commands(project, mine);
    wanted.extend(places(project, project_dir, mine));
    wanted.extend(variables(project, mine));
    if project.network == Some(NetworkMode::Host) && mine.network != NetworkMode::Host {
        wanted.push(Ask::Network(NetworkMode::Host));
    }
    if project.clipboard == Some(true) && !mine.terminals.clipboard {
        wanted.push(Ask::Clipboard);
    }
    wanted.extend(shared(project, mine));
    if project.nesting == Some(true) && !mine.nesting {
        wanted.push(Ask::Nesting);
    }
    let limits = said_over(project, mine).above(&mine.limits);
    wanted.extend(limits.into_iter().map(|(key, value)| Ask::Limit { key, value }));
    wanted
}

/// The limits that hold with the project's laid over the user's.
fn said_over(project: &Layer, mine: &Config) -> LimitsSaid {
    let (said, mine) = (&project.limits, mine.limits);
    LimitsSaid {
        memory: said.memory.unwrap_or(mine.memory),
        pids: said.pids.unwrap_or(mine.pids),
        cpus: said.cpus.unwrap_or(mine.cpus),
        disk: said.disk.unwrap_or(mine.disk),
        open_files: said.open_files.unwrap_or(mine.open_files),
    }
}

fn commands(project: &Layer, mine: &Config) -> Vec<Ask> {
    let program = project.agent_command.clone().filter(|program| mine.agent_command.as_ref() != Some(program));
    let args = project.agent_args.clone().filter(|args| *args != mine.agent_args);
    let mut wanted = Vec::new();
    if program.is_some() || args.is_some() {
        wanted.push(Ask::Agent { program, args: args.unwrap_or_default() });
    }
    wanted.extend(project.shell.clone().filter(|shell| *shell != mine.shell).map(Ask::Shell));
    wanted
}

fn places(project: &Layer, project_dir: &Path, mine: &Config) -> Vec<Ask> {
    let mut wanted = Vec::new();
    let elsewhere = |path: &HostPath| match path {
        HostPath::Home(_) => true,
        HostPath::At(at) => !at.starts_with(project_dir),
    };
    wanted.extend(project.workspace_path.clone().filter(elsewhere).map(Ask::Workspace));
    let mount = project.workspace_mount.clone().filter(|mount| *mount != mine.workspace_mount);
    wanted.extend(mount.map(Ask::WorkspaceMount));
    for (host, target) in project.mounts.iter().filter(|(host, target)| mine.mounts.get(host) != Some(target)) {
        wanted.push(Ask::Mount { host: host.clone(), target: target.clone() });
    }
    wanted
}

fn variables(project: &Layer, mine: &Config) -> Vec<Ask> {
    let mut wanted = Vec::new();
    for name in project.env_pass.iter().flatten().filter(|name| !mine.env_pass.contains(name)) {
        wanted.push(Ask::HostVariable { name: name.clone(), seen_as: name.clone() });
    }
    for (name, value) in project.env.iter().filter(|(name, value)| mine.env.get(*name) != Some(value)) {
        match value {
            EnvValue::FromHost(host) if host == name && mine.env_pass.contains(name) => {}
            EnvValue::FromHost(host) => {
                wanted.push(Ask::HostVariable { name: host.clone(), seen_as: name.clone() });
            }
            EnvValue::Literal(_) => wanted.push(Ask::Variable { name: name.clone(), value: value.clone() }),
        }
    }
    wanted
}

fn shared(project: &Layer, mine: &Config) -> Vec<Ask> {
    let mut wanted = Vec::new();
    let scope = project.persist_scope.unwrap_or(mine.persist_scope);
    if scope != PersistScope::User {
        return wanted;
    }
    if mine.persist_scope != PersistScope::User {
        wanted.push(Ask::SharedPersist);
    }
    let more = project.persist.iter().flatten().filter(|path| !mine.persist.contains(path));
    wanted.extend(more.cloned().map(Ask::SharedPath));
    wanted
}

impl Ask {
    /// Widest line in columns: fits 80 with a bullet before it.
    pub const WIDTH: usize = 75;

    fn line(&self) -> String {
        match self {
            Self::Agent { program: Some(program), args } => format!("run: {}", words(program, args)),
            Self::Agent { program: None, args } => format!("give your agent the arguments: {}", words("", args)),
            Self::Shell(shell) => format!("run as shell: {shell}"),
            Self::Mount { host, target } => {
                let access = if target.read_only { "read" } else { "read and change" };
                format!("{access} {host} (as {})", target.inside.display())
            }
            Self::HostVariable { name, seen_as } if name == seen_as => format!("read your variable {name}"),
            Self::HostVariable { name, seen_as } => format!("read your variable {name} (as {seen_as})"),
            Self::Variable { name, value: EnvValue::Literal(value) } if !names_a_secret(name) => {
                format!("set {name}={}", value.expose())
            }
            Self::Variable { name, .. } => format!("set {name} (value not shown)"),
            Self::Network(_) => "use your host's network, with everything it can reach".to_owned(),
            Self::Workspace(path) => format!("work in {path}"),
            Self::WorkspaceMount(path) => format!("lay the workspace over {} in the box", path.display()),
            Self::Clipboard => "change your terminal's clipboard".to_owned(),
            Self::SharedPersist => "share agent logins and settings with your other projects".to_owned(),
            Self::SharedPath(path) => format!("share ~/{} with your other projects", path.display()),
            Self::Nesting => "make namespaces and mounts of its own ([sandbox] nesting)".to_owned(),
            Self::Limit { key, value } => format!("have {value} as its limit of {key}"),
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shortened(&printable(&self.line()), Self::WIDTH))
    }
}

/// Such a value is the project's and not the user's, but a terminal may be watched.
fn names_a_secret(name: &str) -> bool {
    ["KEY", "TOKEN", "SECRET", "PASS"].iter().any(|part| name.to_ascii_uppercase().contains(part))
}

/// A command line with quotes where they show what belongs together.
fn words(program: &str, args: &[String]) -> String {
    let quoted = |word: &String| {
        let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&b));
        if plain && !word.is_empty() { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    let program = (!program.is_empty()).then(|| program.to_owned());
    let all: Vec<String> = program.iter().chain(args).map(quoted).collect();
    all.join(" ")
}

/// Cuts in the middle, so that the end of a long command, where the harm may stand, is still seen.
fn shortened(text: &str, width: usize) -> String {
    // Two columns for whatever is not ASCII: East Asian letters are that wide, and too short is never wrong.
    let columns = |c: &char| if c.is_ascii() { 1 } else { 2 };
    if text.chars().map(|c| columns(&c)).sum::<usize>() <= width {
        return text.to_owned();
    }
    const GAP: &str = " ... ";
    let half = (width - GAP.len()) / 2;
    let fitting = |chars: &mut dyn Iterator<Item = char>| {
        let mut used = 0;
        let mut kept = Vec::new();
        for c in chars {
            used += columns(&c);
            if used > half {
                break;
            }
            kept.push(c);
        }
        kept
    };
    let head: String = fitting(&mut text.chars()).into_iter().collect();
    let tail: String = fitting(&mut text.chars().rev()).into_iter().rev().collect();
    format!("{head}{GAP}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(project: &str, mine: &str) -> Vec<String> {
        let mine = Layer::parse(Path::new("/home/u/.config/coop/default.toml"), mine).unwrap();
        let project = Layer::parse(Path::new("/p/coop.toml"), project).unwrap();
        let list = asks(&project, Path::new("/p"), &Config::resolve(&[mine]));
        list.iter().map(Ask::to_string).collect()
    }

    #[test]
    fn a_project_that_wants_nothing_more_asks_nothing() {
        let harmless = "
            [workspace]
            path = 'sub'
            [network]
            mode = 'none'
            [session]
            persist = ['.claude', '.cache/x']
            auto_restart = false
            detach_key = 'ctrl-b'
        ";
        assert_eq!(asked(harmless, ""), Vec::<String>::new());
        assert_eq!(
            asked("env_pass = ['OPENAI_API_KEY']\n[env]\nXAI_API_KEY = '$XAI_API_KEY'", ""),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_the_user_already_gives_is_not_asked() {
        let same = "[env]\nA = '1'\n[agent]\ncommand = 'claude'\nargs = ['-x']\n[mounts]\n'/d' = '/d'";
        assert_eq!(asked(same, same), Vec::<String>::new());
        assert_eq!(asked("[mounts]\n'/d' = '/d'", "[mounts]\n'/d' = '/d:ro'"), ["read and change /d (as /d)"]);
    }

    #[test]
    fn everything_more_is_one_line_each() {
        let greedy = "
            env_pass = ['AWS_SECRET_ACCESS_KEY']
            [agent]
            command = './run me'
            args = ['--yes', '']
            [workspace]
            path = '../..'
            mount = '/usr'
            [env]
            NODE_OPTIONS = '-r ./x.js'
            MY_KEY = 'abc'
            X = '$GITHUB_TOKEN'
            [mounts]
            '~/.ssh' = '/ssh:ro'
            [network]
            mode = 'host'
            [session]
            shell = '/p/sh'
            persist_scope = 'user'
            persist = ['.claude', '.bashrc']
            [sandbox]
            nesting = true
            [limits]
            memory = '100%'
            pids = 100
            cpus = 1.5
            open_files = 100000
        ";
        let expected = [
            "run: './run me' --yes ''",
            "run as shell: /p/sh",
            "work in /",
            "lay the workspace over /usr in the box",
            "read ~/.ssh (as /ssh)",
            "read your variable AWS_SECRET_ACCESS_KEY",
            "set MY_KEY (value not shown)",
            "set NODE_OPTIONS=-r ./x.js",
            "read your variable GITHUB_TOKEN (as X)",
            "use your host's network, with everything it can reach",
            "share agent logins and settings with your other projects",
            "share ~/.bashrc with your other projects",
            "make namespaces and mounts of its own ([sandbox] nesting)",
            "have 100% as its limit of memory",
            "have 100000 as its limit of open_files",
        ];
        assert_eq!(asked(greedy, "[network]\nmode = 'none'"), expected);
    }

    #[test]
    fn a_line_is_short_and_shows_its_end() {
        let long = format!("[env]\nA = \"{}\\u001b[2J\\u202eevil\"", "日本x".repeat(100));
        let line = &asked(&long, "")[0];
        assert!(line.chars().count() <= Ask::WIDTH, "{line}");
        assert!(line.starts_with("set A=日") && line.ends_with("\\u{1b}[2J\\u{202e}evil"), "{line}");
    }
}
