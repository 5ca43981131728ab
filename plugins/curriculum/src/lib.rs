#![doc = include_str!("../README.md")]

mod axis;
mod cover;
mod saved;

use curricle_guest::{ConfigSchema, Error, Plan, Policy, Result, Snapshot, Step, export, pacings, shares};
use serde::Deserialize;

use axis::{Axis, Metric};
use cover::{Cover, Window};

/// Its configuration.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What a sample must meet; everything is eligible if empty.
    #[config(max_items = 16)]
    metrics: Vec<Metric>,
    /// Pacing functions whose value only goes beside the batch.
    #[serde(default)]
    #[config(max_items = 16)]
    annotate: Vec<String>,
    /// The pacing functions are asked every so many steps.
    #[serde(default = "one")]
    #[config(min = 1)]
    every: u64,
}

fn one() -> u64 {
    1
}

/// Draws uniformly from the samples whose every metric is within its bounds.
#[derive(Debug)]
pub struct Curriculum {
    axes: Vec<Axis>,
    /// Pacing functions that only go beside the batch, and their names there.
    annotated: Vec<(String, String)>,
    every: u64,
    /// What the pacing functions said last.
    window: Option<Window>,
    cover: Cover,
}

impl Policy for Curriculum {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        let Config { metrics, annotate, every } = config;
        if every == 0 {
            return Err(Error::config("every", "found 0, but there must be at least 1 step"));
        }
        let axes = axis::all(metrics)?;
        let annotated = axis::annotated(annotate, &axes)?;
        // A pacing function that does not exist is better found before training than at its first step.
        Window::at(&axes, 0)?;
        annotated.iter().try_for_each(|(pacing, _)| pacings::difficulty(pacing, 0).map(drop))?;
        Ok(Curriculum { axes, annotated, every, window: None, cover: Cover::default() })
    }

    fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<()> {
        let asked = step.index - step.index % self.every;
        let window = Window::at(&self.axes, asked)?;
        if self.window.as_ref() != Some(&window) {
            self.cover.change_to(&self.axes, &window)?;
        }
        let counts = shares::split(plan.size(), self.cover.sizes(), step.index);
        plan.draw_all(self.cover.streams().zip(counts))?;
        for (axis, (&floor, &difficulty)) in self.axes.iter().zip(window.floors.iter().zip(&window.corner)) {
            if let Some(name) = &axis.difficulty_name {
                plan.annotate(name, difficulty)?;
            }
            if let Some(name) = axis.above_name.as_ref().filter(|_| floor.is_finite()) {
                plan.annotate(name, floor)?;
            }
        }
        for (pacing, name) in &self.annotated {
            plan.annotate(name, pacings::difficulty(pacing, asked)?)?;
        }
        self.window = Some(window);
        Ok(())
    }
}

impl Snapshot for Curriculum {
    fn save(&self) -> Vec<u8> {
        let (floors, opened) = self.cover.opened();
        saved::to_bytes(self.axes.len(), floors, opened)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let (floors, corners) = saved::from_bytes(self.axes.len(), state)?;
        self.cover = Cover::open_again(&self.axes, floors, corners)?;
        self.window = None;
        Ok(())
    }
}

export!(stateful policy: Curriculum);

#[cfg(test)]
mod tests;
