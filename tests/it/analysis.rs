use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use curricle::{
    FaultKind,
    analysis::{Options, analyze},
    columns::Column,
    dataset::{self, Dataset, IndexedWriter, Magic, TokenType, View},
    plugin::{Limits, MetricPlugin},
};
use curricle_tests::{Corpus, command, curricle, curricle_ok, length, noise, plugin, token};
use serde_json::{Value, json};

fn metric(name: &str, config: Value) -> MetricPlugin {
    MetricPlugin::load(name, &plugin(name), &config, &Limits::default()).unwrap()
}

fn make(dataset: &Dataset, name: &str, target: &Path, threads: usize) -> Column {
    analyze(dataset, &metric(name, json!({})), target, &Options { threads, ..Options::default() }).unwrap().column().unwrap().clone()
}

/// 12 000 documents, the long ones together: 6 MB in several blocks, one of them of several chunks.
fn uneven(folder: &Path) -> Dataset {
    let mut writer = IndexedWriter::create(folder.join("uneven"), TokenType::U16, Magic::MMap).unwrap();
    for i in 0..12_000u64 {
        let length = if i / 1_000 == 7 { 1_000 + noise(i) % 3_000 } else { noise(i) % 60 };
        let document: Vec<u8> = (0..length).flat_map(|t| ((noise(i << 20 | t) % 30_000) as u16).to_le_bytes()).collect();
        writer.push(&document).unwrap();
        writer.end_document().unwrap();
    }
    writer.finish().unwrap();
    Dataset::open(folder.join("uneven")).unwrap()
}

fn path(path: PathBuf) -> String {
    path.display().to_string()
}

#[test]
fn threads_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = uneven(folder.path());
    for name in ["seqlen", "vocab-rarity", "seqlen-vocab-rarity"] {
        let made = [1, 2, 5].map(|threads| {
            let target = folder.path().join(format!("{threads}/{name}.arrow"));
            make(&dataset, name, &target, threads).verify().unwrap();
            (fs::read(&target).unwrap(), fs::read(target.with_extension("totals.arrow")).ok())
        });
        assert!(made[0] == made[1] && made[1] == made[2], "{name}");
    }
}

#[test]
fn seqlen_is_the_length_and_reads_no_token() {
    let corpus = Corpus::new(3_000);
    let column = make(&corpus.dataset(), "seqlen", &corpus.path("seqlen.arrow"), 2);
    assert!((0..3_000).all(|i| column.value(i) == Some(f64::from(length(i)))));
    assert_eq!(column.totals().unwrap(), None);
}

#[test]
fn vocab_rarity_is_the_sum_of_negative_log_frequencies() {
    let corpus = Corpus::new(3_000);
    let dataset = corpus.dataset();
    let column = make(&dataset, "vocab-rarity", &corpus.path("vocab-rarity.arrow"), 2);
    let mut counts = vec![0u32; 1_000];
    for i in 0..3_000 {
        (0..length(i)).for_each(|t| counts[usize::from(token(i, t))] += 1);
    }
    let total: f64 = counts.iter().map(|c| f64::from(*c)).sum();
    for i in 0..3_000 {
        let expected: f64 = (0..length(i)).map(|t| -(f64::from(counts[usize::from(token(i, t))]) / total).ln()).sum();
        let found = column.value(i).unwrap();
        assert!((found - expected).abs() <= 1e-9 * expected.max(1.0), "sample {i}: {found} instead of {expected}");
    }
    let expected: Vec<f64> = counts.into_iter().map(f64::from).collect();
    assert_eq!(column.totals().unwrap().unwrap(), expected);
    let provenance = column.provenance();
    assert_eq!(provenance.plugin.as_ref().unwrap().name, "vocab-rarity");
    assert_eq!(provenance.dataset, dataset.fingerprint().to_string());
}

#[test]
fn a_token_beyond_the_vocabulary_is_refused_with_its_sample() {
    let corpus = Corpus::new(300);
    let first = (0..300).find(|i| (0..length(*i)).any(|t| token(*i, t) >= 990)).unwrap();
    let at = (0..length(first)).find(|t| token(first, *t) >= 990).unwrap();
    let options = dataset::Options { vocab_size: Some(990), ..dataset::Options::default() };
    let dataset = Dataset::open_with(corpus.path("data"), &options).unwrap();
    let target = corpus.path("columns/vocab-rarity.arrow");
    let error = analyze(&dataset, &metric("vocab-rarity", json!({})), &target, &Options::default()).unwrap_err();
    let expected = format!("sample {first}, token {at}: the token id is {}, and the vocabulary has 990; check", token(first, at));
    assert!(error.to_string().contains(&expected), "{error}");
    assert_eq!(error.code(), "dataset");
    // A metric that reads no tokens does not look at them.
    analyze(&dataset, &metric("seqlen", json!({})), &corpus.path("seqlen.arrow"), &Options::default()).unwrap();
}

#[test]
fn a_metric_that_refuses_the_data_is_told_in_its_own_words() {
    let corpus = Corpus::new(300);
    let plugin = metric("vocab-rarity", json!({"max-vocab": 10}));
    let error = analyze(&corpus.dataset(), &plugin, &corpus.path("v.arrow"), &Options::default()).unwrap_err();
    let curricle::Error::Plugin(fault) = &error else { panic!("{error}") };
    assert_eq!((fault.kind, fault.call.as_str()), (FaultKind::Refused, "metric.accumulate"));
    assert!(fault.problem.contains("max-vocab") && fault.problem.starts_with("sample "), "{error}");
    assert!(!corpus.path("v.arrow.partial").exists() && !corpus.path("v.arrow").exists());
}

#[test]
fn a_column_of_another_view_is_refused_by_a_run() {
    let corpus = Corpus::new(2_000);
    let options = dataset::Options { view: View::sequences(64), ..dataset::Options::default() };
    let sequences = Dataset::open_with(corpus.path("data"), &options).unwrap();
    make(&sequences, "seqlen", &corpus.path("seqlen.arrow"), 2);
    let rest = "[columns]\nlength = \"seqlen.arrow\"\n[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"uniform\"\n";
    let error = corpus.try_run(rest).map(|run| format!("{run:?}")).unwrap_err();
    assert!(error.to_string().starts_with("column `seqlen`: made from dataset "), "{error}");
    assert!(error.to_string().ends_with("run `curricle analyze` again"), "{error}");
}

#[test]
fn the_command_makes_columns_that_runs_find_and_leaves_them_alone_the_second_time() {
    let corpus = Corpus::new(1_000);
    let data = path(corpus.path("data"));
    let args =
        ["analyze", &data, "--metric", "seqlen", "--metric", "rare=vocab-rarity", "--config", "rare={\"max-vocab\": 5000}", "--json"];
    let summary = |args: &[&str]| -> Value { serde_json::from_str(&curricle_ok(args)).unwrap() };
    let made = summary(&args);
    assert_eq!(made["columns"][0]["name"], "seqlen");
    assert_eq!(made["columns"][1]["name"], "rare");
    assert_eq!(made["columns"][1]["made"], true);
    assert_eq!(made["columns"][0]["samples"], 1_000);
    let run = corpus.run("[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"uniform\"\n");
    assert!(run.columns().iter().any(|(name, _)| name == "rare"));

    assert_eq!(summary(&args)["columns"][1]["made"], false);
    let forced: Vec<&str> = args.iter().copied().chain(["--force"]).collect();
    assert_eq!(summary(&forced)["columns"][1]["made"], true);
    // Another configuration makes another column.
    let other: Vec<&str> = args.iter().copied().map(|arg| if arg.starts_with("rare={") { "rare={}" } else { arg }).collect();
    let again = summary(&other);
    assert_eq!((&again["columns"][0]["made"], &again["columns"][1]["made"]), (&json!(false), &json!(true)));
    let text = curricle_ok(&["analyze", &data, "--metric", "seqlen"]);
    assert!(text.contains("1000 samples") && text.contains("up to date"), "{text}");
}

#[test]
fn wrong_options_are_told_before_any_work() {
    let corpus = Corpus::new(100);
    let data = path(corpus.path("data"));
    let refused = |args: &[&str]| {
        let output = curricle(&[&["analyze", &data], args].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let cases: [(&[&str], &str); 6] = [
        (&["--metric", "seqlen", "--config", "seqlen=7"], "`--config`: what follows `seqlen=` is no JSON object"),
        (
            &["--metric", "seqlen", "--config", "lenseq={}"],
            "`--config`: `lenseq` is none of the columns that are made; give one of `seqlen`",
        ),
        (&["--metric", "seqlen", "--metric", "seqlen"], "`--metric`: two columns are named `seqlen`"),
        (&["--metric", ".x=seqlen"], "`--metric`: `.x` cannot name a column"),
        (&["--metric", "seqlenn"], "plugin `seqlenn`: `seqlenn.wasm` is in none of"),
        (&["--metric", "seqlen", "--stride", "7"], "--sequence-length"),
    ];
    for (args, expected) in cases {
        let (code, text) = refused(args);
        assert!(text.contains(expected), "{args:?}: {text}");
        assert_eq!(code, Some(2), "{text}");
    }
    let (code, text) = refused(&["--metric", "uniform"]);
    assert!(text.contains("plugin `uniform`") && text.contains("a metric is needed here"), "{text}");
    assert_eq!(code, Some(4));
    assert!(!corpus.dataset().columns_dir().join("seqlen.arrow").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_and_a_killed_command_go_on_and_make_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.bin");
    let content: Vec<u8> = (0..1u64 << 22).flat_map(|i| ((noise(i) % 50_000) as u16).to_le_bytes()).collect();
    fs::write(&tokens, content).unwrap();
    let tokens = path(tokens);
    // Each token belongs to 256 samples: much work on a small file.
    let common = ["analyze", &tokens, "--token-type", "u16", "--sequence-length", "4096", "--stride", "16", "--metric", "vocab-rarity"];
    let (whole, pieces) = (folder.path().join("whole"), folder.path().join("pieces"));
    curricle_ok(&[&common[..], &["--out", &whole.display().to_string()]].concat());

    let out = pieces.display().to_string();
    let partial = pieces.join("vocab-rarity.arrow.partial");
    let begin = || {
        let child =
            command().args(common).args(["--out", &out, "--threads", "1"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for _ in 0..3_000 {
            if partial.join("lock").exists() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(100));
        child
    };
    let mut child = begin();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(partial.join("journal.json").exists());
    let mut child = begin();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None);

    let summary = curricle_ok(&[&common[..], &["--out", &out, "--threads", "2", "--json"]].concat());
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["columns"][0]["continued"], true);
    for name in ["vocab-rarity.arrow", "vocab-rarity.totals.arrow"] {
        assert!(fs::read(pieces.join(name)).unwrap() == fs::read(whole.join(name)).unwrap(), "{name}");
    }
    assert!(!partial.exists());
}

#[cfg(unix)]
#[test]
fn a_part_that_was_interrupted_goes_on_with_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.bin");
    let content: Vec<u8> = (0..1u64 << 22).flat_map(|i| ((noise(i) % 50_000) as u16).to_le_bytes()).collect();
    fs::write(&tokens, content).unwrap();
    let tokens = path(tokens);
    let out = path(folder.path().join("out"));
    let common = ["--token-type", "u16", "--sequence-length", "4096", "--stride", "32", "--metric", "vocab-frequency", "--out", &out];
    let analyze = [&["analyze", &tokens][..], &common, &["--json"]].concat();
    let part = |part: &'static str| [&analyze[..], &["--part", part]].concat();
    let partial = folder.path().join("out/vocab-frequency.arrow.parts/part-1-of-2.partial");
    let mut child = command().args(part("1/2")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..3_000 {
        if partial.join("lock").exists() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(60));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(partial.join("journal.json").exists());
    let done: Value = serde_json::from_str(&curricle_ok(&part("1/2"))).unwrap();
    assert_eq!((&done["columns"][0]["continued"], &done["columns"][0]["part"]), (&json!(true), &json!(1)));
    assert!(!partial.exists());
    curricle_ok(&part("2/2"));
    let name = folder.path().join("out/vocab-frequency.totals.arrow");
    curricle_ok(&[&["merge", &tokens][..], &common].concat());
    let merged = fs::read(&name).unwrap();
    curricle_ok(&[&analyze[..], &["--force"]].concat());
    assert!(merged == fs::read(&name).unwrap());
}
