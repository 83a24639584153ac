use crate::launch::tests::Fixture;
use crate::session::spec::AgentSource;
use std::fs;
use std::path::PathBuf;

#[test]
fn an_agent_below_home_brings_its_installation() {
    let mut fixture = Fixture::new();
    fixture.path(&[".local/bin"]);
    fixture.program(".local/share/claude/versions/2", "\u{7f}ELF");
    fixture.link("../share/claude/versions/2", ".local/bin/claude");
    assert_eq!(fixture.tools(), [".local/bin", ".local/share/claude"]);
    let session = fixture.planned().session;
    assert_eq!((session.agent, session.agent_source), (vec!["claude".to_owned()], AgentSource::Found));
}

#[test]
fn a_python_tool_brings_its_environment_and_its_python() {
    let mut fixture = Fixture::new();
    fixture.path(&[".local/bin"]);
    let venv = fixture.home(".local/pipx/venvs/aider");
    fixture.program(".local/pipx/venvs/aider/bin/aider", &format!("#!{}/bin/python\n", venv.display()));
    fixture.program(".pyenv/versions/3.12/bin/python3.12", "\u{7f}ELF");
    fixture.link("../../../../../.pyenv/versions/3.12/bin/python3.12", ".local/pipx/venvs/aider/bin/python");
    fixture.link("../pipx/venvs/aider/bin/aider", ".local/bin/aider");
    fs::create_dir_all(fixture.home(".local/lib/python3.12/site-packages")).unwrap();
    let expected = [".local/bin", ".local/lib/python3.12", ".local/pipx/venvs/aider", ".pyenv"];
    assert_eq!(fixture.tools(), expected);
    assert_eq!(fixture.planned().session.agent, ["aider"]);
}

#[test]
fn version_managers_bring_their_root_or_prefix() {
    let mut fixture = Fixture::new();
    fixture.path(&[".pyenv/shims", ".nvm/versions/node/v20/bin", ".cargo/bin", "go/bin", "conda/bin", "plain/bin"]);
    for dir in [".pyenv/shims", ".nvm/versions/node/v20/bin", ".cargo/bin", ".rustup", "go/bin", "plain/bin"] {
        fs::create_dir_all(fixture.home(dir)).unwrap();
    }
    fs::create_dir_all(fixture.home("conda/bin")).unwrap();
    fs::create_dir_all(fixture.home("conda/conda-meta")).unwrap();
    let expected = [".cargo/bin", ".nvm/versions/node/v20", ".pyenv", ".rustup", "conda", "go", "plain/bin"];
    assert_eq!(fixture.tools(), expected);
}

#[test]
fn credentials_never_come_along() {
    let mut fixture = Fixture::new();
    fixture.path(&["", ".docker/bin", ".local/bin", "bin", ".coop/bin", "keys/bin"]);
    for secret in
        [".ssh/id", ".docker/bin/x", ".local/share/keyrings/k", ".coop/bin/x", ".aws/run", ".claude/.credentials.json"]
    {
        fixture.program(secret, "");
    }
    fixture.program(".local/share/opencode/bin/opencode", "");
    fixture.file(".local/share/opencode/auth.json", "{}");
    fixture.link("../.aws/run", "bin/aws");
    fixture.link("../.local/share/keyrings/k", "bin/k");
    fixture.link("../.local/share/opencode/bin/opencode", "bin/opencode");
    fixture.program("tool", "");
    fixture.link("../tool", "bin/tool");
    // A credential that is a symlink is one where it leads, too.
    fixture.program("keys/bin/k", "");
    fixture.link("keys/bin", ".gnupg");
    fs::create_dir_all(fixture.home(".local/bin")).unwrap();
    assert_eq!(fixture.tools(), [".local/bin", ".local/share/opencode/bin", "bin", "tool"]);
}

#[test]
fn an_agent_in_a_directory_that_stays_out_is_not_found() {
    let mut fixture = Fixture::new();
    fixture.path(&[".docker/bin"]);
    fixture.program(".docker/bin/claude", "");
    assert_eq!(fixture.planned().session.agent_source, AgentSource::Shell);
}

#[test]
fn symlinks_on_the_way_are_given_as_links() {
    let mut fixture = Fixture::new();
    fixture.path(&["current/bin", "bin"]);
    fixture.program("apps/v2/bin/x", "");
    fixture.link("apps/v2", "current");
    fixture.program("other/v3/y", "");
    fixture.link("v3", "other/now");
    fixture.link("../other/now/y", "bin/y");
    assert_eq!(fixture.tools(), ["apps/v2/bin", "bin", "current", "other/now", "other/v3"]);
}

#[test]
fn what_the_workspace_shows_is_no_tool() {
    let mut fixture = Fixture::new();
    fixture.path(&["p/node_modules/.bin", "go/bin"]);
    fixture.program("p/node_modules/.bin/claude", "");
    fs::create_dir_all(fixture.home("go/bin")).unwrap();
    fs::create_dir_all(fixture.home("go/src/x")).unwrap();
    assert_eq!(fixture.tools(), ["go"]);
    assert_eq!(fixture.planned().session.agent, ["claude"]);
    fixture.host.current_dir = Some(fixture.home("go/src/x"));
    fixture.path(&["go/bin"]);
    assert_eq!(fixture.tools(), ["go/bin"], "go holds the workspace");
    fixture.host.current_dir = Some(fixture.home(""));
    assert_eq!(fixture.tools(), Vec::<String>::new());
}

#[test]
fn a_home_behind_a_symlink_is_written_as_its_user_writes_it() {
    let mut fixture = Fixture::new();
    fixture.program(".local/share/claude/versions/2", "");
    fixture.link("../share/claude/versions/2", ".local/bin/claude");
    let alias: PathBuf = fixture.home("../alias");
    std::os::unix::fs::symlink("home", &alias).unwrap();
    let alias = fixture.host.home().with_file_name("alias");
    fixture.host.user.home = alias;
    fixture.path(&[".local/bin"]);
    assert_eq!(fixture.tools(), [".local/bin", ".local/share/claude"]);
    assert_eq!(fixture.planned().session.agent, ["claude"]);
}

#[test]
fn certificates_come_along_as_files() {
    let mut fixture = Fixture::new();
    let file = fixture.file("certs/company.pem", "");
    fixture.set("NODE_EXTRA_CA_CERTS", file.to_str().unwrap());
    assert_eq!(fixture.tools(), ["certs/company.pem"]);
}

#[test]
fn a_search_without_end_ends() {
    let mut fixture = Fixture::new();
    fixture.path(&["bin"]);
    for n in 0..100 {
        fixture.program(&format!("apps/{n}/run"), "");
        fixture.link(&format!("../apps/{n}/run"), &format!("bin/t{n}"));
    }
    fixture.link("loop", "bin/loop");
    fixture.link("../bin/far", "bin/far");
    assert_eq!(fixture.tools().len(), super::MAX_ROOTS);
}

#[test]
fn what_the_box_can_write_does_not_choose_what_the_next_box_shows() {
    let mut fixture = Fixture::new();
    fixture.path(&["bin"]);
    fixture.program("private/run", "");
    fixture.program("p/script", &format!("#!{}\n", fixture.home("private/run").display()));
    fixture.link("../p/script", "bin/linked");
    fixture.link("../private/run", "p/python");
    fixture.program("bin/script", &format!("#!{}\n", fixture.home("p/python").display()));
    fixture.link("../p/python", "bin/python");
    assert_eq!(fixture.tools(), ["bin"]);
}
