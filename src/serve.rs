//! The daemon's start and end.

use crate::daemon::guard;
use crate::daemon::guard::Orders;
use crate::daemon::handle::Handle;
use crate::daemon::log;
use crate::daemon::supervisor::Supervisor;
use crate::daemon::supervisor::socket_inode;
use crate::daemon::watch::watched;
use crate::home;
use crate::ipc;
use crate::sys::process;
use crate::sys::socket;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::Seek;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;
use std::time::Instant;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::oneshot;

/// Between two attempts to start a guard.
const GUARD_PAUSE: Duration = Duration::from_secs(1);
/// How long a new daemon waits for an old one to let go.
const HANDOVER_LIMIT: Duration = Duration::from_secs(10);

pub fn run(words: Vec<OsString>) -> i32 {
    let Some(orders) = Orders::from_words(&words) else { return 2 };
    process::call_me(c"coop-daemon");
    log::start(&orders.home.log(), orders.verbose);
    match start(&orders) {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(%error, "the daemon ends");
            1
        }
    }
}

fn start(orders: &Orders) -> io::Result<()> {
    let listener = UnixListener::from(process::inherited(0)?);
    let link = process::inherited(1)?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    process::become_subreaper()?;
    let open_files = process::raise_open_files()?;
    let mut pid_file = home::private_file(&orders.home.pid_file()).map_err(io::Error::other)?;
    own(&pid_file)?;
    pid_file.set_len(0)?;
    pid_file.rewind()?;
    // Advisory: a full disk is no reason not to serve.
    if let Err(error) = write!(pid_file, "{}", std::process::id()) {
        tracing::warn!(%error, "the pid could not be written");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(orders, listener, link, open_files))
}

/// Makes sure that this is the only daemon: the lock ends with its owner, however that ends.
fn own(pid_file: &File) -> io::Result<()> {
    let until = Instant::now() + HANDOVER_LIMIT;
    loop {
        match process::lock_for_life(pid_file)? {
            Ok(()) => return Ok(()),
            Err(pid) if Instant::now() > until => {
                return Err(io::Error::other(format!("daemon {pid} does not let go of its lock")));
            }
            // fcntl locks have no wake-up but F_SETLKW, which has no limit.
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

async fn serve(orders: &Orders, listener: UnixListener, link: OwnedFd, open_files: u64) -> io::Result<()> {
    let (mut supervisor, address) = Supervisor::new(orders.home.clone(), orders.idle_exit, open_files);
    supervisor.prepare();
    let handle = Handle::new(address, supervisor.changes());
    let guards_listener = listener.try_clone()?;
    tokio::spawn(reap(signal(SignalKind::child())?));
    supervisor.adopt().await?;
    let own_socket = socket_inode(&orders.home);
    let (bye, bye_said) = oneshot::channel();
    let watch = tokio::spawn(watch_guard(orders.clone(), link, guards_listener, handle.clone(), bye_said));
    let wishes = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    tokio::spawn(on_signals(wishes, handle.clone()));
    listener.set_nonblocking(true)?;
    let door =
        ipc::Door { listener: tokio::net::UnixListener::from_std(listener)?, handle, clients: supervisor.clients() };
    tokio::spawn(door.serve());
    tracing::info!(pid = std::process::id(), version = env!("CARGO_PKG_VERSION"), "serving");
    supervisor.run().await;
    // Somebody may have removed it, and another daemon may have made its own.
    if socket_inode(&orders.home) == own_socket
        && let Err(error) = std::fs::remove_file(orders.home.socket())
    {
        tracing::warn!(%error, "the socket could not be removed");
    }
    if bye.send(()).is_ok() {
        watch.await.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Children end: stage 1 of every box, inits, a guard that we started.
async fn reap(mut children: Signal) {
    loop {
        while process::reap_one().is_some() {}
        children.recv().await;
    }
}

async fn on_signals([mut terminate, mut interrupt, mut hangup]: [Signal; 3], handle: Handle) {
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            // A daemon has no terminal that could hang up.
            _ = hangup.recv() => continue,
        }
        handle.shutdown(false).await;
    }
}

/// Replaces a guard that died; passes on its wish to end; tells it in the end that all is in order.
async fn watch_guard(
    orders: Orders,
    link: OwnedFd,
    listener: UnixListener,
    handle: Handle,
    mut bye: oneshot::Receiver<()>,
) -> io::Result<()> {
    let mut link = guard_link(link)?;
    loop {
        let receive = |fd: &OwnedFd| socket::receive_message(fd, 16, false).map_err(io::Error::from);
        tokio::select! {
            message = link.async_io(Interest::READABLE, receive) => match message {
                Ok(Some(message)) if message.bytes == guard::GO => handle.shutdown(false).await,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    tracing::warn!("the guard died; starting another one");
                    link = tokio::select! {
                        link = another_guard(&orders, &listener) => link,
                        // There is nobody to be told.
                        _ = &mut bye => return Ok(()),
                    };
                }
            },
            _ = &mut bye => return Ok(socket::send_message(link.get_ref(), guard::BYE, &[], true)?),
        }
    }
}

/// Starts a guard. What keeps it from starting (descriptors, processes or memory that are short) passes.
async fn another_guard(orders: &Orders, listener: &UnixListener) -> AsyncFd<OwnedFd> {
    loop {
        match guard::start_over_me(orders, listener).and_then(guard_link) {
            Ok(link) => return link,
            Err(error) => tracing::error!(%error, "no guard could be started; trying again"),
        }
        tokio::time::sleep(GUARD_PAUSE).await;
    }
}

fn guard_link(link: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    nix::fcntl::fcntl(&link, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
    watched(link, Interest::READABLE)
}
