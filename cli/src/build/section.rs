//! The custom section `curricle`: name, version and contract of a plugin and whether it brings an interpreter, where they can be read without compiling or running it.

use std::borrow::Cow;

use anyhow::{Context, Result, bail};
use curricle::plugin::CONTRACT;
use serde_json::json;
use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::BinaryReader;

const NAME: &str = "curricle";
/// Magic number and version.
const HEADER: usize = 8;
/// Id of custom sections.
const CUSTOM: u8 = 0;

/// The component with the section, in place of one that it may have had, before everything else.
pub(super) fn put(component: &[u8], name: &str, version: &str, interpreted: bool) -> Result<Vec<u8>> {
    let Some((header, sections)) = component.split_at_checked(HEADER) else { bail!("it is cut off") };
    let mut label = json!({"name": name, "version": version, "contract": CONTRACT});
    if interpreted {
        label["interpreted"] = true.into();
    }
    let data = label.to_string();
    let section = CustomSection { name: Cow::Borrowed(NAME), data: Cow::Borrowed(data.as_bytes()) };
    let mut bytes = header.to_vec();
    bytes.push(section.id());
    section.encode(&mut bytes);
    let mut reader = BinaryReader::new(sections, HEADER);
    let mut at = 0;
    while !reader.eof() {
        let part = (|| {
            let id = reader.read_u8()?;
            let size = reader.read_var_u32()?;
            let content = reader.read_bytes(size as usize)?;
            let ours = id == CUSTOM && BinaryReader::new(content, 0).read_string()? == NAME;
            Ok::<bool, wasmparser::BinaryReaderError>(ours)
        })();
        let ours = part.context("it is cut off")?;
        let end = reader.original_position() - HEADER;
        if !ours {
            bytes.extend_from_slice(sections.get(at..end).unwrap_or_default());
        }
        at = end;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_an_earlier_one() {
        let empty = b"\0asm\x0d\0\x01\0";
        let other = CustomSection { name: "other".into(), data: Cow::Borrowed(b"x") };
        let mut component = empty.to_vec();
        component.push(other.id());
        other.encode(&mut component);
        let once = put(&component, "a", "1.0.0", false).unwrap();
        assert!(once.ends_with(&component[HEADER..]));
        let text = String::from_utf8_lossy(&once);
        assert!(text.contains(r#"curricle{"contract":"0.1.0","name":"a","version":"1.0.0"}"#), "{text}");
        let longer = put(&once, "a", "1.0.10", false).unwrap();
        assert_eq!(longer.len(), once.len() + 1);
        assert_eq!(put(&longer, "a", "1.0.0", false).unwrap(), once);
        assert!(put(&once[..once.len() - 1], "a", "1.0.0", false).is_err());
        let text = String::from_utf8_lossy(&put(&once, "a", "1.0.0", true).unwrap()).into_owned();
        assert!(text.contains(r#"curricle{"contract":"0.1.0","interpreted":true,"name":"a","version":"1.0.0"}"#), "{text}");
    }
}
