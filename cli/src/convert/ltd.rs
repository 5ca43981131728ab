//! `random_ltd`: how many tokens the middle layers keep. Dropping them is the model's work.

use super::{
    draft::{Curve, Draft, Ltd, Pacing},
    json::Value,
    keys,
    notes::{Block, Fate, LARGEST, Notes},
    schedule,
};

/// Reads it.
pub(super) fn convert(block: &Block<'_>, draft: &mut Draft, notes: &mut Notes) {
    for key in ["total_layer_num", "random_ltd_layer_num", "random_ltd_schedule"].iter().filter(|key| !block.has(key)) {
        block.missing(notes, key, "give it, as DeepSpeed demands");
    }
    let total_layers = block.count(notes, "total_layer_num");
    let layers = block.count(notes, "random_ltd_layer_num");
    if let (Some(layers), Some(total)) = (layers, total_layers)
        && layers > total
    {
        block.wrong(notes, "random_ltd_layer_num", format!("{layers} of {total} layers"), "give at most total_layer_num");
    }
    check_layers(block, layers, total_layers, notes);
    block.became(notes, "total_layer_num", "random-ltd.total-layers");
    block.became(notes, "random_ltd_layer_num", "random-ltd.layers");
    let why = "which layers drop tokens, and how, is in the model's code";
    for key in ["random_ltd_layer_id", "model_mask_name", "model_type", "hidden_state_order"] {
        block.note(notes, key, Fate::Model(why.into()));
    }
    if let Some(schedule) = block.block("layer_token_lr_schedule") {
        if keys::is_on(&schedule, &[], notes) {
            let problem = "DeepSpeed raises NotImplementedError for it";
            schedule.wrong(
                notes,
                "enabled",
                problem,
                "write false; `random-ltd:layer-tokens`, beside each batch, is what such a schedule would read",
            );
        } else {
            let why = "it is switched off, and DeepSpeed has none to switch on";
            block.not_needed(notes, &["layer_token_lr_schedule"], why);
        }
    }
    let name = draft.free_name("random-ltd");
    let pacing = block.block("random_ltd_schedule").and_then(|schedule| pacing(&schedule, &name, notes));
    if let (Some(pacing), Some(layers), Some(total_layers)) = (pacing, layers, total_layers) {
        draft.pacings.push(pacing);
        draft.ltd = Some(Ltd { pacing: name, layers, total_layers });
    }
}

/// The layers that are named must be as many as are said to drop tokens, and exist.
fn check_layers(block: &Block<'_>, layers: Option<u32>, total: Option<u32>, notes: &mut Notes) {
    let Some(ids) = block.numbers(notes, "random_ltd_layer_id") else { return };
    let key = "random_ltd_layer_id";
    if let Some(layers) = layers
        && ids.len() != layers as usize
    {
        block.wrong(notes, key, format!("{} layers, but random_ltd_layer_num is {layers}", ids.len()), "name as many as it says");
    }
    if let Some(id) = ids.iter().find(|id| id.fract() != 0.0 || **id < 0.0 || total.is_some_and(|total| **id >= f64::from(total))) {
        block.wrong(notes, key, format!("there is no layer {id}"), "layers count from 0 to total_layer_num less 1");
    }
    let mut sorted = ids.clone();
    sorted.sort_by(f64::total_cmp);
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        block.wrong(notes, key, format!("layer {} stands there twice", pair[0]), "name each once");
    }
}

/// DeepSpeed asks this schedule with the number of steps that were done: its first batch is step 0.
fn pacing(block: &Block<'_>, name: &str, notes: &mut Notes) -> Option<Pacing> {
    for key in ["min_value", "max_value", "schedule_type", "schedule_config"].iter().filter(|key| !block.has(key)) {
        block.missing(notes, key, "give it, as DeepSpeed demands");
    }
    block.word(notes, "schedule_type", &["fixed_linear"]);
    let min = block.count(notes, "min_value");
    let max = block.count(notes, "max_value");
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        block.wrong(notes, "max_value", format!("min_value is {min} and max_value {max}"), "give min_value ≤ max_value");
        return None;
    }
    let config = block.block("schedule_config")?;
    for key in ["require_steps", "seq_per_step"].iter().filter(|key| !config.has(key)) {
        config.missing(notes, key, "give a number, at least 1");
    }
    let steps = config.whole(notes, "require_steps", 1, LARGEST);
    let quantum = config.count(notes, "seq_per_step");
    let (min, max, quantum) = (min?, max?, quantum?);
    let pacing = schedule::key_of(name);
    let start =
        if min.is_multiple_of(quantum) { "" } else { ": it starts at the next multiple of seq_per_step, DeepSpeed's at the one before" };
    block.became(notes, "min_value", format!("{pacing}.min{start}"));
    block.became(notes, "max_value", format!("{pacing}.max"));
    block.became(notes, "schedule_type", format!("{pacing}.kind = \"linear\""));
    config.became(notes, "require_steps", format!("{pacing}.steps"));
    config.became(notes, "seq_per_step", format!("{pacing}.quantum"));
    let curve = Curve::Power { min: min.into(), max: max.into(), steps: steps?, degree: None, quantum: quantum.into() };
    Some(Pacing { name: name.to_owned(), first_step: 0, curve })
}

/// How many tokens more than the difficulty the model takes, by its type: a decoder's targets are one token behind its input.
pub(super) fn plus(block: Option<Block<'_>>) -> Option<u32> {
    let block = block?;
    let member = block.members().iter().find(|m| m.key == "model_type")?;
    match &member.node.value {
        Value::Text(kind) if kind == "decoder" => Some(1),
        Value::Text(kind) if kind == "encoder" => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::json;

    fn ltd(text: &str) -> (Draft, Vec<String>) {
        let mut notes = Notes::default();
        let members = json::parse(text, &mut notes.problems).unwrap();
        let mut draft = Draft::default();
        convert(&Block::root(&members), &mut draft, &mut notes);
        (draft, notes.problems.iter().map(|p| format!("{}: {}", p.path, p.problem)).collect())
    }

    #[test]
    fn the_schedule_counts_from_zero_as_the_engine_does() {
        let (draft, problems) =
            ltd(r#"{"total_layer_num": 24, "random_ltd_layer_num": 2, "random_ltd_layer_id": [1, 2], "random_ltd_schedule":
            {"min_value": 128, "max_value": 2048, "schedule_type": "fixed_linear",
             "schedule_config": {"require_steps": 200000, "seq_per_step": 16}}}"#);
        assert_eq!(problems, [""; 0]);
        assert_eq!(draft.ltd, Some(Ltd { pacing: "random-ltd".into(), layers: 2, total_layers: 24 }));
        let curve = Curve::Power { min: 128.0, max: 2048.0, steps: 200_000, degree: None, quantum: 16.0 };
        assert_eq!(draft.pacings, [Pacing { name: "random-ltd".into(), first_step: 0, curve }]);
    }

    #[test]
    fn layers_that_are_not_there_and_schedules_that_deepspeed_lacks_are_refused() {
        let (draft, problems) = ltd(r#"{"total_layer_num": 4, "random_ltd_layer_num": 2, "random_ltd_layer_id": [4, 1, 1],
            "layer_token_lr_schedule": {"enabled": true}, "random_ltd_schedule": {"min_value": 128, "schedule_type": "fixed_root",
             "schedule_config": {"require_steps": 0, "seq_per_step": 16}}}"#);
        assert_eq!(draft.ltd, None);
        assert_eq!(
            problems,
            [
                "random_ltd_layer_id: 3 layers, but random_ltd_layer_num is 2",
                "random_ltd_layer_id: there is no layer 4",
                "random_ltd_layer_id: layer 1 stands there twice",
                "layer_token_lr_schedule.enabled: DeepSpeed raises NotImplementedError for it",
                "random_ltd_schedule.max_value: is missing",
                "random_ltd_schedule.schedule_type: found \"fixed_root\"",
                "random_ltd_schedule.schedule_config.require_steps: found 0"
            ]
        );
    }
}
