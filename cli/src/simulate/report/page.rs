//! The page: text and numbers, style, script, and the plotting library, in one file that asks nobody for anything.

use std::{fmt::Write as _, io::Write as _};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::{Recording, data};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page of one run, or of two side by side. Without `times` it holds nothing that a clock said.
pub(crate) fn page(recordings: &[Recording], times: bool) -> Result<String> {
    let names: Vec<&str> = recordings.iter().map(|recording| recording.name.as_str()).collect();
    let title = format!("Simulation of {}", names.join(" against "));
    let measured = if times { recordings.iter().map(data::measured).collect() } else { Value::Null };
    let library = library()?;
    let pieces = |name: &str| -> String {
        match name {
            "title" => escaped(&title),
            "style" => STYLE.to_owned(),
            "script" => SCRIPT.to_owned(),
            "summary" => summary(recordings),
            "fixed" => in_script(&json!(recordings.iter().map(data::fixed).collect::<Vec<_>>())),
            "measured" => in_script(&measured),
            "library" => library.clone(),
            other => format!("{{{{{other}}}}}"),
        }
    };
    Ok(filled(TEMPLATE, pieces))
}

/// A template with something for each `{{name}}`, in one go: what is filled in is not looked at.
fn filled(template: &str, piece: impl Fn(&str) -> String) -> String {
    let mut parts = template.split("{{");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        page.push_str(&piece(name));
        page.push_str(rest);
    }
    page
}

/// The plotting library, compressed, as text.
fn library() -> Result<String> {
    // Two scripts, of which the second sets formulas.
    let scripts = plotly::Plot::offline_js_sources();
    let script = scripts.split_once('>').and_then(|(_, rest)| rest.split_once("</script>")).map(|(script, _)| script);
    let script = script.context("the plotting library that this command was built with has no script")?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(script.as_bytes())?;
    Ok(STANDARD.encode(packed.finish()?))
}

/// A table with a column for each run.
fn summary(recordings: &[Recording]) -> String {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in recordings.iter().flat_map(|recording| &recording.summary) {
        if !keys.contains(key) {
            keys.push(key);
        }
    }
    let mut table = String::from("<table id=\"summary\">");
    if recordings.len() > 1 {
        table.push_str("<tr><td></td>");
        for (number, recording) in recordings.iter().enumerate() {
            let _ = write!(table, "<th scope=\"col\">{}. {}</th>", number + 1, escaped(&recording.name));
        }
        table.push_str("</tr>");
    }
    for key in keys {
        let _ = write!(table, "<tr><th scope=\"row\">{key}</th>");
        for recording in recordings {
            let values: Vec<&str> = recording.summary.iter().filter(|(k, _)| *k == key).map(|(_, value)| value.as_str()).collect();
            let _ = write!(table, "<td>{}</td>", escaped(&values.join("; ")));
        }
        table.push_str("</tr>\n");
    }
    table.push_str("</table>");
    table
}

/// Text that HTML takes as text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            letter => out.push(letter),
        }
    }
    out
}

/// JSON that ends no script.
fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_markup_stay_text() {
        assert_eq!(escaped("<b a=\"x\">&"), "&lt;b a=&quot;x&quot;&gt;&amp;");
        assert_eq!(in_script(&json!("</script><b>")), "\"\\u003c/script>\\u003cb>\"");
        assert_eq!(filled("a {{x}} b {{y}} c", |name| format!("[{name} {{{{x}}}}]")), "a [x {{x}}] b [y {{x}}] c");
    }

    #[test]
    fn the_library_is_one_script_and_small() {
        let library = library().unwrap();
        assert!((500_000..1_950_000).contains(&library.len()), "{} bytes", library.len());
    }
}
