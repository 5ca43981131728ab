//! `#[derive(ConfigSchema)]` of `curricle-guest`: what serde reads, as JSON Schema.
//!
//! It knows the attributes of serde that a configuration needs and refuses the others, rather than describe something that serde does not
//! read. All texts are made JSON here; the plugin only joins them.

#![deny(missing_docs)]

mod attributes;
mod cases;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataEnum, DataStruct, DeriveInput, Error, Field, Fields, Result, parse_macro_input};

use attributes::{Container, Fallback, Part, json};

/// The schema of a configuration: a struct with named fields, and the enums of words and newtypes in it.
///
/// Comments become descriptions, and `#[config(…)]` on a field says what its type does not:
///
/// | | |
/// | --- | --- |
/// | `min`, `max` | least and greatest number |
/// | `above`, `below` | what a number must be greater or less than |
/// | `min_length`, `max_length` | characters of a string |
/// | `min_items`, `max_items` | items of a list |
/// | `min_keys`, `max_keys` | keys of a map |
/// | `json` | further members of the schema, as text: `json = r#""pattern":"^[a-z]+$""#`; on the struct too |
#[proc_macro_derive(ConfigSchema, attributes(config, serde))]
pub fn config_schema(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let container = Container::read(&input.attrs)?;
    let body = match &input.data {
        Data::Struct(data) => of_struct(data, &container, &input.ident)?,
        Data::Enum(data) => of_enum(data, &container)?,
        Data::Union(_) => return Err(Error::new_spanned(&input.ident, "a configuration is a struct, or an enum of words in it")),
    };
    let (name, (generics, types, bounds)) = (&input.ident, input.generics.split_for_impl());
    let set = container.part.set(quote!(schema));
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::curricle_guest::ConfigSchema for #name #types #bounds {
            #[allow(unused_variables)]
            fn schema(schema: &mut ::curricle_guest::Schema) {
                #body
                #set
            }
        }
    })
}

fn of_struct(data: &DataStruct, container: &Container, name: &syn::Ident) -> Result<TokenStream> {
    let fields = match &data.fields {
        Fields::Named(fields) => &fields.named,
        // Serde reads a struct of one nameless field as that field.
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            let only = fields.unnamed.iter().map(|field| &field.ty);
            return Ok(quote!(#(<#only as ::curricle_guest::ConfigSchema>::schema(schema);)*));
        }
        _ => return Err(Error::new_spanned(name, "a configuration needs named fields; each is a key")),
    };
    let properties = fields.iter().map(|field| property(field, container)).collect::<Result<Vec<_>>>()?;
    let closed = container.closed.then(|| quote!(schema.set("additionalProperties", "false");));
    let defaults = container.default.then(|| quote!(let defaults = <Self as ::core::default::Default>::default();));
    Ok(quote! {
        schema.object();
        #defaults
        #(#properties)*
        #closed
    })
}

fn property(field: &Field, container: &Container) -> Result<TokenStream> {
    let part = Part::read(&field.attrs)?;
    if part.skipped {
        return Ok(TokenStream::new());
    }
    let (Some(ident), kind) = (&field.ident, &field.ty) else { return Ok(TokenStream::new()) };
    let key = part.name.clone().unwrap_or_else(|| container.case.of_field(ident.to_string().trim_start_matches("r#")));
    let default = match &part.default {
        Fallback::None if container.default => {
            quote!(::core::option::Option::Some(::curricle_guest::ConfigSchema::literal(&defaults.#ident)))
        }
        Fallback::None => quote!(::core::option::Option::None),
        Fallback::OfType => {
            quote!(::core::option::Option::Some(<#kind as ::curricle_guest::ConfigSchema>::literal(&::core::default::Default::default())))
        }
        Fallback::Path(path) => quote!(::core::option::Option::Some(<#kind as ::curricle_guest::ConfigSchema>::literal(&#path()))),
    };
    let (key, set) = (json(&key), part.set(quote!(schema)));
    Ok(quote! {
        schema.property::<#kind>(#key, #default, |schema| { #set });
    })
}

fn of_enum(data: &DataEnum, container: &Container) -> Result<TokenStream> {
    let (mut words, mut said) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let problem = "only words, variants without fields, are known here; implement `ConfigSchema` by hand for others";
            return Err(Error::new_spanned(variant, problem));
        }
        let part = Part::read(&variant.attrs)?;
        if part.skipped {
            continue;
        }
        let word = part.name.clone().unwrap_or_else(|| container.case.of_variant(&variant.ident.to_string()));
        if let Some(text) = &part.description {
            said.push(format!("`{word}`: {text}"));
        }
        words.push(json(&word));
    }
    let words = format!("[{}]", words.join(","));
    let said = (!said.is_empty()).then(|| {
        let text = json(&said.join("\n"));
        quote!(schema.explain(#text);)
    });
    Ok(quote! {
        schema.set("type", "\"string\"");
        schema.set("enum", #words);
        #said
    })
}
