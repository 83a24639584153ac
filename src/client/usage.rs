//! What is wrong with a command line, in the form of every other error: one line, and what to try next.

use crate::client::args::Command;
use crate::client::failure::BAD_ARGUMENTS;
use crate::client::failure::Failure;
use crate::text::nearest;
use clap::CommandFactory;
use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;

pub fn failure(error: &clap::Error) -> Failure {
    let typed: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    explain(error, &typed)
}

/// `typed`: the words behind `coop`.
fn explain(error: &clap::Error, typed: &[String]) -> Failure {
    let mut commands: Vec<String> =
        Command::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    // The parser adds it by itself, and later.
    commands.push("help".to_owned());
    let wrong = context(error, ContextKind::InvalidArg).or(context(error, ContextKind::InvalidSubcommand));
    let wrong = wrong.unwrap_or_default();
    // All that stands before the wrong word was understood.
    let verb = typed.iter().take_while(|word| **word != wrong).find(|word| commands.contains(word));
    let help = match verb {
        Some(verb) if verb == "help" => "`coop --help` lists the commands".to_owned(),
        Some(verb) => format!("`coop {verb} --help` shows what it takes"),
        None => "`coop --help` shows what it takes".to_owned(),
    };
    let known = || commands.iter().map(String::as_str);
    let is_command = !wrong.starts_with('-') && (verb.is_none() || verb.is_some_and(|verb| verb == "help"));
    if is_command && matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        let hint = match nearest(&wrong, known()) {
            Some(near) => format!("did you mean `coop {near}`?"),
            None if verb.is_some() => help,
            None => format!("`coop -- {wrong}` runs it as the agent; `coop --help` lists the commands"),
        };
        return Failure::new(BAD_ARGUMENTS, format!("there is no command `{wrong}`")).hinted(hint);
    }
    let near = context(error, ContextKind::SuggestedArg).map(|near| format!("did you mean `{near}`?"));
    Failure::new(BAD_ARGUMENTS, sentence(error)).hinted(near.unwrap_or(help))
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// The first paragraph of what the parser says, as one line: the rest is advice that does not fit.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.trim_start_matches("error: ").lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn said(line: &str) -> (String, String) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let error = Command::try_parse_from(&words).expect_err(line);
        let failure = explain(&error, &words[1..]);
        (failure.message, failure.hint.unwrap_or_default())
    }

    #[test]
    fn a_word_that_is_no_command_leads_to_the_nearest_or_to_the_agents_place() {
        assert_eq!(said("coop atach"), ("there is no command `atach`".into(), "did you mean `coop attach`?".into()));
        assert!(said("coop -d claude").1.contains("`coop -- claude`"));
        assert!(said("coop help atach").1.contains("attach"));
    }

    #[test]
    fn an_option_that_is_none_is_not_taken_for_a_value() {
        for line in
            ["coop --bogus", "coop ls --bogus", "coop kill x --all", "coop attach --pty x", "coop wait", "coop -w"]
        {
            let (message, hint) = said(line);
            assert!(!message.contains('\n') && !message.is_empty(), "{line}: {message}");
            assert!(!hint.contains("as a value") && !hint.contains("-- "), "{line}: {hint}");
        }
        assert_eq!(said("coop ls --jsn").1, "did you mean `--json`?");
        assert_eq!(said("coop attach a b").1, "`coop attach --help` shows what it takes");
    }
}
