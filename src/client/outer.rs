//! The user's terminal beside the program's output: what it is asked when a client attaches, and what it is told of the
//! program's doings.

use crate::launch::host::Host;
use crate::name::SessionName;
use crate::term::activity::Activity;
use crate::term::activity::Kind;
use crate::term::activity::status;
use crate::term::replies::Colour;
use crate::term::replies::Reply;
use crate::term::replies::Rgb;
use crate::term::screen::SpecialColours;
use std::ffi::OsStr;
use std::time::Duration;
use std::time::Instant;

/// Its colours, whether it understands program status, and what every terminal answers, in its turn.
pub const QUESTIONS: &[u8] = b"\x1b]10;?\x1b\\\x1b]11;?\x1b\\\x1b]12;?\x1b\\\x1b]7501;?\x1b\\\x1b[c";
/// A terminal that has not answered by then does not.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

pub struct Outer {
    /// Since when an answer is awaited.
    asked: Option<Instant>,
    colours: SpecialColours,
    /// It understands OSC 7501.
    shows_status: bool,
    /// It understands OSC 9, as its name says.
    notifies: bool,
    activity: Activity,
    /// The terminal does not know of it yet.
    is_news: bool,
    /// The program's own reports reach the terminal with its output.
    pub program_reports: bool,
}

impl Outer {
    pub fn new(host: &Host) -> Self {
        let is = |name: &str, values: &[&str]| values.iter().any(|value| host.var(name) == Some(OsStr::new(value)));
        let notifies =
            is("TERM_PROGRAM", &["iTerm.app", "WezTerm", "ghostty"]) || is("TERM", &["xterm-kitty", "xterm-ghostty"]);
        Self {
            asked: None,
            colours: SpecialColours::default(),
            shows_status: false,
            notifies,
            activity: Activity::default(),
            is_news: false,
            program_reports: false,
        }
    }

    /// What to ask it. Nothing where the questions would be shown.
    pub fn questions(&mut self, host: &Host) -> &'static [u8] {
        if host.var("TERM").is_none_or(|term| term == "dumb" || term == "linux") {
            return b"";
        }
        self.asked = Some(Instant::now());
        QUESTIONS
    }

    /// Whether answers may still come: they must not reach whoever has the terminal next.
    pub fn awaits_answers(&self) -> bool {
        self.asked.is_some_and(|at| at.elapsed() < ANSWER_LIMIT)
    }

    /// Takes its answers; the colours, if they told any.
    pub fn hear(&mut self, replies: &[Reply]) -> Option<SpecialColours> {
        let before = self.colours;
        for reply in replies {
            match reply {
                Reply::Colour { which: Colour::Foreground, rgb } => self.colours[0] = Some(bytes(*rgb)),
                Reply::Colour { which: Colour::Background, rgb } => self.colours[1] = Some(bytes(*rgb)),
                Reply::Colour { which: Colour::Cursor, rgb } => self.colours[2] = Some(bytes(*rgb)),
                Reply::ProgramStatus => (self.shows_status, self.is_news) = (true, true),
                Reply::Attributes => self.asked = None,
                Reply::Colour { which: Colour::Palette(_), .. } | Reply::Other => {}
            }
        }
        (self.colours != before).then_some(self.colours)
    }

    pub fn colours(&self) -> Option<SpecialColours> {
        Some(self.colours).filter(|colours| colours.iter().any(Option::is_some))
    }

    pub fn on_activity(&mut self, activity: Activity) {
        self.is_news |= activity != self.activity;
        self.activity = activity;
    }

    /// All that the terminal was told is void.
    pub fn begin_anew(&mut self) {
        self.program_reports = false;
        self.is_news |= self.shows_status;
    }

    /// What to write to the terminal between two units of the output; nothing most of the time.
    pub fn news(&mut self, session: &SessionName) -> Vec<u8> {
        if !std::mem::take(&mut self.is_news) {
            return Vec::new();
        }
        match &self.activity {
            _ if self.shows_status && self.program_reports => Vec::new(),
            activity if self.shows_status => status::sequence(activity).into_bytes(),
            // What the program has called with itself is in its output.
            Activity::Waiting(reason)
                if self.notifies && !matches!(reason.kind, Some(Kind::Notification | Kind::Bell)) =>
            {
                let text = if reason.text.is_empty() { "somebody is waited for" } else { reason.text.as_str() };
                format!("\x1b]9;{session}: {text}\x1b\\").into_bytes()
            }
            _ => Vec::new(),
        }
    }
}

fn bytes(Rgb(channels): Rgb) -> [u8; 3] {
    channels.map(|channel| channel.to_be_bytes()[0])
}
