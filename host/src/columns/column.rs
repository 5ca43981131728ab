//! One column: a value per sample, and the samples in ascending order of it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use xxhash_rust::xxh3::xxh3_128;

use super::{
    checksum::Checksum,
    format::{COLUMN, ORDER, VALUE},
    mapped::{Ids, Numbers, with_numbers},
    provenance::Provenance,
    reader::Reader,
    totals::Totals,
    value::{Number, ValueType},
};
use crate::{Error, Result};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// A quantity: compared, ranked, summed.
    Number,
    /// A code into a list of names: a domain, a language, a source.
    Category,
}

/// One value per sample, mapped from a file. Cloning it costs nothing.
#[derive(Clone)]
pub struct Column {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    path: PathBuf,
    numbers: Numbers,
    ids: Ids,
    len: u64,
    min: f64,
    max: f64,
    categories: Option<Categories>,
    checksum: Option<Checksum>,
    provenance: Provenance,
}

#[derive(Debug)]
struct Categories {
    /// Name and number of samples, by code.
    list: Vec<(String, u64)>,
    /// Place in the order at which each code begins, and the end.
    starts: Vec<u64>,
}

impl Column {
    /// Opens the file of a column, in the same time for any length: the values are mapped, not read.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened or mapped, [`Error::Column`] if it is no column, of another version or damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Column> {
        let path = path.as_ref();
        let mut reader = Reader::open(path, COLUMN)?;
        let (numbers, ids, len) = (reader.numbers(VALUE)?, reader.ids(ORDER)?, reader.rows());
        if len == 0 || reader.provenance.samples != len {
            let samples = reader.provenance.samples;
            return Err(reader.error(format!("it has {len} rows, and its provenance says {samples} samples")));
        }
        let at = |place: u64| {
            let value = ids.get(place).and_then(|id| value(&numbers, id)).filter(|v| !v.is_nan());
            value.ok_or_else(|| reader.error(format!("place {place} of its order names no sample with a value")))
        };
        let (min, max) = (at(0)?, at(len - 1)?);
        let categories = reader.take_categories();
        let categories = match categories {
            None => None,
            Some((names, counts)) => Some(
                categories_of(names, counts, len, &ids, &numbers)
                    .ok_or_else(|| reader.error("the counts of its categories do not fit its values"))?,
            ),
        };
        let (min, max) = categories.as_ref().map_or((min, max), |c| (0.0, (c.list.len() - 1) as f64));
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let checksum = reader.take_checksum();
        let provenance = reader.provenance;
        let inner = Inner { name, path: path.to_owned(), numbers, ids, len, min, max, categories, checksum, provenance };
        Ok(Column { inner: Arc::new(inner) })
    }

    /// Names and files of the columns in a folder, in the order of the names' bytes; none if there is no such folder.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("read the folder", folder)(e)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io("read the folder", folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match name.strip_suffix(".arrow") {
                Some(name) if !name.starts_with('.') && !name.ends_with(".totals") => found.push((name.to_owned(), path.clone())),
                _ => {}
            }
        }
        found.sort();
        Ok(found)
    }

    /// Whether a file is a column, to tell it from other Arrow files.
    pub fn is_column(path: &Path) -> bool {
        Reader::open(path, COLUMN).is_ok()
    }

    /// Hash of what made the column and of what its values span: equal for columns that were made in the same way from the same data, whatever
    /// release of this crate made them and whatever their notes say.
    pub fn identity(&self) -> String {
        let provenance = serde_json::to_string(&self.provenance().deciding()).unwrap_or_default();
        format!("{:032x}", xxh3_128(format!("{provenance} {:?} {:?} {:?}", self.min(), self.max(), self.categories()).as_bytes()))
    }

    /// Name of the file without `.arrow`. A run file may give the column another name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Where the file stood when it was opened.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// What the values are.
    pub fn kind(&self) -> ColumnKind {
        if self.inner.categories.is_some() { ColumnKind::Category } else { ColumnKind::Number }
    }

    /// Type of the stored values; of a category that of its codes.
    pub fn value_type(&self) -> ValueType {
        match self.inner.numbers {
            Numbers::F32(_) => ValueType::F32,
            Numbers::F64(_) => ValueType::F64,
            Numbers::U32(_) => ValueType::U32,
            Numbers::U64(_) => ValueType::U64,
        }
    }

    /// Number of samples; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a column is never empty")]
    pub fn len(&self) -> u64 {
        self.inner.len
    }

    /// Smallest value; of a category 0.
    pub fn min(&self) -> f64 {
        self.inner.min
    }

    /// Largest value; of a category the number of categories less 1.
    pub fn max(&self) -> f64 {
        self.inner.max
    }

    /// Value of a sample; none if there is no such sample. Integers beyond 2^53 are rounded.
    pub fn value(&self, id: u64) -> Option<f64> {
        value(&self.inner.numbers, id)
    }

    /// Appends the values of samples, in the order of `ids`. If one of them does not exist, nothing is appended.
    ///
    /// # Errors
    /// [`Error::Data`] naming the first id that is not below [`len`](Column::len).
    pub fn values(&self, ids: &[u64], out: &mut Vec<f64>) -> Result<()> {
        let start = out.len();
        out.reserve(ids.len());
        with_numbers!(&self.inner.numbers, numbers => {
            for id in ids {
                match usize::try_from(*id).ok().and_then(|id| numbers.get(id)) {
                    Some(value) => out.push(value.to_f64()),
                    None => {
                        out.truncate(start);
                        let problem = format!("sample {id} was asked of column `{}`, which has {} samples", self.name(), self.len());
                        return Err(Error::data(problem, "ask for ids below that"));
                    }
                }
            }
        });
        Ok(())
    }

    /// Smallest value v such that at least the fraction `q` of the samples is ≤ v; 0 ≤ `q` ≤ 1, and 0 gives the minimum.
    ///
    /// # Errors
    /// [`Error::Data`] if `q` is out of range or the column is one of categories.
    pub fn quantile(&self, q: f64) -> Result<f64> {
        if self.kind() == ColumnKind::Category {
            let problem = format!("a quantile was asked of column `{}`, whose values are categories", self.name());
            return Err(Error::data(problem, "name a column of numbers"));
        }
        if !(0.0..=1.0).contains(&q) {
            return Err(Error::data(format!("quantile {q} was asked of column `{}`", self.name()), "give a number from 0 to 1"));
        }
        let place = (q * self.len() as f64).ceil() as u64;
        self.value_at(place.clamp(1, self.len()) - 1)
    }

    /// Smallest value v such that at least `percent` of a hundred samples are ≤ v: the [`quantile`](Column::quantile) without the rounding of
    /// fractions; `percent` from 0 to 100, and 0 gives the minimum.
    ///
    /// # Errors
    /// As there.
    pub fn percentile(&self, percent: u32) -> Result<f64> {
        if percent > 100 || self.kind() == ColumnKind::Category {
            return self.quantile(f64::from(percent) / 100.0);
        }
        let place = (u128::from(self.len()) * u128::from(percent)).div_ceil(100).max(1) - 1;
        self.value_at(place as u64)
    }

    /// Name and number of samples of each category, by code; none for a column of numbers.
    pub fn categories(&self) -> Option<&[(String, u64)]> {
        self.inner.categories.as_ref().map(|c| c.list.as_slice())
    }

    /// Name of a category; none if there is no such code or the column is one of numbers.
    pub fn category_name(&self, code: u32) -> Option<&str> {
        self.categories()?.get(code as usize).map(|(name, _)| name.as_str())
    }

    /// What made the column.
    pub fn provenance(&self) -> &Provenance {
        &self.inner.provenance
    }

    /// Numbers about the dataset as a whole that the metric found, from the file `<name>.totals.arrow` beside the column; none if there is
    /// no such file.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Column`] as for [`open`](Column::open), and if the totals were made by something else than the column.
    pub fn totals(&self) -> Result<Option<Vec<f64>>> {
        let totals = match Totals::open(Totals::beside(&self.inner.path)) {
            Ok(totals) => totals,
            Err(Error::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if *totals.provenance() != self.inner.provenance {
            return Err(totals.error(format!("these totals were not made together with column `{}`", self.name())));
        }
        Ok(Some(totals.values().to_vec()))
    }

    /// Whether the column belongs to a dataset of `n` samples with this fingerprint.
    ///
    /// # Errors
    /// [`Error::Column`] if it is stale: made from another dataset, or from another view of it.
    pub fn check(&self, fingerprint: &str, n: u64) -> Result<()> {
        let provenance = self.provenance();
        let problem = if provenance.dataset != fingerprint {
            format!("made from dataset {}, this one is {}", short(&provenance.dataset), short(fingerprint))
        } else if self.len() != n {
            format!("made from a dataset of {} samples, this one has {n}", self.len())
        } else {
            return Ok(());
        };
        Err(Error::column(self.name(), problem, "run `curricle analyze` again"))
    }

    /// Reads everything and checks what [`open`](Column::open) takes on trust: that no value is NaN, that codes have names, and that the
    /// order is complete and ascending; and first, that the bytes are those that were written, where the file has a checksum. Takes seconds per
    /// 10^8 samples.
    ///
    /// # Errors
    /// [`Error::Column`] with the first place of the order that is wrong, or that the bytes are.
    pub fn verify(&self) -> Result<()> {
        if self.inner.checksum.as_ref().is_some_and(|checksum| !checksum.holds()) {
            let problem = "its bytes are not those that were written";
            return Err(Error::column(self.name(), problem, "make it again with `curricle analyze`"));
        }
        let last_key = self.categories().map_or(u64::MAX, |list| list.len() as u64 - 1);
        with_numbers!(&self.inner.numbers, numbers => {
            let mut last = None;
            for place in 0..self.len() {
                let id = self.sample_at(place)?;
                let value = usize::try_from(id).ok().and_then(|id| numbers.get(id)).filter(|v| !v.is_nan() && v.key() <= last_key);
                // Places that ascend strictly, by value and then by id, can hold no sample twice, and so none is missing.
                let this = value.map(|v| (v.key(), id)).filter(|this| last < Some(*this));
                last = Some(this.ok_or_else(|| self.damaged(place))?);
            }
        });
        Ok(())
    }

    /// The sample at a place of the ascending order.
    pub(crate) fn sample_at(&self, place: u64) -> Result<u64> {
        self.inner.ids.get(place).filter(|id| *id < self.len()).ok_or_else(|| self.damaged(place))
    }

    /// The value at a place of the ascending order.
    pub(crate) fn value_at(&self, place: u64) -> Result<f64> {
        self.sample_at(place).and_then(|id| self.value(id).ok_or_else(|| self.damaged(place)))
    }

    /// Places in the order of the samples with this code.
    pub(crate) fn places_of_code(&self, code: u32) -> Option<(u64, u64)> {
        let starts = &self.inner.categories.as_ref()?.starts;
        Some((*starts.get(code as usize)?, *starts.get(code as usize + 1)?))
    }

    pub(super) fn numbers(&self) -> &Numbers {
        &self.inner.numbers
    }

    pub(super) fn ids(&self) -> &Ids {
        &self.inner.ids
    }

    /// Whether both are the same opened file.
    pub(crate) fn is(&self, other: &Column) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    fn damaged(&self, place: u64) -> Error {
        Error::column(self.name(), format!("its order is damaged at place {place}"), "make it again with `curricle analyze`")
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { name, path, len, .. } = &*self.inner;
        f.debug_struct("Column").field("name", name).field("path", path).field("len", len).finish_non_exhaustive()
    }
}

fn value(numbers: &Numbers, id: u64) -> Option<f64> {
    let id = usize::try_from(id).ok()?;
    with_numbers!(numbers, numbers => numbers.get(id).map(|v| v.to_f64()))
}

/// Joins names and counts if the counts are those of the values, as far as the first and the last sample of each code can tell.
fn categories_of(names: Vec<String>, counts: Vec<u64>, len: u64, ids: &Ids, numbers: &Numbers) -> Option<Categories> {
    if names.len() != counts.len() || names.is_empty() {
        return None;
    }
    let mut starts = vec![0u64];
    let mut end = 0u64;
    for (code, count) in counts.iter().enumerate() {
        let start = end;
        end = end.checked_add(*count).filter(|end| *end <= len)?;
        starts.push(end);
        let has_code = |place| ids.get(place).and_then(|id| value(numbers, id)) == Some(code as f64);
        if *count > 0 && !(has_code(start) && has_code(end - 1)) {
            return None;
        }
    }
    (end == len).then(|| Categories { list: names.into_iter().zip(counts).collect(), starts })
}

fn short(fingerprint: &str) -> String {
    match fingerprint.char_indices().nth(12) {
        Some((end, _)) => format!("`{}…`", &fingerprint[..end]),
        None => format!("`{fingerprint}`"),
    }
}
