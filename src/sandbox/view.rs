//! What the host has to offer, looked up once and handed to the pure planner.

use crate::sandbox::explain::SandboxError;
use crate::sandbox::explain::While;
use crate::sandbox::masks;
use crate::session::spec::BoxSpec;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Top-level directories of the host that a box sees read-only, where they exist.
const BASE: &[&str] = &["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "nix"];

/// Limits of a user namespace, and where the host's own for a user stand.
const INOTIFY: &[(&str, &str)] = &[
    ("max_inotify_instances", "/proc/sys/fs/inotify/max_user_instances"),
    ("max_inotify_watches", "/proc/sys/fs/inotify/max_user_watches"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseEntry {
    Directory,
    /// `/bin -> usr/bin` on merged-/usr systems.
    Symlink(PathBuf),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostView {
    pub base: Vec<(PathBuf, BaseEntry)>,
    /// Secrets below `/etc` that exist and that the caller could read.
    pub etc_secrets: Vec<PathBuf>,
    /// Where `/etc/resolv.conf` really lies, when that is outside `/etc` and `/usr`.
    pub resolver_file: Option<PathBuf>,
    /// A passwd file with the caller in it, when the host's has no entry for it (directory services).
    pub passwd: Option<String>,
    /// The host's `/etc/hosts`.
    pub hosts: String,
    /// Of [`BoxSpec::tools`], those that are links on the host, with what they say.
    pub tool_links: Vec<(PathBuf, PathBuf)>,
    /// Of [`BoxSpec::hidden`], those that exist.
    pub hidden: Vec<PathBuf>,
    pub memory_bytes: u64,
    /// Limits of inotify: the name in `/proc/sys/user`, and what the host gives a user.
    pub inotify: Vec<(&'static str, u32)>,
}

impl HostView {
    pub fn look(spec: &BoxSpec, coop_home: &Path) -> Result<Self, SandboxError> {
        let what = || "cannot look at the host".to_owned();
        let mut view = Self { hosts: fs::read_to_string("/etc/hosts").unwrap_or_default(), ..Self::default() };
        for name in BASE {
            let path = Path::new("/").join(name);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() => {
                    let to = fs::read_link(&path).during(what)?;
                    view.base.push((path, BaseEntry::Symlink(to)));
                }
                Ok(found) if found.is_dir() => view.base.push((path, BaseEntry::Directory)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).during(what),
            }
        }
        view.etc_secrets = readable_secrets();
        view.resolver_file = resolver_outside_etc();
        view.passwd = passwd_with(spec);
        let link = |tool: &PathBuf| fs::read_link(tool).ok().map(|to| (tool.clone(), to));
        view.tool_links = spec.tools.iter().filter_map(link).collect();
        for path in spec.hidden.iter().map(PathBuf::as_path).chain([coop_home]) {
            view.hidden.extend(real(path)?);
        }
        view.memory_bytes = nix::sys::sysinfo::sysinfo().during(what)?.ram_total();
        for (name, host) in INOTIFY {
            let most = fs::read_to_string(host).ok().and_then(|text| text.trim().parse().ok());
            view.inotify.extend(most.map(|most| (*name, most)));
        }
        view.hidden.sort_unstable();
        view.hidden.dedup();
        Ok(view)
    }
}

/// Where `path` really lies: binds are of real paths, and a HOME behind a link must not hide what it leads to from the
/// comparison. `None`: it is not there, or where not even the init comes (which may enter all that is its user's).
/// Anything else is an error, for it might be there.
fn real(path: &Path) -> Result<Option<PathBuf>, SandboxError> {
    use io::ErrorKind::NotADirectory;
    use io::ErrorKind::NotFound;
    use io::ErrorKind::PermissionDenied;
    match fs::canonicalize(path) {
        Ok(real) => Ok(Some(real)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | PermissionDenied) => Ok(None),
        other => other.map(Some).during(|| format!("cannot tell where {} is, which must be hidden", path.display())),
    }
}

fn readable_secrets() -> Vec<PathBuf> {
    let etc = Path::new("/etc");
    let mut found: Vec<_> = masks::ETC_SECRETS.iter().map(|name| etc.join(name)).collect();
    if let Ok(entries) = fs::read_dir("/etc/ssh") {
        let is_key = |entry: &fs::DirEntry| entry.file_name().to_str().is_some_and(masks::is_ssh_host_key);
        found.extend(entries.flatten().filter(is_key).map(|entry| entry.path()));
    }
    found.retain(|path| nix::unistd::access(path, nix::unistd::AccessFlags::R_OK).is_ok());
    found
}

fn resolver_outside_etc() -> Option<PathBuf> {
    let real = fs::canonicalize("/etc/resolv.conf").ok()?;
    let shown = ["/etc", "/usr", "/opt", "/nix"].iter().any(|base| real.starts_with(base));
    (!shown).then_some(real)
}

fn passwd_with(spec: &BoxSpec) -> Option<String> {
    let mut passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let uid = spec.user.uid.to_string();
    if passwd.lines().any(|line| line.split(':').nth(2) == Some(&uid)) {
        return None;
    }
    let user = &spec.user;
    passwd.push_str(&format!(
        "{}:x:{}:{}::{}:{}\n",
        user.name,
        user.uid,
        user.gid,
        user.home.display(),
        user.shell.display()
    ));
    Some(passwd)
}
