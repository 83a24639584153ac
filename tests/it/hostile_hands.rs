//! What an init that a box has taken over hands to the daemon, or does to what they share: descriptors of wrong kinds and
//! by the hundred, rings that lie, a terminal that makes its writer wait, a socket that nobody reads.

use crate::hostile::HEAD;
use crate::hostile::Hostile;
use crate::hostile::Scene;
use crate::hostile::TAIL;
use crate::hostile::fixed;
use crate::hostile::hear;
use crate::hostile::memory;
use crate::hostile::parcel;
use crate::processes;
use crate::wait::LIMIT;
use crate::wait::wait_until;
use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::fcntl::OFlag;
use nix::fcntl::SealFlag;
use nix::fcntl::fcntl;
use nix::pty::OpenptyResult;
use nix::sys::signal::Signal;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::socketpair;
use serde_json::Value;
use serde_json::json;
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// The smallest ring that is one.
const RING: u64 = 4096 + 4096;

/// What a `following` has to bring, sound.
struct Hands {
    ring: File,
    page: File,
    wake: OwnedFd,
    /// The other end of `wake`.
    waker: OwnedFd,
    pty: OpenptyResult,
}

impl Hands {
    fn new() -> Self {
        let none = SockFlag::SOCK_CLOEXEC;
        let (wake, waker) = socketpair(AddressFamily::Unix, SockType::Stream, None, none).unwrap();
        let pty = nix::pty::openpty(None, None).unwrap();
        Self { ring: fixed(RING), page: fixed(4096), wake, waker, pty }
    }

    fn all(&self) -> [BorrowedFd<'_>; 4] {
        [self.ring.as_fd(), self.page.as_fd(), self.wake.as_fd(), self.pty.master.as_fd()]
    }

    /// What the header of the ring says; and whoever waits is woken.
    fn publish(&self, head: u64, tail: u64) {
        self.ring.write_all_at(&tail.to_ne_bytes(), TAIL).unwrap();
        self.ring.write_all_at(&head.to_ne_bytes(), HEAD).unwrap();
        // A daemon that has let go of it needs no wake-up.
        nix::unistd::write(&self.waker, b"w").ok();
    }
}

fn following(pty: &Value) -> Value {
    json!({"say": "following", "pty": pty})
}

/// Every kind of file that is at hand and is none of those that belong there.
fn wrong_kinds() -> Vec<(&'static str, OwnedFd)> {
    let none = SockFlag::SOCK_CLOEXEC;
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
    let epoll = nix::sys::epoll::Epoll::new(nix::sys::epoll::EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    vec![
        ("a pipe", nix::unistd::pipe().unwrap().0),
        ("a directory", File::open("/").unwrap().into()),
        ("a file", File::open("/etc/passwd").unwrap().into()),
        ("a device", File::open("/dev/zero").unwrap().into()),
        ("a listening socket", TcpListener::bind("127.0.0.1:0").unwrap().into()),
        ("a socket for messages", socketpair(AddressFamily::Unix, SockType::Datagram, None, none).unwrap().0),
        ("an epoll", epoll.0),
        ("memory without seals", memory(RING, SealFlag::empty()).into()),
        ("memory that can grow", memory(RING, SealFlag::F_SEAL_SHRINK).into()),
        ("memory that is too short", memory(7, seals).into()),
        ("no memory", memory(0, seals).into()),
        ("memory of an odd length", memory(RING + 1, seals).into()),
        ("endless memory", memory(1 << 40, seals).into()),
    ]
}

#[test]
fn descriptors_of_wrong_kinds_leave_a_terminal_that_cannot_be_shown() {
    let scene = Scene::new();
    let hostile = scene.hostile();
    let (kinds, sound) = (wrong_kinds(), Hands::new());
    for (what, wrong) in &kinds {
        for place in 0..4 {
            let (client, pty) = scene.asked(&hostile);
            let mut fds = sound.all();
            fds[place] = wrong.as_fd();
            hostile.say(&following(&pty), &fds);
            // A wake-up that can be watched, but is none, ends it as soon as it wakes.
            sound.publish(0, 0);
            client.stop();
        }
        scene.others_live(what);
    }
    for number in [0, 1, 3, 5, 200] {
        let (client, pty) = scene.asked(&hostile);
        let fds: Vec<_> = kinds.iter().map(|(_, fd)| fd.as_fd()).cycle().take(number).collect();
        let refusals = || scene.home.log().matches("cannot be followed").count();
        let before = refusals();
        hostile.say(&following(&pty), &fds);
        wait_until("a refusal", LIMIT, || (refusals() > before).then_some(()));
        client.stop();
    }
    scene.ends(&hostile, "descriptors of wrong kinds");
}

#[test]
fn a_flood_of_descriptors_passes_through_the_daemon_and_stays_nowhere() {
    let scene = Scene::new();
    let hostile = scene.hostile();
    let viewer = scene.home.terminal(&["attach", "work", "--view"]);
    scene.home.wait_for_clients("work", 0, 1);
    let (kinds, sound) = (wrong_kinds(), Hands::new());
    let many: Vec<_> = kinds.iter().map(|(_, fd)| fd.as_fd()).cycle().take(200).collect();
    for n in 0..300 {
        for client in 0..4 {
            let mut direct = following(&json!(0));
            direct["client"] = json!(client);
            assert!(hostile.press(direct.to_string().as_bytes(), &sound.all()));
        }
        let pty = json!(n % 3);
        assert!(hostile.press(following(&pty).to_string().as_bytes(), &many));
        assert!(hostile.press(br#"{"say":"built"}"#, &many));
    }
    scene.others_live("a flood of descriptors");
    drop(viewer);
    scene.ends(&hostile, "a flood of descriptors");
}

#[test]
fn a_ring_cannot_be_made_shorter_or_written_by_who_has_its_file() {
    let scene = Scene::new();
    let hostile = scene.hostile();
    let ring = hostile.copy_of("coop-ring");
    for len in [0, 1, 4095, 1 << 30] {
        assert_eq!(nix::unistd::ftruncate(&ring, len), Err(Errno::EPERM), "{len}");
    }
    assert_eq!(fcntl(&ring, FcntlArg::F_ADD_SEALS(SealFlag::empty())), Err(Errno::EPERM));
    assert!(nix::sys::uio::pwrite(&ring, b"x", 0).is_err(), "only the init's own mapping is writable");
    scene.ends(&hostile, "files that are cut off");
}

#[test]
fn a_ring_that_contradicts_itself_ends_what_follows_it() {
    let scene = Scene::new();
    for (head, tail) in [(0, 1), (u64::MAX, 0), (u64::MAX, u64::MAX), (5, u64::MAX), (1 << 63, (1 << 63) - 10)] {
        let hostile = scene.hostile();
        let mut client = scene.home.terminal(&["attach", "work", "--view"]);
        scene.home.wait_for_clients("work", 0, 1);
        hostile.scribble("coop-ring", HEAD, &head.to_ne_bytes());
        hostile.scribble("coop-ring", TAIL, &tail.to_ne_bytes());
        hostile.scribble("coop-ring", 4096, &[0x9b; 8192]);
        // What the init does when it has written.
        scene.home.coop(&["screen", "work"]);
        scene.others_live("a ring that lies");
        processes::send(hostile.pid, Signal::SIGCONT);
        scene.ends(&hostile, &format!("{head} {tail}"));
        client.exit_code(LIMIT);
    }
}

#[test]
fn a_terminal_that_is_handed_over_twice_is_followed_once() {
    let scene = Scene::new();
    let hostile = scene.hostile();
    let (client, pty) = scene.asked(&hostile);
    let (first, second) = (Hands::new(), Hands::new());
    hostile.say(&following(&pty), &first.all());
    let head = 3 << 20;
    first.publish(head, head - 4096);
    scene.others_live("an output that jumps");
    hostile.say(&following(&pty), &second.all());
    second.publish(10, 0);
    second.publish(4096, 0);
    scene.others_live("an output that begins anew");
    scene.ends(&hostile, "two rings");
    client.end();
}

/// Says what is answered with an acknowledgement, until the socket is full of those and the daemon gives it up.
fn fill(hostile: &Hostile) {
    let exited = json!({"say": "exited", "pty": 0, "exit": {"code": 0}, "head": 0}).to_string();
    let said = (0..5000).take_while(|_| hostile.press(exited.as_bytes(), &[])).count();
    assert!(said < 5000, "the daemon listens on, although nothing that it says is read");
}

#[test]
fn a_socket_that_its_init_never_reads_stops_no_list_and_no_kill() {
    let scene = Scene::new();
    let hostile = scene.hostile();
    fill(&hostile);
    scene.ends(&hostile, "a socket that is full");
}

#[test]
fn an_init_that_stood_still_behind_a_full_socket_goes_on() {
    let scene = Scene::new();
    let hostile = scene.hostile();
    fill(&hostile);
    let is_silent = |wanted: bool| scene.home.row("work").filter(|row| row["silent"] == wanted);
    wait_until("it is listed as silent", LIMIT, || is_silent(true));
    processes::send(hostile.pid, Signal::SIGCONT);
    wait_until("it is heard again", LIMIT, || is_silent(false));
    assert_eq!(scene.home.state("work"), "running");
    assert_eq!(scene.home.inside("work", "echo again").ok().out.trim(), "again");
    assert_eq!(scene.home.init("work"), hostile.pid);
    scene.ends(&hostile, "an init that stood still");
}

#[test]
fn a_terminal_that_makes_its_writer_wait_stops_its_own_session_only() {
    let scene = Scene::new();
    scene.home.start("work", "stty raw -echo; echo here; exec sleep 1000");
    scene.home.wait_for_shown("work", "here");
    let hostile = Hostile::take(&scene.home, "work");
    let master = hostile.copy_of("ptmx");
    // More than the program, which never reads, has room for; again and again, as fast as the daemon could ever set it.
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR)).unwrap();
            }
        });
        scene.home.coop(&["send", "work", &"x".repeat(100_000)]);
        scene.others_live("a writer that waits");
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    scene.ends(&hostile, "a writer that waits");
}

/// A new daemon comes, and is told what an init of this many terminals would say.
fn adopt(scene: &mut Scene, hostile: &mut Hostile, ptys: usize) {
    let spare = hostile.spare();
    let old = scene.daemon;
    processes::send(old, Signal::SIGKILL);
    let (_, mut fds) = wait_until("a daemon comes", LIMIT, || hear(&spare)).unwrap();
    hostile.turn_to(fds.remove(0));
    wait_until("the old one is gone", LIMIT, || (!processes::is_alive(old)).then_some(()));
    scene.daemon = scene.home.daemon();
    let file = scene.home.coop_home().join("sessions/work/session.json");
    let session: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let pty = |n: usize| {
        let running = json!({"running": {"pid": 1, "for_ms": u64::MAX}});
        json!({"pty": n, "argv": ["x"], "program": running, "head": u64::MAX})
    };
    let ptys: Vec<Value> = (0..ptys).map(pty).collect();
    let report = json!({"say": "report", "version": 1, "session": session, "ptys": ptys, "next_pty": u32::MAX});
    hostile.say(&json!({"say": "parcel"}), &[parcel(report.to_string().as_bytes()).as_fd()]);
}

/// Most memory that a process has had, in KiB.
fn peak_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_report_of_more_terminals_than_there_can_be_costs_no_memory() {
    let mut scene = Scene::new();
    let mut hostile = scene.hostile();
    adopt(&mut scene, &mut hostile, 100_000);
    scene.others_live("a report of many terminals");
    assert!(peak_kib(scene.daemon) < 256 << 10, "{} KiB", peak_kib(scene.daemon));
    scene.ends(&hostile, "a report of many terminals");
}

#[test]
fn screens_that_nobody_asked_for_are_not_read() {
    let scene = Scene::new();
    let hostile = scene.hostile();
    let before = peak_kib(scene.daemon);
    let (sound, screen) = (Hands::new(), memory(64 << 20, SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW));
    let mut message = following(&json!(0));
    message["checkpoint"] = json!([0, {"rows": 24, "cols": 80}]);
    let fds = [&sound.all()[..], &[screen.as_fd()]].concat();
    processes::send(scene.daemon, Signal::SIGSTOP);
    for _ in 0..64 {
        if hostile.send(message.to_string().as_bytes(), &fds).is_err() {
            break;
        }
    }
    processes::send(scene.daemon, Signal::SIGCONT);
    scene.others_live("screens that nobody asked for");
    let grown = peak_kib(scene.daemon) - before;
    assert!(grown < 256 << 10, "{grown} KiB more");
    scene.ends(&hostile, "screens that nobody asked for");
}
