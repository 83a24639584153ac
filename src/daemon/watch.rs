//! Descriptors under tokio.

use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Watches a descriptor that the result owns until its end.
///
/// The constructor is deprecated because a type may lie about its descriptor or close it early; an [`OwnedFd`] can do
/// neither, and its successor is an `unsafe fn`, which this ring does without.
#[allow(deprecated)]
pub fn watched(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, interest)
}
