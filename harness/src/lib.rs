#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod answer;
mod data;
mod diff;
mod report;
mod scenario;
mod schema;
mod setting;
mod subject;
mod suite;
mod words;

pub use crate::{
    report::{Check, Failure, Outcome, Report},
    scenario::{Scenario, unreadable},
    suite::{Suite, shell_word, unfinished, unloadable},
};
