//! The step loop without tokens: policy → plan, once per global batch.

use std::sync::Arc;

use super::{
    beside::{Beside, Lengths, Totals},
    change::{Change, Changed},
    ends::Ends,
    hand::Hand,
    identity::Identity,
    on_fault::Restarts,
    rank_digest::{Accord, RankDigest},
    resume::Standing,
    run::Run,
    state::{Progress, SamplerState},
    warden::Warden,
};
use crate::{
    Error, Result,
    batch::{Digest, Plan},
    plugin::{Filled, Spent, Step},
    streams::Streams,
};

/// Plans the global batches of a run, one after another. Every rank that plans gets the same; no token is read.
#[derive(Debug)]
pub struct Planner {
    warden: Warden,
    restarts: Restarts,
    seed: u64,
    size: u32,
    ends: Ends,
    beside: Beside,
    hand: Option<Hand>,
    count_tokens: bool,
    lengths: Lengths,
    progress: Arc<Progress>,
    identity: Arc<Identity>,
    changes: Arc<[Changed]>,
    accord: Accord,
}

/// One global batch, planned.
#[derive(Debug)]
pub struct Planned {
    /// Number of the global batch, from 0.
    pub step: u64,
    /// The ids, in the global order, and what the policy said about them.
    pub plan: Plan,
    /// Identity of the global batch.
    pub digest: Digest,
    /// Where the run stands with this batch given out.
    pub(crate) progress: Arc<Progress>,
}

impl Run {
    /// Starts planning at step 0.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if the policy refuses its configuration or fails.
    pub fn planner(&self) -> Result<Planner> {
        Planner::new(self, Standing::start(self)?)
    }

    /// Starts planning where `state` stands.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if the state belongs to another run, [`Error::Plugin`](crate::Error::Plugin) if the policy
    /// refuses it or fails.
    pub fn planner_at(&self, state: &SamplerState) -> Result<Planner> {
        self.planner_allowing(state, &[])
    }

    /// As [`planner_at`](Run::planner_at), and lets the named differences through; the states from there on [tell](SamplerState::changes)
    /// them. What is allowed and does not differ is no error.
    ///
    /// # Errors
    /// As there.
    pub fn planner_allowing(&self, state: &SamplerState, allowed: &[Change]) -> Result<Planner> {
        Planner::new(self, Standing::resume(self, state, allowed)?).map_err(|error| state.blame(error))
    }
}

impl Planner {
    fn new(run: &Run, standing: Standing) -> Result<Planner> {
        let Standing { progress, warden, restarts, changes } = standing;
        let hand = match &run.config.batch.tokens {
            Some(tokens) => Some(Hand::new(run, tokens, progress.in_hand.clone().unwrap_or_default(), &restarts)?),
            None => None,
        };
        let accord = Accord::new(&run.identity, &run.config, progress.step);
        Ok(Planner {
            warden,
            seed: run.config.seed,
            size: run.config.batch.global_batch_size,
            ends: run.ends,
            beside: Beside::new(&run.config, &run.pacings, &restarts)?,
            hand,
            count_tokens: run.config.batch.count_tokens,
            lengths: Lengths::new(run.dataset.clone()),
            progress: Arc::new(progress),
            identity: Arc::new(run.identity.clone()),
            restarts,
            changes,
            accord,
        })
    }

    /// Plans the next global batch; `None` when the run file's `steps` or `epochs` are done or the policy is exhausted. The last batch of
    /// the epochs may have fewer samples than the others.
    ///
    /// # Errors
    /// [`Error::Plugin`](crate::Error::Plugin) if the policy fails and `on-fault` does not say how to go on. The planner is then of no further
    /// use; the last state is.
    pub fn plan(&mut self) -> Result<Option<Planned>> {
        self.plan_into(Plan::new(self.size))
    }

    /// As [`plan`](Planner::plan), with the memory of an earlier plan.
    ///
    /// # Errors
    /// As [`plan`](Planner::plan).
    pub fn plan_into(&mut self, mut plan: Plan) -> Result<Option<Planned>> {
        let step = self.progress.step;
        let Some((size, mut over)) = self.next_draw() else { return Ok(None) };
        let _span = tracing::debug_span!("plan", step).entered();
        plan.reset(size);
        let place = Step { index: step, consumed_samples: self.progress.consumed_samples, consumed_tokens: self.progress.consumed_tokens };
        let mut asked = size > 0;
        let mut remembered = None;
        if asked {
            let filled;
            (filled, remembered) = self.warden.fill(place, &mut plan, &self.progress)?;
            if filled == Filled::Exhausted {
                if self.hand.is_none() {
                    tracing::info!("the policy is exhausted: the run ends");
                    return Ok(None);
                }
                plan.reset(0);
                (asked, over) = (false, true);
            }
        }
        if let Some(hand) = &mut self.hand {
            hand.truncate(&mut plan, asked)?;
        }
        self.beside.shorten(step, &mut plan)?;
        plan.finish(self.seed, step).map_err(|refusal| Error::data(refusal, "correct the policy"))?;
        if let Some(hand) = &mut self.hand
            && !hand.deal(&mut plan, over)?
        {
            return Ok(None);
        }
        let totals = self.totals(step, &mut plan)?;
        let digest = Digest(plan.digest());
        tracing::debug!(digest = %digest, draws = plan.draws().len(), "planned");

        self.progress = Arc::new(Progress {
            step: step.saturating_add(1),
            consumed_samples: self.progress.consumed_samples.saturating_add(plan.ids().len() as u64),
            consumed_tokens: self.progress.consumed_tokens.zip(totals).map(|(before, totals)| before.saturating_add(totals.tokens)),
            layer_tokens: totals.and_then(|totals| totals.layer_tokens),
            streams: self.warden.streams().state(),
            policy: remembered.or_else(|| self.progress.policy.clone()),
            in_hand: self.hand.as_ref().map(|hand| hand.held().clone()),
            restarts: self.restarts.counts(),
            fell_back: self.warden.fell_back().cloned(),
        });
        self.accord.moved(step, digest);
        Ok(Some(Planned { step, plan, digest, progress: self.progress.clone() }))
    }

    /// As [`Sampler::rank_digest`](crate::Sampler::rank_digest), of the last batch that was planned.
    pub fn rank_digest(&self) -> RankDigest {
        self.accord.digest()
    }

    pub(crate) fn accord(&self) -> &Accord {
        &self.accord
    }

    /// State as of the last batch that was planned.
    pub fn state(&self) -> SamplerState {
        SamplerState { progress: self.progress.clone(), identity: self.identity.clone(), changes: self.changes.clone(), origin: None }
    }

    /// Name and length of each stream that the policy opened, by its number in [`Draw`](crate::batch::Draw).
    pub fn streams(&self) -> &Streams {
        self.warden.streams()
    }

    /// What the policy took to fill the last plan, without the host's work before and after the call.
    pub fn spent(&self) -> Spent {
        self.warden.spent()
    }

    /// Samples to ask the policy for, and whether there are none left then; none at all if the run is over.
    fn next_draw(&self) -> Option<(u32, bool)> {
        match &self.hand {
            Some(hand) => {
                let drawn = self.progress.consumed_samples.saturating_add(hand.kept_back());
                self.ends.next_draw(self.progress.step, drawn, hand.room())
            }
            None => self.ends.next_size(&self.progress, self.size).map(|size| (size, false)),
        }
    }

    /// What a finished plan comes to, if anybody asks.
    fn totals(&mut self, step: u64, plan: &mut Plan) -> Result<Option<Totals>> {
        if !self.count_tokens && !self.beside.counts_layer_tokens() {
            return Ok(None);
        }
        self.beside.count(step, plan, &mut self.lengths, self.progress.layer_tokens).map(Some)
    }
}
