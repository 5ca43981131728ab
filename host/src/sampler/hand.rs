//! Samples in hand: drawn by the policy, and not yet in a batch. Only runs with a budget of tokens hold any.

use std::fmt;

use super::{
    choice::{self, MicroBatches},
    on_fault::Restarts,
    run::Run,
    state::InHand,
    tokens_config::TokensConfig,
};
use crate::{
    Error, Result,
    batch::{Cuts, Overlong, Pack, Plan, Refusal},
    dataset::Dataset,
    packing::{LearningRate, TokenBudget},
};

/// Number of samples of the step, over all ranks.
const SAMPLES: &str = "samples";
/// What to multiply the learning rate by.
const FACTOR: &str = "learning-rate-factor";
/// Samples that were longer than a micro-batch, since the start of the run.
const LEFT_OUT: &str = "left-out";

/// Takes in what the policy draws and deals it to micro-batches under a budget of tokens.
pub(crate) struct Hand {
    held: InHand,
    dataset: Dataset,
    /// Samples in hand once the policy was asked.
    size: u32,
    budget: TokenBudget,
    packer: Option<Box<dyn Pack>>,
    overlong: Overlong,
    /// Tokens of a sample at most.
    longest: u32,
    learning_rate: LearningRate,
    base: u64,
    drop_last: bool,
    /// Kept for its allocation.
    lengths: Vec<u32>,
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").field("held", &self.held.ids.len()).field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Hand {
    /// For a run with a budget of tokens, with what it had in hand.
    pub(crate) fn new(run: &Run, tokens: &TokensConfig, held: InHand, restarts: &Restarts) -> Result<Hand> {
        if let Some(id) = held.ids.iter().find(|&&id| id >= run.dataset.len()) {
            let problem = format!("sample {id} is in hand, the dataset has {}", run.dataset.len());
            return Err(Error::state("in hand", problem, "resume from an earlier state"));
        }
        Ok(Hand {
            held,
            dataset: run.dataset.clone(),
            size: run.config.batch.global_batch_size,
            budget: tokens.budget(),
            packer: run.token_packer(restarts)?,
            overlong: run.config.batch.overlong,
            longest: run.row_length().map_or(tokens.max_tokens, |row| row.min(tokens.max_tokens)),
            learning_rate: tokens.learning_rate,
            base: u64::from(tokens.base_batch_size.unwrap_or(1)),
            drop_last: run.config.drop_last,
            lengths: Vec::new(),
        })
    }

    /// Samples to ask the policy for; at least 1.
    pub(crate) fn room(&self) -> u32 {
        // No more in hand than were asked for, unless the run file changed since.
        self.size.saturating_sub(u32::try_from(self.held.ids.len()).unwrap_or(u32::MAX)).max(1)
    }

    /// Samples that the policy drew and the trainer did not get.
    pub(crate) fn kept_back(&self) -> u64 {
        self.held.left_out.saturating_add(self.held.ids.len() as u64)
    }

    /// What is in hand now.
    pub(crate) fn held(&self) -> &InHand {
        &self.held
    }

    /// Notes to what the policy cuts samples, and cuts those so that it was not asked about.
    pub(crate) fn truncate(&mut self, plan: &mut Plan, asked: bool) -> Result<()> {
        if asked {
            self.held.truncation = plan.truncation();
        } else if let Some(length) = self.held.truncation {
            plan.truncate(length).map_err(refused)?;
        }
        Ok(())
    }

    /// Takes a finished plan in hand and makes it the batch of a step. `over` says that nothing more will be drawn. Gives `false` if the run
    /// ends here.
    ///
    /// # Errors
    /// [`Error::Data`] if a sample is too long, or the samples in hand make too few micro-batches; [`Error::Plugin`] if the packer fails.
    pub(crate) fn deal(&mut self, plan: &mut Plan, over: bool) -> Result<bool> {
        self.held.ids.extend_from_slice(plan.ids());
        self.measure(plan)?;
        let Some(micro_batches) = self.choose(over)? else { return Ok(false) };
        let longest = micro_batches.iter().flatten().filter_map(|&i| self.lengths.get(i as usize)).copied().max();
        let pad_to = if self.budget.equal_size { longest } else { None };
        let cuts = Cuts::new(micro_batches.iter().map(Vec::len), pad_to);
        plan.deal(micro_batches.iter().flatten().filter_map(|&i| self.held.ids.get(i as usize)).copied(), cuts);
        self.let_go(&micro_batches);

        let samples = plan.ids().len() as u64;
        plan.annotate(SAMPLES, samples as f64).map_err(refused)?;
        if self.learning_rate != LearningRate::None {
            plan.annotate(FACTOR, self.learning_rate.factor(samples, self.base)).map_err(refused)?;
        }
        if self.held.left_out > 0 {
            plan.annotate(LEFT_OUT, self.held.left_out as f64).map_err(refused)?;
        }
        Ok(true)
    }

    /// Reads the lengths of all in hand, and cuts, leaves out or refuses those that no micro-batch can hold.
    fn measure(&mut self, plan: &mut Plan) -> Result<()> {
        if self.overlong == Overlong::Cut {
            plan.truncate(plan.truncation().map_or(self.longest, |length| length.min(self.longest))).map_err(refused)?;
        }
        self.lengths.clear();
        match self.dataset.fixed_len() {
            Some(length) => self.lengths.resize(self.held.ids.len(), length),
            None => self.dataset.sample_lens(&self.held.ids, &mut self.lengths)?,
        }
        let cut = plan.truncation().unwrap_or(u32::MAX);
        self.lengths.iter_mut().for_each(|length| *length = cut.min(*length));
        let Some(first) = self.lengths.iter().position(|&length| length > self.longest) else { return Ok(()) };
        if self.overlong != Overlong::Drop {
            let (id, length) =
                (self.held.ids.get(first).copied().unwrap_or_default(), self.lengths.get(first).copied().unwrap_or_default());
            return Err(Error::data(
                format!("sample {id} has {length} tokens and a micro-batch or row {}", self.longest),
                "set `overlong = \"cut\"` or \"drop\" in [batch], truncate, or raise `max-tokens` in [batch.tokens]",
            ));
        }
        let before = self.held.ids.len();
        let mut lengths = self.lengths.iter();
        self.held.ids.retain(|_| lengths.next().is_some_and(|&length| length <= self.longest));
        self.lengths.retain(|&length| length <= self.longest);
        self.held.left_out = self.held.left_out.saturating_add((before - self.held.ids.len()) as u64);
        Ok(())
    }

    /// The micro-batches of the step; `None` if the run ends with what is left.
    fn choose(&mut self, over: bool) -> Result<Option<MicroBatches>> {
        let wanted = self.budget.micro_batches as usize;
        let least = self.budget.min_samples;
        let made = match self.make(least)? {
            Ok(step) => return Ok(Some(step)),
            Err(made) => made,
        };
        if !over {
            let (left_out, longer) = match self.held.left_out {
                0 => (String::new(), ""),
                n => (format!(", after {n} too long ones were left out"), "raise `max-tokens`, "),
            };
            return Err(Error::data(
                format!("{} samples in hand make {} of the {wanted} micro-batches of a step{left_out}", self.held.ids.len(), made.len()),
                format!("{longer}raise `global-batch-size` in [batch], or lower `micro-batches` or `min-samples` in [batch.tokens]"),
            ));
        }
        if self.drop_last || self.held.ids.is_empty() {
            tracing::info!(samples = self.held.ids.len(), "the data is over: the run ends without those left in hand");
            return Ok(None);
        }
        // The rest is given out whatever its size: all ranks need equally many micro-batches, and some may have to be empty.
        Ok(Some(match self.make(1)? {
            Ok(step) => step,
            Err(mut rest) => {
                rest.resize(wanted, Vec::new());
                rest
            }
        }))
    }

    /// A whole step of micro-batches with at least `least` samples each, or the too few that can be made.
    fn make(&mut self, least: u32) -> Result<Result<MicroBatches, MicroBatches>> {
        let wanted = self.budget.micro_batches as usize;
        if let Some(packer) = &mut self.packer {
            // Packers know no sample without tokens.
            let lengths: Vec<u32> = self.lengths.iter().map(|&length| length.max(1)).collect();
            let most = u32::try_from(self.budget.max_tokens).unwrap_or(u32::MAX);
            let bins = packer.pack(&lengths, most, self.budget.max_samples)?;
            let mut made: MicroBatches = vec![Vec::new(); bins.iter().max().map_or(0, |last| *last as usize + 1)];
            for (i, &bin) in (0u32..).zip(&bins) {
                if let Some(samples) = made.get_mut(bin as usize) {
                    samples.push(i);
                }
            }
            made.retain(|samples| samples.len() >= least as usize);
            return Ok(choice::oldest(made, wanted, least as usize));
        }
        let packed = TokenBudget { min_samples: least, ..self.budget.clone() }.pack(&self.lengths)?;
        let micro_batches = |numbers: std::ops::Range<usize>| numbers.filter_map(|i| packed.micro_batch(i)).map(<[u32]>::to_vec).collect();
        if !self.budget.equal_size {
            return Ok(choice::oldest(micro_batches(0..packed.len()), wanted, least as usize));
        }
        Ok(match choice::oldest_step((0..packed.steps()).map(|step| micro_batches(packed.step(step)))) {
            Some(step) => Ok(step),
            // One each, and too few for a step.
            None if self.held.ids.len() < wanted => Err((0..self.held.ids.len() as u32).map(|i| vec![i]).collect()),
            None => Err(Vec::new()),
        })
    }

    /// Takes what a step got out of the hand; the others keep their order.
    fn let_go(&mut self, micro_batches: &MicroBatches) {
        let mut given = vec![false; self.held.ids.len()];
        for &i in micro_batches.iter().flatten() {
            if let Some(given) = given.get_mut(i as usize) {
                *given = true;
            }
        }
        let mut given = given.iter();
        self.held.ids.retain(|_| given.next().is_some_and(|given| !given));
    }
}

fn refused(refusal: Refusal) -> Error {
    Error::data(refusal, "let the policy put fewer numbers beside the batch")
}
