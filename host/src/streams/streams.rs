//! All streams of a run, by number and by name.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::stream::{Order, Stream};
use crate::{
    Error, Result,
    columns::{Columns, Condition},
};

/// Longest name of a stream, in bytes.
const MAX_NAME: usize = 128;
/// A state lists every stream; this keeps it at a few megabytes.
const MAX_STREAMS: usize = 1 << 16;
/// Memory of all selections together, so that a policy cannot fill that of the trainer: 2^31 samples as a bitmap for each of 30 streams.
const MAX_MEMORY: u64 = 8 << 30;
/// No run draws as many samples from a stream.
const MAX_POSITION: u64 = 1 << 62;

/// Where one stream stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Name of the stream.
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub name: Arc<str>,
    /// Samples drawn so far, over all epochs.
    pub position: u64,
    /// A number for its conditions and order: a stream of that name goes on only if it has the same.
    pub identity: u64,
}

/// The streams of one run, in order of opening.
#[derive(Debug)]
pub struct Streams {
    columns: Arc<Columns>,
    seed: u64,
    streams: Vec<Open>,
    numbers: BTreeMap<Arc<str>, u32>,
    /// States of streams that are not opened yet.
    waiting: BTreeMap<Arc<str>, StreamState>,
    memory: u64,
    max_memory: u64,
    /// Whether a stream of a restored state may have other conditions than it was saved with.
    conditions_change: bool,
}

#[derive(Debug)]
struct Open {
    stream: Stream,
    identity: u64,
}

impl Streams {
    /// No streams yet. With the name of a stream, `seed` decides its random order.
    pub fn new(columns: Arc<Columns>, seed: u64) -> Streams {
        let (streams, numbers, waiting) = Default::default();
        Streams { columns, seed, streams, numbers, waiting, memory: 0, max_memory: MAX_MEMORY, conditions_change: false }
    }

    /// Lets the selections of all streams together take this many bytes, beyond the mapped columns; 8 GiB without this call.
    pub fn set_max_memory(&mut self, bytes: u64) {
        self.max_memory = bytes;
    }

    /// Lets streams of a restored state that are opened from now on have other conditions or another order than they were saved with. They
    /// keep their positions, the number of samples that were drawn from them.
    pub fn let_conditions_change(&mut self) {
        self.conditions_change = true;
    }

    /// Opens the endless stream of the samples that meet every condition, and gives its number. Opening a name again gives the same number,
    /// and a stream of a restored state goes on where it stood.
    ///
    /// # Errors
    /// [`Error::State`] if a stream of that name has other conditions or another order, [`Error::Data`] if no sample meets the conditions,
    /// they or the order do not fit the columns, the name is not 1 to 128 bytes without control characters, or there are too many streams.
    pub fn open(&mut self, name: &str, conditions: &[Condition], order: &Order) -> Result<u32> {
        check_name(name)?;
        let identity = order.identity(conditions);
        if let Some((number, open)) = self.numbers.get(name).and_then(|number| Some((*number, self.streams.get(*number as usize)?))) {
            return if open.identity == identity { Ok(number) } else { Err(other(name, "was opened before")) };
        }
        let state = self.waiting.get(name);
        if let Some(state) = state.filter(|state| state.identity != identity) {
            if !self.conditions_change {
                return Err(other(name, "was saved"));
            }
            tracing::warn!(
                stream = name,
                position = state.position,
                "goes on with other conditions or another order than it was saved with"
            );
        }
        let number = u32::try_from(self.streams.len()).ok().filter(|_| self.streams.len() < MAX_STREAMS);
        let number = number.ok_or_else(|| Error::data(format!("more than {MAX_STREAMS} streams are open"), "open fewer streams"))?;

        let selection = self.columns.select(conditions)?;
        // Laying an order out takes several times what it takes in the end, which must not come before the refusal.
        let least = match order {
            Order::Sequential if !selection.is_empty() => selection.least_by_id()?,
            Order::Ascending(column) if !selection.is_empty() => selection.least_by_value(self.columns.get(column)?),
            _ => 0,
        };
        self.with_more_memory(name, least, "at least ")?;
        let mut stream = Stream::new(self.seed, name, selection, order, &self.columns)?;
        self.memory = self.with_more_memory(name, stream.memory(), "")?;
        if let Some(state) = self.waiting.remove(name) {
            stream.set_position(state.position);
        }
        tracing::debug!(stream = name, samples = stream.len(), position = stream.position(), "opened");
        self.numbers.insert(stream.name().clone(), number);
        self.streams.push(Open { stream, identity });
        Ok(number)
    }

    /// The stream of a number; none if it was never given out.
    pub fn get(&self, number: u32) -> Option<&Stream> {
        self.streams.get(number as usize).map(|open| &open.stream)
    }

    /// Appends the next `count` samples of a stream.
    ///
    /// # Errors
    /// [`Error::Data`] if the number was never given out.
    pub fn draw(&mut self, number: u32, count: usize, out: &mut Vec<u64>) -> Result<()> {
        let opened = self.streams.len();
        match self.streams.get_mut(number as usize) {
            Some(open) => {
                open.stream.draw(count, out);
                Ok(())
            }
            None => Err(Error::data(format!("there is no stream {number}, {opened} were opened"), "use the numbers that `open` gave")),
        }
    }

    /// Number of open streams.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether no stream is open.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Where all streams stand, in the order of their names' bytes; those of a restored state that are not opened yet too.
    pub fn state(&self) -> Vec<StreamState> {
        let opened = self.numbers.iter().filter_map(|(name, number)| {
            let Open { stream, identity } = self.streams.get(*number as usize)?;
            Some(StreamState { name: name.clone(), position: stream.position(), identity: *identity })
        });
        let mut states: Vec<_> = opened.chain(self.waiting.values().cloned()).collect();
        states.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        states
    }

    /// Takes over what [`state`](Streams::state) gave: streams that are open go to their positions, others will when they are opened.
    ///
    /// # Errors
    /// [`Error::State`] if a name or a position cannot be, a name comes twice, or an open stream has other conditions or another order;
    /// nothing has changed then.
    pub fn restore(&mut self, states: Vec<StreamState>) -> Result<()> {
        let mut waiting = BTreeMap::new();
        for state in states {
            let damaged =
                |problem: String| Error::state(format!("stream {}", state.name.escape_debug()), problem, "resume from another state");
            check_name(&state.name).map_err(|_| damaged("the name is none that a stream can have".to_owned()))?;
            if state.position > MAX_POSITION {
                return Err(damaged(format!("position {} is beyond {MAX_POSITION}", state.position)));
            }
            if self.opened(&state.name).is_some_and(|open| open.identity != state.identity) {
                return Err(other(&state.name, "was saved"));
            }
            if let Some(twice) = waiting.insert(state.name.clone(), state) {
                return Err(Error::state(format!("stream {}", twice.name), "it is listed twice", "resume from another state"));
            }
        }
        self.waiting.clear();
        for (name, state) in waiting {
            match self.numbers.get(&name).and_then(|number| self.streams.get_mut(*number as usize)) {
                Some(open) => open.stream.set_position(state.position),
                None => drop(self.waiting.insert(name, state)),
            }
        }
        Ok(())
    }

    /// Memory of all selections with so much for one more stream, unless that is too much.
    fn with_more_memory(&self, name: &str, more: u64, how_sure: &str) -> Result<u64> {
        let memory = self.memory.saturating_add(more);
        if memory <= self.max_memory {
            return Ok(memory);
        }
        let problem = format!("with stream `{name}` the selections take {how_sure}{memory} bytes, {} are allowed", self.max_memory);
        let remedy = "open fewer streams, or such with one condition, which take none, or raise `limits.memory` of the policy";
        Err(Error::data(problem, remedy))
    }

    fn opened(&self, name: &str) -> Option<&Open> {
        self.numbers.get(name).and_then(|number| self.streams.get(*number as usize))
    }
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        let problem = format!("a stream cannot be named `{}`", name.escape_debug());
        return Err(Error::data(problem, "give it 1 to 128 bytes without control characters"));
    }
    Ok(())
}

fn other(name: &str, what: &str) -> Error {
    let problem = format!("it {what} with other conditions or another order");
    Error::state(format!("stream {name}"), problem, "use the same conditions and order, or another name")
}

fn write_name<S: Serializer>(name: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(deserializer).map(Arc::from)
}
