use exports::curricle::plugin::metric::{self as wire, Guest};

use super::{Slot, policy::types};
use crate::{Metric, Samples, Values, config};

wit_bindgen::generate!({
    path: "wit",
    world: "metric-plugin",
    pub_export_macro: true,
    with: {
        "curricle:plugin/types@0.1.0": crate::bindings::policy::curricle::plugin::types,
        "curricle:plugin/logging@0.1.0": crate::bindings::policy::curricle::plugin::logging,
    },
});

impl<S: Slot<Plugin: Metric>> Guest for S {
    fn describe() -> types::Description {
        <S as Slot>::describe()
    }

    fn configure(config: String) -> Result<wire::Needs, types::Error> {
        S::put(config::parse(&config).and_then(S::Plugin::configure))?;
        let needs = S::with(|metric| Ok(metric.needs()))?;
        Ok(wire::Needs { passes: needs.passes, tokens: needs.tokens, values: needs.values })
    }

    fn accumulate(pass: u32, samples: wire::Samples) -> Result<(), types::Error> {
        let samples = unpacked(samples)?;
        Ok(S::with(|metric| metric.accumulate(pass, &samples))?)
    }

    fn partial(pass: u32) -> Vec<u8> {
        S::with(|metric| Ok(metric.partial(pass))).unwrap_or_default()
    }

    fn merge(pass: u32, partials: Vec<Vec<u8>>) -> Result<Vec<u8>, types::Error> {
        Ok(S::with(|metric| metric.merge(pass, &partials))?)
    }

    fn finish(pass: u32, merged: Vec<u8>) -> Result<(), types::Error> {
        Ok(S::with(|metric| metric.finish(pass, &merged))?)
    }

    fn totals() -> Vec<f64> {
        S::with(|metric| Ok(metric.totals())).unwrap_or_default()
    }

    fn measure(samples: wire::Samples) -> Result<wire::Values, types::Error> {
        let samples = unpacked(samples)?;
        let values = S::with(|metric| metric.measure(&samples))?;
        Ok(match values {
            Values::F32(values) => wire::Values::Float32(values),
            Values::F64(values) => wire::Values::Float64(values),
            Values::U32(values) => wire::Values::Uint32(values),
            Values::U64(values) => wire::Values::Uint64(values),
        })
    }
}

fn unpacked(samples: wire::Samples) -> crate::Result<Samples> {
    Samples::new(samples.first, samples.width, samples.tokens, samples.offsets)
}
