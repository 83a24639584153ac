//! Real agents, where whoever runs the tests has them on PATH: nothing is installed for this. What they talk to is a model
//! on loopback that has them run one command.

use crate::home::Home;
use crate::home::PATH;
use crate::home::skip;
use crate::ran::Ran;
use std::env;
use std::ffi::OsString;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Stdio;

const AGENTS: [&str; 4] = ["claude", "codex", "opencode", "gemini"];

/// PATH with the agents that are there, in front of the system's.
fn path_with_agents() -> (OsString, Vec<&'static str>) {
    let all: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let has =
        |dir: &PathBuf, agent: &str| nix::unistd::access(&dir.join(agent), nix::unistd::AccessFlags::X_OK).is_ok();
    let found = AGENTS.into_iter().filter(|agent| all.iter().any(|dir| has(dir, agent))).collect();
    let dirs = all.iter().filter(|dir| AGENTS.iter().any(|agent| has(dir, agent))).cloned();
    (env::join_paths(dirs.chain(env::split_paths(PATH))).unwrap(), found)
}

#[test]
fn agents_draw_their_first_screen_with_nobody_attached() {
    let home = Home::new();
    let (path, agents) = path_with_agents();
    if agents.is_empty() {
        return skip("no agent is on PATH");
    }
    for agent in agents {
        let keys = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"].map(|name| (name, "none"));
        let start = home.command(&["-d", "-n", agent, "--", agent]).env("PATH", &path).envs(keys).output().unwrap();
        assert!(start.status.success(), "{agent}: {}", String::from_utf8_lossy(&start.stderr));
        home.coop(&["wait", agent, "--for", r"text:\w{3,}", "--timeout", "60s"]).ok();
        assert_eq!(home.state(agent), "running", "{}", home.coop(&["screen", agent]).out);
    }
}

/// What the model has the agent run. It holds nothing that one of them takes for an injection.
const COMMAND: &str = "seq -f tool-%g 42 42 > made-by-agent";

/// Stands for the model's address in settings.
const MODEL: &str = "@MODEL@";

/// The model, which ends with the test.
struct Upstream {
    child: Child,
    url: String,
}

impl Upstream {
    fn start(home: &Home) -> Self {
        let tests = env::var_os("COOP_TESTS");
        let tests = tests.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), PathBuf::from);
        let mut command = home.program(tests.join("streams/mock_upstream"));
        let mut child = command.arg("0").env("COMMAND", COMMAND).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, url: format!("http://127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A turn of `agent`, run as `line` in a box with these settings. `prepare` writes its own in the box.
fn completes_a_turn(agent: &str, line: &str, environment: &[(&str, &str)], prepare: &str) {
    let (path, agents) = path_with_agents();
    if !agents.contains(&agent) {
        return skip(&format!("{agent} is not on PATH"));
    }
    let home = Home::new();
    let upstream = Upstream::start(&home);
    let environment = environment.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect::<String>();
    home.configure(&format!("[env]\n{environment}").replace(MODEL, &upstream.url));
    Ran::of(home.command(&["-d", "-n", "work", "--", "sleep", "1000"]).env("PATH", path)).ok();
    let script = format!("set -e\n{prepare}\n{line} < /dev/null").replace(MODEL, &upstream.url);
    let ran = home.inside("work", &script);
    assert_eq!(ran.code, 0, "{agent}:\n{}{}", ran.out, ran.err);
    let made = std::fs::read_to_string(home.workspace().join("made-by-agent"));
    assert_eq!(made.ok().as_deref(), Some("tool-42\n"), "{agent}:\n{}", ran.out);
}

#[test]
fn claude_completes_a_turn_with_a_tool_call() {
    let environment = [
        ("ANTHROPIC_BASE_URL", MODEL),
        ("ANTHROPIC_AUTH_TOKEN", "mock"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
    ];
    completes_a_turn("claude", "claude -p 'Run the tool' --dangerously-skip-permissions", &environment, "");
}

#[test]
fn codex_completes_a_turn_with_a_tool_call() {
    let prepare = r#"mkdir -p ~/.codex; cat > ~/.codex/config.toml <<'END'
model = "gpt-5"
model_provider = "mock"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.mock]
name = "mock"
base_url = "@MODEL@/v1"
env_key = "MOCK_KEY"
wire_api = "responses"
END"#;
    let line = "codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox 'Run the tool'";
    completes_a_turn("codex", line, &[("MOCK_KEY", "mock")], prepare);
}

#[test]
fn gemini_completes_a_turn_with_a_tool_call() {
    let prepare = r#"mkdir -p ~/.gemini; cat > ~/.gemini/settings.json <<'END'
{"model": {"name": "gemini-2.5-pro"}, "security": {"auth": {"selectedType": "gemini-api-key"}},
 "general": {"disableAutoUpdate": true, "disableUpdateNag": true, "enableAutoUpdate": false},
 "privacy": {"usageStatisticsEnabled": false}, "telemetry": {"enabled": false}}
END
echo "{\"$PWD\": \"TRUST_FOLDER\"}" > ~/.gemini/trustedFolders.json"#;
    let environment = [("GEMINI_API_KEY", "mock"), ("GOOGLE_GEMINI_BASE_URL", MODEL)];
    completes_a_turn("gemini", "gemini -p 'Run the tool' --yolo", &environment, prepare);
}

#[test]
fn opencode_completes_a_turn_with_a_tool_call() {
    let config = r#"{"model": "mock/mock", "small_model": "mock/mock", "autoupdate": false, "share": "disabled",
        "permission": {"bash": "allow"}, "provider": {"mock": {"npm": "@ai-sdk/openai-compatible", "name": "Mock",
        "options": {"baseURL": "@MODEL@/v1", "apiKey": "mock"}, "models": {"mock": {"name": "Mock", "tool_call": true}}}}}"#;
    let environment = [
        ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
        ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
        ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
        ("OPENCODE_CONFIG_CONTENT", &config.replace("\n", " ")),
    ];
    completes_a_turn("opencode", "opencode run 'Run the tool'", &environment, "");
}
