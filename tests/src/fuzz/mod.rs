//! What is fuzzed: a function for each kind of file that a stranger may hand over. Any bytes may come, and only a panic, a hang or an answer
//! that contradicts another is wrong.
//!
//! `fuzz/` gives these functions to libFuzzer; a test gives them their seeds and some mutations of each, so that they work without it.

mod columns;
mod datasets;
mod deepspeed;
mod findings;
mod parts;
mod plugins;
mod runs;
mod scratch;

pub use self::plugins::load as load_plugin;

/// One kind of file.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As `cargo fuzz` knows it.
    pub name: &'static str,
    /// Reads such a file in every way there is.
    pub run: fn(&[u8]),
    /// Files as the library and other programs write them.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All kinds.
pub const TARGETS: [Target; 14] = [
    Target { name: "idx_mmap", run: datasets::idx_mmap, seeds: datasets::idx_mmap_seeds },
    Target { name: "idx_legacy", run: datasets::idx_legacy, seeds: datasets::idx_legacy_seeds },
    Target { name: "npy", run: datasets::npy, seeds: datasets::npy_seeds },
    Target { name: "arrow_dataset", run: datasets::arrow, seeds: datasets::arrow_seeds },
    Target { name: "parquet", run: datasets::parquet, seeds: datasets::parquet_seeds },
    Target { name: "arrow_column", run: columns::column, seeds: columns::column_seeds },
    Target { name: "totals", run: columns::totals, seeds: columns::totals_seeds },
    Target { name: "part", run: parts::part, seeds: parts::seeds },
    Target { name: "finding", run: findings::finding, seeds: findings::finding_seeds },
    Target { name: "outline", run: findings::outline, seeds: findings::outline_seeds },
    Target { name: "state", run: runs::state, seeds: runs::state_seeds },
    Target { name: "run_file", run: runs::run_file, seeds: runs::run_file_seeds },
    Target { name: "deepspeed_files", run: deepspeed::files, seeds: deepspeed::seeds },
    Target { name: "component", run: plugins::component, seeds: plugins::seeds },
];

/// The kind of that name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> Target {
    TARGETS.into_iter().find(|target| target.name == name).unwrap_or_else(|| panic!("there is no target `{name}`"))
}

/// The first and the last ids below `n`.
fn edges(n: u64) -> Vec<u64> {
    const EDGE: u64 = 24;
    let last = n.saturating_sub(EDGE).max(EDGE.min(n));
    (0..n.min(EDGE)).chain(last..n).collect()
}

#[cfg(test)]
mod tests {
    use super::edges;

    #[test]
    fn edges_are_below_the_number_and_ascend_without_doubles() {
        for n in [0, 1, 23, 24, 25, 47, 48, 49, 1000, u64::MAX] {
            let ids = edges(n);
            assert!(ids.is_sorted_by(|a, b| a < b) && ids.iter().all(|id| *id < n));
            assert_eq!(ids.len() as u64, n.min(48));
        }
    }
}
