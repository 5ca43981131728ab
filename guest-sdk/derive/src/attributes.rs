//! What attributes say: comments, serde's, and `#[config(…)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, Result, Token, meta::ParseNestedMeta, parse::ParseStream};

use crate::cases::Case;

/// Of a struct or enum.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) part: Part,
    pub(crate) case: Case,
    /// Whether unknown keys are refused.
    pub(crate) closed: bool,
    /// Whether every key has a default.
    pub(crate) default: bool,
}

/// What a field has where its key is left out.
#[derive(Default)]
pub(crate) enum Fallback {
    #[default]
    None,
    OfType,
    Path(Path),
}

/// Of a field, a variant or a whole.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) description: Option<String>,
    /// The key or word, where it is not spelt by the rule.
    pub(crate) name: Option<String>,
    pub(crate) default: Fallback,
    /// Whether it is no part of the configuration.
    pub(crate) skipped: bool,
    /// Keywords of JSON Schema and their values, as JSON.
    keywords: Vec<(&'static str, String)>,
    /// Further members, as JSON.
    more: Option<String>,
}

impl Container {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Container> {
        let mut found = Container { part: Part::described(attributes), ..Container::default() };
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| found.serde(&meta))?;
            } else if attribute.path().is_ident("config") {
                attribute.parse_nested_meta(|meta| found.part.config(&meta))?;
            }
        }
        Ok(found)
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match word(meta).as_str() {
            "rename_all" => {
                let case: LitStr = meta.value()?.parse()?;
                self.case = Case::named(&case.value()).ok_or_else(|| Error::new_spanned(&case, "no rule of serde's"))?;
            }
            "deny_unknown_fields" => self.closed = true,
            "default" if !meta.input.peek(Token![=]) => self.default = true,
            "rename" | "crate" | "bound" | "expecting" => ignore(meta.input)?,
            "transparent" => {}
            other => return Err(unknown(meta, other)),
        }
        Ok(())
    }
}

impl Part {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Part> {
        let mut found = Part::described(attributes);
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| found.serde(&meta))?;
            } else if attribute.path().is_ident("config") {
                attribute.parse_nested_meta(|meta| found.config(&meta))?;
            }
        }
        Ok(found)
    }

    fn described(attributes: &[Attribute]) -> Part {
        let mut paragraphs = vec![String::new()];
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
            let Meta::NameValue(pair) = &attribute.meta else { continue };
            let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { continue };
            for line in text.value().lines().map(str::trim).map(str::to_owned).chain(text.value().is_empty().then(String::new)) {
                match paragraphs.last_mut() {
                    Some(last) if line.is_empty() && !last.is_empty() => paragraphs.push(String::new()),
                    Some(last) if last.is_empty() => *last = line,
                    Some(last) => *last = format!("{last} {line}"),
                    None => {}
                }
            }
        }
        paragraphs.retain(|paragraph| !paragraph.is_empty());
        // A comment is a sentence for a reader of the code; in a schema it stands beside its key.
        let text = paragraphs.join("\n").trim_end_matches('.').to_owned();
        Part { description: Some(text).filter(|text| !text.is_empty()), ..Part::default() }
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        match word(meta).as_str() {
            "rename" if meta.input.peek(Token![=]) => self.name = Some(meta.value()?.parse::<LitStr>()?.value()),
            "default" if meta.input.peek(Token![=]) => self.default = Fallback::Path(meta.value()?.parse::<LitStr>()?.parse()?),
            "default" => self.default = Fallback::OfType,
            "skip" | "skip_deserializing" => self.skipped = true,
            "skip_serializing" => {}
            "skip_serializing_if" | "serialize_with" | "bound" => ignore(meta.input)?,
            other => return Err(unknown(meta, other)),
        }
        Ok(())
    }

    fn config(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let keyword = match word(meta).as_str() {
            "min" => "minimum",
            "max" => "maximum",
            "above" => "exclusiveMinimum",
            "below" => "exclusiveMaximum",
            "min_length" => "minLength",
            "max_length" => "maxLength",
            "min_items" => "minItems",
            "max_items" => "maxItems",
            "min_keys" => "minProperties",
            "max_keys" => "maxProperties",
            "json" => {
                self.more = Some(meta.value()?.parse::<LitStr>()?.value());
                return Ok(());
            }
            _ => {
                return Err(meta.error(
                    "`#[config(…)]` knows min, max, above, below, min_length, max_length, min_items, max_items, min_keys, max_keys and json",
                ));
            }
        };
        self.keywords.push((keyword, number(meta.value()?)?));
        Ok(())
    }

    /// Code that puts all of this into the schema that `schema` names.
    pub(crate) fn set(&self, schema: TokenStream) -> TokenStream {
        let description = self.description.iter().map(|text| ("description", json(text)));
        let (keys, values): (Vec<&str>, Vec<String>) = self.keywords.iter().cloned().chain(description).unzip();
        let more = self.more.iter();
        quote! {
            #(#schema.set(#keys, #values);)*
            #(#schema.more(#more);)*
        }
    }
}

fn word(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(Ident::to_string).unwrap_or_default()
}

fn unknown(meta: &ParseNestedMeta<'_>, name: &str) -> Error {
    meta.error(format!("`ConfigSchema` cannot tell what `{name}` of serde makes of the configuration; implement it by hand for this type"))
}

/// Reads over a value that changes nothing.
fn ignore(input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        input.parse::<LitStr>()?;
    }
    Ok(())
}

/// A number, as JSON writes it.
fn number(input: ParseStream<'_>) -> Result<String> {
    let minus = input.parse::<Option<Token![-]>>()?.map_or("", |_| "-");
    let digits = match input.parse::<Lit>()? {
        Lit::Int(int) => int.base10_digits().to_owned(),
        Lit::Float(float) => float.base10_digits().to_owned(),
        other => return Err(Error::new_spanned(other, "a number is expected")),
    };
    // Rust writes `1.`, JSON does not.
    Ok(format!("{minus}{}", digits.strip_suffix('.').unwrap_or(&digits)))
}

/// A text as JSON.
pub(crate) fn json(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if u32::from(c) < 0x20 => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
