//! Files that cannot be read in place: unpacked once into the cache, then read from there.

use std::{
    fs::{self, File},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use arrow_array::{Array, FixedSizeListArray, GenericListArray, OffsetSizeTrait, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, Schema};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::{
    Format, TokenType,
    arrow::{self, Column, Rows},
    fingerprint::Hasher,
    indexed::{ElementType, IndexedFile, Magic},
    mmap::Mapped,
    seal::Sealed,
    writer::IndexedWriter,
};
use crate::{
    Error, Result,
    atomic::{self, AtomicFolder},
};

/// Rows of a Parquet file decoded at a time: documents may be long.
const ROWS: usize = 256;

/// An unpacked file.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// Prefix of the `.bin`/`.idx` pair in the cache.
    pub(crate) prefix: PathBuf,
    pub(super) sealed: Sealed,
    pub(crate) token_type: TokenType,
    /// The column that it holds.
    pub(crate) column: String,
}

/// Unpacks a Parquet or compressed Arrow file, unless that has been done before. The place in the cache depends on what the file holds
/// (as a [`Fingerprint`](super::Fingerprint) sees it) and on the column, so a file that changed is unpacked again.
pub(crate) fn unpack(file: &Mapped, format: Format, column: Option<&str>, cache: &Path) -> Result<Unpacked> {
    let path = file.path();
    // The decoders belong to others, and a damaged file may make them panic.
    panic::catch_unwind(AssertUnwindSafe(|| {
        let mut source = Source::open(path, format, file)?;
        let column = arrow::choose(path, &source.schema(), column)?;
        let mut hasher = Hasher::new();
        hasher.text(format.name());
        hasher.text(&column.name);
        hasher.file(file);
        let all = cache.join("unpacked");
        let place = all.join(hasher.finish().to_string());
        let (prefix, token_type) = (place.join("tokens"), column.token_type);
        let open = || -> Result<Unpacked, String> {
            let sealed = Sealed::open(&prefix)?;
            IndexedFile::open_as(&prefix, ElementType::Int(token_type)).map_err(|e| e.to_string())?;
            Ok(Unpacked { prefix: prefix.clone(), sealed, token_type, column: column.name.clone() })
        };
        // A cache is anybody's to damage: what is not what was written is made again.
        if place.exists() {
            match open() {
                Ok(unpacked) => return Ok(unpacked),
                Err(problem) => tracing::warn!("unpacking `{}` again, the copy in the cache is damaged: {problem}", path.display()),
            }
            fs::remove_dir_all(&place).map_err(Error::io("replace", &place))?;
        }
        fs::create_dir_all(&all).map_err(Error::io("create", &all))?;
        atomic::sweep_folder(&all);
        let folder = AtomicFolder::create(&all, "unpacking", true)?;
        let unfinished = folder.path().join("tokens");
        let mut writer = IndexedWriter::create(&unfinished, token_type, Magic::MMap)?;
        source.project(&column)?;
        source.each(&mut |row, batch| push_rows(path, &column, row, batch, &mut writer))?;
        writer.finish()?;
        Sealed::write(&unfinished)?;
        publish(folder, &place)?;
        open().map_err(|problem| {
            Error::dataset(&place, format_args!("this copy in the cache is damaged as soon as it is made: {problem}"), "check the disk")
        })
    }))
    .unwrap_or_else(|_| {
        Err(Error::dataset(path, "it is damaged in a way that its decoder did not survive", "copy or write the file again"))
    })
}

/// Gives a finished folder its name. Another process may have been faster, and then its folder, which holds the same, is used.
fn publish(folder: AtomicFolder, place: &Path) -> Result<()> {
    match folder.publish(place) {
        Ok(()) => atomic::sync_folder(place.parent().unwrap_or(place)),
        Err(_) if place.is_dir() => Ok(()),
        Err(error) => Err(Error::io("put in place", place)(error)),
    }
}

/// One of the decoders.
enum Source {
    Parquet(Option<Box<ParquetRecordBatchReaderBuilder<File>>>, PathBuf),
    File(Box<FileReader<File>>, PathBuf),
    Stream(Box<StreamReader<std::io::BufReader<File>>>, PathBuf),
}

impl Source {
    fn open(path: &Path, format: Format, bytes: &[u8]) -> Result<Source> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let place = path.to_owned();
        if format == Format::Parquet {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| undecodable(path, e))?;
            return Ok(Source::Parquet(Some(Box::new(builder)), place));
        }
        if bytes.starts_with(b"ARROW1") {
            return Ok(Source::File(Box::new(FileReader::try_new(file, None).map_err(|e| undecodable(path, e))?), place));
        }
        Ok(Source::Stream(Box::new(StreamReader::try_new_buffered(file, None).map_err(|e| undecodable(path, e))?), place))
    }

    fn schema(&self) -> Schema {
        match self {
            Source::Parquet(builder, _) => builder.as_ref().map_or_else(Schema::empty, |b| b.schema().as_ref().clone()),
            Source::File(reader, _) => reader.schema().as_ref().clone(),
            Source::Stream(reader, _) => reader.schema().as_ref().clone(),
        }
    }

    /// Leaves only one column to be decoded.
    fn project(&mut self, column: &Column) -> Result<()> {
        let only = Some(vec![column.index]);
        match self {
            Source::Parquet(builder, _) => {
                *builder = builder.take().map(|b| {
                    let mask = ProjectionMask::roots(b.parquet_schema(), [column.index]);
                    Box::new(b.with_projection(mask).with_batch_size(ROWS))
                });
            }
            Source::File(reader, path) => {
                let file = File::open(&*path).map_err(Error::io("open", &*path))?;
                **reader = FileReader::try_new(file, only).map_err(|e| undecodable(path, e))?;
            }
            Source::Stream(reader, path) => {
                let file = File::open(&*path).map_err(Error::io("open", &*path))?;
                **reader = StreamReader::try_new_buffered(file, only).map_err(|e| undecodable(path, e))?;
            }
        }
        Ok(())
    }

    /// Hands over all record batches in order, with the number of the first row of each.
    fn each(self, f: &mut dyn FnMut(u64, &RecordBatch) -> Result<()>) -> Result<()> {
        let mut row = 0;
        let mut take = |path: &Path, batch: Result<RecordBatch, ArrowError>| {
            let batch = batch.map_err(|e| undecodable(path, e))?;
            f(row, &batch)?;
            row += batch.num_rows() as u64;
            Ok(())
        };
        match self {
            Source::Parquet(builder, path) => match builder {
                Some(builder) => builder.build().map_err(|e| undecodable(&path, e))?.try_for_each(|batch| take(&path, batch)),
                None => Ok(()),
            },
            Source::File(mut reader, path) => reader.try_for_each(|batch| take(&path, batch)),
            Source::Stream(mut reader, path) => reader.try_for_each(|batch| take(&path, batch)),
        }
    }
}

fn undecodable(path: &Path, source: impl std::fmt::Display) -> Error {
    Error::dataset(path, format_args!("it cannot be decoded ({source})"), "copy or write the file again")
}

/// Writes the rows of a batch of one column.
fn push_rows(path: &Path, column: &Column, row: u64, batch: &RecordBatch, writer: &mut IndexedWriter) -> Result<()> {
    let wrong = |problem: String| Error::dataset(path, problem, "copy or write the file again");
    let list = batch.columns().first().ok_or_else(|| wrong(format!("column `{}` is gone", column.name)))?;
    if let Some(null) = (0..list.len()).find(|i| list.is_null(*i)) {
        let problem = format!("row {} of column `{}` is null, which is no document", row + null as u64, column.name);
        return Err(Error::dataset(path, problem, "drop such rows or make them empty"));
    }
    let any = list.as_any();
    let unlike = || wrong(format!("column `{}` is not of the type that the schema says", column.name));
    let (values, bounds) = match column.rows {
        Rows::Offsets32 => offsets::<i32>(any.downcast_ref().ok_or_else(unlike)?),
        Rows::Offsets64 => offsets::<i64>(any.downcast_ref().ok_or_else(unlike)?),
        Rows::Fixed(length) => {
            let list: &FixedSizeListArray = any.downcast_ref().ok_or_else(unlike)?;
            (&**list.values(), (0..=list.len()).map(|i| i * length as usize).collect())
        }
    };
    if let (Some(first), Some(last)) = (bounds.first(), bounds.last())
        && let Some(null) = (*first..*last).find(|i| values.is_null(*i))
    {
        let inside = row + bounds.partition_point(|b| *b <= null).saturating_sub(1) as u64;
        let problem = format!("row {inside} of column `{}` has a null among its tokens", column.name);
        return Err(Error::dataset(path, problem, "drop such rows or fill them"));
    }
    let data = values.to_data();
    let bytes = data.buffers().first().map(|b| b.as_slice()).unwrap_or_default();
    let width = column.token_type.width();
    for ends in bounds.windows(2) {
        let &[start, end] = ends else { continue };
        let bytes = bytes.get((data.offset() + start) * width..(data.offset() + end) * width).ok_or_else(unlike)?;
        writer.push(bytes)?;
        writer.end_document()?;
    }
    Ok(())
}

fn offsets<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> (&dyn Array, Vec<usize>) {
    (&**list.values(), list.value_offsets().iter().map(|o| o.as_usize()).collect())
}
