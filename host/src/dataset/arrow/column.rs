//! Which column holds the tokens, and where a record batch keeps it.

use std::path::Path;

use arrow_ipc::{MetadataVersion, RecordBatch};
use arrow_schema::{DataType, Schema, UnionMode};

use super::super::TokenType;
use crate::{Error, Result};

/// A list column of integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Position among the columns of the schema.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) token_type: TokenType,
    pub(crate) rows: Rows,
}

/// How rows are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// `list`: i32 offsets.
    Offsets32,
    /// `large_list`: i64 offsets.
    Offsets64,
    /// `fixed_size_list`: so many tokens each.
    Fixed(u32),
}

impl Rows {
    /// Bytes an offset.
    pub(super) fn offset_width(self) -> Option<u64> {
        match self {
            Rows::Offsets32 => Some(4),
            Rows::Offsets64 => Some(8),
            Rows::Fixed(_) => None,
        }
    }
}

/// The column named, or the only one that can hold tokens.
pub(crate) fn choose(path: &Path, schema: &Schema, wanted: Option<&str>) -> Result<Column> {
    let found: Vec<Column> = schema
        .fields()
        .iter()
        .enumerate()
        .filter_map(|(index, field)| {
            let (token_type, rows) = tokens_of(field.data_type())?;
            Some(Column { index, name: field.name().clone(), token_type, rows })
        })
        .collect();
    let names = || found.iter().map(|c| format!("`{}`", c.name)).collect::<Vec<_>>().join(", ");
    let advice = || match found.is_empty() {
        true => "tokenize the text first: tokens are a list column of integers".to_owned(),
        false => format!("name one of {}", names()),
    };
    match (wanted, found.as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (None, []) => {
            let all = schema.fields().iter().map(|f| format!("`{}` ({})", f.name(), f.data_type())).collect::<Vec<_>>().join(", ");
            Err(Error::dataset(path, format_args!("no column holds lists of integers; there are {all}"), advice()))
        }
        (None, many) => Err(Error::dataset(path, format_args!("{} columns hold lists of integers", many.len()), advice())),
        (Some(name), _) => match (found.iter().find(|c| c.name == name), schema.column_with_name(name)) {
            (Some(column), _) => Ok(column.clone()),
            (None, Some((_, field))) => {
                let problem = format_args!("column `{name}` is of type {} and not a list of integers", field.data_type());
                Err(Error::dataset(path, problem, advice()))
            }
            (None, None) => Err(Error::dataset(path, format_args!("there is no column `{}`", name.escape_debug()), advice())),
        },
    }
}

fn tokens_of(data_type: &DataType) -> Option<(TokenType, Rows)> {
    let (values, rows) = match data_type {
        DataType::List(values) => (values, Rows::Offsets32),
        DataType::LargeList(values) => (values, Rows::Offsets64),
        // Rows of no tokens take no bytes, so a small file could claim any number of them.
        DataType::FixedSizeList(values, length) if *length > 0 => (values, Rows::Fixed(u32::try_from(*length).ok()?)),
        _ => return None,
    };
    let token_type = match values.data_type() {
        DataType::UInt8 => TokenType::U8,
        DataType::Int8 => TokenType::I8,
        DataType::UInt16 => TokenType::U16,
        DataType::Int16 => TokenType::I16,
        DataType::UInt32 => TokenType::U32,
        DataType::Int32 => TokenType::I32,
        DataType::UInt64 => TokenType::U64,
        DataType::Int64 => TokenType::I64,
        _ => return None,
    };
    Some((token_type, rows))
}

/// Where a column begins among the nodes and buffers of a record batch, which lists those of all columns one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) node: usize,
    pub(super) buffer: usize,
}

/// Walks over the columns in front of the column `index`. None if the batch does not say how many buffers one of them has.
pub(super) fn places(schema: &Schema, index: usize, batch: &RecordBatch<'_>, version: MetadataVersion) -> Option<Places> {
    let mut walk = Walk {
        places: Places { node: 0, buffer: 0 },
        variadic: batch.variadicBufferCounts().map(|counts| counts.iter().collect()).unwrap_or_default(),
        seen: 0,
        unions_have_validity: version < MetadataVersion::V5,
    };
    schema.fields().iter().take(index).try_for_each(|field| walk.skip(field.data_type()))?;
    Some(walk.places)
}

struct Walk {
    places: Places,
    /// Buffers of each column of views, in order.
    variadic: Vec<i64>,
    seen: usize,
    unions_have_validity: bool,
}

impl Walk {
    /// Passes over one field and its children. The depth is bounded by what the reader of the schema accepts.
    fn skip(&mut self, data_type: &DataType) -> Option<()> {
        use DataType::*;
        let buffers = match data_type {
            Null | RunEndEncoded(..) => 0,
            FixedSizeList(..) | Struct(_) => 1,
            Utf8 | LargeUtf8 | Binary | LargeBinary | ListView(_) | LargeListView(_) => 3,
            Utf8View | BinaryView => {
                let count = usize::try_from(*self.variadic.get(self.seen)?).ok()?;
                self.seen += 1;
                count.checked_add(2)?
            }
            Union(_, mode) => 1 + matches!(mode, UnionMode::Dense) as usize + self.unions_have_validity as usize,
            // Validity and one more: values, offsets or keys.
            _ => 2,
        };
        self.places.node += 1;
        self.places.buffer = self.places.buffer.checked_add(buffers)?;
        match data_type {
            List(child) | LargeList(child) | FixedSizeList(child, _) | ListView(child) | LargeListView(child) | Map(child, _) => {
                self.skip(child.data_type())
            }
            Struct(children) => children.iter().try_for_each(|child| self.skip(child.data_type())),
            Union(children, _) => children.iter().try_for_each(|(_, child)| self.skip(child.data_type())),
            RunEndEncoded(ends, values) => {
                self.skip(ends.data_type())?;
                self.skip(values.data_type())
            }
            _ => Some(()),
        }
    }
}
