//! What comes from the daemon: output, screens, and its words.

use crate::client::attach::Over;
use crate::client::attached::Client;
use crate::client::direct::Direct;
use crate::client::failure::Failure;
use crate::client::mirror::Mirror;
use crate::client::screen;
use crate::client::wire::Said;
use crate::proto::door::DaemonSays;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use std::os::fd::AsFd;
use std::time::Duration;
use std::time::Instant;

/// How long a terminal may take nothing of the last output before it is left unsaid.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Client<'_> {
    pub(super) fn on_frames(&mut self) -> Result<Option<Over>, Failure> {
        while let Some(said) = self.wire.next_said()? {
            match said {
                Said::Output(bytes) => self.on_output(&bytes),
                Said::Word(says) => {
                    if let Some(over) = self.on_daemon(says)? {
                        return Ok(Some(over));
                    }
                }
            }
        }
        if self.screen.pending() > 0 && self.screen.write().is_err() {
            return Ok(Some(Over::HungUp));
        }
        Ok(None)
    }

    /// Only whole frames get here, so the offset is exact whenever the daemon dies.
    pub(super) fn on_output(&mut self, bytes: &[u8]) {
        let drawn = usize::try_from(self.screen_left).unwrap_or(usize::MAX).min(bytes.len());
        self.screen_left -= drawn as u64;
        let reports = match &mut self.mirror {
            Some(mirror) => {
                mirror.feed(bytes);
                self.screen.show_aside(bytes)
            }
            // Nothing in a screen is taken out, and the stream goes on where no sequence has begun.
            None => self.screen.show_stream(bytes),
        };
        self.outer.program_reports |= reports;
        if let Some(offset) = &mut self.offset {
            *offset += (bytes.len() - drawn) as u64;
        }
    }

    pub(super) fn on_daemon(&mut self, says: DaemonSays) -> Result<Option<Over>, Failure> {
        match says {
            DaemonSays::Start { offset, screen_bytes, .. } => {
                if screen_bytes == 0 && self.direct.is_some() {
                    return Ok(None); // it never lost its place
                }
                self.refreshing = false;
                if screen_bytes > 0 {
                    self.screen.begin_anew();
                    self.outer.begin_anew();
                    let fits = self.size == screen::size() || !self.screen.is_terminal();
                    self.mirror = (!fits).then(|| Mirror::new(self.size));
                }
                self.offset = Some(offset);
                if let Some(direct) = &self.direct {
                    direct.has_shown(offset);
                }
                self.screen_left = screen_bytes;
            }
            DaemonSays::Size { size } => self.size = size,
            DaemonSays::Activity { activity } => self.outer.on_activity(activity),
            DaemonSays::Typed { upto } => self.typed.acknowledge(upto),
            DaemonSays::Notice { text } => {
                self.screen.say(&text, true);
                self.outer.begin_anew();
            }
            DaemonSays::Direct { offset } => {
                // Without all of it the bytes would have to come through the daemon, which sends them no more.
                self.direct = Direct::take(self.wire.take_fds());
                self.offset = Some(offset);
                if self.direct.is_none() {
                    self.takes_direct = false;
                    return self.reconnect();
                }
            }
            DaemonSays::Ended { exit, head } if self.direct.is_some() => {
                self.ending = Some((exit, head));
                // A screen that was asked for too late does not come; what it was to replace is still there.
                self.refreshing = false;
            }
            DaemonSays::Ended { exit, .. } => return Ok(Some(Over::Ended(exit))),
            DaemonSays::Gone { why } => return Ok(Some(Over::Gone(why))),
            DaemonSays::Bye { replaced: false } => return Ok(Some(Over::Shutdown)),
            DaemonSays::Bye { replaced: true } => return self.reconnect(),
        }
        Ok(None)
    }

    /// The last output is shown even to a slow terminal, unless it takes nothing at all; a program or a file gets it all,
    /// unless a signal comes.
    pub(super) fn drain_screen(&mut self) {
        let mut last = (self.screen.pending(), Instant::now());
        while self.screen.pending() > 0 && (last.1.elapsed() < LAST_WORDS || !self.screen.is_terminal()) {
            if self.screen.write().is_err() {
                return;
            }
            if self.screen.pending() < last.0 {
                last = (self.screen.pending(), Instant::now());
            }
            let mut fds = [
                PollFd::new(self.screen.output(), PollFlags::POLLOUT),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            let polled = nix::poll::poll(&mut fds, 50u8);
            let is_signalled = fds[1].any().unwrap_or(false);
            if polled.is_err() || is_signalled && matches!(self.on_signals(), Ok(Some(_)) | Err(_)) {
                return;
            }
            self.screen.has_room();
        }
    }
}
