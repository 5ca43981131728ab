//! The file of a column, byte by byte.
//!
//! It is an Arrow IPC *file* (magic `ARROW1`), metadata version 5, little-endian, uncompressed, with exactly one record batch, so that it
//! can be mapped and so that pyarrow and polars, and DuckDB through either, open it as it is:
//!
//! | bytes | what |
//! | --- | --- |
//! | `ARROW1\0\0` | magic |
//! | schema message | fields and metadata below |
//! | dictionary message and body | columns of categories only: names by code, UTF-8, dictionary 0 |
//! | record batch message | padded, so that the body begins at a multiple of 64 |
//! | `value` | one value per sample, by sample id; padded to a multiple of 64 |
//! | `order` | sample ids in ascending order of the value, ties by id; padded to a multiple of 64 |
//! | `FF FF FF FF 00 00 00 00` | end of the stream |
//! | footer, its length as i32, `ARROW1` | where the messages are |
//!
//! Field `value` is f32, f64, u32 or u64, or for categories dictionary<u32, utf8>. Field `order` is u32 for fewer than 2^32 samples and u64
//! otherwise. Neither has nulls, and `value` has no NaN. The schema's metadata:
//!
//! * `curricle.format`: `column`. A reader MUST refuse anything else.
//! * `curricle.version`: `1`. A reader MUST refuse a version that it does not know.
//! * `curricle.provenance`: JSON of [`Provenance`](super::Provenance); its `samples` is the number of rows.
//!
//! The footer has metadata `curricle.xxh3`: the hash, 128 bits of XXH3 in hexadecimal, of all bytes before the end of the stream, followed by
//! what the footer leads to: lines with the provenance, the counts or nothing, `name type` of each field, and `length name` of each category. Files
//! without it are read; whoever reads a file whole compares it.
//!
//! The footer of a column of categories also has metadata `curricle.counts`: a JSON array with the number of samples of each code. It stands
//! there, and not in the schema, because it is known only when all values are written. The smallest and the largest value are those of the
//! first and the last sample of `order`, so opening a column reads no more than a few pages, whatever its length.
//!
//! Totals of the dataset as a whole, if the metric has some, are in `<name>.totals.arrow` beside the column: the same kind of file with one
//! field `total` (f64), `curricle.format` = `totals` and the same provenance, but as many rows as there are totals. A metric that gives samples no
//! values leaves this file alone, without a column.

use std::path::Path;

use arrow_ipc as ipc;
use flatbuffers::{FlatBufferBuilder, ForwardsUOffset, UnionWIPOffset, Vector, WIPOffset};

use super::{provenance::Provenance, value::ValueType};
use crate::{Error, Result};

#[cfg(target_endian = "big")]
compile_error!("columns and datasets are mapped and read in place, and their files are little-endian");

pub(super) const MAGIC: [u8; 6] = *b"ARROW1";
pub(super) const FORMAT_KEY: &str = "curricle.format";
pub(super) const VERSION_KEY: &str = "curricle.version";
pub(super) const PROVENANCE_KEY: &str = "curricle.provenance";
pub(super) const COUNTS_KEY: &str = "curricle.counts";
pub(super) const CHECKSUM_KEY: &str = "curricle.xxh3";
pub(super) const COLUMN: &str = "column";
pub(super) const TOTALS: &str = "totals";
pub(super) const VERSION: &str = "1";
/// Field of the values.
pub(super) const VALUE: &str = "value";
/// Field of the sample ids in order of the value.
pub(super) const ORDER: &str = "order";
/// Field of the totals.
pub(super) const TOTAL: &str = "total";

/// A cache line and an AVX-512 register; what Arrow recommends for buffers.
const ALIGNMENT: u64 = 64;
const CONTINUATION: [u8; 4] = [0xff; 4];
/// Provenance and names of categories stand before the values, in messages whose sizes have 31 bits; this leaves room for the rest.
pub(super) const MAX_TEXT: usize = 1 << 30;

/// What a reader finds by the footer, as it goes into the checksum: the footer holds that, and so cannot be part of it as it is.
pub(super) fn said_in_footer<'a>(
    provenance: &str,
    counts: Option<&str>,
    fields: impl Iterator<Item = (&'a str, ValueType, bool)>,
    names: &[String],
) -> String {
    let mut said = format!("{provenance}\n{}\n", counts.unwrap_or_default());
    for (name, value_type, coded) in fields {
        said.push_str(&format!("{name} {}\n", if coded { "category".to_owned() } else { value_type.to_string() }));
    }
    for name in names {
        said.push_str(&format!("{} {name}\n", name.len()));
    }
    said
}

/// A field without nulls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) value_type: ValueType,
    /// Whether the values, u32, are codes of the dictionary.
    pub(super) coded: bool,
}

/// Everything that a file says before its values.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) fields: &'a [Field],
    pub(super) rows: u64,
    /// Metadata of the schema, in this order.
    pub(super) metadata: Vec<(&'static str, String)>,
    /// Names by code, for the field that is coded.
    pub(super) names: Option<&'a [String]>,
}

/// A head laid out: its bytes, and where the rest belongs.
#[derive(Debug)]
pub(super) struct Layout {
    /// From the beginning of the file to the body of the record batch.
    pub(super) bytes: Vec<u8>,
    /// Where each field's values begin in the file; a multiple of 64.
    pub(super) starts: Vec<u64>,
    /// Where the body ends; a multiple of 64.
    pub(super) end: u64,
    dictionary: Option<ipc::Block>,
    batch: ipc::Block,
}

/// The head of a file of this kind.
///
/// # Errors
/// [`Error::Column`] if the provenance is longer than a file can hold.
pub(super) fn head<'a>(
    kind: &str,
    fields: &'a [Field],
    rows: u64,
    names: Option<&'a [String]>,
    provenance: &Provenance,
    path: &Path,
) -> Result<Head<'a>> {
    let json = serde_json::to_string(provenance).ok().filter(|json| json.len() <= MAX_TEXT);
    let provenance =
        json.ok_or_else(|| Error::column(path.display(), "its provenance cannot be written as JSON", "shorten the configuration"))?;
    let metadata = vec![(FORMAT_KEY, kind.to_owned()), (VERSION_KEY, VERSION.to_owned()), (PROVENANCE_KEY, provenance)];
    Ok(Head { fields, rows, metadata, names })
}

impl Head<'_> {
    pub(super) fn layout(&self) -> Layout {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0, 0]);
        let mut builder = FlatBufferBuilder::new();
        let schema = self.schema(&mut builder);
        message(builder, ipc::MessageHeader::Schema, schema.as_union_value(), 0, &mut bytes);
        let dictionary = self.names.map(|names| write_dictionary(names, &mut bytes));

        let mut buffers = Vec::new();
        let mut end = 0;
        let mut starts = Vec::new();
        for field in self.fields {
            let length = self.rows * field.value_type.width() as u64;
            buffers.extend([ipc::Buffer::new(end as i64, 0), ipc::Buffer::new(end as i64, length as i64)]);
            starts.push(end);
            end = (end + length).next_multiple_of(ALIGNMENT);
        }
        let mut builder = FlatBufferBuilder::new();
        let nodes = vec![ipc::FieldNode::new(self.rows as i64, 0); self.fields.len()];
        let batch = record_batch(&mut builder, self.rows, &nodes, &buffers);
        let batch = message(builder, ipc::MessageHeader::RecordBatch, batch.as_union_value(), end, &mut bytes);

        let body = bytes.len() as u64;
        starts.iter_mut().for_each(|start| *start += body);
        Layout { bytes, starts, end: body + end, dictionary, batch }
    }

    /// What the footer will say, for the checksum.
    pub(super) fn said_in_footer(&self, counts: Option<&str>) -> String {
        let provenance = self.metadata.iter().find(|(key, _)| *key == PROVENANCE_KEY).map_or("", |(_, text)| text.as_str());
        let fields = self.fields.iter().map(|field| (field.name, field.value_type, field.coded));
        said_in_footer(provenance, counts, fields, self.names.unwrap_or_default())
    }

    /// What stands after the body: end of stream, footer, magic.
    pub(super) fn tail(&self, layout: &Layout, metadata: &[(&'static str, String)]) -> Vec<u8> {
        let mut builder = FlatBufferBuilder::new();
        let schema = self.schema(&mut builder);
        let dictionaries = layout.dictionary.map(|block| builder.create_vector(&[block]));
        let batches = builder.create_vector(&[layout.batch]);
        let metadata = (!metadata.is_empty()).then(|| key_values(&mut builder, metadata));
        let footer = ipc::Footer::create(
            &mut builder,
            &ipc::FooterArgs {
                version: ipc::MetadataVersion::V5,
                schema: Some(schema),
                dictionaries,
                recordBatches: Some(batches),
                custom_metadata: metadata,
            },
        );
        builder.finish(footer, None);
        let footer = builder.finished_data();

        let mut bytes = CONTINUATION.to_vec();
        bytes.extend([0; 4]);
        bytes.extend(footer);
        bytes.extend((footer.len() as i32).to_le_bytes());
        bytes.extend(MAGIC);
        bytes
    }

    fn schema<'b>(&self, builder: &mut FlatBufferBuilder<'b>) -> WIPOffset<ipc::Schema<'b>> {
        let fields: Vec<_> = self.fields.iter().map(|f| field(builder, f)).collect();
        let fields = builder.create_vector(&fields);
        let metadata = key_values(builder, &self.metadata);
        let args = ipc::SchemaArgs { fields: Some(fields), custom_metadata: Some(metadata), ..Default::default() };
        ipc::Schema::create(builder, &args)
    }
}

fn field<'b>(builder: &mut FlatBufferBuilder<'b>, field: &Field) -> WIPOffset<ipc::Field<'b>> {
    let name = builder.create_string(field.name);
    let (type_type, type_) = match field.value_type {
        _ if field.coded => (ipc::Type::Utf8, ipc::Utf8::create(builder, &ipc::Utf8Args {}).as_union_value()),
        ValueType::F32 => float(builder, ipc::Precision::SINGLE),
        ValueType::F64 => float(builder, ipc::Precision::DOUBLE),
        ValueType::U32 => (ipc::Type::Int, unsigned(builder, 32).as_union_value()),
        ValueType::U64 => (ipc::Type::Int, unsigned(builder, 64).as_union_value()),
    };
    let dictionary = field.coded.then(|| {
        let index = unsigned(builder, 32);
        let args = ipc::DictionaryEncodingArgs { id: 0, indexType: Some(index), ..Default::default() };
        ipc::DictionaryEncoding::create(builder, &args)
    });
    // Some readers take a missing list of children for damage.
    let children = builder.create_vector::<ForwardsUOffset<ipc::Field<'b>>>(&[]);
    ipc::Field::create(
        builder,
        &ipc::FieldArgs {
            name: Some(name),
            nullable: false,
            type_type,
            type_: Some(type_),
            dictionary,
            children: Some(children),
            custom_metadata: None,
        },
    )
}

fn float(builder: &mut FlatBufferBuilder<'_>, precision: ipc::Precision) -> (ipc::Type, WIPOffset<UnionWIPOffset>) {
    let float = ipc::FloatingPoint::create(builder, &ipc::FloatingPointArgs { precision });
    (ipc::Type::FloatingPoint, float.as_union_value())
}

#[expect(non_snake_case, reason = "the field is spelt as in Arrow's schema")]
fn unsigned<'b>(builder: &mut FlatBufferBuilder<'b>, bitWidth: i32) -> WIPOffset<ipc::Int<'b>> {
    ipc::Int::create(builder, &ipc::IntArgs { bitWidth, is_signed: false })
}

type KeyValues<'b> = WIPOffset<Vector<'b, ForwardsUOffset<ipc::KeyValue<'b>>>>;

fn key_values<'b>(builder: &mut FlatBufferBuilder<'b>, pairs: &[(&'static str, String)]) -> KeyValues<'b> {
    let mut offsets = Vec::new();
    for (key, value) in pairs {
        let (key, value) = (builder.create_string(key), builder.create_string(value));
        offsets.push(ipc::KeyValue::create(builder, &ipc::KeyValueArgs { key: Some(key), value: Some(value) }));
    }
    builder.create_vector(&offsets)
}

fn record_batch<'b>(
    builder: &mut FlatBufferBuilder<'b>,
    rows: u64,
    nodes: &[ipc::FieldNode],
    buffers: &[ipc::Buffer],
) -> WIPOffset<ipc::RecordBatch<'b>> {
    let (nodes, buffers) = (builder.create_vector(nodes), builder.create_vector(buffers));
    let args = ipc::RecordBatchArgs { length: rows as i64, nodes: Some(nodes), buffers: Some(buffers), ..Default::default() };
    ipc::RecordBatch::create(builder, &args)
}

fn write_dictionary(names: &[String], bytes: &mut Vec<u8>) -> ipc::Block {
    let mut body = 0i32.to_le_bytes().to_vec();
    let mut text = Vec::new();
    for name in names {
        text.extend(name.as_bytes());
        body.extend((text.len() as i32).to_le_bytes());
    }
    let offsets = body.len() as u64;
    let text_start = offsets.next_multiple_of(ALIGNMENT);
    body.resize(text_start as usize, 0);
    body.extend(&text);
    body.resize(body.len().next_multiple_of(ALIGNMENT as usize), 0);

    let mut builder = FlatBufferBuilder::new();
    let nodes = [ipc::FieldNode::new(names.len() as i64, 0)];
    let buffers = [ipc::Buffer::new(0, 0), ipc::Buffer::new(0, offsets as i64), ipc::Buffer::new(text_start as i64, text.len() as i64)];
    let data = record_batch(&mut builder, names.len() as u64, &nodes, &buffers);
    let batch = ipc::DictionaryBatch::create(&mut builder, &ipc::DictionaryBatchArgs { id: 0, data: Some(data), isDelta: false });
    let block = message(builder, ipc::MessageHeader::DictionaryBatch, batch.as_union_value(), body.len() as u64, bytes);
    bytes.extend(body);
    block
}

/// Appends a message, padded so that its body begins at a multiple of 64.
fn message(
    mut builder: FlatBufferBuilder<'_>,
    header_type: ipc::MessageHeader,
    header: WIPOffset<UnionWIPOffset>,
    body: u64,
    bytes: &mut Vec<u8>,
) -> ipc::Block {
    let args = ipc::MessageArgs {
        version: ipc::MetadataVersion::V5,
        header_type,
        header: Some(header),
        bodyLength: body as i64,
        custom_metadata: None,
    };
    let message = ipc::Message::create(&mut builder, &args);
    builder.finish(message, None);
    let message = builder.finished_data();

    let start = bytes.len();
    let end = (start + 8 + message.len()).next_multiple_of(ALIGNMENT as usize);
    bytes.extend(CONTINUATION);
    bytes.extend(((end - start - 8) as i32).to_le_bytes());
    bytes.extend(message);
    bytes.resize(end, 0);
    ipc::Block::new(start as i64, (end - start) as i32, body as i64)
}
