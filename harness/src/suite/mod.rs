//! The conformance suite: what `wit/` promises of every plugin, tried on this one.

mod bench;
mod configs;
mod elsewhere;
pub(crate) mod metric;
mod pacing;
mod packer;
mod player;
mod policy;
mod stage;
mod stop;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Instant,
};

use curricle::{Error, Result, plugin::Kind};
use serde_json::Value;

use self::bench::Bench;
pub(crate) use self::stop::{Checked, Stop, is_ours};
use crate::{Check, Failure, Outcome, Report, Scenario, setting::Setting, subject::Subject, words};

/// Samples of the datasets that policies and metrics are tried on: first those on which a failure is told best.
const SIZES: [u64; 4] = [1000, 7, 1, 10_000_000];
/// The largest of them that is quick.
const QUICK: u64 = 1000;

/// One check: what was tried, in a few words, or why it did not hold.
type CheckFn = fn(&Bench<'_>) -> Checked;

/// The conformance suite for one plugin, whatever its kind and language.
///
/// ```no_run
/// # fn main() -> curricle::Result<()> {
/// let report = curricle_harness::Suite::of("target/my-policy.wasm")?.quick().run()?;
/// report.assert();
/// # Ok(())
/// # }
/// ```
pub struct Suite {
    subject: Subject,
    setting: Setting,
    sizes: Vec<u64>,
    only: Option<String>,
    /// The configuration that was given in so many words.
    given: Option<Value>,
    command: String,
    progress: Box<dyn Fn(&str)>,
    interrupted: Box<dyn Fn() -> bool>,
    elsewhere: Option<Box<Ask>>,
}

/// Asks another process for the [answers](Suite::answers), with this configuration.
type Ask = dyn Fn(&Value) -> std::io::Result<String>;

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite")
            .field("subject", &self.subject)
            .field("sizes", &self.sizes)
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}

impl Suite {
    /// The suite for the component at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Plugin`] if it is no plugin that this host can run.
    pub fn of(path: impl AsRef<Path>) -> Result<Suite> {
        let subject = Subject::open(path.as_ref())?;
        Ok(Suite {
            setting: Setting::usual(subject.limits()),
            command: format!("curricle test {}", shell_word(&subject.path.display().to_string())),
            subject,
            sizes: SIZES.to_vec(),
            only: None,
            given: None,
            progress: Box::new(|_| ()),
            interrupted: Box::new(|| false),
            elsewhere: None,
        })
    }

    /// Tries it with this configuration, a JSON object. Without it one is drawn from its schema, or is that of the [scenario](Suite::like).
    pub fn config(mut self, config: Value) -> Suite {
        self.given = Some(config.clone());
        self.setting.config = Some(config);
        self
    }

    /// Tries it with what a scenario has: configuration, columns, lengths, pacing functions and limits.
    pub fn like(mut self, scenario: &Scenario) -> Suite {
        let setting = scenario.setting(&self.subject);
        let config = self.given.clone().or(setting.config.clone());
        self.setting = Setting { config, ..setting };
        self
    }

    /// Leaves out the dataset of 10 000 000 samples.
    pub fn quick(mut self) -> Suite {
        self.sizes.retain(|n| *n <= QUICK);
        self
    }

    /// Uses datasets of so many samples only.
    pub fn samples(mut self, n: u64) -> Suite {
        self.sizes = vec![n];
        self
    }

    /// Makes only the checks whose name contains `word`.
    pub fn only(mut self, word: impl Into<String>) -> Suite {
        self.only = Some(word.into());
        self
    }

    /// What failures call the command that shows them again, without the options: `curricle test FILE`.
    pub fn command(mut self, command: impl Into<String>) -> Suite {
        self.command = command.into();
        self
    }

    /// Tells the name of each check when it begins.
    pub fn progress(mut self, progress: impl Fn(&str) + 'static) -> Suite {
        self.progress = Box::new(progress);
        self
    }

    /// Asks often whether to stop.
    pub fn interrupted(mut self, interrupted: impl Fn() -> bool + 'static) -> Suite {
        self.interrupted = Box::new(interrupted);
        self
    }

    /// Compares with the answers of another process, which `ask` gets from it for a configuration: those of [`Suite::answers`] there. Without
    /// it the check `another-process` is skipped.
    pub fn in_another_process(mut self, ask: impl Fn(&Value) -> std::io::Result<String> + 'static) -> Suite {
        self.elsewhere = Some(Box::new(ask));
        self
    }

    /// What the plugin is called and what it is for, without trying it.
    pub fn description(&self) -> &curricle::plugin::Description {
        &self.subject.description
    }

    /// Names of the checks that will be made, in order.
    pub fn names(&self) -> Vec<&'static str> {
        let chosen = |name: &&str| self.only.as_ref().is_none_or(|word| name.contains(word.as_str()));
        self.checks().into_iter().map(|(name, _)| name).filter(chosen).collect()
    }

    /// What the plugin answers to a fixed list of questions, a line each, for another process to compare with its own.
    ///
    /// # Errors
    /// Whatever it fails with.
    pub fn answers(&self) -> Result<String> {
        let bench = self.bench()?;
        let said = match self.subject.kind {
            Kind::Policy | Kind::StatefulPolicy => policy::answers(&bench),
            Kind::Metric => metric::answers(&bench),
            Kind::Pacing => pacing::answers(&bench),
            _ => packer::answers(&bench),
        };
        said.map_err(|stop| stop.into_error(&self.subject.name))
    }

    /// Makes the checks.
    ///
    /// # Errors
    /// Nothing that the plugin does wrong is one: [`Error::Interrupted`] if somebody asked to stop, [`Error::Io`] if there is no room for the
    /// data, [`Error::Internal`] if the host fails.
    pub fn run(&self) -> Result<Report> {
        let bench = self.bench()?;
        let mut report = self.empty_report();
        if self.names().is_empty() {
            return Ok(report);
        }
        let checks = self.checks();
        let mut starts = true;
        for (name, check) in checks {
            let chosen = self.only.as_ref().is_none_or(|word| name.contains(word.as_str()));
            // Whatever comes after it needs a plugin that starts.
            if !chosen && name != "starts" {
                continue;
            }
            (self.progress)(name);
            let begun = Instant::now();
            let checked = if starts { check(&bench) } else { Err(Stop::Skipped("it does not start".into())) };
            let outcome = match checked {
                Ok(detail) => Outcome::Passed { detail },
                Err(Stop::Skipped(reason)) => Outcome::Skipped { reason },
                Err(Stop::Error(error)) if is_ours(&error) => return Err(error),
                Err(stop) => Outcome::Failed(Box::new(self.again(name, stop.into_failure()))),
            };
            let failed = matches!(outcome, Outcome::Failed(_));
            starts &= !(name == "starts" && failed);
            if chosen || failed {
                report.checks.push(Check { name: name.to_owned(), outcome, time: begun.elapsed() });
            }
        }
        Ok(report)
    }

    /// A report of no checks.
    pub(crate) fn empty_report(&self) -> Report {
        empty_report(&self.subject)
    }

    fn checks(&self) -> Vec<(&'static str, CheckFn)> {
        let of_kind = match self.subject.kind {
            Kind::Policy => policy::checks(false),
            Kind::StatefulPolicy => policy::checks(true),
            Kind::Metric => metric::checks(),
            Kind::Pacing => pacing::checks(),
            _ => packer::checks(),
        };
        let first: [(&'static str, CheckFn); 4] = [
            ("describes-itself", configs::describes_itself),
            ("starts", configs::starts),
            ("configurations", configs::configurations),
            ("forbidden-configurations", configs::forbidden_configurations),
        ];
        first.into_iter().chain(of_kind).collect()
    }

    fn bench(&self) -> Result<Bench<'_>> {
        Bench::new(&self.subject, &self.setting, &self.sizes, &*self.interrupted, self.elsewhere.as_deref())
    }

    /// A failure with the command that shows it again.
    fn again(&self, check: &str, failure: Failure) -> Failure {
        let mut more = failure.reproduce.clone();
        if let Some(config) = self.given.as_ref().filter(|_| !more.contains(" --config ")) {
            more.push_str(&format!(" --config {}", shell_word(&config.to_string())));
        }
        Failure { reproduce: format!("{} --only {check}{more}", self.command), ..failure }
    }
}

/// A report of a plugin that could not even be looked at: one check, `loads`, that failed.
pub fn unloadable(path: &Path, error: &Error) -> Report {
    only_failed(path, "loads", &error.to_string())
}

/// A report of a project that could not be built, or whose test did not come to its end: one check, `ends`, that failed.
pub fn unfinished(path: &Path, why: &str) -> Report {
    only_failed(path, "ends", why)
}

fn only_failed(path: &Path, name: &str, problem: &str) -> Report {
    let failure = Failure::new(problem, "");
    let outcome =
        Outcome::Failed(Box::new(Failure { reproduce: format!("curricle test {}", shell_word(&path.display().to_string())), ..failure }));
    Report {
        file: path.display().to_string(),
        plugin: String::new(),
        version: String::new(),
        kind: String::new(),
        checks: vec![Check { name: name.into(), outcome, time: Default::default() }],
    }
}

pub(crate) fn empty_report(subject: &Subject) -> Report {
    Report {
        file: subject.path.display().to_string(),
        plugin: subject.name.clone(),
        version: subject.description.version.clone(),
        kind: subject.kind_name().into(),
        checks: Vec::new(),
    }
}

/// A word of a command line, quoted where a shell would take it apart.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The dataset of a check, for its place.
pub(crate) fn of_samples(n: u64) -> String {
    format!("{} sample{}", words::number(n), if n == 1 { "" } else { "s" })
}

/// Numbers of samples, for the words of what was tried.
fn sizes(sizes: &[u64]) -> String {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    sizes.iter().map(|n| words::number(*n)).collect::<Vec<_>>().join(", ")
}

/// A folder for data, which goes with its value.
pub(crate) fn scratch() -> Result<tempfile::TempDir> {
    let place: PathBuf = std::env::temp_dir();
    tempfile::Builder::new().prefix("curricle-test-").tempdir().map_err(Error::io("create a folder in", place))
}
