//! What a user downloads.

use std::fs;

use crate::report;
use crate::report::Row;
use crate::trouble::During;
use crate::trouble::Result;
use crate::world::World;

/// The name of an ELF file's symbol table, which a stripped one has not.
const SYMBOLS: &[u8] = b"\0.symtab\0";

pub fn run(world: &World) -> Result<Vec<Row>> {
    let Some(path) = &world.coop else { return Ok(vec![Row::alone("binary, stripped", "not built")]) };
    let binary = fs::read(path).during(|| format!("reading {}", path.display()))?;
    // The section names are at the end of the file.
    let stripped = !binary[binary.len() / 2..].windows(SYMBOLS.len()).any(|window| window == SYMBOLS);
    let what = if stripped { "binary, stripped" } else { "binary, NOT stripped (not a release build?)" };
    let row = Row::alone(what, report::megabytes(binary.len() as f64));
    Ok(vec![row.with_bar("report; aim 12 MB when all is in".into())])
}
