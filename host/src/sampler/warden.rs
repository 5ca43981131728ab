//! The policy of a run, and what becomes of the run when it fails: the planner asks, and gets an answer or the end.

use std::sync::Arc;

use super::{
    on_fault::{Guard, Restarts, verdict},
    pacings::PacingSources,
    plugin_config::OnFault,
    run::Run,
    state::{FellBack, Progress},
};
use crate::{
    Error, Result,
    batch::Plan,
    columns::Columns,
    hex,
    plugin::{Context, Filled, Policy, PolicyPlugin, Spent, Step},
    streams::Streams,
};

/// Asks the policy and stands by it.
#[derive(Debug)]
pub(crate) struct Warden {
    policy: Policy,
    maker: Maker,
    guard: Guard,
    /// What decides in its place when it fails.
    spare: Option<Arc<PolicyPlugin>>,
    fell_back: Option<Arc<FellBack>>,
    spent: Spent,
}

/// What a policy answered, and what it remembers since, if it remembers.
pub(crate) type Answer = (Filled, Option<Vec<u8>>);

/// Makes instances of the policy that decides.
#[derive(Debug)]
struct Maker {
    plugin: Arc<PolicyPlugin>,
    columns: Arc<Columns>,
    seed: u64,
    pacings: Arc<PacingSources>,
    restarts: Restarts,
    /// Whether streams go on under other conditions than those that they were saved with.
    conditions_changed: bool,
}

impl Maker {
    /// An instance that stands where `progress` does.
    fn make(&self, progress: &Progress) -> Result<Policy> {
        let mut streams = Streams::new(self.columns.clone(), self.seed);
        streams.restore(progress.streams.clone())?;
        if self.conditions_changed {
            streams.let_conditions_change();
        }
        let context = Context { columns: self.columns.clone(), streams, pacings: self.pacings.start_all(&self.restarts)? };
        // What is kept of a policy that was fallen back from is not for the one that decides now.
        let remembered = if progress.fell_back.is_some() { None } else { progress.policy.as_deref() };
        self.plugin.start(context, remembered)
    }
}

impl Warden {
    /// Starts the policy of a run, or the one that it fell back to, where `progress` stands. A policy that fails here stops the run whatever
    /// it says for faults: nothing is lost by it, and somebody is there to see it.
    pub(crate) fn start(run: &Run, progress: &Progress, restarts: &Restarts, conditions_changed: bool) -> Result<Warden> {
        let written = &run.config.policy;
        let (plugin, spare, guard) = match (&progress.fell_back, &run.fall_back) {
            (Some(fell_back), Some(spare)) => {
                tracing::warn!(since = fell_back.step, "{}", fell_back.in_words());
                (spare.clone(), None, Guard::idle("policy"))
            }
            (Some(fell_back), None) => {
                return Err(Error::state(
                    format!("as of step {}", progress.step),
                    format!("{}, and the run file does not say `on-fault = \"fall-back\"`", fell_back.in_words()),
                    "add it to [policy], or mend the plugin and let it take over with `--allow plugin-change`",
                ));
            }
            (None, spare) => {
                let spare = spare.clone().filter(|_| written.on_fault == OnFault::FallBack);
                (run.policy.clone(), spare, Guard::new(written, "policy").counting(restarts))
            }
        };
        let maker = Maker {
            plugin,
            columns: run.columns.clone(),
            seed: run.config.seed,
            pacings: run.pacings.clone(),
            restarts: restarts.clone(),
            conditions_changed,
        };
        Ok(Warden { policy: maker.make(progress)?, maker, guard, spare, fell_back: progress.fell_back.clone(), spent: Spent::default() })
    }

    /// Has the policy fill the plan of the step that comes after `progress`, and asks what it remembers then.
    ///
    /// # Errors
    /// Those of [`Policy::fill`] and [`Policy::save`], if the run ends by them.
    pub(crate) fn fill(&mut self, step: Step, plan: &mut Plan, progress: &Progress) -> Result<Answer> {
        let Warden { policy, maker, guard, spent, .. } = self;
        let answer = guard.ask(policy, || maker.make(progress), |policy| ask(policy, &maker.plugin, step, plan, spent));
        match answer {
            Err(error) => match (verdict(&error), self.spare.take()) {
                (Some(fault), Some(spare)) => {
                    let fell_back = FellBack::new(step.index, fault, &self.maker.plugin, &spare);
                    tracing::error!(step = step.index, %fault, "{}", fell_back.in_words());
                    self.fall_back(spare, fell_back, progress)?;
                    ask(&mut self.policy, &self.maker.plugin, step, plan, &mut self.spent)
                }
                _ => Err(error),
            },
            answer => answer,
        }
    }

    /// Lets another policy decide from the step after `progress` on.
    fn fall_back(&mut self, spare: Arc<PolicyPlugin>, fell_back: FellBack, progress: &Progress) -> Result<()> {
        let fell_back = Arc::new(fell_back);
        self.maker.plugin = spare;
        // A stream of its name that the other policy left is the only one there can be.
        self.maker.conditions_changed = true;
        self.policy = self.maker.make(&Progress { fell_back: Some(fell_back.clone()), ..progress.clone() })?;
        self.fell_back = Some(fell_back);
        Ok(())
    }

    /// What happened, if another policy decides than the run file says.
    pub(crate) fn fell_back(&self) -> Option<&Arc<FellBack>> {
        self.fell_back.as_ref()
    }

    /// Streams of the policy that decides, and those that wait for it.
    pub(crate) fn streams(&self) -> &Streams {
        self.policy.streams()
    }

    /// What the policy took for the last plan.
    pub(crate) fn spent(&self) -> Spent {
        self.spent
    }
}

/// Both calls of a step. What the policy remembers is asked for at once, so that a fault of either undoes the same.
fn ask(policy: &mut Policy, plugin: &PolicyPlugin, step: Step, plan: &mut Plan, spent: &mut Spent) -> Result<Answer> {
    plan.reset(plan.size());
    let filled = policy.fill(step, plan)?;
    *spent = policy.spent();
    let remembered = if plugin.is_stateful() { Some(policy.save()?) } else { None };
    Ok((filled, remembered))
}

impl FellBack {
    fn new(step: u64, fault: &crate::Fault, plugin: &PolicyPlugin, by: &PolicyPlugin) -> FellBack {
        let named = |plugin: &PolicyPlugin| format!("{} {}", plugin.description().name, plugin.description().version);
        FellBack {
            step,
            plugin: named(plugin),
            fault: format!("plugin `{}`, {}: {} ({})", fault.plugin, fault.call, fault.problem, fault.kind.code()),
            by: named(by),
            by_sha256: hex(&by.sha256()),
        }
    }
}
