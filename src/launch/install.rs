//! Where a tool's installation begins: which directory must be in the box for a program in it to run. Knows how version
//! managers and package managers lay out their files; touches the disk only to look for their marks.

use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

/// Directories of version managers and language tools, relative to HOME, that hold programs, libraries and no login.
const TOOL_ROOTS: &[&str] = &[
    ".pyenv",
    ".nvm",
    ".volta",
    ".bun",
    ".deno",
    ".asdf",
    ".rbenv",
    ".sdkman",
    ".npm-global",
    ".local/share/mise",
    ".local/share/uv",
    ".local/share/fnm",
    ".rustup",
    "go",
    ".opencode",
    ".nix-profile",
];

/// Directories, relative to HOME, in which each entry is one installation.
const SHELVES: &[&str] = &[".local/share", ".local/pipx/venvs", ".local/lib", ".local/opt"];

/// Homebrew's prefix on Linux; its programs are linked to it by absolute paths.
const LINUXBREW: &str = "/home/linuxbrew/.linuxbrew";

/// What to bind so that the programs in `dir`, an entry of PATH, work: candidates, the best first, `dir` itself last.
pub fn roots_of_path_entry(dir: &Path, home: &Path) -> Vec<PathBuf> {
    let mut candidates = Vec::new();
    if dir.starts_with(LINUXBREW) {
        candidates.push(PathBuf::from(LINUXBREW));
    }
    let is_bin = dir.file_name().is_some_and(|name| name == "bin" || name == "shims");
    if let Some(prefix) = dir.parent().filter(|_| is_bin) {
        let managed = TOOL_ROOTS.iter().any(|root| prefix.starts_with(home.join(root)));
        // A node prefix, a Rust toolchain, a virtual environment, a conda environment: programs in `bin` load what lies
        // beside it.
        let marks = ["lib/node_modules", "lib/rustlib", "pyvenv.cfg", "conda-meta"];
        let marked = || marks.iter().any(|mark| prefix.join(mark).exists());
        if managed || marked() {
            candidates.push(prefix.to_owned());
        }
    }
    candidates.push(dir.to_owned());
    candidates
}

/// What else the programs in `dir`, an entry of PATH, read.
pub fn companions_of_path_entry(dir: &Path, home: &Path) -> Vec<PathBuf> {
    match dir.strip_prefix(home).ok().and_then(Path::to_str) {
        // `.cargo/bin` holds rustup's proxies, and `.cargo` itself holds a credential.
        Some(".cargo/bin") => vec![home.join(".rustup")],
        // `pip install --user` puts scripts here and their modules there.
        Some(".local/bin") => entries(&home.join(".local/lib"), "python"),
        _ => Vec::new(),
    }
}

/// Whether the scripts in `dir`, an entry of PATH, may need an interpreter that lies elsewhere below HOME. In the
/// directories of one tool they do not, and there can be hundreds of them to open.
pub fn scripts_are_anyones(dir: &Path, home: &Path) -> bool {
    let of_one_tool = TOOL_ROOTS.iter().chain(&[".cargo/bin"]).any(|root| dir.starts_with(home.join(root)));
    !of_one_tool
}

fn entries(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(listing) = dir.read_dir() else { return Vec::new() };
    let names = listing.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    names.map(|entry| entry.path()).collect()
}

/// What to bind so that the program `file` (no symlink) works: candidates, the best first, `file` itself last. Outside of
/// HOME only packages are known to hold nothing else.
pub fn roots_of_program(file: &Path, home: &Path) -> Vec<PathBuf> {
    if file.starts_with(LINUXBREW) {
        return vec![PathBuf::from(LINUXBREW)];
    }
    let Ok(below_home) = file.strip_prefix(home) else {
        return node_modules(file).into_iter().chain([file.to_owned()]).collect();
    };
    let mut candidates = Vec::new();
    candidates.extend(node_prefix(file, home));
    candidates.extend(TOOL_ROOTS.iter().map(|root| home.join(root)).filter(|root| file.starts_with(root)));
    candidates.extend(node_modules(file));
    for shelf in SHELVES {
        let on_shelf = below_home.strip_prefix(shelf).ok().and_then(|rest| rest.components().next());
        candidates.extend(on_shelf.map(|installation| home.join(shelf).join(installation)));
    }
    candidates.extend(file.parent().filter(|dir| *dir != home).map(Path::to_owned));
    candidates.push(file.to_owned());
    candidates
}

/// `.nvm/versions/node/vX`: one node of many.
fn node_prefix(file: &Path, home: &Path) -> Option<PathBuf> {
    let shelf = home.join(".nvm/versions/node");
    let version = file.strip_prefix(&shelf).ok()?.components().next()?;
    Some(shelf.join(version))
}

/// The outermost `node_modules` above `file`: packages find each other there.
fn node_modules(file: &Path) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = file.components().collect();
    let at = parts.iter().position(|part| part.as_os_str() == "node_modules")?;
    Some(parts[..=at].iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(file: &str) -> PathBuf {
        roots_of_program(Path::new(file), Path::new("/h")).remove(0)
    }

    #[test]
    fn an_installation_is_found_from_its_program() {
        assert_eq!(best("/h/.local/share/claude/versions/1.2.3"), Path::new("/h/.local/share/claude"));
        assert_eq!(best("/h/.local/pipx/venvs/aider/bin/aider"), Path::new("/h/.local/pipx/venvs/aider"));
        assert_eq!(best("/h/.local/share/uv/tools/aider/bin/aider"), Path::new("/h/.local/share/uv"));
        assert_eq!(best("/h/n/lib/node_modules/@a/b/node_modules/c/cli.js"), Path::new("/h/n/lib/node_modules"));
        assert_eq!(best("/h/.nvm/versions/node/v20/lib/x.js"), Path::new("/h/.nvm/versions/node/v20"));
        assert_eq!(best("/h/tool"), Path::new("/h/tool"));
        assert_eq!(best("/h/apps/t/run"), Path::new("/h/apps/t"));
        assert_eq!(best("/srv/n/node_modules/@a/b/cli.js"), Path::new("/srv/n/node_modules"));
        assert_eq!(roots_of_program(Path::new("/srv/t/x"), Path::new("/h")), [Path::new("/srv/t/x")]);
    }

    #[test]
    fn a_path_entry_brings_the_prefix_it_belongs_to() {
        let best = |dir: &str| roots_of_path_entry(Path::new(dir), Path::new("/h")).remove(0);
        assert_eq!(best("/h/.bun/bin"), Path::new("/h/.bun"));
        assert_eq!(best("/h/.local/share/mise/installs/go/1/bin"), Path::new("/h/.local/share/mise/installs/go/1"));
        assert_eq!(best("/h/.cargo/bin"), Path::new("/h/.cargo/bin"));
        assert_eq!(best("/home/linuxbrew/.linuxbrew/sbin"), Path::new(LINUXBREW));
    }
}
