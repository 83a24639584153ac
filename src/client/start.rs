//! Starting the daemon: under a lock, so that of many first commands one does it and all find it.

use crate::client::Context;
use crate::client::connect;
use crate::client::failure::Failure;
use crate::client::failure::NO_DAEMON;
use crate::daemon::guard::Orders;
use crate::home;
use crate::sys::process;
use crate::sys::socket;
use nix::fcntl::Flock;
use nix::fcntl::FlockArg;
use nix::sys::signal::Signal;
use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

/// How long the daemon lives without anything to do, unless told otherwise.
const IDLE_EXIT_DEFAULT_S: u64 = 30;
/// How long a daemon that lost its socket may take to go.
const HANDOVER_LIMIT: Duration = Duration::from_secs(10);

/// Makes sure that somebody listens on the socket: starts guard and daemon unless another client was faster.
pub fn start(context: &Context) -> Result<(), Failure> {
    context.home.secure()?;
    let lock = home::private_file(&context.home.start_lock())?;
    let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| {
        Failure::new(NO_DAEMON, format!("cannot lock {}: {errno}", context.home.start_lock().display()))
    })?;
    if connect::dial(context)?.is_some() {
        return Ok(());
    }
    end_deaf_daemon(context)?;
    let listener = listen(context)?;
    context.detail(|| "starting the daemon".to_owned());
    let orders = Orders {
        home: context.home.clone(),
        idle_exit: Duration::from_secs(context.idle_exit.unwrap_or(IDLE_EXIT_DEFAULT_S)),
        verbose: context.verbose,
    };
    launch(&orders, &listener).map_err(|error| {
        Failure::new(NO_DAEMON, format!("cannot start the daemon: {error}"))
            .hinted("is the limit of processes reached (`ulimit -u`)?")
    })
}

/// Somebody removed the socket of a daemon that lives: it is asked to go, its sessions stay.
fn end_deaf_daemon(context: &Context) -> Result<(), Failure> {
    let until = Instant::now() + HANDOVER_LIMIT;
    let mut asked = false;
    loop {
        let file = home::private_file(&context.home.pid_file())?;
        let Err(pid) = process::lock_for_life(&file)
            .map_err(Failure::cannot(format!("lock {}", context.home.pid_file().display())))?
        else {
            return Ok(());
        };
        if pid.as_raw() <= 0 {
            // The kernel has no number for it here; `kill` would take 0 for ourselves and all around us.
            let text = format!("{} is locked by a daemon in another pid namespace", context.home.pid_file().display());
            return Err(
                Failure::new(NO_DAEMON, text).hinted("end it there, or set COOP_HOME to a directory of its own")
            );
        }
        if !asked {
            context.detail(|| format!("daemon {pid} has lost its socket: it is replaced"));
            asked = nix::sys::signal::kill(pid, Signal::SIGTERM).is_ok();
        }
        if Instant::now() > until {
            let text = format!("daemon {pid} lives but has no socket any more, and does not end");
            return Err(Failure::new(NO_DAEMON, text).hinted(format!("`kill -9 {pid}`; no session is lost by that")));
        }
        // An fcntl lock has no wake-up with a limit.
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn listen(context: &Context) -> Result<UnixListener, Failure> {
    let path = context.home.socket();
    match std::fs::remove_file(path) {
        // Nobody listens there and it is a socket of ours: `dial` has just looked, and we hold the lock.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::new(NO_DAEMON, format!("cannot remove the stale socket {}: {error}", path.display())));
        }
        _ => {}
    }
    socket::listen(path).map_err(|error| {
        Failure::new(NO_DAEMON, format!("cannot make the socket {}: {error}", path.display())).hinted(
            match error.raw_os_error() {
                Some(libc::ENOSPC | libc::EDQUOT) => {
                    "the disk is full: free some space, or set COOP_HOME to another disk"
                }
                _ => "set COOP_HOME, or --socket, to a place that you can write to",
            },
        )
    })
}

/// Forks twice, so that the guard is nobody's child, and execs ourselves as the guard.
fn launch(orders: &Orders, listener: &UnixListener) -> io::Result<()> {
    match fork::fork()? {
        fork::Fork::Parent(child) => match fork::waitpid(child)? {
            0 => Ok(()),
            status => Err(io::Error::other(format!("the first fork failed (status {status})"))),
        },
        fork::Fork::Child => {
            let second = fork::setsid().and_then(|_| fork::fork());
            match second {
                Ok(fork::Fork::Parent(_)) => std::process::exit(0),
                Ok(fork::Fork::Child) => {
                    let Err(_) = become_guard(orders, listener);
                    std::process::exit(1)
                }
                Err(_) => std::process::exit(1),
            }
        }
    }
}

fn become_guard(orders: &Orders, listener: &UnixListener) -> io::Result<Infallible> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    for number in [1, 2] {
        process::place_at(&null, number, true)?;
    }
    process::place_at(listener, 0, true)?;
    process::reset_signals()?;
    // Whatever the shell left open to this client is not the daemon's business.
    process::mark_from_close_on_exec(3)?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("coop-guard").arg("__guard").args(orders.to_words()).env_clear().current_dir("/");
    Err(command.exec())
}
