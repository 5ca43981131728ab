//! What all fuzz targets share.

pub mod guest;

use std::{backtrace::Backtrace, env, fs, panic, path::PathBuf, process};

/// Panics that are not ours to mend: decoders of others panic on damaged files, which is caught. libFuzzer's own hook would end the process.
const OTHERS: [&str; 4] = ["/parquet-", "/arrow-", "/lz4_flex-", "/snap-"];

/// Makes every panic in code of this repository the end of the process, caught or not, and lets those of others be caught.
pub fn prepare() {
    panic::set_hook(Box::new(|info| {
        let others = info.location().is_some_and(|place| OTHERS.iter().any(|name| place.file().contains(name)));
        if !others {
            eprintln!("{info}\n{}", Backtrace::force_capture());
            process::abort();
        }
    }));
}

/// Empties the cache that `cargo xtask fuzz` gave this process, which would grow with every input. Any other is left alone.
pub fn empty_cache() {
    let Some(cache) = env::var_os("CURRICLE_CACHE").map(PathBuf::from) else { return };
    if cache.file_name().is_some_and(|name| name == "fuzz-cache") {
        for folder in ["compiled", "unpacked"] {
            let _ = fs::remove_dir_all(cache.join(folder));
        }
    }
}
