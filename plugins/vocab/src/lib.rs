#![doc = include_str!("../README.md")]

mod counts;
mod rarity;

pub use counts::{Counts, MAX_VOCAB};
pub use rarity::Rarity;
