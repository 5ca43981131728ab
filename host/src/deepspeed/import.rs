//! From the files of DeepSpeed's analyzer to a column.

use std::{fs, path::Path};

use serde_json::{Value, json};
use xxhash_rust::xxh3::Xxh3;

use super::{
    Files, INDEX_TO_METRIC, INDEX_TO_SAMPLE, METRIC_VALUE, SAMPLE_TO_METRIC, Steps, Watch, check_name,
    elements::{number, numbers},
};
use crate::{
    Error, Result,
    columns::{Column, ColumnWriter, Provenance, ValueType, Values},
    dataset::{Dataset, ElementType, IndexedFile, TokenType},
};

/// Values that are handed over at a time.
const CHUNK: u64 = 1 << 16;
/// Largest whole number up to which floats of 64 and of 32 bits hold every one.
const EXACT_F64: i128 = 1 << 53;
const EXACT_F32: i128 = 1 << 24;
/// No row.
const NONE: u32 = u32::MAX;

/// How to import. The default takes the metric's name from the folder and replaces nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions<'a> {
    /// Name of the metric in the names of the files, where it is not that of the folder.
    pub metric: Option<&'a str>,
    /// Folder of another metric, one about the dataset as a whole, whose `metric_value` become the totals of the column. By default they are
    /// those in the folder itself, if there are any.
    pub totals: Option<&'a Path>,
    /// Replaces a column that is there.
    pub replace: bool,
    /// Who watches.
    pub watch: Watch<'a>,
}

/// Makes the column at `target` (`<name>.arrow`) of what DeepSpeed's analyzer left in `folder`. The folder of `target` is made if need be.
///
/// Values come from `sample_to_metric`, else from `index_to_sample` and `index_to_metric`, for which it needs 4 bytes of memory a sample.
/// Where none is negative the column is of integers, else of floats that hold each of them exactly. Its provenance names the files and a
/// hash of them.
///
/// # Errors
/// [`Error::Dataset`] if files are missing or damaged, hold no whole numbers, or tell not exactly one value of each sample of `dataset`;
/// [`Error::Column`] if the column is there and is not to be replaced; [`Error::Io`] if the disk is full; [`Error::Interrupted`] if the
/// watcher says so.
pub fn import(folder: &Path, dataset: &Dataset, target: &Path, options: &ImportOptions<'_>) -> Result<Column> {
    let files = Files { folder, metric: metric_of(folder, options.metric)? };
    check_name(files.metric)?;
    if target.exists() && !options.replace {
        let name = target.file_stem().unwrap_or_default().to_string_lossy();
        let problem = format!("`{}` is there already", target.display());
        return Err(Error::column(name, problem, "give the column another name, or force it to be replaced"));
    }
    let mut steps = Steps { watch: options.watch, doing: "importing", done: 0, total: dataset.len().saturating_mul(3) };
    let source = Source::open(&files, dataset, &mut steps)?;
    let totals = match options.totals {
        Some(folder) => Some(Totals::open(&Files { folder, metric: metric_of(folder, None)? })?),
        None if files.has(METRIC_VALUE) => Some(Totals::open(&files)?),
        None => None,
    };
    let value_type = source.value_type(&mut steps)?;
    let mut provenance = Provenance::of(dataset.fingerprint().to_string(), dataset.len());
    provenance.config = json!({ "deepspeed": { "values": source.described(), "totals": totals.as_ref().map(|totals| &totals.described) } });
    provenance.note = Some(format!("imported from {}", folder.display()));

    if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    let mut writer = ColumnWriter::create(target, value_type, provenance)?;
    let mut first = 0;
    while first < source.n {
        let end = source.n.min(first.saturating_add(CHUNK));
        writer.push(&source.values(first..end, value_type, &mut steps)?)?;
        first = end;
    }
    if let Some(totals) = totals {
        writer.set_totals(totals.values)?;
    }
    writer.finish()
}

/// The name of a metric, which DeepSpeed gives the folder too.
fn metric_of<'a>(folder: &'a Path, named: Option<&'a str>) -> Result<&'a str> {
    named.or_else(|| folder.file_name().and_then(|name| name.to_str())).ok_or_else(|| {
        let problem = format_args!("`{}` does not say the name of a metric", folder.display());
        Error::config("name of the metric", problem, "name the metric")
    })
}

/// A pair of whole numbers.
struct Integers {
    file: IndexedFile,
    token_type: TokenType,
}

impl Integers {
    fn open(files: &Files<'_>, pair: &str) -> Result<Integers> {
        let prefix = files.prefix(pair);
        // DeepSpeed analyzes in integers only, which settles what it alone cannot tell apart.
        let as_ids = |error| IndexedFile::open_as(&prefix, TokenType::U32.into()).map_err(|_| error);
        let file = IndexedFile::open(&prefix).or_else(as_ids)?;
        match file.element_type() {
            ElementType::Int(token_type) => Ok(Integers { file, token_type }),
            float => {
                let problem = format_args!("its elements are `{float}`, and DeepSpeed's analysis is of whole numbers");
                Err(Error::dataset(path(&file), problem, "give a folder that DeepSpeed's analyzer wrote"))
            }
        }
    }

    /// The one number of item `i`.
    fn single(&self, i: u64) -> Result<i128> {
        match self.file.size(i)? {
            1 => self.file.bytes(i).map(|element| number(self.token_type, element)),
            n => {
                let problem = format_args!("item {i} has {n} elements, and one is expected");
                Err(Error::dataset(path(&self.file), problem, "analyze again"))
            }
        }
    }

    /// The name of the pair, its type, and a hash of both files.
    fn described(&self) -> Value {
        let mut hasher = Xxh3::new();
        self.file.files().into_iter().for_each(|file| hasher.update(file));
        let name = path(&self.file).file_stem().unwrap_or_default().to_string_lossy();
        json!({ "file": name, "type": self.token_type.name(), "xxh3": format!("{:032x}", hasher.digest128()) })
    }
}

fn path(file: &IndexedFile) -> &Path {
    file.files()[1].path()
}

/// Where values come from.
struct Source {
    /// Samples.
    n: u64,
    metric: Integers,
    /// The samples of each item of `metric`, and the item of each sample; by default the item is the sample.
    rows: Option<(Integers, Vec<u32>)>,
}

impl Source {
    fn open(files: &Files<'_>, dataset: &Dataset, steps: &mut Steps<'_>) -> Result<Source> {
        let n = dataset.len();
        if files.has(SAMPLE_TO_METRIC) {
            let metric = Integers::open(files, SAMPLE_TO_METRIC)?;
            if metric.file.len() != n {
                let problem = format_args!("it has {} values, and dataset `{}` {n} samples", metric.file.len(), dataset.path().display());
                return Err(Error::dataset(path(&metric.file), problem, "open the dataset with the view in which it was analyzed"));
            }
            steps.total = n.saturating_mul(2);
            return Ok(Source { n, metric, rows: None });
        }
        let missing = [INDEX_TO_SAMPLE, INDEX_TO_METRIC].into_iter().find(|pair| !files.has(pair));
        if let Some(missing) = missing {
            let problem = format!(
                "it has neither `{0}_{SAMPLE_TO_METRIC}` nor both `{0}_{INDEX_TO_SAMPLE}` and `{0}_{INDEX_TO_METRIC}` (`{0}_{missing}` is missing)",
                files.metric
            );
            let remedy = match files.has(METRIC_VALUE) {
                true => "its metric is about the dataset as a whole: name this folder as the totals of a metric with a value per sample",
                false => "give the folder of a metric, and name the metric if the folder has another name",
            };
            return Err(Error::dataset(files.folder, problem, remedy));
        }
        let (metric, samples) = (Integers::open(files, INDEX_TO_METRIC)?, Integers::open(files, INDEX_TO_SAMPLE)?);
        if metric.file.len() != samples.file.len() {
            let problem = format_args!("it has {} items, and `{INDEX_TO_METRIC}` has {}", samples.file.len(), metric.file.len());
            return Err(Error::dataset(path(&samples.file), problem, "analyze again"));
        }
        let row_of = rows_of(&samples, n, steps)?;
        Ok(Source { n, metric, rows: Some((samples, row_of)) })
    }

    fn value(&self, id: u64) -> Result<i128> {
        let item = match &self.rows {
            Some((_, rows)) => usize::try_from(id).ok().and_then(|id| rows.get(id)).copied().map_or(u64::MAX, u64::from),
            None => id,
        };
        self.metric.single(item)
    }

    /// The narrowest type of a column that holds all values.
    fn value_type(&self, steps: &mut Steps<'_>) -> Result<ValueType> {
        let (mut min, mut max) = (i128::MAX, i128::MIN);
        for id in 0..self.n {
            let value = self.value(id)?;
            (min, max) = (min.min(value), max.max(value));
            steps.step()?;
        }
        let far = max.max(-min);
        Ok(match min < 0 {
            false if max <= i128::from(u32::MAX) => ValueType::U32,
            false => ValueType::U64,
            true if far <= EXACT_F32 => ValueType::F32,
            true if far <= EXACT_F64 => ValueType::F64,
            true => {
                let problem = format_args!("its values go from {min} to {max}, and a column holds negative ones up to 2⁵³");
                return Err(Error::dataset(path(&self.metric.file), problem, "scale the metric"));
            }
        })
    }

    fn values(&self, ids: std::ops::Range<u64>, value_type: ValueType, steps: &mut Steps<'_>) -> Result<Values> {
        let mut next = |id| steps.step().and_then(|()| self.value(id));
        // The type was chosen so that every conversion is exact.
        Ok(match value_type {
            ValueType::U32 => Values::U32(ids.map(|id| next(id).map(|v| v as u32)).collect::<Result<_>>()?),
            ValueType::U64 => Values::U64(ids.map(|id| next(id).map(|v| v as u64)).collect::<Result<_>>()?),
            ValueType::F32 => Values::F32(ids.map(|id| next(id).map(|v| v as f32)).collect::<Result<_>>()?),
            ValueType::F64 => Values::F64(ids.map(|id| next(id).map(|v| v as f64)).collect::<Result<_>>()?),
        })
    }

    fn described(&self) -> Vec<Value> {
        let rows = self.rows.as_ref().map(|(samples, _)| samples.described());
        [self.metric.described()].into_iter().chain(rows).collect()
    }
}

/// The item of each sample, of which every one is in exactly one.
fn rows_of(samples: &Integers, n: u64, steps: &mut Steps<'_>) -> Result<Vec<u32>> {
    let wrong = |problem: String, remedy| Err(Error::dataset(path(&samples.file), problem, remedy));
    let Some(mut rows) = usize::try_from(n).ok().map(|n| vec![NONE; n]).filter(|_| samples.file.len() < u64::from(NONE)) else {
        return wrong(format!("{} items for {n} samples are too many", samples.file.len()), "analyze again, with `sample_to_metric`");
    };
    for (row, item) in (0u32..).zip(samples.file.items(0..samples.file.len())?) {
        for id in numbers(samples.token_type, item?) {
            match usize::try_from(id).ok().and_then(|id| rows.get_mut(id)) {
                Some(place) if *place == NONE => *place = row,
                Some(place) => {
                    return wrong(format!("sample {id} is in item {place} and in item {row}"), "analyze again, with one value per sample");
                }
                None => {
                    let problem = format!("item {row} names sample {id}, and the dataset has {n}");
                    return wrong(problem, "open the dataset with the view in which it was analyzed");
                }
            }
            steps.step()?;
        }
    }
    match rows.iter().position(|row| *row == NONE) {
        Some(id) => wrong(format!("sample {id} is in no item"), "analyze the whole dataset, and open it with the same view"),
        None => Ok(rows),
    }
}

/// What a metric about the dataset as a whole came to.
struct Totals {
    values: Vec<f64>,
    described: Value,
}

impl Totals {
    fn open(files: &Files<'_>) -> Result<Totals> {
        let pair = Integers::open(files, METRIC_VALUE)?;
        let wrong = |problem: String, remedy| Err(Error::dataset(path(&pair.file), problem, remedy));
        if pair.file.len() != 1 {
            return wrong(format!("it has {} items, and one is expected", pair.file.len()), "analyze again");
        }
        let totals: Vec<i128> = numbers(pair.token_type, pair.file.bytes(0)?).collect();
        match totals.iter().position(|total| total.abs() > EXACT_F64) {
            Some(i) => wrong(format!("number {i} is beyond 2⁵³, up to which a column keeps totals exactly"), "scale the metric"),
            None => Ok(Totals { values: totals.into_iter().map(|total| total as f64).collect(), described: pair.described() }),
        }
    }
}
