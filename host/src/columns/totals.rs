//! Numbers about a dataset as a whole, in a file of their own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    checksum::checksum,
    format::{self, Field, TOTAL, TOTALS},
    mapped::Numbers,
    provenance::Provenance,
    reader::Reader,
    value::{Number, ValueType},
};
use crate::{Error, Result, atomic};

/// Totals of a metric; the contract's bound.
const MAX: usize = 1 << 24;

/// What a metric found about a dataset as a whole: finite numbers, such as the count of each token id. They stand beside the metric's column,
/// or alone if it gives samples no values. Cloning them costs nothing.
#[derive(Clone, Debug)]
pub struct Totals {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    path: PathBuf,
    values: Vec<f64>,
    provenance: Provenance,
}

impl Totals {
    /// Where the totals of the column at `column` (`<name>.arrow`) stand: `<name>.totals.arrow`.
    pub fn beside(column: &Path) -> PathBuf {
        column.with_extension("totals.arrow")
    }

    /// Reads a file of totals.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened or mapped, [`Error::Column`] if it holds no totals, is of another version or damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Totals> {
        let path = path.as_ref();
        let mut reader = Reader::open(path, TOTALS)?;
        // They are read whole, so comparing costs next to nothing.
        if reader.take_checksum().is_some_and(|checksum| !checksum.holds()) {
            return Err(reader.error("its bytes are not those that were written"));
        }
        let values = match reader.numbers(TOTAL)? {
            Numbers::F64(totals) => totals.to_vec(),
            _ => return Err(reader.error(format!("field `{TOTAL}` is not f64"))),
        };
        Ok(Totals::new(path.to_owned(), values, reader.provenance))
    }

    /// Whether a file holds totals, to tell it from other Arrow files.
    pub fn is_totals(path: &Path) -> bool {
        Reader::open(path, TOTALS).is_ok()
    }

    /// Writes totals to `path` (`<name>.totals.arrow`), whose folder must exist, in place of older ones.
    ///
    /// # Errors
    /// [`Error::Column`] if one is not finite or there are more than 16 777 216; [`Error::Io`] if the folder is missing or the disk is full.
    pub fn write(path: impl Into<PathBuf>, values: Vec<f64>, provenance: Provenance) -> Result<Totals> {
        let path = path.into();
        check(&values).map_err(|(problem, remedy)| Error::column(name_of(&path), problem, remedy))?;
        write(&path, &values, &provenance)?;
        Ok(Totals::new(path, values, provenance))
    }

    fn new(path: PathBuf, values: Vec<f64>, provenance: Provenance) -> Totals {
        Totals { inner: Arc::new(Inner { name: name_of(&path), path, values, provenance }) }
    }

    /// Name of the file without `.totals.arrow`.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Where the file stood when it was read.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The numbers, in the metric's order.
    pub fn values(&self) -> &[f64] {
        &self.inner.values
    }

    /// What made them.
    pub fn provenance(&self) -> &Provenance {
        &self.inner.provenance
    }

    pub(super) fn error(&self, problem: String) -> Error {
        Error::column(self.path().display(), problem, "make it again with `curricle analyze`")
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".totals.arrow").unwrap_or(&name).to_owned()
}

/// Whether these can be totals; if not, why and what to do.
pub(super) fn check(totals: &[f64]) -> Result<(), (String, &'static str)> {
    if totals.len() > MAX {
        return Err((format!("{} totals, at most {MAX} are allowed", totals.len()), "give fewer"));
    }
    match totals.iter().enumerate().find(|(_, v)| !v.is_finite()) {
        Some((index, value)) => Err((format!("total {index} is {value}"), "give finite totals")),
        None => Ok(()),
    }
}

pub(super) fn write(path: &Path, totals: &[f64], provenance: &Provenance) -> Result<()> {
    let fields = [Field { name: TOTAL, value_type: ValueType::F64, coded: false }];
    let head = format::head(format::TOTALS, &fields, totals.len() as u64, None, provenance, path)?;
    let layout = head.layout();
    let mut bytes = layout.bytes.clone();
    f64::put(totals, &mut bytes);
    bytes.resize(layout.end as usize, 0);
    let checksum = checksum(&bytes, &head.said_in_footer(None));
    bytes.extend(head.tail(&layout, &[(format::CHECKSUM_KEY, checksum)]));
    atomic::write(path, &bytes)
}
