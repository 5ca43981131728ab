//! Which compiler of this machine makes WebAssembly of C.

use std::{
    ffi::OsString,
    io::Write,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use super::super::tools;
use crate::terminal;

/// The versions of clang that are looked for by number, the oldest last: older ones lack parts of C++23 and of the linker.
const VERSIONS: std::ops::RangeInclusive<u32> = 16..=30;

/// A compiler that has been seen to work.
#[derive(Debug)]
pub(crate) struct Compiler {
    plain: Vec<OsString>,
    plus: Vec<OsString>,
    zig: bool,
}

impl Compiler {
    /// The first that compiles and links a small program: clang by number, clang, Zig, Zig as a package of Python. `plus` asks for C++.
    pub(crate) fn find(plus: bool) -> Result<Compiler> {
        let found = Compiler::candidates().into_iter().find(|compiler| compiler.works(plus));
        terminal::stop_if_asked(found.is_some(), "building")?;
        let Some(compiler) = found else {
            let (language, more) = if plus { ("C++", " libc++-19-dev-wasm32 libc++abi-19-dev-wasm32") } else { ("C", "") };
            bail!(
                "no compiler here makes WebAssembly of {language}; run `pip install ziglang`, or on Debian `apt-get install clang-19 lld-19 \
                 wasi-libc libclang-rt-19-dev-wasm32{more}`"
            );
        };
        Ok(compiler)
    }

    /// Those that are installed, whether they can or not.
    pub(crate) fn candidates() -> Vec<Compiler> {
        let mut compilers = Vec::new();
        let names = VERSIONS.rev().map(|version| format!("-{version}")).chain([String::new()]);
        for suffix in names {
            if let (Some(plain), Some(plus)) = (tools::find(&format!("clang{suffix}")), tools::find(&format!("clang++{suffix}"))) {
                compilers.push(Compiler { plain: vec![plain.into()], plus: vec![plus.into()], zig: false });
            }
        }
        let zig = |words: &[OsString]| {
            let with = |word: &str| words.iter().cloned().chain([word.into()]).collect();
            Compiler { plain: with("cc"), plus: with("c++"), zig: true }
        };
        // The package of Python installs its own as `python-zig`.
        for program in ["zig", "python-zig"].into_iter().filter_map(tools::find) {
            compilers.push(zig(&[program.into()]));
        }
        compilers
    }

    /// How it is called, for a person to read.
    pub(crate) fn program(&self) -> String {
        let words: Vec<_> = self.plain.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    /// The version of clang, its own or Zig's.
    pub(crate) fn version(&self) -> Option<String> {
        let output = self.plain().arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut words = text.split_whitespace().skip_while(|word| *word != "version");
        words.nth(1).map(str::to_owned)
    }

    /// For C, and for all that is not linked with the C++ library.
    pub(super) fn plain(&self) -> Command {
        self.command(&self.plain)
    }

    /// For C++, and to link it.
    pub(super) fn plus(&self) -> Command {
        self.command(&self.plus)
    }

    fn command(&self, words: &[OsString]) -> Command {
        let mut words = words.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command.args(words).arg("--target=wasm32-wasi");
        command
    }

    /// What it takes to link a plugin. A library has no `main`, and is set up before its first call.
    pub(super) fn link_args(&self) -> &'static [&'static str] {
        if self.zig {
            // Its libraries bring debug information along, and its stack lies first anyway.
            return &["-mexec-model=reactor", "-s"];
        }
        // With the stack before the data, recursion without end is a fault and not a change of data.
        &["-mexec-model=reactor", "-Wl,--strip-debug", "-Wl,--stack-first", "-Wl,-z,stack-size=262144"]
    }

    /// Whether it compiles and links a library that takes the standard one.
    pub(crate) fn works(&self, plus: bool) -> bool {
        let (mut command, language, source) = if plus {
            (self.plus(), "c++", "#include <string>\nEXPORT int probe(int n) { return int(std::to_string(n).size()); }\n")
        } else {
            (self.plain(), "c", "#include <stdlib.h>\nEXPORT double probe(const char *text) { return strtod(text, NULL); }\n")
        };
        command.arg("-DEXPORT=__attribute__((export_name(\"probe\")))");
        if plus {
            super::plus_plus(&mut command);
        }
        let Ok(folder) = tempfile::tempdir() else { return false };
        command.args(self.link_args()).args(["-x", language, "-", "-o"]).arg(folder.path().join("probe.wasm"));
        let Ok(mut child) = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else { return false };
        let written = child.stdin.take().is_some_and(|mut input| input.write_all(source.as_bytes()).is_ok());
        child.wait().is_ok_and(|status| status.success()) && written
    }
}
