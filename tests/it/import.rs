use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use arrow_array::{ArrayRef, RecordBatch, StringArray, StringViewArray, types::Int32Type};
use curricle::{
    columns::Column,
    dataset::{Dataset, TokenType},
};
use curricle_tests::{command, curricle, curricle_ok, noise};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Work(TempDir);

impl Work {
    fn new() -> Work {
        Work(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self.path(name)
    }

    /// Runs an import into the folder `out`, which must succeed, and gives its summary.
    fn import(&self, source: &str, out: &str, options: &[&str]) -> Value {
        let text = curricle_ok(&[&["import", &self.path(source), "--out", &self.path(out), "--json"], options].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// Runs an import that must fail, and gives its exit code and message without what is different each time.
    fn refused(&self, source: &str, options: &[&str]) -> (i32, String) {
        let output = curricle(&[&["import", &self.path(source), "--out", &self.path("refused")], options].concat());
        let message = String::from_utf8(output.stderr).unwrap().replace(&self.path(""), "");
        assert!(!Path::new(&self.path("refused")).exists());
        (output.status.code().unwrap(), message.trim_end().to_owned())
    }

    fn dataset(&self, name: &str) -> Dataset {
        Dataset::open(self.path(name)).unwrap()
    }

    fn domains(&self, name: &str) -> Vec<String> {
        let column = Column::open(self.dataset(name).columns_dir().join("domain.arrow")).unwrap();
        let counted = column.categories().unwrap();
        counted.iter().map(|(name, n)| format!("{name} {n}")).collect()
    }
}

fn documents(dataset: &Dataset) -> Vec<Vec<u8>> {
    (0..dataset.len()).map(|id| dataset.sample(id).unwrap().bytes().to_vec()).collect()
}

/// Every file below a folder, with its bytes; `dataset.json` without the source, which differs.
fn tree(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(&next).unwrap().map(|e| e.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => found.push((path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

/// Text of document `i`: of any length, empty at times, with characters of several bytes.
fn text(i: u64) -> String {
    (0..noise(i) % 60).map(|w| ["one ", "two ", "drei ", "quatre ", "пять ", "六 ", "\n"][(noise(i << 8 | w) % 7) as usize]).collect()
}

fn kind(i: u64) -> &'static str {
    if i.is_multiple_of(2) { "a" } else { "b" }
}

fn lines(n: u64) -> String {
    let line = |i| json!({ "id": i, "text": text(i), "meta": { "kind": kind(i) } }).to_string() + "\n";
    (0..n).map(line).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// A tokenizer of whole words, with an unknown token, and with truncation and padding that must be left out.
fn tokenizer() -> String {
    let vocab = json!({ "[UNK]": 0, "one": 1, "two": 2, "drei": 3, "quatre": 4, "пять": 5, "六": 300 });
    json!({
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0 },
        "padding": { "strategy": { "Fixed": 9 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
                     "pad_token": "[UNK]" },
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]" },
    })
    .to_string()
}

#[test]
fn a_folder_becomes_a_dataset_with_a_document_a_file() {
    let work = Work::new();
    for (name, text) in [("s/a/1.md", "one"), ("s/b.rs", "fn"), ("s/c.md", ""), ("s/.d.md", "x"), ("s/e.png", "x")] {
        work.write(name, text);
    }
    work.write("s/f.md", b"\xff\0raw");
    let summary = work.import("s", "out", &["--include", "md,rs", "--domain", "extension", "--append-end", "0"]);
    let dataset = work.dataset("out");
    assert_eq!(documents(&dataset), [&b"one\0"[..], b"fn\0", b"\xff\0raw\0"]);
    assert_eq!((dataset.token_type(), dataset.vocab_size()), (TokenType::U8, Some(256)));
    assert_eq!(work.domains("out"), ["md 2", "rs 1"]);
    dataset.verify(&|_| ()).unwrap();
    for (key, value) in
        [("documents", json!(3)), ("tokens", json!(13)), ("text_bytes", json!(10)), ("categories", json!({"md": 2, "rs": 1}))]
    {
        assert_eq!(summary[key], value, "{key}");
    }
    assert_eq!(summary["skipped"], json!({ "empty": 1, "hidden": 1, "links": 0, "special": 0, "not_included": 1 }));
    let names: Vec<_> = tree(&work.path("out")).into_iter().map(|(name, _)| name.display().to_string()).collect();
    assert_eq!(names, ["columns/domain.arrow", "dataset.json", "tokens.bin", "tokens.idx"]);
}

#[test]
fn all_kinds_of_files_agree_in_every_token_and_domain() {
    let work = Work::new();
    let text_of = |i| Some(text(i)).filter(|t| !t.is_empty());
    work.write("plain.jsonl", lines(700));
    work.write("zipped.json.gz", gzip(lines(700).as_bytes()));
    work.write("packed.jsonl.zst", zstd::encode_all(lines(700).as_bytes(), 1).unwrap());
    let texts: StringArray = (0..700).map(text_of).collect();
    let kinds: arrow_array::DictionaryArray<Int32Type> = (0..700).map(kind).collect();
    work.write("table.parquet", parquet(vec![("text", Arc::new(texts)), ("meta.kind", Arc::new(kinds))]));
    let views: StringViewArray = (0..700).map(text_of).collect();
    let kinds: StringArray = (0..700).map(|i| Some(kind(i))).collect();
    work.write("views.parquet", parquet(vec![("meta.kind", Arc::new(kinds)), ("text", Arc::new(views))]));
    for i in 0..700 {
        work.write(&format!("folder/{:03}", i), text(i));
    }
    work.import("folder", "folder.out", &[]);
    let expected = documents(&work.dataset("folder.out"));
    assert_eq!(expected, (0..700).map(|i| text(i).into_bytes()).filter(|t| !t.is_empty()).collect::<Vec<_>>());
    let mut columns = Vec::new();
    for name in ["plain.jsonl", "zipped.json.gz", "packed.jsonl.zst", "table.parquet", "views.parquet"] {
        let out = format!("{name}.out");
        work.import(name, &out, &["--domain", "field:meta.kind"]);
        let dataset = work.dataset(&out);
        assert!(documents(&dataset) == expected, "{name}");
        columns.push(fs::read(dataset.columns_dir().join("domain.arrow")).unwrap());
    }
    assert!(columns.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_folder_of_files_of_documents_is_read_in_order_and_their_names_are_the_domain() {
    let work = Work::new();
    work.write("s/wiki.jsonl", "{\"body\":\"w1\"}\n{\"body\":\"w2\"}");
    work.write("s/books.jsonl.zst", zstd::encode_all(&b"{\"body\":\"b1\"}\n"[..], 1).unwrap());
    work.import("s", "out", &["--text-field", "body"]);
    assert_eq!(documents(&work.dataset("out")), [b"b1", b"w1", b"w2"]);
    assert_eq!(work.domains("out"), ["books 1", "wiki 2"]);
    let summary = work.import("s", "small", &["--text-field", "body", "--max-size", "5"]);
    assert_eq!((&summary["documents"], &summary["text_bytes"]), (&json!(2), &json!(4)));
    assert_eq!(work.domains("small"), ["books 1", "wiki 1"]);
}

#[test]
fn a_tokenizer_json_makes_the_tokens_whatever_the_number_of_threads() {
    let work = Work::new();
    let tokenizer = work.write("tokenizer.json", tokenizer());
    work.write("s.jsonl", lines(900));
    for threads in ["1", "2", "7"] {
        let args = ["import", &work.path("s.jsonl"), "--out", &work.path(threads), "--tokenizer", &tokenizer, "--append-end", "301"];
        let status = command().args(args).env("RAYON_NUM_THREADS", threads).status().unwrap();
        assert!(status.success());
    }
    assert!(tree(&work.path("1")) == tree(&work.path("2")) && tree(&work.path("1")) == tree(&work.path("7")));
    let dataset = work.dataset("1");
    assert_eq!((dataset.token_type(), dataset.vocab_size()), (TokenType::U16, Some(302)));
    let id = |word: &str| ["[UNK]", "one", "two", "drei", "quatre", "пять"].iter().position(|w| *w == word).unwrap_or(300) as u16;
    let expected: Vec<Vec<u8>> = (0..900)
        .map(|i| text(i).split_whitespace().map(id).collect::<Vec<u16>>())
        .filter(|ids| !ids.is_empty())
        .map(|ids| ids.into_iter().chain([301]).flat_map(u16::to_le_bytes).collect())
        .collect();
    assert!(documents(&dataset) == expected);
    let manifest: Value = serde_json::from_slice(&fs::read(work.path("1/dataset.json")).unwrap()).unwrap();
    assert_eq!(manifest["tokenizer"]["sha256"].as_str().unwrap().len(), 64);
}

/// The options of an import that saves after so many bytes.
fn saving_every(size: &str, work: &Work) -> Vec<String> {
    let tokenizer = work.write("tokenizer.json", tokenizer());
    ["--tokenizer", &tokenizer, "--save-every", size].map(str::to_owned).to_vec()
}

#[test]
fn an_import_killed_after_any_document_goes_on_to_the_same_bytes() {
    let work = Work::new();
    let options = saving_every("2kB", &work);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    work.write("s/a.jsonl", lines(300));
    work.write("s/b.jsonl.gz", gzip(lines(300).as_bytes()));
    work.write("s/c.jsonl.zst", zstd::encode_all(lines(300).as_bytes(), 1).unwrap());
    let texts: StringArray = (0..300).map(|i| Some(text(i))).collect();
    work.write("s/d.parquet", parquet(vec![("text", Arc::new(texts))]));
    let whole = work.import("s", "whole", &options);
    assert_eq!(fs::read_dir(work.path("")).unwrap().count(), 3);
    let last = whole["documents"].as_u64().unwrap();
    for die_after in [1, 100, 101, 290, 400, 640, 900, 1000, last] {
        let die_after = die_after.to_string();
        let (source, out) = (work.path("s"), work.path("broken"));
        let args = [&["import", &source, "--out", &out], &options[..], &["--die-after", &die_after]].concat();
        assert_eq!(curricle(&args).status.code(), None, "{die_after}");
        assert!(!Path::new(&work.path("broken")).exists());
    }
    let mut broken = work.import("s", "broken", &options);
    for key in ["out", "seconds"] {
        broken[key] = whole[key].clone();
    }
    assert_eq!(broken, whole);
    assert!(tree(&work.path("broken")) == tree(&work.path("whole")));
    assert!(!Path::new(&work.path("broken.partial")).exists());
}

#[test]
fn an_import_killed_at_any_moment_goes_on_to_the_same_bytes() {
    let work = Work::new();
    let options = saving_every("20kB", &work);
    for i in 0..3 {
        work.write(&format!("s/{i}.jsonl"), lines(2000));
    }
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    work.import("s", "whole", &options);
    let mut goes = 0;
    while !Path::new(&work.path("broken")).exists() || Path::new(&work.path("broken.partial")).exists() {
        let mut import = command().args(["import", &work.path("s"), "--out", &work.path("broken")]).args(&options).spawn().unwrap();
        thread::sleep(Duration::from_millis(10 + noise(goes) % 150));
        import.kill().unwrap();
        import.wait().unwrap();
        goes += 1;
        assert!(goes < 500, "it does not come to an end");
    }
    assert!(tree(&work.path("broken")) == tree(&work.path("whole")), "after {goes} goes");
}

#[cfg(unix)]
#[test]
fn an_interrupt_is_answered_with_how_to_go_on() {
    let work = Work::new();
    let tokenizer = work.write("tokenizer.json", tokenizer());
    for i in 0..40 {
        work.write(&format!("s/{i:02}.jsonl"), lines(2000));
    }
    let options = ["--tokenizer", &tokenizer];
    let mut import = command();
    import.args(["import", &work.path("s"), "--out", &work.path("out")]).args(options).stderr(std::process::Stdio::piped());
    let import = import.spawn().unwrap();
    while !Path::new(&work.path("out.partial/journal.json")).exists() {
        thread::sleep(Duration::from_millis(5));
    }
    let id = import.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = import.wait_with_output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{message}");
    assert!(message.starts_with("error: interrupted while importing; run the same command again to go on from document "), "{message}");
    work.import("s", "out", &options);
    work.import("s", "whole", &options);
    assert!(tree(&work.path("out")) == tree(&work.path("whole")));
}

#[test]
fn what_another_command_began_is_replaced_only_if_that_is_wished() {
    let work = Work::new();
    work.write("s.jsonl", lines(300));
    let args = |more: &[&str]| -> Vec<String> {
        let given = ["import", &work.path("s.jsonl"), "--out", &work.path("out"), "--save-every", "1kB"].map(str::to_owned);
        given.into_iter().chain(more.iter().map(|m| (*m).to_owned())).collect()
    };
    let run = |more: &[&str]| {
        let args = args(more);
        let output = curricle(&args.iter().map(String::as_str).collect::<Vec<_>>());
        (output.status.code(), String::from_utf8(output.stderr).unwrap().replace(&work.path(""), ""))
    };
    assert_eq!(run(&["--die-after", "200"]).0, None);
    let (code, message) = run(&["--max-size", "1MB"]);
    assert_eq!(code, Some(2));
    assert_eq!(
        message,
        "error: `--out`: `out.partial` holds another import: `--max-size` was not given and is `1000000`; \
         give the command that began it, or begin again with `--force`\n"
    );
    assert_eq!(run(&["--max-size", "1MB", "--force"]), (Some(0), String::new()));
    let (code, message) = run(&[]);
    assert_eq!(code, Some(2));
    assert_eq!(message, "error: `--out`: `out` exists; name another folder, or replace it with `--force`\n");
    assert_eq!(run(&["--domain", "folder", "--force"]), (Some(0), String::new()));
    assert_eq!(work.domains("out"), [format!("s {}", work.dataset("out").len())]);
    assert!(!Path::new(&work.path("out.partial")).exists());
}

#[test]
fn bad_input_is_one_error_that_says_where_and_leaves_nothing_behind() {
    let work = Work::new();
    work.write("broken.jsonl", "{\"text\":\"x\"}\n\n{\"text\" \"y\"}\n");
    work.write("fields.jsonl", "{\"body\":\"x\"}\n");
    work.write("none.jsonl", "\n");
    let (gz, zst) = (gzip(lines(500).as_bytes()), zstd::encode_all(lines(500).as_bytes(), 1).unwrap());
    work.write("cut.jsonl.gz", &gz[..gz.len() / 2]);
    work.write("cut.jsonl.zst", &zst[..zst.len() / 2]);
    let whole = parquet(vec![("text", Arc::new(StringArray::from_iter_values((0..500).map(text))) as ArrayRef)]);
    work.write("whole.parquet", &whole);
    work.write("cut.parquet", &whole[..whole.len() / 2]);
    work.write("tokenizer.json", "{}");
    fs::create_dir(work.path("empty")).unwrap();
    let said = |source: &str, options: &[&str], code: i32, expected: &str| {
        let (found, message) = work.refused(source, options);
        assert!(message.starts_with(expected), "{message}\n{expected}");
        assert_eq!(found, code, "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(!Path::new(&work.path("refused.partial")).exists(), "{message}");
    };
    let field = "name the field that holds the text with `--text-field`";
    said(
        "broken.jsonl",
        &[],
        3,
        "error: dataset `broken.jsonl:3`: the line is no JSON (expected `:` at column 9); correct or remove the line",
    );
    said("fields.jsonl", &[], 3, &format!("error: dataset `fields.jsonl:1`: the line has no field `text`; its fields are `body`; {field}"));
    said("cut.jsonl.gz", &[], 3, "error: dataset `cut.jsonl.gz`: it is cut off or damaged after line ");
    said("cut.jsonl.zst", &[], 3, "error: dataset `cut.jsonl.zst`: it is cut off or damaged after line 0 (");
    said("cut.parquet", &[], 3, "error: dataset `cut.parquet`: it is damaged, or no Parquet file (");
    said(
        "whole.parquet",
        &["--text-field", "body"],
        3,
        "error: dataset `whole.parquet`: it has no column `body`; its columns are `text`; name another column with `--text-field`",
    );
    let nothing = "check SOURCE, `--include`, `--text-field` and `--max-size`";
    said("none.jsonl", &[], 3, &format!("error: dataset `none.jsonl`: no document with text was found in 1 files; {nothing}"));
    said("empty", &[], 3, &format!("error: dataset `empty`: no document with text was found in 0 files; {nothing}"));
    said("missing", &[], 5, "error: cannot open `missing`: ");
    let tokenizer = work.path("tokenizer.json");
    said("whole.parquet", &["--tokenizer", &tokenizer], 2, "error: `--tokenizer`: `tokenizer.json` is no tokenizer that can be used (");
}
