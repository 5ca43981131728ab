//! The JSON Schema of a configuration, as the contract takes it.

use std::collections::BTreeMap;

/// What can say which JSON it is read from. Derive it beside `Deserialize`:
///
/// ```
/// use curricle_guest::ConfigSchema;
///
/// /// How long samples may be.
/// #[derive(serde::Deserialize, ConfigSchema)]
/// #[serde(deny_unknown_fields, rename_all = "kebab-case")]
/// struct Config {
///     /// Tokens of a sample.
///     #[config(min = 1)]
///     at_most: u32,
///     /// Steps that this holds for; all if left out.
///     steps: Option<u64>,
/// }
///
/// assert_eq!(curricle_guest::schema::<Config>(), r#"{"type":"object","properties":{
///     "at-most":{"type":"integer","minimum":1,"maximum":4294967295,"description":"Tokens of a sample"},
///     "steps":{"type":"integer","minimum":0,"description":"Steps that this holds for; all if left out"}
/// },"required":["at-most"],"additionalProperties":false,"description":"How long samples may be"}"#.replace("\n    ", "").replace('\n', ""));
/// ```
///
/// The derive follows serde's attributes `rename_all`, `rename`, `default`, `deny_unknown_fields`, `skip` and `transparent`, and refuses those
/// that would make the schema say something else than serde reads. It knows structs, newtypes, and enums of words; for others it can be
/// implemented by hand. Its own attribute is `#[config(…)]`, with `min`, `max`, `above`, `below`, `min_length`, `max_length`, `min_items`,
/// `max_items`, `min_keys`, `max_keys`, and `json` for members of the schema that have no name here.
pub trait ConfigSchema {
    /// Whether a key of this type may be left out without a default: an `Option`.
    const OPTIONAL: bool = false;

    /// Puts what is known of the type into a schema.
    fn schema(schema: &mut Schema);

    /// The value as JSON, where it has one; shown as the default of a key.
    fn literal(&self) -> Option<String> {
        None
    }
}

/// A schema in the making: a JSON object whose members stand in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Keywords, and their values as JSON.
    members: Vec<(&'static str, String)>,
    /// Names of properties, as JSON, and their schemas; none if it is no object.
    properties: Option<Vec<(&'static str, String)>>,
    /// Names of properties that are required, as JSON.
    required: Vec<&'static str>,
    /// Further members, as JSON.
    more: Vec<&'static str>,
    /// What words stand for, as JSON; it goes behind the description.
    words: Option<&'static str>,
}

impl Schema {
    /// Sets a keyword to a value that is JSON; one set before is replaced.
    pub fn set(&mut self, keyword: &'static str, json: impl Into<String>) {
        let json = json.into();
        match self.members.iter_mut().find(|(known, _)| *known == keyword) {
            Some((_, old)) => *old = json,
            None => self.members.push((keyword, json)),
        }
    }

    /// Adds members that are JSON already: `"a":1,"b":2`.
    pub fn more(&mut self, members: &'static str) {
        self.more.push(members);
    }

    /// Says what words stand for, in a text that is JSON, behind the description of whatever key takes them.
    pub fn explain(&mut self, words: &'static str) {
        self.words = Some(words);
    }

    /// Makes it that of an object.
    pub fn object(&mut self) {
        self.set("type", "\"object\"");
        self.properties = Some(Vec::new());
    }

    /// Adds a property of an object: its name as JSON, whether it has a default and if it can be shown which, and what else is known of it.
    pub fn property<T: ConfigSchema>(&mut self, name: &'static str, default: Option<Option<String>>, more: fn(&mut Schema)) {
        let mut property = Schema::default();
        T::schema(&mut property);
        if default.is_none() && !T::OPTIONAL {
            self.required.push(name);
        }
        if let Some(Some(json)) = default {
            property.set("default", json);
        }
        more(&mut property);
        self.properties.get_or_insert_default().push((name, property.to_json()));
    }

    /// The whole as JSON.
    pub fn to_json(&self) -> String {
        if let Some(words) = self.words {
            let mut explained = Schema { words: None, ..self.clone() };
            let own = self.members.iter().find(|(keyword, _)| *keyword == "description").and_then(|(_, text)| text.strip_suffix('"'));
            let both = own.map(|own| format!("{own}\\n{}", words.get(1..).unwrap_or_default()));
            explained.set("description", both.unwrap_or_else(|| words.to_owned()));
            return explained.to_json();
        }
        let mut json = String::from("{");
        for (keyword, value) in &self.members {
            open(&mut json);
            push(&mut json, &["\"", keyword, "\":", value]);
            // What a reader looks for first stands behind what it is.
            if *keyword == "type"
                && let Some(properties) = &self.properties
            {
                json.push_str(",\"properties\":{");
                for (name, schema) in properties {
                    open(&mut json);
                    push(&mut json, &[name, ":", schema]);
                }
                json.push('}');
                if !self.required.is_empty() {
                    push(&mut json, &[",\"required\":[", &self.required.join(","), "]"]);
                }
            }
        }
        for members in &self.more {
            open(&mut json);
            json.push_str(members);
        }
        json.push('}');
        json
    }
}

/// A comma, unless nothing is before it.
fn open(json: &mut String) {
    if !json.ends_with('{') {
        json.push(',');
    }
}

fn push(json: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| json.push_str(part));
}

/// JSON Schema (draft 2020-12) of a configuration; `export!` has the plugin's `describe` give it. The same type gives the same bytes.
pub fn schema<T: ConfigSchema>() -> String {
    let mut schema = Schema::default();
    T::schema(&mut schema);
    schema.to_json()
}

macro_rules! integer {
    ($($type:ty, $max:expr;)*) => {$(
        impl ConfigSchema for $type {
            fn schema(schema: &mut Schema) {
                schema.set("type", "\"integer\"");
                schema.set("minimum", <$type>::MIN.to_string());
                // Numbers of 64 bits have no bound that every reader of JSON can write down.
                if let Some(max) = $max {
                    schema.set("maximum", <$type>::to_string(&max));
                }
            }

            fn literal(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

integer! {
    u8, Some(u8::MAX);
    u16, Some(u16::MAX);
    u32, Some(u32::MAX);
    u64, None::<u64>;
    i8, Some(i8::MAX);
    i16, Some(i16::MAX);
    i32, Some(i32::MAX);
}

impl ConfigSchema for i64 {
    fn schema(schema: &mut Schema) {
        schema.set("type", "\"integer\"");
    }

    fn literal(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ConfigSchema for usize {
    /// As the plugin reads it, whose addresses have 32 bits.
    fn schema(schema: &mut Schema) {
        u32::schema(schema);
    }

    fn literal(&self) -> Option<String> {
        Some(self.to_string())
    }
}

macro_rules! other {
    ($($type:ty, $kind:literal, $literal:expr;)*) => {$(
        impl ConfigSchema for $type {
            fn schema(schema: &mut Schema) {
                schema.set("type", $kind);
            }

            fn literal(&self) -> Option<String> {
                $literal(self)
            }
        }
    )*};
}

other! {
    bool, "\"boolean\"", |value: &bool| Some(value.to_string());
    f32, "\"number\"", |value: &f32| value.is_finite().then(|| value.to_string());
    f64, "\"number\"", |value: &f64| value.is_finite().then(|| value.to_string());
    String, "\"string\"", |value: &String| serde_json::to_string(value).ok();
}

impl<T: ConfigSchema> ConfigSchema for Option<T> {
    const OPTIONAL: bool = true;

    fn schema(schema: &mut Schema) {
        T::schema(schema);
    }

    fn literal(&self) -> Option<String> {
        self.as_ref().and_then(T::literal)
    }
}

impl<T: ConfigSchema> ConfigSchema for Box<T> {
    const OPTIONAL: bool = T::OPTIONAL;

    fn schema(schema: &mut Schema) {
        T::schema(schema);
    }

    fn literal(&self) -> Option<String> {
        T::literal(self)
    }
}

impl<T: ConfigSchema> ConfigSchema for Vec<T> {
    fn schema(schema: &mut Schema) {
        schema.set("type", "\"array\"");
        schema.set("items", self::schema::<T>());
    }

    fn literal(&self) -> Option<String> {
        let items: Option<Vec<String>> = self.iter().map(T::literal).collect();
        Some(format!("[{}]", items?.join(",")))
    }
}

impl<T: ConfigSchema, const N: usize> ConfigSchema for [T; N] {
    fn schema(schema: &mut Schema) {
        Vec::<T>::schema(schema);
        schema.set("minItems", N.to_string());
        schema.set("maxItems", N.to_string());
    }
}

impl<T: ConfigSchema> ConfigSchema for BTreeMap<String, T> {
    fn schema(schema: &mut Schema) {
        schema.set("type", "\"object\"");
        schema.set("additionalProperties", self::schema::<T>());
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::NoConfig;

    /// What it is for, "quoted".
    ///
    /// And more.
    #[derive(Deserialize, curricle_guest_derive::ConfigSchema)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    #[config(json = r#""minProperties":2"#)]
    #[allow(dead_code, reason = "only its schema counts")]
    struct Config {
        /// How many,
        /// over two lines.
        #[config(min = 1, max = 4_096)]
        max_length: u32,
        steps: Option<u64>,
        /// What it means.
        #[serde(default)]
        by: By,
        #[serde(default = "half")]
        #[config(above = 0, below = 1.5)]
        share: f64,
        #[config(max_items = 3)]
        inner: Option<Vec<Inner>>,
        #[serde(rename = "lo")]
        low: i8,
        #[serde(skip)]
        kept: u8,
    }

    fn half() -> f64 {
        0.5
    }

    #[derive(Default, Deserialize, curricle_guest_derive::ConfigSchema)]
    #[serde(rename_all = "lowercase")]
    enum By {
        /// The largest value.
        #[default]
        Value,
        /// A place in the order.
        Percentile,
    }

    #[derive(Deserialize, curricle_guest_derive::ConfigSchema)]
    #[serde(deny_unknown_fields, default)]
    #[allow(dead_code, reason = "only its schema counts")]
    struct Inner {
        weights: BTreeMap<String, Weight>,
        name: String,
    }

    impl Default for Inner {
        fn default() -> Inner {
            Inner { weights: BTreeMap::new(), name: "\"a\"".into() }
        }
    }

    #[derive(Deserialize, curricle_guest_derive::ConfigSchema)]
    #[config(min = -1)]
    #[allow(dead_code, reason = "only its schema counts")]
    struct Weight(f64);

    #[test]
    fn a_schema_says_what_serde_reads() {
        let found: Value = serde_json::from_str(&schema::<Config>()).unwrap();
        let inner = json!({
            "type": "object",
            "properties": {
                "weights": { "type": "object", "additionalProperties": { "type": "number", "minimum": -1 } },
                "name": { "type": "string", "default": "\"a\"" },
            },
            "additionalProperties": false,
        });
        let by = "What it means\n`value`: The largest value\n`percentile`: A place in the order";
        let whole = json!({
            "type": "object",
            "description": "What it is for, \"quoted\".\nAnd more",
            "properties": {
                "max-length": { "type": "integer", "minimum": 1, "maximum": 4096, "description": "How many, over two lines" },
                "steps": { "type": "integer", "minimum": 0 },
                "by": { "type": "string", "enum": ["value", "percentile"], "description": by },
                "share": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1.5, "default": 0.5 },
                "inner": { "type": "array", "items": inner, "maxItems": 3 },
                "lo": { "type": "integer", "minimum": -128, "maximum": 127 },
            },
            "required": ["max-length", "lo"],
            "additionalProperties": false,
            "minProperties": 2,
        });
        assert_eq!(found, whole);
    }

    #[test]
    fn no_configuration_takes_no_key() {
        assert_eq!(
            serde_json::from_str::<Value>(&schema::<NoConfig>()).unwrap(),
            json!({
                "type": "object",
                "properties": {},
                "additionalProperties": false,
                "description": "The configuration of a plugin that has none: an empty object. Any key is refused",
            })
        );
    }

    #[test]
    fn keys_stand_in_the_order_of_the_fields() {
        let text = schema::<Config>();
        let places = ["max-length", "steps", "\"by\"", "share", "inner", "\"lo\""].map(|key| text.find(key).unwrap());
        assert!(places.is_sorted(), "{text}");
    }
}
