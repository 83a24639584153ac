//! Starting a program in the box: the only place where the box's programs come from.

use crate::init::stage1;
use crate::sandbox;
use crate::session::spec::BoxUser;
use crate::session::spec::Limits;
use crate::sys::caps;
use crate::sys::process;
use crate::sys::pty;
use crate::sys::seccomp;
use crate::sys::seccomp::Instruction;
use crate::sys::socket;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::sched::CloneFlags;
use nix::sys::resource::Resource;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::ForkResult;
use nix::unistd::Pid;
use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

/// A program is exec'ed within a millisecond; from a network file system on a bad day within seconds.
const START_LIMIT: Duration = Duration::from_secs(10);
/// The child's word that its namespace can be opened. No error's text begins with NUL.
const NESTED: &[u8] = b"\0nested";

/// What all programs of a box have in common.
#[derive(Debug)]
pub struct Surroundings {
    pub user: BoxUser,
    /// `NAME=value`, complete.
    pub env: Vec<CString>,
    /// PATH, for finding programs.
    pub path: String,
    /// Where programs start.
    pub directory: std::path::PathBuf,
    pub open_files: u64,
    pub limits: Limits,
    /// Nothing counts the memory of the box as a whole: each program is held to the limit by itself.
    pub each_memory: bool,
    /// Programs may make namespaces of their own.
    pub nesting: bool,
    /// The filter of system calls.
    pub filter: Vec<Instruction>,
    /// The inner user namespace: made by the box's first program, entered by all later ones, so that they see and may
    /// trace each other.
    pub inner: Option<OwnedFd>,
}

/// A program that did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    #[error("{what}: {errno}")]
    Failed { what: String, errno: Errno },
    /// The child's own words.
    #[error("{0}")]
    Told(String),
}

fn failed(what: &str) -> impl FnOnce(Errno) -> SpawnError + use<> {
    let what = what.to_owned();
    move |errno| SpawnError::Failed { what, errno }
}

/// Starts `argv` with `terminal` as its controlling terminal; returns when it has been exec'ed.
pub fn spawn(argv: &[String], terminal: &OwnedFd, around: &mut Surroundings) -> Result<Pid, SpawnError> {
    let words: Result<Vec<CString>, _> = argv.iter().map(|word| CString::new(word.as_str())).collect();
    let words = words.map_err(|_| failed("a command line cannot hold a NUL byte")(Errno::EINVAL))?;
    let program = argv.first().ok_or_else(|| failed("an empty command line")(Errno::EINVAL))?;
    let candidates = candidates(program, &around.path);
    // The child's end closes on exec; what comes through it before is why that did not happen.
    let (report, reporter) = socket::message_pair().map_err(failed("cannot make a pair of sockets"))?;
    match process::fork_single_threaded().map_err(failed("cannot fork"))? {
        ForkResult::Child => {
            drop(report);
            let Err(error) = become_program(&words, &candidates, terminal, around, &reporter);
            let told = socket::send_message(&reporter, error.to_string().as_bytes(), &[], true);
            std::process::exit(if told.is_ok() { 126 } else { 125 });
        }
        ForkResult::Parent { child } => {
            drop(reporter);
            await_start(child, &report, around).inspect_err(|_| {
                // It has ended, or it hangs; the loop that reaps takes either.
                nix::sys::signal::kill(child, Signal::SIGKILL).ok();
            })?;
            Ok(child)
        }
    }
}

/// Waits until the child has been exec'ed. Files that do not answer (a dead network server) must not stop the whole box.
fn await_start(child: Pid, report: &OwnedFd, around: &mut Surroundings) -> Result<(), SpawnError> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let left =
            PollTimeout::try_from(deadline.saturating_duration_since(Instant::now())).unwrap_or(PollTimeout::MAX);
        match nix::poll::poll(&mut [PollFd::new(report.as_fd(), PollFlags::POLLIN)], left) {
            Ok(0) => return Err(failed("the program's file does not answer")(Errno::ETIMEDOUT)),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(failed("cannot wait for the program")(errno)),
        }
        match socket::receive_message(report, 4096, true).map_err(failed("cannot hear of the program"))? {
            None => return Ok(()),
            Some(said) if said.bytes == NESTED => {
                // Before it runs a single instruction of the program: that could go elsewhere and lead later ones there.
                around.inner = Some(inner_namespace(child)?);
                socket::send_message(report, b"go", &[], true).map_err(failed("cannot start the program"))?;
            }
            Some(said) => return Err(SpawnError::Told(String::from_utf8_lossy(&said.bytes).into_owned())),
        }
    }
}

fn inner_namespace(child: Pid) -> Result<OwnedFd, SpawnError> {
    let path = format!("/proc/{child}/ns/user");
    nix::fcntl::open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(failed("cannot keep the box's inner namespace"))
}

/// Who we are: a fresh child of the init, uid 0 of the outer namespace with all its rights. Each step gives some away;
/// the order is what each still needs.
fn become_program(
    words: &[CString],
    candidates: &[CString],
    terminal: &OwnedFd,
    around: &Surroundings,
    reporter: &OwnedFd,
) -> Result<Infallible, SpawnError> {
    nix::unistd::setsid().map_err(failed("setsid"))?;
    pty::make_controlling(terminal).map_err(failed("cannot take the terminal"))?;
    nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    if sandbox::HARDENED {
        limit(around)?;
    }
    // The inner namespaces: mounts that come along are locked from here on, and nothing here is over the init.
    match &around.inner {
        Some(inner) => {
            nix::sched::setns(inner, CloneFlags::CLONE_NEWUSER).map_err(failed("cannot enter the box"))?;
            process::unshare(CloneFlags::CLONE_NEWNS).map_err(failed("cannot nest the box"))?;
        }
        None => nest(around, reporter)?,
    }
    let maps_root = around.nesting && around.user.uid == 0;
    caps::drop_all(maps_root).map_err(failed("cannot drop capabilities"))?;
    caps::no_new_privileges().map_err(failed("cannot set no_new_privs"))?;
    for number in 0..3 {
        process::place_at(terminal, number, true).map_err(failed("cannot hand over the terminal"))?;
    }
    nix::unistd::chdir(&around.directory)
        .map_err(failed(&format!("cannot enter {} in the box", around.directory.display())))?;
    process::reset_signals().map_err(failed("cannot reset signals"))?;
    process::mark_from_close_on_exec(3).map_err(failed("cannot close descriptors"))?;
    // Last: what stands above may use calls that the program may not.
    if sandbox::HARDENED {
        seccomp::load_filter(&around.filter).map_err(failed("cannot load the filter of system calls"))?;
    }
    exec_first(words, candidates, &around.env)
}

/// While still in the outer namespace: the number of processes is counted for each namespace from the limit that it was
/// made with, and who is preferred when memory runs out may only be said by a user whom the namespace has.
fn limit(around: &Surroundings) -> Result<(), SpawnError> {
    let limits = &around.limits;
    let lower = |resource, soft: u64, hard: u64, what: &'static str| {
        nix::sys::resource::getrlimit(resource)
            .map(|(_, before)| hard.min(before))
            .and_then(|hard| nix::sys::resource::setrlimit(resource, soft.min(hard), hard))
            .map_err(failed(what))
    };
    let open_files = limits.open_files.unwrap_or(u64::MAX);
    lower(Resource::RLIMIT_NOFILE, around.open_files, open_files, "cannot set the limit of open files")?;
    // With 1 nothing is dumped, not even into a program of the host; with 0 that would be started (core(5)).
    lower(Resource::RLIMIT_CORE, 1, 1, "cannot forbid core dumps")?;
    if let Some(pids) = limits.pids.map(u64::from) {
        lower(Resource::RLIMIT_NPROC, pids, pids, "cannot set the limit of processes")?;
    }
    if let Some(disk) = limits.disk {
        lower(Resource::RLIMIT_FSIZE, disk, disk, "cannot set the limit of a file's size")?;
    }
    if let Some(memory) = limits.memory.filter(|_| around.each_memory) {
        // Of data, not of address space: WebAssembly reserves terabytes that it never touches.
        lower(Resource::RLIMIT_DATA, memory, memory, "cannot set the limit of memory")?;
    }
    if around.each_memory {
        // Before anything of the host's. A kernel without the file has no such preference.
        std::fs::write("/proc/self/oom_score_adj", "1000").ok();
    }
    Ok(())
}

/// Makes the inner namespace, and waits until the init holds it.
fn nest(around: &Surroundings, reporter: &OwnedFd) -> Result<(), SpawnError> {
    process::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(failed("cannot nest the box"))?;
    stage1::map_self(around.user.uid, around.user.gid, 0, 0)
        .map_err(|error| failed("cannot map the user")(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))))?;
    socket::send_message(reporter, NESTED, &[], true).map_err(failed("cannot report to the init"))?;
    socket::receive_message(reporter, 16, true).map_err(failed("cannot hear the init"))?;
    Ok(())
}

fn exec_first(words: &[CString], candidates: &[CString], env: &[CString]) -> Result<Infallible, SpawnError> {
    let mut seen = Errno::ENOENT;
    for candidate in candidates {
        let Err(errno) = nix::unistd::execve(candidate, words, env);
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => {}
            // As execvp does: remember that it was there, look further.
            Errno::EACCES => seen = errno,
            _ => return Err(failed(&format!("cannot run {}", candidate.to_string_lossy()))(errno)),
        }
    }
    let program = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    Err(failed(&format!("cannot run {program} in the box"))(seen))
}

fn candidates(program: &str, path: &str) -> Vec<CString> {
    if program.contains('/') {
        return CString::new(program).into_iter().collect();
    }
    let places = path.split(':').map(|dir| if dir.is_empty() { "." } else { dir });
    places
        .filter_map(|dir| CString::new(Path::new(dir).join(program).into_os_string().into_encoded_bytes()).ok())
        .collect()
}
