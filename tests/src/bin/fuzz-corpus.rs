//! Writes the seeds of every fuzz target into `FOLDER/TARGET/`, for `cargo xtask fuzz`.

use std::{env, fs, path::Path};

use anyhow::{Context, Result};
use curricle_tests::fuzz::TARGETS;

fn main() -> Result<()> {
    let folder = env::args_os().nth(1).context("usage: fuzz-corpus FOLDER")?;
    for target in TARGETS {
        let folder = Path::new(&folder).join(target.name);
        fs::create_dir_all(&folder)?;
        let seeds = (target.seeds)();
        println!("{}: {} seeds", target.name, seeds.len());
        for (i, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{i:03}")), seed)?;
        }
    }
    Ok(())
}
