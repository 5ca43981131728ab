//! Which part of a global batch is a rank's? The same samples in the same order, cut at other places.

use std::{cmp::Ordering, ops::Range};

use crate::{Error, Result};

/// How a global batch is divided: `global = micro_batch · dp_world_size · accumulation`.
///
/// The global order is the concatenation over accumulation steps, then ranks, then places in the micro-batch. So ranks and micro-batches
/// only cut the order, and changing their numbers changes no sample's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    global: u32,
    micro_batch: u32,
    accumulation: u32,
    dp_rank: u32,
    dp_world_size: u32,
}

impl Shape {
    /// Divides `global` samples. Of micro-batch and accumulation either may be left out and follows from the other; with neither, one
    /// micro-batch holds all of a rank's samples. `place` is where the numbers were given.
    ///
    /// # Errors
    /// [`Error::Config`] if the numbers do not multiply to the global batch, one of them is 0, or the rank is not below the world size.
    pub fn resolve(
        global: u32,
        micro_batch: Option<u32>,
        accumulation: Option<u32>,
        dp_rank: u32,
        dp_world_size: u32,
        place: &str,
    ) -> Result<Shape> {
        let bad = |problem: String, remedy: &str| Err(Error::config(place, problem, remedy));
        let given = [
            ("global-batch-size", Some(global)),
            ("micro-batch-size", micro_batch),
            ("gradient-accumulation-steps", accumulation),
            ("dp-world-size", Some(dp_world_size)),
        ];
        if let Some((key, _)) = given.iter().find(|(_, n)| *n == Some(0)) {
            return bad(format!("`{key}` is 0"), "give at least 1");
        }
        if dp_rank >= dp_world_size {
            return bad(format!("`dp-rank` {dp_rank} of {dp_world_size} ranks"), "ranks count from 0 to `dp-world-size` less 1");
        }
        let (global_, world) = (u64::from(global), u64::from(dp_world_size));
        let (micro, accumulation) = match (micro_batch.map(u64::from), accumulation.map(u64::from)) {
            (Some(m), Some(a)) => (m, a),
            (Some(m), None) => (m, (global_ / (m * world)).max(1)),
            (None, a) => ((global_ / (world * a.unwrap_or(1))).max(1), a.unwrap_or(1)),
        };
        let product = micro.checked_mul(world).and_then(|n| n.checked_mul(accumulation));
        if product != Some(global_) {
            return bad(
                format!(
                    "a global batch of {global} does not add up: {micro} samples a micro-batch × {world} ranks × {accumulation} accumulation \
                     steps{}",
                    product.map(|n| format!(" = {n}")).unwrap_or_default()
                ),
                "choose numbers whose product is `global-batch-size`",
            );
        }
        // Each factor divides a u32.
        Ok(Shape { global, micro_batch: micro as u32, accumulation: accumulation as u32, dp_rank, dp_world_size })
    }

    /// Samples of one step, over all ranks.
    pub fn global(&self) -> u32 {
        self.global
    }

    /// Samples of one forward pass on one rank.
    pub fn micro_batch(&self) -> u32 {
        self.micro_batch
    }

    /// Forward passes of one rank per step.
    pub fn accumulation(&self) -> u32 {
        self.accumulation
    }

    /// The rank that is served.
    pub fn dp_rank(&self) -> u32 {
        self.dp_rank
    }

    /// Number of data-parallel ranks.
    pub fn dp_world_size(&self) -> u32 {
        self.dp_world_size
    }

    /// Places of each of this rank's micro-batches in the order of a global batch of `n_samples`: as many as there are, which the last
    /// batch of a run may have less of than [`global`](Shape::global).
    ///
    /// The order is cut into slices of micro-batch × ranks, and of a slice of L samples rank r of R gets `round(r·L/R)..round((r+1)·L/R)`,
    /// halves rounded to the even neighbour as DeepSpeed does: of a whole slice a micro-batch each, of a shorter one shares that differ by
    /// one sample at most. Every rank gets equally many micro-batches, so that collective operations pair up; where a slice has fewer
    /// samples than there are ranks, some of them are empty.
    pub fn micro_batches(&self, n_samples: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rank, world) = (u64::from(self.dp_rank), u64::from(self.dp_world_size));
        // The product divides a u32.
        let slice = (u64::from(self.micro_batch) * world) as usize;
        (0..n_samples).step_by(slice.max(1)).map(move |start| {
            let length = slice.min(n_samples - start) as u64;
            start + bound(rank, length, world)..start + bound(rank + 1, length, world)
        })
    }
}

/// `round(rank · length / world)`, halves to the even neighbour; no factor exceeds 2^32.
fn bound(rank: u64, length: u64, world: u64) -> usize {
    let (whole, rest) = (rank * length / world, rank * length % world);
    let up = match (2 * rest).cmp(&world) {
        Ordering::Less => false,
        Ordering::Equal => whole % 2 == 1,
        Ordering::Greater => true,
    };
    (whole + u64::from(up)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranks_partition_the_global_batch(micro in 1u32..9, world in 1u32..9, accumulation in 1u32..9) {
            let global = micro * world * accumulation;
            let mut seen = vec![0; global as usize];
            for rank in 0..world {
                let shape = Shape::resolve(global, Some(micro), None, rank, world, "x").unwrap();
                prop_assert_eq!(shape.accumulation(), accumulation);
                for place in shape.micro_batches(global as usize).flatten() {
                    seen[place] += 1;
                }
            }
            prop_assert!(seen.iter().all(|&n| n == 1));
        }

        #[test]
        fn ranks_partition_what_is_left_of_a_run_and_differ_by_one_sample_at_most(
            micro in 1u32..9, world in 1u32..9, accumulation in 1u32..5, left in 0.0..1.0,
        ) {
            let global = micro * world * accumulation;
            let n = (f64::from(global) * left) as usize;
            let ranks: Vec<Vec<Range<usize>>> = (0..world)
                .map(|rank| Shape::resolve(global, Some(micro), None, rank, world, "x").unwrap().micro_batches(n).collect())
                .collect();
            let n_micro = n.div_ceil((micro * world) as usize);
            let mut end = 0;
            for a in 0..n_micro {
                let slice: Vec<&Range<usize>> = ranks.iter().map(|rank| &rank[a]).collect();
                for places in &slice {
                    prop_assert_eq!(places.start, end);
                    end = places.end;
                }
                let (least, most) = (slice.iter().map(|p| p.len()).min().unwrap(), slice.iter().map(|p| p.len()).max().unwrap());
                prop_assert!(most - least <= 1 && most <= micro as usize);
            }
            prop_assert_eq!(end, n);
            prop_assert!(ranks.iter().all(|rank| rank.len() == n_micro));
        }
    }

    #[test]
    fn either_factor_follows_from_the_other() {
        let shape = |m, a| Shape::resolve(24, m, a, 0, 2, "x").unwrap();
        assert_eq!(shape(Some(3), None), shape(None, Some(4)));
        assert_eq!(shape(None, None).micro_batch(), 12);
    }

    #[test]
    fn a_batch_that_does_not_add_up_is_refused_with_its_factors() {
        let error = Shape::resolve(64, Some(7), None, 0, 2, "run.toml:9:21").unwrap_err().to_string();
        assert_eq!(
            error,
            "run.toml:9:21: a global batch of 64 does not add up: 7 samples a micro-batch × 2 ranks × 4 accumulation steps = 56; choose \
             numbers whose product is `global-batch-size`"
        );
        let error = Shape::resolve(8, None, None, 2, 2, "x").unwrap_err().to_string();
        assert_eq!(error, "x: `dp-rank` 2 of 2 ranks; ranks count from 0 to `dp-world-size` less 1");
    }
}
