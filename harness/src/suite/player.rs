//! A run without a trainer: asks a policy step by step, as the host does.

use curricle::{
    Result,
    batch::{Plan, Refusal},
    plugin::{Filled, Policy, Step},
    streams::StreamState,
};

use crate::{answer::Answer, data::Lengths};

/// Where a run stands between two steps, as the host's state has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(super) step: u64,
    pub(super) consumed_samples: u64,
    pub(super) consumed_tokens: u64,
    pub(super) streams: Vec<StreamState>,
    /// What a stateful policy saved.
    pub(super) memory: Option<Vec<u8>>,
}

/// A policy in the middle of a run.
#[derive(Debug)]
pub(crate) struct Player {
    policy: Policy,
    plan: Plan,
    seed: u64,
    lengths: Lengths,
    at: Standing,
    fuel: u64,
}

impl Player {
    pub(super) fn new(policy: Policy, seed: u64, lengths: Lengths, at: Standing) -> Player {
        Player { policy, plan: Plan::new(1), seed, lengths, at, fuel: 0 }
    }

    /// Has the next global batch planned, of so many samples.
    ///
    /// # Errors
    /// Those of [`Policy::fill`].
    pub(crate) fn step(&mut self, size: u32) -> Result<Answer> {
        let Player { policy, plan, seed, lengths, at, fuel } = self;
        plan.reset(size);
        let step = Step { index: at.step, consumed_samples: at.consumed_samples, consumed_tokens: Some(at.consumed_tokens) };
        let filled = policy.fill(step, plan)?;
        *fuel = policy.spent().fuel;
        if filled == Filled::Exhausted {
            return Ok(Answer::end(at.step));
        }
        // The host refused every plan that is not whole, so this cannot.
        let finished: Result<(), Refusal> = plan.finish(*seed, at.step);
        debug_assert!(finished.is_ok());
        let answer = Answer::of(at.step, plan, policy.streams());
        at.step += 1;
        at.consumed_samples = at.consumed_samples.saturating_add(plan.ids().len() as u64);
        let longest = plan.truncation().unwrap_or(u32::MAX);
        let tokens: u64 = plan.ids().iter().map(|id| u64::from(lengths.of(*id).min(longest))).sum();
        at.consumed_tokens = at.consumed_tokens.saturating_add(tokens);
        Ok(answer)
    }

    /// Where the run stands; a stateful policy is asked what it remembers.
    ///
    /// # Errors
    /// Those of [`Policy::save`].
    pub(crate) fn standing(&mut self, stateful: bool) -> Result<Standing> {
        let memory = if stateful { Some(self.policy.save()?) } else { None };
        Ok(Standing { streams: self.policy.streams().state(), memory, ..self.at.clone() })
    }

    /// What the policy remembers.
    pub(super) fn save(&mut self) -> Result<Vec<u8>> {
        self.policy.save()
    }

    /// Fuel of the last step.
    pub(super) fn fuel(&self) -> u64 {
        self.fuel
    }

    /// Bytes that the instance holds.
    pub(super) fn memory(&self) -> u64 {
        self.policy.spent().memory
    }
}
