//! Metrics, their kinds, and work split over machines.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use curricle::{
    analysis::{Options, Outcome, analyze, merge},
    columns::{Column, Totals, ValueType},
    dataset::{self, Dataset, Format, IndexedWriter, Magic, TokenType, View},
    plugin::{Limits, MetricPlugin},
};
use curricle_tests::{Corpus, command, curricle, curricle_ok, length, noise, plugin};
use serde_json::{Value, json};
use tempfile::TempDir;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/deepspeed/analysis");

fn metric(name: &str, config: Value) -> MetricPlugin {
    MetricPlugin::load(name, &plugin(name), &config, &Limits::default()).unwrap()
}

/// The column that a metric makes of a dataset.
fn column(dataset: &Dataset, name: &str, config: Value, folder: &Path) -> Column {
    let target = folder.join(format!("{name}.arrow"));
    analyze(dataset, &metric(name, config), &target, &Options::default()).unwrap().column().unwrap().clone()
}

fn values(column: &Column) -> Vec<f64> {
    (0..column.len()).map(|id| column.value(id).unwrap()).collect()
}

/// What DeepSpeed's analyzer found for a metric.
fn golden(name: &str) -> Vec<f64> {
    let all: Value = serde_json::from_str(&fs::read_to_string(Path::new(GOLDEN).join("analysis.json")).unwrap()).unwrap();
    all[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}

/// Names of everything in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// 8 MiB of tokens of two bytes, in four blocks when they are sequences of 64, and the words that open them so.
fn sequences(folder: &TempDir) -> Vec<String> {
    let path = folder.path().join("tokens.raw");
    let content: Vec<u8> = (0..1u64 << 22).flat_map(|i| ((noise(i) % 5_000) as u16).to_le_bytes()).collect();
    fs::write(&path, content).unwrap();
    [&text(path), "--token-type", "u16", "--sequence-length", "64"].map(str::to_owned).to_vec()
}

/// Runs `curricle VERB DATASET… WORDS`, which must succeed, and gives its first column.
fn run(verb: &str, dataset: &[String], words: &[&str]) -> Value {
    let all: Vec<&str> =
        [verb].into_iter().chain(dataset.iter().map(String::as_str)).chain(words.iter().copied()).chain(["--json"]).collect();
    serde_json::from_str::<Value>(&curricle_ok(&all)).unwrap()["columns"][0].clone()
}

/// What a column's files hold.
fn bytes(folder: &Path, name: &str) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    (fs::read(folder.join(format!("{name}.arrow"))).ok(), fs::read(folder.join(format!("{name}.totals.arrow"))).ok())
}

#[test]
fn metrics_have_the_values_of_deepspeeds_analyzer() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Dataset::open(Path::new(GOLDEN).join("tokens")).unwrap();
    let counts = golden("counts");
    assert_eq!(values(&column(&dataset, "seqlen", json!({}), folder.path())), golden("seqlen"));

    let target = folder.path().join("vocab-frequency.arrow");
    let report = analyze(&dataset, &metric("vocab-frequency", json!({})), &target, &Options::default()).unwrap();
    let Outcome::Totals(totals) = report.outcome else { panic!("{report:?}") };
    assert_eq!(totals.values(), counts);

    let config = json!({"vocab-size": counts.len(), "whole": true});
    let rarity = column(&dataset, "vocab-rarity", config, folder.path());
    assert_eq!((values(&rarity), rarity.value_type()), (golden("rarity"), ValueType::U64));
    assert_eq!(rarity.totals().unwrap().unwrap(), counts);

    // The fourth metric is made of the others.
    let (total, rarest) = (counts.iter().sum::<f64>(), counts.iter().copied().fold(f64::INFINITY, f64::min));
    let weight = 10f64.powf((64.0 * (total / rarest).ln()).log10().ceil() + 1.0);
    let both = column(&dataset, "seqlen-vocab-rarity", json!({"max-length": 64}), folder.path());
    let expected: Vec<f64> = golden("seqlen").iter().zip(golden("rarity")).map(|(length, rarity)| length * weight + rarity).collect();
    assert_eq!(values(&both), expected);
    assert_eq!(both.totals().unwrap().unwrap()[0], weight);
}

#[test]
fn info_shows_the_value_below_which_each_twentieth_of_the_samples_is() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Dataset::open(Path::new(GOLDEN).join("tokens")).unwrap();
    let column = column(&dataset, "seqlen", json!({}), folder.path());
    let facts: Value = serde_json::from_str(&curricle_ok(&["info", &text(column.path()), "--json"])).unwrap();
    let mut sorted = golden("seqlen");
    sorted.sort_by(f64::total_cmp);
    for percent in (5..=100).step_by(5) {
        let key = format!("{}.{:02}", percent / 100, percent % 100);
        assert_eq!(facts["quantiles"][&key], json!(sorted[(sorted.len() * percent).div_ceil(100) - 1]), "{key}");
    }
    let shown = curricle_ok(&["info", &text(column.path())]);
    let place = |key: &str| shown.find(&format!("    {key} ")).unwrap_or_else(|| panic!("no {key} in {shown}"));
    assert!(place("0.05") < place("0.10") && place("0.95") < place("1.00"));
}

#[test]
fn totals_alone_are_made_once_told_apart_and_shown() {
    let corpus = Corpus::new(2_000);
    let (data, out) = (vec![text(corpus.path("data"))], text(corpus.path("out")));
    let words = ["--metric", "vocab-frequency", "--out", &out];
    let made = run("analyze", &data, &words);
    assert_eq!((&made["outcome"], &made["made"], &made["totals"]), (&json!("totals"), &json!(true), &json!(1_000)));
    assert_eq!(made["sum"], json!(corpus.dataset().n_tokens() as f64));
    assert_eq!(run("analyze", &data, &words)["made"], json!(false));
    assert_eq!(run("analyze", &data, &[&words[..], &["--config", "vocab-frequency={\"max-vocab\": 1000}"]].concat())["made"], json!(true));
    assert_eq!(names(&corpus.path("out")), BTreeSet::from(["vocab-frequency.totals.arrow".to_owned()]));

    let path = corpus.path("out/vocab-frequency.totals.arrow");
    let totals = Totals::open(&path).unwrap();
    let largest = totals.values().iter().copied().fold(0.0, f64::max);
    let facts: Value = serde_json::from_str(&curricle_ok(&["info", &text(&path), "--json"])).unwrap();
    assert_eq!((&facts["what"], &facts["name"], &facts["totals"]), (&json!("totals"), &json!("vocab-frequency"), &json!(1_000)));
    assert_eq!(facts["largest"][0]["value"], json!(largest));
    let again = curricle_ok(&[
        "analyze",
        &data[0],
        "--metric",
        "vocab-frequency",
        "--out",
        &out,
        "--config",
        "vocab-frequency={\"max-vocab\": 1000}",
    ]);
    assert!(again.contains("1000 totals") && again.contains("up to date"), "{again}");
    assert!(curricle_ok(&["info", &text(&path)]).starts_with("totals\n"));
}

#[test]
fn padding_does_not_count_as_length_where_it_is_named() {
    let corpus = Corpus::new(500);
    let dataset = corpus.dataset();
    let column = column(&dataset, "seqlen", json!({"pad-token": 7}), &corpus.path(""));
    let expected = |id| dataset.sample(id).unwrap().bytes().chunks(2).filter(|t| **t != [7, 0]).count() as f64;
    assert!((0..500).all(|id| column.value(id) == Some(expected(id))));
    assert!((0..500).any(|id| expected(id) < f64::from(length(id))));
}

/// B10.
#[test]
fn a_column_may_have_a_name_that_means_something_to_a_shell() {
    let corpus = Corpus::new(100);
    let (data, out) = (text(corpus.path("data")), text(corpus.path("out")));
    for name in ["$(touch pwned)", "a; touch pwned #", "`touch pwned`", "a b\n&& touch pwned", "-rf *"] {
        let metric = format!("--metric={name}=seqlen");
        for words in [&["analyze", &data, &metric, "--out", &out, "--part", "1/1"][..], &["merge", &data, &metric, "--out", &out]] {
            let output = command().args(words).current_dir(corpus.path("")).output().unwrap();
            assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let file = corpus.path("out").join(format!("{name}.arrow"));
        assert_eq!(Column::open(&file).unwrap().len(), 100);
        fs::remove_file(file).unwrap();
    }
    assert!(names(&corpus.path("out")).is_empty() && !corpus.path("pwned").exists());
    let refused = curricle(&["analyze", &data, "--metric", "../x=seqlen"]);
    assert_eq!(refused.status.code(), Some(2));
}

/// B12, B27.
#[test]
fn there_may_be_more_parts_than_blocks_and_those_without_samples_say_so() {
    let corpus = Corpus::new(300);
    let (data, out) = (vec![text(corpus.path("data"))], text(corpus.path("out")));
    run("analyze", &data, &["--metric", "vocab-rarity", "--out", &text(corpus.path("whole"))]);
    let words = ["--metric", "vocab-rarity", "--out", &out];
    for round in 1..=2 {
        for part in ["1/3", "2/3", "3/3"] {
            let done = run("analyze", &data, &[&words[..], &["--part", part]].concat());
            assert_eq!(
                (&done["outcome"], &done["round"], &done["samples"]),
                (&json!("part"), &json!(round), &json!(if part == "3/3" { 300 } else { 0 }))
            );
            assert!(fs::metadata(done["path"].as_str().unwrap()).unwrap().len() > 0);
        }
        let shown = curricle_ok(&[&["analyze", &data[0], "--part", "1/3"][..], &words].concat());
        assert!(shown.contains("part 1/3 has no samples: the dataset has fewer blocks than there are parts"), "{shown}");
        run("merge", &data, &words);
    }
    assert!(bytes(&corpus.path("out"), "vocab-rarity") == bytes(&corpus.path("whole"), "vocab-rarity"));
}

/// B14.
#[test]
fn a_sample_is_known_by_its_place_and_no_field_is_asked_of_anyone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.raw");
    fs::write(&path, [5u8, 0, 0, 7, 7, 0]).unwrap();
    let options = dataset::Options {
        view: View::sequences(2),
        token_type: Some(TokenType::U8),
        format: Some(Format::Raw),
        ..dataset::Options::default()
    };
    let dataset = Dataset::open_with(path, &options).unwrap();
    assert_eq!(values(&column(&dataset, "seqlen", json!({"pad-token": 0}), folder.path())), [1.0, 1.0, 1.0]);
}

/// B21, B35.
#[test]
fn files_and_bytes_do_not_grow_with_the_number_of_distinct_values() {
    let folder = tempfile::tempdir().unwrap();
    let n = 100_000u64;
    let mut writer = IndexedWriter::create(folder.path().join("data"), TokenType::U16, Magic::MMap).unwrap();
    for i in 0..n {
        // Few tokens are frequent, so hardly two sums are equal.
        let token = |t| noise(i << 8 | t) % (1 + noise(i << 8 | t | 128) % 60_000);
        let document: Vec<u8> = (0..16).flat_map(|t| (token(t) as u16).to_le_bytes()).collect();
        writer.push(&document).unwrap();
        writer.end_document().unwrap();
    }
    writer.finish().unwrap();
    let dataset = Dataset::open(folder.path().join("data")).unwrap();
    let out = folder.path().join("out");
    let many = column(&dataset, "vocab-rarity", json!({}), &out);
    let distinct: BTreeSet<u64> = values(&many).into_iter().map(f64::to_bits).collect();
    assert!(distinct.len() > 99_000, "{} distinct values", distinct.len());
    assert_eq!(names(&out), BTreeSet::from(["vocab-rarity.arrow", "vocab-rarity.totals.arrow"].map(str::to_owned)));
    // A value of 8 bytes and a place of 4 a sample, and the head.
    let size = fs::metadata(many.path()).unwrap().len();
    assert!((12 * n..12 * n + 4_096).contains(&size), "{size} bytes");

    let few = column(&dataset, "vocab-rarity", json!({"whole": true}), &folder.path().join("few"));
    let distinct: BTreeSet<u64> = values(&few).into_iter().map(f64::to_bits).collect();
    assert!(distinct.len() < 300, "{} distinct values", distinct.len());
    assert!(fs::metadata(few.path()).unwrap().len().abs_diff(size) < 256);
}

/// B25.
#[test]
fn every_sample_is_measured_once_and_under_its_own_id_whatever_the_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let length = |i: u64| if i / 1_000 == 7 { 1_000 + noise(i) % 3_000 } else { noise(i) % 60 };
    let mut writer = IndexedWriter::create(folder.path().join("data"), TokenType::U16, Magic::MMap).unwrap();
    for i in 0..12_000 {
        writer.push(&vec![1; 2 * length(i) as usize]).unwrap();
        writer.end_document().unwrap();
    }
    writer.finish().unwrap();
    let dataset = Dataset::open(folder.path().join("data")).unwrap();
    let target = folder.path().join("parts/seqlen.arrow");
    // Token 257 is everywhere, so the tokens are read and none of them is padding.
    let plugin = metric("seqlen", json!({"pad-token": 258}));
    for number in [4, 2, 5, 1, 3] {
        let options = Options { part: Some(format!("{number}/5").parse().unwrap()), ..Options::default() };
        analyze(&dataset, &plugin, &target, &options).unwrap();
    }
    let parts = merge(&dataset, &plugin, &target, &Options::default()).unwrap();
    let whole = column(&dataset, "seqlen", json!({"pad-token": 258}), folder.path());
    for column in [&whole, parts.column().unwrap()] {
        column.verify().unwrap();
        assert_eq!(column.len(), 12_000);
        assert!((0..12_000).all(|id| column.value(id) == Some(length(id) as f64)));
    }
}

/// B26.
#[test]
fn one_part_can_be_made_again_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = sequences(&folder);
    let out = text(folder.path().join("out"));
    run("analyze", &data, &["--metric", "seqlen", "--config", "seqlen={\"pad-token\": 3}", "--out", &text(folder.path().join("whole"))]);
    let words = ["--metric", "seqlen", "--config", "seqlen={\"pad-token\": 3}", "--out", &out];
    let part = |part: &str| run("analyze", &data, &[&words[..], &["--part", part]].concat());
    (1..=4).for_each(|number| assert_eq!(part(&format!("{number}/4"))["samples"], json!(1 << 14)));
    let spoilt = folder.path().join("out/seqlen.arrow.parts/values.part-3-of-4");
    let good = fs::read(&spoilt).unwrap();
    fs::write(&spoilt, &good[..good.len() - 1]).unwrap();
    let merge = [&["merge"], &data.iter().map(String::as_str).collect::<Vec<_>>()[..], &words].concat();
    let refused = curricle(&merge);
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(3) && errors.contains("values.part-3-of-4` is damaged"), "{errors}");
    part("3/4");
    assert!(fs::read(&spoilt).unwrap() == good);
    assert_eq!(run("merge", &data, &words)["outcome"], json!("column"));
    assert!(bytes(&folder.path().join("out"), "seqlen") == bytes(&folder.path().join("whole"), "seqlen"));
}

/// B28.
#[test]
fn parts_in_processes_and_folders_of_their_own_come_to_the_column_of_one_machine() {
    let folder = tempfile::tempdir().unwrap();
    let data = sequences(&folder);
    run("analyze", &data, &["--metric", "vocab-rarity", "--out", &text(folder.path().join("whole"))]);
    let home = folder.path().join("home");
    let parts = |machine: &Path| machine.join("vocab-rarity.arrow.parts");
    for round in 1..=2 {
        let machines: Vec<(PathBuf, _)> = ["1/2", "2/2"]
            .map(|part| {
                let machine = folder.path().join(part.replace('/', "-of-"));
                let words = ["--metric", "vocab-rarity", "--out", &text(&machine), "--part", part].map(str::to_owned);
                let child = command().arg("analyze").args(&data).args(words).stdout(Stdio::null()).spawn().unwrap();
                (machine, child)
            })
            .into();
        for (machine, mut child) in machines {
            assert!(child.wait().unwrap().success());
            // What unconnected machines do with a disk or a network of their own.
            fs::create_dir_all(parts(&home)).unwrap();
            for name in names(&parts(&machine)).iter().filter(|name| name.contains("part-")) {
                fs::copy(parts(&machine).join(name), parts(&home).join(name)).unwrap();
            }
        }
        let merged = run("merge", &data, &["--metric", "vocab-rarity", "--out", &text(&home)]);
        if round == 1 {
            assert_eq!((&merged["outcome"], &merged["pass"], &merged["rounds"]), (&json!("pass"), &json!(1), &json!(2)));
            for machine in ["1-of-2", "2-of-2"] {
                let name = "pass-1.merged";
                fs::copy(parts(&home).join(name), parts(&folder.path().join(machine)).join(name)).unwrap();
            }
            let again = [
                &["merge"],
                &data.iter().map(String::as_str).collect::<Vec<_>>()[..],
                &["--metric", "vocab-rarity", "--out", &text(&home)],
            ];
            assert!(curricle_ok(&again.concat()).contains("pass 1 was merged before; run the parts again for round 2 of 2"));
        }
    }
    assert_eq!(run("merge", &data, &["--metric", "vocab-rarity", "--out", &text(&home)])["made"], json!(false));
    assert!(bytes(&home, "vocab-rarity") == bytes(&folder.path().join("whole"), "vocab-rarity"));
    assert!(!parts(&home).exists());
}

/// B29.
#[test]
fn ids_beyond_those_that_a_32_bit_float_can_tell_apart_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let n = (1u64 << 24) + 1_000;
    let tokens: Vec<u8> = (0..n).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 & 1).collect();
    let path = folder.path().join("tokens.raw");
    fs::write(&path, &tokens).unwrap();
    let options = dataset::Options {
        view: View::sequences(1),
        token_type: Some(TokenType::U8),
        format: Some(Format::Raw),
        ..dataset::Options::default()
    };
    let dataset = Dataset::open_with(path, &options).unwrap();
    let column = column(&dataset, "seqlen", json!({"pad-token": 0}), folder.path());
    assert_eq!(column.len(), n);
    // The order is complete: strictly ascending by value and then by id.
    column.verify().unwrap();
    assert!((n - 2_000..n).all(|id| column.value(id) == Some(f64::from(tokens[id as usize]))));
}

/// F38 of DeepSpeed knows whole numbers only.
#[test]
fn values_may_be_floats_and_are_kept_to_the_bit() {
    let corpus = Corpus::new(1_000);
    let dataset = corpus.dataset();
    let sums = column(&dataset, "vocab-rarity", json!({}), &corpus.path("sums"));
    let means = column(&dataset, "vocab-rarity", json!({"per-token": true}), &corpus.path("means"));
    assert_eq!(means.value_type(), ValueType::F64);
    let mean = |id| sums.value(id).unwrap() / f64::from(length(id));
    assert!((0..1_000).all(|id| means.value(id).unwrap().to_bits() == mean(id).to_bits()));
}
