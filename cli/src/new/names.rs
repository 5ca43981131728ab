//! The name of a plugin, in the forms that languages want.

use anyhow::{Result, bail};

/// Bytes of a name at most, as in the contract.
const MAX: usize = 64;

/// One name in three forms.
#[derive(Debug)]
pub(super) struct Names {
    /// `short-first`
    pub(super) kebab: String,
}

impl Names {
    /// Refuses what the contract does not take as a plugin's name, and what languages do not take as one of theirs.
    pub(super) fn new(name: &str) -> Result<Names> {
        let suggestion = suggestion(name);
        let hint = if suggestion.is_empty() || suggestion == name { String::new() } else { format!("; `{suggestion}` would do") };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.chars().all(allowed) || !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > MAX {
            bail!("`{}` names no plugin: 1 to {MAX} of a-z, 0-9 and hyphen, a letter first{hint}", name.escape_debug());
        }
        if name.ends_with('-') || name.contains("--") {
            bail!("`{name}` has a hyphen that stands before nothing{hint}");
        }
        if RESERVED.contains(&name) {
            bail!("`{name}` is a word of its own in a language or the name of a library; `{name}-plugin` would do");
        }
        Ok(Names { kebab: name.to_owned() })
    }

    /// `short_first`
    pub(super) fn snake(&self) -> String {
        self.kebab.replace('-', "_")
    }

    /// `ShortFirst`
    pub(super) fn camel(&self) -> String {
        let capital = |word: &str| word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1)).collect::<String>();
        self.kebab.split('-').map(capital).collect()
    }
}

/// Words that cargo refuses as names of packages, or that would take the place of a name that the templates use.
#[rustfmt::skip]
const RESERVED: [&str; 56] = [
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "config", "const", "continue", "core", "crate", "do", "dyn", "else", "enum",
    "error", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override",
    "plan", "policy", "priv", "proc-macro", "pub", "ref", "result", "return", "samples", "self", "static", "std", "step", "stream", "struct", "super",
    "test", "trait", "true", "type", "values",
];

/// The nearest name that would be taken.
fn suggestion(name: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && lower) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
        lower = c.is_ascii_lowercase();
    }
    let joined = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    joined.trim_start_matches(|c: char| !c.is_ascii_lowercase()).chars().take(MAX).collect::<String>().trim_end_matches('-').to_owned()
}
