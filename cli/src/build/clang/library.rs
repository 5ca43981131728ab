//! Our part of a plugin in C: the header, what lies behind it, and what the plugin says of itself.

use std::{fmt::Write, path::Path};

use anyhow::Result;

use super::super::bindings;
use crate::project::{Kind, Manifest};

/// The C++ library's ends, for projects in C++.
pub(super) const ABORT: &str = "abort.cpp";
/// The object that holds the types of the component.
pub(super) const TYPES: &str = "wit_component_type.o";

/// The files of `guest-sdk/c`.
const FILES: [(&str, &str); 12] = [
    ("curricle.h", include_str!("../../../../guest-sdk/c/curricle.h")),
    ("glue.h", include_str!("../../../../guest-sdk/c/glue.h")),
    ("common.c", include_str!("../../../../guest-sdk/c/common.c")),
    ("stdio.c", include_str!("../../../../guest-sdk/c/stdio.c")),
    ("curricle_utf8.h", include_str!("../../../../guest-sdk/c/curricle_utf8.h")),
    ("utf8.c", include_str!("../../../../guest-sdk/c/utf8.c")),
    ("json.c", include_str!("../../../../guest-sdk/c/json.c")),
    ("policy.c", include_str!("../../../../guest-sdk/c/policy.c")),
    ("metric.c", include_str!("../../../../guest-sdk/c/metric.c")),
    ("pacing.c", include_str!("../../../../guest-sdk/c/pacing.c")),
    ("packer.c", include_str!("../../../../guest-sdk/c/packer.c")),
    (ABORT, include_str!("../../../../guest-sdk/c/abort.cpp")),
];

/// What was written.
#[derive(Debug)]
pub(super) struct Library {
    /// Sources in C for this kind of plugin, in its folder.
    pub(super) sources: Vec<&'static str>,
}

/// Writes all of it into a folder.
pub(super) fn write(manifest: &Manifest, folder: &Path) -> Result<Library> {
    for (name, text) in FILES {
        bindings::write(&folder.join(name), text.as_bytes())?;
    }
    bindings::c(manifest.kind, folder)?;
    bindings::write(&folder.join("describe.c"), describe(manifest)?.as_bytes())?;
    let kind = match manifest.kind {
        Kind::Policy | Kind::StatefulPolicy => "policy.c",
        Kind::Metric => "metric.c",
        Kind::Pacing => "pacing.c",
        Kind::Packer => "packer.c",
    };
    Ok(Library { sources: vec!["common.c", "stdio.c", "utf8.c", "json.c", kind, "wit.c", "describe.c"] })
}

fn describe(manifest: &Manifest) -> Result<String> {
    let mut text = String::from("/* Made of `curricle.toml`. */\n#include \"glue.h\"\n\n");
    let schema = manifest.schema()?;
    let strings = [("name", &manifest.name), ("version", &manifest.version), ("summary", &manifest.summary), ("schema", &schema)];
    for (name, value) in strings {
        // Writing to a string does not fail.
        let _ = writeln!(text, "const char curricle_{name}[] = {};", literal(value));
    }
    Ok(text)
}

/// A string of C. Anything but plain characters is an octal escape, of three digits so that none is too many.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'_' | b'-' | b'.' | b',' | b':' | b'{' | b'}' | b'[' | b']' => {
                literal.push(char::from(byte));
            }
            _ => {
                let _ = write!(literal, "\\{byte:03o}");
            }
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_of_c_means_the_same_bytes() {
        assert_eq!(literal("short-first 0.1"), "\"short-first 0.1\"");
        assert_eq!(literal("a\"\\\n?é7"), "\"a\\042\\134\\012\\077\\303\\2517\"");
    }
}
