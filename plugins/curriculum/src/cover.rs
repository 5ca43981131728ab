//! Streams that together hold every eligible sample once.
//!
//! A sample is eligible if each metric is above its lower bound, if it has one, and at most its difficulty: eligible samples fill a box with
//! one corner at the lower bounds and one at the difficulties. When the upper corner moves outwards from p to c, the samples that become
//! eligible are cut into one box for each metric j: metrics before j at most p, metric j above p and at most c, metrics after j at most c.
//! These boxes are disjoint and leave nothing out, and each that holds a sample becomes a stream. When the upper corner moves inwards in any
//! metric, or a lower bound moves, the cover starts over with one box, unless no sample lies in between.

use curricle_guest::{Condition, Error, Result, Stream, dataset};

use crate::{axis::Axis, saved};

/// Which samples are eligible.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    /// Exclusive lower bound of each metric; minus infinity for none.
    pub(crate) floors: Vec<f64>,
    /// Difficulty of each metric.
    pub(crate) corner: Vec<f64>,
}

impl Window {
    /// What the pacing functions say at a step.
    pub(crate) fn at(axes: &[Axis], step: u64) -> Result<Window> {
        let floors = axes.iter().map(|axis| axis.floor(step)).collect::<Result<_>>()?;
        let corner = axes.iter().map(|axis| axis.difficulty(step)).collect::<Result<_>>()?;
        Ok(Window { floors, corner })
    }
}

/// The streams of a cover, and the corners that made them.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    /// Lower bounds of all boxes.
    floors: Vec<f64>,
    /// Upper corners at which a box was opened, each outside the one before.
    opened: Vec<Vec<f64>>,
    streams: Vec<Stream>,
    sizes: Vec<u64>,
}

impl Cover {
    /// Moves the bounds.
    pub(crate) fn change_to(&mut self, axes: &[Axis], window: &Window) -> Result<()> {
        let mut corner = window.corner.clone();
        match self.opened.last() {
            // Where it fell and lost nothing, the cover is as it was.
            Some(last) if !loses(axes, &self.floors, last, window)? => {
                corner.iter_mut().zip(last).for_each(|(next, last)| *next = next.max(*last));
            }
            _ => *self = Cover { floors: window.floors.clone(), ..Cover::default() },
        }
        if self.open(axes, &corner)? {
            if self.opened.len() >= saved::most(axes.len()) {
                return Err(Error::state(format!(
                    "the difficulties changed {} times, more than a saved state can hold; set `every`, or give the pacing function a quantum",
                    self.opened.len()
                )));
            }
            self.opened.push(corner);
        }
        if self.streams.is_empty() {
            let bounds = window.floors.iter().zip(&window.corner);
            let reasons: Vec<String> =
                axes.iter().zip(bounds).map(|(axis, (&floor, &difficulty))| axis.why_empty(floor, difficulty)).collect();
            return Err(Error::data(format!("no sample is eligible: {}; let the pacing function begin higher", reasons.join(", "))));
        }
        Ok(())
    }

    /// Opens what a saved cover had opened: its lower bounds and, in order, its corners.
    pub(crate) fn open_again(axes: &[Axis], floors: Vec<f64>, corners: Vec<Vec<f64>>) -> Result<Cover> {
        let mut cover = Cover { floors, ..Cover::default() };
        for corner in corners {
            if cover.opened.last().is_some_and(|last| last.iter().zip(&corner).any(|(last, next)| next < last)) {
                return Err(Error::state("the saved difficulties do not ascend; the state is damaged"));
            }
            cover.open(axes, &corner)?;
            cover.opened.push(corner);
        }
        Ok(cover)
    }

    /// Opens the boxes between the last corner and this one; whether there were any samples in them.
    fn open(&mut self, axes: &[Axis], corner: &[f64]) -> Result<bool> {
        let before = self.streams.len();
        for bounds in self.boxes(corner) {
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

    /// The boxes of the samples that become eligible at this corner.
    fn boxes(&self, corner: &[f64]) -> Vec<Bounds> {
        let floor = |i: usize| self.floors.get(i).copied().filter(|floor| floor.is_finite());
        let Some(last) = self.opened.last() else {
            return vec![corner.iter().enumerate().map(|(i, &at_most)| (floor(i), at_most)).collect()];
        };
        let bounds = |j: usize| {
            let pairs = last.iter().zip(corner).enumerate();
            pairs.map(|(i, (&last, &next))| (if i == j { Some(last) } else { floor(i) }, if i < j { last } else { next })).collect()
        };
        let moved = |&j: &usize| last.get(j) != corner.get(j);
        (0..corner.len()).filter(moved).map(bounds).collect()
    }

    /// Lower bounds, and the corners at which streams were opened.
    pub(crate) fn opened(&self) -> (&[f64], &[Vec<f64>]) {
        (&self.floors, &self.opened)
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

/// Whether a sample may have come in below or gone out of a cover: one of a metric alone is looked for, O(log n) each.
fn loses(axes: &[Axis], floors: &[f64], last: &[f64], window: &Window) -> Result<bool> {
    let any = |axis: &Axis, a: f64, b: f64| -> Result<bool> {
        let (above, at_most) = (a.min(b), a.max(b));
        Ok(a != b && dataset::count(&[axis.condition(Some(above).filter(|above| above.is_finite()), at_most)])? > 0)
    };
    for (axis, (a, b)) in axes.iter().zip(floors.iter().zip(&window.floors)) {
        if any(axis, *a, *b)? {
            return Ok(true);
        }
    }
    for (axis, (last, next)) in axes.iter().zip(last.iter().zip(&window.corner)) {
        if next < last && any(axis, *next, *last)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether no sample meets the conditions. The bounded metrics alone are asked first: that costs O(log n), all together O(n).
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

/// A stream's name says its bounds: the same box is the same stream, in a resumed run too. Without a metric it is that of policy `uniform`,
/// and so is the order.
fn name(axes: &[Axis], bounds: &Bounds) -> String {
    if axes.is_empty() {
        return "everything".into();
    }
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
