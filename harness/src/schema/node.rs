//! One place of a schema, with references followed.

use serde_json::Value;

/// References and levels that are followed; what lies deeper is left as it is.
const DEPTH: u32 = 12;

/// A subschema, and the schema that its references lead into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    root: &'a Value,
    at: &'a Value,
    depth: u32,
}

/// A range is wide from here on.
const WIDE: f64 = 65_536.0;

/// The types of JSON Schema.
pub(super) const TYPES: [&str; 7] = ["object", "array", "string", "integer", "number", "boolean", "null"];

impl<'a> Node<'a> {
    pub(super) fn root(schema: &'a Value) -> Node<'a> {
        Node { root: schema, at: schema, depth: 0 }.followed()
    }

    /// A part of this place; none if it lies too deep.
    fn child(&self, at: &'a Value) -> Option<Node<'a>> {
        (self.depth < DEPTH).then(|| Node { root: self.root, at, depth: self.depth + 1 }.followed())
    }

    fn followed(self) -> Node<'a> {
        let mut node = self;
        while node.depth < DEPTH
            && let Some(pointer) = node.at.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'))
            && let Some(at) = node.root.pointer(pointer)
        {
            node = Node { at, depth: node.depth + 1, ..node };
        }
        node
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.at.get(key)
    }

    pub(super) fn list(&self, key: &str) -> &'a [Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Types that it names.
    pub(super) fn types(&self) -> Vec<&'a str> {
        match self.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ if self.get("properties").is_some() => vec!["object"],
            _ => Vec::new(),
        }
    }

    /// Keys of an object and what they hold, in the order of the keys' bytes.
    pub(super) fn properties(&self) -> Vec<(&'a str, Node<'a>)> {
        let properties = self.get("properties").and_then(Value::as_object);
        let mut found: Vec<_> = properties.into_iter().flatten().filter_map(|(key, at)| Some((key.as_str(), self.child(at)?))).collect();
        found.sort_by_key(|(key, _)| *key);
        found
    }

    pub(super) fn property(&self, key: &str) -> Option<Node<'a>> {
        self.get("properties")?.get(key).and_then(|at| self.child(at))
    }

    pub(super) fn required(&self) -> Vec<&'a str> {
        self.list("required").iter().filter_map(Value::as_str).collect()
    }

    /// What a list holds.
    pub(super) fn items(&self) -> Option<Node<'a>> {
        self.get("items").filter(|items| items.is_object()).and_then(|at| self.child(at))
    }

    /// What an object holds under keys that the schema does not name.
    pub(super) fn other_values(&self) -> Option<Node<'a>> {
        self.get("additionalProperties").filter(|at| at.is_object()).and_then(|at| self.child(at))
    }

    /// Alternatives, but for null.
    pub(super) fn alternatives(&self) -> Vec<Node<'a>> {
        let all = self.list("anyOf").iter().chain(self.list("oneOf"));
        all.filter(|at| at.get("type") != Some(&Value::from("null"))).filter_map(|at| self.child(at)).collect()
    }

    pub(super) fn has_alternatives(&self) -> bool {
        ["anyOf", "oneOf", "allOf", "if", "not"].iter().any(|key| self.get(key).is_some())
    }

    pub(super) fn count(&self, key: &str) -> Option<usize> {
        self.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
    }

    pub(super) fn description(&self) -> &'a str {
        self.get("description").and_then(Value::as_str).unwrap_or_default()
    }

    /// Bounds of a number.
    pub(super) fn bounds(&self) -> Bounds {
        let number = |key| self.get(key).and_then(Value::as_f64);
        Bounds {
            min: number("minimum"),
            above: number("exclusiveMinimum"),
            max: number("maximum"),
            below: number("exclusiveMaximum"),
            multiple: number("multipleOf").filter(|step| *step > 0.0),
        }
    }
}

/// Bounds of a number, as a schema gives them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    pub(super) min: Option<f64>,
    pub(super) above: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) below: Option<f64>,
    multiple: Option<f64>,
}

impl Bounds {
    pub(super) fn hold(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min)
            && self.above.is_none_or(|above| value > above)
            && self.max.is_none_or(|max| value <= max)
            && self.below.is_none_or(|below| value < below)
            && self.multiple.is_none_or(|step| (value / step).fract() == 0.0)
    }

    /// Numbers at and around the bounds, the most ordinary first.
    pub(super) fn numbers(&self, whole: bool) -> Vec<f64> {
        let Bounds { min, above, max, below, multiple } = *self;
        let low = min.or(above);
        let high = max.or(below);
        let step = multiple.unwrap_or(1.0);
        // Of a wide range the end is enough: what costs memory in proportion is not to be tried again and again.
        let wide = low.zip(high).is_some_and(|(low, high)| high - low > WIDE);
        let mut found = vec![step];
        if let (Some(low), Some(high), false) = (low, high, wide) {
            let middle = low + (high - low) / 2.0;
            found.push(if whole { middle.floor() } else { middle });
        }
        found.extend(high.filter(|_| wide));
        for bound in [low, high.filter(|_| !wide)].into_iter().flatten() {
            found.extend([bound, bound + step, bound - step]);
            if !whole {
                found.extend([bound.next_up(), bound.next_down(), bound + 0.5, bound - 0.5]);
            }
        }
        if low.is_none() {
            found.extend([0.0, -step]);
        }
        if high.is_none() {
            found.extend([7.0 * step, 1000.0 * step]);
        }
        if !whole {
            found.extend([0.5, 0.1]);
        }
        found.retain(|value| value.is_finite() && self.hold(*value) && (!whole || value.fract() == 0.0));
        let mut seen: Vec<f64> = Vec::new();
        found.retain(|value| {
            !seen.contains(value) && {
                seen.push(*value);
                true
            }
        });
        found
    }
}

/// A number as JSON: whole ones as integers where the schema wants such.
pub(super) fn json(value: f64, whole: bool) -> Value {
    // Beyond 2^53 a run file could not have said it exactly either.
    if whole && value.abs() <= 9_007_199_254_740_992.0 { Value::from(value as i64) } else { Value::from(value) }
}
