//! How much of a batch is padding: places that the tokens of a plan take in memory, without reading one.

use super::{Assembler, Cuts, Keep, Pieces, Plan, Shape};
use crate::{Error, Result};

/// What the tokens of one global batch take, over all ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Tokens of its samples, after truncation and within their rows.
    pub tokens: u64,
    /// Places that they lie in: those of the tokens, and those that are filled up.
    pub places: u64,
}

/// Measures global batches as the trainer would get them. Made by [`Run::rooms`](crate::Run::rooms).
#[derive(Debug)]
pub struct Rooms {
    assembler: Assembler,
    ranks: Vec<Shape>,
    /// Kept for their allocations.
    whole: Vec<u32>,
    pieces: (Vec<u64>, Vec<u32>),
    lengths: Vec<u32>,
}

impl Rooms {
    pub(crate) fn new(assembler: Assembler, ranks: Vec<Shape>) -> Rooms {
        Rooms { assembler, ranks, whole: Vec::new(), pieces: Default::default(), lengths: Vec::new() }
    }

    /// Measures a finished plan. Reads lengths, at a few nanoseconds a sample, and asks the packer where there is one.
    ///
    /// # Errors
    /// What assembling the batch fails with before it reads tokens: [`Error::Data`] for a sample that is longer than its row,
    /// [`Error::Plugin`] of a packer, [`Error::Dataset`] for a file that is damaged where it tells lengths.
    pub fn of(&mut self, plan: &Plan) -> Result<Room> {
        let mut room = Room::default();
        for shape in &self.ranks {
            for places in plan.micro_batches(shape) {
                let ids = plan.ids().get(places).unwrap_or_default();
                self.whole.clear();
                self.assembler.dataset.sample_lens(ids, &mut self.whole)?;
                let longest = plan.truncation().unwrap_or(u32::MAX);
                self.whole.iter_mut().for_each(|n| *n = longest.min(*n));
                let (ids, whole) = match plan.pieces() {
                    Some(pieces) => {
                        cut(pieces, ids, &self.whole, &mut self.pieces)?;
                        (self.pieces.0.as_slice(), self.pieces.1.as_slice())
                    }
                    None => (ids, self.whole.as_slice()),
                };
                self.lengths.clear();
                self.assembler.limit(ids, whole, &mut self.lengths)?;
                let shape = self.assembler.place(ids, &self.lengths, plan.cuts().and_then(Cuts::pad_to))?.1;
                room.tokens = room.tokens.saturating_add(self.lengths.iter().map(|n| u64::from(*n)).sum());
                room.places = room.places.saturating_add((shape[0] as u64).saturating_mul(shape[1] as u64));
            }
        }
        Ok(room)
    }
}

/// The pieces that samples of these lengths fall into: the sample of each, and its length.
fn cut(pieces: Pieces, ids: &[u64], whole: &[u32], into: &mut (Vec<u64>, Vec<u32>)) -> Result<()> {
    const MOST: u64 = 1 << 24;
    into.0.clear();
    into.1.clear();
    let mut more = 0u64;
    let mut push = |id: u64, count: u64, n: u32| {
        more = more.saturating_add(count);
        if more <= MOST {
            into.0.extend(std::iter::repeat_n(id, count as usize));
            into.1.extend(std::iter::repeat_n(n, count as usize));
        }
    };
    match (pieces.keep, ids.first().zip(whole.first())) {
        (Keep::All, _) => ids.iter().zip(whole).for_each(|(&id, &n)| pieces.count(1, n, |count, n| push(id, count, n))),
        // Rows are for samples of one length.
        (Keep::Rows, Some((&id, &n))) => pieces.count(whole.len() as u64, n, |count, n| push(id, count, n)),
        (Keep::Rows, None) => {}
    }
    if more > MOST {
        let problem = format!("a micro-batch falls into {more} pieces of {} tokens, at most {MOST} are made", pieces.length);
        return Err(Error::data(problem, "let the pacing function of `reshape` begin higher, or choose a smaller `micro-batch-size`"));
    }
    Ok(())
}
