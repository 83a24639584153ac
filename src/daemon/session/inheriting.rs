//! What an earlier daemon has left: terminals, ends that nobody has dealt with, clients that may come back.

use crate::daemon::session::Audience;
use crate::daemon::session::Session;
use crate::daemon::session::ending::Killing;
use crate::daemon::terminal::Order;
use crate::name::PtyId;
use crate::proto::control::PTYS_MAX;
use crate::proto::control::Program;
use crate::proto::control::Report;
use crate::session::state::AgentLife;
use crate::session::state::Exit;
use std::time::Duration;
use std::time::Instant;

/// How long a client of a daemon that died has to come back for the exit code of its shell. It looks for the next daemon
/// several times a second.
const RETURN: Duration = Duration::from_secs(10);

impl Session {
    /// Rebuilds the state from what the init says; returns the ends that no daemon has dealt with.
    pub(super) fn take_over(&mut self, report: Report) -> Vec<(PtyId, Exit, u64)> {
        self.next_pty = self.next_pty.max(report.next_pty);
        let mut unattended = Vec::new();
        let is_ending = report.ending;
        // An honest one reports no more than it starts.
        for report in report.ptys.into_iter().take(PTYS_MAX) {
            let pty = self.add_pty(report.pty, &report.argv);
            pty.audience = Audience::Returning;
            let Program::Ended { exit, acknowledged, ran_ms } = report.program else { continue };
            if acknowledged || report.pty != PtyId::AGENT {
                pty.exit = Some(exit);
                pty.head_at_exit = report.head;
                pty.terminal.order(Order::Ended { exit, head: report.head });
                if report.pty == PtyId::AGENT {
                    self.life = AgentLife::ended(self.spec.restart, exit);
                }
            } else {
                // It ended while nobody looked: its life began so long before now.
                let since = Duration::from_millis(ran_ms);
                self.born = Instant::now().checked_sub(since).unwrap_or_else(Instant::now);
                self.life = AgentLife::started(self.spec.restart, Duration::ZERO);
                unattended.push((report.pty, exit, report.head));
            }
        }
        // Only here, for the agent may have set back what this actor's time counts from.
        let now = self.now();
        self.returning_until = Some(now + RETURN);
        self.killing = is_ending.then(|| Killing::of_an_earlier_daemon(now));
        unattended
    }

    /// Clients of an earlier daemon have had their time: shells that have ended meanwhile are over.
    pub(super) async fn give_up_on_absent(&mut self) {
        let mut over = Vec::new();
        for (&id, pty) in self.ptys.iter_mut().filter(|(_, pty)| pty.audience == Audience::Returning) {
            pty.audience = Audience::Known;
            if id != PtyId::AGENT && pty.exit.is_some() && pty.terminal.counts.all() == 0 {
                over.push(id);
            }
        }
        for id in over {
            self.close(id).await;
        }
    }
}
