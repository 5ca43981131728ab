//! What `[batch.tokens]` asks for has to fit together, and the ranks.

use super::{config::RunConfig, tokens_config::TokensConfig};
use crate::{
    Error, Result,
    batch::{Overlong, Shape},
    packing::{Count, LearningRate},
};

/// Refuses keys that do not fit together.
pub(super) fn check(config: &RunConfig) -> Result<()> {
    let batch = &config.batch;
    let bad = |key: &str, problem: String, remedy: &str| Err(Error::config(config.place(&format!("batch.{key}")), problem, remedy));
    let Some(tokens) = &batch.tokens else {
        if batch.overlong == Overlong::Drop {
            let problem = "`overlong = \"drop\"` without `[batch.tokens]`: every other batch has its number of samples".into();
            return bad("overlong", problem, "choose \"error\" or \"cut\", or let a policy with a condition on the length leave them out");
        }
        return Ok(());
    };
    tokens.budget().check(|key| config.place(&format!("batch.tokens.{key}")))?;
    if batch.micro_batch_size.is_some() {
        let problem = "`micro-batch-size` beside `[batch.tokens]`, where tokens decide how many samples a micro-batch has".into();
        return bad("micro-batch-size", problem, "leave it out; `max-samples` bounds them");
    }
    if batch.reshape.is_some() {
        return bad(
            "reshape",
            "`reshape` beside `[batch.tokens]`: pieces would be more rows than were counted".into(),
            "choose one of them",
        );
    }
    if tokens.packer.is_some() {
        let clash = [("order", tokens.order.is_some()), ("equal-size", tokens.equal_size), ("count", tokens.count == Count::Padded)];
        if let Some((key, _)) = clash.iter().find(|(_, there)| *there) {
            let problem = format!("`{key}` beside `packer`, which puts samples wherever their tokens fit");
            return bad(&format!("tokens.{key}"), problem, "choose one of them");
        }
    }
    let samples = u64::from(tokens.micro_batches) * u64::from(tokens.min_samples);
    if samples > u64::from(batch.global_batch_size) {
        let problem = format!(
            "{} samples in hand, and {} micro-batches of {} at least take {samples}",
            batch.global_batch_size, tokens.micro_batches, tokens.min_samples
        );
        return bad("global-batch-size", problem, "raise it, to a few times what a step takes, or lower `micro-batches`");
    }
    match (tokens.learning_rate, tokens.base_batch_size) {
        (LearningRate::None, Some(_)) => bad(
            "tokens.base-batch-size",
            "`base-batch-size` without `learning-rate`".into(),
            "add `learning-rate = \"linear\"` or \"sqrt\"",
        ),
        (LearningRate::None, None) => Ok(()),
        (_, None | Some(0)) => {
            let problem = "`learning-rate` needs the batch size that the rate was chosen for".into();
            bad("tokens.learning-rate", problem, "add `base-batch-size`, at least 1")
        }
        _ => Ok(()),
    }
}

/// How the micro-batches of a step are shared out: a [`Shape`] whose unit is the micro-batch.
pub(super) fn shape(
    config: &RunConfig,
    tokens: &TokensConfig,
    accumulation: Option<u32>,
    dp_rank: u32,
    dp_world_size: u32,
) -> Result<Shape> {
    let place = config.place("batch.tokens.micro-batches");
    let n = tokens.micro_batches;
    if n == 0 {
        return Err(Error::config(place, "`micro-batches` is 0", "give at least 1"));
    }
    if let Some(accumulation) = accumulation
        && u64::from(accumulation) * u64::from(dp_world_size) != u64::from(n)
    {
        let problem = format!("{n} micro-batches are not {dp_world_size} ranks × {accumulation} accumulation steps");
        return Err(Error::config(place, problem, "choose numbers that multiply, or leave `gradient-accumulation-steps` out"));
    }
    if dp_world_size > 0 && !n.is_multiple_of(dp_world_size) {
        let problem = format!("{n} micro-batches for {dp_world_size} ranks");
        return Err(Error::config(place, problem, "make `micro-batches` a multiple of `dp-world-size`"));
    }
    Shape::resolve(n, Some(1), None, dp_rank, dp_world_size, &place)
}
