//! What lists say of a session.

use crate::daemon::session::Pty;
use crate::daemon::session::Session;
use crate::name::PtyId;
use crate::proto::door::Clients;
use crate::proto::door::PtyRow;
use crate::proto::door::Row;
use crate::session::spec::AgentSource;
use crate::session::state::Exit;
use crate::term::activity::Activity;
use std::sync::atomic::Ordering;

impl Session {
    pub(super) fn row(&self) -> Row {
        let mut clients = Clients::default();
        for pty in self.ptys.values() {
            clients.local += pty.terminal.counts.local.load(Ordering::Relaxed);
            clients.view += pty.terminal.counts.view.load(Ordering::Relaxed);
        }
        let pty_row = |(&id, pty): (&PtyId, &Pty)| PtyRow {
            id,
            command: pty.argv.clone(),
            running: pty.exit.is_none(),
            exit_code: pty.exit.map(Exit::shell_code),
            activity: activity_of(pty),
        };
        Row {
            name: self.spec.name.clone(),
            workspace: self.spec.workspace.clone(),
            state: self.life.state(),
            activity: self.ptys.get(&PtyId::AGENT).and_then(activity_of),
            silent: false,
            exit_code: self.life.exit().map(Exit::shell_code),
            pid: Some(self.pid),
            ptys: self.ptys.iter().map(pty_row).collect(),
            clients,
            created: self.spec.created_unix_s,
            agent: self.spec.agent.clone(),
            agent_given: self.spec.agent_source == AgentSource::CommandLine,
            detach_key: self.spec.detach_key,
            network: Some(self.spec.network),
        }
    }
}

fn activity_of(pty: &Pty) -> Option<Activity> {
    Some(pty.terminal.activity.borrow().clone()).filter(|activity| *activity != Activity::Unknown)
}
