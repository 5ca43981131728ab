//! What the host adds to a plan that a policy filled: lengths that the run file lets pacing functions set, and the numbers beside them.

use std::fmt;

use super::{
    config::RunConfig,
    on_fault::Restarts,
    pacings::{PacingFunction, PacingSources},
};
use crate::{
    Error, Result,
    batch::{Keep, Pieces, Plan, Refusal},
    dataset::Dataset,
};

/// Tokens that each layer which drops tokens keeps of a sequence.
const KEPT: &str = "random-ltd:kept-length";
/// Tokens that all layers processed together, this batch included; exact up to 2^53.
const LAYER_TOKENS: &str = "random-ltd:layer-tokens";
/// Tokens of a sequence that a layer processes, on average over the layers and sequences of this batch.
const EFFECTIVE: &str = "random-ltd:effective-length";
/// What stands before the name of a pacing function beside the batch.
const DIFFICULTY: &str = "difficulty:";
/// Bytes of the name of an annotation at most.
const MAX_NAME: usize = 64;

/// What the run file adds to every plan.
#[derive(Debug)]
pub(crate) struct Beside {
    shortening: Option<(Shortening, Paced)>,
    random_ltd: Option<RandomLtd>,
}

/// What a length does to the samples.
#[derive(Clone, Copy, Debug)]
enum Shortening {
    Truncate { plus: u32 },
    Reshape { plus: u32, keep: Keep },
}

#[derive(Debug)]
struct RandomLtd {
    kept: Paced,
    layers: u64,
    total_layers: u64,
    /// Tokens of a sequence that no layer sees.
    plus: u32,
}

/// What a finished plan comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Tokens of the samples, after truncation; those of a reshaped batch are the same.
    pub(crate) tokens: u64,
    /// Tokens that the layers of the model process together.
    pub(crate) layer_tokens: Option<u64>,
}

/// Refuses keys that do not fit together, the dataset or the pacing functions.
pub(crate) fn check(config: &RunConfig, dataset: &Dataset) -> Result<()> {
    let batch = &config.batch;
    if let (Some(_), Some(_)) = (&batch.truncate, &batch.reshape) {
        let problem = "`reshape` beside `truncate`: what is cut off cannot fall into pieces too";
        return Err(Error::config(config.place("batch.reshape"), problem, "choose one of them"));
    }
    if let Some(truncate) = &batch.truncate {
        check_name(config, "batch.truncate", &truncate.pacing, true)?;
    }
    if let Some(reshape) = &batch.reshape {
        check_name(config, "batch.reshape", &reshape.pacing, true)?;
        if reshape.keep == Keep::Rows && dataset.fixed_len().is_none() {
            let problem = "`keep = \"rows\"` makes rows of one length, and documents have many";
            return Err(Error::config(
                config.place("batch.reshape.keep"),
                problem,
                "give a `sequence-length` in [dataset], or keep \"all\"",
            ));
        }
    }
    if let Some(ltd) = &config.random_ltd {
        check_name(config, "random-ltd.pacing", &ltd.pacing, false)?;
        if ltd.layers == 0 || ltd.layers > ltd.total_layers {
            let problem = format!("{} layers of {} drop tokens", ltd.layers, ltd.total_layers);
            return Err(Error::config(config.place("random-ltd.layers"), problem, "give at least 1, and at most `total-layers`"));
        }
        if !batch.count_tokens && dataset.fixed_len().is_none() {
            let problem = "`[random-ltd]` counts tokens, and `count-tokens = false` lets the lengths of documents be";
            return Err(Error::config(config.place("batch.count-tokens"), problem, "leave `count-tokens` out"));
        }
    }
    Ok(())
}

/// Refuses the name of a pacing function that is not there, or too long to stand beside the batch.
fn check_name(config: &RunConfig, key: &str, name: &str, beside: bool) -> Result<()> {
    let bad = |problem: String, remedy: String| Err(Error::config(config.place(key), problem, remedy));
    if !config.pacing.contains_key(name) {
        let names: Vec<String> = config.pacing.keys().map(|name| format!("`{}`", name.escape_debug())).collect();
        let names = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        return bad(format!("the run file has no `[pacing.{}]`, {names}", name.escape_debug()), "name one that is there".into());
    }
    let most = MAX_NAME - DIFFICULTY.len();
    if beside && (name.len() > most || name.chars().any(char::is_control)) {
        let problem = format!("`{DIFFICULTY}{}` cannot stand beside the batch", name.escape_debug());
        return bad(problem, format!("give the pacing function a name of at most {most} bytes without control characters"));
    }
    Ok(())
}

impl Beside {
    /// What [`check`] accepted, with its pacing functions started.
    pub(crate) fn new(config: &RunConfig, pacings: &PacingSources, restarts: &Restarts) -> Result<Beside> {
        let paced = |name: &str| -> Result<Paced> {
            let place = config.place(&format!("pacing.{name}"));
            Ok(Paced { name: name.to_owned(), place, function: pacings.start(name, restarts)? })
        };
        let batch = &config.batch;
        let shortening = match (&batch.truncate, &batch.reshape) {
            (Some(t), _) => Some((Shortening::Truncate { plus: t.plus }, paced(&t.pacing)?)),
            (_, Some(r)) => Some((Shortening::Reshape { plus: r.plus, keep: r.keep }, paced(&r.pacing)?)),
            _ => None,
        };
        let random_ltd = match &config.random_ltd {
            Some(ltd) => Some(RandomLtd {
                kept: paced(&ltd.pacing)?,
                layers: u64::from(ltd.layers),
                total_layers: u64::from(ltd.total_layers),
                plus: ltd.plus,
            }),
            None => None,
        };
        Ok(Beside { shortening, random_ltd })
    }

    /// Whether the tokens that layers process are counted.
    pub(crate) fn counts_layer_tokens(&self) -> bool {
        self.random_ltd.is_some()
    }

    /// Cuts the samples of a filled plan, or lets them fall into pieces. The smaller of the policy's truncation and the run file's counts.
    pub(crate) fn shorten(&mut self, step: u64, plan: &mut Plan) -> Result<()> {
        let Some((shortening, paced)) = &mut self.shortening else { return Ok(()) };
        let (difficulty, length) = paced.at(step)?;
        match *shortening {
            Shortening::Truncate { plus } => {
                let length = length.saturating_add(plus).max(1);
                plan.truncate(plan.truncation().map_or(length, |policy| policy.min(length))).map_err(refused)?;
            }
            Shortening::Reshape { plus, keep } => {
                plan.divide(Pieces { length: length.saturating_add(plus).max(1), keep }).map_err(refused)?;
            }
        }
        let name = format!("{DIFFICULTY}{}", paced.name);
        if plan.annotations().iter().all(|(known, _)| *known != name) {
            plan.annotate(&name, difficulty).map_err(refused)?;
        }
        Ok(())
    }

    /// Counts the tokens of a plan and writes those that layers process beside it, `before` of them in the batches before.
    pub(crate) fn count(&mut self, step: u64, plan: &mut Plan, lengths: &mut Lengths, before: Option<u64>) -> Result<Totals> {
        let mut tokens = 0u64;
        let Some(RandomLtd { kept, layers, total_layers, plus }) = &mut self.random_ltd else {
            lengths.each(plan, |count, n| tokens = tokens.saturating_add(count.saturating_mul(u64::from(n))))?;
            return Ok(Totals { tokens, layer_tokens: None });
        };
        let kept = kept.at(step)?.1.max(1);
        let (mut sequences, mut processed) = (0u64, 0u128);
        let pieces = plan.pieces();
        let mut sequence = |count: u64, n: u32| {
            let n = n.saturating_sub(*plus);
            let of_one = u128::from(*layers) * u128::from(n.min(kept)) + u128::from(*total_layers - *layers) * u128::from(n);
            sequences = sequences.saturating_add(count);
            // Less than 2^64 sequences of less than 2^64 tokens in all layers: no overflow.
            processed = processed.saturating_add(u128::from(count) * of_one);
        };
        lengths.each(plan, |count, n| {
            tokens = tokens.saturating_add(count.saturating_mul(u64::from(n)));
            match pieces {
                Some(pieces) => pieces.count(count, n, &mut sequence),
                None => sequence(count, n),
            }
        })?;
        let layer_tokens = before.unwrap_or(0).saturating_add(u64::try_from(processed).unwrap_or(u64::MAX));
        plan.annotate(KEPT, f64::from(kept)).map_err(refused)?;
        plan.annotate(LAYER_TOKENS, layer_tokens as f64).map_err(refused)?;
        plan.annotate(EFFECTIVE, processed as f64 / *total_layers as f64 / sequences.max(1) as f64).map_err(refused)?;
        Ok(Totals { tokens, layer_tokens: Some(layer_tokens) })
    }
}

fn refused(refusal: Refusal) -> Error {
    Error::data(refusal, "let the policy put fewer numbers beside the batch")
}

/// A pacing function whose value is a number of tokens.
struct Paced {
    name: String,
    /// Where the run file has it.
    place: String,
    function: PacingFunction,
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paced").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Paced {
    /// Its value at a step, and the whole tokens in it.
    fn at(&mut self, step: u64) -> Result<(f64, u32)> {
        let difficulty = (self.function)(step)?;
        if !(difficulty.is_finite() && difficulty >= 0.0) {
            let problem = format!("`{}` is {difficulty} at step {step}, which is no number of tokens", self.name.escape_debug());
            return Err(Error::config(&self.place, problem, "let the pacing function stay at or above 0"));
        }
        // The conversion stays within the range of the type. Negative zero is zero.
        Ok((difficulty + 0.0, difficulty as u32))
    }
}

/// The lengths of samples, read once for all that counts tokens.
#[derive(Debug)]
pub(crate) struct Lengths {
    dataset: Dataset,
    /// Kept for its allocation.
    read: Vec<u32>,
}

impl Lengths {
    pub(crate) fn new(dataset: Dataset) -> Lengths {
        Lengths { dataset, read: Vec::new() }
    }

    /// Calls `each` with number and length of the samples of a plan, after truncation and without padding.
    fn each(&mut self, plan: &Plan, mut each: impl FnMut(u64, u32)) -> Result<()> {
        let longest = plan.truncation().unwrap_or(u32::MAX);
        if let Some(length) = self.dataset.fixed_len() {
            each(plan.ids().len() as u64, length.min(longest));
            return Ok(());
        }
        self.read.clear();
        self.dataset.sample_lens(plan.ids(), &mut self.read)?;
        self.read.iter().for_each(|&n| each(1, n.min(longest)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(value: f64) -> Paced {
        Paced { name: "p".into(), place: "run.toml:3:1".into(), function: Box::new(move |_| Ok(value)) }
    }

    fn shortened(value: f64, plus: u32, by_policy: Option<u32>) -> Result<Plan> {
        let mut plan = Plan::new(1);
        if let Some(length) = by_policy {
            plan.truncate(length).unwrap();
        }
        let shortening = Some((Shortening::Truncate { plus }, paced(value)));
        Beside { shortening, random_ltd: None }.shorten(4, &mut plan).map(|()| plan)
    }

    #[test]
    fn the_smaller_of_two_truncations_counts_and_none_is_to_nothing() {
        let truncation = |value, plus, by_policy| shortened(value, plus, by_policy).unwrap().truncation();
        assert_eq!(truncation(7.9, 0, None), Some(7));
        assert_eq!(truncation(7.9, 1, Some(9)), Some(8));
        assert_eq!(truncation(7.9, 1, Some(5)), Some(5));
        assert_eq!(truncation(0.5, 0, None), Some(1));
        assert_eq!(truncation(1e300, 1, None), Some(u32::MAX));
    }

    #[test]
    fn what_is_no_number_of_tokens_is_refused_with_step_and_place() {
        assert_eq!(
            shortened(-0.5, 0, None).unwrap_err().to_string(),
            "run.toml:3:1: `p` is -0.5 at step 4, which is no number of tokens; let the pacing function stay at or above 0"
        );
    }

    #[test]
    fn a_difficulty_that_the_policy_wrote_itself_stays() {
        assert_eq!(shortened(7.5, 0, None).unwrap().annotations(), [("difficulty:p".to_owned(), 7.5)]);
        let mut plan = Plan::new(1);
        plan.annotate("difficulty:p", 3.0).unwrap();
        let shortening = Some((Shortening::Reshape { plus: 1, keep: Keep::All }, paced(7.5)));
        Beside { shortening, random_ltd: None }.shorten(4, &mut plan).unwrap();
        assert_eq!(plan.annotations(), [("difficulty:p".to_owned(), 3.0)]);
        assert_eq!(plan.pieces(), Some(Pieces { length: 8, keep: Keep::All }));
    }
}
