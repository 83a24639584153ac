//! Which program the session runs.

use crate::config::settings::Config;
use crate::launch::environment::Environment;
use crate::launch::error::LaunchError;
use crate::launch::error::NOT_EXECUTABLE;
use crate::launch::host::Host;
use crate::launch::tools::Tools;
use crate::launch::tools::is_program;
use crate::session::spec::AgentSource;
use crate::session::spec::RestartPolicy;
use crate::session::spec::RestartWhen;
use std::path::Path;

/// What a program may be found in.
pub struct Surroundings<'a, 'host> {
    pub workspace: &'a Path,
    pub tools: &'a mut Tools<'host>,
    pub environment: &'a Environment,
    /// What the user's own layers say.
    pub own: &'a Config,
}

/// The agents that are looked for when none is named, in this order.
pub const KNOWN_AGENTS: &[&str] = &["claude", "codex", "gemini", "opencode", "aider"];

#[derive(Debug)]
pub struct Agent {
    /// Never empty.
    pub command: Vec<String>,
    pub source: AgentSource,
    pub note: Option<String>,
}

impl Agent {
    /// `asked` is `-- CMD ARGS...`; it comes before all else.
    pub fn choose(
        config: &Config,
        asked: &[String],
        around: &mut Surroundings<'_, '_>,
        host: &Host,
    ) -> Result<Self, LaunchError> {
        let path = around.environment.path();
        let with_args = |program: &str| [&[program.to_owned()], config.agent_args.as_slice()].concat();
        let (command, source, note) = if let Some(program) = asked.first() {
            around.check("--", program, config, true)?;
            (asked.to_vec(), AgentSource::CommandLine, None)
        } else if let Some(program) = &config.agent_command {
            around.check("agent.command", program, config, around.own.agent_command.as_ref() == Some(program))?;
            (with_args(program), AgentSource::Config, None)
        } else if let Some(agent) = KNOWN_AGENTS.iter().find(|name| around.tools.find(name, path).is_some()) {
            (with_args(agent), AgentSource::Found, None)
        } else {
            let looked_for = KNOWN_AGENTS.join(", ");
            let note = format!("no agent found on PATH (looked for {looked_for}): starting your shell");
            (vec![shell(around.tools, host)], AgentSource::Shell, Some(note))
        };
        Ok(Self { command, source, note })
    }

    /// A command of the command line runs once. A shell ends with the code of its last command, so its "failure" says
    /// nothing: it comes back only when everything does.
    pub fn restart(&self, configured: RestartPolicy) -> RestartPolicy {
        let when = match (self.source, configured.when) {
            (AgentSource::CommandLine, _) | (AgentSource::Shell, RestartWhen::OnFailure) => RestartWhen::Never,
            (_, when) => when,
        };
        RestartPolicy { when, ..configured }
    }
}

/// The user's shell where the box sees it, else the one that every system has.
fn shell(tools: &mut Tools<'_>, host: &Host) -> String {
    let shell = &host.user.shell;
    if tools.add(shell) { shell.to_string_lossy().into_owned() } else { "/bin/sh".to_owned() }
}

impl Surroundings<'_, '_> {
    /// `[session] shell` is found now or never: a session without a shell should not start and disappoint later.
    pub fn check_shell(&mut self, config: &Config) -> Result<(), LaunchError> {
        self.check("session.shell", &config.shell, config, self.own.shell == config.shell)
    }

    /// Whether the box will have `program`. One that the user named (`of_user`) is brought in with its installation; one
    /// that a project named must be seen already: running it was confirmed, showing a directory of the host was not.
    fn check(&mut self, key: &'static str, program: &str, config: &Config, of_user: bool) -> Result<(), LaunchError> {
        let path = Path::new(program);
        let file = self.workspace.join(path);
        let there = if !program.contains('/') {
            self.tools.find(program, self.environment.path()).is_some()
        } else if let Ok(below) = path.strip_prefix(&config.workspace_mount) {
            self.tools.has(&self.workspace.join(below))
        } else if config.mounts.values().any(|mount| path.starts_with(&mount.inside)) {
            // What a mount holds is seen only in the box.
            true
        } else if of_user {
            self.tools.add(&file)
        } else {
            self.tools.has(&file)
        };
        if there { Ok(()) } else { Err(self.why_not(key, program, config)) }
    }

    fn why_not(&self, key: &'static str, program: &str, config: &Config) -> LaunchError {
        let path = Path::new(program);
        let below = path.strip_prefix(&config.workspace_mount).unwrap_or(path);
        let file = self.workspace.join(below);
        let why = match file.metadata() {
            _ if !program.contains('/') => None,
            Ok(found) if found.is_dir() => Some("it is a directory"),
            Ok(_) if !is_program(&file) => Some(NOT_EXECUTABLE),
            _ => None,
        };
        match why {
            Some(why) => LaunchError::NotRunnable { key, path: path.to_owned(), why },
            None => LaunchError::NoProgram { key, program: program.to_owned() },
        }
    }
}
