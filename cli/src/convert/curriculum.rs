//! `curriculum_learning`: the metrics of the data efficiency library, and the one at the top level that came before it.

use super::{
    draft::{Analysis, Cut, Draft, Metric},
    notes::{Block, Notes},
    schedule,
};

/// What says where the values of the metrics are.
const PATHS: [&str; 2] = ["index_to_sample_path", "index_to_metric_path"];

/// Reads `data_sampling.curriculum_learning`. `plus` is how many tokens more than the difficulty the model takes, if that is known.
pub(super) fn convert(block: &Block<'_>, plus: Option<u32>, draft: &mut Draft, notes: &mut Notes) {
    block.not_needed(notes, &["data_cluster_path"], "an order is a function: there are no cluster files, and no folder to share");
    let Some(metrics) = block.block("curriculum_metrics") else {
        if !block.has("curriculum_metrics") {
            block.missing(notes, "curriculum_metrics", "give an object with one object for each metric, or `enabled: false`");
        }
        return;
    };
    if metrics.members().is_empty() {
        metrics.wrong_block(notes, "names no metric", "name one, or write `enabled: false`");
    }
    for (name, metric) in metrics.blocks() {
        convert_metric(name, &metric, plus, draft, notes);
    }
}

fn convert_metric(name: &str, block: &Block<'_>, plus: Option<u32>, draft: &mut Draft, notes: &mut Notes) {
    if name.is_empty() || name.starts_with('.') || name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | ':')) {
        block.wrong_block(notes, "its name is to be that of a column and its file", "give a name of letters, digits, `-` and `_`");
        return;
    }
    let pacing = schedule::convert(block, name, notes);
    if !block.has("clustering_type") {
        block.missing(notes, "clustering_type", "give `schedule_based` or `single_cluster`");
    }
    let understood = match block.word(notes, "clustering_type", &["schedule_based", "single_cluster"]) {
        Some("single_cluster") => {
            beside(name, block, plus, draft, notes);
            true
        }
        Some(_) => eligible(name, block, draft, notes),
        None => false,
    };
    if let Some(pacing) = pacing.filter(|_| understood) {
        draft.pacings.push(pacing);
    }
}

/// A metric that decides which samples are eligible.
fn eligible(name: &str, block: &Block<'_>, draft: &mut Draft, notes: &mut Notes) -> bool {
    for key in PATHS.iter().filter(|key| !block.has(key)) {
        block.missing(notes, key, "give it, as DeepSpeed demands, or write `single_cluster` if the metric only shortens samples");
    }
    if !block.has("difficulty_type") {
        block.missing(notes, "difficulty_type", "give `value` or `percentile`");
    }
    let paths = PATHS.map(|key| block.text(notes, key));
    let Some(by) = block.word(notes, "difficulty_type", &["value", "percentile"]) else { return false };
    let parts = match by {
        "percentile" => {
            // No part is eligible at 0, and a batch has to come from something.
            let min = block.whole(notes, "min_difficulty", 1, u32::MAX.into());
            let max = block.whole(notes, "max_difficulty", 1, u32::MAX.into());
            let (Some(_), Some(max)) = (min, max) else { return false };
            Some(max)
        }
        _ => None,
    };
    let column = format!("policy.config.metrics: column \"{name}\"");
    block.became(notes, "clustering_type", column.clone());
    block.became(
        notes,
        "difficulty_type",
        match parts {
            Some(parts) => format!("by = \"percentile\", of = {parts}: difficulties are parts of max_difficulty"),
            None => "by = \"value\"".into(),
        },
    );
    for key in PATHS {
        block.became(notes, key, format!("{column}, by `curricle columns import`"));
    }
    let analysis = paths.into_iter().flatten().next_back().and_then(analysis_of);
    draft.metrics.push(Metric { name: name.to_owned(), of: parts, analysis });
    true
}

/// Where a path of the form `FOLDER/METRIC_index_to_metric` leads; `dummy` leads nowhere.
fn analysis_of(path: &str) -> Option<Analysis> {
    let (folder, file) = path.rsplit_once('/')?;
    let metric = file.split_once("_index_to_").map(|(metric, _)| metric).filter(|metric| folder.rsplit('/').next() != Some(metric));
    (!folder.is_empty()).then(|| Analysis { folder: folder.to_owned(), metric: metric.map(str::to_owned) })
}

/// A metric under which every sample is eligible: it shortens samples, or only goes beside the batch.
fn beside(name: &str, block: &Block<'_>, plus: Option<u32>, draft: &mut Draft, notes: &mut Notes) {
    block.not_needed(notes, &["difficulty_type"], "every sample is eligible whatever the difficulty");
    block.not_needed(notes, &PATHS, "every sample is eligible: no column is asked");
    let words = ["seqlen", "seq_len", "length", "truncate", "reshape"];
    if words.iter().any(|word| name.contains(word)) && draft.cut.is_none() {
        let reshape = name.contains("reshape");
        let key = if reshape { "reshape" } else { "truncate" };
        block.became(
            notes,
            "clustering_type",
            format!("batch.{key} = \"{name}\", as its name says; check it against the post-process function"),
        );
        draft.cut = Some(Cut { pacing: name.to_owned(), reshape, plus, legacy: false });
        notes.to_do.push(format!(
            "compare `batch.{key}` with the function that the trainer gave to `set_data_post_process_func`: it is code, which no converter sees"
        ));
    } else {
        block.became(notes, "clustering_type", format!("policy.config.annotate: `difficulty:{name}` comes with each batch"));
        draft.annotate.push(name.to_owned());
    }
}

/// Reads the `curriculum_learning` of the top level.
pub(super) fn convert_legacy(block: &Block<'_>, plus: Option<u32>, draft: &mut Draft, notes: &mut Notes) {
    const NAME: &str = "seqlen";
    if !block.has("curriculum_type") {
        block.missing(notes, "curriculum_type", "give `seqlen`");
    }
    block.word(notes, "curriculum_type", &[NAME]);
    let name = draft.free_name(NAME);
    let pacing = schedule::convert(block, &name, notes);
    if let Some(cut) = &draft.cut {
        let problem = format!("`{}` shortens samples as well, and a sample can be cut by one of them only", cut.pacing);
        block.wrong_block(notes, problem, "switch one of them off");
        return;
    }
    block.became(notes, "curriculum_type", format!("batch.truncate = \"{name}\""));
    if let Some(pacing) = pacing {
        draft.cut = Some(Cut { pacing: name, reshape: false, plus, legacy: true });
        draft.pacings.push(pacing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::json;

    fn metrics(text: &str) -> (Draft, Vec<String>) {
        let mut notes = Notes::default();
        let text = format!(r#"{{"curriculum_metrics": {{{text}}}}}"#);
        let members = json::parse(&text, &mut notes.problems).unwrap();
        let mut draft = Draft::default();
        convert(&Block::root(&members), None, &mut draft, &mut notes);
        let problems = notes.problems.iter().map(|p| format!("{}: {}", p.path, p.problem)).collect();
        (draft, problems)
    }

    fn metric(name: &str, clustering: &str, by: &str, min: u32, max: u32) -> String {
        format!(
            r#""{name}": {{"index_to_sample_path": "/a/{name}/{name}_index_to_sample", "index_to_metric_path": "/a/{name}/{name}_index_to_metric",
               "difficulty_type": "{by}", "clustering_type": "{clustering}", "min_difficulty": {min}, "max_difficulty": {max},
               "schedule_type": "fixed_linear", "schedule_config": {{"total_curriculum_step": 10, "difficulty_step": 1}}}}"#
        )
    }

    #[test]
    fn percentiles_are_parts_of_the_largest_difficulty() {
        let (draft, problems) = metrics(&metric("rarity", "schedule_based", "percentile", 1, 50));
        assert_eq!(problems, [""; 0]);
        let analysis = Some(Analysis { folder: "/a/rarity".into(), metric: None });
        assert_eq!(draft.metrics, [Metric { name: "rarity".into(), of: Some(50), analysis }]);
        let (draft, problems) = metrics(&metric("rarity", "schedule_based", "percentile", 0, 50));
        assert_eq!(problems, ["curriculum_metrics.rarity.min_difficulty: found 0"]);
        assert!(draft.metrics.is_empty() && draft.pacings.is_empty());
    }

    #[test]
    fn the_paths_of_a_metric_lead_to_its_analysis() {
        let analysis = |folder: &str, metric: Option<&str>| Some(Analysis { folder: folder.into(), metric: metric.map(String::from) });
        assert_eq!(analysis_of("/a/seqlen/seqlen_index_to_metric"), analysis("/a/seqlen", None));
        assert_eq!(analysis_of("old/v2/seqlen_index_to_sample_percentile_merged"), analysis("old/v2", Some("seqlen")));
        assert_eq!(analysis_of("old/v2/merged"), analysis("old/v2", None));
        assert_eq!([analysis_of("dummy"), analysis_of("/m_index_to_metric")], [None, None]);
    }

    #[test]
    fn a_single_cluster_shortens_samples_or_goes_beside_the_batch() {
        let text = [metric("seqlen_reshape", "single_cluster", "value", 8, 64), metric("noise", "single_cluster", "value", 1, 9)].join(",");
        let (draft, problems) = metrics(&text);
        assert_eq!(problems, [""; 0]);
        assert_eq!(draft.cut, Some(Cut { pacing: "seqlen_reshape".into(), reshape: true, plus: None, legacy: false }));
        assert_eq!(draft.annotate, ["noise"]);
        assert_eq!(draft.pacings.len(), 2);
    }

    #[test]
    fn words_that_deepspeed_takes_for_something_else_are_refused() {
        let (_, problems) = metrics(&metric("x", "schedule-based", "values", 1, 9));
        assert_eq!(problems, ["curriculum_metrics.x.clustering_type: found \"schedule-based\""]);
        let (_, problems) = metrics(&metric("x", "schedule_based", "values", 1, 9));
        assert_eq!(problems, ["curriculum_metrics.x.difficulty_type: found \"values\""]);
        let (_, problems) = metrics("");
        assert_eq!(problems, ["curriculum_metrics: names no metric"]);
        let (_, problems) = metrics(&metric("../x", "schedule_based", "value", 1, 9));
        assert_eq!(problems, ["curriculum_metrics.../x: its name is to be that of a column and its file"]);
    }
}
