//! Which share each category has at a step.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use curricle_guest::{ConfigSchema, Error, Result, Schema};
use serde::Deserialize;

/// Its configuration: `weights`, or a `schedule` of them.
#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
#[config(json = r#""oneOf":[{"required":["weights"],"not":{"required":["interpolate"]}},{"required":["schedule"]}]"#)]
pub struct Config {
    /// A column of categories.
    #[config(min_length = 1)]
    pub column: String,
    /// Weight of each category, whatever the step; those without one have weight 0.
    weights: Option<Listed>,
    /// Weights that hold from a step on.
    #[config(min_items = 1)]
    schedule: Option<Vec<Point>>,
    /// Whether shares change in a straight line between the points of the schedule.
    interpolate: Option<bool>,
}

/// Weight by name of the category; those without one have weight 0.
type Weights = BTreeMap<String, f64>;

/// The same in a configuration.
#[derive(Debug, Deserialize)]
struct Listed(Weights);

impl ConfigSchema for Listed {
    fn schema(schema: &mut Schema) {
        Weights::schema(schema);
        schema.set("minProperties", "1");
        schema.set("additionalProperties", r#"{"type":"number","minimum":0}"#);
    }
}

#[derive(Debug, Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
struct Point {
    step: u64,
    weights: Listed,
}

/// Shares by step. Each point's come to 1, up to rounding.
#[derive(Debug)]
pub(crate) struct Schedule {
    points: Vec<(u64, Shares)>,
    interpolate: bool,
}

/// Shares of the categories, as numbers beside the batch and as whole numbers to split it by.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    pub(crate) shares: Vec<f64>,
    pub(crate) weights: Vec<u64>,
}

impl Shares {
    fn new(shares: Vec<f64>) -> Shares {
        let weights = weights(&shares);
        Shares { shares, weights }
    }
}

impl Schedule {
    /// The schedule, and the codes of the categories whose shares it gives, ascending: all that have a weight at some point.
    pub(crate) fn new(config: &Config, categories: &[(String, u64)]) -> Result<(Schedule, Vec<usize>)> {
        let points: Vec<(String, u64, &Weights)> = match (&config.weights, &config.schedule) {
            (Some(Listed(weights)), None) => match config.interpolate {
                None => vec![("weights".into(), 0, weights)],
                Some(_) => return Err(Error::config("interpolate", "it belongs to a `schedule`, and there is none")),
            },
            (None, Some(points)) => {
                let key = |i| format!("schedule[{i}].weights");
                points.iter().enumerate().map(|(i, point)| (key(i), point.step, &point.weights.0)).collect()
            }
            (Some(_), Some(_)) => return Err(Error::config("weights", "there is a `schedule` too; leave one of them out")),
            (None, None) => return Err(Error::config("weights", "it is missing, and so is `schedule`; one of them is needed")),
        };
        check_steps(&points)?;
        let code = |name: &str| categories.iter().position(|(category, _)| category == name);
        let mut codes = BTreeSet::new();
        for (key, _, weights) in &points {
            check_weights(key, weights)?;
            for (name, &weight) in *weights {
                let code = code(name).ok_or_else(|| unknown(key, name, &config.column, categories))?;
                if weight > 0.0 {
                    codes.insert(code);
                }
            }
        }
        let codes: Vec<usize> = codes.into_iter().collect();
        let shares = |weights: &Weights| {
            let weight = |&code: &usize| categories.get(code).and_then(|(name, _)| weights.get(name)).copied().unwrap_or(0.0);
            normalized(codes.iter().map(weight).collect())
        };
        let points = points.into_iter().map(|(_, step, weights)| (step, Shares::new(shares(weights)))).collect();
        Ok((Schedule { points, interpolate: config.interpolate.unwrap_or(false) }, codes))
    }

    /// The shares at a step; they come to 1, up to rounding.
    pub(crate) fn shares(&self, step: u64) -> Cow<'_, Shares> {
        let next = self.points.partition_point(|&(from, _)| from <= step);
        let Some((from, shares)) = next.checked_sub(1).and_then(|last| self.points.get(last)) else {
            return Cow::Owned(Shares::new(Vec::new()));
        };
        match self.points.get(next) {
            Some((to, then)) if self.interpolate => {
                let part = (step - from) as f64 / (to - from) as f64;
                Cow::Owned(Shares::new(shares.shares.iter().zip(&then.shares).map(|(a, b)| a + (b - a) * part).collect()))
            }
            _ => Cow::Borrowed(shares),
        }
    }
}

/// Shares as whole numbers in units of 2^-40, so that what follows is exact.
fn weights(shares: &[f64]) -> Vec<u64> {
    shares.iter().map(|&share| (share * (1u64 << 40) as f64) as u64).collect()
}

fn normalized(weights: Vec<f64>) -> Vec<f64> {
    // By the largest first: the sum of large weights may be infinite.
    let most = weights.iter().copied().fold(0.0, f64::max);
    let scaled: Vec<f64> = weights.into_iter().map(|weight| weight / most).collect();
    let sum: f64 = scaled.iter().sum();
    scaled.into_iter().map(|weight| weight / sum).collect()
}

fn check_steps(points: &[(String, u64, &Weights)]) -> Result<()> {
    match points.first() {
        None => return Err(Error::config("schedule", "found no point; there must be at least one, with `step` 0")),
        Some((_, step, _)) if *step > 0 => {
            return Err(Error::config("schedule[0].step", format!("found {step}; the first point must be that of step 0")));
        }
        Some(_) => {}
    }
    for (i, pair) in points.windows(2).enumerate() {
        if let [(_, before, _), (_, step, _)] = pair
            && step <= before
        {
            let key = format!("schedule[{}].step", i + 1);
            return Err(Error::config(key, format!("found {step} after {before}; steps must ascend")));
        }
    }
    Ok(())
}

fn check_weights(key: &str, weights: &Weights) -> Result<()> {
    if let Some((name, weight)) = weights.iter().find(|(_, weight)| !(weight.is_finite() && **weight >= 0.0)) {
        return Err(Error::config(format!("{key}.{name}"), format!("found {weight}; a weight is a finite number, 0 or more")));
    }
    if !weights.values().any(|&weight| weight > 0.0) {
        return Err(Error::config(key, "no category has a weight above 0; at least one must"));
    }
    Ok(())
}

fn unknown(key: &str, name: &str, column: &str, categories: &[(String, u64)]) -> Error {
    let mut names: Vec<String> = categories.iter().take(20).map(|(name, _)| format!("`{name}`")).collect();
    if categories.len() > 20 {
        names.push(format!("and {} more", categories.len() - 20));
    }
    Error::config(format!("{key}.{name}"), format!("column `{column}` has no such category; it has {}", names.join(", ")))
}
