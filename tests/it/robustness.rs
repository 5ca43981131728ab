use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    process::{Command, Stdio},
};

use curricle::{Run, Sampler, SamplerState, columns::ColumnWriter, columns::ValueType, columns::Values};
use curricle_tests::{Corpus, command, curricle, curricle_ok, length};

const RUN: &str = "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"uniform\"\n";

#[test]
fn a_pipe_is_neither_waited_for_nor_replaced() {
    let corpus = Corpus::new(20);
    let pipe = corpus.path("pipe.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = SamplerState::load(&pipe).unwrap_err().to_string();
    assert!(error.contains("it is not a regular file"), "{error}");
    let error = Run::load(&pipe).unwrap_err().to_string();
    assert!(error.contains("it is not a regular file"), "{error}");
    let sampler = Sampler::start(&corpus.run(RUN)).unwrap();
    let error = sampler.state().save(&pipe).unwrap_err().to_string();
    assert!(error.contains("it is not a regular file"), "{error}");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
}

#[test]
fn a_file_is_open_to_those_to_whom_the_user_opens_files() {
    let corpus = Corpus::new(20);
    let run = corpus.run_file(RUN).display().to_string();
    for (umask, mode) in [("007", 0o660), ("077", 0o600)] {
        let state = corpus.path(&format!("{umask}.json"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("umask {umask} && exec \"$0\" \"$@\"")]).arg(command().get_program());
        let output = shell.args(["sample", &run, "--steps", "0..2", "--state"]).arg(&state).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn a_state_is_saved_through_a_link() {
    let corpus = Corpus::new(20);
    fs::write(corpus.path("real.json"), "old").unwrap();
    std::os::unix::fs::symlink(corpus.path("real.json"), corpus.path("link.json")).unwrap();
    Sampler::start(&corpus.run(RUN)).unwrap().state().save(corpus.path("link.json")).unwrap();
    assert!(corpus.path("link.json").is_symlink());
    assert_eq!(SamplerState::load(corpus.path("real.json")).unwrap().step(), 0);
}

#[test]
fn another_column_beside_the_dataset_does_no_harm_to_a_saved_state_but_a_changed_one_is_named() {
    let corpus = Corpus::new(20);
    let mut sampler = Sampler::start(&corpus.run(RUN)).unwrap();
    sampler.next_batch().unwrap();
    let state = sampler.state();
    let write = |name: &str, add: u32| {
        let path = corpus.dataset().columns_dir().join(format!("{name}.arrow"));
        let mut writer = ColumnWriter::create(path, ValueType::U32, corpus.provenance()).unwrap();
        writer.push(&Values::U32((0..20).map(|i| length(i) + add).collect())).unwrap();
        writer.finish().unwrap();
    };
    write("more", 0);
    Sampler::resume(&corpus.run(RUN), &state).unwrap();
    write("length", 5);
    let error = Sampler::resume(&corpus.run(RUN), &state).unwrap_err().to_string();
    assert!(error.contains("column `length` (saved "), "{error}");
}

#[test]
fn a_damaged_column_stops_only_the_run_that_asks_for_it() {
    let corpus = Corpus::new(20);
    fs::write(corpus.dataset().columns_dir().join("broken.arrow"), "no column").unwrap();
    Sampler::start(&corpus.run(RUN)).unwrap().next_batch().unwrap();
    let error = corpus.try_run(&RUN.replace("= 8", "= 8\nvalues = [\"broken\"]")).unwrap_err().to_string();
    assert!(error.contains("column `broken` cannot be used"), "{error}");
}

#[test]
fn numbers_beyond_any_memory_are_refused_before_it_is_asked_for() {
    let corpus = Corpus::new(20);
    let text = format!("seed = 1\nprefetch = 1000000000000\n[dataset]\npath = \"data\"\n{RUN}");
    let config = curricle::RunConfig::parse(&text, "run.toml", corpus.path("")).unwrap();
    assert_eq!(Run::open(config).unwrap_err().to_string(), "run.toml:2:12: 1000000000000 global batches ahead; give at most 1024");
    let error = corpus.try_run(&RUN.replace("= 8", "= 4294967295")).unwrap_err().to_string();
    assert!(error.starts_with("run.toml:5:21: a global batch of 4294967295 samples"), "{error}");
    let padded = RUN.replace("= 8", "= 8\nlayout = \"padded\"\npad-to = 4294967295");
    let error = Sampler::start(&corpus.run(&padded)).unwrap().next_batch().unwrap_err().to_string();
    assert!(error.contains("is over 8 GiB"), "{error}");
}

#[test]
fn half_a_line_that_a_kill_left_is_cut_off() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(RUN).display().to_string();
    let (out, state) = (corpus.path("out.jsonl").display().to_string(), corpus.path("state.json").display().to_string());
    curricle_ok(&["sample", &run, "--steps", "0..3", "--out", &out, "--state", &state]);
    fs::write(&out, fs::read_to_string(&out).unwrap() + "{\"step\":3,\"digest\":\"12").unwrap();
    curricle_ok(&["sample", &run, "--steps", "0..6", "--out", &out, "--state", &state]);
    let steps: Vec<u64> = fs::read_to_string(&out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn lines_are_added_to_somebodys_file_without_taking_any_of_it() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(RUN).display().to_string();
    let (out, state) = (corpus.path("notes.txt").display().to_string(), corpus.path("state.json").display().to_string());
    for (text, options) in [("first\nsecond", &["--state", &state][..]), ("first\n{\"mine\": ", &[]), ("all of it", &[])] {
        fs::write(&out, text).unwrap();
        let _ = fs::remove_file(&state);
        curricle_ok(&[&["sample", &run, "--steps", "0..2", "--out", &out][..], options].concat());
        let after = fs::read_to_string(&out).unwrap();
        let added = after.strip_prefix(&format!("{text}\n")).unwrap_or_else(|| panic!("{after}"));
        assert_eq!(added.lines().filter(|line| line.starts_with("{\"annotations\"")).count(), 2);
    }
}

#[test]
fn a_standard_output_that_takes_nothing_is_an_error_and_no_panic() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(RUN).display().to_string();
    let data = corpus.path("data").display().to_string();
    for args in [&["info", &data][..], &["simulate", &run, "--steps", "9"], &["sample", &run], &["analyze", &data, "--metric", "seqlen"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command().args(args).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{args:?}: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

#[test]
fn the_demo_replaces_nothing_that_no_demo_made() {
    let corpus = Corpus::new(1);
    fs::create_dir_all(corpus.path("here/corpus")).unwrap();
    fs::write(corpus.path("here/corpus/precious"), "text").unwrap();
    let here = corpus.path("here").display().to_string();
    let output = curricle(&["demo", "--dir", &here]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no demo made it"));
    assert!(corpus.path("here/corpus/precious").exists());
    // Files are no less precious than folders.
    fs::rename(corpus.path("here/corpus"), corpus.path("elsewhere")).unwrap();
    fs::write(corpus.path("here/report.md"), "mine").unwrap();
    assert!(!curricle(&["demo", "--dir", &here]).status.success());
    assert_eq!(fs::read_to_string(corpus.path("here/report.md")).unwrap(), "mine");
}

#[test]
fn the_first_annotation_of_a_long_simulation_is_that_of_its_first_step() {
    let corpus = Corpus::new(200);
    let run = corpus.run_file(
        "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"curriculum\"\n[policy.config]\n\
         metrics = [{ column = \"length\", by = \"value\", pacing = \"p\" }]\n[pacing.p]\nkind = \"linear\"\nmin = 10\nmax = 40\nsteps = 900\n",
    );
    let summary = curricle_ok(&["simulate", &run.display().to_string(), "--steps", "2000", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["annotations"]["difficulty:length"], serde_json::json!({ "first": 10.0, "last": 40.0 }));
}

#[test]
fn a_cache_that_lost_its_end_or_has_other_bits_is_made_again() {
    let corpus = Corpus::new(1);
    let rows: Vec<Option<Vec<Option<i32>>>> = (0..50).map(|i| Some((0..i % 7 + 1).map(|t| Some(i + t)).collect())).collect();
    let list = arrow_array::ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>(rows);
    let batch = arrow_array::RecordBatch::try_from_iter([("tokens", std::sync::Arc::new(list) as _)]).unwrap();
    let path = corpus.path("tokens.parquet");
    let mut writer = parquet::arrow::ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let cache = corpus.path("cache");
    let info = || {
        let output = command().args(["info", &path.display().to_string(), "--json"]).env("CURRICLE_CACHE", &cache).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let whole = info();
    let unpacked = fs::read_dir(cache.join("unpacked")).unwrap().next().unwrap().unwrap().path();
    for file in ["tokens.bin", "tokens.idx", "tokens.seal"] {
        let written = fs::read(unpacked.join(file)).unwrap();
        let mut flipped = written.clone();
        flipped[written.len() / 2] ^= 16;
        for damaged in [&[][..], &written[..written.len() - 1], &flipped] {
            fs::write(unpacked.join(file), damaged).unwrap();
            assert_eq!(info(), whole);
            assert!(fs::read(unpacked.join(file)).unwrap() == written, "{file} was not made again");
        }
    }
}

#[test]
fn a_flipped_bit_in_a_column_of_a_dataset_is_found_by_a_check() {
    let corpus = Corpus::new(300);
    let data = corpus.path("data").display().to_string();
    curricle_ok(&["info", &data, "--check"]);
    let column = corpus.dataset().columns_dir().join("hardness.arrow");
    let whole = fs::read(&column).unwrap();
    let at = whole.windows(4).position(|bytes| bytes == curricle_tests::hardness(7).to_le_bytes()).unwrap();
    let mut flipped = whole.clone();
    flipped[at] ^= 1;
    fs::write(&column, &flipped).unwrap();
    let output = curricle(&["info", &data, "--check"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(
        errors.ends_with(
            "the dataset is whole, but not its column `hardness`: column `hardness`: its bytes are not those that were written; make it \
             again with `curricle analyze`\n"
        ),
        "{errors}"
    );
}

#[cfg(unix)]
#[test]
fn a_tokenizer_that_is_a_pipe_is_not_waited_for() {
    let corpus = Corpus::new(1);
    let pipe = corpus.path("tokenizer.json").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(corpus.path("a.jsonl"), "{\"text\":\"a\"}").unwrap();
    let source = corpus.path("a.jsonl").display().to_string();
    let output = curricle(&["import", &source, "--out", &corpus.path("out").display().to_string(), "--tokenizer", &pipe]);
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("error: cannot open `{pipe}`: it is not a regular file\n"));
}
