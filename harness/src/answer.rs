//! A plan, as a value that can be compared and told.

use std::fmt;

use curricle::{batch::Plan, streams::Streams};

use crate::data::noise;

/// Ids that are told; of more there is a digest too.
const IDS: usize = 16;

/// What a policy planned for a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    step: u64,
    /// None if the policy was exhausted.
    plan: Option<Planned>,
}

/// What is in a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) ids: Vec<u64>,
    /// Names of streams, and how many samples were drawn from each.
    pub(crate) draws: Vec<(String, u32)>,
    appended: u32,
    pub(crate) annotations: Vec<(String, f64)>,
    pub(crate) truncation: Option<u32>,
    ordered: bool,
}

impl Answer {
    pub(crate) fn end(step: u64) -> Answer {
        Answer { step, plan: None }
    }

    /// A plan that is finished; its streams are named.
    pub(crate) fn of(step: u64, plan: &Plan, streams: &Streams) -> Answer {
        let name = |number| streams.get(number).map_or_else(|| format!("stream {number}"), |stream| stream.name().to_string());
        Answer {
            step,
            plan: Some(Planned {
                ids: plan.ids().to_vec(),
                draws: plan.draws().iter().map(|draw| (name(draw.stream), draw.count)).collect(),
                appended: plan.appended(),
                annotations: plan.annotations().to_vec(),
                truncation: plan.truncation(),
                ordered: plan.is_ordered(),
            }),
        }
    }

    pub(crate) fn step(&self) -> u64 {
        self.step
    }

    /// What was planned, if anything was.
    pub(crate) fn plan(&self) -> Option<&Planned> {
        self.plan.as_ref()
    }

    /// Whether the policy was exhausted.
    pub(crate) fn is_end(&self) -> bool {
        self.plan.is_none()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(IDS, f)
    }
}

/// An answer that tells more ids than usual.
struct WithIds<'a>(&'a Answer, usize);

impl fmt::Display for WithIds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(self.1, f)
    }
}

impl Answer {
    /// Told with so many ids.
    pub(crate) fn with_ids(&self, most: usize) -> impl fmt::Display + '_ {
        WithIds(self, most)
    }

    fn write(&self, most: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: ", self.step)?;
        let Some(plan) = &self.plan else { return f.write_str("exhausted") };
        let mut parts: Vec<String> = plan.draws.iter().map(|(name, count)| format!("{count} of `{name}`")).collect();
        if plan.appended > 0 {
            parts.push(format!("{} appended", plan.appended));
        }
        write!(f, "{}", parts.join(" + "))?;
        for (name, value) in &plan.annotations {
            write!(f, "; {name} = {value}")?;
        }
        if let Some(length) = plan.truncation {
            write!(f, "; cut to {length}")?;
        }
        if plan.ordered {
            f.write_str("; ordered")?;
        }
        let shown: Vec<String> = plan.ids.iter().take(most).map(u64::to_string).collect();
        write!(f, "; ids {}", shown.join(" "))?;
        if plan.ids.len() > most {
            let digest = plan.ids.iter().fold(0, |digest, id| noise(digest ^ id));
            write!(f, " … ({} in all, digest {digest:016x})", plan.ids.len())?;
        }
        Ok(())
    }
}
