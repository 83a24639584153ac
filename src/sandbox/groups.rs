//! Control groups: what holds a box as a whole to its limits, where the kernel and whoever set up this machine let us.
//!
//! Who we are: the daemon, the caller on the host. Where groups can be made is found by making one. A group is named
//! after coop's directory and the session, so that any later daemon of the same directory finds and removes it.

use crate::name::SessionName;
use crate::session::spec::Limits;
use procfs::ProcessCGroup;
use procfs::process::MountInfo;

use sha2::Digest;
use sha2::Sha256;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

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

/// The groups of one box: a directory each.
#[derive(Debug)]
pub struct Group {
    directories: Vec<PathBuf>,
}

impl Groups {
    /// Finds out where groups can be made; removes those that earlier daemons of the same directory left empty.
    pub fn find(coop_home: &Path) -> Self {
        let mut prefix = String::from("coop-");
        for byte in &Sha256::digest(coop_home.as_os_str().as_encoded_bytes())[..6] {
            write!(prefix, "{byte:02x}").expect("a string takes all that is written to it");
        }
        prefix.push('-');
        let (mounts, own) = own_groups().unwrap_or_default();
        let mut places = Vec::new();
        for controller in Controller::ALL {
            let found = candidates(controller, &mounts, &own).into_iter().find(|place| place.works(&prefix));
            places.extend(found);
        }
        let groups = Self { places, prefix };
        groups.sweep();
        groups
    }

    pub fn holds(&self, controller: Controller) -> bool {
        self.places.iter().any(|place| place.controller == controller)
    }

    /// Makes the groups of a box, with its limits set.
    pub fn make(&self, name: &SessionName, limits: &Limits) -> io::Result<Group> {
        let mut group = Group { directories: Vec::new() };
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
            if !group.directories.contains(&directory) {
                group.directories.push(directory);
            }
        }
        Ok(group)
    }

    /// Removes a box's groups, when its last process has gone. One that is still going keeps them for the next sweep.
    pub fn remove(&self, name: &SessionName) {
        for place in &self.places {
            fs::remove_dir(place.directory.join(format!("{}{name}", self.prefix))).ok();
        }
    }

    /// Removes every group of this daemon's directory that nothing is in: the kernel refuses all others.
    pub fn sweep(&self) {
        for place in &self.places {
            for entry in fs::read_dir(&place.directory).into_iter().flatten().flatten() {
                if entry.file_name().to_str().is_some_and(|name| name.starts_with(&self.prefix)) {
                    fs::remove_dir(entry.path()).ok();
                }
            }
        }
    }
}

impl Group {
    /// This process, and all that it starts from now on, count for the box.
    pub fn admit(&self, pid: i32) -> io::Result<()> {
        self.directories.iter().try_for_each(|directory| {
            let file = directory.join("cgroup.procs");
            fs::write(&file, pid.to_string()).map_err(|error| named(&file, &error))
        })
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn own_groups() -> Option<(Vec<MountInfo>, Vec<ProcessCGroup>)> {
    let own = procfs::process::Process::myself().ok()?;
    Some((own.mountinfo().ok()?.0, own.cgroups().ok()?.0))
}

/// Where a group for `controller` might be made, the best first: highest up, where nobody's session ends with it.
fn candidates(controller: Controller, mounts: &[MountInfo], own: &[ProcessCGroup]) -> Vec<Place> {
    let name = controller.name();
    let first = own.iter().find(|group| group.hierarchy != 0 && group.controllers.iter().any(|one| one == name));
    let (group, version) = match (first, own.iter().find(|group| group.hierarchy == 0)) {
        (Some(group), _) => (group, Version::One),
        (None, Some(group)) => (group, Version::Two),
        (None, None) => return Vec::new(),
    };
    let is_its = |mount: &&MountInfo| match version {
        Version::One => mount.fs_type == "cgroup" && mount.super_options.contains_key(name),
        Version::Two => mount.fs_type == "cgroup2",
    };
    let Some(mount) = mounts.iter().rfind(is_its) else { return Vec::new() };
    // The mount may show a part of the hierarchy only, as in a container.
    let Ok(below) = Path::new(&group.pathname).strip_prefix(&mount.root) else { return Vec::new() };
    let directory = mount.mount_point.join(below);
    let place = |directory: &Path| Place { controller, version, directory: directory.to_owned() };
    match version {
        // What this group is limited to must hold for its boxes, too.
        Version::One => vec![place(&directory)],
        Version::Two => {
            let mut up: Vec<Place> =
                directory.ancestors().take_while(|dir| dir.starts_with(&mount.mount_point)).map(place).collect();
            up.reverse();
            up
        }
    }
}

impl Place {
    /// Whether a group can be made here, limited, and entered by a process of ours: tried, but for the last.
    fn works(&self, prefix: &str) -> bool {
        if self.version == Version::Two {
            let control = self.directory.join("cgroup.subtree_control");
            let on = fs::read_to_string(&control).unwrap_or_default();
            if !on.split_whitespace().any(|name| name == self.controller.name())
                && fs::write(&control, format!("+{}", self.controller.name())).is_err()
            {
                return false;
            }
        }
        let probe = self.directory.join(format!("{prefix}{}.probe", std::process::id()));
        if fs::create_dir(&probe).is_err() {
            return false;
        }
        let file = probe.join(self.controller.file(self.version));
        let limited = fs::OpenOptions::new().write(true).open(file).is_ok();
        // To move a process takes the right to write here, above where it comes from and goes to (cgroup-v2).
        let enters = [probe.join("cgroup.procs"), self.directory.join("cgroup.procs")]
            .iter()
            .all(|procs| fs::OpenOptions::new().write(true).open(procs).is_ok());
        fs::remove_dir(&probe).ok();
        limited && enters
    }
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
