use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::{Value, json};

use super::{
    batch::Batch,
    host::{World, during},
};
use crate::{Plan, Policy, Result, Snapshot, Step, config, log::Level};

/// A run to be: a dataset in memory, pacing functions, a configuration.
#[derive(Debug)]
pub struct Run {
    world: World,
    config: Value,
}

/// All that a run remembers between steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    step: Step,
    positions: BTreeMap<String, u64>,
    /// The policy's own bytes.
    pub policy: Vec<u8>,
}

impl Run {
    /// A dataset of `samples` samples without columns, and an empty configuration.
    ///
    /// # Panics
    /// If `samples` is 0.
    pub fn new(samples: u64) -> Run {
        assert!(samples > 0, "a dataset has at least one sample");
        let mut world = World::default();
        world.columns.samples = samples;
        Run { world, config: json!({}) }
    }

    /// Adds a column of numbers, one for each sample.
    ///
    /// # Panics
    /// If there are more or fewer values than samples, or one is NaN.
    pub fn numbers(mut self, name: &str, values: impl IntoIterator<Item = f64>) -> Run {
        self.world.columns.insert(name, values.into_iter().collect(), None);
        self
    }

    /// Adds a column of categories: their names, and the position among these for each sample.
    ///
    /// # Panics
    /// If there are more or fewer codes than samples, or a code without a name.
    pub fn categories(mut self, name: &str, names: &[&str], codes: impl IntoIterator<Item = u32>) -> Run {
        let codes: Vec<u32> = codes.into_iter().collect();
        assert!(codes.iter().all(|&code| (code as usize) < names.len()), "column `{name}` has a code without a name");
        let names = names.iter().map(|&name| name.to_owned()).collect();
        self.world.columns.insert(name, codes.into_iter().map(f64::from).collect(), Some(names));
        self
    }

    /// Adds a pacing function.
    pub fn pacing(mut self, name: &str, difficulty: impl Fn(u64) -> f64 + 'static) -> Run {
        self.world.pacings.insert(name.to_owned(), Box::new(difficulty));
        self
    }

    /// Sets the seed of the streams; 0 if never set.
    pub fn seed(mut self, seed: u64) -> Run {
        self.world.seed = seed;
        self
    }

    /// Sets the policy's configuration: a JSON object.
    pub fn config(mut self, config: Value) -> Run {
        self.config = config;
        self
    }

    /// Configures the policy.
    ///
    /// # Errors
    /// What reading the configuration or `configure` refuses.
    pub fn start<P: Policy>(self) -> Result<Started<P>> {
        let world = Rc::new(RefCell::new(self.world));
        let policy = during(&world, || config::parse(&self.config.to_string()).and_then(P::configure))?;
        Ok(Started { world, policy, step: Step { consumed_tokens: Some(0), ..Step::default() } })
    }

    /// Configures the policy and gives it back a state.
    ///
    /// # Errors
    /// As [`start`](Run::start), and what `restore` refuses.
    pub fn resume<P: Snapshot>(mut self, state: &State) -> Result<Started<P>> {
        self.world.positions = state.positions.clone();
        let mut started = self.start::<P>()?;
        started.step = state.step;
        let Started { world, policy, .. } = &mut started;
        during(world, || policy.restore(&state.policy))?;
        Ok(started)
    }
}

/// A policy at work.
#[derive(Debug)]
pub struct Started<P> {
    world: Rc<RefCell<World>>,
    policy: P,
    step: Step,
}

impl<P: Policy> Started<P> {
    /// Has the policy fill the next batch of `size` samples. Every sample counts as one token.
    ///
    /// # Errors
    /// What `fill` refuses; [`Error::Exhausted`](crate::Error::Exhausted) at the end of training.
    ///
    /// # Panics
    /// With `fault:` if the batch does not come to `size` samples.
    pub fn step(&mut self, size: u32) -> Result<Batch> {
        self.world.borrow_mut().plan = Some((size, Batch::default()));
        let (policy, step) = (&mut self.policy, self.step);
        let result = during(&self.world, || policy.fill(step, &mut Plan::of_this_call()));
        let (_, batch) = self.world.borrow_mut().plan.take().unwrap_or_default();
        result?;
        assert_eq!(batch.ids.len(), size as usize, "fault: the plan of step {} must come to {size} samples", step.index);
        self.step.index += 1;
        self.step.consumed_samples += u64::from(size);
        self.step.consumed_tokens = step.consumed_tokens.map(|tokens| tokens + u64::from(size));
        Ok(batch)
    }

    /// Number of the next step.
    pub fn next_step(&self) -> u64 {
        self.step.index
    }

    /// What the policy logged so far.
    pub fn log(&self) -> Vec<(Level, String)> {
        self.world.borrow().log.clone()
    }

    /// The state between two steps.
    pub fn state(&self) -> State
    where
        P: Snapshot,
    {
        let policy = during(&self.world, || self.policy.save());
        let world = self.world.borrow();
        let open = world.streams.iter().map(|stream| (stream.name.clone(), stream.position));
        let positions = open.chain(world.positions.clone()).collect();
        State { step: self.step, positions, policy }
    }
}
