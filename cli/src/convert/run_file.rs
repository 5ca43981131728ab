//! The run file as text, with what it takes to check it said in comments.

use std::fmt::Write;

use super::{
    draft::{Curve, Cut, Draft, Metric, Pacing, Tokens},
    notes::Notes,
    options::Options,
};

/// What stands for a dataset that was not named.
const SOME_DATASET: &str = "corpus";

/// Comments are broken after so many characters.
const WIDTH: usize = 120;

/// Writes it. `name` is the input's.
pub(super) fn write(draft: &Draft, name: &str, options: &Options, notes: &mut Notes) -> String {
    let mut file = File(String::new());
    file.comment(&format!(
        "Made of `{}` by `curricle convert-deepspeed`. docs/run-file.md has every key; `curricle simulate` shows what would be sampled.",
        name.escape_default()
    ));
    file.entry("seed", draft.seed);
    if let Some(epochs) = draft.epochs {
        file.entry("epochs", epochs);
        file.entry("drop-last", draft.drop_last.unwrap_or(false));
    }
    dataset(&mut file, options, notes);
    batch(&mut file, draft, options);
    if let Some(tokens) = &draft.tokens {
        budget(&mut file, tokens, !draft.pacings.is_empty());
    }
    if let Some(ltd) = &draft.ltd {
        file.blank();
        file.comment("What the layers that drop tokens keep, beside each batch. Which layers those are, and the dropping, is the model's.");
        file.table("random-ltd");
        file.entry("pacing", quoted(&ltd.pacing));
        file.entry("layers", ltd.layers);
        file.entry("total-layers", ltd.total_layers);
        let longest = draft.pacings.iter().find(|pacing| pacing.name == ltd.pacing).and_then(|pacing| match pacing.curve {
            Curve::Power { max, .. } => Some(max),
            _ => None,
        });
        if options.sequence_length.zip(longest).is_some_and(|(length, longest)| f64::from(length) == longest + 1.0) {
            file.comment("Sequences hold a token more than layers see: the one that is predicted last.");
            file.entry("plus", 1);
        }
    }
    policy(&mut file, draft, options, notes);
    for pacing in &draft.pacings {
        schedule(&mut file, pacing);
    }
    file.0
}

fn dataset(file: &mut File, options: &Options, notes: &mut Notes) {
    file.blank();
    file.table("dataset");
    if options.dataset.is_none() {
        file.comment("The folder of `curricle import`, or the prefix of a .bin/.idx pair as Megatron and DeepSpeed write it.");
        notes.to_do.push("name the dataset in `dataset.path`, or convert again with --dataset".into());
    }
    file.entry("path", quoted(options.dataset.as_deref().unwrap_or(SOME_DATASET)));
    if let Some(length) = options.sequence_length {
        file.entry("sequence-length", length);
        file.comment(&format!(
            "Megatron's sequences share a token with the next: for those, stride = {} here, and --stride with every command on it.",
            length.saturating_sub(1)
        ));
    }
}

fn batch(file: &mut File, draft: &Draft, options: &Options) {
    file.blank();
    file.table("batch");
    let sizes = &draft.sizes;
    match &draft.tokens {
        Some(tokens) => {
            file.comment(if tokens.measured {
                "Samples in hand, from which the micro-batches of a step are made: what about four steps take at the mean length of the dataset."
            } else {
                "Samples in hand, from which the micro-batches of a step are made. A guess: give a few times what a step takes, which is \
                 micro-batches × max-tokens / mean length."
            });
            file.entry("global-batch-size", tokens.pool);
        }
        None => {
            file.entry("global-batch-size", sizes.global);
            match (sizes.micro, sizes.accumulation) {
                (Some(micro), _) => file.entry("micro-batch-size", micro),
                (None, Some(accumulation)) => file.entry("gradient-accumulation-steps", accumulation),
                (None, None) => {}
            }
        }
    }
    if let Some(world) = sizes.world {
        file.comment("Rank and number of ranks are the trainer's to say: `Run::with_rank`.");
        file.entry("dp-world-size", world);
    }
    if draft.tokens.is_some() {
        file.entry("overlong", quoted("drop"));
    }
    if let Some(cut) = &draft.cut {
        shorten(file, cut, options);
    }
}

fn shorten(file: &mut File, cut: &Cut, options: &Options) {
    let name = quoted(&cut.pacing);
    file.comment(&if cut.legacy {
        "DeepSpeed passed the length to `forward` as `curriculum_seqlen`, and the model cut. Here each sample is cut, and the length comes \
         beside the batch."
            .to_owned()
    } else {
        format!(
            "{name} only drove the function that the trainer gave to `set_data_post_process_func`. It is code; by its name this is what it did: \
             `truncate` leaves out what is beyond the difficulty, `reshape` makes further samples of it."
        )
    });
    let plus = match cut.plus {
        Some(plus) => {
            file.comment(if plus == 1 {
                "A decoder takes a token more than the difficulty: its targets are one behind."
            } else {
                "An encoder takes the difficulty as it is."
            });
            plus
        }
        None => {
            file.comment("plus = 1 for a model of the next token (GPT), whose targets are one behind; 0 for others (BERT).");
            0
        }
    };
    if !cut.reshape {
        return file.entry("truncate", format!("{{ pacing = {name}, plus = {plus} }}"));
    }
    let keep = if options.sequence_length.is_some() {
        file.comment("keep = \"rows\" makes rows of one length, as Megatron-DeepSpeed does; with \"all\" no token is lost or comes twice.");
        "rows"
    } else {
        file.comment(
            "Megatron-DeepSpeed makes rows of one length; samples of any length fall into pieces of which the last may be shorter.",
        );
        "all"
    };
    file.entry("reshape", format!("{{ pacing = {name}, plus = {plus}, keep = {} }}", quoted(keep)));
}

fn budget(file: &mut File, tokens: &Tokens, with_curriculum: bool) {
    file.blank();
    if with_curriculum {
        file.comment(
            "DeepSpeed cannot have a curriculum and a budget at once. Here what the policy draws is what micro-batches are made of.",
        );
    }
    if tokens.packs > 1 {
        file.comment(&format!(
            "In DeepSpeed a forward pass takes {n} packs, each within its own max_tokens. Here they share one budget, {n} times as large, and the \
             limits on samples are {n} times as large.",
            n = tokens.packs
        ));
    }
    file.comment("For pipeline parallelism, where all micro-batches of a step must have one shape: equal-size = true.");
    file.table("batch.tokens");
    file.entry("max-tokens", tokens.max_tokens);
    file.entry("micro-batches", tokens.micro_batches);
    file.entry("order", quoted(if tokens.by_length { "length" } else { "given" }));
    file.entry("min-samples", tokens.min_samples);
    if let Some(max) = tokens.max_samples {
        file.entry("max-samples", max);
    }
    file.entry("learning-rate", quoted(tokens.learning_rate));
    if tokens.learning_rate != "none" {
        file.entry("base-batch-size", tokens.base_batch_size);
    }
}

fn policy(file: &mut File, draft: &Draft, options: &Options, notes: &mut Notes) {
    file.blank();
    if draft.metrics.is_empty() && draft.annotate.is_empty() {
        file.table("policy");
        return file.entry("plugin", quoted("uniform"));
    }
    columns(file, draft, options, notes);
    file.table("policy");
    file.entry("plugin", quoted("curriculum"));
    file.blank();
    file.table("policy.config");
    if draft.metrics.is_empty() {
        file.comment("No metric: every sample is eligible at every step.");
        file.entry("metrics", "[]");
    } else {
        file.line("metrics = [");
        for metric in &draft.metrics {
            let name = quoted(&metric.name);
            let by = match metric.of {
                Some(parts) => format!("by = \"percentile\", of = {parts}"),
                None => "by = \"value\"".into(),
            };
            file.line(&format!("  {{ column = {name}, {by}, pacing = {name} }},"));
        }
        file.line("]");
    }
    if !draft.annotate.is_empty() {
        let names: Vec<String> = draft.annotate.iter().map(|name| quoted(name)).collect();
        file.entry("annotate", format!("[{}]", names.join(", ")));
    }
}

/// How the columns of the metrics come to be.
fn columns(file: &mut File, draft: &Draft, options: &Options, notes: &mut Notes) {
    if draft.metrics.is_empty() {
        return;
    }
    let dataset = shell(options.dataset.as_deref().unwrap_or(SOME_DATASET));
    let length = options.sequence_length.map(|n| format!(" --sequence-length {n}")).unwrap_or_default();
    file.comment("The columns of the metrics, made once: of DeepSpeed's analysis of the same samples in the same order, or anew.");
    for column in &draft.metrics {
        let anew = format!("curricle analyze {dataset}{length} --metric {}", shell(&format!("{}={}", column.name, plugin_of(column))));
        let command = match &column.analysis {
            Some(analysis) => {
                let metric = analysis.metric.as_ref().map(|metric| format!(" --metric {}", shell(metric))).unwrap_or_default();
                let folder = shell(&analysis.folder);
                let import = format!("curricle columns import {folder}{metric} --dataset {dataset}{length} --name {}", shell(&column.name));
                file.line(&format!("#   {import}"));
                file.line(&format!("#   {anew}"));
                format!("make the column `{}`: `{import}`, or anew `{anew}`", column.name)
            }
            None => {
                file.line(&format!("#   {anew}"));
                format!("make the column `{}`: `{anew}`", column.name)
            }
        };
        notes.to_do.push(command);
    }
}

/// The built-in metric that a name most likely means.
fn plugin_of(metric: &Metric) -> &'static str {
    let name = metric.name.to_ascii_lowercase();
    match (name.contains("rar"), name.contains("len")) {
        (true, true) => "seqlen-vocab-rarity",
        (true, false) => "vocab-rarity",
        (false, true) => "seqlen",
        (false, false) => "my-metric.wasm",
    }
}

fn schedule(file: &mut File, pacing: &Pacing) {
    file.blank();
    if let Curve::Custom { max } = pacing.curve {
        file.comment(&format!(
            "The schedule is a function that the trainer gave to `set_custom_curriculum_learning_schedule`. Write it as a pacing plugin: \
             guest-sdk/README.md. DeepSpeed asked it for step 1 first, and no more once it had said {} or above.",
            number(max)
        ));
    }
    file.table(&format!("pacing.{}", key(&pacing.name)));
    match &pacing.curve {
        Curve::Power { min, max, steps, degree, quantum } => {
            file.entry("kind", quoted(if degree.is_some() { "root" } else { "linear" }));
            file.entry("min", number(*min));
            file.entry("max", number(*max));
            file.entry("steps", steps);
            if let Some(degree) = degree {
                file.entry("degree", number(*degree));
            }
            file.entry("quantum", number(*quantum));
        }
        Curve::Discrete { difficulty, until, hold_at } => {
            file.entry("kind", quoted("discrete"));
            file.entry("difficulty", list(difficulty.iter().map(|d| number(*d))));
            file.entry("until", list(until.iter().map(u64::to_string)));
            if let Some(hold_at) = hold_at {
                file.entry("hold-at", number(*hold_at));
            }
        }
        Curve::Custom { .. } => {
            file.entry("kind", quoted("plugin"));
            return file.entry("plugin", quoted(&module(&pacing.name)));
        }
    }
    if pacing.first_step > 0 {
        file.entry("first-step", pacing.first_step);
    }
}

/// The file of the plugin that a custom schedule becomes.
pub(super) fn module(pacing: &str) -> String {
    format!("{pacing}.wasm")
}

/// A key, in quotes where TOML demands them.
pub(super) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A word of a shell command.
fn shell(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-=+:,@%".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.escape_default().to_string().replace("\\'", "'\\''")) }
}

fn number(n: f64) -> String {
    if n.fract() == 0.0 && n.abs() < 9e15 { format!("{}", n as i64) } else { toml::Value::from(n).to_string() }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

struct File(String);

impl File {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn table(&mut self, name: &str) {
        self.line(&format!("[{name}]"));
    }

    fn entry(&mut self, key: &str, value: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn comment(&mut self, text: &str) {
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                line.truncate(1);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_survive_toml_and_the_shell() {
        for name in ["seqlen", "a b", "x.y", "é", "quo\"te", "back\\slash", ""] {
            let table: toml::Table = toml::from_str(&format!("[pacing.{}]\nx = 1", key(name))).unwrap();
            assert_eq!(table["pacing"].as_table().unwrap().keys().next().unwrap(), name);
        }
        assert_eq!([0.0, 80.0, 0.5, -3.0, 1e300].map(number)[..4], ["0", "80", "0.5", "-3"]);
        assert_eq!(toml::from_str::<toml::Table>(&format!("x = {}", number(1e300))).unwrap()["x"].as_float(), Some(1e300));
        assert_eq!(shell("/data/a_b-1"), "/data/a_b-1");
        assert_eq!(shell("it's $HOME"), "'it'\\''s $HOME'");
    }

    #[test]
    fn comments_are_broken_between_words() {
        let mut file = File(String::new());
        file.comment(&"word ".repeat(60));
        assert!(file.0.lines().count() == 3 && file.0.lines().all(|l| l.starts_with("# word") && l.len() <= WIDTH), "{}", file.0);
    }
}
