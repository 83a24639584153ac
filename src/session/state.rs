//! The life of a session's agent: running, restarting, exited; and when it is started again.

use crate::session::spec::RestartPolicy;
use crate::session::spec::RestartWhen;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl Exit {
    /// As a shell says it: the code, or 128 and the signal.
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            // Any number may come from an init that lies.
            Self::Signal(signal) => signal.saturating_add(128),
        }
    }

    fn is_failure(self) -> bool {
        self != Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}

/// What `ls` shows as a session's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Running,
    Restarting,
    Exited,
    /// Its directory is there, its processes are not (reboot, or the box's PID 1 was killed).
    Lost,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Lost => "lost",
        })
    }
}

/// An agent that ends this soon after its start counts as one that cannot start.
pub const TOO_SOON: Duration = Duration::from_secs(10);
/// So many ends in a row, each too soon, and it is not started again.
pub const CRASHES_MAX: u32 = 5;
/// What a restart on request gives the agent between SIGTERM and SIGKILL.
pub const RESTART_GRACE: Duration = Duration::from_secs(5);

/// The agent's state machine. Times are a monotonic clock's, from any fixed moment on.
#[derive(Debug)]
pub struct AgentLife {
    policy: RestartPolicy,
    phase: Phase,
    crashes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running {
        since: Duration,
    },
    /// Asked to end so that it can be started again; SIGKILL follows at `kill_at`.
    Stopping {
        kill_at: Duration,
    },
    Waiting {
        start_at: Duration,
    },
    /// A start is under way and its answer has not come.
    Starting,
    Ended {
        exit: Exit,
    },
}

/// What the owner of the state machine is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Start,
    Terminate,
    Kill,
    /// A line for everybody who is attached.
    Notice(String),
}

impl AgentLife {
    /// An agent that has just been started.
    pub fn started(policy: RestartPolicy, now: Duration) -> Self {
        Self { policy, phase: Phase::Running { since: now }, crashes: 0 }
    }

    /// An agent whose end an earlier daemon has already dealt with.
    pub fn ended(policy: RestartPolicy, exit: Exit) -> Self {
        Self { policy, phase: Phase::Ended { exit }, crashes: 0 }
    }

    pub fn state(&self) -> State {
        match self.phase {
            Phase::Running { .. } => State::Running,
            Phase::Stopping { .. } | Phase::Waiting { .. } | Phase::Starting => State::Restarting,
            Phase::Ended { .. } => State::Exited,
        }
    }

    pub fn exit(&self) -> Option<Exit> {
        match self.phase {
            Phase::Ended { exit } => Some(exit),
            _ => None,
        }
    }

    /// When [`AgentLife::on_time`] wants to be called.
    pub fn deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Stopping { kill_at } => Some(kill_at),
            Phase::Waiting { start_at } => Some(start_at),
            _ => None,
        }
    }

    pub fn on_started(&mut self, now: Duration) {
        self.phase = Phase::Running { since: now };
    }

    /// The program could not be started at all. Answers with a line for everybody who is attached.
    pub fn on_start_failed(&mut self, why: &str) -> String {
        self.phase = Phase::Ended { exit: Exit::Code(127) };
        format!("the agent could not be started: {why}")
    }

    pub fn on_exit(&mut self, exit: Exit, now: Duration) -> Vec<Effect> {
        let since = match self.phase {
            Phase::Running { since } => since,
            Phase::Stopping { .. } => {
                self.phase = Phase::Starting;
                return vec![Effect::Start];
            }
            _ => now,
        };
        let wanted = match self.policy.when {
            RestartWhen::Never => false,
            RestartWhen::OnFailure => exit.is_failure(),
            RestartWhen::Always => true,
        };
        self.crashes = if now.saturating_sub(since) < TOO_SOON { self.crashes + 1 } else { 0 };
        if !wanted {
            self.phase = Phase::Ended { exit };
            return Vec::new();
        }
        if self.crashes >= CRASHES_MAX {
            self.phase = Phase::Ended { exit };
            let seconds = TOO_SOON.as_secs();
            return vec![Effect::Notice(format!(
                "the agent {exit}, for the {CRASHES_MAX}th time within {seconds} s of its start: not started again \
                 (`coop restart` does)"
            ))];
        }
        let delay = Duration::from_millis(self.policy.delay_ms);
        self.phase = Phase::Waiting { start_at: now + delay };
        vec![Effect::Notice(format!("the agent {exit}; it starts again in {} ms", self.policy.delay_ms))]
    }

    pub fn on_time(&mut self, now: Duration) -> Vec<Effect> {
        match self.phase {
            Phase::Waiting { start_at } if start_at <= now => {
                self.phase = Phase::Starting;
                vec![Effect::Start]
            }
            Phase::Stopping { kill_at } if kill_at <= now => {
                // Once more if even that is not answered: the exit is what moves the machine on.
                self.phase = Phase::Stopping { kill_at: now + RESTART_GRACE };
                vec![Effect::Kill]
            }
            _ => Vec::new(),
        }
    }

    /// The user asked for a fresh agent.
    pub fn restart(&mut self, now: Duration) -> Vec<Effect> {
        self.crashes = 0;
        match self.phase {
            Phase::Running { .. } => {
                self.phase = Phase::Stopping { kill_at: now + RESTART_GRACE };
                vec![Effect::Notice("the agent is ended and started again on request".to_owned()), Effect::Terminate]
            }
            Phase::Waiting { .. } | Phase::Ended { .. } => {
                self.phase = Phase::Starting;
                vec![Effect::Start]
            }
            Phase::Stopping { .. } | Phase::Starting => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn life(when: RestartWhen) -> AgentLife {
        AgentLife::started(RestartPolicy { when, delay_ms: 1000 }, at(0))
    }

    #[test]
    fn a_failure_is_followed_by_a_restart_after_the_delay() {
        let mut life = life(RestartWhen::OnFailure);
        assert!(matches!(life.on_exit(Exit::Code(1), at(60))[..], [Effect::Notice(_)]));
        assert_eq!((life.state(), life.deadline()), (State::Restarting, Some(at(61))));
        assert!(life.on_time(at(60)).is_empty());
        assert_eq!(life.on_time(at(61)), [Effect::Start]);
        life.on_started(at(61));
        assert_eq!(life.state(), State::Running);
    }

    #[test]
    fn a_good_end_is_an_end_unless_always_is_asked_for() {
        let mut kept = life(RestartWhen::OnFailure);
        assert!(kept.on_exit(Exit::Code(0), at(60)).is_empty());
        assert_eq!((kept.state(), kept.exit()), (State::Exited, Some(Exit::Code(0))));
        let mut always = life(RestartWhen::Always);
        assert!(!always.on_exit(Exit::Code(0), at(60)).is_empty());
        let mut never = life(RestartWhen::Never);
        assert!(never.on_exit(Exit::Signal(9), at(60)).is_empty());
        assert_eq!(never.exit().map(Exit::shell_code), Some(137));
    }

    #[test]
    fn a_crash_loop_stops_with_a_word() {
        let mut life = life(RestartWhen::OnFailure);
        for n in 1..CRASHES_MAX {
            life.on_exit(Exit::Code(1), at(0));
            assert_eq!(life.state(), State::Restarting, "crash {n}");
            assert_eq!(life.on_time(at(1)), [Effect::Start]);
            life.on_started(at(0));
        }
        let effects = life.on_exit(Exit::Code(1), at(0));
        assert!(matches!(&effects[..], [Effect::Notice(text)] if text.contains("not started again")));
        assert_eq!(life.state(), State::Exited);
    }

    #[test]
    fn a_long_run_forgives_earlier_crashes() {
        let mut life = life(RestartWhen::OnFailure);
        for _ in 0..20 {
            life.on_exit(Exit::Code(1), at(30));
            life.on_time(at(31));
            life.on_started(at(0));
        }
        assert_ne!(life.state(), State::Exited);
    }

    #[test]
    fn a_restart_on_request_terminates_then_kills_then_starts() {
        let mut life = life(RestartWhen::Never);
        assert!(matches!(life.restart(at(5))[..], [Effect::Notice(_), Effect::Terminate]));
        assert_eq!(life.on_time(at(10)), [Effect::Kill]);
        assert_eq!(life.on_exit(Exit::Signal(9), at(10)), [Effect::Start]);
        life.on_started(at(10));
        assert_eq!(life.state(), State::Running);
    }

    #[test]
    fn an_ended_agent_is_started_by_a_restart() {
        let mut life = AgentLife::ended(RestartPolicy { when: RestartWhen::Never, delay_ms: 0 }, Exit::Code(3));
        assert_eq!(life.restart(at(0)), [Effect::Start]);
    }
}
