//! The policy's own bytes: a version (2) and the number of metrics; then, if streams were opened, the lower bounds that they share (minus
//! infinity for none) and the difficulties at which they were, in order, each as many little-endian f64 as there are metrics.

use curricle_guest::{Error, Result};

const VERSION: u8 = 2;
const HEADER: usize = 2;
/// What a host keeps of a policy.
const MOST_BYTES: usize = 1 << 20;

/// How many openings a saved state can hold.
pub(crate) fn most(metrics: usize) -> usize {
    (MOST_BYTES - HEADER) / (8 * metrics.max(1)) - 1
}

pub(crate) fn to_bytes(metrics: usize, floors: &[f64], opened: &[Vec<f64>]) -> Vec<u8> {
    let mut bytes = vec![VERSION, metrics as u8];
    if !opened.is_empty() {
        floors.iter().chain(opened.iter().flatten()).for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    }
    bytes
}

/// Lower bounds and corners.
pub(crate) fn from_bytes(metrics: usize, bytes: &[u8]) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let [version, saved_metrics, rest @ ..] = bytes else {
        return Err(Error::state(format!("the saved state has {} bytes, at least {HEADER} are needed; it is damaged", bytes.len())));
    };
    if *version != VERSION {
        return Err(Error::state(format!(
            "the saved state is of version {version}, this plugin reads version {VERSION}; use the plugin that saved it"
        )));
    }
    if usize::from(*saved_metrics) != metrics {
        return Err(Error::state(format!(
            "the saved state is of {saved_metrics} metrics, the configuration of {metrics}; restore the configuration"
        )));
    }
    let (numbers, left) = rest.as_chunks::<8>();
    let numbers: Vec<f64> = numbers.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
    let mut rows = numbers.chunks_exact(metrics.max(1));
    let torn = !left.is_empty() || !rows.remainder().is_empty();
    let floors = rows.next().unwrap_or_default().to_vec();
    let corners: Vec<Vec<f64>> = rows.map(<[f64]>::to_vec).collect();
    let no_bound = |floor: &f64| floor.is_nan() || *floor == f64::INFINITY;
    if torn || floors.iter().any(no_bound) || corners.iter().flatten().any(|d| !d.is_finite()) {
        return Err(Error::state("the saved difficulties are incomplete or no numbers; the state is damaged"));
    }
    Ok((floors, corners))
}
