//! The native packers, by name.

use super::{best_fit::best_fit_decreasing, first_fit::first_fit, length_sorted::length_sorted};
use crate::{Error, Result};

/// Ways to put samples into bins of one capacity. Each is a function: the same lengths give the same bins, on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinPacker {
    /// Each sample, in order, into the first bin with room: at most 1.7 times as many bins as the best packing (Johnson 1973). O(n log n).
    FirstFit,
    /// Each sample, long ones first, into the bin that it leaves the least room in: at most 11/9 as many bins as the best packing, plus one
    /// (Johnson 1973), and of text hardly more than its tokens need. O(n) for capacities below 2^16 or 8 n, O(n log n) above.
    BestFitDecreasing,
    /// One bin after another, in ascending order of length: the samples of a bin are of like length, which wastes least where each is padded to
    /// the longest. At most 1.7 times as many bins as the best packing, plus three (Baker and Coffman 1981). O(n).
    LengthSorted,
}

impl BinPacker {
    /// All of them.
    pub const ALL: [BinPacker; 3] = [BinPacker::FirstFit, BinPacker::BestFitDecreasing, BinPacker::LengthSorted];

    /// Its name in run files.
    pub fn name(self) -> &'static str {
        match self {
            BinPacker::FirstFit => "first-fit",
            BinPacker::BestFitDecreasing => "best-fit-decreasing",
            BinPacker::LengthSorted => "length-sorted",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<BinPacker> {
        BinPacker::ALL.into_iter().find(|packer| packer.name() == name)
    }

    /// Bin of each sample, given its length in tokens, from 1 to `capacity`. Bins are numbered from 0 without gaps, by the first sample in
    /// each. None holds more than `capacity` tokens or more than `max_samples` samples (0 is taken for 1).
    ///
    /// # Errors
    /// [`Error::Data`] naming the first sample that no bin can hold: its length is 0 or above `capacity`.
    pub fn pack(self, lengths: &[u32], capacity: u32, max_samples: Option<u32>) -> Result<Vec<u32>> {
        check_lengths(lengths, capacity)?;
        let bins = match self {
            BinPacker::FirstFit => first_fit(lengths, 0..lengths.len(), capacity, max_samples),
            BinPacker::BestFitDecreasing => best_fit_decreasing(lengths, capacity, max_samples),
            BinPacker::LengthSorted => length_sorted(lengths, capacity, max_samples),
        };
        bins.ok_or_else(|| {
            Error::data(format!("{} samples to pack at once, the most are {}", lengths.len(), u32::MAX), "pack them in several parts")
        })
    }
}

/// Refuses lengths that no bin can hold.
pub(crate) fn check_lengths(lengths: &[u32], capacity: u32) -> Result<()> {
    match lengths.iter().position(|&length| length == 0 || length > capacity) {
        None => Ok(()),
        Some(i) => Err(Error::data(
            format!("sample {i} of {} has {} tokens, which no row of {capacity} can hold", lengths.len(), lengths[i]),
            "truncate samples to the length of a row, and drop empty ones",
        )),
    }
}
