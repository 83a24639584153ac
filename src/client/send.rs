//! `coop send`: types into a terminal, as its user would.

use crate::client::Context;
use crate::client::failure::BAD_ARGUMENTS;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::look;
use crate::client::watcher::Event;
use crate::name::PtyId;
use crate::proto::door::Role;
use crate::term::keyboard::Chunk;
use crate::term::keyboard::encode;
use crate::term::keyboard::encode::KeyboardModes;
use crate::term::screen::Screen;
use std::io;
use std::io::Read;
use std::time::Duration;
use std::time::Instant;

/// How long a program may take to read what is typed.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// What is pasted at most, in bytes.
const PASTE_MAX_BYTES: u64 = 16 << 20;

/// A word, with the text of a paste read.
enum Piece {
    Keys(Chunk),
    Paste(Vec<u8>),
}

pub fn verb(context: &Context, session: &str, pty: PtyId, words: &[String]) -> Result<i32, Failure> {
    // All of it is understood before anything is sent.
    let pieces: Vec<Piece> = words.iter().map(|word| piece(word)).collect::<Result<_, _>>()?;
    let (row, mut watcher) = look::watch(context, Some(session), pty, Role::Hand)?;
    let modes = modes(&watcher.screen);
    let bracketed = watcher.screen.has_bracketed_paste();
    let mut bytes = Vec::new();
    for piece in &pieces {
        match piece {
            Piece::Keys(chunk) => bytes.extend(chunk.encode(&modes).unwrap_or_default()),
            Piece::Paste(text) => bytes.extend(encode::paste(text, bracketed)),
        }
    }
    watcher.type_in(&bytes);
    let mut last = (watcher.typed(), Instant::now());
    while watcher.typed() < bytes.len() as u64 {
        match watcher.next(Some(last.1 + READ_LIMIT))? {
            Event::Ended(exit) => return Err(Failure::new(GENERAL, format!("the program {exit}"))),
            Event::TimedOut => {
                let text = format!("{} read {} of {} bytes and stopped", row.name, watcher.typed(), bytes.len());
                return Err(Failure::new(GENERAL, text).hinted("the program does not read its terminal"));
            }
            // The program may have had nobody to read from.
            Event::Reattached => last.1 = Instant::now(),
            _ if watcher.typed() > last.0 => last = (watcher.typed(), Instant::now()),
            _ => {}
        }
    }
    watcher.detach()?;
    Ok(0)
}

fn piece(word: &str) -> Result<Piece, Failure> {
    let chunk: Chunk = word.parse().map_err(|error| Failure::new(BAD_ARGUMENTS, format!("{word:?}: {error}")))?;
    match &chunk {
        Chunk::PasteFile(path) => {
            let file = std::fs::File::open(path);
            read(file).map(Piece::Paste).map_err(|error| {
                Failure::new(GENERAL, format!("cannot read {path}: {error}")).hinted("nothing was sent")
            })
        }
        Chunk::PasteInput => Ok(Piece::Paste(read(Ok(io::stdin())).map_err(Failure::cannot("read standard input"))?)),
        Chunk::Text(_) | Chunk::Key(_) | Chunk::Bytes(_) => Ok(Piece::Keys(chunk)),
    }
}

fn read(source: io::Result<impl Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source?.take(PASTE_MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > PASTE_MAX_BYTES {
        return Err(io::Error::other("more than 16 MiB"));
    }
    Ok(bytes)
}

fn modes(screen: &Screen) -> KeyboardModes {
    KeyboardModes {
        application_cursor: screen.has_application_cursor_keys(),
        application_keypad: screen.has_application_keypad(),
        kitty_flags: screen.keyboard_flags(),
        backspace_sends_bs: screen.backspace_sends_bs(),
        enter_sends_crlf: screen.enter_sends_crlf(),
    }
}
