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
    /// What it answers instead: `nan`, `infinite`, `negative` or `counts`.
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
    /// One more with every question: no fault of a call.
    Counts,
}

/// The pacing function.
#[derive(Debug)]
pub struct Evil {
    config: Config,
    asked: u64,
}

impl Pacing for Evil {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        Ok(Evil { config, asked: 0 })
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
            Some(Answer::Counts) => {
                self.asked += 1;
                self.asked as f64
            }
            None => 10.0,
        }
    }
}

export!(pacing: Evil);
