use serde::de::DeserializeOwned;

use crate::{
    ConfigSchema, Error, Result,
    tokens::{Storage, Token, Tokens},
};

/// What a metric asks of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Passes of [`accumulate`](Metric::accumulate) over the whole dataset, before [`measure`](Metric::measure); at most 16.
    pub passes: u32,
    /// Whether it reads tokens at all. If not, only lengths are filled in, and the host reads no tokens.
    pub tokens: bool,
    /// Whether samples have values. If not, [`measure`](Metric::measure) is not called, and [`totals`](Metric::totals) are all that is kept.
    pub values: bool,
}

impl Needs {
    /// No pass, no tokens: lengths are enough for a value.
    pub const LENGTHS: Needs = Needs { passes: 0, tokens: false, values: true };
    /// No pass; a value from tokens.
    pub const TOKENS: Needs = Needs { passes: 0, tokens: true, values: true };
    /// One pass with tokens, and totals instead of values.
    pub const TOTALS: Needs = Needs { passes: 1, tokens: true, values: false };

    /// As many passes over the whole dataset, with tokens, before the values.
    pub const fn passes(passes: u32) -> Needs {
        Needs { passes, tokens: true, values: true }
    }
}

/// A metric: one value per sample, or numbers about the dataset as a whole, computed in bulk over samples that the host reads.
///
/// The host splits the dataset into chunks and runs one instance per thread, which are not told which chunks they get; several machines may
/// share the work. Order of calls: `configure`; for each pass `accumulate` and `partial` for every chunk, on any instance; `merge` on any;
/// `finish` on all; `totals` on one; at last `measure` for every chunk, on any instance. A metric without passes writes `configure` and
/// `measure` only; one without values all but `measure`, for which [`sums`](crate::sums) helps. Export it with `export!(metric: MyMetric)`.
pub trait Metric: Sized + 'static {
    /// The configuration, read from the JSON object in the run file, whose [`schema`](crate::schema) the host checks first.
    /// [`NoConfig`](crate::NoConfig) if there is none.
    type Config: DeserializeOwned + ConfigSchema;

    /// What it asks of the host, whatever its configuration.
    const NEEDS: Needs = Needs::TOKENS;

    /// What it asks of the host, for a metric whose configuration decides that. Asked once, after `configure`.
    fn needs(&self) -> Needs {
        Self::NEEDS
    }

    /// Called once per instance.
    ///
    /// # Errors
    /// [`Error::Config`] with a sentence for the person who wrote the run file.
    fn configure(config: Self::Config) -> Result<Self>;

    /// One chunk of pass `pass`, counted from 0.
    ///
    /// # Errors
    /// Any error stops the analysis with its text.
    fn accumulate(&mut self, pass: u32, samples: &Samples) -> Result<()> {
        let _ = samples;
        Err(missing("accumulate", pass))
    }

    /// What the instance accumulated since the last call of `partial`, or since `configure`; empties it.
    fn partial(&mut self, pass: u32) -> Vec<u8> {
        let _ = pass;
        Vec::new()
    }

    /// Joins the partial results of consecutive chunks, in order, into one. It may not depend on anything the instance saw before.
    ///
    /// # Errors
    /// Any error stops the analysis with its text.
    fn merge(&mut self, pass: u32, partials: &[Vec<u8>]) -> Result<Vec<u8>> {
        let _ = partials;
        Err(missing("merge", pass))
    }

    /// Gives every instance the result of the pass.
    ///
    /// # Errors
    /// Any error stops the analysis with its text.
    fn finish(&mut self, pass: u32, merged: &[u8]) -> Result<()> {
        let _ = merged;
        Err(missing("finish", pass))
    }

    /// Finite numbers about the dataset as a whole that the passes found, kept beside the column, or instead of one; at most 16 777 216. They
    /// follow from what `finish` was given and the configuration.
    fn totals(&mut self) -> Vec<f64> {
        Vec::new()
    }

    /// The values of a chunk, in order: as many as it has samples, none of them NaN. It may not depend on other calls of `measure`. Left out
    /// by a metric that needs no values.
    ///
    /// # Errors
    /// Any error stops the analysis with its text.
    fn measure(&mut self, samples: &Samples) -> Result<Values> {
        let _ = samples;
        Err(Error::state("the metric has no `measure`, and does not say in its needs that samples have no values"))
    }
}

fn missing(function: &str, pass: u32) -> Error {
    Error::state(format!("the metric asks for passes but has no `{function}`, which pass {pass} needs"))
}

/// One value per sample; the case decides the type of the stored column and is the same for every chunk.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 32-bit whole numbers.
    U32(Vec<u32>),
    /// 64-bit whole numbers.
    U64(Vec<u64>),
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Values {
        Values::F32(values)
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Values {
        Values::F64(values)
    }
}

impl From<Vec<u32>> for Values {
    fn from(values: Vec<u32>) -> Values {
        Values::U32(values)
    }
}

impl From<Vec<u64>> for Values {
    fn from(values: Vec<u64>) -> Values {
        Values::U64(values)
    }
}

/// Consecutive samples laid end to end; at least one.
#[derive(Clone, Debug)]
pub struct Samples {
    first: u64,
    tokens: Storage,
    offsets: Vec<u32>,
}

impl Samples {
    /// From the parts of the contract's record `samples`: token ids little-endian, `width` bytes each; sample i is the tokens
    /// `offsets[i]..offsets[i + 1]`.
    ///
    /// # Errors
    /// [`Error::Data`] if `width` is not 1, 2 or 4.
    pub fn new(first: u64, width: u8, tokens: Vec<u8>, offsets: Vec<u32>) -> Result<Samples> {
        let tokens = Storage::new(tokens, width)
            .ok_or_else(|| Error::data(format!("tokens of {width} bytes; this version of the SDK knows 1, 2 and 4")))?;
        Ok(Samples { first, tokens, offsets })
    }

    /// Id of the first sample.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of samples.
    #[allow(clippy::len_without_is_empty, reason = "there is at least one sample")]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Where each sample begins, in tokens; one more than samples, the first 0.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// Length of each sample, in tokens. There even if the metric does not ask for tokens.
    pub fn lengths(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.offsets.windows(2).map(|pair| match pair {
            [from, to] => to.wrapping_sub(*from),
            _ => 0,
        })
    }

    /// The tokens of all samples, in the type in which they are stored, without a copy. Match on it once and give the slice to a generic
    /// function: a loop over `&[u16]` is several times faster than one that widens each token.
    pub fn tokens(&self) -> Tokens<'_> {
        self.tokens.tokens()
    }

    /// Cuts the slice in [`tokens`](Samples::tokens) into the samples.
    pub fn split<'a, T: Token>(&'a self, tokens: &'a [T]) -> impl ExactSizeIterator<Item = &'a [T]> + 'a {
        self.offsets.windows(2).map(move |pair| match pair {
            [from, to] => tokens.get(*from as usize..*to as usize).unwrap_or_default(),
            _ => &[],
        })
    }
}
