//! `coop trust`: a project's Coopfile is hostile until its owner has read what it asks for.

use crate::client::Context;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use crate::client::failure::shown;
use crate::launch::trust;
use crate::launch::trust::TrustState;
use std::io;
use std::io::BufRead;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;

pub fn verb(context: &Context, workspace: Option<&Path>, yes: bool) -> Result<i32, Failure> {
    let Some(state) = trust::trust_state(workspace, context.config.as_deref(), &context.host)? else {
        context.note("there is no coop.toml here: nothing to trust");
        return Ok(0);
    };
    if state.asks.is_empty() {
        context.note("this coop.toml asks for nothing beyond your own settings");
    } else if state.trusted {
        context.note("this coop.toml is trusted already");
    } else if yes {
        list(&state);
        trust::trust(&state)?;
    } else {
        confirm(&state)?;
    }
    Ok(0)
}

/// Shows what is asked for and lets the user decide. Without a terminal nobody can.
pub fn confirm(state: &TrustState) -> Result<(), Failure> {
    list(state);
    let refused = |text: &str| {
        Failure::new(GENERAL, format!("{} {text}", state.path.display())).hinted("read it, then run `coop trust`")
    };
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(refused("is not trusted, and there is no terminal to ask on"));
    }
    eprint!("Allow this, until the file changes? [y/N] ");
    io::stderr().flush().map_err(Failure::cannot("ask"))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Failure::cannot("read the answer"))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(trust::trust(state)?),
        _ => Err(refused("is not trusted")),
    }
}

fn list(state: &TrustState) {
    eprintln!("{} asks for:", shown(&state.path.display().to_string()));
    for ask in &state.asks {
        eprintln!("  {}", shown(&ask.to_string()));
    }
}
