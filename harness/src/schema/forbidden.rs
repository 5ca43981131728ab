//! What a schema forbids.

use serde_json::{Value, json};

use super::{
    Case,
    node::{self, Node, TYPES},
    with, without,
};

/// Configurations that are drawn.
const MOST: usize = 64;
/// A key that no plugin has.
const UNKNOWN: &str = "no-such-key";

/// Configurations that break one rule of the schema each.
pub(crate) fn forbidden(schema: &Value, base: &Value) -> Vec<Case> {
    let root = Node::root(schema);
    let mut cases = of_object(&root, base, "", 0);
    cases.truncate(MOST);
    cases
}

/// Ways to spoil an object that is allowed.
fn of_object(node: &Node<'_>, base: &Value, path: &str, depth: u32) -> Vec<Case> {
    let name = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let mut cases = Vec::new();
    let closed = ["additionalProperties", "unevaluatedProperties"].map(|key| node.get(key)).into_iter().flatten().next();
    let named = !node.properties().is_empty() || closed == Some(&Value::Bool(false));
    let open = node.get("patternProperties").is_some() || closed.is_some_and(|closed| *closed != Value::Bool(false));
    if named && !open {
        cases.push(Case { config: with(base, UNKNOWN, json!(1)), why: format!("unknown key `{}`", name(UNKNOWN)) });
    }
    for key in node.required() {
        if base.get(key).is_some() {
            cases.push(Case { config: without(base, key), why: format!("`{}` is missing", name(key)) });
        }
    }
    for (key, property) in node.properties() {
        for (value, rule) in of_value(&property) {
            cases.push(Case { config: with(base, key, value.clone()), why: format!("`{}` is {value}, {rule}", name(key)) });
        }
        if depth < 2
            && let Some(inner) = base.get(key)
        {
            let inside = of_inside(&property, inner, &name(key), depth);
            cases.extend(inside.into_iter().map(|case| Case { config: with(base, key, case.config), why: case.why }));
        }
    }
    cases
}

/// Ways to spoil what is inside a value: the keys of an object, the first item of a list.
fn of_inside(node: &Node<'_>, base: &Value, path: &str, depth: u32) -> Vec<Case> {
    match base {
        Value::Object(_) if !node.has_alternatives() => of_object(node, base, path, depth + 1),
        Value::Array(list) => {
            let (Some(items), Some(first)) = (node.items(), list.first()) else { return Vec::new() };
            let put = |value: Value| {
                let mut list = list.clone();
                if let Some(place) = list.first_mut() {
                    *place = value;
                }
                Value::Array(list)
            };
            let path = format!("{path}[0]");
            let wrong = of_value(&items).into_iter();
            let mut cases: Vec<Case> =
                wrong.map(|(value, rule)| Case { why: format!("`{path}` is {value}, {rule}"), config: put(value) }).collect();
            let inside = of_inside(&items, first, &path, depth + 1);
            cases.extend(inside.into_iter().map(|case| Case { config: put(case.config), why: case.why }));
            cases
        }
        _ => Vec::new(),
    }
}

/// Values that this place does not take, each with the rule that it breaks.
fn of_value(node: &Node<'_>) -> Vec<(Value, String)> {
    let mut found = Vec::new();
    let types = node.types();
    if !types.is_empty() {
        let is = |name: &str| types.contains(&name) || (name == "integer" && types.contains(&"number"));
        let wrong = TYPES.iter().filter(|name| !is(name)).filter_map(|name| {
            Some(match *name {
                "object" => json!({}),
                "array" => json!([]),
                "string" => json!("1"),
                "integer" => json!(1),
                "number" => json!(1.5),
                "boolean" => json!(true),
                _ => return None,
            })
        });
        // 1 is a number too, so where numbers are forbidden it stands for both.
        let wanted = format!("no {}", types.join(" or "));
        found.extend(wrong.take(4).map(|value| (value, wanted.clone())));
    }
    if !node.list("enum").is_empty() {
        found.push((json!("no-such-choice"), "none of the choices".to_owned()));
    }
    let whole = types == ["integer"];
    if whole || types.contains(&"number") {
        let bounds = node.bounds();
        let out = |value: f64| node::json(value, whole);
        let away = if whole { 1.0 } else { 0.5 };
        // Beyond 2^53 the number next to a bound is the bound itself.
        if let Some(min) = bounds.min.filter(|min| min - away < *min) {
            found.push((out(min - away), format!("below {min}")));
        }
        if let Some(above) = bounds.above {
            found.push((out(above), format!("not above {above}")));
        }
        if let Some(max) = bounds.max.filter(|max| max + away > *max) {
            found.push((out(max + away), format!("above {max}")));
        }
        if let Some(below) = bounds.below {
            found.push((out(below), format!("not below {below}")));
        }
    }
    if types == ["string"] && node.count("minLength").is_some_and(|least| least > 0) {
        found.push((json!(""), "too short".to_owned()));
    }
    if let Some(most) = node.count("maxLength").filter(|most| *most <= 4096 && types == ["string"]) {
        found.push((json!("x".repeat(most + 1)), "too long".to_owned()));
    }
    if types == ["array"] && node.count("minItems").is_some_and(|least| least > 0) {
        found.push((json!([]), "too few".to_owned()));
    }
    found
}
