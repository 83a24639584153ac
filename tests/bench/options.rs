//! The command line of the benchmark.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::measure::MEASURES;
use crate::trouble::Result;
use crate::trouble::Trouble;

pub const USAGE: &str = "\
usage: cargo bench --bench bench -- [--smoke] [--only NAME]... [--coop PATH] [--bare PATH]
  --smoke      few iterations, under a minute: does everything work?
  --only NAME  this measure only (may be repeated)
  --coop PATH  the coop binary (default: the one that cargo has just built)
  --bare PATH  one whose boxes have neither filter nor scopes nor limits
               (RUSTFLAGS='--cfg coop_bare' cargo build --release)
measures:
";

pub struct Options {
    pub smoke: bool,
    pub coop: PathBuf,
    pub bare: Option<PathBuf>,
    only: Vec<String>,
}

pub enum Asked {
    Help,
    Run(Options),
}

impl Options {
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// The same wishes as arguments, for the warden's child.
    pub fn as_args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["--coop".into(), self.coop.clone().into()];
        if self.smoke {
            args.push("--smoke".into());
        }
        if let Some(bare) = &self.bare {
            args.extend(["--bare".into(), bare.clone().into()]);
        }
        for only in &self.only {
            args.extend(["--only".into(), only.into()]);
        }
        args
    }
}

pub fn parse(args: Vec<OsString>) -> Result<Asked> {
    let coop = env!("CARGO_BIN_EXE_coop").into();
    let mut options = Options { smoke: false, coop, bare: None, only: Vec::new() };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| Trouble::new(format!("{} needs a value", arg.display())));
        match arg.to_str() {
            Some("--smoke") => options.smoke = true,
            Some("--coop") => options.coop = value()?.into(),
            Some("--bare") => options.bare = Some(value()?.into()),
            Some("--only") => options.only.push(known(value()?)?),
            // cargo bench says this to every benchmark program.
            Some("--bench") => {}
            Some("-h" | "--help") => return Ok(Asked::Help),
            _ => return Err(Trouble::new(format!("unknown argument {}", arg.display()))),
        }
    }
    Ok(Asked::Run(options))
}

fn known(name: OsString) -> Result<String> {
    let found = MEASURES.iter().find(|measure| name == measure.name);
    found.map(|measure| measure.name.to_owned()).ok_or_else(|| Trouble::new(format!("no measure {}", name.display())))
}
