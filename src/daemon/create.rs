//! From a specification to a running session: its directory, and in [`birth`] the process, the box, the agent.

mod birth;

use crate::daemon::create::birth::Failure;
use crate::daemon::held;
use crate::daemon::link::Link;
use crate::home;
use crate::home::CoopHome;
use crate::name::WinSize;
use crate::proto::control;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::sandbox::groups::Groups;
use crate::sandbox::plan::Places;
use crate::sandbox::prepare;
use crate::session::spec::BoxSpec;
use crate::session::spec::SessionSpec;
use crate::sys::memory;
use serde::de::DeserializeOwned;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// A session that has just been built.
#[derive(Debug)]
pub struct Made {
    pub session: SessionSpec,
    pub born: Born,
}

/// A live init and its connection.
#[derive(Debug)]
pub struct Born {
    pub link: Link,
    pub pidfd: OwnedFd,
    pub pid: i32,
}

/// What a daemon has for all of its boxes.
#[derive(Clone, Debug)]
pub struct Means {
    pub home: CoopHome,
    /// The soft limit of open files that the daemon was started with.
    pub open_files: u64,
    pub groups: Arc<Groups>,
    pub program: Arc<Mutex<Option<Arc<OwnedFd>>>>,
}

impl Means {
    /// The sealed copy of this binary that inits run from. A box that gets hold of it can change its mode and nothing else:
    /// then the next box gets another copy, which that one never sees.
    pub fn program(&self) -> io::Result<Arc<OwnedFd>> {
        let mut kept = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = kept.as_ref().filter(|program| memory::is_whole(program)) {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(memory::sealed_program()?);
        *kept = Some(Arc::clone(&program));
        Ok(program)
    }
}

/// The file that makes a directory a session's. It holds no secret.
pub const SESSION_FILE: &str = "session.json";

/// `None`: there is no such file, and so no session. One that cannot be read is an error that names it: whose files lie
/// there, and which of them are to persist, is not known then.
pub fn read_session_file(directory: &Path) -> io::Result<Option<SessionSpec>> {
    read_json(&directory.join(SESSION_FILE))
}

/// What a file holds, if it is there.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let named = |error: &dyn fmt::Display| format!("{} cannot be read: {error}", path.display());
    match fs::read(path) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes).map(Some);
            read.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, named(&error)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), named(&error))),
    }
}

/// What a session is made of, with the places where it is made.
#[derive(Debug)]
pub struct Plan {
    pub session: SessionSpec,
    pub boxed: BoxSpec,
    /// `sessions/<name>`
    pub directory: PathBuf,
    pub coop_home: PathBuf,
    pub size: WinSize,
}

/// Starts the init, lets it build the box and start the agent.
pub async fn create(means: &Means, session: SessionSpec, boxed: BoxSpec, size: WinSize) -> Result<Made, Refusal> {
    // Real paths, so that binds below them can insist on meeting no link.
    let root = means.home.root();
    let coop_home = fs::canonicalize(root).map_err(|error| cannot_write(root, &error))?;
    if coop_home.to_str().is_none() {
        let text = format!("{} leads to a path that is not UTF-8", root.display());
        return Err(Refusal::new(RefusalCode::Failed, text).hinted("set COOP_HOME to another directory"));
    }
    let directory = CoopHome::new(coop_home.clone(), None).session(&session.name);
    let mut plan = Plan { session, boxed, directory, coop_home, size };
    let has_none = plan.boxed.user.uid == 0 && plan.session.host_id.is_none();
    let mut ids_refused = has_none.then(|| "every id for boxes is taken".to_owned());
    let born = loop {
        plan.session.not_held = held::not_held(&means.groups, &plan.boxed, ids_refused.as_deref());
        match birth::attempt(means, &plan).await {
            Ok(born) => break born,
            Err(Failure::Refused(refusal)) => return Err(refusal),
            Err(Failure::Ids(why)) => {
                tracing::warn!(session = %plan.session.name, why, "the box gets the caller's own id");
                plan.session.host_id = None;
                ids_refused = Some(why);
            }
        }
    };
    Ok(Made { session: plan.session, born })
}

/// Makes what the box needs on the host.
fn prepare(plan: &Plan) -> Result<(), Refusal> {
    let Plan { session, boxed, directory, coop_home, .. } = plan;
    let places = Places { session: directory, coop_home, hostname: session.name.as_str() };
    prepare_directory(directory, session).map_err(|error| cannot_write(directory, &error))?;
    prepare::prepare(boxed, &session.persist, &places).map_err(|failed| cannot_write(directory, &failed.error))
}

fn cannot_write(directory: &Path, error: &io::Error) -> Refusal {
    let refusal = Refusal::new(RefusalCode::Failed, format!("cannot write {}: {error}", directory.display()));
    refusal.hinted(match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT) => "the disk is full: free some space, or set COOP_HOME to another disk",
        _ => "make it writable, or set COOP_HOME to a directory of yours",
    })
}

fn prepare_directory(directory: &Path, session: &SessionSpec) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let file = directory.join(SESSION_FILE);
    if !file.exists() {
        // What an earlier session of this name left when its end was interrupted is not this one's.
        crate::daemon::remove::remove_trees(directory)?;
    }
    // Not synced: that holds up what else is made on the file system meanwhile, and a crash of the machine that empties
    // the file has ended the session. What is left of it is listed all the same.
    home::replace_file(&file, &control::encode(session))
}
