//! Batches under a budget of tokens.

mod pure;
