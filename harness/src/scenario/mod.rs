//! Scenarios: what an author expects of a plugin, with which data and which configuration.

mod expect;
mod file;
mod keys;
mod metric;
mod pacing;
mod packer;
mod place;
mod policy;
mod snapshot;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Instant,
};

use curricle::{
    Error, PluginConfig, Result, atomic,
    columns::{Column, ColumnKind},
    plugin::Kind,
};
use serde_json::Value;

use self::{
    file::{By, File, Refused},
    place::Place,
};
use crate::{
    Check, Failure, Outcome, Report,
    data::{ColumnSpec, DatasetSpec},
    setting::Setting,
    subject::Subject,
    suite::{Checked, Stop, empty_report, is_ours, shell_word},
};

/// A scenario: a TOML file that says which data and configuration a plugin gets, and what is to come of it.
///
/// ```no_run
/// # fn main() -> curricle::Result<()> {
/// let scenario = curricle_harness::Scenario::read("scenarios/starts-easy.toml")?;
/// scenario.run("target/my-policy.wasm")?.assert();
/// # Ok(())
/// # }
/// ```
pub struct Scenario {
    path: PathBuf,
    /// What errors call the file.
    shown: String,
    text: String,
    file: File,
    /// The plugin's configuration.
    config: Value,
    update: bool,
    command: Option<String>,
    interrupted: Box<dyn Fn() -> bool>,
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario").field("path", &self.path).field("file", &self.file).finish_non_exhaustive()
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Config`] with line and column if it is wrong.
    pub fn read(path: impl AsRef<Path>) -> Result<Scenario> {
        let path = path.as_ref();
        let text = atomic::read_text(path)?;
        let shown = path.display().to_string();
        let file = File::parse(&text, &shown)?;
        keys::check_numbers(&text, &shown)?;
        let config = PluginConfig::json_of(&file.config, &format!("{shown}, config"))?;
        Ok(Scenario { path: path.to_owned(), shown, text, file, config, update: false, command: None, interrupted: Box::new(|| false) })
    }

    /// The scenarios of a project: `scenarios/*.toml` in its folder, in the order of their names. None if there is no such folder.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn list(project: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let folder = project.as_ref().join("scenarios");
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let path = entry.map_err(Error::io("read", &folder))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Its name: that of the file, without `.toml`.
    pub fn name(&self) -> String {
        name_of(&self.path)
    }

    /// Whether it expects the plugin to refuse.
    pub fn expects_refusal(&self) -> bool {
        self.file.expect.refused.is_some()
    }

    /// Writes the snapshot instead of comparing with it.
    pub fn update(mut self, update: bool) -> Scenario {
        self.update = update;
        self
    }

    /// What failures call the command that shows them again, without the options: `curricle test DIR`.
    pub fn command(mut self, command: impl Into<String>) -> Scenario {
        self.command = Some(command.into());
        self
    }

    /// Asks often whether to stop.
    pub fn interrupted(mut self, interrupted: impl Fn() -> bool + 'static) -> Scenario {
        self.interrupted = Box::new(interrupted);
        self
    }

    /// Runs it with the component at `plugin`.
    ///
    /// # Errors
    /// What the plugin does wrong is none: [`Error::Io`] if a file cannot be read, [`Error::Plugin`] if the file is no plugin,
    /// [`Error::Interrupted`] if somebody asked to stop, [`Error::Internal`] if the host fails.
    pub fn run(&self, plugin: impl AsRef<Path>) -> Result<Report> {
        let subject = Subject::open(plugin.as_ref())?;
        let begun = Instant::now();
        let outcome = match self.try_out(&subject) {
            Ok(detail) => Outcome::Passed { detail },
            Err(Stop::Error(error)) if is_ours(&error) => return Err(error),
            Err(stop) => Outcome::Failed(Box::new(self.again(&subject, self.told(stop)))),
        };
        let mut report = empty_report(&subject);
        report.checks.push(Check { name: format!("scenario {}", self.name()), outcome, time: begun.elapsed() });
        Ok(report)
    }

    /// What a plugin is tried with by it.
    pub(crate) fn setting(&self, subject: &Subject) -> Setting {
        let usual = Setting::usual(self.file.limits.clone().unwrap_or_else(|| subject.limits()));
        let columns = match &self.file.dataset {
            Some(dataset) => {
                let mut columns = self.like_those_beside(dataset);
                columns.extend(dataset.columns.clone());
                columns
            }
            None => usual.columns,
        };
        Setting {
            config: Some(self.config.clone()),
            columns,
            lengths: self.file.dataset.as_ref().and_then(|dataset| dataset.lengths).unwrap_or_default(),
            pacings: self.file.pacing.clone(),
            folder: self.folder(),
            ..usual
        }
    }

    /// Synthetic columns with the names, ranges and categories of those beside the dataset that the scenario names. What cannot be read is left
    /// out: the scenario itself fails by it, in its own words.
    fn like_those_beside(&self, dataset: &DatasetSpec) -> BTreeMap<String, ColumnSpec> {
        let Some(path) = &dataset.path else { return BTreeMap::new() };
        let beside = policy::open_dataset(self, dataset, path).and_then(|opened| Column::list(&opened.columns_dir()));
        let opened = beside.unwrap_or_default().into_iter().filter_map(|(name, path)| Some((name, Column::open(path).ok()?)));
        opened.filter_map(|(name, column)| Some((name, like(&column)?))).collect()
    }

    fn try_out(&self, subject: &Subject) -> Checked {
        let kind = match subject.kind {
            Kind::Policy | Kind::StatefulPolicy => "policy",
            Kind::Metric => "metric",
            Kind::Pacing => "pacing",
            _ => "packer",
        };
        keys::check(&self.text, &self.shown, kind).map_err(mistaken)?;
        keys::check_sizes(&self.file, &self.text, &self.shown, kind).map_err(mistaken)?;
        let done = match kind {
            "policy" => policy::run(self, subject),
            "metric" => metric::run(self, subject),
            "pacing" => pacing::run(self, subject),
            _ => packer::run(self, subject),
        };
        let Some(refused) = &self.file.expect.refused else { return done };
        if let Err(Stop::Failed(_)) = &done {
            // The scenario is wrong, or another expectation did not hold.
            return done;
        }
        self.check_refusal(refused.get_ref(), done).map_err(|stop| stop.at(&self.place(refused.span().start)))
    }

    /// Holds what came of it to the refusal that is expected.
    fn check_refusal(&self, expected: &Refused, done: Checked) -> Checked {
        let expectation = match expected.by {
            By::Config => "the configuration is refused",
            By::Data => "the data is refused",
        };
        let error = match done {
            Ok(detail) => return Err(Failure::new("it refused nothing", "").with_diff(expectation, detail).into()),
            Err(Stop::Error(error)) if !is_ours(&error) => error,
            Err(stop) => return Err(stop),
        };
        let found = match &error {
            Error::Config { .. } => Some(By::Config),
            // The host tells both kinds of refusal as one kind of fault; what to do about them differs.
            Error::Plugin(fault) if fault.kind == curricle::FaultKind::Refused => {
                Some(if fault.remedy.contains("data") { By::Data } else { By::Config })
            }
            _ => None,
        };
        let message = error.to_string();
        // What it says of its own: neither the path of its file nor what the host advises.
        let said = match &error {
            Error::Plugin(fault) => fault.problem.clone(),
            Error::Config { place, problem, remedy } => format!("key `{}`: {problem}; {remedy}", refused_key(place).unwrap_or_default()),
            _ => message.clone(),
        };
        if found != Some(expected.by) || !said.contains(&expected.says) {
            let says = if expected.says.is_empty() { String::new() } else { format!(", and the message says `{}`", expected.says) };
            let problem = if found.is_none() { "it failed, which is no refusal" } else { "it refused otherwise" };
            return Err(Failure::new(problem, "").with_diff(format!("{expectation}{says}"), message).into());
        }
        Ok(format!("refused: {message}"))
    }

    /// Where paths start from.
    fn folder(&self) -> PathBuf {
        self.path.parent().map(Path::to_path_buf).unwrap_or_default()
    }

    /// `file:line:column` of a byte of the scenario.
    fn place(&self, byte: usize) -> String {
        crate::words::place(&self.shown, &self.text, byte)
    }

    /// What is wrong with the scenario as a whole.
    fn wrong(&self, problem: impl Into<String>, remedy: impl Into<String>) -> Stop {
        Place(self.shown.clone()).wrong(problem, remedy)
    }

    /// Where the value of a key such as `dataset.path` or `config.metrics[0].column` stands, or the nearest that is around it.
    fn spot_of(&self, key: &str) -> Place {
        Place(keys::find(&self.text, key).map_or_else(|| self.shown.clone(), |byte| self.place(byte)))
    }

    /// What the report says of it; a configuration that is refused has its place in the scenario.
    fn told(&self, stop: Stop) -> Failure {
        match stop {
            Stop::Error(Error::Config { place, problem, remedy }) => {
                let spot = self.spot_of(&format!("config.{}", refused_key(&place).unwrap_or_default()));
                Failure::new(format!("{place}: {problem}"), remedy).at(spot.0)
            }
            stop => stop.into_failure(),
        }
    }

    fn spot(&self, span: std::ops::Range<usize>) -> Place {
        Place(self.place(span.start))
    }

    /// Ends the scenario if somebody asked to stop.
    fn breathe(&self) -> Result<()> {
        if (self.interrupted)() {
            let doing = format!("running scenario `{}`", self.name());
            return Err(Error::Interrupted { doing, remedy: "test it again".into() });
        }
        Ok(())
    }

    /// A failure with the command that shows it again.
    fn again(&self, subject: &Subject, failure: Failure) -> Failure {
        let name = shell_word(&self.name());
        let command = match &self.command {
            Some(command) => format!("{command} --only {name}"),
            None => {
                let (plugin, file) = (subject.path.display().to_string(), &self.shown);
                format!("curricle test {} --scenario {} --only {name}", shell_word(&plugin), shell_word(file))
            }
        };
        Failure { reproduce: command, ..failure }
    }
}

/// A check that failed: a scenario that could not be read, or not be run to its end. `command` is the one that shows it again, without options.
pub fn unreadable(path: &Path, error: &Error, command: &str) -> Check {
    let failure = match error {
        Error::Config { place, problem, remedy } => Failure::new(problem, remedy).at(place),
        other => Failure::new(other.to_string(), "").at(path.display().to_string()),
    };
    let name = name_of(path);
    let reproduce = format!("{command} --only {}", shell_word(&name));
    let outcome = Outcome::Failed(Box::new(Failure { reproduce, ..failure }));
    Check { name: format!("scenario {name}"), outcome, time: Default::default() }
}

/// The key that a refusal of a configuration is about: "plugin `p`, key `sources[2].weight`".
fn refused_key(place: &str) -> Option<&str> {
    place.rsplit_once(", key `")?.1.strip_suffix('`')
}

/// An error about the scenario rather than the plugin, which is no refusal of the plugin's.
fn mistaken(error: Error) -> Stop {
    match error {
        Error::Config { place, problem, remedy } => Place(place).wrong(problem, remedy),
        other => other.into(),
    }
}

/// A synthetic column with the range or the categories of a real one.
fn like(column: &Column) -> Option<ColumnSpec> {
    if column.kind() == ColumnKind::Category {
        let categories = column.categories()?;
        // Weights are of 32 bits; what there is stays there.
        let most = categories.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let shift = (u64::BITS - most.leading_zeros()).saturating_sub(u32::BITS);
        let weights: Vec<(String, u64)> =
            categories.iter().map(|(name, count)| (name.clone(), (count >> shift).max(u64::from(*count > 0)))).collect();
        return (most > 0).then_some(ColumnSpec::Categories(weights));
    }
    let (from, to) = (column.min(), column.max());
    (from.is_finite() && to.is_finite()).then_some(ColumnSpec::Spread { from, to })
}

fn name_of(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
