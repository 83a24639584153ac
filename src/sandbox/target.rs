//! Mount targets, found and made *inside* the new root. Nothing here ever follows a link out of it: a symlink that a
//! workspace brings along leads to a place in the box or nowhere.

use crate::sys::mount::open_inside;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::FileStat;
use nix::sys::stat::Mode;
use nix::sys::stat::SFlag;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory,
    File,
}

/// What a descriptor stands for.
pub fn kind_of(fd: impl AsFd) -> nix::Result<Option<Kind>> {
    let stat: FileStat = nix::sys::stat::fstat(fd)?;
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    Ok(match kind {
        SFlag::S_IFDIR => Some(Kind::Directory),
        SFlag::S_IFLNK => None,
        _ => Some(Kind::File),
    })
}

/// The place at `path`, when there is one. A link as its last part is not followed and is no place.
pub fn existing(root: &OwnedFd, path: &Path) -> nix::Result<Option<OwnedFd>> {
    match open_inside(root, &relative(path), libc::O_PATH | libc::O_NOFOLLOW, 0) {
        Ok(fd) if kind_of(&fd)?.is_some() => Ok(Some(fd)),
        Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EACCES) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The place at `path`, made if it is missing, with the directories above it.
pub fn make(root: &OwnedFd, path: &Path, kind: Kind, mode: u32) -> nix::Result<OwnedFd> {
    match open_inside(root, &relative(path), libc::O_PATH, 0) {
        Ok(fd) if kind_of(&fd)? == Some(kind) => return Ok(fd),
        Ok(_) if kind == Kind::Directory => return Err(Errno::ENOTDIR),
        Ok(_) => return Err(Errno::EISDIR),
        Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno),
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::EINVAL) };
    let parent = make(root, parent, Kind::Directory, 0o755)?;
    let mode = Mode::from_bits_truncate(mode);
    // The parent is a descriptor now: no link can be slipped in between; O_EXCL and O_NOFOLLOW hold for the last part.
    match kind {
        Kind::Directory => {
            nix::sys::stat::mkdirat(&parent, name, mode)?;
            // mkdir is subject to the umask, and a sticky bit asked for must stand.
            nix::sys::stat::fchmodat(&parent, name, mode, nix::sys::stat::FchmodatFlags::FollowSymlink)?;
        }
        Kind::File => {
            let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
            nix::fcntl::openat(&parent, name, flags, mode)?;
        }
    }
    nix::fcntl::openat(&parent, name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
}

pub fn symlink(root: &OwnedFd, at: &Path, to: &Path) -> nix::Result<()> {
    let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else { return Err(Errno::EINVAL) };
    let parent = make(root, parent, Kind::Directory, 0o755)?;
    nix::unistd::symlinkat(to, &parent, name)
}

/// Removes a file that [`make`] made.
pub fn remove_file(root: &OwnedFd, path: &Path) -> nix::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::EINVAL) };
    let parent = open_inside(root, &relative(parent), libc::O_PATH, 0)?;
    nix::unistd::unlinkat(&parent, name, nix::unistd::UnlinkatFlags::NoRemoveDir)
}

/// `openat2` with RESOLVE_IN_ROOT takes absolute paths too, but the root itself is `.`.
fn relative(path: &Path) -> std::path::PathBuf {
    let below = path.strip_prefix("/").unwrap_or(path);
    if below.as_os_str().is_empty() { ".".into() } else { below.to_owned() }
}
