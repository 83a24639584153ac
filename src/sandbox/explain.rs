//! Why a box cannot be built on this machine, and what its owner can do about it.

use nix::errno::Errno;
use std::fs;

/// A box that could not be built.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {errno}")]
pub struct SandboxError {
    pub what: String,
    pub errno: Errno,
    pub hint: Option<String>,
}

impl SandboxError {
    pub fn new(what: impl Into<String>, errno: Errno) -> Self {
        Self { what: what.into(), errno, hint: None }
    }
}

/// Attaches what was being done to a bare errno.
pub trait While<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T, SandboxError>;
}

impl<T> While<T> for nix::Result<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T, SandboxError> {
        self.map_err(|errno| SandboxError::new(what(), errno))
    }
}

impl<T> While<T> for std::io::Result<T> {
    fn during(self, what: impl FnOnce() -> String) -> Result<T, SandboxError> {
        self.map_err(|error| SandboxError::new(what(), Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))))
    }
}

/// `unshare` was refused: find out by whom.
pub fn namespaces_refused(errno: Errno) -> SandboxError {
    let mut error =
        SandboxError::new("this machine does not let you make a user namespace, which every box needs", errno);
    error.hint = Some(remedy(errno, |path| fs::read_to_string(path).ok()));
    error
}

fn remedy(errno: Errno, read: impl Fn(&str) -> Option<String>) -> String {
    let is = |path: &str, value: &str| read(path).is_some_and(|text| text.trim() == value);
    if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "Ubuntu's AppArmor forbids it. As root, allow it for coop alone with a profile in /etc/apparmor.d/coop \
         (`abi <abi/4.0>, include <tunables/global> profile coop /path/to/coop flags=(unconfined) { userns, }`, then \
         `systemctl reload apparmor`), or for all: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
            .to_owned()
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "this Debian or Arch kernel has it switched off. As root: `sysctl -w kernel.unprivileged_userns_clone=1` \
         (to keep it: a line `kernel.unprivileged_userns_clone=1` in /etc/sysctl.d/50-coop.conf)"
            .to_owned()
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        "they are limited to none (RHEL and CentOS 7 do so). As root: `sysctl -w user.max_user_namespaces=28633` \
         (to keep it: the same line in /etc/sysctl.d/50-coop.conf)"
            .to_owned()
    } else if errno == Errno::ENOSPC {
        "the limit is used up: raise it as root with `sysctl -w user.max_user_namespaces=28633`, or end what uses them"
            .to_owned()
    } else if errno == Errno::EPERM {
        "most likely a container's seccomp filter forbids it. Docker: `--security-opt seccomp=unconfined \
         --security-opt systempaths=unconfined`; Kubernetes: `hostUsers: false` and `procMount: Unmasked`"
            .to_owned()
    } else {
        "the kernel must be built with CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_UTS_NS and CONFIG_IPC_NS".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy_with(path: &'static str, value: &'static str, errno: Errno) -> String {
        remedy(errno, |asked| (asked == path).then(|| format!("{value}\n")))
    }

    #[test]
    fn the_remedy_is_the_one_for_this_distribution() {
        let apparmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
        assert!(remedy_with(apparmor, "1", Errno::EPERM).contains("apparmor.d/coop"));
        assert!(remedy_with("/proc/sys/kernel/unprivileged_userns_clone", "0", Errno::EPERM).contains("Debian"));
        assert!(remedy_with("/proc/sys/user/max_user_namespaces", "0", Errno::ENOSPC).contains("28633"));
        assert!(remedy_with("", "", Errno::EPERM).contains("seccomp"));
        assert!(remedy_with("", "", Errno::EINVAL).contains("CONFIG_USER_NS"));
    }
}
