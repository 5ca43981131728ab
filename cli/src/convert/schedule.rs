//! Schedules of difficulties: `min_difficulty`, `max_difficulty`, `schedule_type`, `schedule_config`.

use super::{
    draft::{Curve, Pacing},
    notes::{Block, LARGEST, Notes},
};

const TYPES: [&str; 4] = ["fixed_linear", "fixed_root", "fixed_discrete", "custom"];

/// Reads the schedule of a block, for a pacing called `name`. DeepSpeed's first batch is step 1.
pub(super) fn convert(block: &Block<'_>, name: &str, notes: &mut Notes) -> Option<Pacing> {
    for key in ["min_difficulty", "max_difficulty"] {
        if !block.has(key) {
            block.missing(notes, key, "give a number");
        }
    }
    if !block.has("schedule_type") {
        block.missing(notes, "schedule_type", "give `fixed_linear`, `fixed_root`, `fixed_discrete` or `custom`");
    }
    let min = block.number(notes, "min_difficulty");
    let max = block.number(notes, "max_difficulty");
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        block.wrong(
            notes,
            "max_difficulty",
            format!("min_difficulty is {min} and max_difficulty {max}, so that DeepSpeed never leaves the first"),
            "give min_difficulty ≤ max_difficulty",
        );
        return None;
    }
    let kind = block.word(notes, "schedule_type", &TYPES)?;
    let config = block.block("schedule_config");
    if config.is_none() && kind != "custom" && !block.has("schedule_config") {
        block.missing(notes, "schedule_config", "give the object that the schedule reads");
    }
    let curve = match (kind, &config) {
        ("custom", _) => custom(block, max?, name, notes),
        ("fixed_discrete", Some(config)) => discrete(block, config, min?, max?, name, notes)?,
        (_, Some(config)) => power(block, config, min, max, kind == "fixed_root", name, notes)?,
        (_, None) => return None,
    };
    let pacing = key_of(name);
    let word = match &curve {
        Curve::Power { degree: None, .. } => "linear",
        Curve::Power { .. } => "root",
        Curve::Discrete { .. } => "discrete",
        Curve::Custom { .. } => "plugin",
    };
    block.became(notes, "schedule_type", format!("{pacing}.kind = \"{word}\""));
    Some(Pacing { name: name.to_owned(), first_step: 1, curve })
}

/// `pacing.NAME`, as a key of the run file.
pub(super) fn key_of(name: &str) -> String {
    format!("pacing.{}", super::run_file::key(name))
}

fn power(
    block: &Block<'_>,
    config: &Block<'_>,
    min: Option<f64>,
    max: Option<f64>,
    root: bool,
    name: &str,
    notes: &mut Notes,
) -> Option<Curve> {
    let required: &[&str] =
        if root { &["total_curriculum_step", "difficulty_step", "root_degree"] } else { &["total_curriculum_step", "difficulty_step"] };
    for key in required.iter().filter(|key| !config.has(key)) {
        config.missing(notes, key, "give a number greater than 0");
    }
    let steps = config.whole(notes, "total_curriculum_step", 1, LARGEST);
    let quantum = positive(config, "difficulty_step", notes);
    let degree = positive(config, "root_degree", notes);
    unread(config, &["difficulty", "max_step"], notes);
    let pacing = key_of(name);
    if !root {
        match degree {
            Some(degree) if degree != 1.0 => {
                let problem = format!("is {degree}, but `fixed_linear` does not read it");
                config.wrong(notes, "root_degree", problem, "write `fixed_root`, or leave the degree out");
            }
            _ => config.not_needed(notes, &["root_degree"], "linear is of degree 1"),
        }
    } else {
        config.became(notes, "root_degree", format!("{pacing}.degree"));
    }
    block.became(notes, "min_difficulty", format!("{pacing}.min"));
    block.became(notes, "max_difficulty", format!("{pacing}.max"));
    config.became(notes, "total_curriculum_step", format!("{pacing}.steps"));
    config.became(notes, "difficulty_step", format!("{pacing}.quantum"));
    let degree = if root { Some(degree?) } else { None };
    Some(Curve::Power { min: min?, max: max?, steps: steps?, degree, quantum: quantum? })
}

fn positive(config: &Block<'_>, key: &str, notes: &mut Notes) -> Option<f64> {
    let number = config.number(notes, key)?;
    if number > 0.0 {
        return Some(number);
    }
    config.wrong(notes, key, format!("found {number}"), "give a number greater than 0");
    None
}

fn discrete(block: &Block<'_>, config: &Block<'_>, min: f64, max: f64, name: &str, notes: &mut Notes) -> Option<Curve> {
    for key in ["difficulty", "max_step"].iter().filter(|key| !config.has(key)) {
        config.missing(notes, key, "give a list of numbers, one difficulty more than steps");
    }
    unread(config, &["total_curriculum_step", "difficulty_step", "root_degree"], notes);
    let difficulty = config.numbers(notes, "difficulty");
    let steps = config.numbers(notes, "max_step");
    let (difficulty, steps) = (difficulty?, steps?);
    if difficulty.len() != steps.len() + 1 {
        let problem = format!("{} difficulties and {} steps", difficulty.len(), steps.len());
        config.wrong(notes, "max_step", problem, "give one difficulty more than steps: the last has no end");
        return None;
    }
    if let Some(step) = steps.iter().find(|step| step.fract() != 0.0 || !(1.0..9e15).contains(*step)) {
        config.wrong(notes, "max_step", format!("found {step}"), "give whole numbers, at least 1");
        return None;
    }
    if let Some(pair) = steps.windows(2).find(|pair| pair[0] >= pair[1]) {
        let problem = format!("step {} comes after step {}, so that its difficulty never holds", pair[1], pair[0]);
        config.wrong(notes, "max_step", problem, "give ascending steps");
        return None;
    }
    if min >= max {
        let problem = "equals max_difficulty, so that DeepSpeed never leaves it, whatever the levels are";
        block.wrong(notes, "min_difficulty", problem, "give a smaller one, or leave the curriculum out");
        return None;
    }
    let pacing = key_of(name);
    config.became(notes, "difficulty", format!("{pacing}.difficulty"));
    config.became(notes, "max_step", format!("{pacing}.until"));
    block.not_needed(notes, &["min_difficulty"], "no batch sees it: the first level holds from the first batch on");
    // DeepSpeed asks the schedule no more once the difficulty has reached its maximum.
    let reached = difficulty.iter().position(|d| *d >= max);
    let differs = reached.is_some_and(|at| difficulty.iter().skip(at).any(|d| Some(d) != difficulty.get(at)));
    if differs {
        block.became(notes, "max_difficulty", format!("{pacing}.hold-at: later levels never come, as in DeepSpeed"));
    } else {
        block.not_needed(notes, &["max_difficulty"], "no level comes after the one that reaches it");
    }
    Some(Curve::Discrete { difficulty, until: steps.iter().map(|step| *step as u64).collect(), hold_at: differs.then_some(max) })
}

fn custom(block: &Block<'_>, max: f64, name: &str, notes: &mut Notes) -> Curve {
    block.not_needed(notes, &["schedule_config"], "a custom schedule is code and reads no configuration");
    block.not_needed(notes, &["min_difficulty"], "no batch sees it: the function is asked from the first batch on");
    block.not_needed(
        notes,
        &["max_difficulty"],
        "the function decides; where it must stay once it reached the maximum, as in DeepSpeed, let the plugin do so",
    );
    let module = super::run_file::module(name);
    notes.to_do.push(format!(
        "write the custom schedule of `{name}` as a pacing plugin, `{module}`: a function from step to difficulty, in `guest-sdk/README.md`; \
         steps count from 0, DeepSpeed's from 1"
    ));
    Curve::Custom { max }
}

/// Keys that DeepSpeed reads of other types of schedules only.
fn unread(config: &Block<'_>, keys: &[&str], notes: &mut Notes) {
    for key in keys.iter().filter(|key| config.has(key)) {
        config.wrong(notes, key, "this type of schedule does not read it", "leave it out, or give the `schedule_type` that does");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::json;

    fn convert_text(text: &str) -> (Option<Pacing>, Vec<String>) {
        let mut notes = Notes::default();
        let members = json::parse(text, &mut notes.problems).unwrap();
        let pacing = convert(&Block::root(&members), "x", &mut notes);
        let problems = notes.problems.iter().map(|p| format!("{}: {}", p.path, p.problem)).collect();
        (pacing, problems)
    }

    fn schedule(min: &str, max: &str, kind: &str, config: &str) -> (Option<Pacing>, Vec<String>) {
        convert_text(&format!(
            r#"{{"min_difficulty": {min}, "max_difficulty": {max}, "schedule_type": "{kind}", "schedule_config": {{{config}}}}}"#
        ))
    }

    #[test]
    fn a_root_keeps_its_four_numbers_and_counts_from_one() {
        let (pacing, problems) =
            schedule("1", "100", "fixed_root", r#""total_curriculum_step": 110000, "difficulty_step": 1, "root_degree": 2"#);
        let curve = Curve::Power { min: 1.0, max: 100.0, steps: 110_000, degree: Some(2.0), quantum: 1.0 };
        assert_eq!(pacing, Some(Pacing { name: "x".into(), first_step: 1, curve }));
        assert_eq!(problems, [""; 0]);
    }

    #[test]
    fn levels_hold_at_the_maximum_only_where_others_come_after_it() {
        let hold = |levels: &str, steps: &str| {
            let (pacing, problems) = schedule("1", "8", "fixed_discrete", &format!(r#""difficulty": [{levels}], "max_step": [{steps}]"#));
            assert_eq!(problems, [""; 0]);
            match pacing.unwrap().curve {
                Curve::Discrete { hold_at, .. } => hold_at,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(hold("1, 4, 8", "10, 20"), None);
        assert_eq!(hold("1, 8, 4", "10, 20"), Some(8.0));
        assert_eq!(hold("1, 8, 8", "10, 20"), None);
        assert_eq!(hold("2, 9, 12", "10, 20"), Some(8.0));
        assert_eq!(hold("4, 2, 1", "10, 20"), None);
    }

    #[test]
    fn every_wrong_number_of_a_schedule_is_told_at_once() {
        let (pacing, problems) = schedule("1", "100", "fixed_root", r#""total_curriculum_step": 0, "difficulty_step": -1"#);
        assert_eq!(pacing, None);
        let config = "schedule_config";
        assert_eq!(
            problems,
            [
                format!("{config}.root_degree: is missing"),
                format!("{config}.total_curriculum_step: found 0"),
                format!("{config}.difficulty_step: found -1")
            ]
        );
        let wrong = |result: (Option<Pacing>, Vec<String>), expected: &str| {
            assert_eq!(result.0, None);
            assert_eq!(result.1, [expected]);
        };
        wrong(schedule("1", "8", "fixed_cosine", ""), "schedule_type: found \"fixed_cosine\"");
        wrong(
            schedule("9", "8", "custom", ""),
            "max_difficulty: min_difficulty is 9 and max_difficulty 8, so that DeepSpeed never leaves the first",
        );
        wrong(
            schedule("1", "8", "fixed_discrete", r#""difficulty": [1, 2], "max_step": [5, 6]"#),
            "schedule_config.max_step: 2 difficulties and 2 steps",
        );
        wrong(
            schedule("1", "8", "fixed_discrete", r#""difficulty": [1, 2, 3], "max_step": [6, 5]"#),
            "schedule_config.max_step: step 5 comes after step 6, so that its difficulty never holds",
        );
        wrong(
            schedule("8", "8", "fixed_discrete", r#""difficulty": [8, 9], "max_step": [5]"#),
            "min_difficulty: equals max_difficulty, so that DeepSpeed never leaves it, whatever the levels are",
        );
    }

    #[test]
    fn numbers_that_the_type_of_schedule_does_not_read_are_refused() {
        let (_, problems) =
            schedule("1", "8", "fixed_linear", r#""total_curriculum_step": 5, "difficulty_step": 1, "root_degree": 2, "max_step": [1]"#);
        assert_eq!(
            problems,
            [
                "schedule_config.max_step: this type of schedule does not read it",
                "schedule_config.root_degree: is 2, but `fixed_linear` does not read it"
            ]
        );
        let (pacing, problems) =
            schedule("1", "8", "fixed_linear", r#""total_curriculum_step": 5, "difficulty_step": 1, "root_degree": 1"#);
        assert!(pacing.is_some() && problems.is_empty());
    }
}
