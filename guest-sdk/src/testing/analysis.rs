use serde_json::Value;

use crate::{Error, Metric, Result, Samples, Token, Values, config};

/// What a metric found.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Values of each chunk, in order; none of a metric that needs no values.
    pub values: Vec<Values>,
    /// Numbers about the dataset as a whole.
    pub totals: Vec<f64>,
}

/// A chunk of samples whose first has the id `first`.
///
/// # Panics
/// If it holds 2^32 tokens or more.
pub fn samples<T: Token>(first: u64, samples: &[&[T]]) -> Samples {
    let (mut tokens, mut offsets, mut end) = (Vec::new(), vec![0], 0);
    for sample in samples {
        sample.iter().for_each(|token| token.push_le(&mut tokens));
        end += sample.len();
        offsets.push(u32::try_from(end).expect("a chunk holds less than 2^32 tokens"));
    }
    Samples::new(first, T::WIDTH, tokens, offsets).expect("the width of a token is known")
}

/// Runs a metric over chunks as the host does: several instances, all passes, a tree of merges, and values only if it needs them.
///
/// # Errors
/// What reading the configuration or the metric refuses.
pub fn analyze<M: Metric>(config: Value, chunks: &[Samples]) -> Result<Analysis> {
    let instance = || config::parse(&config.to_string()).and_then(M::configure);
    let mut instances = [instance()?, instance()?, instance()?];
    let needs = instances[0].needs();
    let passes = needs.passes;
    if passes > 16 {
        return Err(Error::state(format!("the metric asks for {passes} passes; 16 are allowed")));
    }
    if passes == 0 && !needs.values {
        return Err(Error::state("the metric asks for neither passes nor values, so there is nothing that it could find"));
    }
    for pass in 0..passes {
        let mut partials = Vec::new();
        for (i, chunk) in chunks.iter().enumerate() {
            let instance = &mut instances[i % 3];
            instance.accumulate(pass, chunk)?;
            partials.push(instance.partial(pass));
        }
        while partials.len() > 1 {
            partials = partials.chunks(2).map(|pair| instances[0].merge(pass, pair)).collect::<Result<_>>()?;
        }
        let merged = partials.pop().unwrap_or_default();
        for instance in &mut instances {
            instance.finish(pass, &merged)?;
        }
    }
    let totals = instances[2].totals();
    let values = match needs.values {
        true => chunks.iter().enumerate().map(|(i, chunk)| instances[(i + 1) % 3].measure(chunk)).collect::<Result<_>>()?,
        false => Vec::new(),
    };
    Ok(Analysis { values, totals })
}
