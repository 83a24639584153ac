//! What boxes are made with: tried in throw-away children, never read off a version.

use crate::client::Context;
use crate::client::doctor::Feature;
use crate::client::failure::Failure;
use crate::sandbox::explain;
use crate::sandbox::filter;
use crate::sandbox::filter::Strictness;
use crate::sandbox::groups::Controller;
use crate::sandbox::groups::Groups;
use crate::sys::caps;
use crate::sys::memory;
use crate::sys::process;
use crate::sys::seccomp;
use nix::errno::Errno;
use nix::sched::CloneFlags;

pub fn look(context: &Context) -> Result<Vec<Feature>, Failure> {
    let tried = |attempt: &dyn Fn() -> nix::Result<()>| {
        process::in_a_child(attempt).map_err(Failure::cannot("start a child process"))
    };
    let namespaces = tried(&|| process::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS))?;
    let network = tried(&|| process::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET))?;
    let filter = tried(&|| {
        caps::no_new_privileges()?;
        seccomp::load_filter(&filter::program(Strictness { nesting: false, root: false }))
    })?;
    let scope = tried(&|| {
        caps::no_new_privileges()?;
        seccomp::scope()
    })?;
    let sealed = tried(&|| memory::sealed_program().map(drop).map_err(|_| Errno::EACCES))?;
    let mut features = vec![
        feature("user namespaces", "the box itself", namespaces, |errno| explain::namespaces_refused(errno).hint),
        feature("network namespaces", "[network] mode = \"none\"", network, |_| None),
        feature("seccomp", "the filter of system calls", filter, |_| kernel("CONFIG_SECCOMP_FILTER")),
        feature("Landlock scopes", "abstract sockets of the host", scope, |_| {
            Some("Linux 6.12 or later, with `landlock` among the security modules (lsm=)".to_owned())
        }),
        feature("sealed program", "nobody changes the init's binary", sealed, |_| {
            Some("sysctl -w vm.memfd_noexec=0 (or 1), as root".to_owned())
        }),
    ];
    features.extend(limits(context));
    if context.host.user.uid == 0 {
        let own = process::in_a_child(&own_id).map_err(Failure::cannot("start a child process"))?;
        features.push(feature("ids of their own", "root's boxes are nobody on the host", own, |_| {
            Some("run coop where root has all ids (no container without them)".to_owned())
        }));
    }
    Ok(features)
}

fn feature(
    name: &'static str,
    what_for: &str,
    tried: nix::Result<()>,
    remedy: impl FnOnce(Errno) -> Option<String>,
) -> Feature {
    match tried {
        Ok(()) => Feature { name, works: true, why: what_for.to_owned(), remedy: None },
        Err(errno) => Feature { name, works: false, why: format!("{what_for}: {errno}"), remedy: remedy(errno) },
    }
}

fn kernel(option: &str) -> Option<String> {
    Some(format!("a kernel with {option}"))
}

fn own_id() -> nix::Result<()> {
    process::user_namespace_of(crate::daemon::ids::IDS.start)
        .map(drop)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}

fn limits(context: &Context) -> Vec<Feature> {
    let groups = Groups::find(&context.home.root().join("doctor"));
    let named = [
        (Controller::Memory, "memory limit", "all programs of a box together"),
        (Controller::Pids, "process limit", "all processes of a box together"),
        (Controller::Cpu, "processor limit", "[limits] cpus"),
    ];
    let feature = |(controller, name, what_for): (Controller, &'static str, &str)| {
        let works = groups.holds(controller);
        let instead = match controller {
            Controller::Memory => "; each program by itself is held to it",
            Controller::Pids => "; the kernel's limit for a user holds instead",
            Controller::Cpu => "",
        };
        let why = if works { what_for.to_owned() } else { format!("no control group can be made{instead}") };
        let remedy = format!("have systemd delegate it: Delegate={} for user@.service", controller.name());
        Feature { name, works, why, remedy: (!works).then_some(remedy) }
    };
    let mut features: Vec<Feature> = named.into_iter().map(feature).collect();
    features.push(Feature {
        name: "disk limit",
        works: false,
        why: "each file is held to it, all files of a box together are not".to_owned(),
        remedy: Some("a file system of its own, or a quota, for the workspace and coop's directory".to_owned()),
    });
    features
}
