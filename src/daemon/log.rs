//! The daemon's log: one file, 1 MiB at most and one older one beside it. No secret and no terminal content goes there.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use tracing_subscriber::fmt::MakeWriter;

/// Size at which a log file is set aside.
const LOG_BYTES_MAX: u64 = 1 << 20;

/// Appends to one file and renames it to `.1` when it is full.
struct CappedFile {
    path: PathBuf,
    open: Mutex<Option<File>>,
}

struct Line<'a>(&'a CappedFile);

impl<'a> MakeWriter<'a> for CappedFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut open = self.0.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if open.as_ref().is_none_or(|file| file.metadata().is_ok_and(|meta| meta.len() >= LOG_BYTES_MAX)) {
            *open = Some(fresh(&self.0.path)?);
        }
        match open.as_mut() {
            // A full disk must not stop the daemon: what cannot be logged is not.
            Some(file) => file.write_all(bytes).map(|()| bytes.len()),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fresh(path: &Path) -> io::Result<File> {
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.len() >= LOG_BYTES_MAX) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Sends this process's log to `path`, and its panics too.
pub fn start(path: &Path, verbose: bool) {
    let level = if verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    let writer = CappedFile { path: path.to_owned(), open: Mutex::new(None) };
    let subscriber =
        tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_target(false).with_writer(writer);
    if tracing::subscriber::set_global_default(subscriber.finish()).is_err() {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("(no text)");
        tracing::error!(place, "panic: {text}");
    }));
}
