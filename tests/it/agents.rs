//! Real agents, where whoever runs the tests has them on PATH: nothing is installed for this.

use crate::home::Home;
use crate::home::PATH;
use crate::home::skip;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

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
