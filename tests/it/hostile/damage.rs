//! Files that were a plugin once.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use curricle::plugin::{Limits, PacingPlugin};
use serde_json::Value;

use super::load::good;

/// Loads and uses what may be damaged; the code of the error, if there is one.
fn outcome(folder: &Path, bytes: &[u8]) -> Option<&'static str> {
    let path = folder.join("damaged.wasm");
    fs::write(&path, bytes).unwrap();
    let mut limits = Limits::compiled();
    limits.fuel = 1_000_000;
    limits.memory = 32 << 20;
    let start = Instant::now();
    let used = PacingPlugin::load("damaged", &path, &Value::Null, &limits)
        .and_then(|plugin| plugin.instantiate())
        .and_then(|mut pacing| pacing.difficulty(3));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    used.err().map(|error| {
        assert!(error.to_string().contains("damaged") && error.to_string().contains("; "), "{error}");
        error.code()
    })
}

#[test]
fn a_plugin_cut_off_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let built = fs::read(super::guest::evil("evil-pacing")).unwrap();
    for whole in [good(), built] {
        assert_eq!(outcome(folder.path(), &whole), None);
        for sixteenth in 0..16 {
            let code = outcome(folder.path(), &whole[..whole.len() * sixteenth / 16]);
            assert!(matches!(code, Some("plugin-load" | "plugin-link")), "{sixteenth}/16: {code:?}");
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let whole = good();
    let every = if std::env::var_os("CURRICLE_SOAK").is_some() { 1 } else { 5 };
    let mut refused = 0;
    for place in (0..whole.len()).step_by(every) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        let code = outcome(folder.path(), &damaged);
        assert!(code.is_none_or(|code| code.starts_with("plugin-")), "byte {place}: {code:?}");
        refused += usize::from(code.is_some());
    }
    // A name or a number may be another and do no harm; the structure of the file may not.
    assert!(refused * every * 2 > whole.len(), "{refused} of {} were refused", whole.len() / every);
}
