//! Batches under a budget of tokens.

mod pure;
mod refusals;
mod runs;
