//! The keys that DeepSpeed reads, and where. It ignores all others in silence; here they are problems.

use super::{
    json::Value,
    notes::{Block, Fate, Notes, one_of},
};

/// A key and what stands below it.
struct Known {
    key: &'static str,
    below: Below,
}

enum Below {
    Value,
    /// An object with these keys.
    Block(&'static [Known]),
    /// Objects with these keys, under names that the user chooses.
    Named(&'static [Known]),
}

const fn value(key: &'static str) -> Known {
    Known { key, below: Below::Value }
}

const fn block(key: &'static str, keys: &'static [Known]) -> Known {
    Known { key, below: Below::Block(keys) }
}

const SCHEDULE: Known = block(
    "schedule_config",
    &[value("total_curriculum_step"), value("difficulty_step"), value("root_degree"), value("difficulty"), value("max_step")],
);

const CURRICULUM: &[Known] = &[
    value("enabled"),
    value("data_cluster_path"),
    Known {
        key: "curriculum_metrics",
        below: Below::Named(&[
            value("index_to_sample_path"),
            value("index_to_metric_path"),
            value("difficulty_type"),
            value("clustering_type"),
            value("min_difficulty"),
            value("max_difficulty"),
            value("schedule_type"),
            SCHEDULE,
        ]),
    },
];

const DYNAMIC_BATCHING: &[Known] = &[
    value("enabled"),
    value("metrics_path"),
    value("lr_scaling_method"),
    value("min_batch_size"),
    value("max_batch_size"),
    value("sequence_picking_order"),
    value("max_tokens"),
    value("verbose"),
];

const RANDOM_LTD: &[Known] = &[
    value("enabled"),
    value("total_layer_num"),
    value("random_ltd_layer_num"),
    value("random_ltd_layer_id"),
    value("model_mask_name"),
    value("model_type"),
    value("hidden_state_order"),
    block(
        "random_ltd_schedule",
        &[
            value("min_value"),
            value("max_value"),
            value("schedule_type"),
            block("schedule_config", &[value("require_steps"), value("seq_per_step")]),
        ],
    ),
    block("layer_token_lr_schedule", &[value("enabled"), value("total_layer_tokens"), value("warmup_type"), value("warmup_layer_tokens")]),
];

const DATA_EFFICIENCY: &[Known] = &[
    value("enabled"),
    value("seed"),
    block(
        "data_sampling",
        &[
            value("enabled"),
            value("num_epochs"),
            value("num_workers"),
            value("pin_memory"),
            block("curriculum_learning", CURRICULUM),
            block("dynamic_batching", DYNAMIC_BATCHING),
        ],
    ),
    block("data_routing", &[value("enabled"), block("random_ltd", RANDOM_LTD)]),
];

const LEGACY: &[Known] =
    &[value("enabled"), value("curriculum_type"), value("min_difficulty"), value("max_difficulty"), value("schedule_type"), SCHEDULE];

const TOP: &[Known] = &[
    value("train_batch_size"),
    value("train_micro_batch_size_per_gpu"),
    value("gradient_accumulation_steps"),
    value("dataloader_drop_last"),
    block("data_efficiency", DATA_EFFICIENCY),
    block("curriculum_learning", LEGACY),
];

/// Keys that DeepSpeed's examples name and its code does not read.
const RENAMED: [(&str, &str); 3] = [
    ("sentence_picking_order", "sequence_picking_order"),
    ("samples_order", "sequence_picking_order"),
    ("seqlen_sample_to_metric_path", "metrics_path"),
];

/// Checks every name. At the top, what has nothing to do with data is left to DeepSpeed.
pub(super) fn check(root: &Block<'_>, notes: &mut Notes) {
    for member in root.members() {
        let key = member.key.as_str();
        if let Some(known) = TOP.iter().find(|known| known.key == key) {
            check_value(root, known, notes);
        } else if let Some(place) = place_of(key).filter(|_| is_of_data(key)) {
            let remedy = format!("move it into `{place}`, with `enabled` there and in every block around it");
            root.wrong(notes, key, "DeepSpeed does not look for it here and ignores it", remedy);
        } else if let Some(near) = nearest(key, TOP) {
            root.wrong(notes, key, "DeepSpeed does not know this key and ignores it", format!("did you mean `{near}`?"));
        } else {
            root.note(notes, key, Fate::Deepspeed);
        }
    }
}

fn check_value(parent: &Block<'_>, known: &Known, notes: &mut Notes) {
    let (keys, named) = match known.below {
        Below::Value => return,
        Below::Block(keys) => (keys, false),
        Below::Named(keys) => (keys, true),
    };
    let Some(block) = parent.block(known.key) else {
        return no_object(parent, known.key, notes);
    };
    if !named {
        return check_block(&block, keys, notes);
    }
    for member in block.members() {
        match block.block(&member.key) {
            Some(inner) => check_block(&inner, keys, notes),
            None => no_object(&block, &member.key, notes),
        }
    }
}

fn no_object(parent: &Block<'_>, key: &str, notes: &mut Notes) {
    let found = parent.members().iter().find(|m| m.key == key).map_or("nothing".into(), |m| m.node.value.kind());
    parent.wrong(notes, key, format!("found {found}"), "give an object, `{ … }`");
}

fn check_block(block: &Block<'_>, keys: &'static [Known], notes: &mut Notes) {
    for member in block.members() {
        let key = member.key.as_str();
        if let Some(known) = keys.iter().find(|known| known.key == key) {
            check_value(block, known, notes);
            continue;
        }
        let problem = "DeepSpeed does not read this key here and ignores it";
        let renamed = RENAMED.iter().find(|(old, new)| *old == key && keys.iter().any(|known| known.key == *new));
        let remedy = if let Some((_, new)) = renamed {
            format!("its code reads `{new}`, whatever its examples say: rename it")
        } else if let Some(place) = place_of(key) {
            format!("move it into `{place}`")
        } else if let Some(near) = nearest(key, keys) {
            format!("did you mean `{near}`?")
        } else {
            format!("leave it out, or give {}", one_of(&keys.iter().map(|known| known.key).collect::<Vec<_>>()))
        };
        block.wrong(notes, key, problem, remedy);
    }
}

/// Whether a key at the top can only be meant for the data pipeline: the name of a block, or a word that nothing else uses.
fn is_of_data(key: &str) -> bool {
    let words = ["num_epochs", "data_cluster_path", "sequence_picking_order", "index_to_sample_path", "index_to_metric_path"];
    words.contains(&key) || find(DATA_EFFICIENCY, "", key).is_some_and(|(_, is_block)| is_block)
}

/// The block of `data_efficiency` that a key belongs into. `enabled` and `schedule_config` stand in several, so they belong into none.
fn place_of(key: &str) -> Option<String> {
    if matches!(key, "enabled" | "schedule_config" | "schedule_type") {
        return None;
    }
    find(DATA_EFFICIENCY, "data_efficiency", key).map(|(place, _)| place)
}

fn find(keys: &'static [Known], place: &str, key: &str) -> Option<(String, bool)> {
    keys.iter().find_map(|known| {
        if known.key == key {
            return Some((place.to_owned(), !matches!(known.below, Below::Value)));
        }
        match known.below {
            Below::Value => None,
            Below::Block(below) => find(below, &format!("{place}.{}", known.key), key),
            Below::Named(below) => find(below, &format!("{place}.{}.NAME", known.key), key),
        }
    })
}

/// A key that is at most two letters away.
fn nearest(key: &str, keys: &'static [Known]) -> Option<&'static str> {
    keys.iter().map(|known| known.key).filter(|known| known.len() > 4).find(|known| distance(key, known) <= 2)
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let best = (diagonal + usize::from(x != *y)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// Whether a block is in force. DeepSpeed asks the innermost `enabled` alone; `around`, from the outermost, are the blocks whose own
/// `enabled` it reads and never asks.
pub(super) fn is_on(block: &Block<'_>, around: &[&Block<'_>], notes: &mut Notes) -> bool {
    let Some(node) = block.members().iter().find(|m| m.key == "enabled").map(|m| &m.node) else {
        if !block.members().is_empty() {
            block.missing(notes, "enabled", "DeepSpeed takes that for false and ignores the block: write true or false");
        }
        return false;
    };
    match node.value {
        Value::Flag(true) => {}
        Value::Flag(false) => return false,
        _ => {
            block.flag(notes, "enabled");
            return false;
        }
    }
    block.not_needed(notes, &["enabled"], "what is written into the run file is in force");
    for parent in around {
        let found = match parent.has("enabled") {
            true if parent.flag(notes, "enabled") == Some(false) => "is false",
            true => continue,
            false => "is missing, which stands for false",
        };
        parent.wrong(
            notes,
            "enabled",
            format!("{found}, but DeepSpeed does not ask it and obeys `{}.enabled`, which is true", block.path()),
            format!("write true here to keep what DeepSpeed does, or false there to be rid of `{}`", block.path()),
        );
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::json;

    fn problems(text: &str) -> Vec<String> {
        let mut notes = Notes::default();
        let members = json::parse(text, &mut notes.problems).unwrap();
        check(&Block::root(&members), &mut notes);
        notes.problems.iter().map(|p| format!("{}: {}", p.path, p.remedy)).collect()
    }

    #[test]
    fn a_key_in_the_wrong_block_is_told_where_it_belongs() {
        let wrong = |text: &str, remedy: &str| assert_eq!(problems(text), [remedy]);
        wrong(
            r#"{"data_sampling": {"enabled": true}}"#,
            "data_sampling: move it into `data_efficiency`, with `enabled` there and in every block around it",
        );
        wrong(
            r#"{"data_efficiency": {"curriculum_learning": {}}}"#,
            "data_efficiency.curriculum_learning: move it into `data_efficiency.data_sampling`",
        );
        wrong(
            r#"{"data_efficiency": {"data_sampling": {"curriculum_learning": {"max_difficulty": 3}}}}"#,
            "data_efficiency.data_sampling.curriculum_learning.max_difficulty: move it into \
             `data_efficiency.data_sampling.curriculum_learning.curriculum_metrics.NAME`",
        );
    }

    #[test]
    fn a_misspelt_key_is_told_the_right_one() {
        assert_eq!(problems(r#"{"train_batchsize": 1}"#), ["train_batchsize: did you mean `train_batch_size`?"]);
        assert_eq!(
            problems(r#"{"data_efficiency": {"sead": 1}}"#),
            ["data_efficiency.sead: leave it out, or give `enabled`, `seed`, `data_sampling` or `data_routing`"]
        );
        assert_eq!(
            problems(r#"{"data_efficiency": {"data_sampling": {"dynamic_batching": {"sentence_picking_order": "random"}}}}"#),
            [
                "data_efficiency.data_sampling.dynamic_batching.sentence_picking_order: its code reads `sequence_picking_order`, whatever its \
              examples say: rename it"
            ]
        );
    }

    #[test]
    fn what_has_nothing_to_do_with_data_is_let_through() {
        let text = r#"{"optimizer": {"enabled": 3}, "fp16": {"enabled": true}, "seed": 4, "steps_per_print": 1, "pipeline": {}}"#;
        assert_eq!(problems(text), [""; 0]);
    }

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, d) in [("", "", 0), ("ab", "ba", 2), ("kitten", "kitte", 1), ("seed", "speed", 1), ("flaw", "lawn", 2)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }
}
