//! `coop logs`: the daemon's log, read where it lies; no daemon is needed for that.

use crate::client::Context;
use crate::client::failure::Failure;
use nix::sys::inotify::AddWatchFlags;
use nix::sys::inotify::InitFlags;
use nix::sys::inotify::Inotify;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

pub fn verb(context: &Context, follow: bool, lines: usize) -> Result<i32, Failure> {
    let path = context.home.log();
    let mut text = String::new();
    // The older file first, for a log that has just been set aside.
    for file in [path.with_extension("log.1"), path.clone()] {
        match File::open(&file) {
            Ok(mut file) => drop(file.read_to_string(&mut text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let all: Vec<&str> = text.lines().collect();
    for line in &all[all.len().saturating_sub(lines)..] {
        write_line(line)?;
    }
    if follow { follow_on(context).map(|()| 0) } else { Ok(0) }
}

fn write_line(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

fn follow_on(context: &Context) -> Result<(), Failure> {
    context.home.secure()?;
    let path = context.home.log();
    let watch = Inotify::init(InitFlags::IN_CLOEXEC).map_err(io::Error::from)?;
    let directory = path.parent().unwrap_or(context.home.root());
    let events = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    watch.add_watch(directory, events).map_err(io::Error::from)?;
    let mut open: Option<(u64, File)> = None;
    if let Ok(mut file) = File::open(&path) {
        io::copy(&mut file, &mut io::sink())?;
        open = Some((file.metadata()?.ino(), file));
    }
    loop {
        watch.read_events().map_err(io::Error::from)?;
        let mut out = io::stdout().lock();
        if let Some((_, file)) = &mut open {
            io::copy(file, &mut out)?;
        }
        // Set aside meanwhile? Then the rest of the old one has just been shown, and the new one is read from its start.
        let current = std::fs::metadata(&path).map(|meta| meta.ino()).ok();
        if current.is_some() && current != open.as_ref().map(|(inode, _)| *inode) {
            let mut file = File::open(&path)?;
            io::copy(&mut file, &mut out)?;
            open = Some((file.metadata()?.ino(), file));
        }
        out.flush()?;
    }
}
