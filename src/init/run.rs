//! The init's start: takes its orders, builds the box, then serves.

use crate::init::SPARE_FD;
use crate::init::serve::Init;
use crate::init::spawn::Surroundings;
use crate::proto::control;
use crate::proto::control::Build;
use crate::proto::control::FromInit;
use crate::proto::control::ToInit;
use crate::sandbox;
use crate::sandbox::build;
use crate::sandbox::explain::SandboxError;
use crate::sandbox::explain::While;
use crate::sandbox::filter;
use crate::sandbox::filter::Strictness;
use crate::sandbox::plan;
use crate::sandbox::plan::Places;
use crate::sandbox::view::HostView;
use crate::session::mounting::Op;
use crate::session::spec::NetworkMode;
use crate::sys::caps;
use crate::sys::memory;
use crate::sys::process;
use crate::sys::seccomp;
use crate::sys::socket;
use nix::errno::Errno;
use std::ffi::CString;
use std::os::fd::OwnedFd;

/// Runs as PID 1 until the box is empty and told to end; returns the process's exit code.
pub fn run() -> i32 {
    process::call_me(c"coop-init");
    let (Ok(control), Ok(spare)) = (take_control(), keep_spare()) else { return 1 };
    match prepare(&control) {
        Ok((build, around)) => match Init::new(control, spare, build.session, around) {
            Ok(init) => init.serve(),
            Err(_) => 1,
        },
        Err(error) => {
            let failed = FromInit::Failed { what: error.to_string(), hint: error.hint };
            i32::from(socket::send_message(&control, &control::encode(&failed), &[], true).is_err()) + 1
        }
    }
}

/// Moves the control socket away from descriptor 0, which programs are given as their standard input.
fn take_control() -> std::io::Result<OwnedFd> {
    let inherited = process::inherited(0)?;
    let control = nix::fcntl::fcntl(&inherited, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(10))?;
    let null = process::inherited(1)?;
    drop(inherited);
    process::place_at(&null, 0, false)?;
    // 0 and 1 stay occupied for the whole life of the init.
    std::mem::forget(null);
    process::owned_number(control)
}

fn prepare(control: &OwnedFd) -> Result<(Build, Surroundings), SandboxError> {
    let orders = receive_build(control)?;
    // Only now, inside the outer user namespace: earlier the maps could not have been written.
    caps::become_undumpable().during(|| "cannot make the init undumpable".to_owned())?;
    match &orders.mounts {
        Some(ops) => {
            let binds = ops.iter().filter(|op| matches!(op, Op::Bind(_))).count();
            build::build(ops, Some(receive_trees(control, binds)?))?;
        }
        None => {
            let hostname = orders.session.name.as_str();
            let places = Places { session: &orders.directory, coop_home: &orders.coop_home, hostname };
            let view = HostView::look(&orders.boxed, &orders.coop_home)?;
            build::build(&plan::plan(&orders.boxed, &view, &places), None)?;
        }
    }
    nix::unistd::sethostname(orders.session.name.as_str()).during(|| "cannot set the host name".to_owned())?;
    if orders.boxed.network == NetworkMode::None {
        crate::sys::net::loopback_up().during(|| "cannot bring up the loopback device".to_owned())?;
    }
    restrict()?;
    let around = surroundings(&orders)?;
    Ok((orders, around))
}

/// The init itself, and with it all programs as one: scopes of their own would part a `coop shell` from the agent. They can
/// signal nothing and connect to no abstract socket outside of the box. Where the kernel has no scopes, the pid namespace
/// holds the first, and a network namespace the second if there is one; the daemon says so.
fn restrict() -> Result<(), SandboxError> {
    caps::no_new_privileges().during(|| "cannot set no_new_privs".to_owned())?;
    if sandbox::HARDENED && seccomp::landlock_version() >= seccomp::LANDLOCK_SCOPES {
        seccomp::scope().during(|| "cannot close the box's scope (Landlock)".to_owned())?;
    }
    Ok(())
}

fn receive_build(control: &OwnedFd) -> Result<Build, SandboxError> {
    let what = || "the daemon's orders did not arrive".to_owned();
    let message = socket::receive_message(control, control::MESSAGE_BYTES_MAX, true).during(what)?;
    let message = message.ok_or_else(|| SandboxError::new(what(), Errno::EPIPE))?;
    let bad = |_| SandboxError::new("the daemon's orders cannot be read", Errno::EBADMSG);
    let ToInit::Build = control::decode(&message.bytes).map_err(bad)? else {
        return Err(SandboxError::new("the daemon's first word was not `build`", Errno::EPROTO));
    };
    let parcel = message.fds.into_iter().next().ok_or_else(|| SandboxError::new(what(), Errno::EBADF))?;
    let bytes = memory::open_parcel(parcel, control::PARCEL_BYTES_MAX).during(what)?;
    control::decode(&bytes).map_err(bad)
}

/// The trees that the daemon has cloned for the plan.
fn receive_trees(control: &OwnedFd, wanted: usize) -> Result<Vec<OwnedFd>, SandboxError> {
    let what = || "the box's trees did not arrive".to_owned();
    let mut trees = Vec::new();
    while trees.len() < wanted {
        let message = socket::receive_message(control, control::MESSAGE_BYTES_MAX, true).during(what)?;
        let message = message.filter(|message| !message.fds.is_empty());
        trees.extend(message.ok_or_else(|| SandboxError::new(what(), Errno::EPROTO))?.fds);
    }
    Ok(trees)
}

fn keep_spare() -> nix::Result<OwnedFd> {
    let (ours, daemons) = socket::message_pair()?;
    process::place_at(&daemons, SPARE_FD, false)?;
    Ok(ours)
}

fn surroundings(orders: &Build) -> Result<Surroundings, SandboxError> {
    let boxed = &orders.boxed;
    let workspace = boxed.workspace.display().to_string();
    let mut pairs: Vec<(&str, String)> =
        boxed.env.iter().map(|(name, value)| (name.as_str(), value.expose().to_owned())).collect();
    pairs.extend([
        ("COOP_SESSION", orders.session.name.to_string()),
        ("COOP_WORKSPACE", workspace),
        ("COOP_CREATED", orders.session.created_unix_s.to_string()),
        ("IS_SANDBOX", "1".to_owned()),
    ]);
    let path = pairs.iter().rfind(|(name, _)| *name == "PATH").map(|(_, value)| value.clone()).unwrap_or_default();
    let env: Result<Vec<CString>, _> =
        pairs.iter().map(|(name, value)| CString::new(format!("{name}={value}"))).collect();
    let env = env.map_err(|_| SandboxError::new("an environment variable holds a NUL byte", Errno::EINVAL))?;
    Ok(Surroundings {
        user: boxed.user.clone(),
        env,
        path,
        directory: boxed.workspace.clone(),
        open_files: orders.open_files,
        limits: boxed.limits,
        nesting: boxed.nesting,
        each_memory: !orders.memory_is_held,
        filter: filter::program(Strictness { nesting: boxed.nesting, root: boxed.user.uid == 0 }),
        inner: None,
    })
}
