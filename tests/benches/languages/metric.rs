//! `distinct`, the share of a sample's tokens that are different ones, over text as bytes.

use anyhow::Result;
use curricle::plugin::{self, MetricPlugin, Samples};
use curricle_tests::bench::{Row, data, timing::median};

use super::{LANGUAGES, preset};

/// Samples of 200 to 1 000 bytes, about as varied as English is, and where each begins.
fn text(tokens: u32) -> (Vec<u8>, Vec<u32>) {
    let (mut bytes, mut offsets) = (Vec::new(), vec![0]);
    for i in 0.. {
        let length = (200 + data::noise(i) % 801) as u32;
        let end = offsets.last().copied().unwrap_or(0) + length;
        if end > tokens {
            break;
        }
        for t in 0..u64::from(length) {
            let r = data::noise((i << 20) | t);
            // The product of two uniform numbers leans towards small ones, as the frequency of letters does.
            bytes.push((((((r >> 32) * (r & 0xffff_ffff)) >> 32) * 96) >> 32) as u8);
        }
        offsets.push(end);
    }
    (bytes, offsets)
}

pub(crate) fn rates() -> Result<Vec<Row>> {
    let (bytes, offsets) = text(1 << 22);
    let samples = Samples { first: 0, width: 1, tokens: &bytes, offsets: &offsets };
    LANGUAGES
        .iter()
        .map(|&(language, interpreted)| {
            let name = format!("distinct-{language}");
            let mut metric =
                MetricPlugin::load(&name, &plugin::find(&name)?, &serde_json::json!({}), &preset(interpreted).1)?.instantiate()?;
            let mut failed = None;
            let time = median(9, || failed = metric.measure(&samples).err().or(failed.take()));
            if let Some(error) = failed {
                return Err(error.into());
            }
            let rate = bytes.len() as f64 / time.as_secs_f64() / 1e6;
            let (target, least) = if interpreted { ("≥ 5 M tokens/s", 5.0) } else { ("≥ 150 M tokens/s", 150.0) };
            Ok(Row {
                work: format!("the share of distinct bytes of samples of 200 to 1 000, one thread, {language}"),
                measured: format!("{rate:.0} M tokens/s"),
                target,
                met: rate >= least,
            })
        })
        .collect()
}
