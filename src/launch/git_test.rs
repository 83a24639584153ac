use crate::launch::tests::Fixture;
use std::path::PathBuf;

fn git_dirs(fixture: &Fixture) -> (Vec<PathBuf>, usize) {
    let launch = fixture.planned();
    let notes = launch.notes.iter().filter(|note| note.contains("git") && !note.contains("agent")).count();
    (launch.boxed.git_dirs, notes)
}

/// `main/.git` with the worktree `p`, as git lays them out.
fn worktree() -> Fixture {
    let fixture = Fixture::new();
    fixture.file("main/.git/objects/x", "");
    fixture.file("main/.git/worktrees/p/commondir", "../..\n");
    fixture.file("main/.git/worktrees/p/gitdir", &format!("{}\n", fixture.home("p/.git").display()));
    fixture.file("p/.git", &format!("gitdir: {}\n", fixture.home("main/.git/worktrees/p").display()));
    fixture
}

#[test]
fn a_worktree_brings_its_repository() {
    let fixture = worktree();
    assert_eq!(git_dirs(&fixture), (vec![fixture.home("main/.git").canonicalize().unwrap()], 0));
}

#[test]
fn a_directory_that_does_not_name_the_workspace_in_return_is_not_believed() {
    let fixture = worktree();
    fixture.file("main/.git/worktrees/p/gitdir", &format!("{}\n", fixture.home("other/.git").display()));
    assert_eq!(git_dirs(&fixture), (vec![], 1));
}

#[test]
fn a_checkout_cannot_name_a_common_directory_of_its_choice() {
    let fixture = worktree();
    fixture.file(".ssh/objects/x", "");
    fixture.file("p/fake/worktrees/p/gitdir", &format!("{}\n", fixture.home("p/.git").display()));
    fixture.file("p/fake/worktrees/p/commondir", &format!("{}\n", fixture.home(".ssh").display()));
    fixture.file("p/.git", "gitdir: fake/worktrees/p\n");
    assert_eq!(git_dirs(&fixture), (vec![], 1));
}

#[test]
fn a_submodule_brings_its_git_directory_when_that_names_it() {
    let fixture = Fixture::new();
    fixture.file("super/.git/modules/p/objects/x", "");
    fixture.file("super/.git/modules/p/config", "[core]\n\tworktree = ../../../../p\n");
    fixture.file("p/.git", "gitdir: ../super/.git/modules/p\n");
    assert_eq!(git_dirs(&fixture), (vec![fixture.home("super/.git/modules/p").canonicalize().unwrap()], 0));
    fixture.file("super/.git/modules/p/config", "[core]\n\tworktree = ../../../../q\n");
    assert_eq!(git_dirs(&fixture), (vec![], 1));
}

#[test]
fn an_ordinary_repository_and_none_bring_nothing() {
    let fixture = Fixture::new();
    assert_eq!(git_dirs(&fixture), (vec![], 0));
    fixture.file("p/.git/config", "");
    assert_eq!(git_dirs(&fixture), (vec![], 0));
}

#[test]
fn name_and_address_come_from_where_git_takes_them() {
    let fixture = Fixture::new();
    fixture.file("p/.git/config", "[user]\nname = Not Asked\n");
    fixture.file(".config/git/config", "[user]\nname = Low\nemail = low@x\n");
    let work = "[includeIf \"gitdir:~/p/\"]\npath = work\n[includeIf \"gitdir:~/q/\"]\npath = other\n";
    fixture.file(".gitconfig", &format!("[user]\nname = Ada\n{work}[include]\npath = ~/.gitconfig\n"));
    fixture.file("work", "[user]\nemail = ada@work\n");
    fixture.file("other", "[user]\nemail = ada@other\n");
    let identity = fixture.planned().boxed.git_identity;
    assert_eq!((identity.name.as_deref(), identity.email.as_deref()), (Some("Ada"), Some("ada@work")));
}
