//! JSON that remembers on which line each key stands. As DeepSpeed's reader does, it lets comments and trailing commas pass and takes no key
//! twice.

use serde_json::Number;

use super::problem::Problem;

/// Deeper nesting is refused, so that no file can exhaust the stack.
const DEEPEST: usize = 64;

/// A value and the line that it begins on, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A key of an object, its line, and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) node: Node,
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Flag(flag) => flag.to_string(),
            Value::Number(n) => n.to_string(),
            Value::Text(text) => format!("\"{text}\""),
            Value::List(_) => "a list".into(),
            Value::Object(_) => "an object".into(),
        }
    }
}

/// Reads a document, which must be an object. A key that stands twice is a problem in `problems`, and its first value counts.
///
/// # Errors
/// The first place that is no JSON; what follows it cannot be read.
pub(super) fn parse(text: &str, problems: &mut Vec<Problem>) -> Result<Vec<Member>, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, at: 0, line: 1, path: Vec::new(), problems };
    let root = reader.node()?;
    reader.skip()?;
    if reader.at < text.len() {
        return Err(reader.wrong("there is more after the end of the object", "leave one object in the file"));
    }
    match root.value {
        Value::Object(members) => Ok(members),
        other => Err(Problem {
            path: String::new(),
            line: root.line,
            problem: format!("the file holds {} instead of an object", other.kind()),
            remedy: "give DeepSpeed's configuration, `{ \"train_batch_size\": …, … }`".into(),
        }),
    }
}

struct Reader<'a, 'p> {
    text: &'a str,
    /// Byte that comes next; always at the border of a character.
    at: usize,
    line: usize,
    path: Vec<String>,
    problems: &'p mut Vec<Problem>,
}

impl<'a> Reader<'a, '_> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn wrong(&self, problem: impl Into<String>, remedy: &str) -> Problem {
        Problem { path: self.path.join("."), line: self.line, problem: problem.into(), remedy: remedy.into() }
    }

    fn unexpected(&self, expected: &str) -> Problem {
        let found = self.peek().map_or("the end of the file".into(), |c| format!("`{}`", c.escape_debug()));
        self.wrong(format!("found {found} where {expected} is expected"), "write it as JSON; unquoted strings (HJSON) are not read")
    }

    fn advance(&mut self, bytes: usize) {
        let passed = self.rest().get(..bytes).unwrap_or_default();
        self.line += passed.matches('\n').count();
        self.at += passed.len();
    }

    /// Passes white space and comments.
    fn skip(&mut self) -> Result<(), Problem> {
        loop {
            let rest = self.rest();
            let space = rest.len() - rest.trim_start().len();
            self.advance(space);
            let rest = self.rest();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.advance(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.advance(end + 2),
                    None => return Err(self.wrong("a comment without end", "close it with `*/`")),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn node(&mut self) -> Result<Node, Problem> {
        self.skip()?;
        if self.path.len() >= DEEPEST {
            return Err(self.wrong(format!("more than {DEEPEST} levels of nesting"), "give DeepSpeed's configuration"));
        }
        let line = self.line;
        let value = match self.peek() {
            Some('{') => self.object()?,
            Some('[') => self.list()?,
            Some('"') => Value::Text(self.string()?),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number()?,
            Some(c) if c.is_ascii_alphabetic() => self.word()?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { line, value })
    }

    fn object(&mut self) -> Result<Value, Problem> {
        self.advance(1);
        let mut members: Vec<Member> = Vec::new();
        loop {
            self.skip()?;
            match self.peek() {
                Some('}') => break,
                Some('"') => {}
                _ => return Err(self.unexpected("a key in quotes or `}`")),
            }
            let line = self.line;
            let key = self.string()?;
            self.skip()?;
            self.path.push(key.clone());
            if self.peek() != Some(':') {
                return Err(self.unexpected("`:`"));
            }
            self.advance(1);
            let node = self.node()?;
            if let Some(first) = members.iter().find(|m| m.key == key) {
                let problem = format!("stands here and on line {}", first.line);
                let path = self.path.join(".");
                self.problems.push(Problem { path, line, problem, remedy: "keep one of them".into() });
            } else {
                members.push(Member { key, line, node });
            }
            self.path.pop();
            if !self.comma('}')? {
                break;
            }
        }
        self.advance(1);
        Ok(Value::Object(members))
    }

    fn list(&mut self) -> Result<Value, Problem> {
        self.advance(1);
        let mut items = Vec::new();
        loop {
            self.skip()?;
            if self.peek() == Some(']') {
                break;
            }
            self.path.push(format!("[{}]", items.len()));
            items.push(self.node()?);
            self.path.pop();
            if !self.comma(']')? {
                break;
            }
        }
        self.advance(1);
        Ok(Value::List(items))
    }

    /// Passes a comma; `false` before the closing bracket.
    fn comma(&mut self, close: char) -> Result<bool, Problem> {
        self.skip()?;
        match self.peek() {
            Some(',') => {
                self.advance(1);
                Ok(true)
            }
            Some(c) if c == close => Ok(false),
            _ => Err(self.unexpected(&format!("`,` or `{close}`"))),
        }
    }

    fn string(&mut self) -> Result<String, Problem> {
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|&(_, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else {
            return Err(self.wrong("a string without end", "close it with `\"`"));
        };
        let literal = self.rest().get(..=end).unwrap_or_default();
        match serde_json::from_str(literal) {
            Ok(text) => {
                self.advance(literal.len());
                Ok(text)
            }
            Err(e) => Err(self.wrong(format!("{literal} is no string: {e}"), "write it as JSON")),
        }
    }

    fn number(&mut self) -> Result<Value, Problem> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))).unwrap_or(rest.len());
        let literal = rest.get(..end).unwrap_or_default();
        match serde_json::from_str(literal) {
            Ok(number) => {
                self.advance(literal.len());
                Ok(Value::Number(number))
            }
            Err(_) => Err(self.wrong(format!("`{literal}` is no number"), "write it as JSON")),
        }
    }

    fn word(&mut self) -> Result<Value, Problem> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let value = match word {
            "true" => Value::Flag(true),
            "false" => Value::Flag(false),
            "null" => Value::Null,
            _ => {
                return Err(
                    self.wrong(format!("`{word}` is no value"), "write it as JSON: true, false, null, a number or a string in quotes")
                );
            }
        };
        self.advance(word.len());
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Vec<Member> {
        let mut problems = Vec::new();
        let members = parse(text, &mut problems).unwrap();
        assert_eq!(problems.len(), 0);
        members
    }

    fn refused(text: &str) -> String {
        let problem = parse(text, &mut Vec::new()).unwrap_err();
        format!("{}:{}: {}", problem.line, problem.path, problem.problem)
    }

    #[test]
    fn every_key_knows_its_line() {
        let members = ok("{\n \"a\": 1,\n \"b\": {\n  \"c\": [true,\n null, \"x\\\"y\\n\"]}\n}\n");
        assert_eq!(members.iter().map(|m| m.line).collect::<Vec<_>>(), [2, 3]);
        let Value::Object(inner) = &members[1].node.value else { panic!() };
        assert_eq!(inner[0].line, 4);
        let Value::List(items) = &inner[0].node.value else { panic!() };
        assert_eq!(items[1], Node { line: 5, value: Value::Null });
        assert_eq!(items[2].value, Value::Text("x\"y\n".into()));
    }

    #[test]
    fn comments_and_trailing_commas_pass_as_they_do_in_deepspeed() {
        let members = ok("{ // one\n # two\n /* three\n */ \"a\": [1, 2,], \"b\": -1.5e3,\n}");
        assert_eq!(members[1].line, 4);
        assert_eq!(members[1].node.value.kind(), "-1500.0");
    }

    #[test]
    fn a_key_that_stands_twice_is_told_with_both_lines() {
        let mut problems = Vec::new();
        parse("{\"a\": {\"b\": 1,\n\"b\": 2}}", &mut problems).unwrap();
        assert_eq!((problems[0].path.as_str(), problems[0].line), ("a.b", 2));
        assert_eq!(problems[0].problem, "stands here and on line 1");
    }

    #[test]
    fn what_is_no_json_is_told_with_line_and_key() {
        assert_eq!(refused("{\n\"a\": {\n\"b\": yes}}"), "3:a.b: `yes` is no value");
        assert_eq!(refused("{\"a\" 1}"), "1:a: found `1` where `:` is expected");
        assert_eq!(refused("{\"a\": 1"), "1:: found the end of the file where `,` or `}` is expected");
        assert_eq!(refused("[1]"), "1:: the file holds a list instead of an object");
        assert_eq!(refused("{\"a\": \"b"), "1:a: a string without end");
        assert_eq!(refused("{\"a\": 01}"), "1:a: `01` is no number");
        assert_eq!(refused("{} {}"), "1:: there is more after the end of the object");
        assert_eq!(refused("{/*"), "1:: a comment without end");
        assert!(refused(&"{\"a\":".repeat(100_000)).ends_with("more than 64 levels of nesting"));
        assert!(refused(&format!("{{\"a\":{}", "[".repeat(100_000))).ends_with("more than 64 levels of nesting"));
        assert_eq!(refused(""), "1:: found the end of the file where a value is expected");
    }
}
