//! Data that exists for a test: columns, and datasets of tokens, in a folder that goes with it.
//!
//! What a sample holds is a function of its number, and where it stands in a column one of its number and how many there are. So the same
//! words of a scenario mean the same data on every machine.

mod columns;
mod spec;
mod tokens;

pub(crate) use self::{
    columns::{ColumnFiles, open},
    spec::{ColumnSpec, DatasetSpec, Lengths},
    tokens::{Tokens, empty_dataset, many_samples, token, write_documents},
};

/// A number that depends on `i` alone and looks random.
pub(crate) fn noise(i: u64) -> u64 {
    let mut z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
