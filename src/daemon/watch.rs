//! Descriptors and moments under tokio.

use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches a descriptor that the result owns until its end.
///
/// The constructor is deprecated because a type may lie about its descriptor or close it early; an [`OwnedFd`] can do
/// neither, and its successor is an `unsafe fn`, which this ring does without.
#[allow(deprecated)]
pub fn watched_or_back(fd: OwnedFd, interest: Interest) -> Result<AsyncFd<OwnedFd>, (OwnedFd, io::Error)> {
    AsyncFd::try_with_interest(fd, interest).map_err(tokio::io::unix::AsyncFdRegisterError::into_parts)
}

/// As [`watched_or_back`]; a descriptor that cannot be watched is closed.
pub fn watched(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    watched_or_back(fd, interest).map_err(|(_, error)| error)
}

/// Waits for a moment, or for ever where there is none.
pub async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
