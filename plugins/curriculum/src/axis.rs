//! One metric: its column, what its difficulty means, who sets it.

use curricle_guest::{Condition, ConfigSchema, Error, Result, dataset, pacings};
use serde::Deserialize;

/// Bytes of an annotation's name at most.
const MAX_NAME: usize = 64;

/// A metric as configured.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metric {
    /// A column of numbers.
    #[config(min_length = 1)]
    column: String,
    /// What the difficulty means.
    by: By,
    /// Parts that the order is cut into, for a difficulty by percentile; 100 if left out.
    #[config(min = 1)]
    of: Option<u32>,
    /// A `[pacing.NAME]` of the run file: the difficulty.
    #[config(min_length = 1)]
    pacing: String,
    /// A `[pacing.NAME]` of an exclusive lower bound.
    #[config(min_length = 1)]
    above: Option<String>,
}

/// What a difficulty means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ConfigSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    /// The largest value.
    Value,
    /// How many of every so many samples, in ascending order of the value.
    Percentile,
}

/// A metric that the dataset has.
#[derive(Debug)]
pub(crate) struct Axis {
    column: String,
    by: By,
    of: u32,
    pacing: String,
    above: Option<String>,
    /// Smallest value in the dataset.
    min: f64,
    /// Samples in the dataset.
    samples: u64,
    /// Names of its difficulty and its lower bound beside the batch; none if the column's name leaves no room.
    pub(crate) difficulty_name: Option<String>,
    pub(crate) above_name: Option<String>,
}

/// Checks every metric against the dataset.
pub(crate) fn all(metrics: Vec<Metric>) -> Result<Vec<Axis>> {
    if metrics.len() > 16 {
        return Err(Error::config("metrics", format!("found {}; there must be at most 16", metrics.len())));
    }
    let columns = dataset::columns();
    let mut axes: Vec<Axis> = Vec::new();
    for (i, Metric { column: name, by, of, pacing, above }) in metrics.into_iter().enumerate() {
        let key = format!("metrics[{i}].column");
        let Some(column) = columns.iter().find(|column| column.name == name) else {
            let names: Vec<String> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
            return Err(Error::config(key, format!("the run file grants no column `{name}`; it grants {}", names.join(", "))));
        };
        if column.kind != dataset::ColumnKind::Number {
            return Err(Error::config(key, format!("column `{name}` holds categories; a curriculum needs numbers")));
        }
        if axes.iter().any(|axis| axis.column == name) {
            return Err(Error::config(key, format!("column `{name}` is named twice; a column has one difficulty")));
        }
        match of {
            Some(0) => return Err(Error::config(format!("metrics[{i}].of"), "found 0, but there must be at least 1 part")),
            Some(_) if by == By::Value => {
                return Err(Error::config(format!("metrics[{i}].of"), "parts have no meaning by value; they go with by = \"percentile\""));
            }
            _ => {}
        }
        let beside = |word: &str| Some(format!("{word}:{name}")).filter(|name| name.len() <= MAX_NAME);
        axes.push(Axis {
            difficulty_name: beside("difficulty"),
            above_name: beside("above"),
            column: name,
            by,
            of: of.unwrap_or(100),
            pacing,
            above,
            min: column.min,
            samples: dataset::len(),
        });
    }
    Ok(axes)
}

/// Pacing functions whose value only goes beside the batch, with the name that it gets there.
pub(crate) fn annotated(names: Vec<String>, axes: &[Axis]) -> Result<Vec<(String, String)>> {
    let mut annotated: Vec<(String, String)> = Vec::new();
    for (i, pacing) in names.into_iter().enumerate() {
        let (key, name) = (format!("annotate[{i}]"), format!("difficulty:{pacing}"));
        if name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Error::config(key, "the name of the pacing function must be at most 53 bytes without control characters"));
        }
        if annotated.iter().any(|(_, known)| *known == name) {
            return Err(Error::config(key, format!("`{pacing}` is named twice")));
        }
        if let Some(axis) = axes.iter().find(|axis| axis.difficulty_name.as_ref() == Some(&name) && axis.pacing != pacing) {
            let column = &axis.column;
            return Err(Error::config(key, format!("`{name}` is the difficulty of column `{column}`; rename the pacing function")));
        }
        annotated.push((pacing, name));
    }
    Ok(annotated)
}

impl Axis {
    /// Its difficulty at a step.
    pub(crate) fn difficulty(&self, step: u64) -> Result<f64> {
        self.ask(&self.pacing, step)
    }

    /// Its exclusive lower bound at a step; minus infinity if it has none.
    pub(crate) fn floor(&self, step: u64) -> Result<f64> {
        self.above.as_ref().map_or(Ok(f64::NEG_INFINITY), |pacing| self.ask(pacing, step))
    }

    fn ask(&self, pacing: &str, step: u64) -> Result<f64> {
        let (difficulty, Axis { column, of, .. }) = (pacings::difficulty(pacing, step)?, self);
        match self.by {
            By::Percentile if !(0.0..=f64::from(*of)).contains(&difficulty) => Err(Error::config(
                format!("pacing.{pacing}"),
                match of {
                    100 => format!("it gives {difficulty} for `{column}`, but a percentile is within 0 to 100"),
                    _ => format!("it gives {difficulty} for `{column}`, but {of} parts are within 0 to {of}"),
                },
            )),
            // Negative zero is zero; without this they would be two difficulties.
            _ => Ok(difficulty + 0.0),
        }
    }

    /// The samples with `above` < difficulty ≤ `at_most`; none leaves the lower side open.
    pub(crate) fn condition(&self, above: Option<f64>, at_most: f64) -> Condition {
        match self.by {
            By::Value => Condition::between(&self.column, above, at_most),
            By::Percentile => {
                let to = self.fraction(at_most);
                Condition::quantiles(&self.column, above.map_or(0.0, |above| self.fraction(above)).min(to), to)
            }
        }
    }

    /// A fraction of the order that ends at place ⌊samples × difficulty / of⌋. Halfway to the next place, so that no rounding of the host's
    /// product can reach another.
    fn fraction(&self, difficulty: f64) -> f64 {
        let (samples, of) = (self.samples as f64, f64::from(self.of));
        let place = (samples * difficulty / of).floor();
        if difficulty >= of || place >= samples {
            1.0
        } else if place <= 0.0 {
            0.0
        } else {
            (place + 0.5) / samples
        }
    }

    /// The same in words, for the name of a stream.
    pub(crate) fn range(&self, above: Option<f64>, at_most: f64) -> String {
        let unit = match (self.by, self.of) {
            (By::Value, _) => String::new(),
            (By::Percentile, 100) => "%".into(),
            (By::Percentile, of) => format!("/{of}"),
        };
        match above {
            Some(above) => format!("{}({above},{at_most}]{unit}", self.column),
            None => format!("{}(,{at_most}]{unit}", self.column),
        }
    }

    /// Why nothing may be eligible, in words.
    pub(crate) fn why_empty(&self, floor: f64, difficulty: f64) -> String {
        let Axis { column, min, samples, .. } = self;
        let above = if floor.is_finite() { format!(", its lower bound {floor}") } else { String::new() };
        match (self.by, self.of) {
            (By::Value, _) => format!("the difficulty of `{column}` is {difficulty}{above} and its smallest value {min}"),
            (By::Percentile, 100) => format!("the difficulty of `{column}` is percentile {difficulty} of {samples} samples{above}"),
            (By::Percentile, of) => format!("the difficulty of `{column}` is {difficulty} of {of} parts of {samples} samples{above}"),
        }
    }
}
