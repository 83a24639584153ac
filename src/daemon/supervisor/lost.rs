//! Sessions of which only their directories are left.

use crate::daemon::create;
use crate::daemon::supervisor::Supervisor;
use crate::name::SessionName;
use crate::proto::door::Clients;
use crate::proto::door::Row;
use crate::session::spec::AgentSource;
use crate::session::spec::DetachKey;
use crate::session::spec::SessionSpec;
use crate::session::state::State;
use std::io;
use std::path::PathBuf;

impl Supervisor {
    /// Directories with a session file and no init.
    pub(super) fn lost(&self) -> io::Result<Vec<Row>> {
        let entries = match std::fs::read_dir(self.home.sessions()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut rows = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_str().and_then(|name| name.parse::<SessionName>().ok());
            let Some(name) = name.filter(|name| !self.sessions.contains_key(name)) else { continue };
            match create::read_session_file(&entry.path()) {
                Ok(Some(spec)) => rows.push(row(SessionSpec { name, ..spec })),
                Ok(None) => {}
                // Listed all the same: `coop kill` says what is wrong with it, and with `--forget` removes it.
                Err(_) => rows.push(unreadable(name, entry.path())),
            }
        }
        Ok(rows)
    }
}

fn row(spec: SessionSpec) -> Row {
    Row {
        workspace: spec.workspace,
        created: spec.created_unix_s,
        agent_given: spec.agent_source == AgentSource::CommandLine,
        agent: spec.agent,
        detach_key: spec.detach_key,
        network: Some(spec.network),
        ..unreadable(spec.name, PathBuf::new())
    }
}

/// Nobody knows whose it was; its own directory is all there is.
fn unreadable(name: SessionName, directory: PathBuf) -> Row {
    Row {
        name,
        workspace: directory,
        state: State::Lost,
        activity: None,
        silent: false,
        exit_code: None,
        pid: None,
        ptys: Vec::new(),
        clients: Clients::default(),
        created: 0,
        agent_given: false,
        agent: Vec::new(),
        detach_key: DetachKey::DEFAULT,
        network: None,
    }
}
