//! What a plugin says: escaped, counted, passed on to `tracing`, and kept for the fault that it may announce.

use std::{collections::VecDeque, sync::Arc};

use super::{bindings::types::Level, limits::Limits};
use crate::escape::escape;

/// Lines of the failed call that a fault shows: its last words, on one screen.
const LAST: usize = 8;

/// The log of one instance.
#[derive(Debug)]
pub(crate) struct Log {
    plugin: Arc<str>,
    max_lines: u32,
    max_bytes: usize,
    /// The running or last call.
    pub(crate) call: &'static str,
    /// Its step, if it has one.
    pub(crate) step: Option<u64>,
    lines: u32,
    suppressed: u64,
    last: VecDeque<String>,
}

impl Log {
    pub(crate) fn new(plugin: Arc<str>, limits: &Limits) -> Log {
        let max_bytes = limits.log_bytes as usize;
        Log { plugin, max_lines: limits.log_lines, max_bytes, call: "load", step: None, lines: 0, suppressed: 0, last: VecDeque::new() }
    }

    /// Starts counting anew.
    pub(crate) fn begin(&mut self, call: &'static str, step: Option<u64>) {
        self.call = call;
        self.step = step;
        self.lines = 0;
        self.suppressed = 0;
        self.last.clear();
    }

    /// Reports what was left out of the call that ended.
    pub(crate) fn end(&self) {
        if self.suppressed > 0 {
            let (plugin, call, step) = (&*self.plugin, self.call, self.step);
            tracing::warn!(plugin, call, step, "{} lines suppressed, `limits.log-lines` is {}", self.suppressed, self.max_lines);
        }
    }

    /// The last lines of the call, for its fault.
    pub(crate) fn take_last(&mut self) -> Vec<String> {
        let mut last: Vec<String> = self.last.drain(..).collect();
        if self.suppressed > 0 {
            last.push(format!("({} more lines suppressed)", self.suppressed));
        }
        last
    }

    pub(crate) fn line(&mut self, level: Level, message: &str) {
        if self.lines == self.max_lines {
            self.suppressed = self.suppressed.saturating_add(1);
            return;
        }
        self.lines += 1;
        let line = escape(message, self.max_bytes);
        let (plugin, call, step) = (&*self.plugin, self.call, self.step);
        match level {
            Level::Debug => tracing::debug!(plugin, call, step, "{line}"),
            Level::Info => tracing::info!(plugin, call, step, "{line}"),
            Level::Warn => tracing::warn!(plugin, call, step, "{line}"),
            Level::Error => tracing::error!(plugin, call, step, "{line}"),
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(max_lines: u32) -> Log {
        Log::new("p".into(), &Limits { log_lines: max_lines, ..Limits::default() })
    }

    #[test]
    fn the_last_lines_are_kept_and_the_rest_is_counted() {
        let mut log = log(10);
        log.begin("policy.fill", Some(3));
        for i in 0..15 {
            log.line(Level::Info, &format!("line {i}"));
        }
        let last = log.take_last();
        assert_eq!(last.len(), LAST + 1);
        assert_eq!(last.first().unwrap(), "line 2");
        assert_eq!(last.last().unwrap(), "(5 more lines suppressed)");
        log.begin("policy.fill", Some(4));
        assert!(log.take_last().is_empty());
    }
}
