//! What outlives a session: moved into its home when it begins, and out when it is killed. A move costs nothing and keeps
//! every attribute; in between, the home is one directory like any other.
//!
//! The box wrote these trees, and a link in them may point anywhere on the host: no path in them is ever followed.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::fcntl::RenameFlags;
use nix::sys::stat::Mode;
use nix::unistd::UnlinkatFlags;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// Moves each of `inside` from below one directory to below another. What is not there is passed over, and so is what
/// the target has already.
pub fn move_all(from: &Path, to: &Path, inside: &[PathBuf]) -> io::Result<()> {
    if inside.is_empty() || !from.is_dir() {
        return Ok(());
    }
    for path in inside {
        move_one(from, to, path)?;
    }
    Ok(())
}

fn move_one(from: &Path, to: &Path, inside: &Path) -> io::Result<()> {
    let Some(name) = inside.file_name() else { return Ok(()) };
    let parent = inside.parent().unwrap_or(Path::new(""));
    let Some(source) = directory_below(from, parent, false)? else { return Ok(()) };
    if nix::sys::stat::fstatat(&source, name, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW) == Err(Errno::ENOENT) {
        return Ok(());
    }
    let Some(target) = directory_below(to, parent, true)? else { return Ok(()) };
    match nix::fcntl::renameat2(&source, name, &target, name, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) | Err(Errno::EEXIST | Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes the empty directories that were only made to hold one of `inside`, so that nothing but what is kept is there.
pub fn prune(root: &Path, inside: &[PathBuf]) -> io::Result<()> {
    for parent in inside.iter().flat_map(|path| path.ancestors().skip(1)) {
        let (Some(above), Some(name)) = (parent.parent(), parent.file_name()) else { continue };
        let Some(above) = directory_below(root, above, false)? else { continue };
        match nix::unistd::unlinkat(&above, name, UnlinkatFlags::RemoveDir) {
            // ENOTDIR: it is a link or a file, and was kept as that.
            Ok(()) | Err(Errno::ENOENT | Errno::ENOTEMPTY | Errno::ENOTDIR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// The directory `below` of `root`, one real directory at a time. `None`: it is not there, or a link is in the way.
pub fn directory_below(root: &Path, below: &Path, make: bool) -> io::Result<Option<OwnedFd>> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut directory = nix::fcntl::open(root, flags, Mode::empty())?;
    for part in below.components() {
        let Component::Normal(name) = part else { return Ok(None) };
        if make {
            match nix::sys::stat::mkdirat(&directory, name, Mode::S_IRWXU) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        directory = match nix::fcntl::openat(&directory, name, flags, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
    }
    Ok(Some(directory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            let made = nix::unistd::mkdtemp("/tmp/coop-persist-XXXXXX").unwrap();
            fs::create_dir(made.join("home")).unwrap();
            fs::create_dir(made.join("kept")).unwrap();
            Self(made)
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.join(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn what_is_listed_moves_out_and_in_again() {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.at("home/.config/opencode")).unwrap();
        fs::write(scratch.at("home/.config/opencode/a"), "x").unwrap();
        let list = [PathBuf::from(".config/opencode"), PathBuf::from(".claude")];
        move_all(&scratch.at("home"), &scratch.at("kept"), &list).unwrap();
        assert!(scratch.at("kept/.config/opencode/a").exists() && !scratch.at("home/.config/opencode").exists());
        move_all(&scratch.at("kept"), &scratch.at("home"), &list).unwrap();
        assert_eq!(fs::read_to_string(scratch.at("home/.config/opencode/a")).unwrap(), "x");
    }

    #[test]
    fn a_link_that_the_box_left_moves_nothing_of_the_hosts() {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.at("hosts/opencode")).unwrap();
        std::os::unix::fs::symlink(scratch.at("hosts"), scratch.at("home/.config")).unwrap();
        move_all(&scratch.at("home"), &scratch.at("kept"), &[".config/opencode".into()]).unwrap();
        assert!(scratch.at("hosts/opencode").exists() && !scratch.at("kept/.config/opencode").exists());
    }

    #[test]
    fn directories_that_hold_nothing_kept_are_pruned_and_links_are_not_followed() {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.at("hosts/share")).unwrap();
        fs::create_dir_all(scratch.at("kept/.config")).unwrap();
        fs::create_dir_all(scratch.at("kept/.cache/x/kept")).unwrap();
        std::os::unix::fs::symlink(scratch.at("hosts"), scratch.at("kept/.local")).unwrap();
        prune(&scratch.at("kept"), &[".config/a".into(), ".local/share/a".into(), ".cache/x/a".into()]).unwrap();
        assert!(!scratch.at("kept/.config").exists() && scratch.at("hosts/share").exists());
        assert!(scratch.at("kept/.cache/x/kept").exists());
    }

    #[test]
    fn what_is_there_is_not_replaced() {
        let scratch = Scratch::new();
        fs::write(scratch.at("home/.claude"), "new").unwrap();
        fs::write(scratch.at("kept/.claude"), "old").unwrap();
        move_all(&scratch.at("kept"), &scratch.at("home"), &[".claude".into()]).unwrap();
        assert_eq!(fs::read_to_string(scratch.at("home/.claude")).unwrap(), "new");
    }
}
