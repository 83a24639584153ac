//! What this machine has, for the limits of a box.

use crate::config::limits::LimitsSaid;
use crate::config::limits::Machine;
use crate::launch::error::LaunchError;
use crate::session::spec::Limits;
use nix::sys::resource::Resource;
use std::fs;
use std::io;
use std::path::Path;

/// The limits of a box that works in `workspace`.
pub fn of(said: &LimitsSaid, workspace: &Path) -> Result<Limits, LaunchError> {
    let machine = look(workspace).map_err(|source| LaunchError::Directory { path: workspace.to_owned(), source })?;
    said.on(&machine).map_err(|beyond| LaunchError::Limits { beyond })
}

fn look(workspace: &Path) -> io::Result<Machine> {
    let memory = nix::sys::sysinfo::sysinfo()?;
    let disk = nix::sys::statvfs::statvfs(workspace)?;
    let (_, open_files) = nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE)?;
    let number = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let kernel = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];
    Ok(Machine {
        memory_bytes: memory.ram_total(),
        cpus: u64::try_from(std::thread::available_parallelism()?.get()).unwrap_or(u64::MAX),
        // A kernel that does not say has at least those that fit into 15 bits (pid_max(5)).
        pids: kernel.into_iter().filter_map(number).min().unwrap_or(32768),
        disk_bytes: disk.blocks().saturating_mul(disk.fragment_size()),
        disk_free_bytes: disk.blocks_available().saturating_mul(disk.fragment_size()),
        open_files,
    })
}
