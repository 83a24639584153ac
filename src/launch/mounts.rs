//! `[mounts]`: host paths that the user lets into the box.

use crate::config::layer::HostPath;
use crate::config::layer::MountTarget;
use crate::config::settings::Config;
use crate::launch::credentials::Forbidden;
use crate::launch::error::LaunchError;
use crate::launch::host::Host;
use crate::launch::host::utf8;
use crate::session::spec::Bind;
use std::path::Path;
use std::path::PathBuf;

/// The binds, parents before children.
pub fn of(
    config: &Config,
    project_dir: &Path,
    workspace: &Path,
    forbidden: &Forbidden,
    host: &Host,
) -> Result<Vec<Bind>, LaunchError> {
    let mut binds = Vec::new();
    for (written, target) in &config.mounts {
        binds.push(bind(written, target, workspace, forbidden, host)?);
    }
    // Whoever can write to a directory can put a symlink there. A project's clone brings its own.
    let writable = binds.iter().filter(|bind| !bind.read_only).map(|bind| bind.host.as_path());
    let changeable: Vec<PathBuf> = writable.chain([workspace, project_dir]).map(Path::to_owned).collect();
    for (written, bind) in config.mounts.keys().zip(&binds) {
        let path = written.of(host.home());
        let on_the_way: Vec<PathBuf> = path.ancestors().filter_map(|part| part.canonicalize().ok()).collect();
        let passes = |dir: &PathBuf| on_the_way.iter().any(|part| part.starts_with(dir));
        if changeable.iter().any(|dir| passes(dir) && !bind.host.starts_with(dir)) {
            return Err(LaunchError::LeadsOut { key: key(written), path, real: bind.host.clone() });
        }
    }
    in_order(config, workspace, binds)
}

fn key(written: &HostPath) -> String {
    format!("mounts.\"{written}\"")
}

/// The user may show whatever they like, but for coop's own directory and settings: whoever reaches the daemon's socket,
/// or writes what the next box may, is out of the box. What only contains those, or credentials, has them masked; a
/// credential that is meant must be written as what it is, for a link to it may be anybody's.
fn bind(
    written: &HostPath,
    target: &MountTarget,
    workspace: &Path,
    forbidden: &Forbidden,
    host: &Host,
) -> Result<Bind, LaunchError> {
    let path = written.of(host.home());
    let missing = |source| LaunchError::MissingMount { key: key(written), path: path.clone(), source };
    let real = utf8("the mount", path.canonicalize().map_err(missing)?)?;
    let refused = |why: &str| Err(LaunchError::RefusedMount { key: key(written), why: why.to_owned() });
    if real == Path::new("/") {
        return refused("it is the whole host");
    }
    if forbidden.is_coops(&real) {
        return refused("it is coop's own directory or settings, and with them the way out of the box");
    }
    if forbidden.is_credential(&real) && !forbidden.is_credential(&path) {
        let why = format!("it leads to {}, where credentials are kept: write that path if you mean it", real.display());
        return refused(&why);
    }
    if forbidden.shows_coop(&target.inside) {
        return refused("coop's own directory cannot be mounted over");
    }
    if workspace.starts_with(&target.inside) {
        return refused("it would hide the workspace");
    }
    Ok(Bind { host: real, inside: target.inside.clone(), read_only: target.read_only })
}

fn in_order(config: &Config, workspace: &Path, mut binds: Vec<Bind>) -> Result<Vec<Bind>, LaunchError> {
    binds.sort_by(|a, b| a.inside.cmp(&b.inside));
    let refused = |bind: &Bind, why: String| {
        Err(LaunchError::RefusedMount { key: format!("mounts: {}", bind.inside.display()), why })
    };
    for pair in binds.windows(2) {
        if pair[0].inside == pair[1].inside {
            let (one, other) = (pair[0].host.display(), pair[1].host.display());
            return refused(&pair[0], format!("both {one} and {other} are to be there"));
        }
    }
    match binds.iter().find(|bind| config.workspace_mount.starts_with(&bind.inside)) {
        Some(bind) => refused(bind, format!("it would hide the workspace {}", workspace.display())),
        None => Ok(binds),
    }
}
