//! `[limits]` and `[sandbox]`: what is refused before anything starts, and what holds then.

use crate::home::Home;
use crate::home::is_root;
use crate::processes;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use std::fs;
use std::path::PathBuf;

#[test]
fn limits_that_cannot_be_are_named_before_anything_starts() {
    let home = Home::new();
    for (line, words) in [
        ("memory = \"0G\"", &["limits.memory", "at least 16M"][..]),
        ("memory = \"8\"", &["limits.memory", "no unit"]),
        ("memory = \"8X\"", &["limits.memory", "\"512M\""]),
        ("memory = 8", &["limits.memory", "must be a string"]),
        ("memory = \"1000T\"", &["limits.memory", "more than this machine has"]),
        ("disk = \"101%\"", &["limits.disk", "1% to 100%"]),
        ("disk = \"100000T\"", &["limits.disk", "more than this machine has"]),
        ("pids = 0", &["limits.pids", "at least 8"]),
        ("pids = \"many\"", &["limits.pids", "a number or \"unlimited\""]),
        ("pids = 9999999999", &["limits.pids", "more than this machine has"]),
        ("cpus = 0", &["limits.cpus", "at least 0.01"]),
        ("cpus = 4097", &["limits.cpus", "more than this machine has"]),
        ("open_files = 1.5", &["limits.open_files", "whole number"]),
        ("open_files = 99999999999", &["limits.open_files", "more than this machine has"]),
        ("memroy = \"1G\"", &["did you mean \"limits.memory\""]),
    ] {
        home.configure(&format!("[limits]\n{line}\n"));
        home.coop(&["-d", "--", "true"]).fails_with(2).complains_of(words);
    }
    home.configure("[sandbox]\nnesting = 1\n");
    home.coop(&["-d", "--", "true"]).fails_with(2).complains_of(&["sandbox.nesting", "true or false"]);
    home.configure("");
    assert!(home.rows().is_empty());
}

#[test]
fn a_project_that_wants_more_of_the_machine_asks_first() {
    let home = Home::new();
    home.write(home.workspace().join("coop.toml"), "[limits]\nmemory = \"100%\"\n[sandbox]\nnesting = true\n");
    let asked = ["have 100% as its limit of memory", "namespaces and mounts of its own"];
    home.coop(&["-d", "--", "true"]).fails_with(1).complains_of(&asked);
    home.write(home.workspace().join("coop.toml"), "[limits]\nmemory = \"50%\"\npids = 100\ncpus = 0.5\n");
    home.coop(&["-d", "--", "true"]).ok();
}

#[test]
fn limits_are_those_of_every_program_in_the_box() {
    let home = Home::new();
    home.configure("[limits]\npids = 99\ndisk = \"32M\"\nopen_files = 333\nmemory = \"512M\"\n");
    home.start("work", "sleep 1000");
    let limits = home.inside("work", "cat /proc/self/limits").ok().out;
    let hard = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {limits}"));
        line[name.len()..].split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(hard("Max processes"), "99");
    assert_eq!(hard("Max open files"), "333");
    assert_eq!(hard("Max file size"), (32 << 20).to_string());
    assert_eq!(hard("Max core file size"), "1");
    let big = home.inside("work", "head -c 40000000 /dev/zero > big; ls -l big | awk '{print $5}'").out;
    assert_eq!(big.lines().last().unwrap().trim(), (32 << 20).to_string());
    // Together they have half of the memory at most.
    let sizes = home.inside("work", "df -k --output=size /tmp /run /var /dev/shm | tail -n +2").ok().out;
    let kib: u64 = sizes.split_whitespace().map(|size| size.parse::<u64>().unwrap()).sum();
    assert!(kib <= 256 << 10, "{sizes}");
    let fork = "i=0; while [ $i -lt 150 ]; do sleep 100 & i=$((i+1)); done 2>&1; kill $(jobs -p) 2>/dev/null";
    assert!(home.inside("work", fork).out.to_lowercase().contains("fork"), "no fork was refused");
    assert_eq!(home.state("work"), "running");
}

/// The directories of the control groups of a process, where they are mounted at the usual places.
fn groups(pid: i32) -> Vec<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let directory = |line: &str| {
        let mut parts = line.splitn(3, ':');
        let (controllers, path) = (parts.nth(1)?, parts.next()?);
        let root = PathBuf::from("/sys/fs/cgroup").join(controllers);
        Some(root.join(path.trim_start_matches('/')))
    };
    text.lines().filter(|line| line.contains("coop-")).filter_map(directory).filter(|path| path.is_dir()).collect()
}

#[test]
fn a_group_counts_all_of_a_box_and_goes_with_it() {
    let home = Home::new();
    home.configure("[limits]\npids = 77\nmemory = \"512M\"\ncpus = 0.5\n");
    home.start("work", "sleep 1000");
    let init = home.init("work");
    let groups = groups(init);
    if groups.is_empty() {
        // Where none can be made, that is said, as nothing else holds the memory of a box in all.
        assert!(home.coop(&["status"]).ok().out.contains("Not held  memory in all"));
        return crate::home::skip("no control group can be made here");
    }
    let said = |file: &str| {
        let found = groups.iter().find_map(|group| fs::read_to_string(group.join(file)).ok());
        found.map(|text| text.trim().to_owned())
    };
    assert_eq!(said("pids.max").as_deref(), Some("77"));
    let memory = said("memory.max").or_else(|| said("memory.limit_in_bytes"));
    assert_eq!(memory.as_deref(), Some("536870912"));
    assert!(["50000 100000", "50000"].contains(&&*said("cpu.max").or_else(|| said("cpu.cfs_quota_us")).unwrap()));
    let all: Vec<i32> = processes::of_box(init).into_iter().map(|process| process.pid).collect();
    for group in &groups {
        let members = fs::read_to_string(group.join("cgroup.procs")).unwrap();
        let members: Vec<i32> = members.lines().map(|line| line.parse().unwrap()).collect();
        assert!(all.iter().all(|pid| members.contains(pid)), "{members:?} are not all of {all:?}");
    }
    home.coop(&["kill", "-f", "work"]).ok();
    wait_until("the end of its groups", LIMIT, || groups.iter().all(|group| !group.exists()).then_some(()));
}

#[test]
fn a_box_of_roots_is_nobody_on_the_host_and_its_files_are_roots() {
    let home = Home::new();
    home.start("work", "sleep 1000");
    if !is_root() {
        return crate::home::skip("only root's boxes have an id of their own");
    }
    if home.coop(&["status"]).ok().out.contains("root behind masks") {
        return crate::home::skip("no other id can stand for root here");
    }
    home.start("other", "sleep 1000");
    let uid = |name: &str| {
        let status = fs::read_to_string(format!("/proc/{}/status", home.init(name))).unwrap();
        let line = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u32>().unwrap()
    };
    let (work, other) = (uid("work"), uid("other"));
    assert!(work >= 2_100_000_000 && other >= 2_100_000_000 && work != other, "{work} {other}");
    assert_eq!(home.inside("work", "id -u; touch mine; stat -c %u mine ~ .").ok().out, "0\n0\n0\n0\n");
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(home.workspace().join("mine")).unwrap().uid(), 0);
    fs::write(home.workspace().join("secret"), "of root's").unwrap();
    assert_eq!(
        home.inside("work", "cat secret && echo more >> secret && cat secret").ok().out,
        "of root'sof root'smore\n"
    );
}
