//! The keys of a configuration, read off its JSON Schema.

use curricle::printable;
use serde_json::Value;

/// How deep tables within tables are listed; a schema may refer to itself.
const DEPTH: usize = 4;

/// One key that a configuration may have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Such as `metrics[].column`.
    pub(super) path: String,
    /// What its value is, in words.
    pub(super) value: String,
    pub(super) required: bool,
    pub(super) default: Option<String>,
    pub(super) description: String,
}

/// All keys, those of a table after its own.
pub(super) fn keys(schema: &Value) -> Vec<Key> {
    let mut keys = Vec::new();
    collect(schema, schema, "", DEPTH, &mut keys);
    keys
}

fn collect(root: &Value, schema: &Value, path: &str, depth: usize, keys: &mut Vec<Key>) {
    if depth == 0 {
        return;
    }
    let schema = resolve(root, schema);
    let required: Vec<&str> = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let resolved = resolve(root, inner);
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        // What stands beside a reference is about this use of it.
        let word = |key: &str| inner.get(key).or_else(|| resolved.get(key));
        keys.push(Key {
            path: shown(&path),
            value: shown(&value(root, resolved)),
            required: required.contains(&name.as_str()),
            default: word("default").map(|value| shown(&value.to_string())),
            description: shown(word("description").and_then(Value::as_str).unwrap_or_default()),
        });
        below(root, resolved, &path, depth, keys);
    }
    if let Some(inner) = schema.get("additionalProperties").filter(|inner| inner.is_object()) {
        let path = if path.is_empty() { "NAME".to_owned() } else { format!("{path}.NAME") };
        below(root, resolve(root, inner), &path, depth, keys);
    }
    for choice in choices(schema) {
        collect(root, choice, path, depth - 1, keys);
    }
    let mut seen = std::collections::BTreeSet::new();
    keys.retain(|key| seen.insert(key.path.clone()));
}

/// What a plugin wrote, on one line and safe for a terminal.
fn shown(text: &str) -> String {
    printable(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Keys of the tables that a value holds.
fn below(root: &Value, schema: &Value, path: &str, depth: usize, keys: &mut Vec<Key>) {
    match schema.get("items") {
        Some(items) => collect(root, items, &format!("{path}[]"), depth - 1, keys),
        None => collect(root, schema, path, depth - 1, keys),
    }
}

/// Follows references within the schema.
fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..DEPTH {
        let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?)) else {
            break;
        };
        schema = target;
    }
    schema
}

fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| schema.get(word)?.as_array()).flatten()
}

/// A value in words: `integer ≥ 1`, `"rank" or "value"`, `list of string`.
fn value(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    if let Some(constant) = schema.get("const") {
        return constant.to_string();
    }
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return options.iter().filter(|option| !option.is_null()).map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    let mut of_choices: Vec<String> = choices(schema).map(|choice| value(root, choice)).filter(|words| words != "null").collect();
    of_choices.dedup();
    if !of_choices.is_empty() {
        return of_choices.join(" or ");
    }
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        _ => Vec::new(),
    };
    let mut words = match kinds.as_slice() {
        [] => "anything".to_owned(),
        ["object"] => "table".to_owned(),
        ["array"] => match schema.get("items") {
            Some(items) => format!("list of {}", value(root, items)),
            None => "list".to_owned(),
        },
        kinds => kinds.join(" or "),
    };
    for (word, sign) in [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")] {
        if let Some(bound) = schema.get(word) {
            words.push_str(&format!(" {sign} {bound}"));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(schema: &Value) -> Vec<String> {
        let line = |key: Key| {
            let needed = if key.required { "required".to_owned() } else { key.default.unwrap_or_default() };
            format!("{}: {} ({needed}) {}", key.path, key.value, key.description)
        };
        keys(schema).into_iter().map(line).collect()
    }

    #[test]
    fn keys_come_with_type_bounds_default_and_words() {
        let schema = json!({
            "type": "object",
            "required": ["column"],
            "properties": {
                "column": {"type": "string", "description": "what to\n sort by"},
                "share": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1, "default": 0.5},
                "by": {"enum": ["rank", "value"]},
            },
        });
        assert_eq!(
            lines(&schema),
            ["by: \"rank\" or \"value\" () ", "column: string (required) what to sort by", "share: number > 0 ≤ 1 (0.5) "]
        );
    }

    #[test]
    fn tables_in_lists_and_behind_references_are_listed_below_their_key() {
        let schema = json!({
            "properties": {"metrics": {"type": "array", "items": {"$ref": "#/$defs/Metric"}}, "more": {"anyOf": [{"$ref": "#/$defs/Metric"}, {"type": "null"}]}},
            "$defs": {"Metric": {"type": "object", "properties": {"column": {"type": "string"}}, "required": ["column"]}},
        });
        assert_eq!(
            lines(&schema),
            ["metrics: list of table () ", "metrics[].column: string (required) ", "more: table () ", "more.column: string (required) "]
        );
    }

    #[test]
    fn nothing_in_a_schema_moves_a_cursor() {
        let schema =
            json!({"properties": {"a\u{1b}[2J": {"const": "\u{202e}x", "default": "\u{9b}", "description": "b\u{1b}]0;c\u{7}\nd"}}});
        assert_eq!(lines(&schema), ["a\\u{1b}[2J: \"\\u{202e}x\" (\"\\u{9b}\") b\\u{1b}]0;c\\u{7} d"]);
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let schema = json!({"properties": {"next": {"$ref": "#"}}});
        assert_eq!(keys(&schema).len(), DEPTH);
        assert!(keys(&json!({"$ref": "#"})).is_empty());
        assert!(keys(&json!(true)).is_empty());
    }
}
