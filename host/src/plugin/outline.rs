//! What a component says of itself before it is compiled: its kind, and whether it fits this host.

use wasmparser::{Encoding, Parser, Payload};

use super::{
    label::{self, Label, check_contract},
    report,
};
use crate::{FaultKind, Result};

/// The package of the contract.
const PACKAGE: &str = "curricle:plugin/";
/// Components within components. Those that tools make have 2 or 3; the compiler goes as deep as they nest.
const MAX_NESTING: u32 = 64;

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Says how hard the data may be at a step: world `pacing-plugin`.
    Pacing,
    /// Computes a value per sample: world `metric-plugin`.
    Metric,
    /// Decides what each global batch holds: world `policy-plugin`.
    Policy,
    /// A policy that remembers things between steps: world `stateful-policy-plugin`.
    StatefulPolicy,
    /// Arranges samples into rows: world `packer-plugin`.
    Packer,
}

impl Kind {
    /// The kind with its article, for a sentence.
    pub(crate) fn a(self) -> &'static str {
        match self {
            Kind::Pacing => "a pacing function",
            Kind::Metric => "a metric",
            Kind::Policy | Kind::StatefulPolicy => "a policy",
            Kind::Packer => "a packer",
        }
    }

    /// The world of `wit/` that a plugin of this kind implements.
    pub fn world(self) -> &'static str {
        match self {
            Kind::Pacing => "pacing-plugin",
            Kind::Metric => "metric-plugin",
            Kind::Policy => "policy-plugin",
            Kind::StatefulPolicy => "stateful-policy-plugin",
            Kind::Packer => "packer-plugin",
        }
    }

    fn may_import(self, interface: &str) -> bool {
        match self {
            Kind::Policy | Kind::StatefulPolicy => {
                matches!(interface, "types" | "logging" | "dataset" | "streams" | "plan" | "pacings")
            }
            Kind::Pacing | Kind::Metric | Kind::Packer => matches!(interface, "types" | "logging"),
        }
    }
}

/// The outside of a component.
pub(crate) struct Outline {
    pub(crate) kind: Kind,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) label: Option<Label>,
}

/// Reads the outside of a component and refuses what cannot be a plugin of this host.
pub(crate) fn outline(plugin: &str, bytes: &[u8]) -> Result<Outline> {
    check_header(plugin, bytes)?;
    let (imports, exports, label) = outside(plugin, bytes)?;
    Outline::new(plugin, imports, exports, label)
}

impl Outline {
    /// Judges a component by its outside.
    pub(crate) fn new(plugin: &str, imports: Vec<String>, exports: Vec<String>, label: Option<Label>) -> Result<Outline> {
        if let Some(label) = &label {
            check_contract(plugin, &label.contract)?;
        }
        let kind = kind(plugin, &exports)?;
        check_imports(plugin, kind, &imports)?;
        Ok(Outline { kind, imports, exports, label })
    }

    /// Version of the contract that it is built for, as its exports say it.
    pub(crate) fn contract(&self) -> &str {
        self.exports.iter().find_map(|export| split(export)).map_or("", |(_, version)| version)
    }
}

fn check_header(plugin: &str, bytes: &[u8]) -> Result<()> {
    let (problem, remedy) = if Parser::is_component(bytes) {
        return Ok(());
    } else if bytes.is_empty() {
        ("its file is empty", "build it again")
    } else if Parser::is_core_wasm(bytes) {
        ("it is a core module, not a component", "make a component of it: `curricle build` does, or `wasm-tools component new`")
    } else if bytes.starts_with(b"\x7fELF") {
        ("it is machine code, which is never loaded", "give the `.wasm` file that it was made from")
    } else if bytes.starts_with(b"\0asm") {
        ("its file is cut off, or made for another version of WebAssembly", "build it again with current tools")
    } else if bytes.trim_ascii_start().starts_with(b"(") {
        ("it is WebAssembly text", "make a binary of it with `wasm-tools parse`")
    } else {
        ("it is not WebAssembly", "give the `.wasm` file of a component")
    };
    Err(report::load(plugin, FaultKind::Load, problem, remedy))
}

/// Imports and exports of the outermost component, and its label.
fn outside(plugin: &str, bytes: &[u8]) -> Result<(Vec<String>, Vec<String>, Option<Label>)> {
    let damaged = |e: wasmparser::BinaryReaderError| {
        let problem = format!("it is damaged at byte {} of {}: {}", e.offset(), bytes.len(), report::sentence(e.message()));
        report::load(plugin, FaultKind::Load, problem, "copy or build it again")
    };
    let (mut imports, mut exports, mut label) = (Vec::new(), Vec::new(), None);
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => {
                depth += 1;
                if depth > MAX_NESTING {
                    let problem = format!("its components nest more than {MAX_NESTING} deep");
                    return Err(report::load(plugin, FaultKind::Load, problem, "compose it of fewer"));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import.map_err(damaged)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export.map_err(damaged)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if depth == 1 && section.name() == label::SECTION => {
                label = Some(Label::read(plugin, section.data())?);
            }
            _ => {}
        }
    }
    Ok((imports, exports, label))
}

fn kind(plugin: &str, exports: &[String]) -> Result<Kind> {
    let link = |problem: String, remedy: &str| Err(report::load(plugin, FaultKind::Link, problem, remedy));
    let mut ours = Vec::new();
    for export in exports {
        if let Some((interface, version)) = split(export) {
            check_contract(plugin, version)?;
            ours.push(interface);
        }
    }
    let main: Vec<Kind> = ours
        .iter()
        .filter_map(|interface| match *interface {
            "pacing" => Some(Kind::Pacing),
            "metric" => Some(Kind::Metric),
            "policy" if ours.contains(&"snapshot") => Some(Kind::StatefulPolicy),
            "policy" => Some(Kind::Policy),
            "packer" => Some(Kind::Packer),
            _ => None,
        })
        .collect();
    match main.as_slice() {
        [kind] => Ok(*kind),
        [] => link(
            format!("it implements no world of `curricle:plugin`: it exports {}", list(exports)),
            "export `pacing`, `metric`, `policy` or `packer`, as `wit/README.md` says",
        ),
        [first, second, ..] => link(format!("it is both {} and {}", first.a(), second.a()), "make two plugins of it"),
    }
}

fn check_imports(plugin: &str, kind: Kind, imports: &[String]) -> Result<()> {
    for import in imports {
        if let Some((_, version)) = split(import) {
            check_contract(plugin, version)?;
        }
    }
    let foreign: Vec<String> =
        imports.iter().filter(|import| !split(import).is_some_and(|(interface, _)| kind.may_import(interface))).cloned().collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let remedy = if foreign.iter().any(|import| import.starts_with("wasi:")) {
        "build it without WASI: Rust for `wasm32-unknown-unknown`, Python with `--stub-wasi`, JavaScript with all features disabled"
    } else {
        "leave these imports out: only those of its world in `wit/` are there"
    };
    Err(report::load(plugin, FaultKind::Link, format!("it imports what {} is not given: {}", kind.a(), list(&foreign)), remedy))
}

/// Interface and version, if the name is one of the contract's.
fn split(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

/// Up to three names for a sentence.
fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| format!("`{}`", crate::escape::escape(name, 100))).collect();
    match names.len() {
        0 => "nothing".to_owned(),
        n if n > 3 => format!("{} and {} more", shown.join(", "), n - 3),
        _ => shown.join(", "),
    }
}
