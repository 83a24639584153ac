//! `coop screen`: what a terminal shows now.

use crate::client::Context;
use crate::client::attach::Target;
use crate::client::failure::Failure;
use crate::client::find;
use crate::client::ls;
use crate::client::watcher::Watcher;
use crate::name::PtyId;
use crate::proto::door::Role;
use crate::proto::door::Row;
use crate::term::screen::Mouse;
use crate::term::screen::Screen;
use serde_json::Value;
use serde_json::json;
use std::io;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;

/// A screen comes within milliseconds.
const SCREEN_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Ansi,
    Json,
}

/// Attaches to a terminal as `role`, and waits until its screen is here.
pub fn watch<'a>(
    context: &'a Context,
    session: Option<&str>,
    pty: PtyId,
    role: Role,
) -> Result<(Row, Watcher<'a>), Failure> {
    let mut daemon = context.daemon()?;
    let row = find::session(context, &mut daemon, session)?;
    find::must_live(&row)?;
    let mut target = Target::of(&row, pty);
    target.role = role;
    let mut watcher = Watcher::attach(context, daemon, target, None)?;
    watcher.draw(Instant::now() + SCREEN_LIMIT)?;
    Ok((row, watcher))
}

pub fn verb(context: &Context, session: Option<&str>, pty: PtyId, form: Form) -> Result<i32, Failure> {
    let (row, watcher) = watch(context, session, pty, Role::View)?;
    let screen = &watcher.screen;
    let mut out = io::stdout().lock();
    match form {
        Form::Text => {
            let rows = text(screen);
            let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
            rows[..used]
                .iter()
                .try_for_each(|row| writeln!(out, "{row}"))
                .map_err(Failure::cannot("write to standard output"))?;
        }
        Form::Ansi => {
            let cols = usize::from(screen.size().cols());
            for y in 0..usize::from(screen.size().rows()) {
                let mut line = Vec::new();
                screen.paint_row(y, 0..cols, &mut line);
                out.write_all(&line).map_err(Failure::cannot("write to standard output"))?;
                out.write_all(b"\x1b[m\r\n").map_err(Failure::cannot("write to standard output"))?;
            }
        }
        Form::Json => {
            serde_json::to_writer_pretty(&mut out, &view(&row, pty, &watcher))
                .map_err(Failure::cannot("write to standard output"))?;
            writeln!(out).map_err(Failure::cannot("write to standard output"))?;
        }
    }
    watcher.detach()?;
    Ok(0)
}

/// The screen's rows, without the blanks at their ends.
pub fn text(screen: &Screen) -> Vec<String> {
    (0..usize::from(screen.size().rows())).map(|y| screen.row_text(y).trim_end().to_owned()).collect()
}

fn view(row: &Row, pty: PtyId, watcher: &Watcher<'_>) -> Value {
    let screen = &watcher.screen;
    let (y, x, visible) = screen.cursor();
    let (activity, reason) = ls::activity(Some(&watcher.activity));
    let (mouse, encoding) = screen.mouse();
    let mouse = Some(mouse).filter(|mouse| *mouse != Mouse::None);
    json!({
        "session": row.name,
        "pty": pty,
        "rows": screen.size().rows(),
        "cols": screen.size().cols(),
        "cursor": { "row": y, "col": x, "visible": visible },
        "title": screen.title(),
        "modes": {
            "alternate_screen": screen.in_alternate_screen(),
            "application_cursor_keys": screen.has_application_cursor_keys(),
            "application_keypad": screen.has_application_keypad(),
            "bracketed_paste": screen.has_bracketed_paste(),
            "focus_reports": screen.reports_focus(),
            "keyboard_flags": screen.keyboard_flags(),
            "modify_other_keys": screen.other_keys(),
            "mouse": mouse.map(Mouse::name),
            "mouse_encoding": mouse.map(|_| encoding.name()),
        },
        "state": row.state,
        "activity": activity,
        "reason": reason,
        "text": text(screen),
    })
}
