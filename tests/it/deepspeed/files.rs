//! DeepSpeed's own files, read and written.

mod pairs;

use std::{
    fs,
    path::{Path, PathBuf},
};

use curricle::{
    columns::{Column, ColumnWriter, Provenance, ValueType, Values},
    dataset::{Dataset, Dialect, ElementType, IndexedFile, IndexedWriter, TokenType},
    deepspeed::{ExportOptions, ImportOptions, export, import},
};
use curricle_tests::{curricle, curricle_ok};
use serde_json::Value;
use tempfile::TempDir;

/// The pairs of a metric with a value per sample.
const PAIRS: [&str; 4] = ["sample_to_metric", "index_to_metric", "index_to_sample", "index_to_sample_percentile_merged"];

/// What DeepSpeed made.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/deepspeed").join(name)
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&fs::read(golden(name)).unwrap()).unwrap()
}

/// A dataset of `n` documents, and a folder for an analysis of it.
struct Analysis {
    folder: TempDir,
    dataset: Dataset,
}

impl Analysis {
    fn new(n: u64) -> Analysis {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = IndexedWriter::create(folder.path().join("data"), TokenType::U8, Dialect::DeepSpeed).unwrap();
        (0..n).for_each(|_| writer.push(&[1]).unwrap());
        writer.finish().unwrap();
        fs::create_dir(folder.path().join("m")).unwrap();
        let dataset = Dataset::open(folder.path().join("data")).unwrap();
        Analysis { folder, dataset }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a pair of metric `m`.
    fn write(&self, pair: &str, token_type: TokenType, dialect: Dialect, items: &[&[i128]]) {
        let mut writer = IndexedWriter::create(self.path(&format!("m/m_{pair}")), token_type, dialect).unwrap();
        for item in items {
            let bytes: Vec<u8> = item.iter().flat_map(|n| n.to_le_bytes()[..token_type.width()].to_vec()).collect();
            writer.push(&bytes).unwrap();
        }
        writer.finish().unwrap();
    }

    /// Writes values and samples by value, as DeepSpeed from 0.13.3 on.
    fn write_index(&self, values: &[&[i128]], samples: &[&[i128]]) {
        self.write("index_to_metric", TokenType::U8, Dialect::DeepSpeed, values);
        self.write("index_to_sample", TokenType::U8, Dialect::DeepSpeed, samples);
    }

    fn import(&self) -> curricle::Result<Column> {
        import(&self.path("m"), &self.dataset, &self.path("m.arrow"), &ImportOptions { replace: true, ..ImportOptions::default() })
    }

    /// The message of the refusal, without the folder.
    fn refused(&self) -> String {
        let message = self.import().unwrap_err().to_string().replace(&format!("{}/", self.folder.path().display()), "");
        assert!(!self.path("m.arrow").exists(), "{message}");
        message
    }
}

fn values(column: &Column) -> Vec<i64> {
    (0..column.len()).map(|id| column.value(id).unwrap() as i64).collect()
}

/// The items of a pair of `uint8`.
fn items(prefix: &Path) -> Vec<Vec<u8>> {
    let file = IndexedFile::open(prefix).unwrap();
    file.items(0..file.len()).unwrap().map(|item| item.unwrap().to_vec()).collect()
}

/// What a metric of the golden analysis came to, as a column in `folder`.
fn imported(folder: &Path, metric: &str, totals: Option<&Path>) -> Column {
    let dataset = Dataset::open(golden("analysis/tokens")).unwrap();
    let options = ImportOptions { totals, ..ImportOptions::default() };
    import(&golden("analysis").join(metric), &dataset, &folder.join(format!("{metric}.arrow")), &options).unwrap()
}

/// Asserts that a folder holds the same files as DeepSpeed's, to the byte, but for the end of the documents that DeepSpeed repeats in three.
fn assert_same_files(made: &Path, metric: &str) {
    for pair in PAIRS {
        let [made, theirs] = [made, &golden("analysis").join(metric)].map(|folder| folder.join(format!("{metric}_{pair}")));
        let read = |prefix: &Path, extension| fs::read(prefix.with_extension(extension)).unwrap();
        assert_eq!(read(&made, "bin"), read(&theirs, "bin"), "{pair}");
        let (made_idx, mut their_idx) = (read(&made, "idx"), read(&theirs, "idx"));
        let n = IndexedFile::open(&made).unwrap().len();
        if pair != "index_to_sample_percentile_merged" {
            assert_eq!(IndexedFile::open(&theirs).unwrap().document_index().collect::<Vec<_>>(), [0, n as i64, n as i64]);
            // Two entries instead of three.
            their_idx[26] = 2;
            their_idx.truncate(their_idx.len() - 8);
        }
        assert_eq!(made_idx, their_idx, "{pair}");
    }
}

#[test]
fn an_analysis_of_deepspeed_becomes_columns_with_its_values_and_totals() {
    let folder = tempfile::tempdir().unwrap();
    let expected = json("analysis/analysis.json");
    let numbers = |name: &str| expected[name].as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect::<Vec<_>>();
    for (metric, value_type) in [("seqlen", ValueType::U32), ("rarity", ValueType::U32), ("place", ValueType::F32)] {
        let column = imported(folder.path(), metric, Some(&golden("analysis/counts")));
        column.verify().unwrap();
        assert_eq!(values(&column), numbers(metric));
        assert_eq!(column.value_type(), value_type);
        let totals: Vec<i64> = column.totals().unwrap().unwrap().into_iter().map(|total| total as i64).collect();
        assert_eq!(totals, numbers("counts"));
        // Where it came from is in the file, without regard to the place where the files stood.
        let provenance = column.provenance();
        assert_eq!(provenance.plugin, None);
        assert_eq!(provenance.config["deepspeed"]["values"][0]["file"], format!("{metric}_sample_to_metric"));
        assert_eq!(provenance.config["deepspeed"]["totals"]["type"], "uint8");
    }
}

#[test]
fn an_analysis_that_comes_and_goes_is_the_same_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    for metric in ["seqlen", "rarity", "place"] {
        let column = imported(folder.path(), metric, Some(&golden("analysis/counts")));
        let exported = export(&column, &folder.path().join("out"), &ExportOptions::default()).unwrap();
        assert_same_files(&exported.folder, metric);
        for extension in ["bin", "idx"] {
            let made = fs::read(exported.folder.join(format!("{metric}_metric_value.{extension}"))).unwrap();
            assert_eq!(made, fs::read(golden(&format!("analysis/counts/counts_metric_value.{extension}"))).unwrap());
        }
    }
}

#[test]
fn metrics_of_this_program_export_to_the_files_that_deepspeed_makes_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let dataset = golden("analysis/tokens").display().to_string();
    let out = path("columns");
    curricle_ok(&["analyze", &dataset, "--metric", "seqlen", "--metric", "rarity=vocab-rarity", "--out", &out]);
    for metric in ["seqlen", "rarity"] {
        let column = path(&format!("columns/{metric}.arrow"));
        let summary = curricle_ok(&["columns", "export", &column, "--out", &path("analysis"), "--cut", "--json"]);
        let summary: Value = serde_json::from_str(&summary).unwrap();
        assert_eq!((summary["samples"].as_u64(), summary["id_type"].as_str()), (Some(200), Some("uint8")));
        assert_same_files(&folder.path().join("analysis").join(metric), metric);
    }
    // The totals of the metric are how often each token occurs.
    let made = IndexedFile::open(path("analysis/rarity/rarity_metric_value")).unwrap();
    let theirs = IndexedFile::open(golden("analysis/counts/counts_metric_value")).unwrap();
    assert_eq!(made.part(0, 0..theirs.size(0).unwrap()).unwrap(), theirs.bytes(0).unwrap());
}

#[test]
fn the_command_imports_a_metric_next_to_its_dataset_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for file in ["tokens.bin", "tokens.idx"] {
        fs::copy(golden("analysis").join(file), path(file)).unwrap();
    }
    let metric = golden("analysis/place").display().to_string();
    let args = ["columns", "import", &metric, "--dataset", &path("tokens"), "--name", "where", "--json"];
    let summary: Value = serde_json::from_str(&curricle_ok(&args)).unwrap();
    assert_eq!((summary["min"].as_f64(), summary["max"].as_f64(), summary["totals"].is_null()), (Some(-100.0), Some(99.0), true));
    assert!(folder.path().join("tokens.columns/where.arrow").exists());
    let refused = curricle(&args);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(3));
    assert!(message.contains("is there already; give the column another name, or force it to be replaced"), "{message}");
    curricle_ok(&[&args[..], &["--force"]].concat());
    // Another view has other samples.
    let refused = curricle(&[&args[..], &["--force", "--sequence-length", "100"]].concat());
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("it has 200 values, and dataset"), "{message}");
    // A metric about the dataset as a whole has no value of a sample.
    let counts = golden("analysis/counts").display().to_string();
    let refused = curricle(&["columns", "import", &counts, "--dataset", &path("tokens")]);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(message.contains("name this folder as the totals of a metric with a value per sample"), "{message}");
}

#[test]
fn samples_by_value_are_enough_and_each_must_be_there_exactly_once() {
    let work = Analysis::new(4);
    // An item without samples does no harm.
    work.write_index(&[&[3], &[5], &[9]], &[&[1, 2], &[], &[0, 3]]);
    assert_eq!(values(&work.import().unwrap()), [9, 3, 3, 9]);
    fs::remove_file(work.path("m.arrow")).unwrap();

    work.write_index(&[&[3], &[9]], &[&[1, 2], &[0, 2, 3]]);
    assert_eq!(
        work.refused(),
        "dataset `m/m_index_to_sample.idx`: sample 2 is in item 0 and in item 1; analyze again, with one value per sample"
    );
    work.write_index(&[&[3], &[9]], &[&[1, 2], &[0]]);
    assert!(work.refused().contains("sample 3 is in no item; analyze the whole dataset"));
    work.write_index(&[&[3], &[9]], &[&[1, 2], &[0, 4]]);
    assert!(work.refused().contains("item 1 names sample 4, and the dataset has 4; open the dataset with the view"));
    work.write_index(&[&[3]], &[&[1, 2], &[0, 3]]);
    assert!(work.refused().contains("it has 2 items, and `index_to_metric` has 1; analyze again"));
    work.write_index(&[&[3, 4], &[9]], &[&[1, 2], &[0, 3]]);
    assert!(work.refused().contains("item 0 has 2 elements, and one is expected"));
    fs::remove_file(work.path("m/m_index_to_metric.idx")).unwrap();
    fs::remove_file(work.path("m/m_index_to_metric.bin")).unwrap();
    assert!(work.refused().contains("(`m_index_to_metric` is missing); give the folder of a metric"));
}

#[test]
fn values_of_every_sample_are_expected_and_no_floats() {
    let work = Analysis::new(2);
    work.write("sample_to_metric", TokenType::U8, Dialect::DeepSpeed, &[&[1], &[2], &[3]]);
    assert!(work.refused().contains("it has 3 values, and dataset"));
    work.write("sample_to_metric", TokenType::U8, Dialect::DeepSpeed, &[&[1], &[]]);
    assert!(work.refused().contains("item 1 has 0 elements, and one is expected"));
    let mut writer = IndexedWriter::create(work.path("m/m_sample_to_metric"), ElementType::F64, Dialect::DeepSpeedBefore0133).unwrap();
    [1.0f64, 2.0].iter().for_each(|value| writer.push(&value.to_le_bytes()).unwrap());
    writer.finish().unwrap();
    assert!(work.refused().contains("its elements are `float64`, and DeepSpeed's analysis is of whole numbers"));
}

/// B12.
#[test]
fn an_analysis_without_a_sample_is_one_error_and_no_empty_file_is_mapped() {
    let work = Analysis::new(1);
    work.write_index(&[], &[]);
    assert_eq!(fs::metadata(work.path("m/m_index_to_sample.bin")).unwrap().len(), 0);
    assert!(work.refused().contains("sample 0 is in no item"));
    work.write("sample_to_metric", TokenType::U8, Dialect::DeepSpeed, &[]);
    assert!(work.refused().contains("it has 0 values, and dataset"));
}

/// B13, B29.
#[test]
fn an_analysis_of_either_age_of_deepspeed_has_the_values_that_were_analyzed() {
    let wide = [0, 255, 70_000, i128::from(u32::MAX)];
    for dialect in [Dialect::DeepSpeed, Dialect::DeepSpeedBefore0133] {
        for (token_type, values) in [
            (TokenType::U16, [0, 1, 256, 65_535]),
            (TokenType::U32, wide),
            // As floats these would be numbers that somebody may well have measured.
            (TokenType::U32, [1 << 24, (1 << 24) + 1, 0x3f80_0000, i128::from(u32::MAX)]),
            (TokenType::U64, [0, 1, 1 << 40, i128::from(u64::MAX)]),
            (TokenType::I64, [-(1 << 53), -1, 0, 1 << 53]),
        ] {
            let work = Analysis::new(4);
            work.write("sample_to_metric", token_type, dialect, &values.each_ref().map(std::slice::from_ref));
            let column = work.import().unwrap();
            let exported = export(&column, &work.path("out"), &ExportOptions::default()).unwrap();
            let file = IndexedFile::open_as(exported.folder.join("m_sample_to_metric"), exported.value_type.into()).unwrap();
            let found: Vec<i128> = (0..4)
                .map(|i| {
                    let (bytes, signed) = (file.bytes(i).unwrap(), exported.value_type.is_signed());
                    let mut wide = [if signed && bytes[bytes.len() - 1] >= 0x80 { 0xff } else { 0 }; 16];
                    wide[..bytes.len()].copy_from_slice(bytes);
                    i128::from_le_bytes(wide)
                })
                .collect();
            assert_eq!(found, values, "{token_type} of {dialect}");
        }
    }
}

#[test]
fn values_are_written_in_the_narrowest_type_that_holds_them() {
    let b = |power: u32| 2f64.powi(power as i32);
    for (values, expected) in [
        ([0.0, 255.0], TokenType::U8),
        ([0.0, 256.0], TokenType::U16),
        ([255.0, 65_535.0], TokenType::U16),
        ([0.0, 65_536.0], TokenType::U32),
        ([0.0, b(32) - 1.0], TokenType::U32),
        ([0.0, b(32)], TokenType::U64),
        ([-128.0, 127.0], TokenType::I8),
        ([-129.0, 0.0], TokenType::I16),
        ([-1.0, 128.0], TokenType::I16),
        ([-32_769.0, 0.0], TokenType::I32),
        ([-b(31), b(31) - 1.0], TokenType::I32),
        ([-b(31) - 1.0, 0.0], TokenType::I64),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ColumnWriter::create(folder.path().join("m.arrow"), ValueType::F64, Provenance::of("9f3a", 2)).unwrap();
        writer.push(&Values::F64(values.to_vec())).unwrap();
        let exported = export(&writer.finish().unwrap(), folder.path(), &ExportOptions::default()).unwrap();
        assert_eq!(exported.value_type, expected, "{values:?}");
        let file = IndexedFile::open_as(folder.path().join("m/m_sample_to_metric"), expected.into()).unwrap();
        assert_eq!(file.n_elements(), 2);
    }
}

#[test]
fn sample_ids_are_written_in_the_narrowest_type_for_the_last_one() {
    for (n, expected) in
        [(1, TokenType::U8), (256, TokenType::U8), (257, TokenType::U16), (65_536, TokenType::U16), (65_537, TokenType::U32)]
    {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ColumnWriter::create(folder.path().join("m.arrow"), ValueType::U32, Provenance::of("9f3a", n)).unwrap();
        writer.push(&Values::U32(vec![7; n as usize])).unwrap();
        let exported = export(&writer.finish().unwrap(), folder.path(), &ExportOptions::default()).unwrap();
        assert_eq!((exported.id_type, exported.distinct, exported.value_type), (expected, 1, TokenType::U8), "{n}");
        // A byte a value and 12 of the index a sample, and 50 for the head and the two bounds of the only document.
        let size = |name: &str| fs::metadata(folder.path().join("m").join(name)).unwrap().len();
        assert_eq!(size("m_sample_to_metric.bin") + size("m_sample_to_metric.idx"), 13 * n + 50);
        if n == 256 {
            assert_eq!(items(&folder.path().join("m/m_index_to_sample")), [(0..=255).collect::<Vec<u8>>()]);
        }
    }
}
