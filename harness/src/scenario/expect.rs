//! What is expected of the plans of a policy.

use std::ops::Range;

use curricle::{Run, columns::Column, streams::Streams};

use super::{
    Scenario,
    file::{Never, Share},
    place::Place,
};
use crate::{answer::Answer, suite::Stop, words};

/// Holds the plans to everything that the scenario expects.
pub(super) fn check(scenario: &Scenario, run: &Run, streams: &Streams, plans: &[Answer]) -> Result<(), Stop> {
    let expect = &scenario.file.expect;
    if let Some(steps) = &expect.exhausted_after
        && *steps.get_ref() != plans.len() as u64
    {
        let place = scenario.spot(steps.span());
        return Err(place.fails("the run ended at another step", format!("{} steps", steps.get_ref()), format!("{} steps", plans.len())));
    }
    if let Some(flag) = expect.once_before_twice.as_ref().filter(|flag| *flag.get_ref()) {
        once_before_twice(&scenario.spot(flag.span()), run.dataset().len(), plans)?;
    }
    for never in &expect.never_above {
        beyond(&scenario.spot(never.span()), run, plans, never.get_ref(), true)?;
    }
    for never in &expect.never_below {
        beyond(&scenario.spot(never.span()), run, plans, never.get_ref(), false)?;
    }
    for share in &expect.shares {
        check_share(&scenario.spot(share.span()), run, streams, plans, share.get_ref())?;
    }
    for wanted in &expect.annotations {
        let (place, wanted) = (scenario.spot(wanted.span()), wanted.get_ref());
        let bounds = Bounds::new(&place, wanted.at_least, wanted.at_most, wanted.equal)?;
        for plan in within(&place, plans, wanted.steps)? {
            let found = annotation(plan, &wanted.name);
            if found.is_none_or(|value| !bounds.hold(value)) {
                let expected = format!("step {}: `{}` {bounds}", plan.step(), wanted.name);
                return Err(place.fails("a number beside the batch is another", expected, plan));
            }
        }
    }
    for cut in &expect.truncation {
        let (place, cut) = (scenario.spot(cut.span()), cut.get_ref());
        let bounds = Bounds::new(&place, cut.at_least, cut.at_most, cut.equal)?;
        for plan in within(&place, plans, cut.steps)? {
            let found = plan.plan().and_then(|plan| plan.truncation);
            if found.is_none_or(|length| !bounds.hold(f64::from(length))) {
                return Err(place.fails("samples are cut otherwise", format!("step {}: cut to {bounds}", plan.step()), plan));
            }
        }
    }
    Ok(())
}

/// After every step, no sample was seen more than once more than any other.
fn once_before_twice(place: &Place, samples: u64, plans: &[Answer]) -> Result<(), Stop> {
    let mut seen = vec![0u32; usize::try_from(samples).unwrap_or(usize::MAX)];
    // How often all were seen, and how many were seen more often than that.
    let (mut all, mut more) = (0u32, 0u64);
    for plan in plans {
        let ids = plan.plan().map_or(&[][..], |plan| &plan.ids);
        for id in ids {
            if let Some(times) = usize::try_from(*id).ok().and_then(|id| seen.get_mut(id)) {
                more += u64::from(*times == all);
                *times += 1;
            }
        }
        while more == samples && samples > 0 {
            all += 1;
            more = seen.iter().filter(|times| **times > all).count() as u64;
        }
        // Only those of this batch can have become too many.
        let times = |id: &u64| usize::try_from(*id).ok().and_then(|id| seen.get(id)).copied().unwrap_or(0);
        if let Some((id, times)) = ids.iter().map(|id| (id, times(id))).find(|(_, times)| *times > all + 1) {
            let unseen = seen.iter().filter(|times| **times == all).count();
            let found = format!("step {}: sample {id} came {times} times, and {unseen} samples {all} times", plan.step());
            return Err(place.fails("a sample came again before all had come", "every sample once before any sample twice", found));
        }
    }
    Ok(())
}

/// No value of the column is above, or below, what it may be.
fn beyond(place: &Place, run: &Run, plans: &[Answer], never: &Never, above: bool) -> Result<(), Stop> {
    let column = column(place, run, &never.column)?;
    let (key, number) = if above { ("at-most", never.at_most) } else { ("at-least", never.at_least) };
    if never.annotation.is_some() == number.is_some() || (if above { never.at_least } else { never.at_most }).is_some() {
        return Err(place.wrong("it is not clear what the bound is", format!("give either `annotation` or `{key}`")));
    }
    for plan in within(place, plans, never.steps)? {
        let bound = match &never.annotation {
            Some(name) => annotation(plan, name).ok_or_else(|| {
                let expected = format!("step {}: `{name}` beside the batch", plan.step());
                place.fails("the number that is the bound is not there", expected, plan)
            })?,
            None => number.unwrap_or_default(),
        };
        let ids = plan.plan().map_or(&[][..], |plan| &plan.ids);
        let outside = |id: &&u64| column.value(**id).is_some_and(|value| if above { value > bound } else { value < bound });
        if let Some(id) = ids.iter().find(outside) {
            let sign = if above { "≤" } else { "≥" };
            let expected = format!("step {}: `{}` {sign} {bound}", plan.step(), never.column);
            let found = format!("step {}: sample {id} has {}", plan.step(), column.value(*id).unwrap_or_default());
            return Err(place.fails(format!("a sample is {} the bound", if above { "above" } else { "below" }), expected, found));
        }
    }
    Ok(())
}

fn check_share(place: &Place, run: &Run, streams: &Streams, plans: &[Answer], share: &Share) -> Result<(), Stop> {
    let bounds = Bounds::new(place, share.at_least, share.at_most, share.equal)?;
    let chosen = within(place, plans, share.steps)?;
    let all: u64 = chosen.iter().filter_map(|plan| plan.plan()).map(|plan| plan.ids.len() as u64).sum();
    let (what, of) = match (&share.stream, &share.column, &share.category) {
        (Some(stream), None, None) => {
            let names: Vec<String> = (0..streams.len() as u32).filter_map(|i| streams.get(i)).map(|s| s.name().to_string()).collect();
            if !names.contains(stream) {
                let remedy = nearest(stream, names.iter().map(String::as_str));
                return Err(place.wrong(format!("the policy opened no stream `{stream}`"), remedy));
            }
            let draws = chosen.iter().filter_map(|plan| plan.plan()).flat_map(|plan| &plan.draws);
            (format!("stream `{stream}`"), draws.filter(|(name, _)| name == stream).map(|(_, count)| u64::from(*count)).sum::<u64>())
        }
        (None, Some(name), Some(category)) => {
            let column = column(place, run, name)?;
            let Some(categories) = column.categories() else {
                return Err(place.wrong(format!("column `{name}` holds numbers, and no categories"), "name a column of categories"));
            };
            let Some(code) = categories.iter().position(|(known, _)| known == category) else {
                let remedy = nearest(category, categories.iter().map(|(known, _)| known.as_str()));
                return Err(place.wrong(format!("column `{name}` has no category `{category}`"), remedy));
            };
            let ids = chosen.iter().filter_map(|plan| plan.plan()).flat_map(|plan| &plan.ids);
            let of = ids.filter(|id| column.value(**id) == Some(code as f64)).count() as u64;
            (format!("`{category}` of `{name}`"), of)
        }
        _ => return Err(place.wrong("it is not clear whose share is meant", "give either `stream`, or `column` and `category`")),
    };
    let found = of as f64 / all.max(1) as f64;
    if bounds.hold(found) {
        return Ok(());
    }
    let steps =
        share.steps.map_or_else(|| format!("all {} steps", plans.len()), |(from, to)| format!("steps {from} to {}", to.saturating_sub(1)));
    Err(place.fails(
        "a share is another",
        format!("{what} over {steps}: {bounds}"),
        format!("{what} over {steps}: {found:.4}, {of} of {all} samples"),
    ))
}

fn column<'a>(place: &Place, run: &'a Run, name: &str) -> Result<&'a Column, Stop> {
    run.columns().get(name).map_err(|error| place.wrong(error.to_string(), "add it to [dataset.columns]"))
}

fn annotation(plan: &Answer, name: &str) -> Option<f64> {
    plan.plan()?.annotations.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// The plans of a range of steps, of which there must be some.
fn within<'a>(place: &Place, plans: &'a [Answer], steps: Option<(u64, u64)>) -> Result<Vec<&'a Answer>, Stop> {
    let range: Range<u64> = steps.map_or(0..u64::MAX, |(from, to)| from..to);
    let chosen: Vec<&Answer> = plans.iter().filter(|plan| range.contains(&plan.step())).collect();
    if chosen.is_empty() {
        return Err(place.wrong(
            format!("no step of the run is among these, it has {}", plans.len()),
            "raise `steps`, or give [first step, the one after the last]",
        ));
    }
    Ok(chosen)
}

fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match words::nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", words::list(known)),
    }
}

/// Bounds of a number, both included.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    least: Option<f64>,
    most: Option<f64>,
}

impl Bounds {
    fn new(place: &Place, at_least: Option<f64>, at_most: Option<f64>, equal: Option<f64>) -> Result<Bounds, Stop> {
        match (at_least, at_most, equal) {
            (None, None, Some(value)) => Ok(Bounds { least: Some(value), most: Some(value) }),
            (None, None, None) => Err(place.wrong("there is no bound", "give `at-least`, `at-most` or `equal`")),
            (least, most, None) => Ok(Bounds { least, most }),
            _ => Err(place.wrong("there are two sorts of bounds", "give `equal`, or `at-least` and `at-most`")),
        }
    }

    fn hold(&self, value: f64) -> bool {
        self.least.is_none_or(|least| value >= least) && self.most.is_none_or(|most| value <= most)
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.least, self.most) {
            (Some(least), Some(most)) if least == most => write!(f, "{least}"),
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("anything"),
        }
    }
}
