//! Bombs in boxes with small limits: what holds them is the box, and the machine does not notice. None is lit outside,
//! and each has an end of its own should nothing hold it.

use crate::attack_program::Program;
use crate::home::Home;
use crate::home::skip;
use crate::processes;
use crate::ran::Ran;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use std::fs;

/// As `tests/attacks` says that something was refused.
const REFUSED: i32 = 1;

fn boxed(limits: &str) -> Option<Home> {
    let program = Program::get()?;
    let home = Home::new();
    home.configure(&format!("[limits]\n{limits}\n"));
    program.put_into(home.workspace());
    Some(home)
}

#[test]
fn a_fork_bomb_is_its_boxs_own_affair() {
    let Some(home) = boxed("pids = 64") else { return };
    home.start("work", "./attack forks full go > said; echo $? > code; exec sleep 1000");
    let init = home.init("work");
    wait_until("no more can be had", LIMIT, || home.workspace().join("full").exists().then_some(()));
    let many = processes::of_box(init).len();
    // The machine can still fork, other boxes can, and the full one is still there and can be ended.
    Ran::of(&mut home.program("true")).ok();
    home.start("other", "sleep 1000");
    home.inside("other", "true").ok();
    assert_eq!(home.state("work"), "running");
    home.put("go", b"");
    wait_until("the bomb has ended", LIMIT, || home.workspace().join("code").exists().then_some(()));
    let said = fs::read_to_string(home.workspace().join("said")).unwrap();
    assert!(many <= 65, "{many} processes in a box of 64: {said}");
    wait_until("it has ended", LIMIT, || (processes::of_box(init).len() < 5).then_some(()));
    home.inside("work", &format!("test $(cat code) -eq {REFUSED}")).ok();
    home.coop(&["kill", "work", "-f"]).ok();
    assert!(!processes::is_alive(init));
}

#[test]
fn a_memory_bomb_meets_the_boxs_limit() {
    let Some(home) = boxed("memory = \"64M\"") else { return };
    home.start("work", "sleep 1000");
    let init = home.init("work");
    // Of a process, and of the file systems that are memory.
    for bomb in ["memory", "fill /tmp/file 256", "fill /dev/shm/file 256", "fill /run/user/$(id -u)/file 256"] {
        let ran = home.inside("work", &format!("./attack {bomb} > said 2>&1; code=$?; cat said; exit $code"));
        // The kernel may choose whoever has most, which is the program that asked for it.
        assert!(ran.code == REFUSED || ran.code == 137, "{bomb}: {}: {}", ran.code, ran.out);
        assert!(processes::is_alive(init) && home.state("work") == "running", "after {bomb}");
    }
    home.inside("work", "true").ok();
}

#[test]
fn a_file_grows_to_the_boxs_limit() {
    let Some(home) = boxed("disk = \"16M\"") else { return };
    home.start("work", "sleep 1000");
    if home.inside("work", "test \"$(ulimit -f)\" = unlimited").code == 0 {
        return skip("the limit is not in force here");
    }
    for place in [".", "/var/tmp", "~"] {
        assert_eq!(home.inside("work", &format!("./attack fill {place}/small 15")).code, 0, "in {place}");
        let ran = home.inside("work", &format!("./attack fill {place}/large 32"));
        assert_eq!(ran.code, REFUSED, "in {place}: {}", ran.out);
    }
    home.inside("work", "true").ok();
}

/// A box that holds all it can get of something that is counted for more than itself: others can be made and used.
fn others_live_beside(bomb: &str) {
    let Some(home) = boxed("") else { return };
    home.start("work", &format!("./attack {bomb} full go > said; exec sleep 1000"));
    wait_until("no more can be had", LIMIT, || home.workspace().join("full").exists().then_some(()));
    let said = fs::read_to_string(home.workspace().join("said")).unwrap();
    let made = home.coop(&["-d", "-n", "other", "--", "sleep", "1000"]);
    let used = home.coop(&["shell", "other", "-c", "true"]);
    let itself = home.coop(&["shell", "work", "-c", "true"]);
    home.put("go", b"");
    assert_eq!((made.code, used.code), (0, 0), "beside {said}{}{}", made.err, used.err);
    eprintln!("{said}a shell beside it: {} {}", itself.code, itself.err);
}

#[test]
fn a_box_that_takes_all_terminals_leaves_some_for_others() {
    others_live_beside("terminals");
}

#[test]
fn a_box_that_has_all_descriptors_in_flight_leaves_some_for_others() {
    others_live_beside("in-flight");
}
