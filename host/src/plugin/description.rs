//! Whether a description keeps to the contract, also for who knows it before there is a plugin that gives it.

use super::{flaw::Flaw, schema};
use crate::escape::escape;

/// The first thing for which a plugin would be refused that describes itself so.
pub fn find_flaw(name: &str, version: &str, summary: &str, config_schema: &str) -> Option<Flaw> {
    outside(name, version, summary, config_schema).or_else(|| schema::parse(config_schema).err())
}

/// Holds a description to the limits that `wit/types.wit` gives, without reading the schema.
pub(crate) fn outside(name: &str, version: &str, summary: &str, config_schema: &str) -> Option<Flaw> {
    let shown = |text: &str| escape(text, 64);
    if !is_name(name) {
        let problem = format!("it calls itself `{}`, a name is 1 to 64 of a-z, 0-9 and hyphen, a letter first", shown(name));
        Some(Flaw::new("name", problem))
    } else if !is_version(version) {
        let problem = format!("its version is `{}`, a semantic version such as `1.4.0` is expected", shown(version));
        Some(Flaw::new("version", problem))
    } else if summary.len() > 256 {
        Some(Flaw::new("summary", format!("its summary has {} bytes, at most 256 are allowed", summary.len())))
    } else if config_schema.len() > 64 << 10 {
        Some(Flaw::new("config-schema", format!("its config-schema has {} bytes, at most 65536 are allowed", config_schema.len())))
    } else {
        None
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether this is a version as semver.org has it, of at most 64 bytes.
fn is_version(version: &str) -> bool {
    let words = |text: &str| text.split('.').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let (rest, build) = version.split_once('+').map_or((version, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    version.len() <= 64 && core.split('.').count() == 3 && core.split('.').all(number) && pre.is_none_or(words) && build.is_none_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_are_as_the_contract_says() {
        assert!(is_name("mixture-2") && is_name("a"));
        assert!(!is_name("") && !is_name("2a") && !is_name("a_b") && !is_name("A") && !is_name(&"a".repeat(65)));
        assert!(is_version("1.4.0") && is_version("0.0.0-rc.1+build-5"));
        assert!(!is_version("1.4") && !is_version("1.04.0") && !is_version("1.4.0-") && !is_version("v1.4.0") && !is_version("1.4.0+a..b"));
    }

    #[test]
    fn what_is_wrong_with_a_schema_is_told_with_its_place() {
        let found = |schema: &str| find_flaw("a", "1.0.0", "A.", schema).map(|flaw| (flaw.field, flaw.pointer, flaw.problem));
        assert_eq!(found("").or(found("{\"type\": \"object\"}")), None);
        let (field, pointer, problem) = found(r#"{"properties": {"a": {"minimum": "x"}}}"#).unwrap();
        assert_eq!((field, pointer.as_str()), ("config-schema", "/properties/a/minimum"));
        assert!(problem.starts_with("its config-schema is no JSON Schema: \"x\""), "{problem}");
        assert_eq!(found(r#"{"properties": {"a": {"pattern": "("}}}"#).unwrap().1, "/properties/a/pattern");
        assert_eq!(found("{").unwrap().1, "");
        assert_eq!(find_flaw("a", "one", "A.", "{").unwrap().field, "version");
    }
}
