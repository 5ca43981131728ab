//! `dynamic_batching`: micro-batches under a budget of tokens.

use super::{
    draft::{Draft, Sizes, Tokens},
    notes::{Block, Notes},
};

/// Samples to a micro-batch where nothing is known about their lengths.
const GUESS: u32 = 32;
/// Steps that the samples in hand are enough for: the more there are, the better they can be matched.
const STEPS: u32 = 4;
/// Samples in hand that a run file may ask for.
const MOST: u32 = 1 << 24;

/// Reads it. In DeepSpeed `train_batch_size` is then the number of packs of a step, and `train_micro_batch_size_per_gpu` the packs of a
/// forward pass, each within `max_tokens`. `mean_length` is that of the dataset's samples in tokens, if it is known.
pub(super) fn convert(block: &Block<'_>, sizes: &Sizes, mean_length: Option<f64>, draft: &mut Draft, notes: &mut Notes) {
    if !block.has("max_tokens") {
        block.missing(notes, "max_tokens", "give the tokens of a pack");
    }
    let max_tokens = block.count(notes, "max_tokens");
    let min = block.count(notes, "min_batch_size");
    let max = block.count(notes, "max_batch_size");
    let order = block.word(notes, "sequence_picking_order", &["dataloader", "random", "seqlen"]);
    let method = block.word(notes, "lr_scaling_method", &["linear", "sqrt", "none"]);
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        block.wrong(notes, "max_batch_size", format!("{max} is below min_batch_size, {min}"), "give min_batch_size ≤ max_batch_size");
    }
    let learning_rate = match method {
        Some("sqrt") => "sqrt",
        Some("none") => "none",
        _ => "linear",
    };
    block.became(notes, "max_tokens", "batch.tokens.max-tokens");
    block.became(notes, "min_batch_size", "batch.tokens.min-samples");
    block.became(notes, "max_batch_size", "batch.tokens.max-samples");
    block.became(notes, "lr_scaling_method", format!("batch.tokens.learning-rate = \"{learning_rate}\""));
    match order {
        Some("seqlen") => block.became(notes, "sequence_picking_order", "batch.tokens.order = \"length\""),
        Some("random") => {
            block.became(notes, "sequence_picking_order", "batch.tokens.order = \"given\": the order that is given is random, by the seed");
        }
        _ => {
            let what = "batch.tokens.order = \"given\": the order of the policy, which is random where DeepSpeed's is that of the files";
            block.became(notes, "sequence_picking_order", what);
        }
    }
    block.not_needed(notes, &["metrics_path"], "lengths come from the dataset");
    block.not_needed(notes, &["verbose"], "`curricle simulate` shows every step before training");

    let Some(packs) = sizes.micro else {
        let remedy = "give train_micro_batch_size_per_gpu or --world-size: the packs of a forward pass follow from them";
        return block.wrong(notes, "max_tokens", "the budget of a forward pass is not known", remedy);
    };
    let Some(max_tokens) = max_tokens else { return };
    let micro_batches = sizes.global / packs.max(1);
    let min_samples = min.unwrap_or(1).saturating_mul(packs);
    let max_samples = max.map(|max| max.saturating_mul(packs));
    let Some(budget) = max_tokens.checked_mul(packs) else {
        let problem = format!("{max_tokens} tokens × {packs} packs of a forward pass are above {}", u32::MAX);
        return block.wrong(notes, "max_tokens", problem, "give fewer tokens, or fewer packs in train_micro_batch_size_per_gpu");
    };
    if micro_batches.checked_mul(min_samples).is_none_or(|samples| samples > MOST) {
        let problem =
            format!("{micro_batches} micro-batches of {min_samples} samples at least are more than {MOST} samples to choose from");
        return block.wrong(notes, "min_batch_size", problem, "give a smaller one");
    }
    if draft.cut.as_ref().is_some_and(|cut| cut.reshape) {
        let problem = "pieces of reshaped samples would be more than the budget counted";
        return block.wrong(
            notes,
            "max_tokens",
            problem,
            "cut samples instead (a metric named `seqlen_truncate`), or leave one of the two out",
        );
    }
    let each = match mean_length.filter(|mean| *mean > 0.0) {
        // The conversion stays within the range of the type.
        Some(mean) => (f64::from(budget) / mean).ceil() as u32,
        None => max_samples.unwrap_or(GUESS),
    };
    let each = each.min(max_samples.unwrap_or(u32::MAX)).max(min_samples).max(1);
    draft.tokens = Some(Tokens {
        max_tokens: budget.into(),
        micro_batches,
        packs,
        by_length: order == Some("seqlen"),
        min_samples,
        max_samples,
        learning_rate,
        base_batch_size: sizes.global,
        pool: micro_batches.saturating_mul(each).saturating_mul(STEPS).min(MOST),
        measured: mean_length.is_some(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::json;

    fn tokens(text: &str, sizes: Sizes, mean: Option<f64>) -> (Option<Tokens>, Vec<String>) {
        let mut notes = Notes::default();
        let members = json::parse(text, &mut notes.problems).unwrap();
        let mut draft = Draft::default();
        convert(&Block::root(&members), &sizes, mean, &mut draft, &mut notes);
        (draft.tokens, notes.problems.iter().map(|p| format!("{}: {}", p.path, p.problem)).collect())
    }

    const SIZES: Sizes = Sizes { global: 64, micro: Some(2), accumulation: Some(4), world: Some(8) };

    #[test]
    fn a_forward_pass_has_the_budget_of_its_packs() {
        let (tokens, problems) = tokens(r#"{"max_tokens": 1000, "max_batch_size": 10, "lr_scaling_method": "sqrt"}"#, SIZES, Some(250.0));
        let tokens = tokens.unwrap();
        assert_eq!(problems, [""; 0]);
        assert_eq!((tokens.max_tokens, tokens.micro_batches, tokens.base_batch_size), (2000, 32, 64));
        assert_eq!((tokens.min_samples, tokens.max_samples, tokens.learning_rate), (2, Some(20), "sqrt"));
        // 8 samples of the mean length to a micro-batch, 32 micro-batches, four steps.
        assert_eq!(tokens.pool, 1024);
    }

    #[test]
    fn wrong_budgets_are_told_at_once() {
        let (_, problems) = tokens(
            r#"{"max_tokens": 0, "min_batch_size": 4, "max_batch_size": 3, "sequence_picking_order": "shuffled", "lr_scaling_method": "cubic"}"#,
            SIZES,
            None,
        );
        assert_eq!(
            problems,
            [
                "max_tokens: found 0",
                "sequence_picking_order: found \"shuffled\"",
                "lr_scaling_method: found \"cubic\"",
                "max_batch_size: 3 is below min_batch_size, 4"
            ]
        );
        let (_, problems) = tokens("{}", Sizes { micro: None, ..SIZES }, None);
        assert_eq!(problems, ["max_tokens: is missing", "max_tokens: the budget of a forward pass is not known"]);
        let (_, problems) = tokens(r#"{"max_tokens": 4000000000}"#, SIZES, None);
        assert_eq!(problems, ["max_tokens: 4000000000 tokens × 2 packs of a forward pass are above 4294967295"]);
    }
}
