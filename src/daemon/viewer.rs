//! A door's side of one attached terminal: pull output, push input. A door adds framing and nothing else.

use crate::name::WinSize;
use crate::proto::door::Attached;
use crate::proto::door::DaemonSays;
use crate::session::fanout::ViewerId;
use crate::term::screen::SpecialColours;
use std::os::fd::OwnedFd;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio_util::bytes::Bytes;

/// What is to be passed on to the client, in order.
#[derive(Debug)]
pub enum Output {
    Bytes(Vec<u8>),
    Says(DaemonSays),
    /// With descriptors beside it.
    Hands(DaemonSays, Vec<OwnedFd>),
}

/// What viewers tell a terminal.
#[derive(Debug)]
pub enum FromViewer {
    /// What was pulled last has been passed on; what is next? Answered when there is something.
    Pull {
        id: ViewerId,
        reply: oneshot::Sender<Vec<Output>>,
    },
    Input {
        id: ViewerId,
        bytes: Bytes,
    },
    Resize {
        id: ViewerId,
        size: WinSize,
    },
    Refresh {
        id: ViewerId,
    },
    /// It types past the daemon.
    Typing {
        id: ViewerId,
    },
    /// Of its terminal: foreground, background and cursor.
    Colours {
        id: ViewerId,
        colours: SpecialColours,
    },
    Detach {
        id: ViewerId,
    },
}

#[derive(Clone, Debug)]
pub struct Viewer {
    id: ViewerId,
    pub attached: Attached,
    terminal: mpsc::Sender<FromViewer>,
}

impl Viewer {
    pub fn new(id: ViewerId, attached: Attached, terminal: mpsc::Sender<FromViewer>) -> Self {
        Self { id, attached, terminal }
    }

    /// The next output; `None` when the terminal is gone.
    pub async fn pull(&self) -> Option<Vec<Output>> {
        let (reply, answer) = oneshot::channel();
        self.terminal.send(FromViewer::Pull { id: self.id, reply }).await.ok()?;
        answer.await.ok()
    }

    pub async fn input(&self, bytes: Bytes) -> bool {
        self.terminal.send(FromViewer::Input { id: self.id, bytes }).await.is_ok()
    }

    pub async fn resize(&self, size: WinSize) -> bool {
        self.terminal.send(FromViewer::Resize { id: self.id, size }).await.is_ok()
    }

    pub async fn refresh(&self) -> bool {
        self.terminal.send(FromViewer::Refresh { id: self.id }).await.is_ok()
    }

    pub async fn typing(&self) -> bool {
        self.terminal.send(FromViewer::Typing { id: self.id }).await.is_ok()
    }

    pub async fn colours(&self, colours: SpecialColours) -> bool {
        self.terminal.send(FromViewer::Colours { id: self.id, colours }).await.is_ok()
    }

    pub async fn detach(self) {
        // A terminal that is gone has nobody attached.
        self.terminal.send(FromViewer::Detach { id: self.id }).await.ok();
    }
}
