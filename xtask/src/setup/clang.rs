//! Clang, with what C and C++ take to become WebAssembly.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use super::apt;

const PACKAGES: [&str; 6] =
    ["clang-19", "lld-19", "wasi-libc", "libclang-rt-19-dev-wasm32", "libc++-19-dev-wasm32", "libc++abi-19-dev-wasm32"];

pub(super) fn run() -> Result<()> {
    if apt::has(&PACKAGES) || compiles() {
        return Ok(());
    }
    if apt::is_here() {
        eprintln!("==> installing {}", PACKAGES.join(", "));
        if apt::install(&PACKAGES) && compiles() {
            return Ok(());
        }
    }
    bail!("no clang here can compile C++ for wasm32-wasi; on Debian run `apt-get install {}`", PACKAGES.join(" "));
}

/// Whether a program that takes both standard libraries compiles and links.
fn compiles() -> bool {
    let run = |compiler: &str| -> std::io::Result<bool> {
        let mut command = Command::new(compiler);
        command.args(["--target=wasm32-wasi", "-mexec-model=reactor", "-fno-exceptions", "-x", "c++", "-", "-o", "/dev/null"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(b"#include <string>\nstd::string text(int n) { return std::to_string(n); }\n")?;
        }
        Ok(child.wait()?.success())
    };
    ["clang++-19", "clang++"].into_iter().any(|compiler| run(compiler).unwrap_or(false))
}
