//! `train_batch_size`, `train_micro_batch_size_per_gpu`, `gradient_accumulation_steps`: two of them and the number of ranks give the third.

use super::{
    draft::Sizes,
    notes::{Block, Notes},
};

const TRAIN: &str = "train_batch_size";
const MICRO: &str = "train_micro_batch_size_per_gpu";
const ACCUMULATION: &str = "gradient_accumulation_steps";

/// Applies DeepSpeed's rules: `train = micro × accumulation × ranks`; what is missing follows from the others, and an accumulation that
/// does not is 1. The fates of the three keys are noted by who knows what the numbers mean.
pub(super) fn convert(root: &Block<'_>, world: Option<u32>, notes: &mut Notes) -> Option<Sizes> {
    let before = notes.problems.len();
    let train = root.count(notes, TRAIN);
    let micro = root.count(notes, MICRO);
    let accumulation = root.count(notes, ACCUMULATION);
    if notes.problems.len() > before {
        return None;
    }
    if train.is_none() && micro.is_none() {
        let remedy = "give it, or train_micro_batch_size_per_gpu and --world-size (under `elasticity` write what it comes to)";
        root.missing(notes, TRAIN, remedy);
        return None;
    }
    // Products of three u32 numbers do not fit 64 bits.
    let product = |factors: [Option<u32>; 3]| factors.iter().map(|f| u128::from(f.unwrap_or(1))).product::<u128>();
    let Some(train) = train else {
        if world.is_none() {
            root.missing(notes, TRAIN, "it is micro-batch × accumulation × ranks: give --world-size, the number of data-parallel ranks");
            return None;
        }
        let Ok(global) = u32::try_from(product([micro, accumulation, world])) else {
            root.wrong(notes, MICRO, "micro-batch × accumulation × ranks is above 4 294 967 295", "give smaller numbers");
            return None;
        };
        return Some(Sizes { global, micro, accumulation: accumulation.or(Some(1)), world });
    };
    // An accumulation that nothing determines is 1.
    let accumulation = if micro.is_none() { accumulation.or(Some(1)) } else { accumulation };
    let known = product([micro, accumulation, world]);
    let rest = u128::from(train).checked_div(known).unwrap_or(0);
    if rest == 0 || u128::from(train) % known != 0 || (micro.is_some() && accumulation.is_some() && world.is_some() && rest != 1) {
        let factors: Vec<String> = [(micro, "a micro-batch"), (accumulation, "accumulation steps"), (world, "ranks")]
            .iter()
            .filter_map(|(n, what)| n.map(|n| format!("{n} {what}")))
            .collect();
        let relation = if factors.len() == 3 { "not" } else { "no multiple of" };
        root.wrong(
            notes,
            TRAIN,
            format!("{train} is {relation} {known} ({}), as DeepSpeed demands", factors.join(" × ")),
            format!("choose numbers with {TRAIN} = {MICRO} × {ACCUMULATION} × ranks"),
        );
        return None;
    }
    // It divides a u32.
    let rest = u32::try_from(rest).ok();
    let sizes = match (micro, accumulation, world) {
        (Some(_), Some(_), None) => Sizes { global: train, micro, accumulation, world: rest },
        (Some(_), None, Some(_)) => Sizes { global: train, micro, accumulation: rest, world },
        (None, Some(_), Some(_)) => Sizes { global: train, micro: rest, accumulation, world },
        _ => Sizes { global: train, micro, accumulation, world },
    };
    Some(sizes)
}

/// Notes where the sizes went, for samples that are counted.
pub(super) fn note(root: &Block<'_>, sizes: &Sizes, notes: &mut Notes) {
    root.became(notes, TRAIN, format!("batch.global-batch-size = {}", sizes.global));
    root.became(notes, MICRO, "batch.micro-batch-size");
    if sizes.micro.is_some() {
        root.not_needed(notes, &[ACCUMULATION], "it follows from global batch, micro-batch and ranks");
    } else {
        root.became(notes, ACCUMULATION, "batch.gradient-accumulation-steps");
    }
}

/// Notes where the sizes went, for packs that are filled up to a budget.
pub(super) fn note_packs(root: &Block<'_>, notes: &mut Notes) {
    root.became(notes, TRAIN, "batch.tokens.micro-batches (packs of a step) and base-batch-size");
    root.became(notes, MICRO, "batch.tokens.max-tokens (packs of a forward pass)");
    root.not_needed(notes, &[ACCUMULATION], "it follows from micro-batches and ranks");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::json;

    fn sizes(text: &str, world: Option<u32>) -> Result<[Option<u32>; 4], String> {
        let mut notes = Notes::default();
        let members = json::parse(text, &mut notes.problems).unwrap();
        let sizes = convert(&Block::root(&members), world, &mut notes);
        match sizes {
            Some(s) => Ok([Some(s.global), s.micro, s.accumulation, s.world]),
            None => Err(notes.problems.iter().map(|p| p.problem.clone()).collect::<Vec<_>>().join("; ")),
        }
    }

    const T: &str = r#""train_batch_size": 512"#;
    const M: &str = r#""train_micro_batch_size_per_gpu": 8"#;
    const A: &str = r#""gradient_accumulation_steps": 4"#;

    fn of(keys: &[&str], world: Option<u32>) -> Result<[Option<u32>; 4], String> {
        sizes(&format!("{{{}}}", keys.join(", ")), world)
    }

    #[test]
    fn two_numbers_and_the_ranks_give_the_third() {
        let all = Ok([Some(512), Some(8), Some(4), Some(16)]);
        assert_eq!(of(&[T, M, A], Some(16)), all);
        assert_eq!(of(&[T, M, A], None), all);
        assert_eq!(of(&[T, M], Some(16)), all);
        assert_eq!(of(&[T, A], Some(16)), all);
        assert_eq!(of(&[M, A], Some(16)), all);
        assert_eq!(of(&[T], Some(16)), Ok([Some(512), Some(32), Some(1), Some(16)]));
        assert_eq!(of(&[M], Some(16)), Ok([Some(128), Some(8), Some(1), Some(16)]));
        assert_eq!(of(&[T, M], None), Ok([Some(512), Some(8), None, None]));
        assert_eq!(of(&[T, A], None), Ok([Some(512), None, Some(4), None]));
        assert_eq!(of(&[T], None), Ok([Some(512), None, Some(1), None]));
    }

    #[test]
    fn numbers_that_do_not_add_up_or_are_missing_are_refused() {
        let wrong = |result: Result<_, String>, problem: &str| assert_eq!(result.unwrap_err(), problem);
        wrong(of(&[T, M, A], Some(8)), "512 is not 256 (8 a micro-batch × 4 accumulation steps × 8 ranks), as DeepSpeed demands");
        wrong(of(&[T, M], Some(3)), "512 is no multiple of 24 (8 a micro-batch × 3 ranks), as DeepSpeed demands");
        wrong(of(&[M, A], None), "is missing");
        wrong(of(&[A], Some(3)), "is missing");
        wrong(sizes(r#"{"train_batch_size": "auto"}"#, None), "`auto` is filled in by the trainer of Hugging Face when training starts");
        wrong(sizes(r#"{"train_batch_size": 0}"#, None), "found 0");
        wrong(
            sizes(r#"{"train_micro_batch_size_per_gpu": 4000000000}"#, Some(2)),
            "micro-batch × accumulation × ranks is above 4 294 967 295",
        );
        wrong(
            sizes(
                r#"{"train_batch_size": 7, "train_micro_batch_size_per_gpu": 4000000000, "gradient_accumulation_steps": 4000000000}"#,
                Some(4_000_000_000),
            ),
            "7 is not 64000000000000000000000000000 (4000000000 a micro-batch × 4000000000 accumulation steps × 4000000000 ranks), \
             as DeepSpeed demands",
        );
    }
}
