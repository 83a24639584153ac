//! `coop output`: what a terminal has shown, as lines of text or as the program's own bytes.

use crate::client::Context;
use crate::client::attach::Target;
use crate::client::failure::Failure;
use crate::client::find;
use crate::client::look;
use crate::client::watcher::Event;
use crate::client::watcher::Watcher;
use crate::name::PtyId;
use crate::proto::door::Role;
use crate::term::screen::Screen;
use crate::text::last_lines;
use std::io;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;

/// A program that pauses so long has finished the lines above its cursor.
const SETTLED: Duration = Duration::from_millis(300);

pub fn verb(
    context: &Context,
    session: Option<&str>,
    pty: PtyId,
    follow: bool,
    lines: Option<usize>,
    raw: bool,
) -> Result<i32, Failure> {
    let mut daemon = context.daemon()?;
    let row = find::session(context, &mut daemon, session)?;
    find::must_live(&row)?;
    let mut target = Target::of(&row, pty);
    target.role = Role::Reader;
    let mut watcher = Watcher::attach(context, daemon, target, Some(0))?;
    if raw { show_raw(&mut watcher, follow, lines) } else { show_text(&mut watcher, follow, lines) }?;
    Ok(0)
}

/// All output up to where it was when this command came, to `take`; `false` if the program has ended by then.
fn until_now(watcher: &mut Watcher<'_>, mut take: impl FnMut(&mut Watcher<'_>, &[u8])) -> Result<bool, Failure> {
    while watcher.offset() < watcher.head {
        match watcher.next(None)? {
            Event::Output(bytes) => take(watcher, &bytes),
            Event::Ended(_) => return Ok(false),
            Event::Drawn | Event::Activity | Event::Typed | Event::Reattached | Event::TimedOut => {}
        }
    }
    Ok(true)
}

fn show_raw(watcher: &mut Watcher<'_>, follow: bool, lines: Option<usize>) -> Result<(), Failure> {
    let mut all = Vec::new();
    let lives = until_now(watcher, |_, bytes| all.extend_from_slice(bytes))?;
    let mut out = io::stdout().lock();
    out.write_all(last_lines(&all, lines.unwrap_or(usize::MAX)))
        .map_err(Failure::cannot("write to standard output"))?;
    out.flush().map_err(Failure::cannot("write to standard output"))?;
    if !(follow && lives) {
        return Ok(());
    }
    loop {
        match watcher.next(None)? {
            Event::Output(bytes) => {
                out.write_all(&bytes).map_err(Failure::cannot("write to standard output"))?;
                out.flush().map_err(Failure::cannot("write to standard output"))?;
            }
            Event::Ended(_) => return Ok(()),
            Event::Drawn | Event::Activity | Event::Typed | Event::Reattached | Event::TimedOut => {}
        }
    }
}

fn show_text(watcher: &mut Watcher<'_>, follow: bool, lines: Option<usize>) -> Result<(), Failure> {
    watcher.keep_history();
    let mut all = Vec::new();
    let lives = until_now(watcher, |watcher, _| all.extend(watcher.screen.take_history()))?;
    let mut shown = Shown::default();
    let goes_on = follow && lives;
    all.extend(shown.rest(&mut watcher.screen, !goes_on));
    let mut out = io::stdout().lock();
    out.write_all(last_lines(&all, lines.unwrap_or(usize::MAX)))
        .map_err(Failure::cannot("write to standard output"))?;
    out.flush().map_err(Failure::cannot("write to standard output"))?;
    let mut settles_at = None;
    if !goes_on {
        return Ok(());
    }
    loop {
        let event = watcher.next(settles_at)?;
        let text = match event {
            Event::Output(_) => {
                settles_at = Some(Instant::now() + SETTLED);
                shown.left(&mut watcher.screen)
            }
            Event::Drawn => {
                settles_at = Some(Instant::now() + SETTLED);
                shown.begin_anew(&mut watcher.screen);
                Vec::new()
            }
            Event::TimedOut if watcher.is_drawing() => {
                settles_at = None;
                Vec::new()
            }
            Event::TimedOut => {
                settles_at = None;
                shown.rest(&mut watcher.screen, false)
            }
            Event::Ended(_) => shown.rest(&mut watcher.screen, true),
            Event::Activity | Event::Typed | Event::Reattached => Vec::new(),
        };
        out.write_all(&text).map_err(Failure::cannot("write to standard output"))?;
        out.flush().map_err(Failure::cannot("write to standard output"))?;
        if matches!(event, Event::Ended(_)) {
            return Ok(());
        }
    }
}

/// Which rows of the screen have been printed already, though they are still there.
#[derive(Default)]
struct Shown {
    rows: usize,
    /// How many rows had left the screen when that was counted.
    left: u64,
}

impl Shown {
    /// A whole screen was drawn anew, behind a gap: none of its rows has been printed, and none counted.
    fn begin_anew(&mut self, screen: &mut Screen) {
        *self = Self { rows: 0, left: screen.history_rows() };
        // What scrolled away while it was drawn is no output.
        screen.take_history();
    }

    /// The lines that have left the screen since, but for those that were printed before.
    fn left(&mut self, screen: &mut Screen) -> Vec<u8> {
        let now = screen.history_rows();
        let gone = usize::try_from(now - self.left).unwrap_or(usize::MAX);
        self.left = now;
        let text = screen.take_history();
        let known = self.rows.min(gone);
        self.rows -= known;
        text.split_inclusive(|&b| b == b'\n').skip(known).flatten().copied().collect()
    }

    /// And the rows above the cursor; with `all`, those below it too.
    fn rest(&mut self, screen: &mut Screen, all: bool) -> Vec<u8> {
        let mut text = self.left(screen);
        let rows = look::text(screen);
        let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        let upto = if all { used } else { used.min(screen.cursor().0) };
        for row in rows.iter().take(upto).skip(self.rows) {
            text.extend_from_slice(row.as_bytes());
            text.push(b'\n');
        }
        self.rows = self.rows.max(upto);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::WinSize;
    use crate::term::screen::Form;
    use crate::term::screen::Heard;

    fn screen() -> Screen {
        let mut screen = Screen::new(WinSize::clamped(4, 20));
        screen.keep_history(Form::Plain, usize::MAX);
        screen
    }

    fn print(screen: &mut Screen, numbers: std::ops::RangeInclusive<u32>) {
        numbers.for_each(|n| screen.feed(format!("{n}\r\n").as_bytes(), &mut Heard::default()));
    }

    fn lines(numbers: std::ops::RangeInclusive<u32>) -> String {
        numbers.map(|n| format!("{n}\n")).collect()
    }

    #[test]
    fn behind_a_screen_that_was_drawn_anew_each_line_is_printed_once() {
        let (mut shown, mut screen) = (Shown::default(), screen());
        print(&mut screen, 1..=10);
        assert_eq!(String::from_utf8(shown.rest(&mut screen, false)).unwrap(), lines(1..=10));
        screen = self::screen();
        screen.feed(b"50\r\n51\r\n", &mut Heard::default());
        shown.begin_anew(&mut screen);
        print(&mut screen, 52..=60);
        let mut text = shown.left(&mut screen);
        text.extend(shown.rest(&mut screen, true));
        assert_eq!(String::from_utf8(text).unwrap(), lines(50..=60));
    }
}
