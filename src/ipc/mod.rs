//! The unix-socket door: framing and the check of who is there. What it passes on is the daemon's handle's business.

pub mod connection;

use crate::daemon::handle::Handle;
use crate::daemon::supervisor::Connected;
use crate::daemon::viewer::Output;
use crate::daemon::viewer::Viewer;
use crate::home;
use crate::ipc::connection::Connection;
use crate::ipc::connection::FrameReader;
use crate::ipc::connection::FrameWriter;
use crate::proto::door::Answer;
use crate::proto::door::Attach;
use crate::proto::door::Call;
use crate::proto::door::ClientSays;
use crate::proto::door::DaemonStatus;
use crate::proto::door::Hello;
use crate::proto::door::PROTOCOL;
use crate::proto::door::Refusal;
use crate::proto::door::RefusalCode;
use crate::proto::door::Request;
use crate::proto::door::Watch;
use crate::proto::door::Welcome;
use crate::proto::frame;
use crate::proto::frame::Frame;
use crate::sys::socket;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use tokio::net::UnixListener;
use tokio::net::UnixStream;

/// A client that does not greet in this time is none.
const GREETING_LIMIT: Duration = Duration::from_secs(10);
/// What the kernel may hold for a client: small, for bytes that are sent cannot be skipped any more.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// A screen may be longer than a frame, and goes in pieces.
const SCREEN_PIECE_BYTES: usize = 512 << 10;

/// A list that changes all the time is shown so often at most.
const WATCH_PAUSE: Duration = Duration::from_millis(50);

pub struct Door {
    pub listener: UnixListener,
    pub handle: Handle,
    pub clients: Arc<Connected>,
}

/// Counts a client for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn one_more(number: &'a AtomicUsize) -> Self {
        number.fetch_add(1, Ordering::Relaxed);
        Self(number)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Door {
    pub async fn serve(self) {
        let born = Instant::now();
        let mut reserve = Reserve::default();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    if let Err(error) = reserve.lend(|| admit(&stream)) {
                        tracing::warn!(%error, "a client was turned away");
                        continue;
                    }
                    let (handle, clients) = (self.handle.clone(), Arc::clone(&self.clients));
                    tokio::spawn(async move {
                        let _counted = Counted::one_more(&clients.all);
                        if let Err(error) = greet(stream, &handle, &clients, born).await {
                            tracing::debug!(%error, "a client was let go");
                        }
                    });
                }
                Err(error) => {
                    // Out of descriptors: the connection stays in the queue until some are free.
                    tracing::warn!(%error, "cannot accept a client");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Descriptors kept for the door's own look at a client: with none left it could not be told who is there.
#[derive(Debug, Default)]
struct Reserve(Vec<OwnedFd>);

impl Reserve {
    /// Gives the reserve up while `look` runs, which returns what it took.
    fn lend<T>(&mut self, look: impl FnOnce() -> T) -> T {
        const NEEDED: usize = 2; // a pidfd, and its fdinfo
        self.0.clear();
        let seen = look();
        // Short of descriptors, the reserve is filled after another client.
        self.0.extend((0..NEEDED).map_while(|_| nix::sys::eventfd::EventFd::new().ok().map(OwnedFd::from)));
        seen
    }
}

fn admit(stream: &UnixStream) -> io::Result<()> {
    let refused = |why| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if socket::peer_uid(stream)? != nix::unistd::geteuid().as_raw() {
        return refused("it belongs to another user");
    }
    // A box may see this socket: `COOP_HOME` can lie in the workspace of another instance's session.
    if !socket::peer_is_beside_us(stream)? {
        return refused("it is in a box or a container, or is gone");
    }
    Ok(())
}

async fn greet(stream: UnixStream, handle: &Handle, clients: &Connected, born: Instant) -> io::Result<()> {
    socket::set_send_buffer(&stream, SEND_BUFFER_BYTES)?;
    let mut connection = Connection::new(stream);
    let hello = tokio::time::timeout(GREETING_LIMIT, connection.reader.next()).await??;
    let Some(Frame::Control(hello)) = hello else { return Ok(()) };
    let hello: Hello = frame::parse_control(&hello)?;
    let serves = hello.protocol == PROTOCOL && (hello.any_build || hello.build == home::build_id());
    let welcome = Welcome {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: home::build_id(),
        pid: std::process::id(),
        serves,
    };
    connection.writer.control(&welcome).await?;
    if let Some(seconds) = hello.idle_exit_s.filter(|&seconds| serves && seconds <= 31_536_000) {
        handle.set_idle_exit(Duration::from_secs(seconds)).await;
    }
    converse(connection, handle, clients, serves, born).await
}

async fn converse(
    mut connection: Connection,
    handle: &Handle,
    clients: &Connected,
    serves: bool,
    born: Instant,
) -> io::Result<()> {
    while let Some(frame) = connection.reader.next().await? {
        let Frame::Control(request) = frame else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "terminal bytes before `attach`"));
        };
        let request = match frame::parse_control::<Request>(&request) {
            Ok(request) => request,
            Err(error) => {
                let refusal = Refusal::new(RefusalCode::BadRequest, error.to_string());
                connection.writer.control(&Answer::<()>::Error(refusal)).await?;
                continue;
            }
        };
        match request {
            Request::Shutdown(shutdown) => {
                answer(&mut connection.writer, &shutdown, Ok(())).await?;
                handle.shutdown(shutdown.replace).await;
            }
            // Carried out for another build, a request could be misunderstood: that client starts a daemon of its own.
            _ if !serves => return Ok(()),
            Request::Attach(attach) => {
                let _counted = Counted::one_more(&clients.attached);
                return attach_to(connection, handle, attach).await;
            }
            Request::Watch(call) => return watch(connection, handle, &call).await,
            other => respond(&mut connection.writer, handle, other, born).await?,
        }
    }
    Ok(())
}

async fn respond(writer: &mut FrameWriter, handle: &Handle, request: Request, born: Instant) -> io::Result<()> {
    match request {
        Request::List(call) => answer(writer, &call, handle.list().await).await,
        Request::Create(call) => {
            let created = handle.create(call.clone()).await;
            answer(writer, &*call, created).await
        }
        Request::Shell(call) => answer(writer, &call, handle.shell(call.clone()).await).await,
        Request::Kill(call) => answer(writer, &call, handle.kill(call.clone()).await).await,
        Request::Restart(call) => answer(writer, &call, handle.restart(&call.session).await).await,
        Request::Status(call) => {
            let status = status(handle, born).await;
            answer(writer, &call, status).await
        }
        Request::Attach(_) | Request::Watch(_) | Request::Shutdown(_) => Ok(()),
    }
}

async fn status(handle: &Handle, born: Instant) -> Result<DaemonStatus, Refusal> {
    Ok(DaemonStatus {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: born.elapsed().as_secs(),
        sessions: handle.list().await?,
        kept: handle.kept().await?,
        not_held: handle.not_held().await?,
    })
}

async fn watch(connection: Connection, handle: &Handle, call: &Watch) -> io::Result<()> {
    let Connection { mut reader, mut writer } = connection;
    let mut changes = handle.changes();
    let mut told = None;
    loop {
        let rows = handle.list().await;
        if told.as_ref() != Some(&rows) {
            answer(&mut writer, call, rows.clone()).await?;
            told = Some(rows);
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return Ok(()) },
            // Whatever it says now, it says goodbye.
            _ = reader.next() => return Ok(()),
        }
        // What comes in a row is told once.
        tokio::time::sleep(WATCH_PAUSE).await;
    }
}

/// Sends the answer that belongs to the call's type.
async fn answer<C: Call>(writer: &mut FrameWriter, _call: &C, result: Result<C::Reply, Refusal>) -> io::Result<()> {
    writer
        .control(&match result {
            Ok(reply) => Answer::Ok(reply),
            Err(refusal) => Answer::Error(refusal),
        })
        .await
}

async fn attach_to(mut connection: Connection, handle: &Handle, attach: Attach) -> io::Result<()> {
    let viewer = match handle.attach(attach.clone()).await {
        Ok(viewer) => viewer,
        Err(refusal) => return answer(&mut connection.writer, &attach, Err(refusal)).await,
    };
    let Connection { reader, mut writer } = connection;
    let result = match answer(&mut writer, &attach, Ok(viewer.attached.clone())).await {
        // Whichever ends first ends the other: a client that has hung up reads nothing, one that was told goodbye says
        // nothing.
        Ok(()) => tokio::select! {
            result = pass_input(reader, &viewer) => result,
            result = pass_output(writer, &viewer) => result,
        },
        // It has gone meanwhile, and must not stay among those who are attached.
        gone => gone,
    };
    viewer.detach().await;
    result
}

async fn pass_input(mut reader: FrameReader, viewer: &Viewer) -> io::Result<()> {
    while let Some(frame) = reader.next().await? {
        let goes_on = match frame {
            Frame::Bytes(bytes) => viewer.input(bytes).await,
            Frame::Control(says) => match frame::parse_control(&says)? {
                ClientSays::Resize { size } => viewer.resize(size).await,
                ClientSays::Typing => viewer.typing().await,
                ClientSays::Colours { colours } => viewer.colours(colours).await,
                ClientSays::Refresh => viewer.refresh().await,
                ClientSays::Detach => false,
            },
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

async fn pass_output(mut writer: FrameWriter, viewer: &Viewer) -> io::Result<()> {
    while let Some(output) = viewer.pull().await {
        for part in output {
            match part {
                Output::Bytes(bytes) => {
                    for piece in bytes.chunks(SCREEN_PIECE_BYTES) {
                        writer.queue(&Frame::Bytes(piece.to_vec().into()))?;
                    }
                }
                Output::Hands(says, fds) => writer.send_with(&Frame::control(&says), &fds).await?,
                Output::Says(says) => {
                    let last = says.is_last();
                    writer.queue(&Frame::control(&says))?;
                    if last {
                        return writer.flush().await;
                    }
                }
            }
        }
        writer.flush().await?;
    }
    Ok(())
}
