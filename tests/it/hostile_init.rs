//! An init that a box has taken over can hurt its own session, and nothing else: whatever it says, the daemon lives, the
//! sessions beside it go on, and `coop kill -f` ends it with all of its box.

use crate::hostile::Scene;
use crate::hostile::memory;
use crate::hostile::parcel;
use crate::processes;
use crate::ran::Running;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::fcntl::SealFlag;
use rustix::process::PidfdFlags;
use serde_json::Value;
use serde_json::json;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;

/// What to say, and what comes with it.
type Words<'a> = (&'a str, Vec<u8>, Vec<OwnedFd>);

fn pipe() -> OwnedFd {
    nix::unistd::pipe().unwrap().0
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// What an init cannot say while it keeps to the rules.
fn nonsense() -> Vec<Words<'static>> {
    let parcelled = || text(&json!({"say": "parcel"}));
    let unsealed = memory(4096, SealFlag::empty());
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)).into_bytes();
    let noise = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let within = parcel(&parcelled());
    let long = parcel(&vec![b' '; 17 << 20]);
    let endless = memory(1 << 40, SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW);
    vec![
        ("noise", noise, vec![]),
        ("a long message", vec![b' '; 150_000], vec![]),
        ("deep nesting", deep, vec![]),
        ("a null", b"null".to_vec(), vec![]),
        ("half a message", b"{\"say\":\"exi".to_vec(), vec![]),
        ("a terminal's number below zero", br#"{"say":"exited","pty":-1,"exit":{"code":0},"head":0}"#.to_vec(), vec![]),
        ("a parcel that is missing", parcelled(), vec![]),
        ("a parcel that can change", parcelled(), vec![unsealed.into()]),
        ("a parcel that is a pipe", parcelled(), vec![pipe()]),
        ("a parcel that is a directory", parcelled(), vec![File::open("/").unwrap().into()]),
        ("a parcel in a parcel", parcelled(), vec![within.into()]),
        ("a parcel that is too long", parcelled(), vec![long.into()]),
        ("a parcel without an end", parcelled(), vec![endless.into()]),
        ("descriptors and no word", Vec::new(), vec![pipe(), pipe()]),
    ]
}

#[test]
fn an_init_that_talks_nonsense_loses_its_session_and_nobody_elses() {
    let scene = Scene::new();
    for (what, bytes, fds) in nonsense() {
        let hostile = scene.hostile();
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        hostile.send(&bytes, &fds).unwrap();
        scene.home.wait_for_state("work", "lost");
        scene.ends(&hostile, what);
    }
}

#[test]
fn an_init_that_hangs_up_is_silent_and_can_be_killed() {
    let scene = Scene::new();
    let hostile = scene.hostile();
    // What a socket's end is for its reader.
    hostile.send(b"", &[]).unwrap();
    let silent = || scene.home.row("work").filter(|row| row["silent"] == true);
    wait_until("it is listed as silent", LIMIT, silent);
    scene.ends(&hostile, "a message of no bytes");
}

#[test]
fn words_out_of_turn_reach_no_other_process() {
    let scene = Scene::new();
    let mut bystander = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = i32::try_from(bystander.id()).unwrap();
    let pidfd = rustix::process::pidfd_open(rustix::process::Pid::from_raw(pid).unwrap(), PidfdFlags::empty());
    let pidfd = pidfd.unwrap();
    let hostile = scene.hostile();
    hostile.say(&json!({"say": "forked", "pid": pid}), &[pidfd.as_fd()]);
    for pty in [0, 1, 7, u32::MAX] {
        hostile.say(&json!({"say": "spawned", "pty": pty, "pid": pid}), &[]);
        hostile.say(&json!({"say": "spawned", "pty": pty, "pid": -1}), &[]);
        hostile.say(&json!({"say": "follow-failed", "pty": pty, "why": "no".repeat(20_000), "client": u64::MAX}), &[]);
        hostile.say(&json!({"say": "follow-failed", "pty": pty, "why": "\u{1b}[2J"}), &[]);
    }
    let session = std::fs::read(scene.home.coop_home().join("sessions/work/session.json")).unwrap();
    let session: Value = serde_json::from_slice(&session).unwrap();
    let pty = json!({"pty": 3, "argv": [], "program": {"running": {"pid": pid, "for_ms": 0}}, "head": 0});
    hostile.say(&json!({"say": "report", "version": 99, "session": session, "ptys": [pty]}), &[]);
    hostile.say(&json!({"say": "built"}), &[]);
    hostile.say(&json!({"say": "failed", "what": "all", "hint": null}), &[]);
    hostile.say(&json!({"say": "sings", "song": "a song"}), &[]);
    scene.others_live("words out of turn");
    assert_eq!(scene.home.init("work"), hostile.pid);
    scene.ends(&hostile, "words out of turn");
    assert!(processes::is_alive(pid), "somebody else was killed");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn lies_about_an_end_are_the_sessions_own() {
    let scene = Scene::new();
    let numbers = [0, 1, -1, 255, 256, i32::MAX, i32::MIN];
    let exits = numbers.into_iter().flat_map(|n| [json!({"code": n}), json!({"signal": n})]);
    for exit in exits {
        let hostile = scene.hostile();
        let watched = Running::start(&mut scene.home.command(&["wait", "work", "--timeout", "30s"]));
        for (pty, head) in [(0, u64::MAX), (7, 0), (0, 0), (u32::MAX, 1)] {
            hostile.say(&json!({"say": "exited", "pty": pty, "exit": exit, "head": head}), &[]);
        }
        scene.home.wait_for_state("work", "exited");
        watched.end();
        scene.ends(&hostile, &exit.to_string());
    }
}
