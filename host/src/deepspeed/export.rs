//! From a column to the files of DeepSpeed's analyzer, in bounded memory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Files, INDEX_TO_METRIC, INDEX_TO_SAMPLE, MERGED, METRIC_VALUE, SAMPLE_TO_METRIC, Steps, Watch, check_name, elements::put};
use crate::{
    Error, Result,
    atomic::{self, AtomicFolder},
    columns::{Column, ColumnKind, ColumnWriter, Totals, ValueType, Values},
    dataset::{Dialect, IndexedFile, IndexedWriter, TokenType, with_suffix},
};

/// All pairs that there may be.
const PAIRS: [&str; 5] = [SAMPLE_TO_METRIC, INDEX_TO_METRIC, INDEX_TO_SAMPLE, MERGED, METRIC_VALUE];
/// Values that are cut at a time.
const CHUNK: u64 = 1 << 16;

/// How to export. The default takes the column's name, cuts no value and replaces nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportOptions<'a> {
    /// Name of the metric, in the names of the folder and of the files; by default that of the column.
    pub name: Option<&'a str>,
    /// Cuts values towards zero where they are no whole numbers, as DeepSpeed's recipes do.
    pub cut: bool,
    /// Replaces files that are there.
    pub replace: bool,
    /// Who watches.
    pub watch: Watch<'a>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The folder of the metric.
    pub folder: PathBuf,
    /// Samples; at least 1.
    pub samples: u64,
    /// Distinct values, which are the items of `index_to_sample`.
    pub distinct: u64,
    /// Type of the values.
    pub value_type: TokenType,
    /// Type of the sample ids.
    pub id_type: TokenType,
    /// Numbers in `metric_value`, if the column has totals.
    pub totals: Option<usize>,
}

/// Writes the files of DeepSpeed's analyzer into the folder `out`/NAME, which is made if need be, and `metric_value` if the column has
/// totals. Until all is written, nothing of it can be seen there.
///
/// Memory does not grow with the number of samples. On the disk it needs 15 to 68 bytes a sample, and while it cuts values up to 16 more.
///
/// # Errors
/// [`Error::Column`] if a value or total is no whole number of 64 bits, the values need more than 64 bits together, more than 2³¹ - 1
/// samples share an item, the column is one of categories or damaged, or a file is there and is not to be replaced; [`Error::Config`] if the
/// name is none; [`Error::Io`] if the disk is full; [`Error::Interrupted`] if the watcher says so.
pub fn export(column: &Column, out: &Path, options: &ExportOptions<'_>) -> Result<Exported> {
    export_items(column, out, options, i32::MAX as u64)
}

/// Writes totals that stand alone as `metric_value`, into the folder `out`/NAME, which is given back.
///
/// # Errors
/// [`Error::Column`] if there are none, one is no whole number, they need more than 64 bits together, or a file is there and is not to be
/// replaced; [`Error::Config`] if the name is none; [`Error::Io`] if the disk is full.
pub fn export_totals(totals: &Totals, out: &Path, options: &ExportOptions<'_>) -> Result<PathBuf> {
    let name = options.name.unwrap_or(totals.name());
    check_name(name)?;
    let target = out.join(name);
    check_target(totals.name(), Files { folder: &target, metric: name }, options)?;
    if totals.values().is_empty() {
        return Err(Error::column(totals.name(), "there are no totals", "export those of a metric that has some"));
    }
    let whole = WholeTotals::of(totals.name(), totals.values(), options.cut)?;
    fs::create_dir_all(out).map_err(Error::io("create", out))?;
    let work = AtomicFolder::create(out, name, false)?;
    let files = Files { folder: work.path(), metric: name };
    whole.write(files)?;
    publish(files, &target)?;
    Ok(target)
}

/// As [`export`], with items of at most so many samples.
pub(super) fn export_items(column: &Column, out: &Path, options: &ExportOptions<'_>, longest: u64) -> Result<Exported> {
    let name = options.name.unwrap_or(column.name());
    check_name(name)?;
    if column.kind() == ColumnKind::Category {
        return Err(Error::column(column.name(), "its values are categories", "export a column of numbers"));
    }
    let target = out.join(name);
    check_target(column.name(), Files { folder: &target, metric: name }, options)?;
    let totals = column.totals()?.filter(|totals| !totals.is_empty());
    let totals = totals.map(|totals| WholeTotals::of(column.name(), &totals, options.cut)).transpose()?;
    fs::create_dir_all(out).map_err(Error::io("create", out))?;
    let cut = options.cut && !column.is_integer();
    let passes = if cut { 3 } else { 2 };
    let mut steps = Steps { watch: options.watch, doing: "exporting", done: 0, total: column.len().saturating_mul(passes) };

    // Values that are equal only when cut have to be sorted once more, which is what writing a column does.
    let scratch = if cut { Some(AtomicFolder::create(out, name, false)?) } else { None };
    let cut = scratch.as_ref().map(|scratch| cut_column(column, scratch.path(), &mut steps)).transpose()?;
    let column = cut.as_ref().unwrap_or(column);

    let work = AtomicFolder::create(out, name, false)?;
    let files = Files { folder: work.path(), metric: name };
    let at = |place| column.sample_at(place).and_then(|id| column.whole(id));
    let (min, max) = (at(0)?, at(column.len() - 1)?);
    let value_type = TokenType::holding(min, max).ok_or_else(|| {
        let problem = format!("no integer of 64 bits holds both its smallest value, {min}, and its largest, {max}");
        Error::column(column.name(), problem, "scale the metric")
    })?;
    let id_type = TokenType::holding(0, i128::from(column.len()) - 1).unwrap_or(TokenType::U64);
    let job = Job { column, files, value_type, id_type, longest };
    job.write_by_sample(&mut steps)?;
    let distinct = job.write_by_value(&mut steps)?;
    job.write_merged()?;
    if let Some(totals) = &totals {
        totals.write(files)?;
    }
    let exported = Exported {
        folder: target.clone(),
        samples: column.len(),
        distinct,
        value_type,
        id_type,
        totals: totals.as_ref().map(|totals| totals.item.len() / totals.token_type.width()),
    };
    publish(files, &target)?;
    Ok(exported)
}

/// What all files are written of.
struct Job<'a> {
    column: &'a Column,
    files: Files<'a>,
    value_type: TokenType,
    id_type: TokenType,
    longest: u64,
}

impl Job<'_> {
    fn create(&self, pair: &str, token_type: TokenType) -> Result<IndexedWriter> {
        IndexedWriter::create(self.files.prefix(pair), token_type, Dialect::DeepSpeed)
    }

    fn write_by_sample(&self, steps: &mut Steps<'_>) -> Result<()> {
        let mut writer = self.create(SAMPLE_TO_METRIC, self.value_type)?;
        let mut element = Vec::new();
        for id in 0..self.column.len() {
            element.clear();
            put(self.value_type, self.column.whole(id)?, &mut element);
            writer.push(&element)?;
            steps.step()?;
        }
        writer.finish()
    }

    /// The number of distinct values.
    fn write_by_value(&self, steps: &mut Steps<'_>) -> Result<u64> {
        let Job { column, value_type, id_type, .. } = self;
        let mut to_metric = self.create(INDEX_TO_METRIC, *value_type)?;
        let mut to_sample = self.create(INDEX_TO_SAMPLE, *id_type)?;
        let (mut element, mut last, mut distinct, mut in_item) = (Vec::new(), None, 0, 0);
        for place in 0..column.len() {
            let id = column.sample_at(place)?;
            let value = column.whole(id)?;
            // Places that ascend strictly, by value and then by id, can hold no sample twice, and so none is missing.
            if last >= Some((value, id)) {
                let problem = format!("its order is damaged at place {place}");
                return Err(Error::column(column.name(), problem, "make it again with `curricle analyze`"));
            }
            if last.is_none_or(|(last, _)| last != value) {
                if distinct > 0 {
                    to_sample.end_item()?;
                }
                element.clear();
                put(*value_type, value, &mut element);
                to_metric.push(&element)?;
                (distinct, in_item) = (distinct + 1, 0);
            }
            last = Some((value, id));
            in_item += 1;
            self.check_item(in_item, INDEX_TO_SAMPLE)?;
            element.clear();
            put(*id_type, i128::from(id), &mut element);
            to_sample.extend(&element)?;
            steps.step()?;
        }
        to_metric.finish()?;
        to_sample.finish()?;
        Ok(distinct)
    }

    /// The same samples in the same order, but in fewer items.
    fn write_merged(&self) -> Result<()> {
        let rows = IndexedFile::open_as(self.files.prefix(INDEX_TO_SAMPLE), self.id_type.into())?;
        let mut writer = self.create(MERGED, self.id_type)?;
        let rows_an_item = (rows.len() / 100).max(1);
        let mut in_item = 0;
        for row in 0..rows.len() {
            in_item += rows.size(row)?;
            self.check_item(in_item, MERGED)?;
            writer.extend(rows.bytes(row)?)?;
            if (row + 1).is_multiple_of(rows_an_item) || row + 1 == rows.len() {
                writer.end_item()?;
                in_item = 0;
            }
        }
        writer.finish()
    }

    fn check_item(&self, samples: u64, pair: &str) -> Result<()> {
        match samples <= self.longest {
            true => Ok(()),
            false => {
                let problem = format!("more than {} samples would be one item of `{pair}`, which can hold no more", self.longest);
                Err(Error::column(self.column.name(), problem, "export a column whose values tell more samples apart"))
            }
        }
    }
}

/// Totals as DeepSpeed keeps them.
struct WholeTotals {
    token_type: TokenType,
    /// The only item.
    item: Vec<u8>,
}

impl WholeTotals {
    fn of(name: &str, totals: &[f64], cut: bool) -> Result<WholeTotals> {
        let mut whole = Vec::with_capacity(totals.len());
        for (i, total) in totals.iter().enumerate() {
            if total.fract() != 0.0 && !cut {
                let problem = format!("its total {i} is {total}, and no whole number");
                return Err(Error::column(name, problem, "cut values towards zero with `--cut`"));
            }
            // Beyond 128 bits it comes out as the largest number there is, for which there is no type either.
            whole.push(total.trunc() as i128);
        }
        let (min, max) = whole.iter().fold((i128::MAX, i128::MIN), |(min, max), total| (min.min(*total), max.max(*total)));
        let token_type = TokenType::holding(min, max).ok_or_else(|| {
            let problem = format!("no integer of 64 bits holds both its smallest total, {min}, and its largest, {max}");
            Error::column(name, problem, "scale the metric")
        })?;
        let mut item = Vec::new();
        whole.iter().for_each(|total| put(token_type, *total, &mut item));
        Ok(WholeTotals { token_type, item })
    }

    fn write(&self, files: Files<'_>) -> Result<()> {
        let mut writer = IndexedWriter::create(files.prefix(METRIC_VALUE), self.token_type, Dialect::DeepSpeed)?;
        writer.push(&self.item)?;
        writer.finish()
    }
}

/// Refuses to write over what is there, if that is not wished.
fn check_target(name: &str, there: Files<'_>, options: &ExportOptions<'_>) -> Result<()> {
    match PAIRS.iter().find(|pair| there.has(pair)).filter(|_| !options.replace) {
        None => Ok(()),
        Some(pair) => {
            let problem = format!("`{}` is there already", there.prefix(pair).display());
            Err(Error::column(name, problem, "choose another folder or name, or force it to be replaced"))
        }
    }
}

/// The column with its values cut towards zero, in a folder that only this work sees.
fn cut_column(column: &Column, folder: &Path, steps: &mut Steps<'_>) -> Result<Column> {
    let path = folder.join(format!("{}.arrow", column.name()));
    // A float that is cut remains one of its kind, so the wider type loses nothing.
    let mut writer = ColumnWriter::create(path, ValueType::F64, column.provenance().clone())?;
    let (mut ids, mut values) = (Vec::new(), Vec::new());
    let mut first = 0;
    while first < column.len() {
        ids.clear();
        ids.extend(first..column.len().min(first.saturating_add(CHUNK)));
        first += ids.len() as u64;
        values.clear();
        column.values(&ids, &mut values)?;
        writer.push(&Values::F64(values.iter().map(|value| value.trunc()).collect()))?;
        ids.iter().try_for_each(|_| steps.step())?;
    }
    writer.finish()
}

/// Gives the files their place: the whole folder at once where there is none, else one after another, of which no reader takes an old one
/// and a new one for a pair: first all old indices go, and the new ones come last.
fn publish(files: Files<'_>, target: &Path) -> Result<()> {
    let parent = target.parent().unwrap_or(target);
    if !target.exists() {
        fs::rename(files.folder, target).map_err(Error::io("put in place", target))?;
        return atomic::sync_folder(parent);
    }
    let there = Files { folder: target, metric: files.metric };
    let of = |files: Files<'_>, pair, extension| with_suffix(&files.prefix(pair), extension);
    for extension in ["idx", "bin"] {
        for pair in PAIRS {
            let old = of(there, pair, extension);
            match fs::remove_file(&old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("replace", old)(error)),
                _ => {}
            }
        }
    }
    for extension in ["bin", "idx"] {
        for pair in PAIRS.into_iter().filter(|pair| files.has(pair)) {
            let place = of(there, pair, extension);
            fs::rename(of(files, pair, extension), &place).map_err(Error::io("put in place", place))?;
        }
    }
    atomic::sync_folder(target)
}
