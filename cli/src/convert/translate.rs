//! From DeepSpeed's configuration to a run file, as a function of text: nothing is read or written here.

use super::{
    curriculum,
    draft::{Draft, Sizes},
    json,
    keys::{self, is_on},
    ltd,
    notes::{Block, LARGEST, Notes},
    options::Options,
    run_file, sizes, tokens,
};

/// DeepSpeed's, where the configuration gives none.
const DEFAULT_SEED: u64 = 1234;
const DEFAULT_EPOCHS: u64 = 1000;

/// Translates `input`, which is called `name`. There is a run file if there is no problem.
pub(super) fn translate(input: &str, name: &str, options: &Options) -> (Option<String>, Notes) {
    let mut notes = Notes::default();
    let members = match json::parse(input, &mut notes.problems) {
        Ok(members) => members,
        Err(problem) => {
            notes.problems.push(problem);
            return (None, notes);
        }
    };
    let root = Block::root(&members);
    keys::check(&root, &mut notes);
    let draft = convert(&root, options, &mut notes);
    notes.sort();
    let text = notes.problems.is_empty().then(|| run_file::write(&draft, name, options, &mut notes));
    (text, notes)
}

fn convert(root: &Block<'_>, options: &Options, notes: &mut Notes) -> Draft {
    let mut draft = Draft { seed: DEFAULT_SEED, ..Draft::default() };
    let efficiency = root.block("data_efficiency");
    let sampling = efficiency.as_ref().and_then(|block| block.block("data_sampling"));
    let routing = efficiency.as_ref().and_then(|block| block.block("data_routing"));
    let ltd_block = routing.as_ref().and_then(|block| block.block("random_ltd"));
    let plus = ltd::plus(ltd_block.clone());
    if let Some(efficiency) = &efficiency {
        draft.seed = efficiency.whole(notes, "seed", 0, LARGEST).unwrap_or(DEFAULT_SEED);
        efficiency.became(notes, "seed", "seed");
    }
    for parent in [&efficiency, &sampling, &routing].into_iter().flatten() {
        parent.flag(notes, "enabled");
        parent.not_needed(notes, &["enabled"], "what is written into the run file is in force");
    }

    let sized = sizes::convert(root, options.world_size, notes);
    draft.sizes = sized.unwrap_or_default();
    let mut packs = false;
    if let (Some(efficiency), Some(sampling)) = (&efficiency, &sampling) {
        curricula(sampling, efficiency, plus, &mut draft, notes);
        packs = budget(sampling, efficiency, sized.as_ref(), options, &mut draft, notes);
    }
    if let (Some(efficiency), Some(routing), Some(block)) = (&efficiency, &routing, &ltd_block) {
        if is_on(block, &[efficiency, routing], notes) {
            ltd::convert(block, &mut draft, notes);
        } else {
            off(routing, "random_ltd", notes);
        }
    }
    if let Some(block) = root.block("curriculum_learning") {
        if is_on(&block, &[], notes) {
            curriculum::convert_legacy(&block, plus, &mut draft, notes);
        } else {
            off(root, "curriculum_learning", notes);
        }
    }
    drop_last(root, packs, &mut draft, notes);
    if packs {
        sizes::note_packs(root, notes);
    } else {
        sizes::note(root, &draft.sizes, notes);
    }
    draft
}

/// `data_sampling` without `dynamic_batching`. DeepSpeed's default of epochs holds where its sampler, which counts them, is in force.
fn curricula(sampling: &Block<'_>, efficiency: &Block<'_>, plus: Option<u32>, draft: &mut Draft, notes: &mut Notes) {
    let mut default = None;
    if let Some(block) = sampling.block("curriculum_learning") {
        if is_on(&block, &[efficiency, sampling], notes) {
            curriculum::convert(&block, plus, draft, notes);
            default = Some(DEFAULT_EPOCHS);
        } else {
            off(sampling, "curriculum_learning", notes);
        }
    }
    draft.epochs = sampling.whole(notes, "num_epochs", 1, LARGEST).or(default);
    sampling.became(notes, "num_epochs", "epochs: exactly so many, where DeepSpeed draws a micro-batch more");
    sampling.not_needed(notes, &["num_workers"], "batches are made ahead by one thread, `prefetch` of them; no result depends on it");
    sampling.not_needed(notes, &["pin_memory"], "where the tokens go is the trainer's");
}

/// `dynamic_batching`; gives whether it is in force.
fn budget(
    sampling: &Block<'_>,
    efficiency: &Block<'_>,
    sizes: Option<&Sizes>,
    options: &Options,
    draft: &mut Draft,
    notes: &mut Notes,
) -> bool {
    let Some(block) = sampling.block("dynamic_batching") else { return false };
    if !is_on(&block, &[efficiency, sampling], notes) {
        off(sampling, "dynamic_batching", notes);
        return false;
    }
    // Where the sizes are wrong, which was told, what else is wrong is worth telling as well.
    let any = Sizes { global: 1, micro: Some(1), ..Sizes::default() };
    let mean_length = options.sequence_length.map(f64::from).or_else(|| options.mean_length.as_ref().and_then(|ask| ask()));
    tokens::convert(&block, sizes.unwrap_or(&any), mean_length, draft, notes);
    true
}

/// Notes a block that is not in force; where its switch is missing or no switch, that was told.
fn off(parent: &Block<'_>, key: &str, notes: &mut Notes) {
    let why = if parent.block(key).is_some_and(|block| block.members().is_empty()) { "it is empty" } else { "its `enabled` is false" };
    parent.not_needed(notes, &[key], why);
}

fn drop_last(root: &Block<'_>, packs: bool, draft: &mut Draft, notes: &mut Notes) {
    const KEY: &str = "dataloader_drop_last";
    let given = root.flag(notes, KEY);
    if draft.epochs.is_none() {
        root.not_needed(notes, &[KEY], "without `epochs` the run has no end at which samples are left over");
    } else if packs {
        root.not_needed(notes, &[KEY], "with dynamic batching DeepSpeed leaves an incomplete step out, so `drop-last` is true");
        draft.drop_last = Some(true);
    } else {
        root.became(notes, KEY, "drop-last");
        draft.drop_last = Some(given.unwrap_or(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(text: &str) -> (Option<String>, Notes) {
        translate(text, "ds_config.json", &Options::default())
    }

    const CURRICULUM: &str = r#""curriculum_learning": {"enabled": true, "curriculum_metrics": {"seqlen": {
        "index_to_sample_path": "/a/seqlen/s", "index_to_metric_path": "/a/seqlen/m", "difficulty_type": "value",
        "clustering_type": "schedule_based", "min_difficulty": 1, "max_difficulty": 9, "schedule_type": "custom"}}}"#;

    fn nested(efficiency: &str, sampling: &str) -> String {
        format!(r#"{{"train_batch_size": 8, "data_efficiency": {{{efficiency} "data_sampling": {{{sampling} {CURRICULUM}}}}}}}"#)
    }

    #[test]
    fn a_switch_that_deepspeed_never_asks_has_to_agree_with_the_one_it_asks() {
        let on = r#""enabled": true,"#;
        assert!(translated(&nested(on, on)).0.is_some());
        let (text, notes) = translated(&nested(r#""enabled": false,"#, ""));
        assert_eq!(text, None);
        let problems: Vec<String> = notes.problems.iter().map(|p| format!("{}: {}; {}", p.path, p.problem, p.remedy)).collect();
        let leaf = "data_efficiency.data_sampling.curriculum_learning";
        assert_eq!(
            problems,
            [
                format!(
                    "data_efficiency.enabled: is false, but DeepSpeed does not ask it and obeys `{leaf}.enabled`, which is true; write true \
                     here to keep what DeepSpeed does, or false there to be rid of `{leaf}`"
                ),
                format!(
                    "data_efficiency.data_sampling.enabled: is missing, which stands for false, but DeepSpeed does not ask it and obeys \
                     `{leaf}.enabled`, which is true; write true here to keep what DeepSpeed does, or false there to be rid of `{leaf}`"
                )
            ]
        );
    }

    #[test]
    fn a_block_without_its_switch_is_no_silent_nothing() {
        let text = nested(r#""enabled": true,"#, r#""enabled": true,"#)
            .replace(r#""curriculum_learning": {"enabled": true,"#, r#""curriculum_learning": {"#);
        let (_, notes) = translated(&text);
        assert_eq!(notes.problems.len(), 1);
        assert_eq!(notes.problems[0].path, "data_efficiency.data_sampling.curriculum_learning.enabled");
        assert_eq!(notes.problems[0].remedy, "DeepSpeed takes that for false and ignores the block: write true or false");
    }

    #[test]
    fn epochs_are_deepspeeds_thousand_only_where_its_sampler_counts_them() {
        let on = r#""enabled": true,"#;
        assert!(translated(&nested(on, on)).0.unwrap().contains("epochs = 1000\n"));
        assert!(!translated(r#"{"train_batch_size": 8}"#).0.unwrap().contains("epochs"));
    }
}
