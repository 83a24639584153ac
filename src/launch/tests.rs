use super::*;
use crate::launch::trust::trust;
use crate::launch::trust::trust_state;
use crate::session::spec::AgentSource;
use crate::session::spec::BoxUser;
use crate::session::spec::RestartWhen;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A user with a home and a project `home/p`, in a directory of the test's own.
pub(super) struct Fixture {
    top: PathBuf,
    pub(super) host: Host,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let top = nix::unistd::mkdtemp("/tmp/coop-launch-XXXXXX").unwrap();
        let home = top.join("home");
        fs::create_dir_all(home.join("p")).unwrap();
        let user = BoxUser { uid: 1000, gid: 1000, name: "ada".into(), home: home.clone(), shell: "/bin/sh".into() };
        let env = [("PATH", "/usr/bin:/bin")].map(|(name, value)| (name.into(), value.into()));
        let host = Host { env: env.into(), user, coop_home: home.join(".coop"), current_dir: Some(home.join("p")) };
        Self { top, host }
    }

    pub(super) fn home(&self, below: &str) -> PathBuf {
        self.host.home().join(below)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.host.env.insert(name.into(), value.into());
    }

    /// PATH made of directories below HOME, then the system's.
    pub(super) fn path(&mut self, dirs: &[&str]) {
        let mut path: Vec<String> = dirs.iter().map(|dir| self.home(dir).to_string_lossy().into_owned()).collect();
        path.push("/usr/bin:/bin".into());
        self.set("PATH", &path.join(":"));
    }

    pub(super) fn file(&self, below: &str, text: &str) -> PathBuf {
        let path = self.home(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn program(&self, below: &str, text: &str) -> PathBuf {
        let path = self.file(below, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(super) fn link(&self, target: &str, below: &str) {
        fs::create_dir_all(self.home(below).parent().unwrap()).unwrap();
        symlink(target, self.home(below)).unwrap();
    }

    pub(super) fn plan(&self) -> Result<Launch, LaunchError> {
        plan(&Wishes::default(), &self.host)
    }

    pub(super) fn planned(&self) -> Launch {
        self.plan().unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn refused(&self) -> LaunchError {
        self.plan().expect_err("must be refused")
    }

    /// Plans after having confirmed whatever the project asks for.
    pub(super) fn confirmed(&self) -> Result<Launch, LaunchError> {
        if let Some(state) = trust_state(None, None, &self.host)? {
            trust(&state)?;
        }
        self.plan()
    }

    /// The tools, relative to HOME where they are below it.
    pub(super) fn tools(&self) -> Vec<String> {
        let tools = self.planned().boxed.tools;
        let name = |path: PathBuf| path.strip_prefix(self.host.home()).unwrap_or(&path).to_string_lossy().into_owned();
        tools.into_iter().map(name).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.top).expect("the test owns its directory");
    }
}

fn value<'a>(launch: &'a Launch, name: &str) -> Option<&'a str> {
    launch.boxed.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.expose())
}

#[test]
fn without_any_file_the_shell_runs_in_a_session_named_after_the_directory() {
    let launch = Fixture::new().planned();
    assert_eq!(launch.session.name.as_str(), "p");
    assert_eq!(launch.session.agent, ["/bin/sh"]);
    assert_eq!(launch.session.agent_source, AgentSource::Shell);
    assert_eq!(launch.session.restart.when, RestartWhen::Never);
    assert_eq!(launch.notes.len(), 1);
    assert!(launch.notes[0].starts_with("no agent found"), "{:?}", launch.notes);
    assert_eq!(launch.boxed.tools, Vec::<PathBuf>::new());
}

#[test]
fn only_listed_variables_come_in_and_only_names_are_printed() {
    let mut fixture = Fixture::new();
    for (name, value) in [
        ("OPENAI_API_KEY", "sk-secret"),
        ("GEMINI_API_KEY", ""),
        ("AWS_SECRET_ACCESS_KEY", "no"),
        ("SSH_AUTH_SOCK", "/run/x"),
        ("LC_ALL", "C.UTF-8"),
        ("LD_PRELOAD", "/x.so"),
    ] {
        fixture.set(name, value);
    }
    fixture.file(".config/coop/default.toml", "[env]\nA = '$UNSET'\nB = '$LC_ALL'\nC = 'c'\n");
    let launch = fixture.planned();
    let names: Vec<&str> = launch.boxed.env.iter().map(|(name, _)| name.as_str()).collect();
    let expected =
        ["B", "C", "CLAUDE_CONFIG_DIR", "HOME", "LC_ALL", "LOGNAME", "OPENAI_API_KEY", "PATH", "SHELL", "TERM", "USER"];
    assert_eq!(names, expected);
    assert_eq!(value(&launch, "B"), Some("C.UTF-8"));
    assert_eq!(value(&launch, "TERM"), Some("xterm-256color"));
    assert!(launch.notes.contains(&"handed to the agent: OPENAI_API_KEY".to_owned()), "{:?}", launch.notes);
    assert!(launch.notes.contains(&"env.A is left out: $UNSET is not set".to_owned()), "{:?}", launch.notes);
    assert!(!format!("{launch:?}").contains("sk-secret"));
}

#[test]
fn a_value_that_is_no_text_is_left_out_with_a_word() {
    use std::os::unix::ffi::OsStringExt;
    let mut fixture = Fixture::new();
    fixture.host.env.insert("EDITOR".into(), std::ffi::OsString::from_vec(vec![b'v', 0xff]));
    let launch = fixture.planned();
    assert_eq!(value(&launch, "EDITOR"), None);
    assert!(launch.notes.iter().any(|note| note.contains("EDITOR is left out")));
}

#[test]
fn the_command_line_beats_the_coopfile_and_runs_once() {
    let fixture = Fixture::new();
    fixture
        .file(".config/coop/default.toml", "[agent]\ncommand = 'sh'\nargs = ['-i']\n[session]\nauto_restart = true\n");
    let launch = fixture.planned();
    assert_eq!(launch.session.agent, ["sh", "-i"]);
    assert_eq!(launch.session.restart.when, RestartWhen::Always);
    let wishes = Wishes { command: vec!["true".into(), "x".into()], ..Wishes::default() };
    let launch = plan(&wishes, &fixture.host).unwrap();
    assert_eq!(launch.session.agent, ["true", "x"]);
    assert_eq!(launch.session.restart.when, RestartWhen::Never);
}

#[test]
fn a_program_that_the_box_will_not_have_is_named_now() {
    let fixture = Fixture::new();
    for (program, known) in [("true", true), ("no-such", false), ("./run", true), ("./not", false), ("/bin/sh", true)] {
        fixture.program("p/run", "#!/bin/sh\n");
        fixture.file("p/not", "no program");
        let wishes = Wishes { command: vec![program.into()], ..Wishes::default() };
        let outcome = plan(&wishes, &fixture.host);
        assert_eq!(outcome.is_ok(), known, "{program}: {:?}", outcome.err());
    }
    fixture.file(".config/coop/default.toml", "[agent]\ncommand = 'clade'\n");
    let error = fixture.refused();
    assert!(error.to_string().starts_with("agent.command: clade"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn a_project_that_asks_for_more_is_confirmed_once_per_text() {
    let fixture = Fixture::new();
    fixture.file("p/coop.toml", "[agent]\ncommand = 'sh'\n");
    let LaunchError::Untrusted(state) = fixture.refused() else { panic!("not asked") };
    assert_eq!(state.asks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["run: sh"]);
    assert_eq!(LaunchError::Untrusted(state.clone()).exit_code(), 1);
    // The text changes while the user reads the list.
    fixture.file("p/coop.toml", "[agent]\ncommand = 'true'\n");
    trust(&state).unwrap();
    assert!(matches!(fixture.refused(), LaunchError::Untrusted(_)));
    fixture.file("p/coop.toml", "[agent]\ncommand = 'sh'\n");
    assert_eq!(fixture.planned().session.agent, ["sh"]);
    assert!(trust_state(None, None, &fixture.host).unwrap().unwrap().trusted);
    trust(&state).expect("confirming twice is no error");
    let dir = fixture.home(".coop/trusted");
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    // The same text elsewhere is another project's.
    let other = fixture.file("q/coop.toml", "[agent]\ncommand = 'sh'\n");
    let wishes = Wishes { workspace: other.parent().map(Path::to_owned), ..Wishes::default() };
    assert!(matches!(plan(&wishes, &fixture.host), Err(LaunchError::Untrusted(_))));
}

#[test]
fn a_harmless_project_file_needs_no_confirmation() {
    let fixture = Fixture::new();
    fixture.file("p/coop.toml", "[network]\nmode = 'none'\n");
    assert_eq!(fixture.planned().session.network, crate::session::spec::NetworkMode::None);
}

#[test]
fn the_users_file_is_the_named_one_or_the_first_of_two_places() {
    let fixture = Fixture::new();
    let shell = |fixture: &Fixture| fixture.planned().session.shell;
    fixture.file(".coop/config/default.toml", "[session]\nshell = '/bin/cat'\n");
    assert_eq!(shell(&fixture), ["/bin/cat"]);
    fixture.file(".config/coop/default.toml", "[session]\nshell = '/bin/ls'\n");
    assert_eq!(shell(&fixture), ["/bin/ls"]);
    let mut wishes = Wishes { user_config: Some("mine.toml".into()), ..Wishes::default() };
    let error = plan(&wishes, &fixture.host).unwrap_err();
    assert!(matches!(error, LaunchError::NoConfig { .. }), "{error}");
    assert_eq!(error.exit_code(), 2);
    wishes.user_config = Some(fixture.file("mine.toml", "[session]\nshell = '/bin/cp'\n"));
    assert_eq!(plan(&wishes, &fixture.host).unwrap().session.shell, ["/bin/cp"]);
}

#[test]
fn an_odd_coopfile_is_an_error_and_never_a_hang() {
    let fixture = Fixture::new();
    let path = fixture.home("p/coop.toml");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(fixture.refused().to_string().ends_with("not a regular file"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(fixture.refused().to_string().ends_with("longer than 1 MiB"));
    fs::write(&path, b"# \n#\xff").unwrap();
    assert!(fixture.refused().to_string().ends_with("coop.toml:2:2: not UTF-8"), "{}", fixture.refused());
}

#[test]
fn some_directories_are_no_workspace() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.home(".coop/sessions")).unwrap();
    fixture.link(".coop", "innocent");
    let file = fixture.file("file", "");
    for dir in [Path::new("/"), "/proc/self".as_ref(), "/dev".as_ref(), "/sys".as_ref(), "missing".as_ref(), &file] {
        let outcome = workspace::workspace_of(Some(dir), &fixture.host);
        assert_eq!(outcome.expect_err(&dir.display().to_string()).exit_code(), 2);
    }
    assert!(workspace::workspace_of(Some(&fixture.home("innocent/sessions")), &fixture.host).is_err());
    let home = Wishes { workspace: Some("..".into()), ..Wishes::default() };
    assert!(plan(&home, &fixture.host).unwrap().notes[0].contains("is your home directory"));
}

#[test]
fn the_workspace_path_of_a_coopfile_moves_the_workspace() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.home("p/src")).unwrap();
    fs::create_dir_all(fixture.home("q")).unwrap();
    fixture.file("p/coop.toml", "[workspace]\npath = 'src'\n");
    assert_eq!(fixture.planned().session.workspace, fixture.home("p/src").canonicalize().unwrap());
    fixture.file("p/coop.toml", "[workspace]\npath = '../q'\n");
    assert!(matches!(fixture.refused(), LaunchError::Untrusted(_)));
    assert_eq!(fixture.confirmed().unwrap().session.workspace, fixture.home("q").canonicalize().unwrap());
    fixture.link("../q", "p/link");
    fixture.file("p/coop.toml", "[workspace]\npath = 'link'\n");
    assert!(matches!(fixture.refused(), LaunchError::LeadsOut { .. }));
}

#[test]
fn mounts_exist_lead_where_they_say_and_never_to_coop() {
    let fixture = Fixture::new();
    for dir in ["d/sub", "p/in", ".coop/x", ".ssh"] {
        fs::create_dir_all(fixture.home(dir)).unwrap();
    }
    fixture.link("../.ssh", "p/data");
    fixture.link("../.ssh", "d/evil");
    let mounts = |lines: &str| {
        fixture.file(".config/coop/default.toml", &format!("[mounts]\n{lines}"));
        fixture.plan().map(|launch| launch.boxed.mounts).map_err(|error| error.to_string())
    };
    let binds = mounts("'~/d/sub' = '/z/b:ro'\n'~/d' = '/z'\n").unwrap();
    assert_eq!(binds.iter().map(|bind| bind.inside.to_str().unwrap()).collect::<Vec<_>>(), ["/z", "/z/b"]);
    assert_eq!((binds[0].read_only, binds[1].read_only), (false, true));
    assert!(mounts("'~/.ssh' = '/ssh'").is_ok(), "the user may");
    assert!(mounts("'~/missing' = '/m'").unwrap_err().starts_with("mounts.\"~/missing\""));
    assert!(mounts("'~' = '/h'").is_ok(), "what must not be seen in it is masked");
    assert!(mounts("'/' = '/m'").unwrap_err().contains("whole host"));
    for coop in ["~/.coop", "~/.coop/x", "~/.config/coop", "~/.config/coop/default.toml"] {
        assert!(mounts(&format!("'{coop}' = '/m'")).unwrap_err().contains("coop's own"), "{coop}");
    }
    assert!(mounts("'~/p/data' = '/m'").unwrap_err().contains("leads to"));
    assert!(mounts("'~/d' = '/d'\n'~/d/evil' = '/m'").unwrap_err().contains("leads to"));
    assert!(mounts("'~/d' = '/d:ro'\n'~/d/evil' = '/m'").unwrap_err().contains("credentials are kept"));
    assert!(mounts("'~/d' = '/d:ro'\n'~/d/sub' = '/m'").is_ok());
    assert!(mounts("'~/d' = '/m'\n'~/p' = '/m:ro'").unwrap_err().contains("both"));
    assert!(mounts("'~/d' = '/workspace'").unwrap_err().contains("hide the workspace"));
    let above = format!("'~/d' = '{}'", fixture.host.home().display());
    assert!(mounts(&above).unwrap_err().contains("mounted over"));
}

#[test]
fn a_project_cannot_make_the_host_show_a_directory_by_naming_programs() {
    let fixture = Fixture::new();
    fixture.program("private/diary/run", "#!/bin/sh\n");
    fixture.file("private/diary/ca.pem", "");
    let private = fixture.home("private/diary");
    let private = private.display();
    fixture.file("p/coop.toml", &format!("[env]\nPATH = '{private}:/bin'\nSSL_CERT_FILE = '{private}/ca.pem'\n"));
    assert_eq!(fixture.confirmed().unwrap().boxed.tools, Vec::<PathBuf>::new());
    fixture.file("p/coop.toml", &format!("[agent]\ncommand = '{private}/run'\n"));
    assert!(matches!(fixture.confirmed(), Err(LaunchError::NoProgram { .. })));
    fixture.file("p/coop.toml", "");
    fixture.link("../private/diary/run", "p/run");
    let wishes = |program: &str| Wishes { command: vec![program.to_owned()], ..Wishes::default() };
    assert!(matches!(plan(&wishes("./run"), &fixture.host), Err(LaunchError::NoProgram { .. })));
    // The user may.
    let launch = plan(&wishes(&format!("{private}/run")), &fixture.host).unwrap();
    assert_eq!(launch.boxed.tools, [fixture.home("private/diary")]);
}
