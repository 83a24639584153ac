//! The order of modules in `src/main.rs` is law: imports point upward only.

use crate::home::skip;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Imports that go against the order, each for a reason that stands where it is made.
const EXCEPTIONS: &[(&str, &str)] = &[];
/// Ring 3: the only one that may name tokio.
const RING_3: &[&str] = &["daemon", "ipc", "serve", "client"];
/// What rings 1 and 2 may use of tokio's family: buffers and framing, which run nothing.
const FRAMING: &str = "tokio_util::";

fn source() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    path.is_dir().then_some(path)
}

/// Modules in the order of `main.rs`.
fn modules(source: &Path) -> Vec<String> {
    let main = fs::read_to_string(source.join("main.rs")).unwrap();
    main.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

/// All files, with the module of the top level that each belongs to.
fn files(source: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut dirs = vec![source.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(source).unwrap();
                let module = below.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
                files.insert(path.clone(), module.to_owned());
            }
        }
    }
    files
}

/// The file's code, without comments.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap().to_owned()).collect()
}

/// Names of modules that a line takes from the crate's root.
fn imports(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in line.split("crate::").skip(1) {
        names.push(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
    }
    names
}

#[test]
fn a_module_imports_only_from_those_above_it() {
    let Some(source) = source() else { return skip("the source is not here") };
    let order = modules(&source);
    assert!(order.len() >= 10, "{order:?}");
    let rank = |name: &str| order.iter().position(|module| module == name);
    let mut wrong = Vec::new();
    for (path, module) in files(&source) {
        let Some(own) = rank(&module) else { continue };
        for (number, line) in code(&path).iter().enumerate() {
            for import in imports(line) {
                let below = rank(&import).is_none_or(|other| other > own);
                if below && !EXCEPTIONS.contains(&(module.as_str(), import.as_str())) {
                    wrong.push(format!("{}:{}: {module} imports {import}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_belongs_to_a_module_of_the_map() {
    let Some(source) = source() else { return skip("the source is not here") };
    let order = modules(&source);
    let strays: Vec<_> =
        files(&source).into_iter().filter(|(_, module)| module != "main" && !order.contains(module)).collect();
    assert!(strays.is_empty(), "{strays:?}");
}

#[test]
fn only_the_third_ring_names_tokio() {
    let Some(source) = source() else { return skip("the source is not here") };
    let mut wrong = Vec::new();
    for (path, module) in files(&source) {
        for line in code(&path) {
            if !RING_3.contains(&module.as_str()) && line.replace(FRAMING, "").contains("tokio::") {
                wrong.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_sys_is_unsafe() {
    let Some(source) = source() else { return skip("the source is not here") };
    let unsafe_code =
        |line: &String| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
    let unsafe_files: Vec<_> = files(&source)
        .into_iter()
        .filter(|(path, module)| module != "sys" && code(path).iter().any(unsafe_code))
        .collect();
    assert!(unsafe_files.is_empty(), "{unsafe_files:?}");
    let main = fs::read_to_string(source.join("main.rs")).unwrap();
    let denied = main.matches("#[deny(unsafe_code)]").count();
    assert_eq!(denied + 1, modules(&source).len(), "each module but sys denies unsafe code");
}

#[test]
fn functions_and_files_are_short() {
    let Some(source) = source() else { return skip("the source is not here") };
    let long: Vec<_> = files(&source)
        .into_keys()
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines >= 500)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}
