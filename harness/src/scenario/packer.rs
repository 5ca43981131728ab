//! A packer with the lengths that the scenario gives.

use curricle::plugin::PackerPlugin;

use super::Scenario;
use crate::{subject::Subject, suite::Checked};

pub(super) fn run(scenario: &Scenario, subject: &Subject) -> Checked {
    let (file, expect) = (&scenario.file, &scenario.file.expect);
    let limits = file.limits.clone().unwrap_or_else(|| subject.limits());
    let mut packer = PackerPlugin::load(&subject.name, &subject.path, &scenario.config, &limits)?.instantiate()?;
    let (Some(lengths), Some(capacity)) = (&file.lengths, file.capacity) else {
        // A configuration is refused without any data.
        let refuses = scenario.expects_refusal() && file.lengths.is_none() && file.capacity.is_none();
        let wrong = || scenario.wrong("there is nothing to pack", "give `lengths` and `capacity`");
        return if refuses { Ok("it starts".to_owned()) } else { Err(wrong()) };
    };
    scenario.breathe()?;
    let found = packer.pack(lengths, capacity, file.max_samples)?;
    if let Some(expected) = expect.bins.as_ref().filter(|expected| expected.get_ref().len() != lengths.len()) {
        let problem = format!("there are {} bins for {} samples", expected.get_ref().len(), lengths.len());
        return Err(scenario.spot(expected.span()).wrong(problem, "give the bin of each sample"));
    }
    if let Some(expected) = expect.bins.as_ref().filter(|expected| *expected.get_ref() != found) {
        let lines = |bins: &[u32]| {
            bins.iter().zip(lengths).enumerate().map(|(i, (bin, n))| format!("sample {i} of {n}: bin {bin}\n")).collect::<String>()
        };
        return Err(scenario.spot(expected.span()).fails("a sample is in another bin", lines(expected.get_ref()), lines(&found)));
    }
    let n_bins = found.iter().max().map_or(0, |bin| bin.saturating_add(1));
    if let Some(most) = expect.at_most_bins.as_ref().filter(|most| n_bins > *most.get_ref()) {
        let expected = format!("at most {} bins", most.get_ref());
        return Err(scenario.spot(most.span()).fails("it takes more bins", expected, format!("{n_bins} bins")));
    }
    let tokens: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
    let fill = tokens as f64 / (f64::from(n_bins) * f64::from(capacity)).max(1.0);
    if let Some(least) = expect.fill_at_least.as_ref().filter(|least| fill < *least.get_ref()) {
        let expected = format!("at least {}", least.get_ref());
        return Err(scenario.spot(least.span()).fails("bins are less full", expected, format!("{fill:.4}")));
    }
    Ok(format!("{} samples in {n_bins} bins, {:.1} % full", lengths.len(), fill * 100.0))
}
