//! A policy that draws honestly from one stream until the step, or in the call, where it is told to do wrong.

use std::{cell::Cell, hint::black_box};

use curricle_guest::{
    Condition, ConfigSchema, Error, Order, Plan, Policy, Result, Schema, Snapshot, Step, Stream, dataset, export, pacings,
};
use serde::Deserialize;
use wrong::{Wrong, commit};

/// Its configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// A misdeed that every world has.
    wrong: Option<Wrong>,
    /// The call that it happens in.
    #[serde(default, rename = "in")]
    call: Call,
    /// A misdeed of policies, in `fill`.
    fill: Option<Fill>,
    /// The step from which misdeeds in `fill` happen; `drift` counts calls instead.
    #[serde(default)]
    at: u64,
    /// Bytes that are saved beside the number of calls.
    #[serde(default)]
    state: usize,
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
    #[default]
    Fill,
    Save,
    Restore,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fill {
    /// Draws one sample less than was asked for.
    Short,
    /// Draws one more, and drops what the host says.
    Long,
    /// Draws nothing.
    Nothing,
    /// The same sample again and again.
    Same,
    /// A sample that does not exist.
    Absent,
    /// A sample whose id is near 2^63.
    Far,
    /// More samples at once than are given.
    Take,
    /// Opens streams without end.
    Streams,
    /// Opens streams that are laid out in memory, without end.
    Layouts,
    /// A number beside the batch that is none.
    Nan,
    /// A name beside the batch with a control character.
    Name,
    /// One name beside the batch more than there may be.
    Names,
    /// Cuts samples to nothing.
    Truncate,
    /// Asks for a pacing function that is not there.
    Pacing,
    /// Asks for difficulties without end.
    Pacings,
    /// Asks for a column that is not there.
    Column,
    /// Asks for what costs the host much, without end.
    Counts,
    /// Asks for values of more samples than there are.
    Values,
    /// A quantile beyond 1.
    Quantile,
    /// Another stream after `at` calls of this instance: no fault, and not the same on every rank.
    Drift,
    /// Another stream once this instance was saved: no fault, and not the same where nobody saves.
    Saved,
}

/// The policy.
#[derive(Debug)]
pub struct Evil {
    config: Config,
    stream: Stream,
    calls: u64,
    saved: Cell<bool>,
}

impl Policy for Evil {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        let stream = Stream::open("all", &[], &Order::Sequential)?;
        let evil = Evil { config, stream, calls: 0, saved: Cell::new(false) };
        evil.general(Call::Configure)?;
        Ok(evil)
    }

    fn fill(&mut self, step: Step, plan: &mut Plan) -> Result<()> {
        self.calls += 1;
        let size = plan.size();
        let Some(fill) = self.config.fill.filter(|fill| matches!(fill, Fill::Drift) || step.index >= self.config.at) else {
            if step.index >= self.config.at {
                self.general(Call::Fill)?;
            }
            return plan.draw(self.stream, size);
        };
        match fill {
            Fill::Short => return plan.draw(self.stream, size - 1),
            Fill::Long => drop(plan.draw(self.stream, size + 1)),
            Fill::Nothing => return Ok(()),
            Fill::Same => return plan.append(&vec![7; size as usize]),
            Fill::Absent => plan.append(&[dataset::len()])?,
            Fill::Far => plan.append(&[(1 << 63) - 1])?,
            Fill::Take => drop(black_box(self.stream.take(u32::MAX))),
            Fill::Streams => {
                for i in 0.. {
                    Stream::shuffled(&format!("stream {i}"), &[])?;
                }
            }
            Fill::Layouts => {
                for i in 0.. {
                    let hard = Condition::between("hardness", None, 500.0);
                    Stream::open(&format!("layout {i}"), &[hard], &Order::Ascending("length".to_owned()))?;
                }
            }
            Fill::Nan => plan.annotate("loss", f64::NAN)?,
            Fill::Name => plan.annotate("lo\x1b[2Jss", 1.0)?,
            Fill::Names => (0..65).try_for_each(|i| plan.annotate(&format!("n{i}"), 1.0))?,
            Fill::Truncate => plan.truncate(0),
            Fill::Pacing => drop(pacings::difficulty("no\x1bwhere", step.index)?),
            Fill::Pacings => loop {
                black_box(pacings::difficulty("none", step.index).is_ok());
            },
            Fill::Column => drop(dataset::quantile("no\x1bwhere", 0.5)?),
            Fill::Counts => loop {
                let all = [Condition::between("length", None, 30.0), Condition::between("hardness", None, 500.0)];
                black_box(dataset::count(&all)?);
            },
            Fill::Values => drop(dataset::values("length", &[0, u64::MAX])?),
            Fill::Quantile => drop(dataset::quantile("length", 1.5)?),
            Fill::Drift if self.calls > self.config.at => return plan.draw(Stream::shuffled("other", &[])?, size),
            Fill::Drift => {}
            Fill::Saved if self.saved.get() => return plan.draw(Stream::shuffled("other", &[])?, size),
            Fill::Saved => {}
        }
        plan.draw(self.stream, size)
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
}

impl Snapshot for Evil {
    fn save(&self) -> Vec<u8> {
        // `save` cannot refuse.
        let _ = self.general(Call::Save);
        self.saved.set(true);
        [vec![0xe5], vec![0; self.config.state]].concat()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.general(Call::Restore)?;
        match state {
            [0xe5, rest @ ..] if rest.len() == self.config.state && rest.iter().all(|&byte| byte == 0) => Ok(()),
            _ => Err(Error::state(format!("these {} bytes are not what it saved", state.len()))),
        }
    }
}

export!(stateful policy: Evil);
