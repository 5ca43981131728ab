//! A trainer without a model: takes batches, saves the state now and then, and goes on from it when started again.
//!
//! `cargo run --package curricle --example train -- RUN [STATE]`

use std::{env, path::PathBuf, process::ExitCode};

use curricle::{Result, Run, Sampler, SamplerState};

const STEPS: u64 = 200;
const SAVE_EVERY: u64 = 50;

fn train(run_file: PathBuf, state_file: PathBuf) -> Result<()> {
    let run = Run::load(run_file)?;
    let mut sampler = match state_file.exists() {
        true => Sampler::resume(&run, &SamplerState::load(&state_file)?)?,
        false => Sampler::start(&run)?,
    };
    println!("starting at step {}", sampler.state().step());

    for _ in 0..STEPS {
        let Some(batch) = sampler.next_batch()? else {
            println!("the run is over");
            break;
        };
        for micro_batch in &batch.micro_batches {
            // Here a model would go forward and backward over `micro_batch.tokens`, cut at `micro_batch.offsets()`.
            let [rows, columns] = micro_batch.shape;
            assert_eq!(rows * columns, micro_batch.tokens.len());
        }
        // And here the optimizer would step, with `batch.annotations` at hand.
        if (batch.step + 1).is_multiple_of(SAVE_EVERY) {
            sampler.state().save(&state_file)?;
            println!("step {}: {:?}, digest {}", batch.step, batch.annotations, batch.digest);
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let Some(run_file) = args.next() else {
        eprintln!("usage: train RUN [STATE]");
        return ExitCode::from(2);
    };
    let state_file = args.next().unwrap_or_else(|| run_file.with_extension("state.json"));
    match train(run_file, state_file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
