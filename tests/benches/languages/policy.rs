//! Steps of `warm-up`, which opens one stream a step by its name and draws the batch from it.

use anyhow::Result;
use curricle::plugin;
use curricle_tests::bench::{Row, data, steps::step_time, timing::pretty};

use super::{LANGUAGES, preset};

const N: u64 = 1_000_000;

pub(crate) fn steps() -> Result<Vec<Row>> {
    let (dataset, opened) = data::sequences(N)?;
    let column = data::folder()?.join(format!("hardness-{N}.arrow"));
    data::numbers(&opened, &column, |i| (data::noise(i) % 100_000) as u32)?;
    let column = column.display().to_string();
    LANGUAGES
        .iter()
        .map(|&(language, interpreted)| {
            let path = plugin::find(&format!("warm-up-{language}"))?.display().to_string();
            let run = data::run(
                &dataset,
                &format!(
                    "[columns]\nhardness = {column:?}\n[batch]\nglobal-batch-size = 1024\n[policy]\nplugin = {path:?}\n\
                     limits = {{ preset = \"{}\" }}\nconfig = {{ column = \"hardness\", from = 0.1, steps = 700 }}",
                    preset(interpreted).0
                ),
            )?;
            let time = step_time(&run, 500)?;
            let (target, limit) = match language {
                "python" => ("≤ 100 µs", 100),
                _ if interpreted => ("≤ 50 µs", 50),
                _ => ("≤ 10 µs", 10),
            };
            Ok(Row {
                work: format!("a policy step, 1 stream, 1 024 samples, drawing included, {language}"),
                measured: pretty(time),
                target,
                met: time.as_micros() < limit,
            })
        })
        .collect()
}
