//! Whether the program on a terminal works, waits for somebody, or is idle.
//!
//! In falling order: what the program reports about itself (OSC 7501, [`status`]), a notification, BEL, a pattern in
//! its title, output and then silence. The upper ones are claims of the program, the lower ones guesses. All of it is
//! untrusted text: what is kept of it is [`PlainText`].
//!
//! Titles, as their programs write them: Claude Code begins with a spinner of braille, since 2.1.228 of quarter circles
//! (U+25D0-25D3), and with U+2733 at its prompt; Gemini CLI's are in its `packages/cli/src/utils/windowTitle.ts`;
//! opencode has two braille characters while it is busy.

pub mod status;

use crate::term::activity::status::Records;
use crate::term::activity::status::Report;
use crate::text::is_invisible;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Output that pauses this long is over. Agents redraw their spinners at least once a second while they work, and a
/// pause of two seconds is a slow answer; longer, and `coop wait --for idle` would answer late.
pub const QUIET: Duration = Duration::from_secs(3);
/// What is printed this soon behind a key is its echo, a completion or a menu's redraw, not work.
pub const ECHO: Duration = Duration::from_millis(300);
/// A BEL this soon behind a key answers it (a completion that found nothing), and calls nobody.
pub const BELL_ECHO: Duration = Duration::from_secs(1);
/// A title that says "working" counts for this long without any output: programs that were killed leave theirs behind.
/// A program that works redraws far more often, and a box stopped for some seconds shall not look idle.
pub const TITLE_STALE: Duration = Duration::from_secs(30);
/// Longest reason that is kept, in characters: a line or two of a table.
pub const REASON_MAX_CHARS: usize = 200;

/// What the program on a terminal is at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// It has shown nothing yet.
    #[default]
    Unknown,
    Working,
    /// Nothing goes on until somebody does something.
    Waiting(Reason),
    Idle,
    /// It said that it has finished, or it has exited.
    Done,
}

/// Why somebody is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Absent when the program did not say what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Which program says so, in OSC 7501.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<PlainText>,
    /// In the program's words; may be empty.
    #[serde(default, skip_serializing_if = "PlainText::is_empty")]
    pub text: PlainText,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Permission,
    Question,
    Auth,
    /// It failed, and somebody should look.
    Error,
    Notification,
    Bell,
}

/// Text of a program, fit to be shown anywhere: one line of at most [`REASON_MAX_CHARS`] characters, without control
/// characters and without the invisible ones that reorder or hide what stands around them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct PlainText(String);

/// Turns what a terminal sees into an [`Activity`]. Times are a monotonic clock's, from any fixed moment on. Every event
/// answers whether [`activity`](Self::activity) has changed.
#[derive(Clone, Debug, Default)]
pub struct ActivityMonitor {
    current: Activity,
    records: Records,
    /// A notification or a BEL that nobody has answered.
    call: Option<Reason>,
    title: Option<TitleSays>,
    last_input: Option<Duration>,
    /// Of any kind, echo included.
    last_output: Option<Duration>,
    /// Output that was no echo.
    last_work: Option<Duration>,
    exited: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TitleSays {
    Working,
    Waiting(Reason),
    Idle,
}

impl ActivityMonitor {
    pub fn activity(&self) -> &Activity {
        &self.current
    }

    /// The program printed something. Cheap: call it for every read.
    pub fn on_output(&mut self, now: Duration) -> bool {
        let echo = self.last_input.is_some_and(|at| now.saturating_sub(at) < ECHO);
        self.last_output = Some(now);
        // Typing ahead while it works is no pause.
        if !echo || self.works_still(now) {
            self.last_work = Some(now);
        }
        self.settle(now)
    }

    /// Somebody typed. Reports of focus and mouse are not typing.
    pub fn on_input(&mut self, now: Duration) -> bool {
        self.last_input = Some(now);
        self.records.on_input();
        self.call = None;
        if matches!(self.title, Some(TitleSays::Waiting(_))) {
            self.title = None;
        }
        self.settle(now)
    }

    pub fn on_bell(&mut self, now: Duration) -> bool {
        let answers_key = self.last_input.is_some_and(|at| now.saturating_sub(at) < BELL_ECHO);
        if !answers_key && self.call.is_none() {
            self.call = Some(Reason { kind: Some(Kind::Bell), app: None, text: PlainText::default() });
        }
        self.settle(now)
    }

    /// OSC 9 (which has no title), 99 or 777. ConEmu's commands, which share OSC 9 (`9;4;...` is a progress bar), are no
    /// notifications and are ignored.
    pub fn on_notification(&mut self, title: &str, text: &str, now: Duration) -> bool {
        let words = if text.trim().is_empty() { title } else { text };
        if !(title.is_empty() && is_conemu(text)) {
            self.call = Some(Reason { kind: Some(Kind::Notification), app: None, text: PlainText::new(words) });
        }
        self.settle(now)
    }

    /// OSC 0 or 2.
    pub fn on_title(&mut self, title: &str, now: Duration) -> bool {
        let says = title_says(title);
        // Whoever begins to work again has got what it called for, by itself or from elsewhere. A spinner that merely
        // goes on says nothing: some turn while a question is open.
        if says == Some(TitleSays::Working) && self.title != says {
            self.call = None;
        }
        self.title = says;
        self.on_output(now)
    }

    /// The bytes behind `OSC 7501 ;`. What breaks the protocol's rules changes nothing.
    pub fn on_status(&mut self, payload: &[u8], now: Duration) -> bool {
        match status::parse(payload) {
            Some(Report::Clear { id }) => self.records.clear(id.as_deref()),
            Some(Report::Set(record)) => self.records.set(record),
            None => {}
        }
        self.on_output(now)
    }

    /// A shell's prompt begins (`OSC 133 ; A`): whatever ran before it has ended, and its claims with it.
    pub fn on_prompt(&mut self, now: Duration) -> bool {
        self.records.on_prompt();
        self.title = None;
        self.on_output(now)
    }

    /// The terminal was reset (`ESC c`).
    pub fn on_reset(&mut self, now: Duration) -> bool {
        self.records.clear(None);
        self.title = None;
        self.on_output(now)
    }

    /// The program exited. That is final; a restarted one has a new monitor.
    pub fn on_exit(&mut self, now: Duration) -> bool {
        *self = Self { current: std::mem::take(&mut self.current), exited: true, ..Self::default() };
        self.settle(now)
    }

    /// When to call [`tick`](Self::tick); `None` when time alone can change nothing. Output only moves it further away,
    /// so a timer that is set may be left to run out and be set again then; ask anew after every other event.
    pub fn deadline(&self) -> Option<Duration> {
        match (&self.current, &self.title) {
            (Activity::Working, _) if self.records.activity().is_some() => None,
            (Activity::Working, Some(TitleSays::Working)) => self.last_output.map(|at| at + TITLE_STALE),
            (Activity::Working, _) => self.last_work.map(|at| at + QUIET),
            _ => None,
        }
    }

    /// Time has passed. Too early does no harm.
    pub fn tick(&mut self, now: Duration) -> bool {
        self.settle(now)
    }

    fn settle(&mut self, now: Duration) -> bool {
        if self.title == Some(TitleSays::Working) && !within(self.last_output, TITLE_STALE, now) {
            self.title = None;
        }
        let next = self.judge(now);
        let changed = next != self.current;
        self.current = next;
        changed
    }

    fn judge(&self, now: Duration) -> Activity {
        if self.exited {
            return Activity::Done;
        }
        if let Some(said) = self.records.activity() {
            return said;
        }
        match (&self.call, &self.title) {
            (Some(reason), _) | (None, Some(TitleSays::Waiting(reason))) => Activity::Waiting(reason.clone()),
            (None, Some(TitleSays::Working)) => Activity::Working,
            (None, Some(TitleSays::Idle)) => Activity::Idle,
            (None, None) if self.works_still(now) => Activity::Working,
            (None, None) if self.last_work.is_some() => Activity::Idle,
            (None, None) => Activity::Unknown,
        }
    }

    fn works_still(&self, now: Duration) -> bool {
        within(self.last_work, QUIET, now)
    }
}

fn within(since: Option<Duration>, limit: Duration, now: Duration) -> bool {
    since.is_some_and(|at| now.saturating_sub(at) < limit)
}

/// ConEmu's commands are a number, then `;` or the end (<https://conemu.github.io/en/AnsiEscapeCodes.html>).
fn is_conemu(text: &str) -> bool {
    let number = text.split(';').next().unwrap_or_default();
    (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

fn title_says(title: &str) -> Option<TitleSays> {
    let title = title.trim_start();
    let word = title.trim_start_matches(|c: char| !c.is_alphanumeric());
    if word.starts_with("Action Required") {
        return Some(TitleSays::Waiting(Reason { kind: None, app: None, text: PlainText::new(word) }));
    }
    match title.chars().next()? {
        // Braille; quarter circles and squares, arcs; Gemini's marks; the frames of Claude Code's star but its idle one.
        '\u{2800}'..='\u{28ff}' | '◐'..='◓' | '◴'..='◷' | '◜'..='◟' | '✦' | '⏲' | '✢' | '✶' | '✻' | '✽' => {
            Some(TitleSays::Working)
        }
        '✳' | '✱' | '◇' => Some(TitleSays::Idle),
        _ if is_word(word, "Working") => Some(TitleSays::Working),
        _ if is_word(word, "Ready") => Some(TitleSays::Idle),
        _ => None,
    }
}

/// Whether `text` is `word`, alone or set off by something else than letters: "Ready (coop)", not "Ready Player One".
fn is_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.trim_start().starts_with(char::is_alphanumeric))
}

impl Activity {
    /// Its name, as in `--for` and in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Working => "working",
            Self::Waiting(_) => "waiting",
            Self::Idle => "idle",
            Self::Done => "done",
        }
    }

    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Waiting(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason().map(Reason::to_string) {
            Some(reason) if !reason.is_empty() => f.pad(&format!("waiting: {reason}")),
            _ => f.pad(self.name()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.text.as_str()) {
            (None, text) => f.write_str(text),
            (Some(kind), "") => write!(f, "{kind}"),
            (Some(kind), text) => write!(f, "{kind}: {text}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Permission => "permission",
            Self::Question => "question",
            Self::Auth => "auth",
            Self::Error => "error",
            Self::Notification => "notification",
            Self::Bell => "bell",
        })
    }
}

impl PlainText {
    /// Runs of spaces and control characters become one space; what is too long ends in `…`.
    pub fn new(text: &str) -> Self {
        let (mut plain, mut length, mut gap) = (String::new(), 0, false);
        for c in text.chars().filter(|&c| !is_invisible(c)) {
            if c.is_control() || c.is_whitespace() {
                gap = length > 0;
                continue;
            }
            if length + 1 + usize::from(gap) > REASON_MAX_CHARS {
                plain.truncate(plain.char_indices().nth(REASON_MAX_CHARS - 1).map_or(plain.len(), |(at, _)| at));
                plain.push('…');
                break;
            }
            length += 1 + usize::from(gap);
            if std::mem::take(&mut gap) {
                plain.push(' ');
            }
            plain.push(c);
        }
        Self(plain)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for PlainText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<PlainText> for String {
    fn from(text: PlainText) -> Self {
        text.0
    }
}

#[cfg(test)]
#[path = "activity_tests.rs"]
mod tests;
