//! `coop`: attach to this workspace's session, start it again, or create it.

use crate::client::Context;
use crate::client::args::Open;
use crate::client::attach;
use crate::client::attach::Target;
use crate::client::connect;
use crate::client::connect::Daemon;
use crate::client::failure::BAD_ARGUMENTS;
use crate::client::failure::Failure;
use crate::client::find;
use crate::client::screen;
use crate::client::trust;
use crate::launch;
use crate::launch::Launch;
use crate::launch::Wishes;
use crate::launch::error::LaunchError;
use crate::launch::workspace;
use crate::name::PtyId;
use crate::name::SessionName;
use crate::name::WinSize;
use crate::proto::door::Create;
use crate::proto::door::Created;
use crate::proto::door::List;
use crate::proto::door::Restart;
use crate::proto::door::Role;
use crate::proto::door::Row;
use crate::session::state::State;
use crate::term::keys::DetachKeys;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

pub fn open(context: &Context, open: Open) -> Result<i32, Failure> {
    let directory = workspace::meant_by(open.workspace.as_deref(), context.config.as_deref(), &context.host)?;
    let mut daemon = context.daemon()?;
    let rows = connect::ask(context, &mut daemon, List {})?;
    let target = match existing(rows, &open, &directory)? {
        Some(row) => {
            revive(context, &mut daemon, &row, open.workspace.as_deref(), open.detach)?;
            Target::of(&row, PtyId::AGENT)
        }
        None => create(context, &mut daemon, &open)?,
    };
    if open.detach {
        writeln!(io::stdout().lock(), "{}", target.session).map_err(Failure::cannot("write to standard output"))?;
        return Ok(0);
    }
    attach::attach(context, daemon, target)
}

/// The session that is meant, if it is there; an error when what is asked for contradicts it.
fn existing(rows: Vec<Row>, open: &Open, directory: &Path) -> Result<Option<Row>, Failure> {
    let row = match &open.name {
        Some(name) => rows.into_iter().find(|row| row.name == *name),
        None => find::in_workspace(rows, directory)?,
    };
    let Some(row) = row else { return Ok(None) };
    let name = &row.name;
    if row.workspace != directory && open.name.is_some() {
        let text = format!("session {name} belongs to {}", row.workspace.display());
        return Err(Failure::new(BAD_ARGUMENTS, text).hinted(format!("`coop attach {name}`, or choose another name")));
    }
    if !open.command.is_empty() && (open.name.is_some() || row.agent != open.command) {
        let text = format!("there is a session {name} here already, so `-- CMD` cannot be its agent");
        let hint = format!("`coop attach {name}`, `coop kill {name}`, or -n with a new name");
        return Err(Failure::new(BAD_ARGUMENTS, text).hinted(hint));
    }
    Ok(Some(row))
}

/// Starts what has ended or was lost. The settings of a lost session are those of the directory that the caller means, if
/// it is the session's: a Coopfile may lie above the workspace that it names.
pub fn revive(
    context: &Context,
    daemon: &mut Daemon,
    row: &Row,
    from: Option<&Path>,
    detach: bool,
) -> Result<(), Failure> {
    match row.state {
        State::Running | State::Restarting => Ok(()),
        State::Exited => {
            context.note(&format!("session {} had ended: its agent is started again", row.name));
            daemon.call(Restart { session: row.name.clone() })
        }
        State::Lost => {
            context.note(&format!("session {} was lost: it is started again on what it had written", row.name));
            let agent = if row.agent_given { row.agent.clone() } else { Vec::new() };
            let meant = workspace::meant_by(from, context.config.as_deref(), &context.host);
            let from = if meant.is_ok_and(|meant| meant == row.workspace) { from } else { Some(&*row.workspace) };
            let launch = plan(context, from, Some(row.name.clone()), agent)?;
            send(context, daemon, launch, false, first_size(detach)).map(drop)
        }
    }
}

fn create(context: &Context, daemon: &mut Daemon, open: &Open) -> Result<Target, Failure> {
    let launch = plan(context, open.workspace.as_deref(), open.name.clone(), open.command.clone())?;
    let (pty, detach_key) = (PtyId::AGENT, launch.session.detach_key);
    let session = send(context, daemon, launch, open.name.is_none(), first_size(open.detach))?;
    if !open.detach {
        let key = DetachKeys::new(detach_key).describe();
        context.note(&format!("session {session} is new; {key} d detaches, {key} ? shows the keys"));
    }
    Ok(Target { session, pty, role: Role::Terminal, detach_key, end_of_input: None, is_new: true })
}

/// The size that a terminal begins with: that of whoever comes to it at once.
fn first_size(detach: bool) -> WinSize {
    if detach { WinSize::DEFAULT } else { screen::size() }
}

fn send(
    context: &Context,
    daemon: &mut Daemon,
    launch: Launch,
    renameable: bool,
    size: WinSize,
) -> Result<SessionName, Failure> {
    let Launch { session, boxed, .. } = launch;
    let Created { name, taken_from, not_held, .. } = daemon.call(Create { session, boxed, size, renameable })?;
    if !not_held.is_empty() {
        let what: Vec<&str> = not_held.iter().map(|one| one.what.as_str()).collect();
        context.note(&format!("not held on this machine: {} (`coop status`)", what.join(", ")));
    }
    if let Some(workspace) = taken_from {
        let workspace = workspace.display();
        context.note(&format!("session {name} takes over what the last one of this name, of {workspace}, had kept"));
    }
    Ok(name)
}

/// Works out the session; asks for trust where a project wants more than its user's own settings give.
fn plan(
    context: &Context,
    workspace: Option<&Path>,
    name: Option<SessionName>,
    command: Vec<String>,
) -> Result<Launch, Failure> {
    let wishes =
        Wishes { workspace: workspace.map(Path::to_owned), name, command, user_config: context.config.clone() };
    let launch = match launch::plan(&wishes, &context.host) {
        Err(LaunchError::Untrusted(state)) => {
            trust::confirm(&state)?;
            launch::plan(&wishes, &context.host)?
        }
        other => other?,
    };
    refuse_visible_socket(context, &launch)?;
    launch.notes.iter().for_each(|note| context.note(note));
    Ok(launch)
}

/// coop's own directory is masked in every box; a socket that lies elsewhere must not be in what the box sees.
fn refuse_visible_socket(context: &Context, launch: &Launch) -> Result<(), Failure> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let socket = real(context.home.socket());
    let boxed = &launch.boxed;
    let mounts = boxed.mounts.iter().map(|mount| mount.host.as_path());
    let shown = mounts.chain(boxed.tools.iter().map(PathBuf::as_path)).chain([boxed.workspace.as_path()]);
    let base = ["/usr", "/etc", "/opt", "/nix"].map(Path::new);
    let is_seen = shown.chain(base).any(|host| socket.starts_with(real(host)));
    if is_seen && !socket.starts_with(real(context.home.root())) {
        let text =
            format!("the daemon's socket {} would be seen in the box, which could then leave it", socket.display());
        return Err(Failure::new(BAD_ARGUMENTS, text)
            .hinted("choose another --socket, outside of the workspace and its mounts"));
    }
    Ok(())
}
