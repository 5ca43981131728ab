//! The JSON Schema of a configuration, as the contract takes it.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// JSON Schema (draft 2020-12) of a configuration; `export!` has the plugin's `describe` give it.
///
/// What schemars derives, a little stricter: a key that may be left out may not be `null` instead, and integers have the bounds of their
/// type. Keys are in a fixed order, so the same type gives the same bytes.
pub fn schema<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Value::Object(keys) = &mut schema {
        // The name of a type that no user of the plugin knows.
        keys.remove("title");
    }
    tighten(&mut schema);
    schema.to_string()
}

fn tighten(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if let Some(Value::Object(properties)) = keys.get_mut("properties") {
                properties.values_mut().for_each(without_null);
            }
            bound(keys);
            list_choices(keys);
            keys.values_mut().for_each(tighten);
        }
        Value::Array(items) => items.iter_mut().for_each(tighten),
        _ => {}
    }
}

/// An `Option` is a key that may be left out. TOML has no `null`, and messages need not name it.
fn without_null(property: &mut Value) {
    let Value::Object(keys) = property else { return };
    if let Some(Value::Array(types)) = keys.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keys.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = keys.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    if keys.get("default").is_some_and(Value::is_null) {
        keys.remove("default");
    }
    if let Some(Value::Array(parts)) = keys.get_mut("anyOf") {
        parts.retain(|part| *part != json!({"type": "null"}));
        if let [Value::Object(only)] = parts.as_slice() {
            let only = only.clone();
            keys.remove("anyOf");
            // A description of the key is worth more than that of its type.
            only.into_iter().for_each(|(key, value)| {
                keys.entry(key).or_insert(value);
            });
        }
    }
}

/// What does not fit the type is refused with the bound, not by serde with the type's name.
fn bound(keys: &mut Map<String, Value>) {
    let (min, max) = match keys.get("format").and_then(Value::as_str) {
        Some("uint8") => (0, i64::from(u8::MAX)),
        Some("uint16") => (0, i64::from(u16::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        Some("int8") => (i64::from(i8::MIN), i64::from(i8::MAX)),
        Some("int16") => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => return,
    };
    for (key, exclusive, limit) in [("minimum", "exclusiveMinimum", min), ("maximum", "exclusiveMaximum", max)] {
        if !keys.contains_key(exclusive) {
            keys.entry(key).or_insert(limit.into());
        }
    }
}

/// Documented variants come as a choice of schemas. As a list of words they are refused with that list.
fn list_choices(keys: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = keys.get("oneOf") else { return };
    let (mut words, mut said) = (Vec::new(), Vec::new());
    for variant in variants {
        let Value::Object(variant) = variant else { return };
        if variant.keys().any(|key| !matches!(key.as_str(), "type" | "const" | "enum" | "description")) {
            return;
        }
        let more: Vec<Value> = match (variant.get("const"), variant.get("enum")) {
            (Some(word), None) => vec![word.clone()],
            (None, Some(Value::Array(more))) => more.clone(),
            _ => return,
        };
        if !more.iter().all(Value::is_string) {
            return;
        }
        if let Some(Value::String(text)) = variant.get("description") {
            said.extend(more.iter().filter_map(Value::as_str).map(|word| format!("`{word}`: {text}")));
        }
        words.extend(more);
    }
    keys.remove("oneOf");
    keys.insert("type".to_owned(), "string".into());
    keys.insert("enum".to_owned(), words.into());
    if !said.is_empty() {
        let own = keys.get("description").and_then(Value::as_str).map(|text| format!("{text}\n")).unwrap_or_default();
        keys.insert("description".to_owned(), (own + &said.join("\n")).into());
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::NoConfig;

    /// What it is for.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    #[allow(dead_code, reason = "only its schema counts")]
    struct Config {
        /// How many.
        #[schemars(range(min = 1))]
        max_length: u32,
        steps: Option<u64>,
        #[serde(default)]
        by: By,
        inner: Option<Inner>,
        small: Option<i8>,
    }

    #[derive(Default, Deserialize, serde::Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum By {
        /// The largest value.
        #[default]
        Value,
        /// A place in the order.
        Percentile,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its schema counts")]
    struct Inner {
        share: f64,
    }

    #[test]
    fn a_schema_says_what_the_type_says_and_nothing_of_null() {
        let found: Value = serde_json::from_str(&schema::<Config>()).unwrap();
        let properties = json!({
            "max-length": { "type": "integer", "format": "uint32", "minimum": 1, "maximum": 4_294_967_295u32, "description": "How many." },
            "steps": { "type": "integer", "format": "uint64", "minimum": 0 },
            "by": { "$ref": "#/$defs/By", "default": "value" },
            "inner": { "$ref": "#/$defs/Inner" },
            "small": { "type": "integer", "format": "int8", "minimum": -128, "maximum": 127 },
        });
        let by = json!({
            "type": "string",
            "enum": ["value", "percentile"],
            "description": "`value`: The largest value.\n`percentile`: A place in the order.",
        });
        let inner = json!({
            "type": "object",
            "properties": { "share": { "type": "number", "format": "double" } },
            "required": ["share"],
            "additionalProperties": false,
        });
        let whole = json!({
            "type": "object",
            "description": "What it is for.",
            "properties": properties,
            "required": ["max-length"],
            "additionalProperties": false,
            "$defs": { "By": by, "Inner": inner },
        });
        assert_eq!(found, whole);
    }

    #[test]
    fn no_configuration_takes_no_key() {
        let found: Value = serde_json::from_str(&schema::<NoConfig>()).unwrap();
        assert_eq!((&found["type"], &found["additionalProperties"]), (&json!("object"), &json!(false)));
        assert!(found.get("properties").is_none());
    }

    #[test]
    fn the_same_type_gives_the_same_bytes_with_keys_in_order() {
        assert_eq!(schema::<Inner>(), schema::<Inner>());
        assert!(schema::<Config>().starts_with(r##"{"$defs":{"By":{"##), "{}", schema::<Config>());
    }
}
