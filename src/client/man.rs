//! Completion scripts and manual pages, made from the command line's own definition.

use crate::client::args::Command;
use crate::client::failure::Failure;
use clap::CommandFactory;
use std::io;
use std::path::PathBuf;

pub fn completions(shell: clap_complete::Shell) -> Result<i32, Failure> {
    clap_complete::generate(shell, &mut Command::command(), "coop", &mut io::stdout().lock());
    Ok(0)
}

pub fn pages(directory: Option<PathBuf>) -> Result<i32, Failure> {
    match directory {
        Some(directory) => {
            std::fs::create_dir_all(&directory)?;
            clap_mangen::generate_to(Command::command(), directory)?;
        }
        None => clap_mangen::Man::new(Command::command()).render(&mut io::stdout().lock())?,
    }
    Ok(0)
}
