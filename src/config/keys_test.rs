use super::*;
use crate::config::layer::EnvValue;
use crate::config::layer::MountTarget;
use crate::name::Secret;
use crate::session::spec::NetworkMode;
use proptest::prelude::*;
use std::path::PathBuf;

fn parse(text: &str) -> Result<Layer, String> {
    Layer::parse(Path::new("/p/coop.toml"), text).map_err(|error| error.to_string())
}

fn refused(text: &str) -> String {
    parse(text).expect_err(text)
}

#[test]
fn a_coopfile_says_what_it_says_and_nothing_else() {
    let text = r#"
        env_pass = ["A_KEY"]
        [agent]
        command = "claude"
        args = ["--x", ""]
        [env]
        PATH = "/bin"
        TOKEN = "$MY_TOKEN"
        [mounts]
        "~/data" = "/data:ro"
        "../sib" = "/sib"
        [network]
        mode = "none"
        [session]
        auto_restart = true
        restart_delay_ms = 0x10
    "#;
    let layer = parse(text).unwrap();
    assert_eq!(layer.env_pass, Some(vec!["A_KEY".to_owned()]));
    assert_eq!(layer.agent_args, Some(vec!["--x".to_owned(), String::new()]));
    assert_eq!(layer.env["PATH"], EnvValue::Literal(Secret::new("/bin".into())));
    assert_eq!(layer.env["TOKEN"], EnvValue::FromHost("MY_TOKEN".into()));
    let data = &layer.mounts[&HostPath::Home(PathBuf::from("data"))];
    assert_eq!(data, &MountTarget { inside: "/data".into(), read_only: true });
    assert!(layer.mounts.contains_key(&HostPath::At(PathBuf::from("/sib"))));
    assert_eq!(layer.network, Some(NetworkMode::None));
    assert_eq!(layer.auto_restart, Some(RestartWhen::Always));
    assert_eq!(layer.restart_delay_ms, Some(16));
    assert_eq!(layer.shell, None);
}

#[test]
fn an_unknown_key_is_named_with_line_column_and_the_nearest_known_one() {
    assert_eq!(
        refused("\n[agent]\n  comand = \"x\"\n"),
        "/p/coop.toml:3:3: agent.comand: unknown key, did you mean \"agent.command\"?"
    );
    assert!(refused("[agnt]\ncommand='x'").ends_with("did you mean \"agent\"?"));
    assert!(refused("persist = []").ends_with("did you mean \"session.persist\"?"));
    assert!(refused("[network]\nfirewall = 1").ends_with("known here: mode"));
}

#[test]
fn a_wrong_type_or_value_is_named_where_it_stands() {
    assert_eq!(refused("[agent]\nargs = 'x'"), "/p/coop.toml:2:8: agent.args: must be a list of strings, not a string");
    assert_eq!(refused("[agent]\nargs = [\n'x',\n1]"), "/p/coop.toml:4:1: agent.args: must be a string, not a number");
    assert!(refused("agent = 1").contains("must be a table"));
    assert!(refused("[network]\nmode = 'proxy'").contains("not in this build"));
    assert!(refused("[network]\nmode = 'hots'").ends_with("did you mean \"host\"?"));
    assert!(refused("[session]\nauto_restart = 'true'").ends_with("write true without quotes"));
    for number in ["-1", "3600001", "99999999999999999999999", "1.5", "'1'"] {
        assert!(refused(&format!("[session]\nrestart_delay_ms = {number}")).contains("milliseconds"), "{number}");
    }
    assert!(refused("[env]\nCOOP_X = '1'").contains("set by coop itself"));
    assert!(refused("[env]\nA = 1").contains("env.A: must be a string"));
    assert!(refused("[mounts]\n'/x' = 'y'").contains("mounts.\"/x\": \"y\" must be an absolute path"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_in_order() {
    let said = refused("[session]\nshell = 1\n[agent]\ncommand = ''\n[env]\n'1' = ''");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    for (line, at) in lines.iter().zip([":2:", ":4:", ":6:"]) {
        assert!(line.contains(at), "{said}");
    }
}

#[test]
fn a_syntax_error_keeps_its_line() {
    assert!(refused("[agent]\ncommand = \n").starts_with("/p/coop.toml:2:"), "{}", refused("[agent]\ncommand = \n"));
    assert!(refused("[agent]\n[agent]\n").starts_with("/p/coop.toml:2:"));
}

#[test]
fn nul_and_terminal_controls_neither_pass_nor_print() {
    assert!(refused("[agent]\ncommand = \"a\\u0000\"").contains("NUL"));
    assert!(refused("[mounts]\n\"/a\\u0000\" = '/a'").contains("NUL"));
    assert!(!refused("\"\\u001b]0;x\" = 1").contains('\u{1b}'));
}

#[test]
fn the_example_documents_every_key_and_parses_when_uncommented() {
    let example = include_str!("../../coop.toml.example");
    assert_eq!(parse(example), Ok(Layer::default()), "as it stands the example changes nothing");
    // "#key = ..." is a setting that is commented out, "# Text" is text.
    let uncommented: Vec<&str> = example.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
    let settings: Vec<&str> =
        uncommented.into_iter().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
    let text = settings.join("\n");
    parse(&text).unwrap();
    let said: toml::Table = text.parse().unwrap();
    for key in known_keys() {
        let found = match key.split_once('.') {
            Some((section, key)) => said[section].get(key).is_some(),
            None => said.contains_key(&key),
        };
        assert!(found, "coop.toml.example does not mention {key}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z\\[\\]=\"'\n#.{},$\\\\u00é ]{0,80}") {
        let outcome = parse(&text);
        prop_assert!(outcome.is_ok() || outcome.is_err_and(|said| said.starts_with("/p/coop.toml:")));
    }
}
