//! A trainer in Rust: batches from Curricle, a small model of bytes in candle, checkpoints that a kill cannot break.
//!
//! `train-candle RUN --out DIR`, and after an interruption the same with `--resume`.

mod adamw;
mod checkpoint;
mod curve;
mod model;

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use candle_nn::VarMap;
use clap::Parser;
use curricle::{
    Run, Sampler, atomic,
    batch::{Batch, MicroBatch},
};

use crate::{adamw::AdamW, curve::Curve, model::Model};

/// Trains a small model of bytes on the batches of a run file.
#[derive(Debug, Parser)]
struct Args {
    /// The run file.
    run: PathBuf,
    /// Folder for checkpoints, and for `losses.csv` and `losses.svg` at the end.
    #[arg(long, value_name = "DIR", default_value = "trained")]
    out: PathBuf,
    /// Steps to train in all; the run may end before.
    #[arg(long, value_name = "N", default_value_t = 300)]
    steps: u64,
    /// Steps between two checkpoints.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    save_every: u64,
    /// Goes on from the last checkpoint in the folder, if there is one.
    #[arg(long)]
    resume: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let run = Run::load(&args.run)?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make `{}`", args.out.display()))?;
    let last = checkpoint::last(&args.out)?;
    ensure!(
        args.resume || last.is_none(),
        "`{}` has a checkpoint; go on from it with --resume, or name another folder",
        args.out.display()
    );

    let mut parameters = VarMap::new();
    let model = Model::new(&parameters, run.config().seed)?;
    let mut optimizer = AdamW::new(&parameters)?;
    let mut curve = Curve::default();
    let mut sampler = match last {
        Some(path) => Sampler::resume(&run, &checkpoint::load(&path, &mut parameters, &mut optimizer, &mut curve)?)?,
        None => Sampler::start(&run)?,
    };

    let mut out = io::stdout().lock();
    while sampler.state().step() < args.steps {
        let Some(batch) = sampler.next_batch()? else { break };
        let loss = loss(&model, &batch)?;
        optimizer.step(&loss.backward()?, batch.step)?;
        writeln!(out, "{}", curve.push(loss.to_scalar()?, &batch.annotations))?;
        if (batch.step + 1).is_multiple_of(args.save_every) {
            checkpoint::save(&args.out, &parameters, &optimizer, &sampler.state(), &curve)?;
        }
    }
    checkpoint::save(&args.out, &parameters, &optimizer, &sampler.state(), &curve)?;
    atomic::write(args.out.join("losses.csv"), curve.csv().as_bytes())?;
    atomic::write(args.out.join("losses.svg"), curve.svg()?.as_bytes())?;
    Ok(())
}

/// Mean loss over the micro-batches of a step.
fn loss(model: &Model, batch: &Batch) -> Result<Tensor> {
    let losses = batch.micro_batches.iter().map(|micro_batch| Ok(model.loss(&rows(micro_batch)?)?)).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::stack(&losses, 0)?.mean_all()?)
}

/// The tokens of a micro-batch as a tensor of its shape.
fn rows(micro_batch: &MicroBatch) -> Result<Tensor> {
    let [n, length] = micro_batch.shape;
    let bytes = micro_batch.tokens.as_slice::<u8>().context("the tokens are no bytes; import the corpus without a tokenizer")?;
    let full = micro_batch.lengths.len() == n && micro_batch.lengths.iter().all(|l| *l as usize == length);
    ensure!(full && length > 1, "rows are not full, or shorter than 2; give `sequence-length`, and layout \"padded\"");
    let tokens: Vec<u32> = bytes.iter().map(|byte| u32::from(*byte)).collect();
    Ok(Tensor::from_vec(tokens, (n, length), &Device::Cpu)?)
}
