//! How a hostile plugin is used until it fails.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use curricle::{
    Error, Result, Run, RunConfig, Sampler, SamplerState,
    batch::Plan,
    columns::{Column, Columns},
    plugin::{Context, Limits, Metric, MetricPlugin, PacingPlugin, PackerPlugin, Policy, PolicyPlugin, Samples, Step, check_sha256},
    streams::Streams,
};
use curricle_tests::Corpus;
use serde_json::Value;

use super::guest::Source;

/// What is done with the plugin, up to the call that fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Drive {
    /// Loaded as a pacing function.
    Load,
    /// Loaded as a policy.
    LoadPolicy,
    /// Loaded where another digest is pinned.
    Pinned,
    /// A pacing function is configured.
    Configure,
    /// A pacing function is asked at this step.
    Difficulty(u64),
    /// It is asked again after it failed.
    Again,
    /// A policy is configured.
    Start,
    /// Fills batches up to that of this step.
    Fill(u64),
    /// Saves after a batch.
    Save,
    /// Takes this state.
    Restore(&'static [u8]),
    /// A metric is configured.
    Metric,
    Accumulate,
    Partial,
    Merge,
    Finish,
    Totals,
    /// Measures three chunks of two samples.
    Measure,
    /// A whole analysis on two threads.
    Analyze,
    Pack,
    /// A run of 8 steps with batches made ahead; the run file goes on with this.
    Run(&'static str),
    /// As `Run`, in a resume from a state of this policy.
    Resume(&'static str),
}

/// Where it fails.
pub(super) struct Failure {
    pub(super) error: Error,
    /// Time that the failing call, or loading, took.
    pub(super) took: Duration,
}

/// A machine for one plugin.
pub(super) struct Bench<'a> {
    pub(super) name: &'a str,
    pub(super) corpus: &'a Corpus,
    pub(super) path: &'a Path,
    pub(super) config: &'a Value,
    pub(super) limits: &'a Limits,
    since: Instant,
}

const SAMPLES: [Samples<'static>; 3] = [
    Samples { first: 0, width: 2, tokens: &[1, 0, 2, 0, 3, 0], offsets: &[0, 1, 3] },
    Samples { first: 2, width: 2, tokens: &[1, 0, 2, 0, 3, 0], offsets: &[0, 1, 3] },
    Samples { first: 4, width: 2, tokens: &[1, 0, 2, 0, 3, 0], offsets: &[0, 1, 3] },
];

const GLOBAL: u32 = 16;

impl<'a> Bench<'a> {
    pub(super) fn new(name: &'a str, corpus: &'a Corpus, path: &'a Path, config: &'a Value, limits: &'a Limits) -> Bench<'a> {
        Bench { name, corpus, path, config, limits, since: Instant::now() }
    }

    /// Uses the plugin; none if nothing failed.
    pub(super) fn drive(mut self, drive: Drive) -> Option<Failure> {
        let outcome = self.go(drive);
        let took = self.since.elapsed();
        outcome.err().map(|error| Failure { error, took })
    }

    /// The next call is the one to time.
    fn next(&mut self) -> &mut Self {
        self.since = Instant::now();
        self
    }

    fn go(&mut self, drive: Drive) -> Result<()> {
        match drive {
            Drive::Load => self.pacing().map(drop),
            Drive::LoadPolicy => self.policy().map(drop),
            Drive::Pinned => check_sha256(self.name, self.path, &"ab".repeat(32), self.limits),
            Drive::Configure => self.pacing()?.instantiate().map(drop),
            Drive::Difficulty(last) => {
                let mut pacing = self.pacing()?.instantiate()?;
                (0..=last).try_for_each(|step| self.next().and(pacing.difficulty(step)))
            }
            Drive::Again => {
                let mut pacing = self.pacing()?.instantiate()?;
                pacing.difficulty(0).expect_err("a first fault");
                self.next().and(pacing.difficulty(1))
            }
            Drive::Start => self.start(None).map(drop),
            Drive::Restore(state) => self.start(Some(state)).map(drop),
            Drive::Fill(last) => {
                let mut policy = self.start(None)?;
                (0..=last).try_for_each(|step| self.next().fill(&mut policy, step))
            }
            Drive::Save => {
                let mut policy = self.start(None)?;
                self.next().and(policy.save())
            }
            Drive::Metric => self.metric().map(drop),
            Drive::Accumulate => {
                let mut metric = self.metric()?;
                self.next().and(metric.accumulate(0, &SAMPLES[0]))
            }
            Drive::Partial => {
                let mut metric = self.metric()?;
                metric.accumulate(0, &SAMPLES[0])?;
                self.next().and(metric.partial(0))
            }
            Drive::Merge => {
                let mut metric = self.metric()?;
                self.next().and(metric.merge(0, &[vec![1; 8], vec![2; 8]]))
            }
            Drive::Finish => {
                let mut metric = self.metric()?;
                self.next().and(metric.finish(0, &[1; 8]))
            }
            Drive::Totals => {
                let mut metric = self.metric()?;
                self.next().and(metric.totals())
            }
            Drive::Measure => {
                let mut metric = self.metric()?;
                SAMPLES.iter().try_for_each(|samples| self.next().and(metric.measure(samples)))
            }
            Drive::Analyze => {
                let plugin = MetricPlugin::load(self.name, self.path, self.config, self.limits)?;
                let target = self.corpus.path("evil.arrow");
                let options = curricle::analysis::Options { threads: 2, ..Default::default() };
                let done = curricle::analysis::analyze(&self.corpus.dataset(), &plugin, &target, &options).map(drop);
                assert!(done.is_ok() || !target.exists(), "a failed analysis leaves a column");
                done
            }
            Drive::Pack => {
                let mut packer = PackerPlugin::load(self.name, self.path, self.config, self.limits)?.instantiate()?;
                self.next().and(packer.pack(&[3, 8, 5, 8], 8, Some(2)))
            }
            Drive::Run(rest) => {
                let mut sampler = Sampler::start(&self.run(rest)?)?;
                self.steps(&mut sampler)
            }
            Drive::Resume(rest) => {
                let run = self.run(rest)?;
                let mut sampler = Sampler::start(&run)?;
                sampler.next_batch()?;
                let state = sampler.state().to_json();
                drop(sampler);
                let mut sampler = Sampler::resume(&run, &SamplerState::from_json(&state, "state.json")?)?;
                self.steps(&mut sampler)
            }
        }
    }

    /// For the end of a step whose answer is of no interest.
    fn and<T>(&mut self, result: Result<T>) -> Result<()> {
        result.map(drop)
    }

    fn steps(&mut self, sampler: &mut Sampler) -> Result<()> {
        for _ in 0..8 {
            self.next();
            if sampler.next_batch()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn pacing(&self) -> Result<PacingPlugin> {
        PacingPlugin::load(self.name, self.path, self.config, self.limits)
    }

    fn policy(&self) -> Result<PolicyPlugin> {
        PolicyPlugin::load(self.name, self.path, self.config, self.limits)
    }

    fn metric(&self) -> Result<Metric> {
        MetricPlugin::load(self.name, self.path, self.config, self.limits)?.instantiate()
    }

    fn start(&self, state: Option<&[u8]>) -> Result<Policy> {
        let mut columns = Columns::new(self.corpus.dataset().len());
        for (name, path) in Column::list(&self.corpus.dataset().columns_dir())? {
            columns.insert(name, Column::open(path)?)?;
        }
        let columns = Arc::new(columns);
        let folder = tempfile::tempdir().expect("a folder");
        let plain = PacingPlugin::load("plain", &Source::Wat("own-id").file(folder.path()), &Value::Null, self.limits)?;
        let mut plain = plain.instantiate()?;
        let pacings = Box::new(move |name: &str, step| match name {
            "panics" => panic!("no such state of affairs at step {step}"),
            "deep" => Some(plain.difficulty(step)),
            _ => None,
        });
        self.policy()?.start(Context { streams: Streams::new(columns.clone(), 7), columns, pacings }, state)
    }

    fn fill(&self, policy: &mut Policy, index: u64) -> Result<()> {
        let mut plan = Plan::new(GLOBAL);
        policy.fill(Step { index, consumed_samples: index * u64::from(GLOBAL), consumed_tokens: None }, &mut plan).map(drop)
    }

    /// A run whose file names the plugin by its path, with the configuration and limits of the row.
    fn run(&self, rest: &str) -> Result<Run> {
        let rest = rest.replace("PLUGIN", &self.path.display().to_string());
        let text = format!("seed = 7\nprefetch = 2\n[dataset]\npath = \"data\"\n[batch]\nglobal-batch-size = {GLOBAL}\n{rest}");
        Run::open(RunConfig::parse(&text, "run.toml", self.corpus.path(""))?)
    }
}
