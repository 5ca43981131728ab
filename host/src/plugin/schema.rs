//! Whether a configuration is one that the plugin accepts, told in terms of the configuration.

use std::collections::HashMap;

use jsonschema::{PatternOptions, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use super::{flaw::Flaw, report};
use crate::{Error, FaultKind, Result, escape::escape};

/// Subschemas that a schema may come to once every reference is followed. A guard against schemas that double at every reference.
const MAX_WEIGHT: u64 = 10_000;
/// Bytes of a quoted value.
const MAX_QUOTE: usize = 80;
/// Bytes of memory for the automaton of one pattern.
const MAX_PATTERN: usize = 1 << 20;

/// Checks a configuration, which must be an object, against a plugin's schema; an empty schema accepts any object.
pub(crate) fn check(plugin: &str, schema: &str, config: &Value) -> Result<()> {
    if !config.is_object() {
        let found = quote(config);
        return Err(Error::config(
            format!("configuration of plugin `{plugin}`"),
            format!("it is {found}, not a table"),
            "write keys and values",
        ));
    }
    let Some((schema, validator)) = read(plugin, schema)? else { return Ok(()) };
    let mut errors = validator.iter_errors(config);
    let Some(first) = errors.next() else { return Ok(()) };
    let others = errors.count();
    let (problem, remedy) = explain(&first, &schema);
    let more = match others {
        0 => String::new(),
        1 => ", and 1 more problem".to_owned(),
        n => format!(", and {n} more problems"),
    };
    Err(Error::config(place(plugin, &first), format!("{problem}{more}"), remedy))
}

/// The schema and what checks by it; none of an empty one, which accepts any object.
pub(crate) fn read(plugin: &str, schema: &str) -> Result<Option<(Value, Validator)>> {
    parse(schema).map_err(|flaw| report::load(plugin, FaultKind::Contract, flaw.problem, report::AUTHOR))
}

/// As `read`, of a schema that no plugin has given yet.
pub(crate) fn parse(schema: &str) -> Result<Option<(Value, Validator)>, Flaw> {
    if schema.is_empty() {
        return Ok(None);
    }
    let bad = |problem: String| Flaw::new("config-schema", format!("its config-schema {problem}"));
    let schema: Value = serde_json::from_str(schema).map_err(|e| bad(format!("is no JSON: {}", report::sentence(&e.to_string()))))?;
    weigh(&schema).map_err(bad)?;
    // Patterns of a sort that takes linear time.
    let patterns = PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN);
    let validator = jsonschema::draft202012::options()
        .with_pattern_options(patterns)
        .build(&schema)
        .map_err(|e| Flaw { pointer: pointer(&schema, &e), ..bad(format!("is no JSON Schema: {}", report::sentence(&e.to_string()))) })?;
    Ok(Some((schema, validator)))
}

/// Where a schema is wrong. Some mistakes are told as of a value that does not fit the schema of schemas, others by the keyword that is one.
fn pointer(schema: &Value, error: &ValidationError<'_>) -> String {
    let places = [error.instance_path().as_str(), error.schema_path().as_str()];
    places.into_iter().find(|place| !place.is_empty() && schema.pointer(place).is_some()).unwrap_or_default().to_owned()
}

/// The plugin and the path of the key: "plugin `p`, key `sources[2].weight`".
fn place(plugin: &str, error: &ValidationError<'_>) -> String {
    let mut path = String::new();
    for part in error.instance_path().as_str().split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|b| b.is_ascii_digit()) && !path.is_empty() {
            path.push_str(&format!("[{part}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part);
        }
    }
    if path.is_empty() { format!("configuration of plugin `{plugin}`") } else { format!("plugin `{plugin}`, key `{path}`") }
}

/// What was found and what is accepted.
fn explain(error: &ValidationError<'_>, schema: &Value) -> (String, String) {
    let found = quote(error.instance());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let unknown = unexpected.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            let known = known_keys(schema, error.schema_path().as_str());
            let remedy = match (unexpected.first().and_then(|key| nearest(key, &known)), known.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, false) => format!("known are {}", known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
                (None, true) => "leave it out".to_owned(),
            };
            (format!("unknown key {unknown}"), remedy)
        }
        ValidationErrorKind::Required { property } => (format!("{} is missing", quote(property).replace('"', "`")), "add it".to_owned()),
        ValidationErrorKind::Type { kind } => {
            let kinds = match kind {
                jsonschema::error::TypeKind::Single(kind) => kind.to_string(),
                jsonschema::error::TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or "),
            };
            (format!("found {found}"), format!("it must be of type {kinds}"))
        }
        ValidationErrorKind::Enum { options } => (format!("found {found}"), format!("it must be one of {}", quote(options))),
        ValidationErrorKind::Constant { expected_value } => (format!("found {found}"), format!("it must be {}", quote(expected_value))),
        ValidationErrorKind::Minimum { limit } => (format!("found {found}"), format!("it must be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => (format!("found {found}"), format!("it must be at most {limit}")),
        ValidationErrorKind::ExclusiveMinimum { limit } => (format!("found {found}"), format!("it must be greater than {limit}")),
        ValidationErrorKind::ExclusiveMaximum { limit } => (format!("found {found}"), format!("it must be less than {limit}")),
        ValidationErrorKind::MinItems { limit } => (format!("found {found}"), format!("it must have at least {limit} items")),
        ValidationErrorKind::MinProperties { limit } => (format!("found {found}"), format!("it must have at least {limit} keys")),
        _ => (report::sentence(&error.to_string()), "see the plugin's schema with `curricle inspect`".to_owned()),
    }
}

/// A value as its reader wrote it, shortened.
fn quote(value: &Value) -> String {
    escape(&value.to_string(), MAX_QUOTE)
}

/// Keys of the object schema whose keyword failed.
fn known_keys(schema: &Value, keyword: &str) -> Vec<String> {
    let parent = keyword.rsplit_once('/').map_or("", |(parent, _)| parent);
    let object = schema.pointer(parent).and_then(|s| s.get("properties")).and_then(Value::as_object);
    object.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

/// The known key that a misspelt one most likely stands for: at most a third of it differs.
fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a str> {
    let key: Vec<char> = key.chars().take(64).collect();
    known
        .iter()
        .map(|candidate| (distance(&key, &candidate.chars().take(64).collect::<Vec<_>>()), candidate))
        .filter(|(distance, _)| *distance * 3 <= key.len().max(3))
        .min()
        .map(|(_, candidate)| candidate.as_str())
}

/// Insertions, deletions and replacements that turn one word into the other (Levenshtein).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b) {
            let above = *cell;
            left = (above + 1).min(left + 1).min(diagonal + usize::from(x != y));
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Refuses schemas that would keep the host busy or overflow its stack: references in a circle, to elsewhere, or that multiply.
fn weigh(schema: &Value) -> Result<(), String> {
    let mut known = HashMap::new();
    weigh_part(schema, schema, &mut known).map(drop)
}

/// Weight of a part with its references followed; `known` holds the weight of each target, none while it is being weighed.
fn weigh_part<'a>(root: &'a Value, part: &'a Value, known: &mut HashMap<&'a str, Option<u64>>) -> Result<u64, String> {
    let mut weight = 1u64;
    match part {
        Value::Object(keys) => {
            for (key, value) in keys {
                weight = weight.saturating_add(match (key.as_str(), value) {
                    ("$ref", Value::String(target)) => weigh_target(root, target, known)?,
                    ("$dynamicRef" | "$recursiveRef" | "$id" | "$schema", Value::String(target)) if key != "$schema" => {
                        return Err(format!("uses `{key}` (`{}`), which is not supported", escape(target, MAX_QUOTE)));
                    }
                    _ => weigh_part(root, value, known)?,
                });
            }
        }
        Value::Array(items) => {
            for item in items {
                weight = weight.saturating_add(weigh_part(root, item, known)?);
            }
        }
        _ => {}
    }
    if weight > MAX_WEIGHT {
        return Err(format!("comes to more than {MAX_WEIGHT} parts with its references followed"));
    }
    Ok(weight)
}

fn weigh_target<'a>(root: &'a Value, target: &'a str, known: &mut HashMap<&'a str, Option<u64>>) -> Result<u64, String> {
    match known.get(target) {
        Some(Some(weight)) => return Ok(*weight),
        Some(None) => return Err(format!("refers in a circle by `{}`", escape(target, MAX_QUOTE))),
        None => {}
    }
    let place = target.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
    let Some(part) = place.and_then(|pointer| root.pointer(pointer)) else {
        return Err(format!("refers to `{}`, only places in itself such as `#/$defs/name` can be", escape(target, MAX_QUOTE)));
    };
    known.insert(target, None);
    let weight = weigh_part(root, part, known)?;
    known.insert(target, Some(weight));
    Ok(weight)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: Value, config: Value) -> String {
        check("p", &schema.to_string(), &config).unwrap_err().to_string()
    }

    #[test]
    fn a_fitting_configuration_passes() {
        check("p", "", &json!({"anything": 1})).unwrap();
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": { "a": { "$ref": "#/$defs/n" } },
            "$defs": { "n": { "type": "number" } }
        });
        check("p", &schema.to_string(), &json!({"a": 1})).unwrap();
    }

    #[test]
    fn a_refusal_names_the_key_and_what_is_accepted() {
        let schema = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["weights"],
            "properties": {
                "weights": { "type": "array", "items": { "type": "object", "properties": { "w": { "type": "number", "exclusiveMinimum": 0 } } } },
                "mode": { "enum": ["fast", "slow"] }
            }
        });
        assert_eq!(refused(schema.clone(), json!({})), "configuration of plugin `p`: `weights` is missing; add it");
        assert_eq!(
            refused(schema.clone(), json!({"wieghts": 1, "weights": []})),
            "configuration of plugin `p`: unknown key `wieghts`; did you mean `weights`?"
        );
        assert_eq!(
            refused(schema.clone(), json!({"zzz": 1, "weights": []})),
            "configuration of plugin `p`: unknown key `zzz`; known are `mode`, `weights`"
        );
        assert_eq!(
            refused(schema.clone(), json!({"weights": [{"w": 1}, {"w": "x"}, {"w": -1}]})),
            "plugin `p`, key `weights[1].w`: found \"x\", and 1 more problem; it must be of type number"
        );
        assert_eq!(
            refused(schema.clone(), json!({"weights": [{"w": -1}]})),
            "plugin `p`, key `weights[0].w`: found -1; it must be greater than 0"
        );
        assert_eq!(
            refused(schema, json!({"weights": [], "mode": "quick"})),
            "plugin `p`, key `mode`: found \"quick\"; it must be one of [\"fast\",\"slow\"]"
        );
        assert_eq!(refused(json!({}), json!([1])), "configuration of plugin `p`: it is [1], not a table; write keys and values");
    }

    #[test]
    fn schemas_that_could_harm_the_host_are_refused() {
        let circle = refused(json!({"$ref": "#"}), json!({}));
        assert_eq!(circle, "plugin `p`, load: its config-schema refers in a circle by `#`; tell the author of the plugin");
        let far = refused(json!({"$ref": "https://example.com/schema"}), json!({}));
        assert_eq!(
            far,
            "plugin `p`, load: its config-schema refers to `https://example.com/schema`, only places in itself such as `#/$defs/name` can be; \
             tell the author of the plugin"
        );
        let mut defs = serde_json::Map::new();
        for i in 0..60 {
            let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
            defs.insert(format!("d{i}"), json!({"allOf": [next.clone(), next]}));
        }
        defs.insert("d60".to_owned(), json!({}));
        let bomb = refused(json!({"$ref": "#/$defs/d0", "$defs": defs}), json!({}));
        assert!(bomb.contains("comes to more than 10000 parts with its references followed"), "{bomb}");
        assert!(check("p", "{", &json!({})).unwrap_err().to_string().contains("its config-schema is no JSON: "));
        assert!(refused(json!({"type": "nummer"}), json!({})).contains("its config-schema is no JSON Schema: "));
    }

    #[test]
    fn a_pattern_cannot_run_away() {
        let schema = json!({"properties": {"a": {"pattern": "(a+)+$"}}});
        let config = json!({"a": format!("{}b", "a".repeat(200))});
        assert!(refused(schema, config).starts_with("plugin `p`, key `a`: "));
    }
}
