//! Facts about this machine that a reader of the numbers needs. No names of hosts or users.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::world::World;

pub struct Facts(Vec<(&'static str, String)>);

pub fn facts(world: &World) -> Facts {
    let cores = std::thread::available_parallelism().map_or_else(|_| "?".into(), |cores| cores.to_string());
    let kernel = read("/proc/sys/kernel/osrelease");
    let who = if nix::unistd::geteuid().is_root() { "root" } else { "an unprivileged user" };
    let mut facts = vec![
        ("cpu", format!("{cores} cores, {}", after(&read("/proc/cpuinfo"), "model name"))),
        ("memory", after(&read("/proc/meminfo"), "MemTotal")),
        ("kernel", kernel.trim().to_owned()),
        ("load", read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")),
        ("run as", who.to_owned()),
    ];
    let contestants = [
        ("coop", &world.coop, "--version"),
        ("tmux", &world.tmux, "-V"),
        ("dtach", &world.dtach, "--version"),
        ("bwrap", &world.bwrap, "--version"),
    ];
    for (name, program, option) in contestants {
        let version = program.as_ref().map(|program| first_line(world, program, option));
        facts.push((name, version.unwrap_or_else(|| "not installed".into())));
    }
    Facts(facts)
}

impl Facts {
    pub fn text(&self) -> String {
        self.0.iter().map(|(name, fact)| format!("{name:<7} {fact}\n")).collect()
    }

    pub fn markdown(&self) -> String {
        let rows: String = self.0.iter().map(|(name, fact)| format!("| {name} | {fact} |\n")).collect();
        format!("| machine | |\n|---|---|\n{rows}")
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The rest of the first line that begins with `key`, after its colon.
fn after(text: &str, key: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_once(':')).map_or_else(|| "unknown".into(), |(_, fact)| fact.trim().to_owned())
}

fn first_line(world: &World, program: &Path, option: &str) -> String {
    let output = world.command(program).arg(option).stdin(Stdio::null()).stdout(Stdio::piped()).output();
    let said = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    String::from_utf8_lossy(&said).lines().next().unwrap_or("unknown").trim().to_owned()
}
