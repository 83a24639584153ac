//! OSC 7501, the Program Status Protocol: a program says what it is at, for itself and for others that it runs.
//!
//! Specification: <https://www.superlogical.com/rex/docs/build/program-status>, revision 0.3 of October 2026; its
//! reasons: <https://mitchellh.com/writing/program-status-osc7501>. `progress` is understood and not used. Where
//! it leaves room, this reads as Ghostty's parser does, which is by the same author.

use crate::term::activity::Activity;
use crate::term::activity::Kind;
use crate::term::activity::PlainText;
use crate::term::activity::Reason;

/// From OSC to ST, in bytes. `ESC ] 7501 ;` and the shortest end, BEL, are eight of them.
const SEQUENCE_MAX_BYTES: usize = 4096;
const FRAME_BYTES: usize = 8;
const KEY_MAX_BYTES: usize = 16;
const MSG_MAX_BYTES: usize = 2048;
const TITLE_MAX_BYTES: usize = 192;
const APP_MAX_BYTES: usize = 32;
const ID_MAX_BYTES: usize = 128;
const ID_MAX_DEPTH: usize = 8;
/// The fewest that a terminal must keep. With the limits above a terminal's records stay below 100 KB.
const RECORDS_MAX: usize = 64;

/// One report that keeps the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The record of this id and all below it; without an id, every record.
    Clear {
        id: Option<String>,
    },
    Set(Record),
}

/// What one id says. A later report replaces it whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Segments joined by `/`; empty for the root.
    id: String,
    state: State,
    kind: Option<Kind>,
    app: Option<PlainText>,
    /// The message, else the title, else nothing.
    text: PlainText,
}

/// In rising order of what is shown when records differ. A sub-agent that waits holds everything up; one that failed
/// or finished while others work is its parent's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Idle,
    Done,
    Error,
    Working,
    Blocked,
}

/// Values of the keys that are of interest; of a key that stands twice the last one counts.
#[derive(Default)]
struct Pairs<'a> {
    state: Option<&'a str>,
    id: Option<&'a str>,
    kind: Option<&'a str>,
    app: Option<&'a str>,
    title: Option<&'a str>,
    msg: Option<&'a str>,
}

/// Reads what stands between `OSC 7501 ;` and its end. `None`: a question (`?`), or a report that must be dropped.
pub fn parse(payload: &[u8]) -> Option<Report> {
    if payload.len() > SEQUENCE_MAX_BYTES - FRAME_BYTES {
        return None;
    }
    let pairs = pairs(payload)?;
    let id = pairs.id.map(str::to_owned);
    let app = pairs.app.filter(|app| is_segment(app)).map(PlainText::new);
    let title = pairs.title.map(|title| decode(title, TITLE_MAX_BYTES).ok_or(())).transpose().ok()?;
    let msg = pairs.msg.map(|msg| decode(msg, MSG_MAX_BYTES).ok_or(())).transpose().ok()?;
    let state = match pairs.state? {
        "clear" => return Some(Report::Clear { id }),
        "idle" => State::Idle,
        "working" => State::Working,
        "blocked" => State::Blocked,
        "done" => State::Done,
        "error" => State::Error,
        _ => return None,
    };
    let kind = match (state, pairs.kind) {
        (State::Error, _) => Some(Kind::Error),
        (State::Blocked, Some("permission")) => Some(Kind::Permission),
        (State::Blocked, Some("question")) => Some(Kind::Question),
        (State::Blocked, Some("auth")) => Some(Kind::Auth),
        _ => None,
    };
    let text = [msg, title].into_iter().flatten().find(|text| !text.is_empty()).unwrap_or_default();
    Some(Report::Set(Record { id: id.unwrap_or_default(), state, kind, app, text }))
}

/// What reports this activity to a terminal.
pub fn sequence(activity: &Activity) -> String {
    let state = match activity {
        Activity::Unknown => "clear",
        Activity::Working => "working",
        Activity::Idle => "idle",
        Activity::Done => "done",
        Activity::Waiting(Reason { kind: Some(Kind::Error), .. }) => "error",
        Activity::Waiting(_) => "blocked",
    };
    let mut report = format!("\x1b]7501;state={state}");
    if let Activity::Waiting(Reason { kind, app, text }) = activity {
        let kind = match kind {
            Some(Kind::Permission) => ":kind=permission",
            Some(Kind::Question) => ":kind=question",
            Some(Kind::Auth) => ":kind=auth",
            Some(Kind::Error | Kind::Notification | Kind::Bell) | None => "",
        };
        report += kind;
        if let Some(app) = app {
            report += &format!(":app={}", app.as_str());
        }
        if !text.is_empty() {
            report += &format!(":msg={}", base64_of(text.as_str().as_bytes()));
        }
    }
    report + "\x1b\\"
}

/// RFC 4648, section 4, with padding.
fn base64_of(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            text.push(if at <= three.len() { char::from(DIGITS[bits >> (18 - 6 * at) & 63]) } else { '=' });
        }
    }
    text
}

/// A malformed pair is skipped, an unknown key ignored. What breaks a limit spoils all, even where a later pair replaces
/// it, and so does a bad id: without it the report would be about the root, and `clear` about everything.
fn pairs(payload: &[u8]) -> Option<Pairs<'_>> {
    let mut pairs = Pairs::default();
    for pair in payload.split(|&b| b == b':') {
        let Some((key, value)) = std::str::from_utf8(pair).ok().and_then(|pair| pair.split_once('=')) else { continue };
        let (key, value) = (key.trim_ascii(), value.trim_ascii());
        if key.len() > KEY_MAX_BYTES {
            return None;
        }
        if !value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.,+/=-".contains(&b)) {
            continue;
        }
        let place = match key {
            "state" => &mut pairs.state,
            "id" => &mut pairs.id,
            "kind" => &mut pairs.kind,
            "app" => &mut pairs.app,
            "title" => &mut pairs.title,
            "msg" => &mut pairs.msg,
            _ => continue,
        };
        let fits = match key {
            "id" => is_id(value),
            "app" => value.len() <= APP_MAX_BYTES,
            "title" => value.len() <= encoded_bytes(TITLE_MAX_BYTES),
            "msg" => value.len() <= encoded_bytes(MSG_MAX_BYTES),
            _ => true,
        };
        if !fits {
            return None;
        }
        *place = Some(value);
    }
    Some(pairs)
}

fn is_id(id: &str) -> bool {
    id.len() <= ID_MAX_BYTES && id.split('/').count() <= ID_MAX_DEPTH && id.split('/').all(is_segment)
}

fn is_segment(segment: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.+-".contains(&b);
    (1..=APP_MAX_BYTES).contains(&segment.len()) && segment.bytes().all(fits)
}

/// Base64 of one line of UTF-8 with at most `max_bytes` bytes and no control character.
fn decode(value: &str, max_bytes: usize) -> Option<PlainText> {
    let text = String::from_utf8(base64(value.as_bytes())?).ok()?;
    (text.len() <= max_bytes && !text.chars().any(char::is_control)).then(|| PlainText::new(&text))
}

/// Length of the base64 of so many bytes, with padding.
fn encoded_bytes(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// RFC 4648, section 4; the padding may be missing.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|&&b| b == b'=').count();
    let padded = text.len();
    let text = &text[..padded - padding];
    if padding > 2 || text.len() % 4 == 1 || (padding > 0 && !padded.is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for &digit in group {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - group.len()) + 8;
        bytes.extend_from_slice(&bits.to_be_bytes()[..group.len() - 1]);
    }
    Some(bytes)
}

/// What a terminal's programs have said and not withdrawn, the most recent last.
#[derive(Clone, Debug, Default)]
pub struct Records {
    said: Vec<Record>,
    /// Whether who said it has ended since.
    ended: bool,
}

impl Records {
    pub fn set(&mut self, record: Record) {
        self.said.retain(|old| old.id != record.id);
        if self.said.len() == RECORDS_MAX {
            self.said.remove(0);
        }
        self.said.push(record);
        self.ended = false;
    }

    /// Without an id: all.
    pub fn clear(&mut self, id: Option<&str>) {
        let below =
            |one: &str, id: &str| one.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.said.retain(|record| id.is_some_and(|id| !below(&record.id, id)));
    }

    /// A new prompt: only what is a result stays.
    pub fn on_prompt(&mut self) {
        self.said.retain(|record| matches!(record.state, State::Done | State::Error));
        self.ended = true;
    }

    /// Somebody who types at a prompt has seen how the last program ended, and the next may report nothing.
    pub fn on_input(&mut self) {
        if self.ended {
            self.said.clear();
        }
    }

    /// `None` while nothing is said.
    pub fn activity(&self) -> Option<Activity> {
        let record = self.said.iter().max_by_key(|record| record.state)?;
        Some(match record.state {
            State::Idle => Activity::Idle,
            State::Done => Activity::Done,
            State::Working => Activity::Working,
            State::Error | State::Blocked => {
                Activity::Waiting(Reason { kind: record.kind, app: self.app(record), text: record.text.clone() })
            }
        })
    }

    /// A record without an app has its nearest ancestor's.
    fn app(&self, record: &Record) -> Option<PlainText> {
        let mut id = record.id.as_str();
        let mut record = Some(record);
        loop {
            if let Some(app) = record.and_then(|record| record.app.as_ref()) {
                return Some(app.clone());
            }
            if id.is_empty() {
                return None;
            }
            id = id.rsplit_once('/').map_or("", |(parent, _)| parent);
            record = self.said.iter().find(|other| other.id == id);
        }
    }
}
