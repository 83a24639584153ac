//! Every attack of the table, in boxes of several kinds, where it must be refused; and once outside, where it must
//! work, so that none is refused because it is no attack. See `tests/attacks/attack.h` for how they end.

use crate::attack_plants::Plants;
use crate::attack_program::Program;
use crate::attack_table::Attack;
use crate::attack_table::Inside;
use crate::attack_table::Outside;
use crate::attack_table::all;
use crate::home::Home;
use crate::home::is_root;
use crate::processes;
use crate::ran::Ran;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A kind of box that the table is run through.
struct BoxUnderTest {
    /// The user's own settings for it.
    coopfile: &'static str,
    /// It shares the host's network.
    host_network: bool,
    /// Its programs may make namespaces and mounts of their own.
    nesting: bool,
    by: By,
}

/// Which program of the box attacks: the first makes the inner namespace, all others enter it.
enum By {
    Agent,
    Shell,
}

const HOST_NETWORK: &str = "[network]\nmode = \"host\"\n";
const NO_NETWORK: &str = "[network]\nmode = \"none\"\n";
const NESTING: &str = "[network]\nmode = \"none\"\n[sandbox]\nnesting = true\n";

/// No attack waits for longer than a fraction of a second.
const LIMIT_OF_ONE_S: u32 = 20;
const WORKED: i32 = 0;
const REFUSED: i32 = 1;
const NOT_HERE: i32 = 77;

/// How each attack ended and what it said, by its name.
type Results = BTreeMap<&'static str, (i32, String)>;

/// A directory with a script that makes all attacks, one after the other, and leaves what came of it in `results`.
fn write_attacks(directory: &Path, variables: &[(&str, String)]) {
    let rows = directory.join("rows");
    fs::create_dir_all(&rows).unwrap();
    fs::create_dir_all(directory.join("empty")).unwrap();
    let mut script =
        String::from("cd \"${0%/*}\" || exit 3\nexport IN='unshare -Ur'\n$IN true || IN='unshare -U --keep-caps'\n");
    for (name, value) in variables {
        writeln!(script, "export {name}='{value}'").unwrap();
    }
    script += "{\n";
    let is_outside = variables.iter().any(|(name, value)| *name == "WHERE" && value == "outside");
    for (number, attack) in all().enumerate() {
        if is_outside && matches!(attack.outside, Outside::Never(_)) {
            continue;
        }
        fs::write(rows.join(number.to_string()), attack.script).unwrap();
        let needs_target = is_outside && attack.script.contains("$TARGET");
        if needs_target {
            script += "export TARGET=$($A victim)\n";
        }
        writeln!(script, "echo '== {number}'").unwrap();
        writeln!(script, "timeout --foreground -k 1 {LIMIT_OF_ONE_S} sh rows/{number} < /dev/null 2>&1").unwrap();
        script += "echo \"== ended $?\"\n";
        if needs_target {
            script += "kill -KILL $TARGET 2> /dev/null\n";
        }
    }
    script += "} > results\nmv results all\n";
    fs::write(directory.join("run"), script).unwrap();
}

fn read_results(directory: &Path) -> Results {
    let text = fs::read(directory.join("all")).or_else(|_| fs::read(directory.join("results"))).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let names: Vec<_> = all().map(|attack| attack.name).collect();
    let mut results = Results::new();
    for part in text.split("== ended ").collect::<Vec<_>>().windows(2) {
        let code = part[1].lines().next().and_then(|line| line.parse().ok()).unwrap_or(-1);
        let (_, numbered) = part[0].split_once("== ").unwrap();
        let (number, said) = numbered.split_once('\n').unwrap();
        let name = names[number.parse::<usize>().unwrap()];
        assert!(results.insert(name, (code, said.trim().to_owned())).is_none(), "two attacks are called {name}");
    }
    results
}

/// All attacks outside, once for all tests.
fn outside(program: &Program) -> &'static Results {
    static RESULTS: OnceLock<Results> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let home = Home::new();
        home.start("work", "sleep 1000");
        let plants = Plants::new(&home);
        let directory = home.directory("outside");
        let mut variables = plants.variables(&directory);
        variables.push(("WHERE", "outside".to_owned()));
        variables.push(("A", program.put_into(&directory).display().to_string()));
        write_attacks(&directory, &variables);
        // Whatever root mounts there, or names the machine: nobody else sees it.
        let (alone, unmounted) = if is_root() { ("unshare -mu", OUTSIDE_MOUNTS) } else { ("", "") };
        let script = format!("{unmounted} exec sh {}/run", directory.display());
        let script = format!("exec 9< {}; exec {alone} sh -c {script:?}", home.root().display());
        let mut command = home.program("sh");
        command.env("SECRET", "secret-of-the-host").env("MOUNTED", &directory).args(["-c", &script]);
        Ran::of(&mut command).ok();
        read_results(&directory)
    })
}

/// What is read-only, masked and nosuid in a box, for attacks on it outside.
const OUTSIDE_MOUNTS: &str = "cd $MOUNTED && mkdir ro mask nosuid moved && mount -t tmpfs none moved && \
     mount -t tmpfs -o ro none ro && mount -t tmpfs none mask && \
     mount -t tmpfs -o nosuid,nodev none nosuid || exit 4;";

#[test]
fn every_attack_works_outside() {
    let Some(program) = Program::get() else { return };
    let results = outside(&program);
    let mut wrong = String::new();
    for attack in all() {
        if let Outside::Never(why) = attack.outside {
            eprintln!("not tried outside: {}: {why}", attack.name);
            continue;
        }
        let Some((code, said)) = results.get(attack.name) else {
            writeln!(wrong, "{}: it did not end", attack.name).unwrap();
            continue;
        };
        let fine = match attack.outside {
            Outside::Bites => *code == WORKED || *code == NOT_HERE,
            Outside::BitesAsRoot if is_root() => *code == WORKED || *code == NOT_HERE,
            Outside::BitesAsRoot | Outside::MayFail(_) => [WORKED, REFUSED, NOT_HERE].contains(code),
            Outside::Never(_) => true,
        };
        if !fine {
            writeln!(wrong, "{} ({}): {code}: {said}", attack.name, attack.script).unwrap();
        } else if *code != WORKED {
            eprintln!("not shown outside: {} ({:?}): {said}", attack.name, attack.outside);
        }
    }
    assert!(wrong.is_empty(), "these attacks prove nothing:\n{wrong}");
}

#[test]
fn no_attack_works_in_a_box_with_the_hosts_network() {
    attack_box(&BoxUnderTest { coopfile: HOST_NETWORK, host_network: true, nesting: false, by: By::Shell });
}

#[test]
fn no_attack_by_the_agent_itself_works() {
    attack_box(&BoxUnderTest { coopfile: HOST_NETWORK, host_network: true, nesting: false, by: By::Agent });
}

#[test]
fn no_attack_works_in_a_box_without_a_network() {
    attack_box(&BoxUnderTest { coopfile: NO_NETWORK, host_network: false, nesting: false, by: By::Shell });
}

#[test]
fn no_attack_works_in_a_box_whose_programs_may_make_boxes() {
    attack_box(&BoxUnderTest { coopfile: NESTING, host_network: false, nesting: true, by: By::Shell });
}

fn attack_box(under_test: &BoxUnderTest) {
    let Some(program) = Program::get() else { return };
    let outside = outside(&program);
    let home = Home::new();
    home.configure(under_test.coopfile);
    let plants = Plants::new(&home);
    let directory = home.workspace().join("attacks");
    fs::create_dir(&directory).unwrap();
    let mut variables = plants.variables(&directory);
    variables.extend(inside_variables());
    variables.push(("A", program.put_into(&directory).display().to_string()));
    write_attacks(&directory, &variables);
    // A link where a mount is to go, and descriptors and secrets that are not for the box.
    symlink(home.directory("decoy"), home.workspace().join("link")).unwrap();
    let begin = |words: &str| {
        let script = format!("exec 9< {}; exec {} {words}", home.root().display(), crate::home::binary().display());
        Ran::of(home.program("sh").env("SECRET", "secret-of-the-host").args(["-c", &script])).ok();
    };
    match under_test.by {
        By::Agent => begin("-d -n work -- sh -c 'sh attacks/run; sleep 1000'"),
        By::Shell => {
            begin("-d -n work -- sleep 1000");
            begin("shell work -c 'sh attacks/run'");
        }
    }
    let init = home.init("work");
    let before = fs::read_to_string(format!("/proc/{init}/limits")).unwrap();
    wait_until("all attacks have ended", LIMIT * 3, || directory.join("all").exists().then_some(()));
    let wrong = judge(&read_results(&directory), outside, under_test);
    assert!(wrong.is_empty(), "in a box of {:?}:\n{wrong}", under_test.coopfile);
    assert!(processes::is_alive(init) && home.init("work") == init, "the init has not lived through it");
    assert_eq!(fs::read_to_string(format!("/proc/{init}/limits")).unwrap(), before);
    home.inside("work", "true").ok();
    plants.are_untouched();
    assert_eq!(fs::read_dir(home.root().join("decoy")).unwrap().count(), 0);
    let left = privileged_files(home.root());
    assert!(left.is_empty(), "left on the host: {left:?}");
}

/// What stands inside for what [`OUTSIDE_MOUNTS`] and the plants are outside.
fn inside_variables() -> Vec<(&'static str, String)> {
    let inside = [
        ("WHERE", "inside"),
        ("TARGET", "1"),
        ("READ_ONLY", "/usr"),
        ("READ_ONLY_PROC", "/proc/sys"),
        ("NO_SET_UID", "/tmp"),
        ("MOVED", "/tmp"),
        ("MASK", "/proc/kallsyms"),
        ("READABLE", "/usr/bin/env"),
    ];
    inside.map(|(name, value)| (name, value.to_owned())).to_vec()
}

fn judge(inside: &Results, outside: &Results, under_test: &BoxUnderTest) -> String {
    let mut wrong = String::new();
    for attack in all().filter(|attack| is_to_be_refused(attack, under_test)) {
        let Some((code, said)) = inside.get(attack.name) else {
            writeln!(wrong, "{} ({}): it did not end", attack.name, attack.script).unwrap();
            continue;
        };
        let absent = outside.get(attack.name).is_some_and(|(code, _)| *code == NOT_HERE);
        match *code {
            REFUSED => eprintln!("refused: {}: {said}", attack.name),
            NOT_HERE if absent => {}
            WORKED => writeln!(wrong, "IT WORKED: {} ({}): {said}", attack.name, attack.script).unwrap(),
            code => writeln!(wrong, "neither: {} ({}): {code}: {said}", attack.name, attack.script).unwrap(),
        }
    }
    wrong
}

fn is_to_be_refused(attack: &Attack, under_test: &BoxUnderTest) -> bool {
    match attack.inside {
        Inside::Refused => true,
        Inside::WithOwnNetwork => !under_test.host_network,
        Inside::WithoutNesting => !under_test.nesting,
        Inside::WithoutNestingByRoot => !(under_test.nesting && is_root()),
        Inside::CalledByRoot => is_root(),
    }
}

/// Files below `directory` that act as their owner, or are devices; one that the test put there is called `planted`.
fn privileged_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let Ok(seen) = fs::symlink_metadata(&path) else { continue };
        let is_device = matches!(seen.mode() & 0o170_000, 0o020_000 | 0o060_000);
        if seen.is_dir() {
            found.extend(privileged_files(&path));
        } else if (is_device && !path.ends_with("planted")) || seen.mode() & 0o4000 != 0 {
            found.push(path);
        }
    }
    found
}
