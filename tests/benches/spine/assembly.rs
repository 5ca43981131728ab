//! Copying tokens into batches, against copying as many bytes at once.

use std::hint::black_box;

use anyhow::Result;
use curricle::Sampler;

use super::{
    Row, data,
    timing::{medians, pretty},
};

pub(crate) fn against_memcpy() -> Result<Vec<Row>> {
    let documents = data::documents(200_000, 64, 1024)?;
    let path = format!("path = {:?}", documents.display().to_string());
    let mut rows = Vec::new();
    for (layout, words) in [("packed", "documents of 64 to 1 024 tokens, packed"), ("padded", "the same, padded to 1 024")] {
        let more = if layout == "padded" { "pad-to = 1024" } else { "" };
        let batch = format!("[batch]\nglobal-batch-size = 4096\nmicro-batch-size = 512\nlayout = \"{layout}\"\n{more}");
        let run = data::run(&path, &format!("{batch}\n[policy]\nplugin = \"uniform\""))?;
        let planning = {
            let mut planner = run.planner()?;
            super::timing::median(9, || planner.plan().map(|p| p.map(|p| p.digest)).ok())
        };
        let mut sampler = Sampler::start(&run)?;
        let n_bytes: usize = sampler.next_batch()?.map_or(0, |b| b.micro_batches.iter().map(|m| m.tokens.bytes().len()).sum());
        // As large as the dataset, and read on and on: neither side finds its source in the cache.
        let source = vec![1u8; 200 << 20];
        let mut target = vec![0u8; n_bytes];
        let mut at = 0;
        let (whole, memcpy) = medians(
            25,
            || sampler.next_batch().map(|batch| batch.map(|b| b.digest)).ok(),
            || {
                at = if at + 2 * n_bytes > source.len() { 0 } else { at + n_bytes };
                black_box(&mut target[..]).copy_from_slice(black_box(&source[at..at + n_bytes]));
            },
        );
        let assembling = whole.saturating_sub(planning);
        let ratio = memcpy.as_secs_f64() / assembling.as_secs_f64();
        rows.push(Row {
            work: format!("batch assembly against memcpy of the same bytes: {words}, 4 096 samples"),
            measured: format!("{ratio:.2} ({} against {})", pretty(assembling), pretty(memcpy)),
            target: "≥ 0.5",
            met: ratio >= 0.5,
        });
    }
    Ok(rows)
}
