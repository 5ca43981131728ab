//! An analysis whose samples are handed out by somebody else: a cluster's engine, such as Ray or Spark, on machines that do not have the files.
//!
//! Somebody has the data in pieces and machines to go over them; this module has what is to be done there and what becomes of it:
//!
//! * the [`Outline`](super::Outline) stands for the dataset, whose files nobody needs;
//! * a [`Worker`] is fed consecutive [`Rows`] of a span of blocks, and comes to a [`Finding`], some bytes to be sent;
//! * a [`Collector`] takes the findings of a round in any order, as they come, and [finishes](Collector::finish_round) the round. What a pass
//!   came to, [`Collector::merged`], the workers of the next round are to be given.
//!
//! What is made are the bytes that [`analyze`](super::analyze) makes, whatever the spans, the order and the machines. A worker that dies is
//! replaced by another that is fed the same; no finding counts twice.
//!
//! ```no_run
//! use curricle::{analysis::{Outline, engine::{Collector, Opening, Rows, Worker}}, plugin::MetricPlugin};
//!
//! # fn rows(span: std::ops::Range<u64>) -> Vec<(Vec<u32>, Vec<u8>)> { vec![] }
//! # fn analyze(plugin: &MetricPlugin, outline: &Outline, target: &std::path::Path) -> curricle::Result<()> {
//! let Opening::Begun(mut collector) = Collector::open(plugin, outline, target, false)? else { return Ok(()) };
//! let outcome = loop {
//!     // Anywhere, at once, by any number of workers:
//!     let mut worker = Worker::new(plugin, outline, collector.merged())?;
//!     for block in 0..outline.n_blocks() {
//!         worker.begin(block..block + 1)?;
//!         for (lens, tokens) in rows(block..block + 1) {
//!             worker.feed(&Rows { first: worker.next(), lens: &lens, token_type: outline.token_type(), tokens: Some(&tokens) })?;
//!         }
//!         collector.add(&worker.finish()?)?;
//!     }
//!     if let Some(outcome) = collector.finish_round()? {
//!         break outcome;
//!     }
//! };
//! # Ok(())
//! # }
//! ```

mod arrived;
mod collector;
mod finding;
mod worker;
#[cfg(test)]
mod tests;

pub use self::{
    collector::{Collector, Opening},
    finding::Finding,
    worker::{Rows, Worker},
};
