use std::{collections::BTreeSet, fmt};

use curricle_tests::noise;

/// What may vary, and how.
const AXES: [&[&str]; 9] = [
    &["uniform", "epochs", "curriculum", "mixture", "truncated", "tokens"],
    &["1-rank", "2-ranks", "3-ranks", "4-ranks", "8-ranks"],
    &["whole", "halves", "ones"],
    &["prefetch-0", "prefetch-1", "prefetch-8"],
    &["1-thread", "2-threads"],
    &["never-resumed", "resumed-every-step", "resumed-once"],
    &["one-process", "processes"],
    &["packed", "padded", "rows"],
    &["native", "portable"],
];
const LAYOUT: usize = 7;
const CPU: usize = 8;

/// One combination: for each axis the number of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell([usize; AXES.len()]);

/// Where a run is broken off and resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resumed {
    Never,
    EveryStep,
    /// Before this step.
    Once(u64),
}

impl Cell {
    fn value(self, axis: usize) -> &'static str {
        AXES[axis][self.0[axis]]
    }

    /// The run, by name.
    pub(super) fn policy(self) -> &'static str {
        self.value(0)
    }

    pub(super) fn ranks(self) -> u32 {
        [1, 2, 3, 4, 8][self.0[1]]
    }

    /// Samples of a micro-batch, of so many in the global batch.
    pub(super) fn micro_batch(self, global: u32) -> u32 {
        let of_rank = global / self.ranks();
        [of_rank, of_rank / 2, 1][self.0[2]]
    }

    pub(super) fn prefetch(self) -> usize {
        [0, 1, 8][self.0[3]]
    }

    pub(super) fn threads(self) -> usize {
        self.0[4] + 1
    }

    /// The step of a single break is as random as the cell's name, so that the cell alone finds it again.
    pub(super) fn resumed(self, steps: u64) -> Resumed {
        let seed = self.0.iter().fold(0, |seed, value| seed * 7 + *value as u64);
        [Resumed::Never, Resumed::EveryStep, Resumed::Once(1 + noise(seed) % (steps - 1))][self.0[5]]
    }

    /// Whether each rank is a process, and each of its resumes another one.
    pub(super) fn in_processes(self) -> bool {
        self.0[6] == 1
    }

    pub(super) fn layout(self) -> &'static str {
        self.value(LAYOUT)
    }

    /// What a process is told of its instructions. The process of the tests itself has those of its processor.
    pub(super) fn cpu(self) -> &'static str {
        self.value(CPU)
    }

    /// The plainest cell that gives out the same lines: only what decides them is left.
    pub(super) fn plain(self) -> Cell {
        let mut plain = Cell([0; AXES.len()]);
        for axis in [0, 1, 2, LAYOUT] {
            plain.0[axis] = self.0[axis];
        }
        plain
    }

    /// The plainest cell with the same order of samples.
    pub(super) fn plainest(self) -> Cell {
        let mut plain = Cell([0; AXES.len()]);
        plain.0[0] = self.0[0];
        plain
    }

    /// Numbers of the values, to tell cells apart.
    pub(super) fn key(self) -> [usize; AXES.len()] {
        self.0
    }

    fn is_possible(self) -> bool {
        // A budget of tokens makes its own micro-batches.
        let split = self.policy() != "tokens" || self.0[2] == 0;
        split && (self.in_processes() || self.0[CPU] == 0)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<&str> = (0..AXES.len()).map(|axis| self.value(axis)).collect();
        f.write_str(&values.join("/"))
    }
}

/// All combinations of what may change no line, and of policies, ranks and micro-batches. Layout and instructions take turns.
pub(super) fn all() -> Vec<Cell> {
    let mut cells = vec![[0; AXES.len()]];
    for (axis, values) in AXES.iter().enumerate().take(LAYOUT) {
        cells = cells.iter().flat_map(|cell| (0..values.len()).map(|v| with(*cell, axis, v))).collect();
    }
    let turn = |i: usize, n: usize| (noise((i as u64) << 8 | n as u64) % n as u64) as usize;
    let cells = cells.into_iter().enumerate().map(|(i, cell)| {
        let cell = with(cell, LAYOUT, turn(i, AXES[LAYOUT].len()));
        let processes = Cell(cell).in_processes();
        Cell(with(cell, CPU, if processes { turn(i, AXES[CPU].len()) } else { 0 }))
    });
    cells.filter(|cell| cell.is_possible()).collect()
}

fn with(mut cell: [usize; AXES.len()], axis: usize, value: usize) -> [usize; AXES.len()] {
    cell[axis] = value;
    cell
}

/// Every two values of different axes that a cell has.
fn pairs(cell: Cell) -> impl Iterator<Item = [(usize, usize); 2]> {
    let at = move |axis: usize| (axis, cell.0[axis]);
    (0..AXES.len()).flat_map(move |a| (a + 1..AXES.len()).map(move |b| [at(a), at(b)]))
}

/// As few of the cells as a greedy choice needs to have every pair of values that any of them has.
pub(super) fn cut(cells: &[Cell]) -> Vec<Cell> {
    let mut missing: BTreeSet<_> = cells.iter().flat_map(|cell| pairs(*cell)).collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let gain = |cell: &&Cell| pairs(**cell).filter(|pair| missing.contains(pair)).count();
        let Some(best) = cells.iter().max_by_key(gain) else { break };
        missing.retain(|pair| pairs(*best).all(|had| had != *pair));
        chosen.push(*best);
    }
    chosen
}

#[test]
fn the_cut_has_every_pair_of_values_that_can_be_together() {
    let cut = cut(&all());
    let found: BTreeSet<_> = cut.iter().flat_map(|cell| pairs(*cell)).collect();
    for (a, of_a) in AXES.iter().enumerate() {
        for (b, of_b) in AXES.iter().enumerate().skip(a + 1) {
            let n = found.iter().filter(|pair| pair[0].0 == a && pair[1].0 == b).count();
            let impossible = match (a, b) {
                // `tokens` with halves or ones; one process with portable instructions.
                (0, 2) => 2,
                (6, 8) => 1,
                _ => 0,
            };
            assert_eq!(n, of_a.len() * of_b.len() - impossible, "axes {a} and {b}");
        }
    }
    assert!(cut.len() < 60, "{} cells", cut.len());
    assert!(all().len() > 2_500);
}
