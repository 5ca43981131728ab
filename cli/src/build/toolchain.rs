//! Which compiler of this machine can build for WebAssembly.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::terminal;

/// Guests are built for this target: it has no WASI, so that no import of it can exist.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// A way to build for [`TARGET`].
#[derive(Debug)]
pub(super) enum Toolchain {
    /// The usual one, whose standard library for the target is installed.
    Usual,
    /// Another pair of rustc and cargo, as distributions install them in `bin`; where the standard library's source is all there is of the
    /// target, it is compiled first.
    Pair { bin: PathBuf, build_std: bool, linker: Option<PathBuf> },
}

impl Toolchain {
    /// The first of: the usual compiler as it is; the same after `rustup target add`; the distribution's.
    pub(super) fn find(folder: &Path) -> Result<Toolchain> {
        if has_std(Path::new("rustc"), folder) {
            return Ok(Toolchain::Usual);
        }
        terminal::stop_if_asked(false, "building")?;
        // Needs the network, and is no loss where there is none.
        let added = answer(Command::new("rustup").args(["target", "add", TARGET]).current_dir(folder)).is_some();
        terminal::stop_if_asked(added, "building")?;
        if added && has_std(Path::new("rustc"), folder) {
            return Ok(Toolchain::Usual);
        }
        if let Some(pair) = pair(Path::new("/usr/bin"), folder) {
            return Ok(pair);
        }
        terminal::stop_if_asked(false, "building")?;
        bail!(
            "no Rust compiler here can build for {TARGET}; run `rustup target add {TARGET}`, or on Debian \
             `apt-get install rustc-web cargo-web rust-web-src`"
        );
    }

    /// Cargo of this toolchain.
    pub(super) fn cargo(&self) -> Command {
        match self {
            Toolchain::Usual => Command::new("cargo"),
            Toolchain::Pair { bin, build_std, linker } => {
                let mut cargo = Command::new(bin.join("cargo"));
                cargo.env("RUSTC", bin.join("rustc"));
                if *build_std {
                    // Compiling the standard library is not stable; the pair's library and compiler are of one version.
                    cargo.env("RUSTC_BOOTSTRAP", "1");
                }
                if let Some(linker) = linker {
                    cargo.env("PATH", path_with(linker));
                }
                // What a rustup proxy sets belongs to the other compiler.
                for name in ["RUSTUP_TOOLCHAIN", "RUSTDOC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO", "LD_LIBRARY_PATH"] {
                    cargo.env_remove(name);
                }
                cargo
            }
        }
    }

    /// Arguments for `cargo build`.
    pub(super) fn build_args(&self) -> &'static [&'static str] {
        match self {
            Toolchain::Pair { build_std: true, .. } => &["-Zbuild-std=std,panic_abort"],
            _ => &[],
        }
    }
}

/// The pair in `bin`, if it can build for the target.
fn pair(bin: &Path, folder: &Path) -> Option<Toolchain> {
    let rustc = bin.join("rustc");
    if !bin.join("cargo").is_file() || !rustc.is_file() {
        return None;
    }
    let linker = linker(&rustc, folder)?;
    if has_std(&rustc, folder) {
        return Some(Toolchain::Pair { bin: bin.into(), build_std: false, linker });
    }
    let sysroot = answer(Command::new(&rustc).args(["--print", "sysroot"]))?;
    let source = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std");
    source.is_dir().then(|| Toolchain::Pair { bin: bin.into(), build_std: true, linker })
}

/// Where to find the linker: none if it is on the path anyway; the whole none if there is none.
#[allow(clippy::option_option, reason = "the outer says whether there is one")]
fn linker(rustc: &Path, folder: &Path) -> Option<Option<PathBuf>> {
    // Rustup's own first: a distribution's may be too old for the objects of this compiler.
    for compiler in [Path::new("rustc"), rustc] {
        let Some(sysroot) = answer(Command::new(compiler).args(["--print", "sysroot"]).current_dir(folder)) else { continue };
        let Some(host) = host(compiler, folder) else { continue };
        let bin = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin");
        if bin.join("rust-lld").is_file() {
            return Some(Some(bin));
        }
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join("rust-lld").is_file()).then_some(None)
}

fn host(rustc: &Path, folder: &Path) -> Option<String> {
    let version = answer(Command::new(rustc).arg("-vV").current_dir(folder))?;
    version.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
}

fn has_std(rustc: &Path, folder: &Path) -> bool {
    let folder = answer(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder));
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

/// What a program prints, without the end of the line, if it succeeds.
fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn path_with(first: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(first.to_owned()).chain(env::split_paths(&path));
    // A folder whose name holds the separator cannot be on a path at all.
    env::join_paths(folders).unwrap_or(path)
}
