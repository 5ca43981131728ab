//! Checkpoints: folders that appear whole or not at all, `step-N` for N finished steps.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use candle_nn::VarMap;
use curricle::{
    SamplerState,
    atomic::{self, AtomicFolder},
};

use crate::{adamw::AdamW, curve::Curve};

const PREFIX: &str = "step-";
const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const SAMPLER: &str = "sampler.json";
const CURVE: &str = "losses.csv";

/// Saves all that the next step depends on, and removes what it replaces.
pub(crate) fn save(folder: &Path, model: &VarMap, optimizer: &AdamW, sampler: &SamplerState, curve: &Curve) -> Result<()> {
    let older = all(folder)?;
    let name = format!("{PREFIX}{:06}", sampler.step());
    let target = folder.join(&name);
    if older.iter().any(|(_, path)| *path == target) {
        return Ok(());
    }
    let made = AtomicFolder::create(folder, &name, false)?;
    for (file, variables) in [(MODEL, model), (OPTIMIZER, &optimizer.moments)] {
        let path = made.path().join(file);
        variables.save(&path)?;
        // On disk before the folder has its name: after a power cut, too, what is there is whole.
        File::open(&path)?.sync_all().with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    sampler.save(made.path().join(SAMPLER))?;
    atomic::write(made.path().join(CURVE), curve.csv().as_bytes())?;
    made.publish(&target).with_context(|| format!("cannot make `{}`", target.display()))?;
    atomic::sync_folder(folder)?;
    for (_, path) in older {
        fs::remove_dir_all(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
    }
    Ok(())
}

/// The last checkpoint in a folder, if there is one.
pub(crate) fn last(folder: &Path) -> Result<Option<PathBuf>> {
    Ok(all(folder)?.pop().map(|(_, path)| path))
}

/// Puts a checkpoint into model, optimizer and curve, and gives the sampler's part of it.
pub(crate) fn load(path: &Path, model: &mut VarMap, optimizer: &mut AdamW, curve: &mut Curve) -> Result<SamplerState> {
    let broken = || format!("cannot go on from `{}`; remove it, or name another folder", path.display());
    model.load(path.join(MODEL)).with_context(broken)?;
    optimizer.moments.load(path.join(OPTIMIZER)).with_context(broken)?;
    *curve = Curve::parse(&atomic::read_text(&path.join(CURVE))?).with_context(broken)?;
    Ok(SamplerState::load(path.join(SAMPLER))?)
}

/// Checkpoints by their steps, the last one last.
fn all(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let read = || format!("cannot read the folder `{}`", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(read)? {
        let entry = entry.with_context(read)?;
        let step = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        found.extend(step.map(|step| (step, entry.path())));
    }
    found.sort();
    Ok(found)
}
