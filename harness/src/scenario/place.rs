//! Where in a scenario an expectation stands.

use crate::{Failure, suite::Stop};

/// `file:line:column`.
#[derive(Clone, Debug)]
pub(super) struct Place(pub(super) String);

impl Place {
    /// What did not hold, here.
    pub(super) fn fails(&self, problem: impl Into<String>, expected: impl std::fmt::Display, found: impl std::fmt::Display) -> Stop {
        Failure::new(problem, "mend the plugin, or the expectation if it is wrong").at(self.0.clone()).with_diff(expected, found).into()
    }

    /// What is wrong with the expectation itself.
    pub(super) fn wrong(&self, problem: impl Into<String>, remedy: impl Into<String>) -> Stop {
        Failure::new(problem, remedy).at(self.0.clone()).into()
    }
}
