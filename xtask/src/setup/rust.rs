//! A compiler for WebAssembly: rustup's where it can be had, else the distribution's.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use super::{apt, print, succeeds};

const TARGET: &str = "wasm32-unknown-unknown";
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Sees to it that plugins in Rust can be built.
pub(super) fn run() -> Result<()> {
    if has_std("rustc") || has_pair() {
        return Ok(());
    }
    eprintln!("==> adding {TARGET} to the Rust toolchain");
    if succeeds(Command::new("rustup").args(["target", "add", TARGET])) && has_std("rustc") {
        return Ok(());
    }
    if apt::is_here() {
        eprintln!("==> rustup cannot be reached; installing {}", PACKAGES.join(", "));
        if apt::install(&PACKAGES) && has_pair() {
            return Ok(());
        }
    }
    bail!(
        "no Rust compiler here can build for {TARGET}; run `rustup target add {TARGET}`, or on Debian `apt-get install {}`",
        PACKAGES.join(" ")
    );
}

fn has_std(rustc: &str) -> bool {
    print(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET])).is_some_and(|folder| Path::new(&folder).is_dir())
}

/// Whether the distribution's compiler is there with the target's standard library, or with its source.
fn has_pair() -> bool {
    let (rustc, cargo) = ("/usr/bin/rustc", Path::new("/usr/bin/cargo"));
    let source = || {
        let sysroot = print(Command::new(rustc).args(["--print", "sysroot"]))?;
        Some(Path::new(&sysroot).join("lib/rustlib/src/rust/library/std").is_dir())
    };
    cargo.exists() && (has_std(rustc) || source().unwrap_or(false))
}
