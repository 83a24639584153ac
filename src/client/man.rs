//! Completion scripts and manual pages, made from the command line's own definition.

use crate::client::args::Command;
use crate::client::failure::Failure;
use crate::client::failure::GENERAL;
use clap::CommandFactory;
use std::io;
use std::io::Write;
use std::path::PathBuf;

pub fn completions(shell: clap_complete::Shell) -> Result<i32, Failure> {
    // The generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Command::command(), "coop", &mut script);
    print(&script)
}

pub fn pages(directory: Option<PathBuf>) -> Result<i32, Failure> {
    let Some(directory) = directory else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Command::command()).render(&mut page).map_err(Failure::cannot("write the manual"))?;
        return print(&page);
    };
    let written = std::fs::create_dir_all(&directory);
    written.and_then(|()| clap_mangen::generate_to(Command::command(), &directory)).map_err(|error| {
        let text = format!("cannot write manual pages to {}: {error}", directory.display());
        Failure::new(GENERAL, text).hinted("name a directory of yours, such as ~/.local/share/man/man1")
    })?;
    Ok(0)
}

fn print(text: &[u8]) -> Result<i32, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text).map_err(Failure::cannot("write to standard output"))?;
    out.flush().map_err(Failure::cannot("write to standard output"))?;
    Ok(0)
}
