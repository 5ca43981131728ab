//! Which samples go together? Lists of lengths, cut into bins of a capacity or into micro-batches under a budget of tokens.
//!
//! Everything here is a pure function of lengths: no dataset, no plugin, no rank. [`BinPacker`] puts samples wherever they fit;
//! [`TokenBudget`] keeps them in an order and cuts it. The files with the algorithms depend on nothing, so that the packers among the built-in
//! plugins are the same code: sandboxed and native give the same bins.
//!
//! # Example
//! ```
//! use curricle::packing::{BinPacker, TokenBudget};
//!
//! # fn main() -> curricle::Result<()> {
//! let lengths = [700, 300, 512, 100, 400];
//! let bins = BinPacker::BestFitDecreasing.pack(&lengths, 1024, None)?;
//! assert_eq!(bins, [0, 0, 1, 1, 1]);
//!
//! let packed = TokenBudget::new(1024).pack(&lengths)?;
//! let micro_batches: Vec<&[u32]> = packed.micro_batches().collect();
//! assert_eq!(micro_batches, [&[0, 1][..], &[2, 3, 4]]);
//! # Ok(())
//! # }
//! ```

mod best_fit;
mod bin_packer;
mod by_length;
mod first_fit;
mod learning_rate;
mod length_sorted;
mod numbering;
mod packed;
mod token_budget;
mod window;

pub(crate) use self::bin_packer::check_lengths;
pub use self::{
    bin_packer::BinPacker,
    learning_rate::LearningRate,
    packed::{LeftOut, Packed, Reason},
    token_budget::{Count, Order, TokenBudget},
};

#[cfg(test)]
mod tests;
