//! What is wrong with how a plugin describes itself.

/// What is wrong with a description.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flaw {
    /// The field that it is in: `name`, `version`, `summary` or `config-schema`.
    pub field: &'static str,
    /// Where in a schema, as a JSON Pointer; empty if nothing less than all of it can be named, and for the other fields.
    pub pointer: String,
    /// In words, such as "its version is `1`, a semantic version such as `1.4.0` is expected".
    pub problem: String,
}

impl Flaw {
    pub(crate) fn new(field: &'static str, problem: String) -> Flaw {
        Flaw { field, pointer: String::new(), problem }
    }
}
