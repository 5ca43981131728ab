//! Values of options: sizes and domains.

use std::{fmt, str::FromStr};

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Reads a number of bytes: `1000`, `64MiB`, `1.5 GB`.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write a number with a unit, such as `500MB` or `64MiB`");
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).ok_or_else(wrong)?;
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let bytes = match number.parse::<u64>() {
        Ok(number) => number.checked_mul(*factor).ok_or_else(wrong)?,
        Err(_) => (number.parse::<f64>().map_err(|_| wrong())? * *factor as f64) as u64,
    };
    if bytes == 0 { Err(wrong()) } else { Ok(bytes) }
}

/// What the domain of a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    /// The first folder below the source, or the name of the file of documents.
    Folder,
    /// The extension of the file that is the document.
    Extension,
    /// A field of the document.
    Field(String),
    /// There is none.
    None,
}

impl Domain {
    /// The field that has to be read.
    pub(super) fn field(&self) -> Option<&str> {
        match self {
            Domain::Field(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Folder => f.write_str("folder"),
            Domain::Extension => f.write_str("extension"),
            Domain::Field(name) => write!(f, "field:{name}"),
            Domain::None => f.write_str("none"),
        }
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Domain, String> {
        match text {
            "folder" => Ok(Domain::Folder),
            "extension" => Ok(Domain::Extension),
            "none" => Ok(Domain::None),
            _ => match text.strip_prefix("field:") {
                Some(name) if !name.is_empty() => Ok(Domain::Field(name.to_owned())),
                _ => Err(format!("`{text}` is no domain; use `folder`, `extension`, `field:NAME` or `none`")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_either_kind() {
        for (text, bytes) in [("7", 7), ("64MiB", 64 << 20), ("500MB", 500_000_000), ("1.5 kib", 1536), ("2gb", 2_000_000_000)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "3 parsecs", "1.2.3MB", "99999999999TiB", "0", "µ"] {
            let message = parse_size(text).unwrap_err();
            assert_eq!(message, format!("`{text}` is no size; write a number with a unit, such as `500MB` or `64MiB`"));
        }
    }

    #[test]
    fn a_domain_is_written_as_it_is_read() {
        for text in ["folder", "extension", "field:meta.source", "none"] {
            assert_eq!(text.parse::<Domain>().unwrap().to_string(), text);
        }
        for text in ["", "field:", "Folder", "fields:x"] {
            let message = text.parse::<Domain>().unwrap_err();
            assert_eq!(message, format!("`{text}` is no domain; use `folder`, `extension`, `field:NAME` or `none`"));
        }
    }
}
