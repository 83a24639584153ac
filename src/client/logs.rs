//! `coop logs`: the daemon's log, read where it lies; no daemon is needed for that.

use crate::client::Context;
use crate::client::failure::Failure;
use crate::text::last_lines;
use nix::sys::inotify::AddWatchFlags;
use nix::sys::inotify::InitFlags;
use nix::sys::inotify::Inotify;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub fn verb(context: &Context, follow: bool, lines: usize) -> Result<i32, Failure> {
    // Before anything is read: what is written from now on is not missed.
    let watch = if follow { Some(watch(context)?) } else { None };
    let path = context.home.log();
    let cannot_read = |error| Failure::cannot(format!("read {}", path.display()))(error);
    // This one first: should it be set aside meanwhile, it is found twice and not never.
    let mut current = Log::open(&path).map_err(cannot_read)?;
    let older = Log::open(&path.with_extension("log.1")).map_err(cannot_read)?;
    let mut text = Vec::new();
    for log in older.filter(|older| !older.is_same(current.as_ref())).iter_mut().chain(current.as_mut()) {
        log.file.read_to_end(&mut text).map_err(cannot_read)?;
    }
    let to_output = Failure::cannot("write to standard output");
    io::stdout().lock().write_all(last_lines(&text, lines)).map_err(to_output)?;
    match watch {
        Some(watch) => follow_on(&watch, &path, current).map_err(Failure::cannot("follow the log")),
        None => Ok(0),
    }
}

/// A file of the log, read up to where it was looked at last.
struct Log {
    inode: u64,
    file: File,
}

impl Log {
    /// `None`: it is not there.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self { inode: file.metadata()?.ino(), file })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_same(&self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| other.inode == self.inode)
    }
}

fn watch(context: &Context) -> Result<Inotify, Failure> {
    context.home.secure()?;
    let path = context.home.log();
    let directory = path.parent().unwrap_or(context.home.root());
    let events = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    let watch = Inotify::init(InitFlags::IN_CLOEXEC);
    let watch = watch.and_then(|watch| watch.add_watch(directory, events).map(|_| watch));
    watch.map_err(Failure::cannot(format!("watch {}", directory.display())))
}

fn follow_on(watch: &Inotify, path: &Path, mut current: Option<Log>) -> io::Result<i32> {
    loop {
        let mut out = io::stdout().lock();
        if let Some(log) = &mut current {
            io::copy(&mut log.file, &mut out)?;
        }
        // Set aside meanwhile? Then the rest of the old one has just been shown, and the new one is read from its start.
        let newer = Log::open(path)?.filter(|newer| !newer.is_same(current.as_ref()));
        if let Some(mut newer) = newer {
            io::copy(&mut newer.file, &mut out)?;
            current = Some(newer);
        }
        out.flush()?;
        drop(out);
        watch.read_events()?;
    }
}
