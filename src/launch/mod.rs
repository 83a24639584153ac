//! From what the user typed and what the Coopfiles say to the two specs that make a session. Reads the host's files and
//! environment, once and in the client, so that the daemon and the init need neither.

pub mod agent;
pub mod coopfile;
pub mod credentials;
pub mod environment;
pub mod error;
pub mod git_dirs;
pub mod git_identity;
pub mod host;
pub mod install;
pub mod limits;
pub mod mounts;
pub mod tools;
pub mod trust;
pub mod workspace;

use crate::config::settings::Config;
use crate::launch::agent::Agent;
use crate::launch::agent::Surroundings;
use crate::launch::coopfile::Coopfiles;
use crate::launch::credentials::Forbidden;
use crate::launch::environment::Environment;
use crate::launch::error::LaunchError;
use crate::launch::error::shown;
use crate::launch::host::Host;
use crate::launch::host::utf8;
use crate::launch::tools::Tools;
use crate::name::SessionName;
use crate::session::spec::BoxSpec;
use crate::session::spec::PersistScope;
use crate::session::spec::SessionSpec;
use std::path::PathBuf;

/// What the command line says about a new session.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// `-w DIR`
    pub workspace: Option<PathBuf>,
    /// `-n NAME`
    pub name: Option<SessionName>,
    /// `-- CMD ARGS...`; empty when there is none.
    pub command: Vec<String>,
    /// `--config PATH`
    pub user_config: Option<PathBuf>,
}

/// A session that can be asked for.
#[derive(Clone, Debug)]
pub struct Launch {
    pub session: SessionSpec,
    pub boxed: BoxSpec,
    /// One line each, for the user. No secret and nothing that a terminal would obey is in them.
    pub notes: Vec<String>,
}

/// Works out the session that `wishes` describe on `host`.
pub fn plan(wishes: &Wishes, host: &Host) -> Result<Launch, LaunchError> {
    let project_dir = workspace::workspace_of(wishes.workspace.as_deref(), host)?;
    let files = Coopfiles::read(&project_dir, wishes.user_config.as_deref(), host)?;
    if let Some(state) = files.trust(host).filter(|state| !state.trusted) {
        return Err(LaunchError::Untrusted(state));
    }
    let workspace = files.workspace(wishes, host)?;
    assemble(&files, wishes, workspace, host)
}

fn assemble(files: &Coopfiles, wishes: &Wishes, workspace: PathBuf, host: &Host) -> Result<Launch, LaunchError> {
    let own = Config::resolve(std::slice::from_ref(&files.user));
    let config = &Config::resolve(&files.layers());
    let mut notes: Vec<String> = workspace::note(&workspace, host).into_iter().collect();
    let forbidden = Forbidden::on(host);
    let environment = Environment::gather(config, host, &mut notes);
    // A project may set PATH, but what of the host is shown because it is on PATH follows the user's own.
    let own_environment = Environment::gather(&own, host, &mut Vec::new());
    let certificates = own_environment.certificates();
    let mut tools = Tools::gather(own_environment.path(), &certificates, &workspace, &forbidden, host);
    let mut around = Surroundings { workspace: &workspace, tools: &mut tools, environment: &environment, own: &own };
    let agent = Agent::choose(config, &wishes.command, &mut around, host)?;
    around.check_shell(config)?;
    notes.extend(agent.note.clone());
    let mounts = mounts::of(config, &files.project_dir, &workspace, &forbidden, host)?;
    let git_dirs = utf8_only(git_dirs::of(&workspace, &forbidden, &mut notes), &mut notes);
    let hidden = forbidden.hidden().into_iter().map(|path| utf8("what must be hidden,", path));
    let (persist, shared) = match config.persist_scope {
        PersistScope::Session => (config.persist.clone(), Vec::new()),
        PersistScope::User => (Vec::new(), outermost(&config.persist)),
    };
    let session = SessionSpec {
        name: wishes.name.clone().unwrap_or_else(|| workspace::name_or_fallback(&workspace)),
        workspace: workspace.clone(),
        restart: agent.restart(config.restart),
        agent: agent.command,
        agent_source: agent.source,
        shell: vec![config.shell.clone()],
        network: config.network,
        detach_key: config.detach_key,
        terminals: config.terminals,
        persist,
        created_unix_s: 0,
        host_id: None,
        not_held: Vec::new(),
    };
    let boxed = BoxSpec {
        user: host.user.clone(),
        workspace_mount: config.workspace_mount.clone(),
        network: config.network,
        mounts,
        tools: utf8_only(tools.into_paths(), &mut notes),
        git_dirs,
        hidden: hidden.collect::<Result<_, _>>()?,
        shared,
        env: environment.into_pairs(),
        git_identity: git_identity::of(&workspace, host),
        nesting: config.nesting,
        limits: limits::of(&config.limits, &workspace)?,
        workspace,
    };
    Ok(Launch { session, boxed, notes })
}

/// What is shown for convenience is left out where no message could name it.
fn utf8_only(mut paths: Vec<PathBuf>, notes: &mut Vec<String>) -> Vec<PathBuf> {
    paths.retain(|path| {
        let fits = path.to_str().is_some();
        if !fits {
            notes.push(format!("{} is not shown in the box: its path is not UTF-8", shown(path)));
        }
        fits
    });
    paths
}

/// The paths that lie in no other of them: each is a mount, and an outer one brings what is in it.
fn outermost(paths: &[PathBuf]) -> Vec<PathBuf> {
    let inner = |path: &PathBuf| paths.iter().any(|other| path != other && path.starts_with(other));
    paths.iter().filter(|path| !inner(path)).cloned().collect()
}

#[cfg(test)]
mod tests;
