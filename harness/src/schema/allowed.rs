//! What a schema allows.

use serde_json::{Map, Value, json};

use super::{
    Case, Names,
    node::{self, Node},
    with, without,
};
use crate::data::noise;

/// Configurations that are drawn.
const MOST: usize = 64;
/// Values of one key.
const VALUES: usize = 12;
/// Characters of a word and items of a list that are tried; a schema may demand more than this machine holds.
const LONGEST: usize = 4096;
/// Configurations in which every key is drawn at once.
const MIXED: u64 = 8;

/// Configurations that the schema allows as far as can be told, beginning with the base itself.
pub(crate) fn allowed(schema: &Value, names: &Names, base: &Value) -> Vec<Case> {
    let root = Node::root(schema);
    let mut cases = vec![Case { config: base.clone(), why: "as it is".to_owned() }];
    let required = root.required();
    let drawn: Vec<(&str, Vec<Value>)> = root.properties().iter().map(|(key, property)| (*key, values(property, key, names))).collect();
    for (key, values) in &drawn {
        if base.get(key).is_some() && !required.contains(key) {
            cases.push(Case { config: without(base, key), why: format!("without `{key}`") });
        }
        for value in values {
            cases.push(Case { config: with(base, key, value.clone()), why: format!("`{key}` is {value}") });
        }
    }
    for round in 0..MIXED {
        let mut config = base.clone();
        for (place, (key, values)) in drawn.iter().enumerate() {
            let choice = noise(round << 8 | place as u64) as usize % (values.len() + 1);
            if let Some(value) = values.get(choice) {
                config = with(&config, key, value.clone());
            }
        }
        cases.push(Case { config, why: "several keys at once".to_owned() });
    }
    let mut seen: Vec<Value> = Vec::new();
    cases.retain(|case| {
        !seen.contains(&case.config) && {
            seen.push(case.config.clone());
            true
        }
    });
    // Evenly from all of them rather than the first, so that no key is left out.
    if cases.len() > MOST {
        let n = cases.len();
        cases = (0..MOST).filter_map(|i| cases.get(i * n / MOST).cloned()).collect();
    }
    cases
}

/// One ordinary value.
pub(super) fn sample(node: &Node<'_>, key: &str, names: &Names) -> Value {
    let said =
        node.get("const").or_else(|| node.get("default")).or_else(|| node.list("examples").first()).or_else(|| node.list("enum").first());
    if let Some(value) = said.filter(|value| !value.is_null()) {
        return value.clone();
    }
    let types = node.types();
    match types.iter().find(|name| **name != "null").copied() {
        Some("object") => object(node, names),
        Some("array") => {
            let items = node.items();
            let item = || items.as_ref().map_or(Value::Null, |items| sample(items, key, names));
            Value::Array((0..node.count("minItems").unwrap_or(0).min(16)).map(|_| item()).collect())
        }
        Some("string") => strings(node, key, names).into_iter().next().map_or_else(|| json!("x"), Value::from),
        Some(kind @ ("integer" | "number")) => {
            let whole = kind == "integer";
            node.bounds().numbers(whole).first().map_or(json!(1), |value| node::json(*value, whole))
        }
        Some("boolean") => json!(false),
        _ => match node.alternatives().first() {
            Some(first) => sample(first, key, names),
            None => json!(1),
        },
    }
}

fn object(node: &Node<'_>, names: &Names) -> Value {
    let required = node.required();
    let mut found = Map::new();
    for (key, property) in node.properties() {
        if required.contains(&key) {
            found.insert(key.to_owned(), sample(&property, key, names));
        }
    }
    if let Some(values) = node.other_values()
        && node.count("minProperties").unwrap_or(0) > found.len()
    {
        // A table of anything is most often one of categories.
        let keys = names.categories.first().map(|(_, categories)| categories.clone()).unwrap_or_default();
        for key in keys {
            found.insert(key.clone(), sample(&values, &key, names));
        }
    }
    Value::Object(found)
}

/// Values of a key: every choice, both sides of every bound, names that exist.
fn values(node: &Node<'_>, key: &str, names: &Names) -> Vec<Value> {
    if let Some(only) = node.get("const") {
        return vec![only.clone()];
    }
    let mut found: Vec<Value> = node.list("enum").to_vec();
    found.extend(node.get("default").cloned());
    found.extend(node.list("examples").iter().cloned());
    if node.list("enum").is_empty() {
        for name in node.types() {
            match name {
                "boolean" => found.extend([json!(false), json!(true)]),
                "integer" | "number" => {
                    let whole = name == "integer";
                    found.extend(node.bounds().numbers(whole).into_iter().map(|value| node::json(value, whole)));
                }
                "string" => found.extend(strings(node, key, names).into_iter().map(Value::from)),
                "array" => found.extend(lists(node, key, names)),
                "object" => found.extend(objects(node, names)),
                _ => {}
            }
        }
        for alternative in node.alternatives() {
            found.extend(values(&alternative, key, names));
        }
    }
    let mut seen: Vec<Value> = Vec::new();
    found.retain(|value| {
        !seen.contains(value) && {
            seen.push(value.clone());
            true
        }
    });
    found.truncate(VALUES);
    found
}

fn lists(node: &Node<'_>, key: &str, names: &Names) -> Vec<Value> {
    let Some(items) = node.items() else { return vec![json!([])] };
    let values = values(&items, key, names);
    let (least, most) = (node.count("minItems").unwrap_or(0), node.count("maxItems").unwrap_or(usize::MAX));
    let repeated = |n: usize| values.iter().cycle().take(if values.is_empty() { 0 } else { n }).cloned().collect::<Value>();
    let mut found: Vec<Value> = values.iter().take(4).map(|value| json!([value])).collect();
    found.extend([repeated(0), repeated(2)]);
    if least <= LONGEST {
        found.push(repeated(least));
    }
    if most <= 32 {
        found.push(repeated(most));
    }
    found.retain(|list| list.as_array().is_some_and(|list| (least..=most).contains(&list.len())));
    found
}

fn objects(node: &Node<'_>, names: &Names) -> Vec<Value> {
    let base = object(node, names);
    let mut found = vec![base.clone()];
    for (key, property) in node.properties() {
        found.extend(values(&property, key, names).into_iter().take(3).map(|value| with(&base, key, value)));
    }
    found
}

/// Words for a key: of columns, categories and pacing functions if that is what it is about.
fn strings(node: &Node<'_>, key: &str, names: &Names) -> Vec<String> {
    let about = format!("{} {}", key.to_lowercase(), node.description().to_lowercase());
    let columns_of_categories = || names.categories.iter().map(|(column, _)| column.clone());
    let mut found: Vec<String> = Vec::new();
    if about.contains("pacing") {
        found.extend(names.pacings.clone());
    } else if about.contains("column") && about.contains("categor") {
        found.extend(columns_of_categories());
        found.extend(names.numbers.iter().take(1).cloned());
    } else if about.contains("column") {
        found.extend(names.numbers.iter().take(3).cloned());
        found.extend(columns_of_categories().take(1));
    } else if about.contains("categor") || about.contains("domain") {
        found.extend(names.categories.iter().flat_map(|(_, categories)| categories.clone()).take(3));
    }
    found.push("x".to_owned());
    let (least, most) = (node.count("minLength").unwrap_or(0), node.count("maxLength").unwrap_or(usize::MAX));
    if most <= 1024 {
        found.push("x".repeat(most));
    }
    if (1..=LONGEST).contains(&least) {
        found.push("x".repeat(least));
    }
    found.retain(|word| (least..=most).contains(&word.chars().count()));
    found
}
