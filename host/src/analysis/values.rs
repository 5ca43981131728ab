//! The values of a column in the making: a file of numbers, in order of the samples.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::line::{Merge, Sink};
use crate::{
    Error, Result,
    columns::{ColumnWriter, ValueType, Values},
};

/// Bytes read at a time; a multiple of the width of any number.
pub(super) const READ: usize = 1 << 20;
/// Bytes that wait in memory before they go to the file, so that a short analysis writes none.
const WAITING: usize = 8 << 20;

/// A file that grows at its end.
#[derive(Debug)]
pub(super) struct ValueFile {
    path: PathBuf,
    file: File,
    waiting: Vec<u8>,
    value_type: Option<ValueType>,
}

impl ValueFile {
    /// Opens the file at `path`, made if need be, and keeps the first `n` values of it.
    pub(super) fn open(path: &Path, n: u64, value_type: Option<ValueType>) -> Result<ValueFile> {
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(Error::io("open", path))?;
        let kept = n.saturating_mul(value_type.map_or(0, ValueType::width) as u64);
        file.set_len(kept).and_then(|()| file.seek(SeekFrom::Start(kept))).map_err(Error::io("write", path))?;
        Ok(ValueFile { path: path.to_owned(), file, waiting: Vec::new(), value_type })
    }

    /// Type of the values, once there are some.
    pub(super) fn value_type(&self) -> Option<ValueType> {
        self.value_type
    }

    /// Writes what waits, and gives a handle with which to make it durable.
    pub(super) fn flush(&mut self) -> Result<File> {
        self.write()?;
        self.file.try_clone().map_err(Error::io("open", &self.path))
    }

    /// Puts values where they belong, the first of them at place `at`. What lies between is to be put there, too.
    pub(super) fn put(&mut self, at: u64, value_type: ValueType, bytes: &[u8]) -> Result<()> {
        self.expect(value_type)?;
        let place = SeekFrom::Start(at.saturating_mul(value_type.width() as u64));
        self.file.seek(place).and_then(|_| self.file.write_all(bytes)).map_err(Error::io("write", &self.path))
    }

    /// Takes values of one type.
    fn expect(&mut self, given: ValueType) -> Result<()> {
        let expected = *self.value_type.get_or_insert(given);
        if given == expected {
            return Ok(());
        }
        let problem = format!("it holds values of type {expected}, and the metric answers {given}");
        Err(Error::data(format!("`{}`: {problem}", self.path.display()), "remove the folder that it is in and start over"))
    }

    fn write(&mut self) -> Result<()> {
        self.file.write_all(&self.waiting).map_err(Error::io("write", &self.path))?;
        self.waiting.clear();
        Ok(())
    }

    /// Passes everything on, in pieces of whole values.
    pub(super) fn read(mut self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let read = |e| Error::io("read", &self.path)(e);
        self.file.seek(SeekFrom::Start(0)).map_err(read)?;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            (&mut self.file).take(READ as u64).read_to_end(&mut bytes).map_err(read)?;
            if bytes.is_empty() {
                break;
            }
            each(&bytes)?;
        }
        self.waiting.chunks(READ).try_for_each(each)
    }
}

/// Passes numbers on to a column. Should bytes be missing at the end, the writer misses a value.
pub(super) fn push(bytes: &[u8], value_type: ValueType, writer: &mut ColumnWriter) -> Result<()> {
    writer.push(&match value_type {
        ValueType::F32 => Values::F32(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        ValueType::F64 => Values::F64(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()),
        ValueType::U32 => Values::U32(bytes.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect()),
        ValueType::U64 => Values::U64(bytes.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b)).collect()),
    })
}

/// Numbers as they are stored. The host is little-endian, as the files are.
pub(super) fn bytes_of(values: &Values) -> &[u8] {
    match values {
        Values::F32(values) => bytemuck::cast_slice(values),
        Values::F64(values) => bytemuck::cast_slice(values),
        Values::U32(values) => bytemuck::cast_slice(values),
        Values::U64(values) => bytemuck::cast_slice(values),
    }
}

impl Sink for ValueFile {
    /// The values of the chunks of a block.
    type Found = Vec<Values>;

    fn take(&mut self, found: Vec<Values>, _: &mut Vec<Merge>) -> Result<()> {
        for values in found {
            self.expect(values.value_type())?;
            self.waiting.extend_from_slice(bytes_of(&values));
            if self.waiting.len() >= WAITING {
                self.write()?;
            }
        }
        Ok(())
    }
}
