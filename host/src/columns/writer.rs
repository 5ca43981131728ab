//! Makes the files that [`format`] describes, at a bounded memory for any number of samples.

use std::{
    collections::HashSet,
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{
    checksum::Hashing,
    column::Column,
    format::{self, Field, Layout},
    mapped::{Mapped, map},
    provenance::Provenance,
    sort,
    totals::{self, Totals},
    value::{Number, ValueType, Values},
};
use crate::{
    Error, Result,
    atomic::{AtomicFile, folder_of, sync_folder},
};

/// More would not be read back by Arrow, which counts bytes in 63 bits.
const MAX_SAMPLES: u64 = 1 << 56;
/// Bytes written at a time.
const BUFFER: usize = 1 << 20;

/// Writes a column of numbers: values come in chunks, in ascending order of the sample ids; [`finish`](ColumnWriter::finish) sorts them and
/// puts the file in its place. Dropped before that, it leaves nothing behind.
///
/// Memory stays below 100 MiB up to 2^28 samples, besides mapped pages of the file, which the system may drop.
#[derive(Debug)]
pub struct ColumnWriter {
    file: ValueFile,
    totals: Option<Vec<f64>>,
}

impl ColumnWriter {
    /// Begins the column at `path` (`<name>.arrow`), whose folder must exist, for `provenance.samples` values.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder is missing or not writable, [`Error::Column`] if the number of samples is 0 or beyond 2^56.
    pub fn create(path: impl Into<PathBuf>, value_type: ValueType, provenance: Provenance) -> Result<ColumnWriter> {
        let file = ValueFile::create(path.into(), Field { name: format::VALUE, value_type, coded: false }, None, provenance)?;
        Ok(ColumnWriter { file, totals: None })
    }

    /// Appends the values of the next samples.
    ///
    /// # Errors
    /// [`Error::Column`] if they are of another type, more than announced, or one is NaN (named by its sample id); [`Error::Io`] if the
    /// disk is full.
    pub fn push(&mut self, values: &Values) -> Result<()> {
        let (found, expected) = (values.value_type(), self.file.field.value_type);
        if found != expected {
            let problem = format!("values from sample {} on are {found}, the column is {expected}", self.file.written);
            return Err(self.file.error(problem, "give one type for all samples"));
        }
        match values {
            Values::F32(values) => self.file.push(values),
            Values::F64(values) => self.file.push(values),
            Values::U32(values) => self.file.push(values),
            Values::U64(values) => self.file.push(values),
        }
    }

    /// Number of values so far, which is the id of the next sample.
    pub fn written(&self) -> u64 {
        self.file.written
    }

    /// Puts numbers about the dataset as a whole beside the column.
    ///
    /// # Errors
    /// [`Error::Column`] if one is not finite or there are more than 16 777 216.
    pub fn set_totals(&mut self, totals: Vec<f64>) -> Result<()> {
        totals::check(&totals).map_err(|(problem, remedy)| self.file.error(problem, remedy))?;
        self.totals = Some(totals);
        Ok(())
    }

    /// Sorts, makes everything durable, puts the files in place of older ones and opens the column.
    ///
    /// # Errors
    /// [`Error::Column`] if values are missing, [`Error::Io`] if the disk is full; older files then stand unharmed.
    pub fn finish(self) -> Result<Column> {
        let ColumnWriter { file, totals } = self;
        let beside = Totals::beside(&file.path);
        let sorted = file.sort(None)?;
        // A kill between the two leaves a column beside totals of another making: they are refused when they are asked for, and an analysis
        // makes both again.
        match totals.filter(|totals| !totals.is_empty()) {
            Some(totals) => {
                totals::write(&beside, &totals, &sorted.provenance)?;
                sorted.commit()
            }
            None => {
                let column = sorted.commit()?;
                remove(&beside)?;
                Ok(column)
            }
        }
    }
}

/// Writes a column of categories at `path`: `codes` has, for each of `provenance.samples` samples, a position in `names`.
///
/// # Errors
/// [`Error::Column`] if a name is given twice or there is none, a code has no name, or there are not as many codes as samples;
/// [`Error::Io`] if the folder is missing or the disk is full.
pub fn write_categories(
    path: impl Into<PathBuf>,
    names: &[String],
    codes: impl IntoIterator<Item = u32>,
    provenance: Provenance,
) -> Result<Column> {
    let field = Field { name: format::VALUE, value_type: ValueType::U32, coded: true };
    let path = path.into();
    check_names(&path, names)?;
    let mut file = ValueFile::create(path, field, Some(names), provenance)?;
    let mut counts = vec![0u64; names.len()];
    let mut codes = codes.into_iter();
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        chunk.extend(codes.by_ref().take(BUFFER / 4));
        if chunk.is_empty() {
            break;
        }
        for (i, code) in chunk.iter().enumerate() {
            match counts.get_mut(*code as usize) {
                Some(count) => *count += 1,
                None => {
                    let problem = format!("sample {} has code {code}, and there are {} categories", file.written + i as u64, names.len());
                    return Err(file.error(problem, "give a name for every code"));
                }
            }
        }
        file.push(&chunk)?;
    }
    let counts = serde_json::Value::from(counts).to_string();
    let beside = Totals::beside(&file.path);
    let column = file.sort(Some(counts))?.commit()?;
    remove(&beside)?;
    Ok(column)
}

fn check_names(path: &Path, names: &[String]) -> Result<()> {
    let error = |problem: String, remedy| Error::column(path.display(), problem, remedy);
    if names.is_empty() {
        return Err(error("it has no categories".to_owned(), "name at least one"));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(error(format!("category `{twice}` is named twice"), "give each category its own name"));
    }
    let text: usize = names.iter().map(String::len).sum();
    if text > format::MAX_TEXT || names.len() > format::MAX_TEXT / 4 {
        return Err(error(format!("{} categories with names of {text} bytes are too many", names.len()), "use fewer or shorter names"));
    }
    Ok(())
}

/// The file of a column while its values come in.
#[derive(Debug)]
struct ValueFile {
    path: PathBuf,
    file: BufWriter<Hashing<AtomicFile>>,
    field: Field,
    names: Option<Vec<String>>,
    provenance: Provenance,
    layout: Layout,
    written: u64,
    scratch: Vec<u8>,
}

impl ValueFile {
    fn create(path: PathBuf, field: Field, names: Option<&[String]>, provenance: Provenance) -> Result<ValueFile> {
        if provenance.samples == 0 || provenance.samples > MAX_SAMPLES {
            let problem = format!("a column of {} samples cannot be written", provenance.samples);
            return Err(Error::column(path.display(), problem, "give it at least 1 and at most 2^56"));
        }
        let names = names.map(<[String]>::to_vec);
        let fields = [field, order_field(provenance.samples)];
        let layout = format::head(format::COLUMN, &fields, provenance.samples, names.as_deref(), &provenance, &path)?.layout();
        let mut file = BufWriter::with_capacity(BUFFER, Hashing::new(AtomicFile::create(&path)?));
        file.write_all(&layout.bytes).map_err(Error::io("write", &path))?;
        Ok(ValueFile { path, file, field, names, provenance, layout, written: 0, scratch: Vec::new() })
    }

    fn push<T: Number>(&mut self, values: &[T]) -> Result<()> {
        let missing = self.provenance.samples - self.written;
        if values.len() as u64 > missing {
            let problem = format!("more than the {} values that it was created for", self.provenance.samples);
            return Err(self.error(problem, "give one value per sample"));
        }
        if let Some(index) = values.iter().position(|v| v.is_nan()) {
            let problem = format!("the value of sample {} is NaN", self.written + index as u64);
            return Err(self.error(problem, "give a number for every sample; infinities are allowed"));
        }
        for part in values.chunks(BUFFER / 8) {
            self.scratch.clear();
            T::put(part, &mut self.scratch);
            self.file.write_all(&self.scratch).map_err(Error::io("write", &self.path))?;
        }
        self.written += values.len() as u64;
        Ok(())
    }

    /// Writes everything after the values, so that only its place is missing; `counts` are those of categories.
    fn sort(mut self, counts: Option<String>) -> Result<SortedFile> {
        if self.written != self.provenance.samples {
            let problem = format!("{} values were given, it was created for {}", self.written, self.provenance.samples);
            return Err(self.error(problem, "give one value per sample"));
        }
        let write = |e| Error::io("write", self.path.clone())(e);
        let [values_at, order_at] = [0, 1].map(|field: usize| self.layout.starts.get(field).copied().unwrap_or_default());
        let values_end = values_at + self.written * self.field.value_type.width() as u64;
        pad(&mut self.file, values_end, order_at).and_then(|()| self.file.flush()).map_err(write)?;

        let map = map(self.file.get_ref().inner.file()).map_err(Error::io("map", &self.path))?;
        let order = order_field(self.written);
        let (file, scratch) = (&mut self.file, &mut self.scratch);
        let mut sink = |ids: &[u64]| {
            scratch.clear();
            if order.value_type == ValueType::U64 {
                u64::put(ids, scratch);
            } else {
                let ids: Vec<u32> = ids.iter().map(|id| *id as u32).collect();
                u32::put(&ids, scratch);
            }
            file.write_all(scratch).map_err(write)
        };
        match self.field.value_type {
            ValueType::F32 => sort::order(&mapped::<f32>(&map, values_at, self.written, &self.path)?, &mut sink)?,
            ValueType::F64 => sort::order(&mapped::<f64>(&map, values_at, self.written, &self.path)?, &mut sink)?,
            ValueType::U32 => sort::order(&mapped::<u32>(&map, values_at, self.written, &self.path)?, &mut sink)?,
            ValueType::U64 => sort::order(&mapped::<u64>(&map, values_at, self.written, &self.path)?, &mut sink)?,
        }
        let order_end = order_at + self.written * order.value_type.width() as u64;
        let fields = [self.field, order];
        let head = format::head(format::COLUMN, &fields, self.written, self.names.as_deref(), &self.provenance, &self.path)?;
        pad(&mut self.file, order_end, self.layout.end).and_then(|()| self.file.flush()).map_err(write)?;
        let checksum = self.file.get_ref().checksum(&head.said_in_footer(counts.as_deref()));
        let metadata: Vec<_> =
            counts.map(|counts| (format::COUNTS_KEY, counts)).into_iter().chain([(format::CHECKSUM_KEY, checksum)]).collect();
        self.file.write_all(&head.tail(&self.layout, &metadata)).map_err(write)?;
        let file = self.file.into_inner().map_err(|e| write(e.into_error()))?;
        Ok(SortedFile { path: self.path, file: file.inner, provenance: self.provenance })
    }

    fn error(&self, problem: impl std::fmt::Display, remedy: &str) -> Error {
        let name = self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Error::column(name, problem, remedy)
    }
}

/// A file that is complete but for its name.
#[derive(Debug)]
struct SortedFile {
    path: PathBuf,
    file: AtomicFile,
    provenance: Provenance,
}

impl SortedFile {
    fn commit(self) -> Result<Column> {
        self.file.commit()?;
        Column::open(&self.path)
    }
}

fn mapped<T: Number>(map: &std::sync::Arc<memmap2::Mmap>, start: u64, len: u64, path: &Path) -> Result<Mapped<T>> {
    let short = || Error::column(path.display(), "the values just written are not there", "check the file system and try again");
    Mapped::new(map, start, len).ok_or_else(short)
}

fn order_field(samples: u64) -> Field {
    let value_type = if samples < 1 << 32 { ValueType::U32 } else { ValueType::U64 };
    Field { name: format::ORDER, value_type, coded: false }
}

/// Removes totals of an older column, which the next one does not have, and which must not come back beside it.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(folder_of(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

fn pad(file: &mut impl Write, from: u64, to: u64) -> io::Result<()> {
    // Less than the 64 bytes to which arrays are aligned.
    io::copy(&mut io::Read::take(io::repeat(0), to.saturating_sub(from)), file).map(drop)
}
