//! Streams that together hold every eligible sample once.
//!
//! A sample is eligible if each metric is at most its difficulty: eligible samples fill a box with a corner at the difficulties. When the
//! corner moves outwards from p to c, the samples that become eligible are cut into one box for each metric j: metrics before j at most p,
//! metric j above p and at most c, metrics after j at most c. These boxes are disjoint and leave nothing out, and each that holds a sample
//! becomes a stream. When the corner moves inwards in any metric, the cover starts over with the one box at c.

use curricle_guest::{Condition, Error, Result, Stream, dataset};

use crate::{axis::Axis, saved};

/// The streams of a cover, and the corners that made them.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    /// Corners at which a box was opened, each outside the one before.
    opened: Vec<Vec<f64>>,
    streams: Vec<Stream>,
    sizes: Vec<u64>,
}

impl Cover {
    /// Moves the corner.
    pub(crate) fn change_to(&mut self, axes: &[Axis], corner: &[f64]) -> Result<()> {
        if self.opened.last().is_some_and(|last| !outwards(last, corner)) {
            *self = Cover::default();
        }
        if self.open(axes, corner)? {
            if self.opened.len() >= saved::most(axes.len()) {
                return Err(Error::state(format!(
                    "the difficulties changed {} times, more than a saved state can hold; set `every`, or give the pacing function a quantum",
                    self.opened.len()
                )));
            }
            self.opened.push(corner.to_vec());
        }
        if self.streams.is_empty() {
            let reasons: Vec<String> = axes.iter().zip(corner).map(|(axis, &difficulty)| axis.why_empty(difficulty)).collect();
            return Err(Error::data(format!("no sample is eligible: {}; let the pacing function begin higher", reasons.join(", "))));
        }
        Ok(())
    }

    /// Opens what a saved cover opened at this corner.
    pub(crate) fn open_again(&mut self, axes: &[Axis], corner: &[f64]) -> Result<()> {
        if self.opened.last().is_some_and(|last| !outwards(last, corner)) {
            return Err(Error::state("the saved difficulties do not ascend; the state is damaged"));
        }
        self.open(axes, corner)?;
        self.opened.push(corner.to_vec());
        Ok(())
    }

    /// Opens the boxes between the last corner and this one; whether there were any samples in them.
    fn open(&mut self, axes: &[Axis], corner: &[f64]) -> Result<bool> {
        let before = self.streams.len();
        let boxes = match self.opened.last() {
            None => vec![corner.iter().map(|&at_most| (None, at_most)).collect()],
            Some(last) => between(last, corner),
        };
        for bounds in boxes {
            let conditions: Vec<Condition> =
                axes.iter().zip(&bounds).map(|(axis, &(above, at_most))| axis.condition(above, at_most)).collect();
            if is_empty(&conditions, &bounds)? {
                continue;
            }
            let stream = Stream::shuffled(&name(axes, &bounds), &conditions)?;
            self.streams.push(stream);
            self.sizes.push(stream.len());
        }
        Ok(self.streams.len() > before)
    }

    pub(crate) fn opened(&self) -> &[Vec<f64>] {
        &self.opened
    }

    pub(crate) fn streams(&self) -> impl Iterator<Item = Stream> + '_ {
        self.streams.iter().copied()
    }

    /// Samples of each stream.
    pub(crate) fn sizes(&self) -> &[u64] {
        &self.sizes
    }
}

/// A box: for each metric its exclusive lower bound, if any, and its inclusive upper bound.
type Bounds = Vec<(Option<f64>, f64)>;

/// Whether each metric is at least what it was.
fn outwards(last: &[f64], corner: &[f64]) -> bool {
    last.iter().zip(corner).all(|(last, next)| next >= last)
}

/// The boxes of the samples that became eligible.
fn between(last: &[f64], corner: &[f64]) -> Vec<Bounds> {
    let bounds = |j: usize| {
        let pairs = last.iter().zip(corner).enumerate();
        pairs.map(|(i, (&last, &next))| (if i == j { Some(last) } else { None }, if i < j { last } else { next })).collect()
    };
    let moved = |&j: &usize| last.get(j) != corner.get(j);
    (0..corner.len()).filter(moved).map(bounds).collect()
}

/// Whether no sample meets the conditions. The bounded metric alone is asked first: that costs O(log n), all together O(n).
fn is_empty(conditions: &[Condition], bounds: &Bounds) -> Result<bool> {
    if conditions.len() > 1 {
        for (condition, (above, _)) in conditions.iter().zip(bounds) {
            if above.is_some() && dataset::count(std::slice::from_ref(condition))? == 0 {
                return Ok(true);
            }
        }
    }
    Ok(dataset::count(conditions)? == 0)
}

/// A stream's name says its bounds: the same box is the same stream, in a resumed run too.
fn name(axes: &[Axis], bounds: &Bounds) -> String {
    let ranges: Vec<String> = axes.iter().zip(bounds).map(|(axis, &(above, at_most))| axis.range(above, at_most)).collect();
    let name = ranges.join(" ");
    if name.len() <= 128 {
        return name;
    }
    let end = (0..=110).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    // FNV-1a with 64 bits.
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    format!("{}~{hash:016x}", name.get(..end).unwrap_or_default())
}
