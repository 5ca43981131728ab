//! Batches under a budget of tokens.
