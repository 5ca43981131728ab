//! What became of each key of the input, what is wrong with it, and how a block of it is read.

use super::{
    json::{Member, Node, Value},
    problem::Problem,
};

/// The largest whole number that a run file can hold.
pub(super) const LARGEST: u64 = i64::MAX as u64;

/// What became of a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// It is this in the run file.
    Translated(String),
    /// Nothing stands for it, and why.
    NotNeeded(String),
    /// It is about layers of the model.
    Model(String),
    /// It has nothing to do with data.
    Deepspeed,
}

/// A key and its fate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) fate: Fate,
}

/// Everything that there is to say about the input.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) keys: Vec<Note>,
    pub(super) problems: Vec<Problem>,
    /// What is left to do by hand.
    pub(super) to_do: Vec<String>,
}

impl Notes {
    fn problem(&mut self, path: String, line: usize, problem: impl Into<String>, remedy: impl Into<String>) {
        // A block may be looked at from two sides.
        let problem = Problem { path, line, problem: problem.into(), remedy: remedy.into() };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// In the order of the input.
    pub(super) fn sort(&mut self) {
        self.keys.sort_by_key(|note| note.line);
        self.problems.sort_by_key(|problem| problem.line);
    }
}

/// An object of the input.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    path: String,
    line: usize,
    members: &'a [Member],
}

impl<'a> Block<'a> {
    /// The whole document.
    pub(super) fn root(members: &'a [Member]) -> Block<'a> {
        Block { path: String::new(), line: 1, members }
    }

    /// Where it stands.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn members(&self) -> &'a [Member] {
        self.members
    }

    /// Where a key of it stands.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn member(&self, key: &str) -> Option<&'a Member> {
        self.members.iter().find(|m| m.key == key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.member(key).is_some()
    }

    /// A block in it. What is no object is told when the names of the keys are checked.
    pub(super) fn block(&self, key: &str) -> Option<Block<'a>> {
        let member = self.member(key)?;
        match &member.node.value {
            Value::Object(members) => Some(Block { path: self.path_of(key), line: member.line, members }),
            _ => None,
        }
    }

    /// Every block in it, under its name.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (&'a str, Block<'a>)> + '_ {
        self.members.iter().filter_map(|m| Some((m.key.as_str(), self.block(&m.key)?)))
    }

    /// Notes what became of a key, if it is there.
    pub(super) fn note(&self, notes: &mut Notes, key: &str, fate: Fate) {
        if let Some(member) = self.member(key) {
            notes.keys.push(Note { path: self.path_of(key), line: member.line, fate });
        }
    }

    /// Notes the same of several keys.
    pub(super) fn not_needed(&self, notes: &mut Notes, keys: &[&str], why: &str) {
        for key in keys {
            self.note(notes, key, Fate::NotNeeded(why.into()));
        }
    }

    /// Notes where a key went.
    pub(super) fn became(&self, notes: &mut Notes, key: &str, what: impl Into<String>) {
        self.note(notes, key, Fate::Translated(what.into()));
    }

    /// Says what is wrong with the block itself.
    pub(super) fn wrong_block(&self, notes: &mut Notes, problem: impl Into<String>, remedy: impl Into<String>) {
        notes.problem(self.path.clone(), self.line, problem, remedy);
    }

    /// Says what is wrong with a key, whether or not it is there.
    pub(super) fn wrong(&self, notes: &mut Notes, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let line = self.member(key).map_or(self.line, |m| m.line);
        notes.problem(self.path_of(key), line, problem, remedy);
    }

    /// Says that a key is missing.
    pub(super) fn missing(&self, notes: &mut Notes, key: &str, remedy: impl Into<String>) {
        self.wrong(notes, key, "is missing", remedy);
    }

    fn node(&self, notes: &mut Notes, key: &str) -> Option<&'a Node> {
        let node = &self.member(key)?.node;
        match &node.value {
            Value::Text(text) if text == "auto" => {
                let problem = "`auto` is filled in by the trainer of Hugging Face when training starts";
                self.wrong(notes, key, problem, "write the value that it would fill in");
                None
            }
            _ => Some(node),
        }
    }

    fn wrong_kind(&self, notes: &mut Notes, key: &str, node: &Node, expected: &str) {
        self.wrong(notes, key, format!("found {}", node.value.kind()), format!("give {expected}"));
    }

    /// A number; `None` if there is none or it is something else, which is then told.
    pub(super) fn number(&self, notes: &mut Notes, key: &str) -> Option<f64> {
        let node = self.node(notes, key)?;
        let number = match &node.value {
            Value::Number(n) => n.as_f64().filter(|n| n.is_finite()),
            _ => None,
        };
        if number.is_none() {
            self.wrong_kind(notes, key, node, "a number");
        }
        number
    }

    /// A whole number of at least `least` and at most `most`.
    pub(super) fn whole(&self, notes: &mut Notes, key: &str, least: u64, most: u64) -> Option<u64> {
        let node = self.node(notes, key)?;
        let number = match &node.value {
            Value::Number(n) => n.as_u64().or_else(|| n.as_f64().filter(|n| n.fract() == 0.0 && (0.0..9e15).contains(n)).map(|n| n as u64)),
            _ => None,
        };
        let number = number.filter(|n| (least..=most).contains(n));
        if number.is_none() {
            let expected = if most == LARGEST {
                format!("a whole number, at least {least}")
            } else {
                format!("a whole number from {least} to {most}")
            };
            self.wrong_kind(notes, key, node, &expected);
        }
        number
    }

    /// A whole number that fits 32 bits, at least 1.
    pub(super) fn count(&self, notes: &mut Notes, key: &str) -> Option<u32> {
        self.whole(notes, key, 1, u32::MAX.into()).and_then(|n| u32::try_from(n).ok())
    }

    pub(super) fn flag(&self, notes: &mut Notes, key: &str) -> Option<bool> {
        let node = self.node(notes, key)?;
        match node.value {
            Value::Flag(flag) => Some(flag),
            _ => {
                self.wrong_kind(notes, key, node, "true or false, without quotes");
                None
            }
        }
    }

    pub(super) fn text(&self, notes: &mut Notes, key: &str) -> Option<&'a str> {
        let node = self.node(notes, key)?;
        match &node.value {
            Value::Text(text) => Some(text),
            _ => {
                self.wrong_kind(notes, key, node, "a string");
                None
            }
        }
    }

    /// One of several words.
    pub(super) fn word(&self, notes: &mut Notes, key: &str, words: &[&str]) -> Option<&'a str> {
        let text = self.text(notes, key)?;
        if words.contains(&text) {
            return Some(text);
        }
        self.wrong(notes, key, format!("found \"{text}\""), format!("give {}", one_of(words)));
        None
    }

    /// A list of numbers.
    pub(super) fn numbers(&self, notes: &mut Notes, key: &str) -> Option<Vec<f64>> {
        let node = self.node(notes, key)?;
        let numbers = match &node.value {
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Number(n) => n.as_f64().filter(|n| n.is_finite()),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>(),
            _ => None,
        };
        if numbers.is_none() {
            self.wrong_kind(notes, key, node, "a list of numbers");
        }
        numbers
    }
}

/// `a`, `b` or `c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => format!("`{word}`"),
        [words @ .., last] => format!("{} or `{last}`", words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")),
    }
}
