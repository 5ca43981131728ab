//! C and C++: the author's source, our little library and the generated bindings, through clang or Zig's.

mod compiler;
mod library;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

pub(crate) use self::compiler::Compiler;
use super::{adapter, turn::Turn};
use crate::{
    project::{Kind, Language, Manifest},
    terminal,
};

/// Builds a project into a component.
pub(super) fn build(manifest: &Manifest) -> Result<Vec<u8>> {
    let mut manifest = manifest.clone();
    manifest.folder = unmistakable(&manifest.folder);
    let manifest = &manifest;
    let plus = manifest.language == Language::Cpp;
    let compiler = Compiler::find(plus)?;
    let workshop = manifest.workshop()?;
    let _turn = Turn::wait(&workshop)?;
    let workshop = workshop.join("c");
    let library = library::write(manifest, &workshop)?;

    let mut ours = compile(&compiler, manifest.kind);
    // Pieces of memory are generated once as a list of the one interface and once as that of another.
    ours.current_dir(&workshop).args(["-w", "-fno-strict-aliasing", "-c"]).args(&library.sources);
    succeed(ours, "clang could not build Curricle's part of the plugin")?;
    let mut objects: Vec<PathBuf> = library.sources.iter().map(|source| workshop.join(source).with_extension("o")).collect();
    if plus {
        let mut end = compile(&compiler, manifest.kind);
        plus_plus(&mut end).current_dir(&workshop).args(["-w", "-c", library::ABORT]);
        succeed(end, "clang could not build Curricle's part of the plugin")?;
        objects.push(workshop.join(library::ABORT).with_extension("o"));
    }
    for (number, source) in manifest.sources().iter().enumerate() {
        let object = workshop.join(format!("source-{number}.o"));
        theirs(&compiler, manifest, source, &workshop, &object)?;
        objects.push(object);
    }

    let module = workshop.join("plugin.wasm");
    let mut link = if plus { compiler.plus() } else { compiler.plain() };
    link.args(compiler.link_args()).args(&objects).arg(workshop.join(library::TYPES)).arg("-o").arg(&module);
    succeed(link, &format!("`{}` could not be linked; each `plugin_` function of its kind must be defined", manifest.folder.display()))?;
    let module = fs::read(&module).with_context(|| format!("cannot read `{}`", module.display()))?;
    adapter::component(&manifest.name, &module)
}

/// The compiler with what all sources are compiled with.
fn compile(compiler: &Compiler, kind: Kind) -> Command {
    let mut command = compiler.plain();
    command.args(common(kind));
    command
}

fn plus_plus(command: &mut Command) -> &mut Command {
    // A driver for C compiles C++ as well; the other one only links more.
    command.args(["-std=c++23", "-fno-exceptions", "-fno-rtti"])
}

fn common(kind: Kind) -> Vec<&'static str> {
    // Two roundings are two on every machine: without this, one that has a multiplication with addition may make one of them.
    let mut arguments = vec!["-O3", "-ffp-contract=off"];
    arguments.extend(match kind {
        Kind::Policy => &["-DCURRICLE_POLICY"][..],
        Kind::StatefulPolicy => &["-DCURRICLE_POLICY", "-DCURRICLE_STATEFUL"],
        Kind::Metric => &["-DCURRICLE_METRIC"],
        Kind::Pacing => &["-DCURRICLE_PACING"],
        Kind::Packer => &["-DCURRICLE_PACKER"],
    });
    arguments
}

/// A folder in words that clang takes neither for an option nor for a file of options.
fn unmistakable(folder: &Path) -> PathBuf {
    match folder.as_os_str().as_encoded_bytes().first() {
        None => PathBuf::from("."),
        Some(b'-' | b'@') => Path::new(".").join(folder),
        Some(_) => folder.to_owned(),
    }
}

fn theirs(compiler: &Compiler, manifest: &Manifest, source: &Path, workshop: &Path, object: &Path) -> Result<()> {
    // Without an extension it is in the project's language.
    let plus = source.extension().map_or(manifest.language == Language::Cpp, |extension| extension != "c");
    if plus && manifest.language == Language::C {
        bail!("`{}` is no source in C; write `language = \"cpp\"` in `curricle.toml` if it is C++", source.display());
    }
    let mut command = if plus { compiler.plus() } else { compiler.plain() };
    command.args(common(manifest.kind)).args(["-Wall", "-Wextra"]);
    if plus {
        plus_plus(&mut command);
    } else {
        command.arg("-std=c17");
    }
    // What `assert` says of its file must not depend on where the project lies.
    command.arg(format!("-ffile-prefix-map={}=.", manifest.folder.display()));
    // An object of an earlier build must not pass for one of this.
    match fs::remove_file(object) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove `{}`", object.display()));
        }
        _ => {}
    }
    command.arg("-I").arg(workshop).args(["-x", if plus { "c++" } else { "c" }, "-c"]).arg(source).arg("-o").arg(object);
    succeed(command, &format!("clang could not build `{}`; its messages are above", source.display()))
}

fn succeed(mut command: Command, problem: &str) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{name}`"))?;
    terminal::stop_if_asked(status.success(), "building")?;
    if !status.success() {
        bail!("{problem}");
    }
    Ok(())
}
