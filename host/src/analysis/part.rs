//! A part of an analysis, for machines that are not connected.

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// More would be parts of a few samples.
const MOST: u32 = 1 << 16;

/// One of several parts of a dataset, each of which another machine may analyze. Written `1/4`: the first of four.
///
/// Parts are divided at blocks of about 2 MiB of tokens; where a dataset has fewer blocks than parts, some parts are empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct Part {
    number: u32,
    of: u32,
}

impl Part {
    /// Part `number`, from 1, of `of`.
    ///
    /// # Errors
    /// [`Error::Config`] if `of` is not from 1 to 65 536 or `number` is not from 1 to `of`.
    pub fn new(number: u32, of: u32) -> Result<Part> {
        if !(1..=MOST).contains(&of) || !(1..=of).contains(&number) {
            let problem = format!("there is no part {number} of {of}");
            return Err(Error::config("`part`", problem, format!("count from 1, up to the number of parts, which is at most {MOST}")));
        }
        Ok(Part { number, of })
    }

    /// Its number, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// Number of parts in all.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Its share of so many blocks.
    pub(super) fn share(self, blocks: u64) -> Range<u64> {
        let end = |number: u32| (u128::from(blocks) * u128::from(number) / u128::from(self.of)) as u64;
        end(self.number - 1)..end(self.number)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(text: &str) -> Result<Part> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let none = || Error::config("`part`", format!("`{text}` is no part"), "give a number and how many there are, such as `1/4`");
        let (number, of) = numbers.ok_or_else(none)?;
        Part::new(number, of)
    }
}

impl TryFrom<(u32, u32)> for Part {
    type Error = Error;

    fn try_from((number, of): (u32, u32)) -> Result<Part> {
        Part::new(number, of)
    }
}

impl From<Part> for (u32, u32) {
    fn from(part: Part) -> (u32, u32) {
        (part.number, part.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_share_all_blocks_in_order_and_some_are_empty_if_there_are_too_many() {
        for (blocks, of) in [(0, 3), (1, 4), (10, 3), (7, 7), (5, 9), (u64::MAX, 65_536)] {
            let shares: Vec<_> = (1..=of).map(|number| Part::new(number, of).unwrap().share(blocks)).collect();
            assert_eq!((shares[0].start, shares[of as usize - 1].end), (0, blocks));
            assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start));
            let sizes = || shares.iter().map(|share| share.end - share.start);
            assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1);
        }
    }

    #[test]
    fn a_part_is_read_from_what_it_is_written_as_and_nothing_else() {
        let part: Part = "2/4".parse().unwrap();
        assert_eq!((part.number(), part.of(), part.to_string()), (2, 4, "2/4".to_owned()));
        assert_eq!(serde_json::from_str::<Part>(&serde_json::to_string(&part).unwrap()).unwrap(), part);
        for text in ["", "2", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1/65537"] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Part>("[5, 4]").is_err());
    }
}
