//! By what a block of samples is known again.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// Hashes of the samples of a block, as a metric is shown them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    /// Of their lengths.
    lens: u64,
    /// Of their tokens; none if nobody read them.
    tokens: Option<u64>,
}

impl Mark {
    /// In what two marks of the same samples differ; none if they do not, so far as both know.
    pub(super) fn difference(self, other: Mark) -> Option<&'static str> {
        let differ = self.tokens.zip(other.tokens).is_some_and(|(tokens, others)| tokens != others);
        match (self.lens != other.lens, differ) {
            (true, _) => Some("lengths"),
            (false, true) => Some("tokens"),
            (false, false) => None,
        }
    }
}

/// A mark in the making. How the samples are divided does not count.
#[derive(Default)]
pub(super) struct Marking {
    // An interpreter's objects cannot be aligned as the states of these hashes are.
    lens: Box<Xxh3>,
    tokens: Box<Xxh3>,
}

impl std::fmt::Debug for Marking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Marking")
    }
}

impl Marking {
    /// Takes the next samples: `offsets` of each and behind the last, and the tokens' bytes.
    pub(super) fn add(&mut self, offsets: &[u32], tokens: Option<&[u8]>) {
        for (start, end) in offsets.iter().zip(offsets.iter().skip(1)) {
            self.lens.update(&end.wrapping_sub(*start).to_le_bytes());
        }
        self.tokens.update(tokens.unwrap_or_default());
    }

    /// The mark of what was taken since the last call; `with_tokens` if tokens were read.
    pub(super) fn take(&mut self, with_tokens: bool) -> Mark {
        let mark = Mark { lens: self.lens.digest(), tokens: with_tokens.then(|| self.tokens.digest()) };
        self.lens.reset();
        self.tokens.reset();
        mark
    }
}
