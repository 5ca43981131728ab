//! What does the trainer hold? The run file, the step loop, the state.

mod source_text;
mod plugin_config;
mod packer_config;
mod tokens_config;
mod lengths;
mod config;
mod on_fault;
mod plugins;
mod packers;
mod pacings;
mod tokens;
mod choice;
mod hand;
mod ends;
mod beside;
mod change;
mod identity;
mod state;
mod run;
mod warden;
mod resume;
mod planner;
mod prefetch;
mod rank_digest;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

pub use self::{
    change::{Change, Changed},
    config::{BatchConfig, DatasetConfig, Layout, PacingConfig, PacingSource, RunConfig},
    identity::Identity,
    lengths::{RandomLtdConfig, ReshapeConfig, TruncateConfig},
    packer_config::PackerConfig,
    planner::{Planned, Planner},
    plugin_config::{OnFault, PluginConfig},
    rank_digest::RankDigest,
    run::Run,
    state::{FellBack, STATE_VERSION, SamplerState},
    tokens_config::{Neighbours, TokensConfig},
};
use self::{
    prefetch::{Prefetch, Worker},
    rank_digest::Accord,
    state::Progress,
};
use crate::{Result, batch::Batch};

/// What came of waiting for a batch.
#[derive(Debug)]
pub enum Next {
    /// This rank's part of the next global batch.
    Batch(Batch),
    /// The run is over.
    Over,
    /// It is still being made.
    NotYet,
}

/// What a trainer holds: hands out this rank's batches, step by step, and knows where it stands.
///
/// Planning and assembly run ahead on a thread of their own, as far as the run file's `prefetch` says; the state is always that of the last
/// batch handed out.
///
/// # Examples
/// ```no_run
/// use curricle::{Run, Sampler, SamplerState};
///
/// # fn main() -> curricle::Result<()> {
/// let run = Run::load("curricle.toml")?;
/// let mut sampler = Sampler::start(&run)?;
/// while let Some(batch) = sampler.next_batch()? {
///     for micro_batch in &batch.micro_batches {
///         // forward and backward over micro_batch.tokens, cut at micro_batch.offsets()
///     }
///     if batch.step % 1000 == 999 {
///         sampler.state().save("state.json")?;
///     }
/// }
/// // Another day, with another number of ranks:
/// let mut sampler = Sampler::resume(&Run::load("curricle.toml")?, &SamplerState::load("state.json")?)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sampler {
    prefetch: Prefetch,
    given_out: Arc<Progress>,
    identity: Arc<Identity>,
    changes: Arc<[Changed]>,
    accord: Accord,
}

impl Sampler {
    /// Starts a run at step 0.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if a plugin refuses its configuration or fails.
    pub fn start(run: &Run) -> Result<Sampler> {
        Sampler::with(run, run.planner()?)
    }

    /// Goes on where `state` stands. Ranks, micro-batches, layout and prefetch may have changed.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if the state belongs to another run, [`Error::Plugin`](crate::Error::Plugin) if a plugin fails.
    pub fn resume(run: &Run, state: &SamplerState) -> Result<Sampler> {
        Sampler::with(run, run.planner_at(state)?)
    }

    /// As [`resume`](Sampler::resume), and lets the named differences between the saved run and this one through. The states from there on
    /// [tell](SamplerState::changes) them. What is allowed and does not differ is no error.
    ///
    /// # Errors
    /// As there; all other differences are refused.
    pub fn resume_allowing(run: &Run, state: &SamplerState, allowed: &[Change]) -> Result<Sampler> {
        Sampler::with(run, run.planner_allowing(state, allowed)?)
    }

    fn with(run: &Run, planner: Planner) -> Result<Sampler> {
        let SamplerState { progress, identity, changes, .. } = planner.state();
        let accord = planner.accord().clone();
        tracing::info!(step = progress.step, prefetch = run.config.prefetch, "starting");
        let value_names = run.config.batch.values.iter().cloned().collect();
        let worker = Worker::new(planner, run.assembler()?, value_names);
        Ok(Sampler { prefetch: Prefetch::start(worker, run.config.prefetch), given_out: progress, identity, changes, accord })
    }

    /// This rank's part of the next global batch; `None` when the run is over.
    ///
    /// # Errors
    /// Whatever planning or assembling this batch failed with; batches before it were handed out. After an error or the end the same comes
    /// again.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        Ok(self.prefetch.next()?.map(|ready| self.give_out(ready)))
    }

    /// As [`next_batch`](Sampler::next_batch), for a caller that has other things to look after: waits so long at most. A batch that is
    /// [not there yet](Next::NotYet) is being made meanwhile, on a thread of its own even where the run file's `prefetch` is 0.
    ///
    /// # Errors
    /// As there.
    pub fn next_batch_within(&mut self, patience: Duration) -> Result<Next> {
        Ok(match self.prefetch.wait(Some(patience))? {
            Some(Some(ready)) => Next::Batch(self.give_out(ready)),
            Some(None) => Next::Over,
            None => Next::NotYet,
        })
    }

    fn give_out(&mut self, (batch, progress): (Batch, Arc<Progress>)) -> Batch {
        self.given_out = progress;
        self.accord.moved(batch.step, batch.digest);
        batch
    }

    /// What the ranks of a run exchange to know that they agree: 16 bytes, of the last batch that [`next_batch`](Sampler::next_batch)
    /// returned. Before the first they say what the run is made of, so that ranks can compare before they begin.
    pub fn rank_digest(&self) -> RankDigest {
        self.accord.digest()
    }

    /// State as of the last batch that [`next_batch`](Sampler::next_batch) returned.
    pub fn state(&self) -> SamplerState {
        SamplerState { progress: self.given_out.clone(), identity: self.identity.clone(), changes: self.changes.clone(), origin: None }
    }
}
