//! Control groups: what holds a box as a whole to its limits, where the kernel and whoever set up this machine let us.
//!
//! Who we are: the daemon, the caller on the host. Where groups can be made is found by making one. A group is named
//! after coop's directory and the session, so that any later daemon of the same directory finds and removes it.

use crate::name::SessionName;
use crate::proto::control::Membership;
use crate::sandbox;
use crate::session::spec::Limits;
use crate::sys::process;
use procfs::ProcessCGroup;
use procfs::process::MountInfo;

use sha2::Digest;
use sha2::Sha256;

use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// What a kernel counts for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    Memory,
    Pids,
    Cpu,
}

impl Controller {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }

    /// The files that hold a limit, with what is to be written there; `None`: nothing is limited.
    fn settings(self, version: Version, limits: &Limits) -> Option<Vec<(&'static str, String)>> {
        const PERIOD_US: u64 = 100_000; // the kernel's default (cgroup-v2, "CPU Interface Files")
        Some(match (self, version) {
            (Self::Memory, Version::Two) => vec![("memory.max", limits.memory?.to_string())],
            (Self::Memory, Version::One) => vec![("memory.limit_in_bytes", limits.memory?.to_string())],
            (Self::Pids, _) => vec![("pids.max", limits.pids?.to_string())],
            (Self::Cpu, version) => {
                let quota = u64::from(limits.cpus?) * PERIOD_US / 1000;
                match version {
                    Version::Two => vec![("cpu.max", format!("{quota} {PERIOD_US}"))],
                    Version::One => {
                        vec![("cpu.cfs_period_us", PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota.to_string())]
                    }
                }
            }
        })
    }

    /// Memory and swap together are no more than memory alone: a box that is at its limit is not to drag the machine into its
    /// swap. A kernel that does not count swap has no such file.
    fn without_swap(self, version: Version, limits: &Limits) -> Option<(&'static str, String)> {
        match (self, version) {
            (Self::Memory, Version::Two) => limits.memory.map(|_| ("memory.swap.max", "0".to_owned())),
            (Self::Memory, Version::One) => limits.memory.map(|most| ("memory.memsw.limit_in_bytes", most.to_string())),
            (Self::Pids | Self::Cpu, _) => None,
        }
    }

    /// The file without which a group holds nothing of this kind.
    fn file(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Memory, Version::Two) => "memory.max",
            (Self::Memory, Version::One) => "memory.limit_in_bytes",
            (Self::Pids, _) => "pids.max",
            (Self::Cpu, Version::Two) => "cpu.max",
            (Self::Cpu, Version::One) => "cpu.cfs_quota_us",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Longer than the birth of a box may take.
const YOUNG: Duration = Duration::from_secs(60);

/// Where groups of one kind can be made.
#[derive(Clone, Debug)]
struct Place {
    controller: Controller,
    version: Version,
    directory: PathBuf,
}

/// All that this daemon can hold.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    places: Vec<Place>,
    /// What the names of this daemon's groups begin with.
    prefix: String,
}

impl Groups {
    /// Finds out where groups can be made; removes those that earlier daemons of the same directory left empty.
    pub fn find(coop_home: &Path) -> Self {
        let mut prefix = String::from("coop-");
        for byte in &Sha256::digest(coop_home.as_os_str().as_encoded_bytes())[..6] {
            prefix += &format!("{byte:02x}");
        }
        prefix.push('-');
        let places = own_groups().map(|(mounts, own)| places(&mounts, &own, &prefix)).unwrap_or_default();
        let groups = Self { places, prefix };
        groups.sweep();
        groups
    }

    pub fn holds(&self, controller: Controller) -> bool {
        self.places.iter().any(|place| place.controller == controller)
    }

    /// Makes the groups of a box, with its limits set.
    pub fn make(&self, name: &SessionName, limits: &Limits) -> io::Result<Vec<Membership>> {
        // One that an earlier box of this name has left has its limits.
        self.remove(name);
        let mut memberships = Vec::new();
        for place in &self.places {
            let Some(settings) = place.controller.settings(place.version, limits) else { continue };
            let directory = place.directory.join(format!("{}{name}", self.prefix));
            match fs::create_dir(&directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(named(&directory, &error)),
                _ => {}
            }
            for (file, value) in settings {
                let file = directory.join(file);
                fs::write(&file, value).map_err(|error| named(&file, &error))?;
            }
            if let Some((file, value)) = place.controller.without_swap(place.version, limits) {
                let file = directory.join(file);
                match fs::OpenOptions::new()
                    .write(true)
                    .open(&file)
                    .and_then(|mut file| file.write_all(value.as_bytes()))
                {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(&file, &error)),
                    _ => {}
                }
            }
            let version = if place.version == Version::One { 1 } else { 2 };
            let membership = Membership { version, directory };
            if !memberships.contains(&membership) {
                memberships.push(membership);
            }
        }
        Ok(memberships)
    }

    /// Removes a box's groups, when its last process has gone. One that is still going keeps them for the next sweep.
    pub fn remove(&self, name: &SessionName) {
        for place in &self.places {
            fs::remove_dir(place.directory.join(format!("{}{name}", self.prefix))).ok();
        }
    }

    /// Removes groups that nothing is in, since the kernel refuses all others: those of this daemon's directory, and those
    /// of any other that are older than a box needs to be born into its own, for no daemon may ever come there again.
    fn sweep(&self) {
        let is_old = |entry: &fs::DirEntry| {
            let made = entry.metadata().and_then(|found| found.modified()).ok();
            made.and_then(|made| made.elapsed().ok()).is_some_and(|age| age > YOUNG)
        };
        for place in &self.places {
            for entry in fs::read_dir(&place.directory).into_iter().flatten().flatten() {
                let name = entry.file_name().into_string().unwrap_or_default();
                if name.starts_with(&self.prefix) || (name.starts_with("coop-") && is_old(&entry)) {
                    fs::remove_dir(entry.path()).ok();
                }
            }
        }
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn own_groups() -> Option<(Vec<MountInfo>, Vec<ProcessCGroup>)> {
    let own = procfs::process::Process::myself().ok()?;
    Some((own.mountinfo().ok()?.0, own.cgroups().ok()?.0))
}

/// The best place for each controller. A process is in one group of version 2 only, so that those of that version have one
/// place together.
fn places(mounts: &[MountInfo], own: &[ProcessCGroup], prefix: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut unified = Vec::new();
    for controller in Controller::ALL.into_iter().filter(|_| sandbox::HARDENED) {
        let name = controller.name();
        match own.iter().find(|group| group.hierarchy != 0 && group.controllers.iter().any(|one| one == name)) {
            Some(group) => places.extend(first_version(controller, group, mounts, prefix)),
            None => unified.push(controller),
        }
    }
    if let Some(group) = own.iter().find(|group| group.hierarchy == 0).filter(|_| !unified.is_empty()) {
        places.extend(second_version(&unified, &above(group, mounts), prefix));
    }
    places
}

/// Where `group` is seen, if `mount` shows it: a mount may show a part of the hierarchy only, as in a container.
fn seen(group: &ProcessCGroup, mount: &MountInfo) -> Option<PathBuf> {
    let below = Path::new(&group.pathname).strip_prefix(&mount.root).ok()?;
    Some(mount.mount_point.join(below))
}

/// As high up as can be: there the next daemon finds it, too, and nobody's login ends with it.
fn first_version(controller: Controller, group: &ProcessCGroup, mounts: &[MountInfo], prefix: &str) -> Option<Place> {
    let name = controller.name();
    let is_its = |mount: &&MountInfo| mount.fs_type == "cgroup" && mount.super_options.contains_key(name);
    let mount = mounts.iter().rfind(is_its)?;
    let candidates = [Some(mount.mount_point.clone()), seen(group, mount)].into_iter().flatten();
    candidates.map(|directory| Place { controller, version: Version::One, directory }).find(|place| {
        let file = controller.file(Version::One);
        in_probe(&place.directory, prefix, |probe| is_writable(&probe.join(file)) && is_writable(&probe.join("tasks")))
    })
}

/// All groups above this one and itself, the highest first.
fn above(group: &ProcessCGroup, mounts: &[MountInfo]) -> Vec<PathBuf> {
    let Some(mount) = mounts.iter().rfind(|mount| mount.fs_type == "cgroup2") else { return Vec::new() };
    let Some(directory) = seen(group, mount) else { return Vec::new() };
    let above = directory.ancestors().take_while(|directory| directory.starts_with(&mount.mount_point));
    let mut all: Vec<PathBuf> = above.map(Path::to_owned).collect();
    all.reverse();
    all
}

/// The highest group below which all of these work, or else the one where most do. What was switched on elsewhere is
/// switched off again.
fn second_version(controllers: &[Controller], directories: &[PathBuf], prefix: &str) -> Vec<Place> {
    let mut best: (Option<&PathBuf>, usize) = (None, 0);
    for directory in directories {
        let switched = switch_on(controllers, directory);
        let working = working(controllers, directory, prefix).len();
        if working == controllers.len() {
            best = (Some(directory), working);
            break;
        }
        switched.iter().for_each(|controller| switch(directory, '-', *controller));
        if working > best.1 {
            best = (Some(directory), working);
        }
    }
    let Some(directory) = best.0 else { return Vec::new() };
    switch_on(controllers, directory);
    let place = |controller| Place { controller, version: Version::Two, directory: directory.clone() };
    working(controllers, directory, prefix).into_iter().map(place).collect()
}

/// Lets groups below this one be limited. Not where processes are, but in the root of all: the kernel would refuse some of
/// them, and with the others make a group of threads out of it.
fn switch_on(controllers: &[Controller], directory: &Path) -> Vec<Controller> {
    let is_root = !directory.join("cgroup.type").exists();
    let is_empty = fs::read(directory.join("cgroup.procs")).is_ok_and(|members| members.is_empty());
    let on = fs::read_to_string(directory.join("cgroup.subtree_control")).unwrap_or_default();
    let is_on = |controller: &Controller| on.split_whitespace().any(|name| name == controller.name());
    let missing: Vec<Controller> = controllers.iter().filter(|one| !is_on(one)).copied().collect();
    if !is_root && !is_empty {
        return Vec::new();
    }
    missing.iter().for_each(|controller| switch(directory, '+', *controller));
    missing
}

/// What comes of it is seen from what works then.
fn switch(directory: &Path, sign: char, controller: Controller) {
    fs::write(directory.join("cgroup.subtree_control"), format!("{sign}{}", controller.name())).ok();
}

/// Those that limit a group below this one, if a process of ours can be born in it.
fn working(controllers: &[Controller], directory: &Path, prefix: &str) -> Vec<Controller> {
    let mut found = Vec::new();
    in_probe(directory, prefix, |probe| {
        let limits = |controller: &&Controller| is_writable(&probe.join(controller.file(Version::Two)));
        found = controllers.iter().filter(limits).copied().collect();
        let entered = fs::File::open(probe).is_ok_and(|group| process::is_born_in(&group));
        if !entered {
            found.clear();
        }
        entered
    });
    found
}

/// What a group that is made below this one for the time of a look is like; `false` if none can be made.
fn in_probe(directory: &Path, prefix: &str, look: impl FnOnce(&Path) -> bool) -> bool {
    let probe = directory.join(format!("{prefix}{}.probe", std::process::id()));
    if fs::create_dir(&probe).is_err() {
        return false;
    }
    let seen = look(&probe);
    fs::remove_dir(&probe).ok();
    seen
}

fn is_writable(file: &Path) -> bool {
    fs::OpenOptions::new().write(true).open(file).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { memory: Some(1 << 30), pids: Some(100), cpus: Some(1500), disk: None, open_files: None };

    #[test]
    fn a_limit_is_written_as_its_version_wants_it() {
        let cpu = |version| Controller::Cpu.settings(version, &LIMITS).unwrap();
        assert_eq!(cpu(Version::Two), [("cpu.max", "150000 100000".to_owned())]);
        assert_eq!(
            cpu(Version::One),
            [("cpu.cfs_period_us", "100000".to_owned()), ("cpu.cfs_quota_us", "150000".to_owned())]
        );
        let memory = Controller::Memory.settings(Version::Two, &LIMITS).unwrap();
        assert_eq!(memory, [("memory.max", "1073741824".to_owned())]);
    }

    #[test]
    fn what_has_no_limit_needs_no_group() {
        for controller in Controller::ALL {
            assert_eq!(controller.settings(Version::Two, &Limits::default()), None);
        }
    }
}
