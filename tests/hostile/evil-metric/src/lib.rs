//! A metric that measures lengths in one pass, and does wrong where it is told to.

use curricle_guest::{ConfigSchema, Metric, Needs, Result, Samples, Schema, Tokens, Values, export};
use serde::Deserialize;
use wrong::{Wrong, commit};

/// Its configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// A misdeed that every world has.
    wrong: Option<Wrong>,
    /// The call that it happens in.
    #[serde(default, rename = "in")]
    call: Call,
    /// A misdeed of metrics.
    answer: Option<Answer>,
    /// The sample from which it does wrong.
    #[serde(default)]
    at: u64,
}

/// Anything goes: what is wrong with it is found out later.
impl ConfigSchema for Config {
    fn schema(schema: &mut Schema) {
        schema.object();
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Call {
    Configure,
    Accumulate,
    Partial,
    Merge,
    Finish,
    Totals,
    #[default]
    Measure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// A value that is none.
    Nan,
    /// One value too few.
    Short,
    /// One value too many.
    Long,
    /// Values of another type.
    Type,
    /// A partial result of 64 MiB.
    Partial,
    /// A merged result that is 32 MiB larger than what was merged.
    Merge,
    /// Partial results that hold what was handed over before: no fault of a call, and neither are the next five.
    Keeps,
    /// Merged results that hold what was merged before.
    Remembers,
    /// Merged results that are means, of which the mean is another with every tree.
    Means,
    /// Values that depend on the samples beside them.
    Neighbours,
    /// Values that depend on the bytes of a token.
    Width,
    /// Merged results that have nothing to do with what was merged: no fault of a call.
    Lies,
    /// An infinite total.
    Infinite,
    /// More totals than are kept.
    Totals,
    /// More passes than are made.
    Passes,
    /// Neither passes nor values.
    Nothing,
}

/// The metric.
#[derive(Debug)]
pub struct Evil {
    config: Config,
    tokens: u64,
    merged: u64,
}

impl Metric for Evil {
    type Config = Config;

    fn needs(&self) -> Needs {
        match self.config.answer {
            Some(Answer::Passes) => Needs::passes(17),
            Some(Answer::Nothing) => Needs { passes: 0, tokens: false, values: false },
            _ => Needs::passes(1),
        }
    }

    fn configure(config: Config) -> Result<Self> {
        let evil = Evil { config, tokens: 0, merged: 0 };
        evil.general(Call::Configure)?;
        Ok(evil)
    }

    fn accumulate(&mut self, _: u32, samples: &Samples) -> Result<()> {
        if samples.first() >= self.config.at {
            self.general(Call::Accumulate)?;
        }
        self.tokens += samples.lengths().map(u64::from).sum::<u64>();
        Ok(())
    }

    fn partial(&mut self, _: u32) -> Vec<u8> {
        // `partial` and `totals` cannot refuse.
        let _ = self.general(Call::Partial);
        if self.does(Answer::Partial) {
            return vec![0; 64 << 20];
        }
        let tokens = self.tokens;
        if !self.does(Answer::Keeps) {
            self.tokens = 0;
        }
        tokens.to_le_bytes().to_vec()
    }

    fn merge(&mut self, _: u32, partials: &[Vec<u8>]) -> Result<Vec<u8>> {
        self.general(Call::Merge)?;
        if self.does(Answer::Merge) {
            return Ok(vec![0; 32 << 20]);
        }
        let number = |bytes: &Vec<u8>| bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let sum = partials.iter().map(number).fold(0, u64::wrapping_add);
        let merged = match self.config.answer {
            Some(Answer::Lies) => 42,
            Some(Answer::Means) => sum / (partials.len() as u64).max(1),
            Some(Answer::Remembers) => {
                self.merged = self.merged.wrapping_add(sum);
                self.merged
            }
            _ => sum,
        };
        Ok(merged.to_le_bytes().to_vec())
    }

    fn finish(&mut self, _: u32, merged: &[u8]) -> Result<()> {
        self.general(Call::Finish)?;
        self.tokens = merged.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok(())
    }

    fn totals(&mut self) -> Vec<f64> {
        let _ = self.general(Call::Totals);
        match self.config.answer {
            Some(Answer::Infinite) => vec![1.0, f64::INFINITY],
            Some(Answer::Totals) => vec![0.0; (1 << 24) + 1],
            _ => vec![self.tokens as f64],
        }
    }

    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        let mut lengths: Vec<f32> = samples.lengths().map(|length| length as f32).collect();
        if samples.first() + (samples.len() as u64) <= self.config.at {
            return Ok(lengths.into());
        }
        self.general(Call::Measure)?;
        match self.config.answer {
            Some(Answer::Nan) => {
                let place = self.config.at.saturating_sub(samples.first()) as usize;
                if let Some(value) = lengths.get_mut(place) {
                    *value = f32::NAN;
                }
            }
            Some(Answer::Short) => drop(lengths.pop()),
            Some(Answer::Long) => lengths.push(0.0),
            Some(Answer::Neighbours) => {
                let longest = lengths.iter().copied().fold(1.0, f32::max);
                lengths.iter_mut().for_each(|length| *length /= longest);
            }
            Some(Answer::Width) => lengths.iter_mut().for_each(|length| *length *= width(samples)),
            Some(Answer::Type) => return Ok(lengths.into_iter().map(f64::from).collect::<Vec<f64>>().into()),
            _ => {}
        }
        Ok(lengths.into())
    }
}

impl Evil {
    /// Does wrong if this is the call for it.
    fn general(&self, call: Call) -> Result<()> {
        match self.config.wrong {
            Some(wrong) if self.config.call == call => commit(wrong),
            _ => Ok(()),
        }
    }

    fn does(&self, answer: Answer) -> bool {
        self.config.answer == Some(answer)
    }
}

/// Bytes of a token.
fn width(samples: &Samples) -> f32 {
    match samples.tokens() {
        Tokens::U8(_) => 1.0,
        Tokens::U16(_) => 2.0,
        Tokens::U32(_) => 4.0,
    }
}

export!(metric: Evil);
