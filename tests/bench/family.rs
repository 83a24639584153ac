//! Processes that descend from the warden, found in `/proc` (proc_pid_stat(5), proc_pid_smaps(5)).
//!
//! "The family" is what has outlived the command that started it: daemons, their sessions and the programs in them.
//! It is everything below the warden except the benchmark itself. Everything is ended by pid, never by name.

use std::collections::HashMap;
use std::fs;
use std::process::Child;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use nix::unistd::getppid;

use crate::trouble::During;
use crate::trouble::Result;
use crate::trouble::Trouble;

/// How long killed processes may need to disappear.
const SWEEP_LIMIT: Duration = Duration::from_secs(15);
/// Between two looks at `/proc` while waiting for a change that nobody announces.
pub const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What an idle session runs: a program that does nothing, and whose own memory is not counted.
pub const AGENT: [&str; 2] = ["sleep", "1000000"];

pub fn pid_of(child: &Child) -> Result<Pid> {
    i32::try_from(child.id()).map(Pid::from_raw).during(|| format!("pid {}", child.id()))
}

/// The living descendants of `root`, parents before children, without `except` and its descendants.
fn descendants(root: Pid, except: Option<Pid>) -> Result<Vec<Pid>> {
    let mut children: HashMap<Pid, Vec<(Pid, char)>> = HashMap::new();
    for entry in fs::read_dir("/proc").during(|| "reading /proc".into())? {
        let entry = entry.during(|| "reading /proc".into())?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // "pid (comm) state ppid ...": comm may hold anything, so from the last parenthesis.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let state = fields.next().and_then(|state| state.chars().next());
        let parent = fields.next().and_then(|parent| parent.parse().ok());
        if let (Some(state), Some(parent)) = (state, parent) {
            children.entry(Pid::from_raw(parent)).or_default().push((Pid::from_raw(pid), state));
        }
    }
    let mut found = Vec::new();
    let mut at = vec![root];
    while let Some(parent) = at.pop() {
        for (pid, state) in children.remove(&parent).unwrap_or_default() {
            if Some(pid) == except {
                continue;
            }
            at.push(pid);
            if state != 'Z' && state != 'X' {
                found.push(pid);
            }
        }
    }
    Ok(found)
}

/// The family as the benchmark sees it.
pub fn members() -> Result<Vec<Pid>> {
    descendants(getppid(), Some(Pid::this()))
}

/// The family split into the programs inside the sessions (`AGENT`) and everything that keeps them.
pub fn keepers_and_agents() -> Result<(Vec<Pid>, Vec<Pid>)> {
    Ok(members()?.into_iter().partition(|pid| !is_agent(*pid)))
}

/// Waits until `count` sessions run their agent; answers the processes that keep them.
pub fn wait_for_agents(count: usize, limit: Duration) -> Result<Vec<Pid>> {
    let deadline = Instant::now() + limit;
    loop {
        let (keepers, agents) = keepers_and_agents()?;
        if agents.len() == count {
            return Ok(keepers);
        }
        if Instant::now() > deadline {
            return Err(Trouble::new(format!("{} of {count} sessions run after {limit:?}", agents.len())));
        }
        thread::sleep(LOOK_AGAIN);
    }
}

fn command_line(pid: Pid) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

fn is_agent(pid: Pid) -> bool {
    let argv = command_line(pid);
    matches!(&argv[..], [program, arg] if program.rsplit('/').next() == Some(AGENT[0]) && arg == AGENT[1])
}

/// SIGTERM to every member whose first arguments are these.
pub fn terminate(first: &[&str]) -> Result<()> {
    for pid in members()? {
        if command_line(pid)
            .get(1..)
            .is_some_and(|args| args.iter().zip(first).filter(|(a, b)| a == b).count() == first.len())
        {
            send(pid, Signal::SIGTERM)?;
        }
    }
    Ok(())
}

/// Proportional set size in KiB.
pub fn pss_kib(pid: Pid) -> Result<u64> {
    field(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// How often the kernel has switched to or from any thread of the process, since it began.
pub fn context_switches(pid: Pid) -> Result<u64> {
    let dir = format!("/proc/{pid}/task");
    let mut sum = 0;
    for task in fs::read_dir(&dir).during(|| format!("reading {dir}"))? {
        let status = task.during(|| format!("reading {dir}"))?.path().join("status");
        let status = status.to_string_lossy();
        sum += field(&status, "voluntary_ctxt_switches:")? + field(&status, "nonvoluntary_ctxt_switches:")?;
    }
    Ok(sum)
}

/// The number after `key` in a file of "key: number" lines.
fn field(path: &str, key: &str) -> Result<u64> {
    let text = fs::read_to_string(path).during(|| format!("reading {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| Trouble::new(format!("no {key} in {path}")))
}

/// One line a process, for a person.
pub fn describe(pid: Pid) -> String {
    format!("{pid} {}", command_line(pid).join(" "))
}

/// Who is still there after `patience`, described.
pub fn leftovers(patience: Duration) -> Result<Vec<String>> {
    let deadline = Instant::now() + patience;
    loop {
        let left = members()?;
        if left.is_empty() || patience.is_zero() {
            return Ok(Vec::new());
        }
        if Instant::now() > deadline {
            return Ok(left.into_iter().map(describe).collect());
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Ends the whole family from inside the benchmark (the warden reaps).
pub fn sweep_from_bench() -> Result<()> {
    sweep(getppid(), Some(Pid::this()), || {})
}

/// Signals a process that may have ended by itself meanwhile.
fn send(pid: Pid, signal: Signal) -> Result<()> {
    match kill(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(Trouble::new(format!("{signal} to {}: {error}", describe(pid)))),
    }
}

/// SIGKILL to every descendant of `root`, by pid, until none is left. Parents first: a guard restarts its daemon.
pub fn sweep(root: Pid, except: Option<Pid>, reap: impl Fn()) -> Result<()> {
    let deadline = Instant::now() + SWEEP_LIMIT;
    loop {
        let left = descendants(root, except)?;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let left: Vec<String> = left.into_iter().map(describe).collect();
            return Err(Trouble::new(format!("these processes could not be ended: {}", left.join("; "))));
        }
        for pid in left {
            send(pid, Signal::SIGKILL)?;
        }
        thread::sleep(LOOK_AGAIN);
        reap();
    }
}
