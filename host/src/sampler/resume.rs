//! Where does a run go on? What differs from a saved state is refused or let through, and what is let through is written down.

use std::sync::Arc;

use super::{
    change::{Change, Changed},
    identity::Difference,
    on_fault::Restarts,
    run::Run,
    state::{Progress, SamplerState},
    warden::Warden,
};
use crate::{Error, Result, hex};

/// A run that stands somewhere: at its start, or where a state does.
pub(crate) struct Standing {
    pub(crate) progress: Progress,
    pub(crate) warden: Warden,
    pub(crate) restarts: Restarts,
    /// All that was ever let through.
    pub(crate) changes: Arc<[Changed]>,
}

impl Standing {
    pub(crate) fn start(run: &Run) -> Result<Standing> {
        let progress = Progress {
            consumed_tokens: run.config.batch.count_tokens.then_some(0),
            layer_tokens: run.config.random_ltd.is_some().then_some(0),
            ..Progress::default()
        };
        let restarts = Restarts::default();
        let warden = Warden::start(run, &progress, &restarts, false)?;
        Ok(Standing { progress, warden, restarts, changes: Arc::default() })
    }

    /// # Errors
    /// [`Error::State`] naming the state if it does not fit the run; [`Error::Plugin`] if the policy refuses it or fails.
    pub(crate) fn resume(run: &Run, state: &SamplerState, allowed: &[Change]) -> Result<Standing> {
        let through = admit(run, state, allowed)?;
        let mut progress = (*state.progress).clone();
        if !run.config.batch.count_tokens {
            progress.consumed_tokens = None;
        }
        if let (None, Some(held)) = (&run.config.batch.tokens, &progress.in_hand) {
            let problem = format!("{} samples are in hand, and the run file has no [batch.tokens] to deal them", held.ids.len());
            return Err(Error::state(state.place(), problem, "resume with a budget of tokens, or start from step 0"));
        }
        let mut changes = state.changes.to_vec();
        let known = changes.len();
        changes.extend(through.iter().map(|difference| difference.at(state.step())));
        if through.iter().any(|difference| difference.change == Change::Plugin) {
            changes.extend(hand_over(run, state, &mut progress));
        }

        let conditions_changed = Changed::touch_streams(&changes);
        let restarts = Restarts::new(progress.restarts.clone());
        let mut warden = Warden::start(run, &progress, &restarts, conditions_changed);
        if let (Err(Error::Plugin(fault)), Some(bytes)) = (&mut warden, &progress.policy)
            && fault.call == "snapshot.restore"
            && fault.deterministic
        {
            let flag = Change::PolicyState.flag();
            if allowed.contains(&Change::PolicyState) {
                changes.push(forgotten(state, bytes, &fault.problem));
                progress.policy = None;
                warden = Warden::start(run, &progress, &restarts, conditions_changed);
            } else {
                fault.remedy = format!("{}, or let it start without what it saved: `--allow {flag}`", fault.remedy);
            }
        }
        let warden = warden.map_err(|error| state.blame(error))?;
        for Changed { what, from, to, .. } in changes.iter().skip(known) {
            tracing::warn!(step = progress.step, %what, %from, %to, "resumed with what differs, as was allowed");
        }
        Ok(Standing { progress, warden, restarts, changes: changes.into() })
    }
}

/// In what the state differs from the run, all of it allowed.
fn admit(run: &Run, state: &SamplerState, allowed: &[Change]) -> Result<Vec<Difference>> {
    let mut found = state.identity().differences(&run.identity);
    // What decides is what a fall-back put there, unless the plugin that it put aside was replaced.
    if let (Some(fell_back), Some(spare)) = (state.fell_back(), &run.fall_back)
        && found.iter().all(|difference| difference.change != Change::Plugin)
    {
        let here = hex(&spare.sha256());
        if fell_back.by_sha256 != here {
            let what = "plugin file of `uniform`, which was fallen back to".to_owned();
            found.push(Difference { change: Change::Plugin, what, saved: fell_back.by_sha256.clone(), here });
        }
    }
    let refused: Vec<&Difference> = found.iter().filter(|difference| !allowed.contains(&difference.change)).collect();
    if refused.is_empty() {
        return Ok(found);
    }
    let what: Vec<String> = refused.iter().map(|d| format!("{} (saved {}, here {})", d.what, d.saved, d.here)).collect();
    let mut flags: Vec<&str> = refused.iter().map(|d| d.change.flag()).collect();
    flags.dedup();
    Err(Error::state(
        state.place(),
        format!("it belongs to another run: {} differs", what.join(", ")),
        format!(
            "resume with the same data, plugin, configuration and seed, start from step 0, or let this pass with `--allow {}`",
            flags.join(",")
        ),
    ))
}

/// What becomes of the memory of a policy when another plugin takes over, and of a fall-back.
fn hand_over(run: &Run, state: &SamplerState, progress: &mut Progress) -> Vec<Changed> {
    let mut changes = Vec::new();
    let (saved, here) = (state.identity(), &run.identity);
    // Only the file of the fall-back changed otherwise, and it goes on.
    let replaced = saved.plugin != here.plugin || saved.plugin_sha256 != here.plugin_sha256;
    if replaced && let Some(fell_back) = progress.fell_back.take() {
        let what = "policy that decides".to_owned();
        let difference = Difference { change: Change::Plugin, what, saved: fell_back.by.clone(), here: here.plugin.clone() };
        changes.push(difference.at(state.step()));
    }
    if let Some(bytes) = &progress.policy
        && (saved.plugin_name() != here.plugin_name() || !run.policy.is_stateful())
    {
        changes.push(forgotten(state, bytes, "it is another plugin's"));
        progress.policy = None;
    }
    changes
}

/// The record of what a policy lost.
fn forgotten(state: &SamplerState, bytes: &[u8], why: &str) -> Changed {
    let saved = format!("{} bytes of `{}`", bytes.len(), state.identity().plugin);
    Difference { change: Change::PolicyState, what: "saved state of the policy".into(), saved, here: format!("none: {why}") }
        .at(state.step())
}

impl Difference {
    /// Written down as let through at a step.
    fn at(&self, step: u64) -> Changed {
        let Difference { change, what, saved, here } = self.clone();
        Changed { step, allowed: change.flag().to_owned(), what, from: saved, to: here }
    }
}
