//! A compiler for WebAssembly: rustup's where it can be had, else the distribution's. And a browser for tests.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

const TARGET: &str = "wasm32-unknown-unknown";
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Sees to it that plugins can be built.
pub(crate) fn run() -> Result<()> {
    if has_std("rustc") || has_pair() {
        return Ok(());
    }
    eprintln!("==> adding {TARGET} to the Rust toolchain");
    if succeeds(Command::new("rustup").args(["target", "add", TARGET])) && has_std("rustc") {
        return Ok(());
    }
    if Path::new("/usr/bin/apt-get").exists() {
        eprintln!("==> rustup cannot be reached; installing {}", PACKAGES.join(", "));
        if install(&PACKAGES) && has_pair() {
            return Ok(());
        }
    }
    bail!(
        "no Rust compiler here can build for {TARGET}; run `rustup target add {TARGET}`, or on Debian `apt-get install {}`",
        PACKAGES.join(" ")
    );
}

/// Sees to a browser for the tests of pages.
pub(crate) fn browser() -> Result<()> {
    const BROWSER: &str = "chromium";
    let there = || succeeds(Command::new(BROWSER).arg("--version"));
    if there() {
        return Ok(());
    }
    if Path::new("/usr/bin/apt-get").exists() {
        eprintln!("==> installing {BROWSER}");
        if install(&[BROWSER]) && there() {
            return Ok(());
        }
    }
    bail!("`{BROWSER}` is not there, which tests open pages in; install it, on Debian with `apt-get install {BROWSER}`");
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

/// Installs packages of the distribution, if this user may: as root, or by a sudo that asks for no password.
fn install(packages: &[&str]) -> bool {
    let root = print(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    let apt = |arguments: &[&str]| {
        let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
        if !root {
            command.args(["-n", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        succeeds(&mut command)
    };
    let packages = [&["install", "-y", "--no-install-recommends"][..], packages].concat();
    // A fresh machine has no lists of packages yet.
    apt(&packages) || (apt(&["update"]) && apt(&packages))
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What a program prints, without the end of the line, if it succeeds.
fn print(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
