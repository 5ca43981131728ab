//! Values as whole numbers, for files that hold nothing else.

use super::{column::Column, mapped::with_numbers, value::ValueType};
use crate::{Error, Result};

/// A stored value as it is.
trait Exact: Copy {
    /// As a whole number, exactly.
    fn whole(self) -> std::result::Result<i128, f64>;
}

macro_rules! exact {
    ($($int:ty),*; $($float:ty),*) => {
        $(impl Exact for $int {
            fn whole(self) -> std::result::Result<i128, f64> {
                Ok(self.into())
            }
        })*
        $(impl Exact for $float {
            fn whole(self) -> std::result::Result<i128, f64> {
                // What has no fraction and 64 bits at most is converted without loss; the rest is no integer of any file.
                let value = f64::from(self);
                if value.fract() == 0.0 && value.abs() <= 2f64.powi(64) { Ok(value as i128) } else { Err(value) }
            }
        })*
    };
}

exact!(u32, u64; f32, f64);

impl Column {
    /// The value of a sample, exactly.
    ///
    /// # Errors
    /// [`Error::Column`] if it is no whole number or beyond 64 bits, [`Error::Data`] if there is no such sample.
    pub(crate) fn whole(&self, id: u64) -> Result<i128> {
        let found = with_numbers!(self.numbers(), numbers => usize::try_from(id).ok().and_then(|id| numbers.get(id)).map(|v| v.whole()));
        match found {
            Some(Ok(whole)) => Ok(whole),
            Some(Err(value)) if value.abs() <= 2f64.powi(64) => {
                let problem = format!("the value of sample {id} is {value}, and no whole number");
                Err(Error::column(self.name(), problem, "cut values towards zero with `--cut`"))
            }
            Some(Err(value)) => {
                let problem = format!("the value of sample {id} is {value}, which no integer of 64 bits holds");
                Err(Error::column(self.name(), problem, "scale the metric"))
            }
            None => {
                let problem = format!("sample {id} was asked of column `{}`, which has {} samples", self.name(), self.len());
                Err(Error::data(problem, "ask for ids below that"))
            }
        }
    }

    /// Whether values are stored as integers.
    pub(crate) fn is_integer(&self) -> bool {
        matches!(self.value_type(), ValueType::U32 | ValueType::U64)
    }
}
