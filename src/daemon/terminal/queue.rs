//! What waits to be said to one client. A client that takes nothing must cost nothing: of what is only news, the newest
//! is kept.

use crate::daemon::viewer::Output;
use crate::proto::door::DaemonSays;
use std::mem;

/// Notices that are kept for one who does not listen: an agent that crashes again and again causes one each time.
const NOTICES_MAX: usize = 32;

#[derive(Debug, Default)]
pub struct Queue(Vec<Output>);

impl Queue {
    pub fn push(&mut self, output: Output) {
        self.0.push(output);
    }

    pub fn say(&mut self, what: DaemonSays) {
        let is_notice = |output: &Output| matches!(output, Output::Says(DaemonSays::Notice { .. }));
        match &what {
            DaemonSays::Activity { .. } => {
                self.0.retain(|output| !matches!(output, Output::Says(DaemonSays::Activity { .. })));
            }
            // Screens for the older size are not queued: one is drawn when it is asked for.
            DaemonSays::Size { .. } => self.0.retain(|output| !matches!(output, Output::Says(DaemonSays::Size { .. }))),
            DaemonSays::Notice { .. } if self.0.iter().filter(|output| is_notice(output)).count() >= NOTICES_MAX => {
                if let Some(oldest) = self.0.iter().position(is_notice) {
                    self.0.remove(oldest);
                }
            }
            _ => {}
        }
        self.0.push(Output::Says(what));
    }

    pub fn take(&mut self) -> Vec<Output> {
        mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::WinSize;
    use crate::term::activity::Activity;

    fn said(queue: &mut Queue) -> Vec<DaemonSays> {
        let says = |output| match output {
            Output::Says(says) => says,
            other => panic!("{other:?}"),
        };
        queue.take().into_iter().map(says).collect()
    }

    #[test]
    fn news_that_nobody_has_taken_is_replaced_by_newer() {
        let mut queue = Queue::default();
        let size = |rows| DaemonSays::Size { size: WinSize::clamped(rows, 80) };
        for rows in 1..1000 {
            for activity in [Activity::Working, Activity::Idle] {
                queue.say(DaemonSays::Activity { activity });
            }
            queue.say(size(rows));
        }
        assert_eq!(said(&mut queue), [DaemonSays::Activity { activity: Activity::Idle }, size(999)]);
    }

    #[test]
    fn of_what_is_said_once_the_newest_lines_are_kept_in_order() {
        let mut queue = Queue::default();
        let notice = |n: usize| DaemonSays::Notice { text: n.to_string() };
        (0..100).for_each(|n| queue.say(notice(n)));
        assert_eq!(said(&mut queue), (100 - NOTICES_MAX..100).map(notice).collect::<Vec<_>>());
        assert!(queue.take().is_empty());
    }
}
