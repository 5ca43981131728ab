//! Opens the files that [`format`](super::format) describes, and refuses everything else.

use std::{path::Path, sync::Arc};

use arrow_ipc as ipc;
use memmap2::Mmap;

use super::{
    checksum::Checksum,
    format::{CHECKSUM_KEY, COUNTS_KEY, FORMAT_KEY, MAGIC, PROVENANCE_KEY, VERSION, VERSION_KEY, said_in_footer},
    mapped::{Ids, Mapped, Numbers, map},
    provenance::Provenance,
    value::{Number, ValueType},
};
use crate::{Error, Result, regular::open_regular};

/// What to do about a file that cannot be what it should be.
const REMAKE: &str = "make it again with `curricle analyze`";

/// A file with its messages found and checked, and its values not yet looked at.
#[derive(Debug)]
pub(super) struct Reader {
    name: String,
    map: Arc<Mmap>,
    rows: u64,
    fields: Vec<FieldAt>,
    names: Option<Vec<String>>,
    counts: Option<Vec<u64>>,
    checksum: Option<Checksum>,
    pub(super) provenance: Provenance,
}

#[derive(Debug)]
struct FieldAt {
    name: String,
    value_type: ValueType,
    coded: bool,
    start: u64,
    bytes: u64,
}

impl Reader {
    /// Opens a file whose `curricle.format` is `format`.
    pub(super) fn open(path: &Path, format: &str) -> Result<Reader> {
        let name = path.display().to_string();
        let file = open_regular(path)?;
        if file.metadata().map_err(Error::io("read the size of", path))?.len() == 0 {
            return Err(Error::column(name, "the file is empty", REMAKE));
        }
        let map = map(&file).map_err(Error::io("map", path))?;
        Reader::parse(&map, format)
            .map(|reader| Reader { name: name.clone(), ..reader })
            .map_err(|p| Error::column(name, p.problem, p.remedy))
    }

    fn parse(map: &Arc<Mmap>, format: &str) -> Result<Reader, Problem> {
        let bytes: &[u8] = map;
        let footer = ipc::root_as_footer(footer_bytes(bytes)?).map_err(|e| damaged(format!("its footer cannot be read ({e})")))?;
        let schema = footer.schema().ok_or_else(|| damaged("its footer has no schema"))?;
        if schema.endianness() != ipc::Endianness::Little {
            return Err(damaged("its numbers are big-endian, expected little-endian"));
        }
        let metadata = |key: &str| {
            let pairs = schema.custom_metadata()?;
            pairs.iter().find(|pair| pair.key() == Some(key)).and_then(|pair| pair.value())
        };
        match metadata(FORMAT_KEY) {
            Some(found) if found == format => {}
            Some(found) => {
                return Err(Problem::new(format!("`{FORMAT_KEY}` is `{found}`, expected `{format}`"), "give the path of a column"));
            }
            None => {
                let problem = format!("it is an Arrow file, but has no `{FORMAT_KEY}` in its metadata, so it is no column");
                return Err(Problem::new(problem, "columns are made with `curricle analyze`"));
            }
        }
        match metadata(VERSION_KEY) {
            Some(VERSION) => {}
            found => {
                let problem = format!("its format has version `{}`, this program reads version `{VERSION}`", found.unwrap_or("none"));
                return Err(Problem::new(problem, "update curricle, or make the column again"));
            }
        }
        let said = metadata(PROVENANCE_KEY).ok_or_else(|| damaged(format!("it has no `{PROVENANCE_KEY}`")))?;
        let provenance = serde_json::from_str(said).map_err(|e| damaged(format!("its `{PROVENANCE_KEY}` cannot be read ({e})")))?;
        let in_footer = |key: &str| footer.custom_metadata()?.iter().find(|pair| pair.key() == Some(key))?.value();
        let counted = in_footer(COUNTS_KEY);
        let counts =
            counted.map(serde_json::from_str).transpose().map_err(|e| damaged(format!("its `{COUNTS_KEY}` cannot be read ({e})")))?;

        let batches = footer.recordBatches().filter(|b| b.len() == 1);
        let block = batches.map(|b| *b.get(0)).ok_or_else(|| damaged("expected exactly one record batch"))?;
        let (message, body) = message(bytes, &block)?;
        let batch = message.header_as_record_batch().ok_or_else(|| damaged("its record batch is something else"))?;
        let (rows, fields) = find_fields(&schema, &batch, body)?;
        let names = match fields.iter().any(|f| f.coded) {
            true => Some(read_dictionary(bytes, &footer)?),
            false => None,
        };
        let checksum = in_footer(CHECKSUM_KEY).map(|expected| {
            let fields = fields.iter().map(|field| (field.name.as_str(), field.value_type, field.coded));
            let footer = said_in_footer(said, counted, fields, names.as_deref().unwrap_or_default());
            Checksum { map: map.clone(), end: body.0 + body.1, footer, expected: expected.to_owned() }
        });
        Ok(Reader { name: String::new(), map: map.clone(), rows, fields, names, counts, checksum, provenance })
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Names by code and number of samples of each, for a field of categories.
    pub(super) fn take_categories(&mut self) -> Option<(Vec<String>, Vec<u64>)> {
        self.names.take().map(|names| (names, self.counts.take().unwrap_or_default()))
    }

    /// What the bytes should hash to; none of a file that does not say.
    pub(super) fn take_checksum(&mut self) -> Option<Checksum> {
        self.checksum.take()
    }

    /// The values of a field.
    pub(super) fn numbers(&self, field: &str) -> Result<Numbers> {
        let at = self.field(field)?;
        Ok(match at.value_type {
            ValueType::F32 => Numbers::F32(self.mapped(at)?),
            ValueType::F64 => Numbers::F64(self.mapped(at)?),
            ValueType::U32 => Numbers::U32(self.mapped(at)?),
            ValueType::U64 => Numbers::U64(self.mapped(at)?),
        })
    }

    /// The values of a field of sample ids.
    pub(super) fn ids(&self, field: &str) -> Result<Ids> {
        let at = self.field(field)?;
        match at.value_type {
            ValueType::U32 if !at.coded => Ok(Ids::Narrow(self.mapped(at)?)),
            ValueType::U64 => Ok(Ids::Wide(self.mapped(at)?)),
            other => Err(self.error(format!("field `{field}` is of type {other}, expected u32 or u64"))),
        }
    }

    /// An error about this file, which only making it again can mend.
    pub(super) fn error(&self, problem: impl std::fmt::Display) -> Error {
        Error::column(&self.name, problem, REMAKE)
    }

    fn field(&self, name: &str) -> Result<&FieldAt> {
        self.fields.iter().find(|f| f.name == name).ok_or_else(|| self.error(format!("it has no field `{name}`")))
    }

    fn mapped<T: Number>(&self, at: &FieldAt) -> Result<Mapped<T>> {
        let fits = self.rows.checked_mul(size_of::<T>() as u64).is_some_and(|bytes| bytes <= at.bytes);
        let mapped = fits.then(|| Mapped::new(&self.map, at.start, self.rows)).flatten();
        mapped.ok_or_else(|| self.error(format!("field `{}` does not hold {} aligned values inside the file", at.name, self.rows)))
    }
}

/// What is wrong with a file, before its name is known.
#[derive(Debug)]
struct Problem {
    problem: String,
    remedy: String,
}

impl Problem {
    fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem { problem: problem.into(), remedy: remedy.into() }
    }
}

fn damaged(problem: impl Into<String>) -> Problem {
    Problem::new(problem, REMAKE)
}

fn footer_bytes(bytes: &[u8]) -> Result<&[u8], Problem> {
    let foreign =
        || Problem::new("it is no Arrow file, or was cut short", "give the path of a column, or make it again with `curricle analyze`");
    let rest = bytes.strip_suffix(&MAGIC).filter(|b| b.starts_with(&MAGIC)).ok_or_else(foreign)?;
    let (rest, length) = rest.split_last_chunk::<4>().ok_or_else(foreign)?;
    let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| foreign())?;
    let start = rest.len().checked_sub(length).ok_or_else(foreign)?;
    rest.get(start..).ok_or_else(foreign)
}

/// A message and the bytes of its body, as (start in the file, length).
fn message<'a>(bytes: &'a [u8], block: &ipc::Block) -> Result<(ipc::Message<'a>, (u64, u64)), Problem> {
    let outside = || damaged("a message lies outside the file");
    let start = usize::try_from(block.offset()).map_err(|_| outside())?;
    let length = usize::try_from(block.metaDataLength()).map_err(|_| outside())?;
    let end = start.checked_add(length).ok_or_else(outside)?;
    let body = u64::try_from(block.bodyLength()).map_err(|_| outside())?;
    if (end as u64).checked_add(body).is_none_or(|end| end > bytes.len() as u64) {
        return Err(outside());
    }
    // The continuation marker and the length of the metadata come first.
    let metadata = bytes.get(start + 8..end).ok_or_else(outside)?;
    let message = ipc::root_as_message(metadata).map_err(|e| damaged(format!("a message cannot be read ({e})")))?;
    Ok((message, (end as u64, body)))
}

fn find_fields(schema: &ipc::Schema, batch: &ipc::RecordBatch, body: (u64, u64)) -> Result<(u64, Vec<FieldAt>), Problem> {
    if batch.compression().is_some() {
        return Err(Problem::new("its values are compressed, so they cannot be mapped", "write it uncompressed"));
    }
    let rows = u64::try_from(batch.length()).map_err(|_| damaged("its number of rows is negative"))?;
    let schema_fields = schema.fields().map(|f| f.iter().collect::<Vec<_>>()).unwrap_or_default();
    let nodes = batch.nodes().map(|n| n.iter().collect::<Vec<_>>()).unwrap_or_default();
    let buffers = batch.buffers().map(|b| b.iter().collect::<Vec<_>>()).unwrap_or_default();
    // Every type that is accepted has two buffers: validity and values.
    if nodes.len() != schema_fields.len() || buffers.len() != 2 * schema_fields.len() {
        return Err(damaged("its fields are not those of a column"));
    }
    let mut fields = Vec::new();
    for ((field, node), pair) in schema_fields.iter().zip(nodes).zip(buffers.chunks_exact(2)) {
        let name = field.name().unwrap_or_default().to_owned();
        let (value_type, coded) =
            type_of(field).ok_or_else(|| damaged(format!("field `{name}` is of a type that a column cannot have")))?;
        if node.null_count() != 0 || node.length() != batch.length() {
            return Err(damaged(format!("field `{name}` has nulls, or not as many values as the file has rows")));
        }
        let outside = || damaged(format!("the values of field `{name}` lie outside the file"));
        let values = pair.get(1).ok_or_else(outside)?;
        let offset = u64::try_from(values.offset()).map_err(|_| outside())?;
        let bytes = u64::try_from(values.length()).map_err(|_| outside())?;
        if offset.checked_add(bytes).is_none_or(|end| end > body.1) {
            return Err(outside());
        }
        fields.push(FieldAt { name, value_type, coded, start: body.0 + offset, bytes });
    }
    Ok((rows, fields))
}

fn type_of(field: &ipc::Field) -> Option<(ValueType, bool)> {
    if let Some(dictionary) = field.dictionary() {
        let index = dictionary.indexType()?;
        let is_text = field.type_type() == ipc::Type::Utf8;
        return (is_text && index.bitWidth() == 32 && !index.is_signed()).then_some((ValueType::U32, true));
    }
    if let Some(float) = field.type_as_floating_point() {
        return match float.precision() {
            ipc::Precision::SINGLE => Some((ValueType::F32, false)),
            ipc::Precision::DOUBLE => Some((ValueType::F64, false)),
            _ => None,
        };
    }
    let int = field.type_as_int().filter(|int| !int.is_signed())?;
    match int.bitWidth() {
        32 => Some((ValueType::U32, false)),
        64 => Some((ValueType::U64, false)),
        _ => None,
    }
}

fn read_dictionary(bytes: &[u8], footer: &ipc::Footer) -> Result<Vec<String>, Problem> {
    let broken = || damaged("its list of categories cannot be read");
    let block = footer.dictionaries().filter(|d| d.len() == 1).map(|d| *d.get(0)).ok_or_else(broken)?;
    let (message, (start, length)) = message(bytes, &block)?;
    let batch = message.header_as_dictionary_batch().and_then(|d| d.data()).filter(|b| b.compression().is_none()).ok_or_else(broken)?;
    let buffers = batch.buffers().filter(|b| b.len() == 3).ok_or_else(broken)?;
    let buffer = |i: usize| {
        let (offset, bytes_) = (u64::try_from(buffers.get(i).offset()).ok()?, u64::try_from(buffers.get(i).length()).ok()?);
        let end = offset.checked_add(bytes_).filter(|end| *end <= length)?;
        bytes.get(usize::try_from(start + offset).ok()?..usize::try_from(start + end).ok()?)
    };
    let (offsets, text) = (buffer(1).ok_or_else(broken)?, buffer(2).ok_or_else(broken)?);
    let count = usize::try_from(batch.length()).map_err(|_| broken())?;
    let offsets: Vec<usize> = offsets
        .chunks_exact(4)
        .filter_map(|c| usize::try_from(i32::from_le_bytes(c.try_into().ok()?)).ok())
        .take(count.saturating_add(1))
        .collect();
    let names: Option<Vec<String>> =
        offsets.windows(2).map(|w| std::str::from_utf8(text.get(w[0]..w[1])?).ok().map(str::to_owned)).collect();
    names.filter(|n| n.len() == count).ok_or_else(broken)
}
