//! The agent's state machine under any sequence of events, honest or not: no panic, one state at a time, a way on.
#![no_main]

use arbitrary::Arbitrary;
use coop::session::spec::RestartPolicy;
use coop::session::spec::RestartWhen;
use coop::session::state::AgentLife;
use coop::session::state::CRASHES_MAX;
use coop::session::state::Effect;
use coop::session::state::Exit;
use coop::session::state::State;
use coop::session::state::TOO_SOON;
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

#[derive(Arbitrary, Debug)]
struct Story {
    when: u8,
    delay_ms: u64,
    found_ended: Option<i32>,
    events: Vec<Event>,
}

#[derive(Arbitrary, Debug)]
enum Event {
    Started,
    StartFailed,
    Code(i32),
    Signal(i32),
    Time,
    Deadline,
    Restart,
    Wait { ms: u16 },
    WaitLong { s: u32 },
}

fn run(story: &Story) {
    let when = [RestartWhen::Never, RestartWhen::OnFailure, RestartWhen::Always][usize::from(story.when) % 3];
    let policy = RestartPolicy { when, delay_ms: story.delay_ms };
    let mut now = Duration::ZERO;
    let mut life = match story.found_ended {
        Some(code) => AgentLife::ended(policy, Exit::Code(code)),
        None => AgentLife::started(policy, now),
    };
    // Starts that nobody asked for, each soon after the last.
    let (mut starts, mut last_start) = (0, Duration::ZERO);
    for event in &story.events {
        let before = life.state();
        let effects = perform(&mut life, event, &mut now);
        check(&life, now, &effects);
        let was_asked = matches!(event, Event::Restart);
        if was_asked || matches!(event, Event::StartFailed) || now.saturating_sub(last_start) >= TOO_SOON {
            starts = 0;
        }
        if effects.contains(&Effect::Start) && !was_asked {
            starts += 1;
            last_start = now;
            assert_ne!(before, State::Exited, "an ended agent started by itself");
            // One more: the end that follows a termination on request is no crash.
            assert!(starts <= CRASHES_MAX, "a crash loop does not stop");
        }
        if was_asked {
            assert_eq!(life.state(), State::Restarting);
        }
    }
}

fn perform(life: &mut AgentLife, event: &Event, now: &mut Duration) -> Vec<Effect> {
    match *event {
        Event::Started => {
            life.on_started(*now);
            Vec::new()
        }
        Event::StartFailed => vec![Effect::Notice(life.on_start_failed("no such file"))],
        Event::Code(code) => life.on_exit(Exit::Code(code), *now),
        Event::Signal(signal) => life.on_exit(Exit::Signal(signal), *now),
        Event::Time => life.on_time(*now),
        Event::Deadline => {
            let Some(deadline) = life.deadline() else { return Vec::new() };
            *now = (*now).max(deadline);
            let effects = life.on_time(*now);
            assert!(!effects.is_empty(), "a deadline at which nothing happens: a busy loop");
            effects
        }
        Event::Restart => life.restart(*now),
        Event::Wait { ms } => {
            *now += Duration::from_millis(ms.into());
            Vec::new()
        }
        Event::WaitLong { s } => {
            *now += Duration::from_secs(s.into());
            Vec::new()
        }
    }
}

fn check(life: &AgentLife, now: Duration, effects: &[Effect]) {
    assert_eq!(life.exit().is_some(), life.state() == State::Exited);
    if let Some(exit) = life.exit() {
        exit.shell_code();
        assert!(!exit.to_string().is_empty());
    }
    if life.deadline().is_some() {
        assert_eq!(life.state(), State::Restarting);
    }
    for effect in effects {
        match effect {
            Effect::Start => assert_eq!((life.state(), life.deadline()), (State::Restarting, None)),
            Effect::Terminate | Effect::Kill => assert!(life.deadline().is_some_and(|at| at > now)),
            Effect::Notice(text) => assert!(!text.is_empty() && !text.contains(['\n', '\x1b'])),
        }
    }
}

fuzz_target!(|story: Story| run(&story));
