//! Copying tokens into batches, against copying as many bytes at once.

use std::hint::black_box;

use anyhow::Result;
use curricle::Sampler;
use curricle_tests::bench::{
    Row, data,
    timing::{median, medians, pretty},
};

pub(crate) fn against_memcpy() -> Result<Vec<Row>> {
    let documents = data::documents(200_000, 64, 1024)?;
    let path = format!("path = {:?}", documents.display().to_string());
    let mut rows = Vec::new();
    let shapes = [
        ("1 024 sequences of 2 048 tokens", "sequence-length = 2048", 1024, "layout = \"packed\""),
        ("4 096 documents of 64 to 1 024 tokens, packed", "", 4096, "layout = \"packed\""),
        ("the same, padded to 1 024", "", 4096, "layout = \"padded\"\npad-to = 1024"),
    ];
    for (words, view, size, layout) in shapes {
        let batch = format!("[batch]\nglobal-batch-size = {size}\nmicro-batch-size = {}\n{layout}", size / 8);
        let run = data::run(&format!("{path}\n{view}"), &format!("{batch}\n[policy]\nplugin = \"uniform\""))?;
        let planning = {
            let mut planner = run.planner()?;
            median(9, || planner.plan().map(|p| p.map(|p| p.digest)).ok())
        };
        // A page's first reading costs a fault, which is the system's, not the assembly's.
        run.dataset().verify(&|_| ())?;
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
            work: format!("batch assembly against memcpy of the same bytes: {words}"),
            measured: format!("{ratio:.2} ({} against {})", pretty(assembling), pretty(memcpy)),
            target: "≥ 0.5",
            met: ratio >= 0.5,
        });
    }
    Ok(rows)
}
