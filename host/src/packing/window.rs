//! A run of neighbours that grows at its end and shrinks at its start.

use std::collections::VecDeque;

use super::Count;

/// Which runs are within the limits of a micro-batch. A run is dealt to `groups` micro-batches in turn: the sample at place i of the order goes
/// to group i modulo `groups`, and each group has to be within the limits.
///
/// Any part of a run within the limits is within them, too, since a sample more adds tokens and never takes any. So the longest run from each
/// start is found by moving two ends forwards: O(1) a sample, whatever the limits.
#[derive(Debug)]
pub(super) struct Window<'a> {
    lengths: &'a [u32],
    order: &'a [u32],
    groups: Vec<Group>,
    count: Count,
    max_tokens: u64,
    max_samples: u64,
    start: usize,
    end: usize,
}

#[derive(Clone, Debug, Default)]
struct Group {
    samples: u64,
    tokens: u64,
    /// Places whose samples are longer than all behind them, in order: the first is the longest. Only where padding counts.
    longest: VecDeque<usize>,
}

impl<'a> Window<'a> {
    pub(super) fn new(
        lengths: &'a [u32],
        order: &'a [u32],
        groups: usize,
        count: Count,
        max_tokens: u64,
        max_samples: Option<u32>,
    ) -> Window<'a> {
        let max_samples = max_samples.map_or(u64::MAX, u64::from);
        Window { lengths, order, groups: vec![Group::default(); groups.max(1)], count, max_tokens, max_samples, start: 0, end: 0 }
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Grows as far as the limits allow and gives the end.
    pub(super) fn grow(&mut self) -> usize {
        while self.end < self.order.len() && self.push() {
            self.end += 1;
        }
        self.end
    }

    /// Lets go of what lies before `start`, which is not beyond the end unless nothing fits.
    pub(super) fn shrink(&mut self, start: usize) {
        while self.start < start {
            if self.start == self.end {
                // A sample that alone is over the limits: it was never taken in.
                self.end += 1;
            } else {
                self.pop();
            }
            self.start += 1;
        }
    }

    fn length(&self, place: usize) -> u32 {
        self.order.get(place).and_then(|&sample| self.lengths.get(sample as usize)).copied().unwrap_or(0)
    }

    fn push(&mut self) -> bool {
        let length = self.length(self.end);
        let groups = self.groups.len();
        let Some(group) = self.groups.get(self.end % groups) else { return false };
        let tokens = match self.count {
            Count::Tokens => group.tokens + u64::from(length),
            // Both factors are below 2^32.
            Count::Padded => (group.samples + 1) * u64::from(group.longest.front().map_or(0, |&place| self.length(place)).max(length)),
        };
        if tokens > self.max_tokens || group.samples >= self.max_samples {
            return false;
        }
        if self.count == Count::Padded {
            while let Some(&last) = self.groups.get(self.end % groups).and_then(|group| group.longest.back())
                && self.length(last) <= length
            {
                self.groups[self.end % groups].longest.pop_back();
            }
        }
        let group = &mut self.groups[self.end % groups];
        group.samples += 1;
        group.tokens += u64::from(length);
        if self.count == Count::Padded {
            group.longest.push_back(self.end);
        }
        true
    }

    fn pop(&mut self) {
        let length = self.length(self.start);
        let groups = self.groups.len();
        let group = &mut self.groups[self.start % groups];
        group.samples -= 1;
        group.tokens -= u64::from(length);
        if group.longest.front() == Some(&self.start) {
            group.longest.pop_front();
        }
    }
}
