#![doc = include_str!("../README.md")]

mod axis;
mod cover;
mod saved;

use curricle_guest::{Error, Plan, Policy, Result, Snapshot, Step, export, pacings, shares};
use serde::Deserialize;

use axis::{Axis, Metric};
use cover::Cover;

/// Its configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    metrics: Vec<Metric>,
    /// Column of a metric by value: samples are cut to its difficulty.
    truncate: Option<String>,
    /// The pacing functions are asked every so many steps.
    #[serde(default = "one")]
    every: u64,
}

fn one() -> u64 {
    1
}

/// Draws uniformly from the samples whose every metric is at most its difficulty.
#[derive(Debug)]
pub struct Curriculum {
    axes: Vec<Axis>,
    /// Position among the axes.
    truncate: Option<usize>,
    every: u64,
    /// What the pacing functions said last.
    difficulties: Vec<f64>,
    cover: Cover,
}

impl Policy for Curriculum {
    type Config = Config;

    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self> {
        let Config { metrics, truncate, every } = config;
        if every == 0 {
            return Err(Error::config("every", "found 0, but there must be at least 1 step"));
        }
        let axes = axis::all(metrics)?;
        let truncate = truncate.map(|column| axis::to_truncate(&axes, &column)).transpose()?;
        // A pacing function that does not exist is better found before training than at its first step.
        difficulties(&axes, 0)?;
        Ok(Curriculum { axes, truncate, every, difficulties: Vec::new(), cover: Cover::default() })
    }

    fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<()> {
        let difficulties = difficulties(&self.axes, step.index - step.index % self.every)?;
        if difficulties != self.difficulties {
            self.cover.change_to(&self.axes, &difficulties)?;
            self.difficulties = difficulties;
        }
        let counts = shares::split(plan.size(), self.cover.sizes(), step.index);
        plan.draw_all(self.cover.streams().zip(counts))?;
        for (axis, &difficulty) in self.axes.iter().zip(&self.difficulties) {
            if let Some(name) = &axis.annotation {
                plan.annotate(name, difficulty)?;
            }
        }
        if let Some(difficulty) = self.truncate.and_then(|axis| self.difficulties.get(axis)) {
            // The conversion stays within the range of the type.
            plan.truncate((*difficulty as u32).max(1));
        }
        Ok(())
    }
}

impl Snapshot for Curriculum {
    fn save(&self) -> Vec<u8> {
        saved::to_bytes(self.axes.len(), self.cover.opened())
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.cover = Cover::default();
        self.difficulties.clear();
        saved::from_bytes(self.axes.len(), state)?.iter().try_for_each(|opened| self.cover.open_again(&self.axes, opened))
    }
}

fn difficulties(axes: &[Axis], step: u64) -> Result<Vec<f64>> {
    axes.iter().map(|axis| axis.checked(pacings::difficulty(&axis.pacing, step)?)).collect()
}

export!(stateful policy: Curriculum);

#[cfg(test)]
mod tests;
