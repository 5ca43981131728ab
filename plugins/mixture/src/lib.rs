#![doc = include_str!("../README.md")]

mod schedule;

use curricle_guest::{Condition, Error, Plan, Policy, Result, Step, Stream, dataset, export, log, shares};

pub use schedule::Config;
use schedule::Schedule;

/// Every batch holds each category in its share, to the sample.
#[derive(Debug)]
pub struct Mixture {
    sources: Vec<Source>,
    schedule: Schedule,
}

/// A category that some point of the schedule gives a weight.
#[derive(Debug)]
struct Source {
    stream: Stream,
    /// Name of its share beside the batch; none if there is no room for it.
    annotation: Option<String>,
}

impl Policy for Mixture {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        let categories = dataset::categories(&config.column)?;
        let (schedule, codes) = Schedule::new(&config, &categories)?;
        let annotated = codes.len() <= 64;
        if !annotated {
            log::warn(format!("{} categories have a weight; shares are put beside the batch for up to 64, so for none here", codes.len()));
        }
        let source = |code: usize| {
            let (name, samples) = categories.get(code).ok_or_else(|| Error::data(format!("there is no category number {code}")))?;
            if *samples == 0 {
                return Err(Error::data(format!("category `{name}` of `{}` has no sample; leave it out of `weights`", config.column)));
            }
            let condition = Condition::category(&config.column, code as u32);
            let stream = Stream::shuffled(&stream_name(&config.column, name, code), &[condition])?;
            let annotation = format!("share:{name}");
            Ok(Source { stream, annotation: (annotated && annotation.len() <= 64).then_some(annotation) })
        };
        Ok(Mixture { sources: codes.into_iter().map(source).collect::<Result<_>>()?, schedule })
    }

    fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<()> {
        let shares = self.schedule.shares(step.index);
        let counts = shares::split(plan.size(), &shares.weights, step.index);
        plan.draw_all(self.sources.iter().map(|source| source.stream).zip(counts))?;
        for (source, &share) in self.sources.iter().zip(&shares.shares) {
            if let Some(name) = &source.annotation {
                plan.annotate(name, share)?;
            }
        }
        Ok(())
    }
}

/// Name of a category's stream: by its name where the contract allows that name, else by its code.
fn stream_name(column: &str, category: &str, code: usize) -> String {
    let name = format!("{column}={category}");
    let allowed = name.len() <= 128 && !name.chars().any(char::is_control);
    if allowed { name } else { format!("category {code}") }
}

export!(policy: Mixture);

#[cfg(test)]
mod tests;
