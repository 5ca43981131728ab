//! Writes the seeds of every fuzz target into `FOLDER/TARGET/`, for `cargo xtask fuzz`. Targets that invent plugins begin with noise.

use std::{env, fs, path::Path};

use anyhow::{Context, Result};
use curricle_tests::{fuzz::TARGETS, noise};

fn main() -> Result<()> {
    let folder = env::args_os().nth(1).context("usage: fuzz-corpus FOLDER")?;
    let noises = || (0..8).map(|i| (0..300 * (i + 1)).map(|at| noise(i << 32 | at) as u8).collect()).collect::<Vec<Vec<u8>>>();
    let invented = ["guest", "smith"].map(|name| (name, noises as fn() -> Vec<Vec<u8>>));
    for (name, seeds) in TARGETS.map(|target| (target.name, target.seeds)).into_iter().chain(invented) {
        let folder = Path::new(&folder).join(name);
        fs::create_dir_all(&folder)?;
        let seeds = seeds();
        println!("{name}: {} seeds", seeds.len());
        for (i, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{i:03}")), seed)?;
        }
    }
    Ok(())
}
