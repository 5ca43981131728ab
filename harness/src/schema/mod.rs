//! Configurations drawn from a JSON Schema: some that it allows, some that it forbids, the same ones every time.
//!
//! A schema that is too clever is drawn from as far as it is understood: whether a configuration is allowed is the host's to say.

mod allowed;
mod forbidden;
mod node;

use serde_json::Value;

pub(crate) use self::{allowed::allowed, forbidden::forbidden};
use self::{allowed::sample, node::Node};

/// Names that exist where the configuration is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Columns of numbers.
    pub(crate) numbers: Vec<String>,
    /// Columns of categories, with their categories.
    pub(crate) categories: Vec<(String, Vec<String>)>,
    /// Pacing functions.
    pub(crate) pacings: Vec<String>,
}

/// A configuration, and what is special about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) config: Value,
    pub(crate) why: String,
}

/// Ordinary configurations to begin with, the best first; the empty one last.
pub(crate) fn bases(schema: &Value, names: &Names) -> Vec<Value> {
    let root = Node::root(schema);
    let mut found: Vec<Value> = root.list("examples").iter().filter(|example| example.is_object()).cloned().collect();
    let least = sample(&root, "", names);
    found.push(least.clone());
    // What one of several alternatives requires besides.
    for choice in ["oneOf", "anyOf"] {
        for alternative in root.list(choice) {
            let required = alternative.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let mut config = least.clone();
            for key in required {
                if let (Some(object), Some(property)) = (config.as_object_mut(), root.property(key)) {
                    object.entry(key).or_insert_with(|| sample(&property, key, names));
                }
            }
            found.push(config);
        }
    }
    found.retain(Value::is_object);
    found.push(Value::Object(serde_json::Map::new()));
    found.dedup();
    found
}

/// Puts a value into an object under a key.
fn with(config: &Value, key: &str, value: Value) -> Value {
    let mut config = config.clone();
    if let Some(object) = config.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
    config
}

/// Takes a key out of an object.
fn without(config: &Value, key: &str) -> Value {
    let mut config = config.clone();
    if let Some(object) = config.as_object_mut() {
        object.remove(key);
    }
    config
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> Names {
        Names {
            numbers: vec!["difficulty".into(), "seqlen".into()],
            categories: vec![("domain".into(), vec!["code".into(), "web".into()])],
            pacings: vec!["ramp".into()],
        }
    }

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "column": { "type": "string", "description": "a column of numbers" },
                "from": { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
                "mode": { "enum": ["fast", "slow"] },
                "steps": { "type": "integer", "minimum": 1 },
                "warm": { "type": "boolean" }
            },
            "required": ["column", "steps"],
            "additionalProperties": false
        })
    }

    #[test]
    fn the_least_configuration_names_a_column_that_exists() {
        assert_eq!(bases(&schema(), &names())[0], json!({"column": "difficulty", "steps": 1}));
        let example = json!({"type": "object", "examples": [{"a": 5}], "properties": {"a": {"type": "integer"}}});
        assert_eq!(bases(&example, &names())[0], json!({"a": 5}));
    }

    #[test]
    fn every_choice_and_both_sides_of_every_bound_are_drawn() {
        let base = json!({"column": "difficulty", "steps": 1});
        let cases = allowed(&schema(), &names(), &base);
        for (key, value) in [
            ("mode", json!("fast")),
            ("mode", json!("slow")),
            ("warm", json!(true)),
            ("warm", json!(false)),
            ("from", json!(1.0)),
            ("from", json!(5e-324)),
            ("steps", json!(2)),
            ("column", json!("seqlen")),
            ("column", json!("domain")),
        ] {
            assert!(cases.iter().any(|case| case.config.get(key) == Some(&value)), "{key} = {value}: {cases:#?}");
        }
        assert!(cases.len() <= 64);
        assert_eq!(cases, allowed(&schema(), &names(), &base));
    }

    #[test]
    fn forbidden_ones_break_one_rule_each() {
        let base = json!({"column": "difficulty", "steps": 1});
        let cases = forbidden(&schema(), &base);
        let whys: Vec<&str> = cases.iter().map(|case| case.why.as_str()).collect();
        for why in [
            "`steps` is 0, below 1",
            "`from` is 0.0, not above 0",
            "`from` is 1.5, above 1",
            "`column` is missing",
            "unknown key `no-such-key`",
        ] {
            assert!(whys.contains(&why), "{why}: {whys:#?}");
        }
        assert!(whys.iter().any(|why| why.starts_with("`mode` is \"no-such-choice\"")), "{whys:#?}");
        assert!(whys.iter().any(|why| why.starts_with("`steps` is \"")), "{whys:#?}");
    }

    #[test]
    fn words_and_lists_longer_than_a_machine_holds_are_not_drawn() {
        let schema = json!({
            "properties": {
                "word": { "type": "string", "minLength": u64::MAX / 2 },
                "list": { "type": "array", "items": { "type": "boolean" }, "minItems": 1_000_000_000_000u64 },
                "short": { "type": "string", "minLength": 3 }
            },
            "required": ["word", "list", "short"]
        });
        let base = bases(&schema, &names()).swap_remove(0);
        assert_eq!(base["short"], "xxx");
        let cases = allowed(&schema, &names(), &base).len() + forbidden(&schema, &base).len();
        assert!(cases > 4);
    }

    #[test]
    fn a_bound_that_no_number_is_next_to_is_not_broken() {
        let schema = json!({"properties": {"steps": {"type": "integer", "maximum": 9_007_199_254_740_992u64}}});
        assert!(forbidden(&schema, &json!({})).iter().all(|case| !case.why.contains("above")));
    }

    #[test]
    fn references_alternatives_and_lists_are_followed() {
        let schema = json!({
            "type": "object",
            "properties": {
                "column": { "type": "string", "description": "a column of categories" },
                "weights": { "$ref": "#/$defs/weights" },
                "points": { "type": "array", "minItems": 1, "items": {
                    "type": "object", "properties": { "step": { "type": "integer", "minimum": 0 } }, "required": ["step"] } }
            },
            "required": ["column"],
            "oneOf": [{ "required": ["weights"] }, { "required": ["points"] }],
            "$defs": { "weights": { "type": "object", "minProperties": 1, "additionalProperties": { "type": "number", "minimum": 0 } } }
        });
        let found = bases(&schema, &names());
        assert!(found.contains(&json!({"column": "domain", "weights": {"code": 1.0, "web": 1.0}})), "{found:#?}");
        assert!(found.contains(&json!({"column": "domain", "points": [{"step": 1}]})), "{found:#?}");
        let circle = json!({"properties": {"a": {"$ref": "#"}}, "required": ["a"], "type": "object"});
        bases(&circle, &names());
    }
}
