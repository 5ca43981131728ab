//! Where the messages of an Arrow IPC file or stream lie.

use std::path::Path;

use arrow_ipc::{Endianness, Message, MessageHeader, Schema as FlatSchema, convert::try_fb_to_schema, root_as_footer, root_as_message};
use arrow_schema::Schema;

use super::{
    super::mmap::{array4, bytes_at},
    DAMAGED,
};
use crate::{Error, Result};

/// First and last bytes of an Arrow IPC file.
pub(crate) const MAGIC: &[u8; 6] = b"ARROW1";
/// What precedes each message of a stream, except in the oldest ones.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The schema, the record batches and the dictionaries of a file.
#[derive(Debug)]
pub(super) struct Messages {
    pub(super) schema: Schema,
    pub(super) blocks: Vec<Block>,
    pub(super) dictionaries: Vec<Block>,
}

/// A record batch: its metadata, with what precedes it, and its body, in bytes of the file.
#[derive(Debug)]
pub(super) struct Block {
    message_at: u64,
    message_len: u64,
    pub(super) body_at: u64,
    pub(super) body_len: u64,
}

impl Messages {
    pub(super) fn read(file: &[u8], path: &Path) -> Result<Messages> {
        let found = match file.starts_with(MAGIC) {
            true => from_footer(file),
            false => from_stream(file),
        };
        found.map_err(|problem| Error::dataset(path, problem, DAMAGED))
    }
}

/// The message of a block.
pub(super) fn parse<'f>(file: &'f [u8], block: &Block) -> Result<Message<'f>, String> {
    let bytes = bytes_at(file, block.message_at, block.message_len).ok_or("its metadata lies outside of the file")?;
    let prefix = if bytes.starts_with(&CONTINUATION) { 8 } else { 4 };
    let bytes = bytes.get(prefix..).ok_or("its metadata is cut off")?;
    root_as_message(bytes).map_err(|_| "its metadata is damaged".to_owned())
}

/// The file format: a footer lists the record batches.
fn from_footer(file: &[u8]) -> Result<Messages, String> {
    let cut = "it has no footer: it is cut off or was not closed";
    let trailer = file.len().checked_sub(10).ok_or(cut)? as u64;
    if bytes_at(file, trailer + 4, 6) != Some(MAGIC) {
        return Err(cut.into());
    }
    let len = array4(file, trailer).map(i32::from_le_bytes).and_then(|len| u64::try_from(len).ok());
    let footer = len.and_then(|len| bytes_at(file, trailer.checked_sub(len)?, len)).ok_or("its footer lies outside of the file")?;
    let footer = root_as_footer(footer).map_err(|_| "its footer is damaged")?;
    let schema = schema(footer.schema().ok_or("its footer has no schema")?)?;
    let place = |block: &arrow_ipc::Block, what: &str, i: usize| {
        let numbers = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()];
        let [message_at, message_len, body_len] = numbers.map(|n| u64::try_from(n).unwrap_or(u64::MAX));
        let body_at = message_at.saturating_add(message_len);
        match bytes_at(file, body_at, body_len) {
            Some(_) => Ok(Block { message_at, message_len, body_at, body_len }),
            None => Err(format!("{what} {i}: it lies outside of the file")),
        }
    };
    let batches = footer.recordBatches().into_iter().flatten().enumerate().map(|(i, block)| place(block, "record batch", i));
    let dictionaries = footer.dictionaries().into_iter().flatten().enumerate().map(|(i, block)| place(block, "dictionary", i));
    let (blocks, dictionaries) = (batches.collect::<Result<_, _>>()?, dictionaries.collect::<Result<_, _>>()?);
    Ok(Messages { schema, blocks, dictionaries })
}

/// The stream format: one message after another, the schema first.
fn from_stream(file: &[u8]) -> Result<Messages, String> {
    let mut at = 0;
    let mut schema_found = None;
    let (mut blocks, mut dictionaries) = (Vec::new(), Vec::new());
    while at < file.len() as u64 {
        let cut = || format!("the message at byte {at} is cut off");
        let marked = array4(file, at) == Some(CONTINUATION);
        let prefix = if marked { 8 } else { 4 };
        let len = array4(file, at + prefix - 4).map(i32::from_le_bytes).ok_or_else(cut)?;
        if len == 0 {
            break;
        }
        let len = u64::try_from(len).map_err(|_| format!("it is no Arrow file: at byte {at} a message has length {len}"))?;
        let mut block = Block { message_at: at, message_len: prefix + len, body_at: at + prefix + len, body_len: 0 };
        if bytes_at(file, at, block.message_len).is_none() {
            return Err(match schema_found {
                None => "it is no Arrow file: it begins with neither `ARROW1` nor a schema".into(),
                Some(_) => cut(),
            });
        }
        let message = parse(file, &block).map_err(|problem| format!("the message at byte {at}: {problem}"))?;
        block.body_len = u64::try_from(message.bodyLength()).map_err(|_| cut())?;
        bytes_at(file, block.body_at, block.body_len).ok_or_else(cut)?;
        at = block.body_at + block.body_len;
        match (message.header_type(), &schema_found) {
            (MessageHeader::Schema, None) => {
                schema_found = Some(schema(message.header_as_schema().ok_or("its schema is damaged")?)?);
            }
            (MessageHeader::RecordBatch, Some(_)) => blocks.push(block),
            // Only columns that hold no tokens have dictionaries.
            (MessageHeader::DictionaryBatch, Some(_)) => dictionaries.push(block),
            _ => return Err("its messages are in no order that the format knows".into()),
        }
    }
    Ok(Messages { schema: schema_found.ok_or("it has no schema")?, blocks, dictionaries })
}

fn schema(schema: FlatSchema<'_>) -> Result<Schema, String> {
    if schema.endianness() != Endianness::Little {
        return Err("it is big-endian".into());
    }
    try_fb_to_schema(schema).map_err(|e| format!("its schema cannot be read ({e})"))
}
