use std::{cell::RefCell, fs, path::Path};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{export::export_items, *};
use crate::{
    columns::{Column, ColumnWriter, Provenance, ValueType, Values, write_categories},
    dataset::{Dataset, IndexedFile, IndexedWriter, Magic, TokenType},
};

struct Work(TempDir);

impl Work {
    fn new() -> Work {
        Work(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn column(&self, name: &str, values: Values) -> Column {
        self.column_with(name, values, Vec::new())
    }

    fn column_with(&self, name: &str, values: Values, totals: Vec<f64>) -> Column {
        let provenance = Provenance::of("9f3a", values.len() as u64);
        let mut writer = ColumnWriter::create(self.path(&format!("{name}.arrow")), values.value_type(), provenance).unwrap();
        writer.push(&values).unwrap();
        writer.set_totals(totals).unwrap();
        writer.finish().unwrap()
    }

    /// A dataset of `n` documents of a token each.
    fn dataset(&self, n: usize) -> Dataset {
        let mut writer = IndexedWriter::create(self.path("data"), TokenType::U8, Magic::MMap).unwrap();
        (0..n).for_each(|_| writer.push(&[1]).unwrap());
        writer.finish().unwrap();
        Dataset::open(self.path("data")).unwrap()
    }

    /// The items of a pair of the metric.
    fn items(&self, metric: &str, pair: &str) -> Vec<Vec<i128>> {
        let file = IndexedFile::open(self.path("out").join(metric).join(format!("{metric}_{pair}"))).unwrap();
        let crate::dataset::ElementType::Int(token_type) = file.element_type() else { panic!("integers") };
        (0..file.len()).map(|i| elements::numbers(token_type, file.bytes(i).unwrap()).collect()).collect()
    }

    fn export(&self, column: &Column, options: &ExportOptions<'_>) -> Result<Exported> {
        export(column, &self.path("out"), options)
    }

    /// The message of a refusal, which leaves nothing behind.
    fn refused(&self, column: &Column, options: &ExportOptions<'_>) -> String {
        let error = self.export(column, options).unwrap_err();
        assert_eq!(names(&self.path("out")), [""; 0]);
        error.to_string()
    }
}

/// What is in a folder, which need not be there.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn values_that_are_equal_only_when_cut_share_an_item_in_the_order_of_ids() {
    let work = Work::new();
    let column = work.column("loss", Values::F64(vec![1.7, -0.5, 1.2, 0.9, -1.5, 1.0]));
    let exported = work.export(&column, &ExportOptions { cut: true, ..ExportOptions::default() }).unwrap();
    assert_eq!((exported.distinct, exported.value_type, exported.id_type), (3, TokenType::I8, TokenType::U8));
    assert_eq!(work.items("loss", SAMPLE_TO_METRIC), [[1], [0], [1], [0], [-1], [1]]);
    assert_eq!(work.items("loss", INDEX_TO_METRIC), [[-1], [0], [1]]);
    assert_eq!(work.items("loss", INDEX_TO_SAMPLE), [vec![4], vec![1, 3], vec![0, 2, 5]]);
    // What the work needed is gone.
    assert_eq!(names(&work.path("out")), ["loss"]);
}

#[test]
fn merged_items_have_as_many_distinct_values_as_a_hundredth_of_all_and_at_least_one() {
    for (distinct, rows) in [(1u32, 1), (99, 1), (199, 1), (200, 2), (299, 2), (350, 3)] {
        let work = Work::new();
        // Two samples of each value.
        let column = work.column("m", Values::U32((0..2 * distinct).map(|i| i * 17 % distinct).collect()));
        assert_eq!(work.export(&column, &ExportOptions::default()).unwrap().distinct, u64::from(distinct));
        let expected: Vec<Vec<i128>> = work.items("m", INDEX_TO_SAMPLE).chunks(rows).map(|rows| rows.concat()).collect();
        assert_eq!(work.items("m", MERGED), expected, "{distinct}");
    }
}

#[test]
fn what_is_no_whole_number_of_64_bits_is_refused_with_the_sample() {
    let work = Work::new();
    let column = work.column("loss", Values::F32(vec![1.0, 0.5]));
    let message = "column `loss`: the value of sample 1 is 0.5, and no whole number; cut values towards zero with `--cut`";
    assert_eq!(work.refused(&column, &ExportOptions::default()), message);
    let cut = ExportOptions { cut: true, ..ExportOptions::default() };
    let column = work.column("endless", Values::F64(vec![0.0, f64::INFINITY]));
    let message = "column `endless`: the value of sample 1 is inf, which no integer of 64 bits holds; scale the metric";
    assert_eq!(work.refused(&column, &cut), message);
    let column = work.column("wide", Values::F64(vec![-1.0, 2f64.powi(63)]));
    let message = "column `wide`: no integer of 64 bits holds both its smallest value, -1, and its largest, 9223372036854775808; \
                   scale the metric";
    assert_eq!(work.refused(&column, &cut), message);
    let column = work.column_with("parts", Values::U32(vec![1]), vec![3.0, 2.5]);
    let message = "column `parts`: its total 1 is 2.5, and no whole number; cut values towards zero with `--cut`";
    assert_eq!(work.refused(&column, &ExportOptions::default()), message);
    work.export(&column, &cut).unwrap();
    assert_eq!(work.items("parts", METRIC_VALUE), [[3, 2]]);
}

#[test]
fn integers_beyond_what_a_float_holds_come_out_exactly() {
    let work = Work::new();
    let column = work.column("big", Values::U64(vec![u64::MAX, (1 << 53) + 1, 1 << 53]));
    assert_eq!(work.export(&column, &ExportOptions::default()).unwrap().value_type, TokenType::U64);
    assert_eq!(work.items("big", SAMPLE_TO_METRIC), [[u64::MAX.into()], [(1 << 53) + 1], [1 << 53]]);
    assert_eq!(work.items("big", INDEX_TO_SAMPLE), [[2], [1], [0]]);
}

#[test]
fn categories_bad_names_and_files_that_are_there_are_refused() {
    let work = Work::new();
    let domain = write_categories(work.path("domain.arrow"), &["a".into(), "b".into()], [0, 1], Provenance::of("9f3a", 2)).unwrap();
    assert_eq!(work.refused(&domain, &ExportOptions::default()), "column `domain`: its values are categories; export a column of numbers");
    let column = work.column("m", Values::U32(vec![5]));
    for name in ["", ".m", "a/b"] {
        assert!(work.refused(&column, &ExportOptions { name: Some(name), ..ExportOptions::default() }).contains("cannot name a metric"));
    }
    work.export(&column, &ExportOptions::default()).unwrap();
    let error = work.export(&column, &ExportOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("is there already; choose another folder or name, or force it to be replaced"), "{error}");
}

#[test]
fn replacing_leaves_no_file_of_before_and_no_file_of_others_out() {
    let work = Work::new();
    work.export(&work.column_with("m", Values::U32(vec![5, 6]), vec![1.0]), &ExportOptions::default()).unwrap();
    fs::write(work.path("out/m/notes.txt"), "mine").unwrap();
    let replace = ExportOptions { replace: true, ..ExportOptions::default() };
    work.export(&work.column("m", Values::U32(vec![7])), &replace).unwrap();
    assert_eq!(work.items("m", SAMPLE_TO_METRIC), [[7]]);
    let found = names(&work.path("out/m"));
    assert!(found.contains(&"notes.txt".to_owned()) && found.len() == 9, "{found:?}");
}

#[test]
fn more_samples_than_an_item_can_hold_are_refused() {
    let work = Work::new();
    let options = ExportOptions::default();
    let column = work.column("m", Values::U32(vec![1, 2, 1, 1, 1]));
    let message = export_items(&column, &work.path("out"), &options, 3).unwrap_err().to_string();
    assert_eq!(
        message,
        "column `m`: more than 3 samples would be one item of `index_to_sample`, which can hold no more; export a column whose values tell \
         more samples apart"
    );
    let column = work.column("m", Values::U32((0..200).collect()));
    let message = export_items(&column, &work.path("out"), &options, 1).unwrap_err().to_string();
    assert!(message.contains("one item of `index_to_sample_percentile_merged`"), "{message}");
    assert_eq!(names(&work.path("out")), [""; 0]);
}

#[test]
fn work_reports_how_far_it_is_and_stops_when_asked() {
    let work = Work::new();
    let column = work.column("m", Values::F32(vec![0.5; 200_000]));
    let seen = RefCell::new(Vec::new());
    let progress = |done, total| seen.borrow_mut().push((done, total));
    let watch = Watch { progress: Some(&progress), interrupted: None };
    work.export(&column, &ExportOptions { cut: true, watch, ..ExportOptions::default() }).unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() >= 9 && seen.is_sorted() && seen.last() == Some(&(600_000, 600_000)), "{seen:?}");

    let stop = || true;
    let watch = Watch { progress: None, interrupted: Some(&stop) };
    let options = ExportOptions { name: Some("n"), cut: true, watch, ..ExportOptions::default() };
    assert_eq!(work.export(&column, &options).unwrap_err().code(), "interrupted");
    let dataset = work.dataset(200_000);
    let options = ImportOptions { watch, ..ImportOptions::default() };
    let error = import(&work.path("out/m"), &dataset, &work.path("again.arrow"), &options).unwrap_err();
    assert_eq!(error.to_string(), "interrupted while importing; nothing was written; run the same command again");
    assert_eq!((names(&work.path("out")), work.path("again.arrow").exists()), (vec!["m".to_owned()], false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_exported_comes_back_from_either_set_of_files(
        values in prop_oneof![
            prop::collection::vec(-5i64..5, 1..300),
            prop::collection::vec(-(1i64 << 53)..=1 << 53, 1..20),
            prop::collection::vec(0i64..70_000, 1..300),
        ],
        totals in prop::collection::vec(0u32..=u32::MAX, 0..4),
    ) {
        let work = Work::new();
        let floats: Vec<f64> = values.iter().map(|v| *v as f64).collect();
        let totals: Vec<f64> = totals.into_iter().map(f64::from).collect();
        let column = work.column_with("m", Values::F64(floats.clone()), totals.clone());
        work.export(&column, &ExportOptions::default()).unwrap();
        let dataset = work.dataset(values.len());
        for by_index in [false, true] {
            if by_index {
                fs::remove_file(work.path("out/m/m_sample_to_metric.bin")).unwrap();
                fs::remove_file(work.path("out/m/m_sample_to_metric.idx")).unwrap();
            }
            let target = work.path(&format!("{by_index}.arrow"));
            let found = import(&work.path("out/m"), &dataset, &target, &ImportOptions::default()).unwrap();
            found.verify().unwrap();
            found.check(&dataset.fingerprint().to_string(), dataset.len()).unwrap();
            prop_assert_eq!((0..found.len()).map(|id| found.value(id).unwrap()).collect::<Vec<_>>(), floats.clone());
            prop_assert_eq!(found.totals().unwrap().unwrap_or_default(), totals.clone());
            prop_assert_eq!(matches!(found.value_type(), ValueType::U32 | ValueType::U64), values.iter().all(|v| *v >= 0));
        }
    }
}
