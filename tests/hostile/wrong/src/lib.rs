//! Misdeeds that every world has: endless work, memory, logs; panics; refusals.

use std::hint::black_box;

use curricle_guest::{Error, Result, log};
use serde::Deserialize;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wrong {
    /// Panics with a message of its own, which it logs first.
    Panic,
    /// Never answers.
    Loop,
    /// Calls itself for ever.
    Recurse,
    /// Takes memory for ever.
    Memory,
    /// Logs a thousand lines, then panics.
    LogFlood,
    /// Logs without end.
    LogForever,
    /// Logs a line of a megabyte, then panics.
    LogLong,
    /// Logs what would clear a screen and reverse its text, then panics.
    LogControls,
    /// Refuses in a text that would clear a screen.
    RefuseControls,
    /// Refuses with a megabyte of text.
    RefuseLong,
    /// Refuses without a word.
    RefuseSilently,
    /// Says that it has nothing left.
    Exhausted,
}

/// Does it.
///
/// # Errors
/// The refusals.
pub fn commit(wrong: Wrong) -> Result<()> {
    match wrong {
        Wrong::Panic => {
            log::error("about to panic");
            panic!("on purpose")
        }
        Wrong::Loop => loop {
            black_box(0);
        },
        Wrong::Recurse => {
            black_box(deeper(0));
        }
        Wrong::Memory => {
            let mut held = Vec::new();
            loop {
                held.push(vec![1u8; 1 << 20]);
                black_box(&held);
            }
        }
        Wrong::LogFlood => {
            (0..1000).for_each(|i| log::info(format!("line {i}")));
            panic!("on purpose")
        }
        Wrong::LogForever => loop {
            log::debug("again");
        },
        Wrong::LogLong => {
            log::warn("long ".repeat(200_000));
            panic!("on purpose")
        }
        Wrong::LogControls => {
            log::warn("\x1b[2J\x07clean\r\n\u{202e}desrever");
            panic!("on purpose")
        }
        Wrong::RefuseControls => return Err(Error::data("\x1b[2Jnothing\nto see")),
        Wrong::RefuseLong => return Err(Error::data("much ".repeat(200_000))),
        Wrong::RefuseSilently => return Err(Error::data("")),
        Wrong::Exhausted => return Err(Error::Exhausted),
    }
    Ok(())
}

fn deeper(n: u64) -> u64 {
    if black_box(n) == u64::MAX { n } else { deeper(n + 1) + black_box(1) }
}
