//! Which instructions may this process use? Those of its processor, or only those that every processor of its kind has.
//!
//! No result depends on the answer. `CURRICLE_CPU=portable` is how that is shown, and how a machine is told apart from its code when a result
//! is in doubt.

use std::{env, ffi::OsStr, sync::OnceLock};

use crate::{Error, Result};

/// The environment variable that decides.
const VARIABLE: &str = "CURRICLE_CPU";

/// A choice of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cpu {
    /// Whatever the processor has.
    Native,
    /// What every processor of the architecture has.
    Portable,
}

impl Cpu {
    fn parse(value: Option<&OsStr>) -> Result<Cpu> {
        match value.map(OsStr::to_string_lossy).as_deref() {
            None | Some("" | "native") => Ok(Cpu::Native),
            Some("portable") => Ok(Cpu::Portable),
            Some(other) => Err(Error::config(
                format!("environment variable `{VARIABLE}`"),
                format!("`{}` is no choice of instructions", other.escape_debug()),
                "set it to `portable` or `native`, or leave it out",
            )),
        }
    }
}

fn chosen() -> &'static Result<Cpu> {
    static CHOSEN: OnceLock<Result<Cpu>> = OnceLock::new();
    CHOSEN.get_or_init(|| Cpu::parse(env::var_os(VARIABLE).as_deref()))
}

/// What was chosen, for the whole life of the process.
///
/// # Errors
/// [`Error::Config`] if the variable says something else. Whatever works with plugins asks, so no run gets past it.
pub(crate) fn cpu() -> Result<Cpu> {
    chosen().clone()
}

/// Vector instructions of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// Those that every processor has.
    Baseline,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with its F, DQ, VL and BW parts.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// What code may be dispatched to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Features {
    /// The widest vectors.
    pub(crate) vectors: Vectors,
    /// POPCNT, BMI1 and BMI2.
    pub(crate) counts_bits: bool,
}

/// What this process may use.
#[inline]
pub(crate) fn features() -> Features {
    static FEATURES: OnceLock<Features> = OnceLock::new();
    *FEATURES.get_or_init(|| match chosen() {
        Ok(Cpu::Portable) => Features { vectors: Vectors::Baseline, counts_bits: false },
        _ => detect(),
    })
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Features {
    let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
    let avx512 = avx512 && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw");
    let vectors = match is_x86_feature_detected!("avx2") {
        _ if avx512 => Vectors::Avx512,
        true => Vectors::Avx2,
        false => Vectors::Baseline,
    };
    let counts_bits = is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
    Features { vectors, counts_bits }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Features {
    Features { vectors: Vectors::Baseline, counts_bits: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_accepted() {
        let parse = |value: &str| Cpu::parse(Some(OsStr::new(value)));
        assert_eq!(Cpu::parse(None).unwrap(), Cpu::Native);
        assert_eq!(parse("").unwrap(), Cpu::Native);
        assert_eq!(parse("native").unwrap(), Cpu::Native);
        assert_eq!(parse("portable").unwrap(), Cpu::Portable);
        assert_eq!(
            parse("avx9\n").unwrap_err().to_string(),
            "environment variable `CURRICLE_CPU`: `avx9\\n` is no choice of instructions; set it to `portable` or `native`, or leave it out"
        );
    }
}
