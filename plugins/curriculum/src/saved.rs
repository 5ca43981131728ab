//! The policy's own bytes: a version (1), the number of metrics, then the difficulties at which streams were opened, in order, each as many
//! little-endian f64 as there are metrics.

use curricle_guest::{Error, Result};

const VERSION: u8 = 1;
const HEADER: usize = 2;
/// What a host keeps of a policy.
const MOST_BYTES: usize = 1 << 20;

/// How many openings a saved state can hold.
pub(crate) fn most(metrics: usize) -> usize {
    (MOST_BYTES - HEADER) / (8 * metrics.max(1))
}

pub(crate) fn to_bytes(metrics: usize, opened: &[Vec<f64>]) -> Vec<u8> {
    let mut bytes = vec![VERSION, metrics as u8];
    opened.iter().flatten().for_each(|difficulty| bytes.extend_from_slice(&difficulty.to_le_bytes()));
    bytes
}

pub(crate) fn from_bytes(metrics: usize, bytes: &[u8]) -> Result<Vec<Vec<f64>>> {
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
    let (difficulties, left) = rest.as_chunks::<8>();
    let difficulties: Vec<f64> = difficulties.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
    let corners = difficulties.chunks_exact(metrics.max(1));
    if !left.is_empty() || !corners.remainder().is_empty() || difficulties.iter().any(|d| !d.is_finite()) {
        return Err(Error::state("the saved difficulties are incomplete or no numbers; the state is damaged"));
    }
    Ok(corners.map(<[f64]>::to_vec).collect())
}
