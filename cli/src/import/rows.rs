//! Rows of a Parquet file: a text and perhaps a domain.

use std::{
    fs::File,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use arrow_array::{Array, RecordBatch, cast::AsArray, types};
use arrow_schema::{DataType, Fields};
use curricle::{Error, Result};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
};

use super::{bad_source, files::SourceFile, lines::at};

/// Rows that are decoded at a time.
const ROWS: usize = 256;
const DAMAGED: &str = "fetch or write the file again";

/// A row's text, none where it is null, and its domain.
pub(super) type Row = (Option<Vec<u8>>, Option<String>);

/// The rows of a file.
pub(super) struct Rows {
    path: PathBuf,
    size: u64,
    n_rows: u64,
    batches: ParquetRecordBatchReader,
    text: String,
    domain: Option<String>,
    batch: Option<RecordBatch>,
    /// The next row within the batch, and within the file.
    within: usize,
    row: u64,
}

impl Rows {
    /// Opens a file after the given number of rows.
    pub(super) fn open(file: &SourceFile, row: u64, text: &str, domain: Option<&str>) -> Result<Rows> {
        let path = &file.path;
        let opened = File::open(path).map_err(Error::io("open", path))?;
        let (n_rows, batches) = guarded(path, row, || {
            // What Arrow noted in the file would bring back dictionaries and views of texts; without it they are texts.
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(opened, options);
            let builder = builder.map_err(|e| bad_source(path, format_args!("it is damaged, or no Parquet file ({e})"), DAMAGED))?;
            let fields = builder.schema().fields();
            let mut roots = vec![column(path, fields, text, "--text-field")?];
            if let Some(domain) = domain {
                roots.push(column(path, fields, domain, "--domain field:")?);
            }
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
            let n_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
            let skip = usize::try_from(row).unwrap_or(usize::MAX);
            let batches = builder.with_projection(mask).with_batch_size(ROWS).with_offset(skip).build();
            Ok((n_rows, batches.map_err(|e| damaged(path, row, e))?))
        })?;
        let (text, domain) = (text.to_owned(), domain.map(str::to_owned));
        Ok(Rows { path: path.clone(), size: file.size, n_rows, batches, text, domain, batch: None, within: 0, row })
    }

    /// The next row, or none.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        while self.batch.as_ref().is_none_or(|batch| self.within >= batch.num_rows()) {
            let (path, row, batches) = (&self.path, self.row, &mut self.batches);
            self.batch = guarded(path, row, || batches.next().transpose().map_err(|e| damaged(path, row, e)))?;
            self.within = 0;
            if self.batch.is_none() {
                return Ok(None);
            }
        }
        let Some(batch) = &self.batch else { return Ok(None) };
        let lost = || damaged(&self.path, self.row, "a column is missing");
        let text = text_of(batch.column_by_name(&self.text).ok_or_else(lost)?, self.within);
        let domain = match &self.domain {
            Some(name) => {
                let domain = domain_of(batch.column_by_name(name).ok_or_else(lost)?, self.within);
                Some(domain.ok_or_else(|| {
                    let problem = format_args!("column `{name}` is null in row {}", self.row);
                    bad_source(&self.path, problem, "choose a column without nulls, or `--domain none`")
                })?)
            }
            None => None,
        };
        self.within += 1;
        self.row += 1;
        Ok(Some((text, domain)))
    }

    /// Rows that were read.
    pub(super) fn row(&self) -> u64 {
        self.row
    }

    /// About how many bytes of the file they are.
    pub(super) fn progress(&self) -> u64 {
        (u128::from(self.size) * u128::from(self.row) / u128::from(self.n_rows.max(1))) as u64
    }
}

/// The decoders belong to others, and a damaged file may make them panic.
fn guarded<T>(path: &Path, row: u64, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(damaged(path, row, "its decoder did not survive it")))
}

fn damaged(path: &Path, row: u64, error: impl std::fmt::Display) -> Error {
    bad_source(at(path, row), format_args!("it is damaged from here on ({error})"), DAMAGED)
}

/// The place of a column that can be used.
fn column(path: &Path, fields: &Fields, name: &str, option: &str) -> Result<usize> {
    let remedy = format!("name another column with `{option}`");
    let Some((place, field)) = fields.find(name) else {
        let names: Vec<String> = fields.iter().take(10).map(|f| format!("`{}`", f.name())).collect();
        return Err(bad_source(path, format_args!("it has no column `{name}`; its columns are {}", names.join(", ")), remedy));
    };
    let texts = matches!(field.data_type(), DataType::Utf8 | DataType::Binary);
    let numbers = option != "--text-field" && matches!(field.data_type(), DataType::Int32 | DataType::Int64 | DataType::Boolean);
    match texts || numbers {
        true => Ok(place),
        false => Err(bad_source(path, format_args!("column `{name}` is of type {}, and not text", field.data_type()), remedy)),
    }
}

fn text_of(array: &dyn Array, row: usize) -> Option<Vec<u8>> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string_opt::<i32>().map(|a| a.value(row).as_bytes().to_vec()),
        _ => array.as_binary_opt::<i32>().map(|a| a.value(row).to_vec()),
    }
}

fn domain_of(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Int32 => array.as_primitive_opt::<types::Int32Type>().map(|a| a.value(row).to_string()),
        DataType::Int64 => array.as_primitive_opt::<types::Int64Type>().map(|a| a.value(row).to_string()),
        DataType::Boolean => array.as_boolean_opt().map(|a| a.value(row).to_string()),
        _ => text_of(array, row).map(|text| String::from_utf8_lossy(&text).into_owned()),
    }
}
