//! Whole columns: written, opened, asked.

use std::{fs, io::Cursor, path::Path};

use arrow_array::{Array, DictionaryArray, Float64Array, UInt32Array, cast::AsArray, types::UInt32Type};
use arrow_ipc::reader::{FileReader, StreamReader};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{Error, Result};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(path: impl AsRef<Path>, values: Values) -> Column {
    let mut writer = ColumnWriter::create(path.as_ref(), values.value_type(), Provenance::of("9f3a", values.len() as u64)).unwrap();
    writer.push(&values).unwrap();
    writer.finish().unwrap()
}

fn categories(path: impl AsRef<Path>, names: &[&str], codes: &[u32]) -> Result<Column> {
    let names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
    write_categories(path.as_ref(), &names, codes.iter().copied(), Provenance::of("9f3a", codes.len() as u64))
}

fn ids(selection: &Selection) -> Vec<u64> {
    let mut ids: Vec<u64> = (0..selection.len()).collect();
    selection.gather(&mut ids);
    assert_eq!(ids, (0..selection.len()).filter_map(|rank| selection.get(rank)).collect::<Vec<_>>());
    ids
}

fn between(column: &str, above: impl Into<Option<f64>>, at_most: impl Into<Option<f64>>) -> Condition {
    Condition::Between { column: column.into(), above: above.into(), at_most: at_most.into() }
}

fn quantiles(column: &str, from: f64, to: f64) -> Condition {
    Condition::Quantiles { column: column.into(), from, to }
}

fn category(column: &str, codes: &[u32]) -> Condition {
    Condition::Category { column: column.into(), codes: codes.into() }
}

#[test]
fn a_column_is_read_as_it_was_written() {
    let folder = folder();
    let path = folder.path().join("loss.arrow");
    let mut provenance = Provenance::of("9f3a", 5);
    provenance.plugin = Some(PluginRef { name: "loss".into(), version: "1.0.0".into(), sha256: "ab".repeat(32) });
    provenance.config = serde_json::json!({"window": 3});
    let mut writer = ColumnWriter::create(&path, ValueType::F64, provenance.clone()).unwrap();
    writer.push(&Values::F64(vec![2.0, -1.0])).unwrap();
    writer.push(&Values::F64(vec![2.0, f64::INFINITY, 0.5])).unwrap();
    writer.set_totals(vec![7.0, 8.0]).unwrap();
    writer.finish().unwrap();

    let column = Column::open(&path).unwrap();
    assert_eq!((column.name(), column.kind(), column.len()), ("loss", ColumnKind::Number, 5));
    assert_eq!((column.min(), column.max()), (-1.0, f64::INFINITY));
    assert_eq!((column.value(0), column.value(5)), (Some(2.0), None));
    assert_eq!(column.provenance(), &provenance);
    assert_eq!(column.totals().unwrap(), Some(vec![7.0, 8.0]));
    let mut values = Vec::new();
    column.values(&[3, 1, 1], &mut values).unwrap();
    assert_eq!(values, [f64::INFINITY, -1.0, -1.0]);
    let order: Vec<u64> = (0..5).map(|place| column.sample_at(place).unwrap()).collect();
    assert_eq!(order, [1, 4, 0, 2, 3]);
    column.verify().unwrap();
}

#[test]
fn arrow_reads_a_column_of_numbers_as_file_and_as_stream() {
    let folder = folder();
    let path = folder.path().join("length.arrow");
    write(&path, Values::U64(vec![30, 10, 20]));
    let bytes = fs::read(&path).unwrap();
    let mut file = FileReader::try_new(Cursor::new(&bytes), None).unwrap();
    assert_eq!(file.schema().metadata()["curricle.format"], "column");
    let batch = file.next().unwrap().unwrap();
    assert_eq!(batch["value"].as_primitive::<arrow_array::types::UInt64Type>().values(), &[30, 10, 20]);
    assert_eq!(batch["order"].as_ref(), &UInt32Array::from(vec![1, 2, 0]) as &dyn Array);
    assert!(file.next().is_none());
    let mut stream = StreamReader::try_new(Cursor::new(&bytes[8..]), None).unwrap();
    assert_eq!(stream.next().unwrap().unwrap(), batch);
    assert!(stream.next().is_none());
}

#[test]
fn arrow_reads_a_column_of_categories_and_totals() {
    let folder = folder();
    let path = folder.path().join("domain.arrow");
    categories(&path, &["web", "böcker", "code"], &[2, 0, 0, 2]).unwrap();
    let mut file = FileReader::try_new(fs::File::open(&path).unwrap(), None).unwrap();
    assert_eq!(file.custom_metadata()["curricle.counts"], "[2,0,2]");
    let batch = file.next().unwrap().unwrap();
    let values: &DictionaryArray<UInt32Type> = batch["value"].as_dictionary();
    assert_eq!(
        values.downcast_dict::<arrow_array::StringArray>().unwrap().into_iter().flatten().collect::<Vec<_>>(),
        ["code", "web", "web", "code"]
    );

    let path = folder.path().join("loss.arrow");
    let mut writer = ColumnWriter::create(&path, ValueType::F32, Provenance::of("9f3a", 1)).unwrap();
    writer.push(&Values::F32(vec![1.0])).unwrap();
    writer.set_totals(vec![0.25, 4.0]).unwrap();
    writer.finish().unwrap();
    let mut totals = FileReader::try_new(fs::File::open(folder.path().join("loss.totals.arrow")).unwrap(), None).unwrap();
    assert_eq!(totals.next().unwrap().unwrap()["total"].as_ref(), &Float64Array::from(vec![0.25, 4.0]) as &dyn Array);
}

#[test]
fn totals_of_another_making_are_refused_and_older_ones_removed() {
    let folder = folder();
    let path = folder.path().join("loss.arrow");
    let write = |dataset: &str, totals: Vec<f64>| {
        let mut writer = ColumnWriter::create(&path, ValueType::F32, Provenance::of(dataset, 1)).unwrap();
        writer.push(&Values::F32(vec![1.0])).unwrap();
        writer.set_totals(totals).unwrap();
        writer.finish().unwrap()
    };
    let older = write("9f3a", vec![1.0]);
    let other = write("77c1", vec![2.0]);
    assert_eq!(other.totals().unwrap(), Some(vec![2.0]));
    let message = older.totals().unwrap_err().to_string();
    assert!(message.contains("these totals were not made together with column `loss`"), "{message}");
    assert_eq!(write("77c1", Vec::new()).totals().unwrap(), None);
}

#[test]
fn categories_know_their_counts_and_refuse_what_numbers_can_do() {
    let folder = folder();
    let column = categories(folder.path().join("domain.arrow"), &["web", "books", "code"], &[2, 0, 0, 2, 2]).unwrap();
    assert_eq!(column.categories().unwrap(), [("web".to_owned(), 2), ("books".to_owned(), 0), ("code".to_owned(), 3)]);
    assert_eq!((column.kind(), column.min(), column.max()), (ColumnKind::Category, 0.0, 2.0));
    assert_eq!((column.category_name(2), column.category_name(3)), (Some("code"), None));
    column.verify().unwrap();
    assert_eq!(
        column.quantile(0.5).unwrap_err().to_string(),
        "a quantile was asked of column `domain`, whose values are categories; name a column of numbers"
    );
}

#[test]
fn the_writer_names_the_sample_that_is_wrong() {
    let folder = folder();
    let path = folder.path().join("loss.arrow");
    let create = |n| ColumnWriter::create(&path, ValueType::F32, Provenance::of("9f3a", n));
    let mut writer = create(4).unwrap();
    writer.push(&Values::F32(vec![0.0, 1.0])).unwrap();
    let says = |error: Error, text: &str| assert_eq!(error.to_string(), text);
    says(
        writer.push(&Values::F32(vec![0.0, f32::NAN])).unwrap_err(),
        "column `loss`: the value of sample 3 is NaN; give a number for every sample; infinities are allowed",
    );
    says(
        writer.push(&Values::U32(vec![0])).unwrap_err(),
        "column `loss`: values from sample 2 on are u32, the column is f32; give one type for all samples",
    );
    says(
        writer.push(&Values::F32(vec![0.0; 3])).unwrap_err(),
        "column `loss`: more than the 4 values that it was created for; give one value per sample",
    );
    says(writer.set_totals(vec![1.0, f64::INFINITY]).unwrap_err(), "column `loss`: total 1 is inf; give finite totals");
    says(writer.finish().unwrap_err(), "column `loss`: 2 values were given, it was created for 4; give one value per sample");
    assert!(create(0).unwrap_err().to_string().contains("a column of 0 samples cannot be written"));
    says(
        categories(&path, &["a", "b"], &[0, 1, 2]).unwrap_err(),
        "column `loss`: sample 2 has code 2, and there are 2 categories; give a name for every code",
    );
    assert!(categories(&path, &["a", "a"], &[0]).unwrap_err().to_string().contains("category `a` is named twice"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_stale_column_is_refused() {
    let folder = folder();
    let column = write(folder.path().join("loss.arrow"), Values::F32(vec![1.0, 2.0]));
    column.check("9f3a", 2).unwrap();
    assert_eq!(
        column.check("77c1", 2).unwrap_err().to_string(),
        "column `loss`: made from dataset `9f3a`, this one is `77c1`; run `curricle analyze` again"
    );
    assert_eq!(
        column.check("9f3a", 3).unwrap_err().to_string(),
        "column `loss`: made from a dataset of 2 samples, this one has 3; run `curricle analyze` again"
    );
    let message = Columns::new(3).insert("difficulty", column).unwrap_err().to_string();
    assert_eq!(message, "column `difficulty`: has values of 2 samples, the dataset has 3; run `curricle analyze` again");
}

#[test]
fn quantiles_are_the_smallest_values_that_cover_their_part() {
    let folder = folder();
    let column = write(folder.path().join("loss.arrow"), Values::F32(vec![40.0, 10.0, 30.0, 20.0]));
    let expected = [(0.0, 10.0), (0.25, 10.0), (0.26, 20.0), (0.5, 20.0), (0.75, 30.0), (1.0, 40.0)];
    expected.iter().for_each(|(q, value)| assert_eq!(column.quantile(*q).unwrap(), *value, "{q}"));
    assert!(column.quantile(1.5).unwrap_err().to_string().contains("quantile 1.5 was asked of column `loss`"));
    assert!(column.quantile(f64::NAN).is_err());
}

#[test]
fn conditions_that_no_data_can_meet_are_refused_with_the_names_there_are() {
    let folder = folder();
    let mut columns = Columns::new(2);
    let refuse = |columns: &Columns, condition, text: &str| assert_eq!(columns.select(&[condition]).unwrap_err().to_string(), text);
    refuse(&columns, between("x", 0.0, None), "there is no column `x`; no column is granted; name the columns in the run file");
    columns.insert("loss", write(folder.path().join("loss.arrow"), Values::F32(vec![1.0, 2.0]))).unwrap();
    columns.insert("domain", categories(folder.path().join("domain.arrow"), &["a", "b"], &[0, 1]).unwrap()).unwrap();
    assert_eq!(columns.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["domain", "loss"]);
    refuse(&columns, between("x", 0.0, None), "there is no column `x`; there are `domain`, `loss`; name other columns in the run file");
    refuse(&columns, between("loss", f64::NAN, None), "a bound on column `loss` is NaN; give numbers, or leave the side out");
    refuse(&columns, quantiles("loss", 0.5, 0.2), "quantiles 0.5 to 0.2 of column `loss` are no part of its order; give 0 ≤ from ≤ to ≤ 1");
    refuse(&columns, category("domain", &[1, 2]), "category 2 was asked of column `domain`, which has 2; give codes below that");
    let kind = "column `domain` was used as a column of numbers, but its values are categories; use a condition on categories, or name a column of numbers";
    refuse(&columns, quantiles("domain", 0.0, 1.0), kind);
    assert!(columns.select(&[category("loss", &[0])]).is_err());
    assert_eq!(columns.count(&[]).unwrap(), 2);
    assert_eq!(columns.count(&[between("loss", 1.5, 1.0)]).unwrap(), 0);
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_panic() {
    let folder = folder();
    let path = folder.path().join("domain.arrow");
    categories(&path, &["web", "books"], &[1, 0, 1, 1]).unwrap();
    let whole = fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.arrow");
    for at in 0..whole.len() {
        for change in [0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            fs::write(&damaged, bytes).unwrap();
            ask_everything(&damaged);
        }
    }
    for length in 0..whole.len() {
        fs::write(&damaged, &whole[..length]).unwrap();
        assert!(Column::open(&damaged).is_err(), "cut to {length} bytes");
    }
    fs::write(&damaged, "not a column").unwrap();
    let message = Column::open(&damaged).unwrap_err().to_string();
    assert!(message.ends_with(
        "damaged.arrow`: it is no Arrow file, or was cut short; give the path of a column, or make it again with `curricle analyze`"
    ));
}

fn ask_everything(path: &Path) {
    let Ok(column) = Column::open(path) else { return };
    let _ = (column.verify(), column.quantile(0.5), column.totals());
    let mut columns = Columns::new(column.len());
    columns.insert("c", column.clone()).unwrap();
    for conditions in [vec![category("c", &[0])], vec![category("c", &[0, 1]), category("c", &[1])], vec![between("c", 0.0, 1.0)]] {
        let Ok(selection) = columns.select(&conditions) else { continue };
        let _ = (ids(&selection), selection.by_id());
    }
}

/// Columns of each type, drawn from few values so that ties are common.
#[derive(Clone, Debug)]
struct Table {
    codes: Vec<u32>,
    floats: Vec<f64>,
    narrow: Vec<f32>,
    ints: Vec<u64>,
}

const NAMES: [&str; 3] = ["float", "narrow", "int"];

impl Table {
    fn columns(&self, folder: &Path) -> Columns {
        let mut columns = Columns::new(self.codes.len() as u64);
        columns.insert("code", categories(folder.join("code.arrow"), &["a", "b", "c", "d", "e"], &self.codes).unwrap()).unwrap();
        columns.insert("float", write(folder.join("float.arrow"), Values::F64(self.floats.clone()))).unwrap();
        columns.insert("narrow", write(folder.join("narrow.arrow"), Values::F32(self.narrow.clone()))).unwrap();
        columns.insert("int", write(folder.join("int.arrow"), Values::U64(self.ints.clone()))).unwrap();
        columns
    }

    fn value(&self, column: &str, id: usize) -> f64 {
        match column {
            "code" => f64::from(self.codes[id]),
            "float" => self.floats[id],
            "narrow" => f64::from(self.narrow[id]),
            _ => self.ints[id] as f64,
        }
    }

    /// The samples that meet a condition, in the order of its column.
    fn naive(&self, condition: &Condition) -> Vec<u64> {
        let column = condition.column();
        let mut order: Vec<usize> = (0..self.codes.len()).collect();
        // Integers are ordered exactly, though they may be the same as f64.
        let exact = |id: usize| if column == "int" { self.ints[id] } else { 0 };
        order.sort_by(|a, b| self.value(column, *a).partial_cmp(&self.value(column, *b)).unwrap().then(exact(*a).cmp(&exact(*b))));
        let n = order.len() as f64;
        let kept = order.iter().enumerate().filter(|&(place, id)| {
            let value = self.value(column, *id);
            match condition {
                Condition::Between { above, at_most, .. } => above.is_none_or(|a| value > a) && at_most.is_none_or(|m| value <= m),
                Condition::Quantiles { from, to, .. } => (from * n).floor() as usize <= place && place < (to * n).floor() as usize,
                Condition::Category { codes, .. } => codes.contains(&(value as u32)),
            }
        });
        kept.map(|(_, id)| *id as u64).collect()
    }
}

fn table(samples: impl Strategy<Value = usize>) -> impl Strategy<Value = Table> {
    let float = || prop_oneof![(-4..4i32).prop_map(f64::from), Just(-0.0), Just(f64::INFINITY), Just(f64::NEG_INFINITY), -1.0..1.0];
    samples.prop_flat_map(move |n| {
        let int = prop_oneof![0..6u64, Just(u64::MAX), Just(u64::MAX - 1), (1u64 << 53)..(1 << 53) + 4];
        let (codes, floats) = (prop::collection::vec(0..5u32, n), prop::collection::vec(float(), n));
        let (narrow, ints) = (prop::collection::vec(float().prop_map(|v| v as f32), n), prop::collection::vec(int, n));
        (codes, floats, narrow, ints).prop_map(|(codes, floats, narrow, ints)| Table { codes, floats, narrow, ints })
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let bound = || {
        let bound = prop_oneof![
            (-4..6i32).prop_map(f64::from),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(1.8e19),
            Just(9007199254740993.0)
        ];
        prop::option::of(bound)
    };
    let name = prop::sample::select(&NAMES[..]);
    prop_oneof![
        (name.clone(), bound(), bound()).prop_map(|(name, above, at_most)| between(name, above, at_most)),
        (name, 0.0..=1.0, 0.0..=1.0).prop_map(|(name, a, b)| quantiles(name, f64::min(a, b), f64::max(a, b))),
        prop::collection::vec(0..5u32, 0..4).prop_map(|codes| category("code", &codes)),
    ]
}

#[test]
fn few_and_many_samples_are_looked_up_as_a_scan_finds_them() {
    const N: u64 = 300_000;
    let folder = folder();
    let mix = |z: u64| (z ^ (z >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = |i: u64, salt: u64| (mix(mix(i + salt)) >> 44) as u32;
    let mut columns = Columns::new(N);
    for (name, salt) in [("a", 0), ("b", 1 << 40)] {
        let values = Values::U32((0..N).map(|i| value(i, salt)).collect());
        columns.insert(name, write(folder.path().join(format!("{name}.arrow")), values)).unwrap();
    }
    // About 10, 150 and 2 000 samples: some are sorted and some are not.
    for (above, at_most) in [(500.0, 560.0), (7e5, 7.01e5), (1e5, 1.14e5)] {
        let conditions = [between("a", above, at_most), between("b", None, 5e5)];
        let places: Vec<_> = conditions.iter().map(|c| c.places(columns.get(c.column()).unwrap()).unwrap()).collect();
        let looked_up = scan::look_up(N, &places[0], &places).unwrap();
        assert!(looked_up.len() > 0);
        assert_eq!(looked_up, scan::scan(N, &places).unwrap());
    }
}

#[test]
fn the_last_intersection_is_kept_until_a_column_changes() {
    let folder = folder();
    let mut columns = Columns::new(3);
    for (name, values) in [("a", vec![1, 2, 3]), ("b", vec![1, 2, 3])] {
        columns.insert(name, write(folder.path().join(format!("{name}.arrow")), Values::U32(values))).unwrap();
    }
    let both = [between("a", None, 2.0), between("b", 1.0, None)];
    let others = [between("a", None, 2.0), between("b", 2.0, None)];
    assert_eq!(ids(&columns.select(&both).unwrap()), [1]);
    assert_eq!(columns.count(&others).unwrap(), 0);
    assert_eq!(ids(&columns.select(&both).unwrap()), [1]);
    let before = columns.clone();
    columns.insert("b", write(folder.path().join("c.arrow"), Values::U32(vec![2, 1, 1]))).unwrap();
    assert_eq!(ids(&columns.select(&both).unwrap()), [0]);
    assert_eq!(ids(&before.select(&both).unwrap()), [1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn selections_are_what_a_filter_finds(table in table(1..400usize), conditions in prop::collection::vec(condition(), 1..4)) {
        let folder = folder();
        let columns = table.columns(folder.path());
        let mut expected = table.naive(&conditions[0]);
        for condition in &conditions[1..] {
            let other = table.naive(condition);
            expected.retain(|id| other.contains(id));
        }
        let selection = columns.select(&conditions).unwrap();
        prop_assert_eq!(selection.len(), columns.count(&conditions).unwrap());
        prop_assert_eq!(selection.get(selection.len()), None);
        if conditions.len() > 1 {
            expected.sort_unstable();
        }
        prop_assert_eq!(ids(&selection), expected.clone());

        let by_value = selection.by_value("float", columns.get("float").unwrap()).unwrap();
        let mut sorted = expected.clone();
        sorted.sort_unstable();
        prop_assert_eq!(ids(&selection.by_id().unwrap()), sorted.clone());
        sorted.sort_by(|a, b| table.value("float", *a as usize).partial_cmp(&table.value("float", *b as usize)).unwrap());
        prop_assert_eq!(ids(&by_value), sorted);
    }

    #[test]
    fn scanning_and_looking_up_find_the_same(table in table(64..2000usize), conditions in prop::collection::vec(condition(), 2..4)) {
        let folder = folder();
        let columns = table.columns(folder.path());
        let places: Vec<_> = conditions.iter().map(|c| c.places(columns.get(c.column()).unwrap()).unwrap()).collect();
        let n = columns.n_samples();
        let both = [scan::scan(n, &places).unwrap(), scan::look_up(n, &places[0], &places).unwrap()];
        prop_assert_eq!(&both[0], &both[1]);
    }

    #[test]
    fn every_column_is_in_order(table in table(1..3000usize)) {
        let folder = folder();
        for (_, column) in table.columns(folder.path()).iter() {
            column.verify().unwrap();
        }
    }
}
