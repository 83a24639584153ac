use super::*;
use crate::session::spec;
use crate::session::spec::BoxUser;
use crate::session::spec::GitIdentity;
use crate::session::spec::NetworkMode;

fn spec(workspace: &str) -> BoxSpec {
    BoxSpec {
        user: BoxUser { uid: 1000, gid: 1000, name: "u".into(), home: "/home/u".into(), shell: "/bin/sh".into() },
        workspace: workspace.into(),
        workspace_mount: "/workspace".into(),
        network: NetworkMode::Host,
        mounts: Vec::new(),
        tools: vec!["/home/u/.cargo/bin".into()],
        git_dirs: Vec::new(),
        hidden: vec!["/home/u/.ssh".into()],
        shared: vec![".claude".into()],
        env: Vec::new(),
        git_identity: GitIdentity::default(),
        nesting: false,
        limits: Limits::default(),
    }
}

fn view() -> HostView {
    HostView {
        base: vec![
            ("/usr".into(), BaseEntry::Directory),
            ("/bin".into(), BaseEntry::Symlink("usr/bin".into())),
            ("/etc".into(), BaseEntry::Directory),
        ],
        etc_secrets: vec!["/etc/shadow".into()],
        hidden: vec!["/home/u/.ssh".into(), "/home/u/.coop".into()],
        ..HostView::default()
    }
}

fn planned(spec: &BoxSpec) -> Vec<Op> {
    let places =
        Places { session: Path::new("/home/u/.coop/sessions/p"), coop_home: Path::new("/home/u/.coop"), hostname: "p" };
    plan(spec, &view(), &places)
}

fn masks(ops: &[Op]) -> Vec<&Path> {
    ops.iter().filter_map(|op| if let Op::Mask { at } = op { Some(at.as_path()) } else { None }).collect()
}

#[test]
fn the_hosts_trees_are_read_only_and_links_stay_links() {
    let ops = planned(&spec("/home/u/p"));
    assert!(ops.contains(&Op::Bind(of_the_host(Path::new("/usr"), Forbid::WRITING))));
    assert!(ops.contains(&Op::Symlink { at: "/bin".into(), to: "usr/bin".into() }));
    for op in &ops {
        if let Op::Bind(Bind { host, forbid, .. }) = op {
            assert!(forbid.set_uid, "{} could run set-uid programs", host.display());
            assert!(forbid.devices || host.starts_with("/dev"), "{} could hold devices", host.display());
        }
    }
}

#[test]
fn masks_come_after_every_mount_that_could_cover_them() {
    let ops = planned(&spec("/home/u"));
    let last_bind = ops.iter().rposition(|op| matches!(op, Op::Bind(_))).unwrap();
    let first = |wanted: &str| ops.iter().position(|op| matches!(op, Op::Mask { at } if at == Path::new(wanted)));
    assert!(first("/etc/shadow").unwrap() > last_bind);
    assert!(first("/home/u/.ssh").unwrap() > last_bind);
}

#[test]
fn a_workspace_that_contains_home_shows_neither_keys_nor_coops_own_state() {
    let ops = planned(&spec("/home/u"));
    let masks = masks(&ops);
    for hidden in ["/home/u/.ssh", "/home/u/.coop", "/workspace/.ssh", "/workspace/.coop"] {
        assert!(masks.contains(&Path::new(hidden)), "{hidden} would be seen");
    }
    assert!(!ops.iter().any(|op| matches!(op, Op::Bind(Bind { host, .. }) if host.ends_with("upper/home"))));
}

#[test]
fn an_ordinary_workspace_needs_no_mask_of_its_own() {
    let ops = planned(&spec("/home/u/p"));
    assert!(masks(&ops).iter().all(|at| !at.starts_with("/home") && !at.starts_with("/workspace")));
}

#[test]
fn a_mount_that_contains_coops_state_has_it_masked() {
    let mut spec = spec("/home/u/p");
    spec.mounts.push(spec::Bind { host: "/home".into(), inside: "/everything".into(), read_only: true });
    let ops = planned(&spec);
    let masks = masks(&ops);
    assert!(masks.contains(&Path::new("/everything/u/.coop")));
    assert!(masks.contains(&Path::new("/everything/u/.ssh")));
}

#[test]
fn a_credential_that_is_mounted_itself_is_seen_there_and_nowhere_else() {
    let mut spec = spec("/home/u");
    let bind = |host: &str, inside: &str| spec::Bind { host: host.into(), inside: inside.into(), read_only: true };
    spec.mounts.push(bind("/home/u/.ssh", "/ssh"));
    spec.mounts.push(bind("/home/u", "/h"));
    spec.mounts.push(bind("/home/u/.coop", "/coop"));
    let ops = planned(&spec);
    let masks = masks(&ops);
    assert!(!masks.contains(&Path::new("/ssh")));
    for hidden in ["/home/u/.ssh", "/workspace/.ssh", "/h/.ssh", "/h/.coop", "/coop"] {
        assert!(masks.contains(&Path::new(hidden)), "{hidden} would be seen");
    }
}

#[test]
fn what_is_shared_is_bound_after_the_workspace_that_may_contain_home() {
    let ops = planned(&spec("/home/u"));
    let workspace = ops.iter().position(|op| matches!(op, Op::Bind(Bind { at, .. }) if at == Path::new("/workspace")));
    let kept = ops.iter().position(|op| matches!(op, Op::Bind(Bind { at, .. }) if at == Path::new("/home/u/.claude")));
    assert!(kept.unwrap() > workspace.unwrap());
}
