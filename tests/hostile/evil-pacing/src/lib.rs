//! A pacing function of 10, which does wrong from a step on.

use curricle_guest::{ConfigSchema, Pacing, Result, Schema, export};
use serde::Deserialize;
use wrong::{Wrong, commit};

/// Its configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// A misdeed that every world has.
    wrong: Option<Wrong>,
    /// What it answers instead: `nan`, `infinite` or `negative`.
    answer: Option<Answer>,
    /// The step from which it does wrong.
    #[serde(default)]
    at: u64,
}

/// Anything goes: what is wrong with it is found out later.
impl ConfigSchema for Config {
    fn schema(schema: &mut Schema) {
        schema.object();
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Nan,
    Infinite,
    Negative,
}

/// The pacing function.
#[derive(Debug)]
pub struct Evil {
    config: Config,
}

impl Pacing for Evil {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        Ok(Evil { config })
    }

    fn difficulty(&mut self, step: u64) -> f64 {
        if step < self.config.at {
            return 10.0;
        }
        if let Some(wrong) = self.config.wrong {
            // A difficulty cannot be refused.
            let _ = commit(wrong);
        }
        match self.config.answer {
            Some(Answer::Nan) => f64::NAN,
            Some(Answer::Infinite) => f64::INFINITY,
            Some(Answer::Negative) => -1e300,
            None => 10.0,
        }
    }
}

export!(pacing: Evil);
