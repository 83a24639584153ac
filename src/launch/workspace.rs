//! The directory a session works in.

use crate::config::layer::HostPath;
use crate::launch::Wishes;
use crate::launch::coopfile::Coopfiles;
use crate::launch::error::LaunchError;
use crate::launch::host::Host;
use crate::launch::host::utf8;
use crate::name::SessionName;
use std::path::Path;
use std::path::PathBuf;

/// The directory that `-w DIR` names, or the current one: canonical, and one that may be a workspace.
pub fn workspace_of(dir: Option<&Path>, host: &Host) -> Result<PathBuf, LaunchError> {
    let dir = host.absolute(dir.unwrap_or(Path::new("")))?;
    let path = dir.canonicalize().map_err(|source| LaunchError::Directory { path: dir.clone(), source })?;
    let path = utf8("the directory", path)?;
    if !path.is_dir() {
        return Err(LaunchError::NotADirectory { path });
    }
    let coop_home = host.coop_home.canonicalize().unwrap_or_else(|_| host.coop_home.clone());
    if path == Path::new("/") {
        return Err(LaunchError::RefusedWorkspace { path, why: "it is the whole host" });
    }
    if ["/proc", "/sys", "/dev"].iter().any(|kernel| path.starts_with(kernel)) {
        return Err(LaunchError::RefusedWorkspace { path, why: "it is the kernel's" });
    }
    if path.starts_with(coop_home) {
        return Err(LaunchError::RefusedWorkspace { path, why: "it is coop's own directory" });
    }
    Ok(path)
}

/// The directory in which the session of `dir` (or of the current directory) works, as a new one would. To find it nobody
/// is asked for trust; but what lies outside of the project counts only if it was confirmed, or a clone could have
/// `coop kill` mean the session of another project. A faulty Coopfile says nothing here.
pub fn meant_by(dir: Option<&Path>, user_config: Option<&Path>, host: &Host) -> Result<PathBuf, LaunchError> {
    let project_dir = workspace_of(dir, host)?;
    let wishes = Wishes { workspace: dir.map(Path::to_owned), ..Wishes::default() };
    let Ok(files) = Coopfiles::read(&project_dir, user_config, host) else { return Ok(project_dir) };
    let Ok(workspace) = files.workspace(&wishes, host) else { return Ok(project_dir) };
    let of_project = files.project.as_ref().is_some_and(|file| file.layer.workspace_path.is_some());
    let believed =
        !of_project || workspace.starts_with(&project_dir) || files.trust(host).is_some_and(|state| state.trusted);
    Ok(if believed { workspace } else { project_dir })
}

/// The session's name when none is given. `None` when the directory's name has no letter that could stand in one.
pub fn default_name(workspace: &Path) -> Option<SessionName> {
    SessionName::from_basename(&workspace.file_name()?.to_string_lossy())
}

pub(super) fn name_or_fallback(workspace: &Path) -> SessionName {
    default_name(workspace).unwrap_or_else(|| "session".parse().expect("\"session\" is a session name"))
}

/// A word of warning for a workspace that holds more than a project.
pub(super) fn note(workspace: &Path, host: &Host) -> Option<String> {
    let home = host.home().canonicalize().unwrap_or_else(|_| host.home().to_owned());
    let what = match workspace {
        path if path == home => "is your home directory",
        path if home.starts_with(path) => "contains your home directory",
        _ => return None,
    };
    Some(format!("the workspace {what}: the agent can change everything in it"))
}

impl Coopfiles {
    /// The workspace after `[workspace] path` has been heard. A project's word counts always, the user's own default
    /// only where no directory was named: `-w` is more than a default.
    pub(super) fn workspace(&self, wishes: &Wishes, host: &Host) -> Result<PathBuf, LaunchError> {
        let of_project = self.project.as_ref().and_then(|file| file.layer.workspace_path.as_ref());
        if let Some(path) = of_project {
            return self.where_it_says(path, host);
        }
        let of_user = self.user.workspace_path.as_ref().filter(|_| wishes.workspace.is_none());
        match of_user {
            Some(path) => workspace_of(Some(&path.of(host.home())), host),
            None => Ok(self.project_dir.clone()),
        }
    }

    /// A path inside the project was not asked about, so a symlink must not lead out of the project.
    fn where_it_says(&self, path: &HostPath, host: &Host) -> Result<PathBuf, LaunchError> {
        let path = path.of(host.home());
        let real = workspace_of(Some(&path), host)?;
        if path.starts_with(&self.project_dir) && !real.starts_with(&self.project_dir) {
            return Err(LaunchError::LeadsOut { key: "workspace.path".to_owned(), path, real });
        }
        Ok(real)
    }
}
