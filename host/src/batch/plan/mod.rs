//! The global batch in the making: what a policy asked for, drawn, before it is sliced by rank.

use std::{fmt, ops::Range};

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::{Cuts, Pieces, Shape};
use crate::streams::{Permutation, Streams};

/// Annotations that a plan holds at most.
const MAX_ANNOTATIONS: usize = 64;
/// Bytes of an annotation's name at most.
const MAX_NAME: usize = 64;
/// Sets the order of a batch apart from everything else that is keyed by the seed of a run.
const KEY: u64 = u64::from_le_bytes(*b"batch-01");

/// What one call drew from one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Number of the stream in its [`Streams`].
    pub stream: u32,
    /// Samples drawn.
    pub count: u32,
}

/// Why a plan did not take what it was given. The plan is unchanged, and nothing was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The policy may hear of it and go on: a sample that does not exist, an annotation that is not finite.
    Answer(String),
    /// The contract forbids it, so that the policy ends: more samples than the batch has, a stream that was never opened.
    Breach {
        /// What was asked, with the numbers.
        problem: String,
        /// What the author of the policy should do.
        remedy: String,
    },
}

impl Refusal {
    fn breach(problem: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal::Breach { problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Answer(text) => f.write_str(text),
            Refusal::Breach { problem, remedy } => write!(f, "{problem}; {remedy}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// The global batch of one step: which samples, in which order, cut to which length, with which numbers beside it.
///
/// Made once and [`reset`](Plan::reset) for each step, so that its buffers are allocated once.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    size: u32,
    step: u64,
    ids: Vec<u64>,
    truncate: Option<u32>,
    pieces: Option<Pieces>,
    cuts: Option<Cuts>,
    annotations: Vec<(String, f64)>,
    ordered: bool,
    draws: Vec<Draw>,
    appended: u32,
    /// The order that `finish` gathers by, kept for its allocation.
    order: Vec<u64>,
    /// By stream the number of the last `draw` call that named it, to find one that is named twice.
    named: Vec<u32>,
    /// Number of the current `draw` call since the plan was made.
    call: u32,
}

impl Plan {
    /// An empty plan for `size` samples, over all ranks and micro-batches; at least 1.
    pub fn new(size: u32) -> Plan {
        let mut plan = Plan::default();
        plan.reset(size);
        plan
    }

    /// Empties the plan for the next step, keeping its buffers.
    pub fn reset(&mut self, size: u32) {
        self.size = size;
        self.step = 0;
        self.ids.clear();
        self.truncate = None;
        self.pieces = None;
        self.cuts = None;
        self.annotations.clear();
        self.ordered = false;
        self.draws.clear();
        self.appended = 0;
    }

    /// Samples asked for.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Samples so far: in the order of the calls, and after [`finish`](Plan::finish) in the order of the batch.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// Tokens to which every sample is cut, if policy or run file asked for it; at least 1.
    pub fn truncation(&self) -> Option<u32> {
        self.truncate
    }

    /// Into which sequences the samples fall once they are cut, if the run file asked for it.
    pub fn pieces(&self) -> Option<Pieces> {
        self.pieces
    }

    /// Where the batch is cut into micro-batches of different sizes, under a budget of tokens.
    pub fn cuts(&self) -> Option<&Cuts> {
        self.cuts.as_ref()
    }

    /// Places in [`ids`](Plan::ids) of each micro-batch of a rank. Where there are [cuts](Plan::cuts), the unit of `shape` is the micro-batch.
    pub fn micro_batches(&self, shape: &Shape) -> impl Iterator<Item = Range<usize>> {
        let n = self.cuts.as_ref().map_or(self.ids.len(), Cuts::len);
        shape.micro_batches(n).map(|places| match &self.cuts {
            Some(cuts) => cuts.places(places.start),
            None => places,
        })
    }

    /// Numbers for the trainer to read, in the order in which they were first given; all are finite.
    pub fn annotations(&self) -> &[(String, f64)] {
        &self.annotations
    }

    /// Whether the samples keep the order in which they were added.
    pub fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// What was drawn from which stream, in order of the calls.
    pub fn draws(&self) -> &[Draw] {
        &self.draws
    }

    /// Samples that the policy added by id.
    pub fn appended(&self) -> u32 {
        self.appended
    }

    /// Adds the next `counts[i]` samples of `numbers[i]`, for every i. Everything is checked before anything is drawn.
    ///
    /// # Errors
    /// [`Refusal::Breach`] if the lists differ in length, a stream was never opened or is named twice, or the batch would get more than
    /// [`size`](Plan::size) samples; [`Refusal::Answer`] with the words of the stream if it cannot be drawn from.
    pub fn draw(&mut self, streams: &mut Streams, numbers: &[u32], counts: &[u32]) -> Result<(), Refusal> {
        if numbers.len() != counts.len() {
            return Err(Refusal::breach(
                format!("drew from {} streams with {} counts", numbers.len(), counts.len()),
                "give one count for each stream",
            ));
        }
        let asked = counts.iter().map(|&count| u64::from(count)).sum();
        self.check_room(asked)?;
        self.check_streams(streams, numbers)?;
        for (&stream, &count) in numbers.iter().zip(counts) {
            if count > 0 {
                streams.draw(stream, count as usize, &mut self.ids).map_err(|e| Refusal::Answer(e.to_string()))?;
                self.draws.push(Draw { stream, count });
            }
        }
        Ok(())
    }

    /// Adds these samples, of a dataset of `n_samples`.
    ///
    /// # Errors
    /// [`Refusal::Answer`] naming the first id that is not below `n_samples`; [`Refusal::Breach`] if the batch would get more than
    /// [`size`](Plan::size) samples.
    pub fn append(&mut self, ids: &[u64], n_samples: u64) -> Result<(), Refusal> {
        self.check_room(ids.len() as u64)?;
        if let Some(id) = ids.iter().find(|&&id| id >= n_samples) {
            return Err(Refusal::Answer(format!("sample {id} does not exist, the dataset has {n_samples}")));
        }
        self.ids.extend_from_slice(ids);
        // No more than `size`, which is a u32.
        self.appended += ids.len() as u32;
        Ok(())
    }

    /// Cuts every sample to its first `length` tokens; the last call counts.
    ///
    /// # Errors
    /// [`Refusal::Breach`] if `length` is 0.
    pub fn truncate(&mut self, length: u32) -> Result<(), Refusal> {
        if length == 0 {
            return Err(Refusal::breach("truncated the samples to 0 tokens", "truncate to at least 1 token, or not at all"));
        }
        self.truncate = Some(length);
        Ok(())
    }

    /// Lets every sample fall into sequences.
    ///
    /// # Errors
    /// [`Refusal::Breach`] if their length is 0.
    pub fn divide(&mut self, pieces: Pieces) -> Result<(), Refusal> {
        if pieces.length == 0 {
            return Err(Refusal::breach("divided the samples into pieces of 0 tokens", "divide them into pieces of at least 1 token"));
        }
        self.pieces = Some(pieces);
        Ok(())
    }

    /// Makes these samples the batch, cut so, in place of those drawn.
    pub(crate) fn deal(&mut self, ids: impl Iterator<Item = u64>, cuts: Cuts) {
        self.ids.clear();
        self.ids.extend(ids);
        self.cuts = Some(cuts);
    }

    /// Puts a number beside the batch; a name given again replaces its value.
    ///
    /// # Errors
    /// [`Refusal::Answer`] if the value is not finite, the name is not 1 to 64 bytes without control characters, or there are 64 others.
    pub fn annotate(&mut self, name: &str, value: f64) -> Result<(), Refusal> {
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            let shown: String = name.chars().take(MAX_NAME).collect();
            return Err(Refusal::Answer(format!(
                "`{}` cannot name an annotation, a name is 1 to {MAX_NAME} bytes without control characters",
                shown.escape_debug()
            )));
        }
        if !value.is_finite() {
            return Err(Refusal::Answer(format!("annotation `{name}` is {value}, it must be finite")));
        }
        if let Some((_, old)) = self.annotations.iter_mut().find(|(known, _)| known == name) {
            *old = value;
        } else if self.annotations.len() < MAX_ANNOTATIONS {
            self.annotations.push((name.to_owned(), value));
        } else {
            return Err(Refusal::Answer(format!("no room for annotation `{name}`, a step has at most {MAX_ANNOTATIONS}")));
        }
        Ok(())
    }

    /// Keeps the samples in the order in which they were added.
    pub fn keep_order(&mut self) {
        self.ordered = true;
    }

    /// Whether the batch has come to exactly its size.
    ///
    /// # Errors
    /// [`Refusal::Breach`] naming both numbers.
    pub fn check_complete(&self) -> Result<(), Refusal> {
        if self.ids.len() == self.size as usize {
            return Ok(());
        }
        Err(Refusal::breach(
            format!("the batch came to {} samples, {} were asked for", self.ids.len(), self.size),
            "draw and append exactly `plan.size` samples",
        ))
    }

    /// Completes the plan of global batch `step`: unless it is to stay [ordered](Plan::keep_order), shuffles it by a [`Permutation`] keyed by
    /// the seed of the run and the step.
    ///
    /// # Errors
    /// As [`check_complete`](Plan::check_complete).
    pub fn finish(&mut self, seed: u64, step: u64) -> Result<(), Refusal> {
        self.check_complete()?;
        self.step = step;
        if self.ordered || self.ids.len() < 2 {
            return Ok(());
        }
        let mut key = [0; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..].copy_from_slice(&step.to_le_bytes());
        self.order.clear();
        self.order.resize(self.ids.len(), 0);
        Permutation::new(self.ids.len() as u64, xxh3_64_with_seed(&key, KEY)).fill(0, &mut self.order);
        for place in &mut self.order {
            *place = self.ids[*place as usize];
        }
        std::mem::swap(&mut self.ids, &mut self.order);
        Ok(())
    }

    /// 128-bit fingerprint of the finished plan, for comparing ranks and runs: XXH3 over, all little-endian, the step (u64); the number of
    /// samples (u64) and their ids (u64 each); the truncation (u32, 0 for none); the number of annotations (u32) and for each the length of
    /// its name (u32), its name in UTF-8, and the bits of its value (u64); only if the samples fall into pieces, `pieces` in ASCII and a u64
    /// of their length, with bit 32 set for [`Keep::Rows`](super::Keep::Rows); and only if the batch is [cut](Plan::cuts), `cuts` in ASCII,
    /// the number of micro-batches (u32) and the end of each (u32).
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = Xxh3::new();
        hash.update(&self.step.to_le_bytes());
        hash.update(&(self.ids.len() as u64).to_le_bytes());
        let mut block = [0u8; 4096];
        for ids in self.ids.chunks(block.len() / 8) {
            let mut used = 0;
            for (to, id) in block.chunks_exact_mut(8).zip(ids) {
                to.copy_from_slice(&id.to_le_bytes());
                used += 8;
            }
            hash.update(block.get(..used).unwrap_or_default());
        }
        hash.update(&self.truncate.unwrap_or(0).to_le_bytes());
        hash.update(&(self.annotations.len() as u32).to_le_bytes());
        for (name, value) in &self.annotations {
            hash.update(&(name.len() as u32).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update(&value.to_bits().to_le_bytes());
        }
        if let Some(pieces) = self.pieces {
            hash.update(b"pieces");
            hash.update(&pieces.code().to_le_bytes());
        }
        if let Some(cuts) = &self.cuts {
            hash.update(b"cuts");
            hash.update(&(cuts.len() as u32).to_le_bytes());
            cuts.ends().iter().for_each(|end| hash.update(&end.to_le_bytes()));
        }
        hash.digest128().to_le_bytes()
    }

    fn check_room(&self, asked: u64) -> Result<(), Refusal> {
        let total = asked.saturating_add(self.ids.len() as u64);
        if total <= u64::from(self.size) {
            return Ok(());
        }
        Err(Refusal::breach(
            format!("asked for {total} samples, the batch has {}", self.size),
            "draw and append exactly `plan.size` samples",
        ))
    }

    fn check_streams(&mut self, streams: &Streams, numbers: &[u32]) -> Result<(), Refusal> {
        if self.call == u32::MAX {
            self.named.fill(0);
            self.call = 0;
        }
        self.call += 1;
        for &number in numbers {
            if streams.get(number).is_none() {
                return Err(Refusal::breach(
                    format!("drew from stream {number}, which was never opened"),
                    "draw from numbers that `streams.open` returned to this instance",
                ));
            }
            let place = number as usize;
            if place >= self.named.len() {
                // Bounded by the number of open streams.
                self.named.resize(place + 1, 0);
            }
            match self.named.get_mut(place) {
                Some(last) if *last == self.call => {
                    return Err(Refusal::breach(
                        format!("named stream {number} twice in one `plan.draw`"),
                        "add up the counts of a stream before drawing",
                    ));
                }
                Some(last) => *last = self.call,
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
