//! What `rename_all` makes of a name.

/// How names are spelt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Case {
    /// As they stand.
    #[default]
    Same,
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Case {
    /// The case of serde's name for it.
    pub(crate) fn named(name: &str) -> Option<Case> {
        Some(match name {
            "lowercase" => Case::Lower,
            "UPPERCASE" => Case::Upper,
            "PascalCase" => Case::Pascal,
            "camelCase" => Case::Camel,
            "snake_case" => Case::Snake,
            "SCREAMING_SNAKE_CASE" => Case::ScreamingSnake,
            "kebab-case" => Case::Kebab,
            "SCREAMING-KEBAB-CASE" => Case::ScreamingKebab,
            _ => return None,
        })
    }

    /// Of a field, whose words are joined by underscores.
    pub(crate) fn of_field(self, name: &str) -> String {
        match self {
            Case::Same | Case::Lower | Case::Snake => name.to_owned(),
            Case::Upper | Case::ScreamingSnake => name.to_ascii_uppercase(),
            Case::Kebab => name.replace('_', "-"),
            Case::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
            Case::Pascal => name.split('_').map(capital).collect(),
            Case::Camel => name.split('_').enumerate().map(|(i, word)| if i == 0 { word.to_owned() } else { capital(word) }).collect(),
        }
    }

    /// Of a variant, each of whose words begins with a capital.
    pub(crate) fn of_variant(self, name: &str) -> String {
        let mut snake = String::new();
        for (i, c) in name.char_indices() {
            if c.is_ascii_uppercase() && i > 0 {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        match self {
            Case::Same | Case::Pascal => name.to_owned(),
            Case::Lower => name.to_ascii_lowercase(),
            Case::Upper => name.to_ascii_uppercase(),
            Case::Camel | Case::Snake | Case::ScreamingSnake | Case::Kebab | Case::ScreamingKebab => self.of_field(&snake),
        }
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelt_as_serde_spells_them() {
        let of = |case: &str| {
            let case = Case::named(case).unwrap();
            (case.of_field("max_length"), case.of_variant("MaxLength"))
        };
        let pair = |field: &str, variant: &str| (field.to_owned(), variant.to_owned());
        assert_eq!(of("lowercase"), pair("max_length", "maxlength"));
        assert_eq!(of("UPPERCASE"), pair("MAX_LENGTH", "MAXLENGTH"));
        assert_eq!(of("PascalCase"), pair("MaxLength", "MaxLength"));
        assert_eq!(of("camelCase"), pair("maxLength", "maxLength"));
        assert_eq!(of("snake_case"), pair("max_length", "max_length"));
        assert_eq!(of("SCREAMING_SNAKE_CASE"), pair("MAX_LENGTH", "MAX_LENGTH"));
        assert_eq!(of("kebab-case"), pair("max-length", "max-length"));
        assert_eq!(of("SCREAMING-KEBAB-CASE"), pair("MAX-LENGTH", "MAX-LENGTH"));
        assert_eq!(Case::named("Kebab"), None);
    }
}
