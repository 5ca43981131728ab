//! In which order: streams of samples as functions of a position, so that nothing is built, stored or replayed.
//!
//! A [`Stream`] runs through a [`Selection`](crate::columns::Selection) in an [`Order`]. Shuffling is a [`Permutation`] per epoch, keyed by
//! seed, name of the stream and epoch. [`Streams`] are all streams of a run, and their positions are its [state](StreamState).

mod random;
mod permutation;
mod lanes;
mod stream;
#[expect(clippy::module_inception, reason = "the registry of streams is the noun that the folder is named after")]
mod streams;
#[cfg(test)]
mod battery;
#[cfg(test)]
mod tests;

pub use self::{
    permutation::Permutation,
    stream::{Order, Stream},
    streams::{StreamState, Streams},
};
