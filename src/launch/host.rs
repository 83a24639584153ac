//! Who asks, and from where: the facts about the calling process that a plan is made from.

use crate::launch::error::LaunchError;
use crate::session::spec::BoxUser;
use nix::unistd::Gid;
use nix::unistd::Uid;
use nix::unistd::User;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The caller and its surroundings. A value, so that a plan can be made for a caller that does not exist.
#[derive(Clone, Debug)]
pub struct Host {
    pub env: BTreeMap<OsString, OsString>,
    /// `user.home` is the HOME path as the caller writes it, absolute; it may lead through symlinks.
    pub user: BoxUser,
    /// `~/.coop`, or what `COOP_HOME` names; absolute.
    pub coop_home: PathBuf,
    /// `None`: it was removed under the caller, or may not be looked at. Most commands do without.
    pub current_dir: Option<PathBuf>,
}

impl Host {
    pub fn of_this_process() -> Result<Self, LaunchError> {
        // The kernel's word for a directory out of reach is relative: "(unreachable)/..." (getcwd(3)).
        let current_dir = std::env::current_dir().ok().filter(|dir| dir.is_absolute());
        let env: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let user = user(&env)?;
        let coop_home = match env.get(OsStr::new("COOP_HOME")).filter(|dir| !dir.is_empty()).map(PathBuf::from) {
            // Relative it would mean another daemon in each directory.
            Some(dir) if !dir.is_absolute() => return Err(LaunchError::RelativeHome { path: dir }),
            Some(dir) => dir,
            None => user.home.join(".coop"),
        };
        Ok(Self { env, coop_home: utf8("coop's directory", coop_home)?, user, current_dir })
    }

    /// What `path` means where the caller stands.
    pub fn absolute(&self, path: &Path) -> Result<PathBuf, LaunchError> {
        match &self.current_dir {
            _ if path.is_absolute() => Ok(path.to_owned()),
            Some(dir) => Ok(dir.join(path)),
            None => Err(LaunchError::NoCurrentDirectory),
        }
    }

    pub fn home(&self) -> &Path {
        &self.user.home
    }

    /// A variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.env.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// An absolute path in a variable. Relative ones are invalid to the XDG base directory specification as well.
    pub fn path_var(&self, name: &str) -> Option<&Path> {
        self.var(name).map(Path::new).filter(|path| path.is_absolute())
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub fn config_home(&self) -> PathBuf {
        self.path_var("XDG_CONFIG_HOME").map_or_else(|| self.home().join(".config"), Path::to_owned)
    }
}

/// The effective user (who owns what this process makes) with the environment's words, and the user database's where
/// those are missing.
fn user(env: &BTreeMap<OsString, OsString>) -> Result<BoxUser, LaunchError> {
    let uid = Uid::effective();
    let set = |name: &str| env.get(OsStr::new(name)).filter(|value| !value.is_empty());
    let absolute = |name: &str| set(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // A name ends up in the box's passwd, whose fields end at ':' and whose lines at a newline.
    let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let (name, home, shell) = (set("USER").and_then(|name| name.to_str()), absolute("HOME"), absolute("SHELL"));
    let name = name.filter(plain).map(str::to_owned);
    let is_usable = |path: &PathBuf| path.is_absolute() && path.to_str().is_some();
    let complete = name.is_some() && home.is_some() && shell.is_some();
    // A lookup may go over the network (LDAP), so only where something is missing; a user without an entry is normal
    // in containers.
    let entry = if complete { None } else { User::from_uid(uid).ok().flatten() };
    let (entry_name, entry_home, entry_shell) = match entry {
        Some(User { name, dir, shell, .. }) => (Some(name), Some(dir), Some(shell)),
        None => (None, None, None),
    };
    let home = home.or(entry_home.filter(|home| home.is_absolute()));
    Ok(BoxUser {
        uid: uid.as_raw(),
        gid: Gid::effective().as_raw(),
        name: name.or(entry_name).unwrap_or_else(|| format!("user{uid}")),
        home: utf8("the home directory", home.ok_or(LaunchError::NoHome { uid: uid.as_raw() })?)?,
        shell: shell.or(entry_shell).filter(is_usable).unwrap_or_else(|| "/bin/sh".into()),
    })
}

/// A path that can go into a message: those are JSON, and JSON is UTF-8.
pub fn utf8(what: &'static str, path: PathBuf) -> Result<PathBuf, LaunchError> {
    if path.to_str().is_some() { Ok(path) } else { Err(LaunchError::NotUtf8 { what, path }) }
}
