//! What is left of a session that was killed: the files that persist, and beside them whose they are. A name made from a
//! directory's is no proof of that: `web` may be another `web` next time.

use crate::daemon::create;
use crate::daemon::create::SESSION_FILE;
use crate::home;
use crate::home::CoopHome;
use crate::name::SessionName;
use crate::proto::control;
use crate::proto::door::Kept;
use serde::Deserialize;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Beside `persist`. Without it (an earlier release kept none) whoever has the name has the files.
pub const RECORD: &str = "persist.json";

#[derive(Serialize, Deserialize)]
struct Record {
    workspace: PathBuf,
}

/// The workspace that the kept files of a session's directory belong to, if there are any and it was written down. What
/// was written down and cannot be read is an error: then they are nobody's.
pub fn owner(directory: &Path) -> io::Result<Option<PathBuf>> {
    if !has_files(directory) {
        return Ok(None);
    }
    let record: Option<Record> = create::read_json(&directory.join(RECORD))?;
    Ok(record.map(|record| record.workspace))
}

pub fn has_files(directory: &Path) -> bool {
    fs::read_dir(directory.join("persist")).is_ok_and(|mut entries| entries.next().is_some())
}

/// Written before anything is put aside, so that nothing ever lies there as nobody's.
pub fn record(directory: &Path, workspace: &Path) -> io::Result<()> {
    home::replace_file(&directory.join(RECORD), &control::encode(&Record { workspace: workspace.to_owned() }))
}

/// The names of which only such files are left, in order.
pub fn all(home: &CoopHome) -> Vec<Kept> {
    let Ok(entries) = fs::read_dir(home.sessions()) else { return Vec::new() };
    let kept = |entry: fs::DirEntry| {
        let directory = entry.path();
        let name: SessionName = entry.file_name().to_str()?.parse().ok()?;
        let only_kept = has_files(&directory) && !directory.join(SESSION_FILE).exists();
        // Of a record that cannot be read as little is known as of one that is not there.
        only_kept.then(|| Kept { name, workspace: owner(&directory).ok().flatten() })
    };
    let mut all: Vec<Kept> = entries.flatten().filter_map(kept).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}
