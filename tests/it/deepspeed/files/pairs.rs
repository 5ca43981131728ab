//! `.bin`/`.idx` pairs of DeepSpeed's builders, and for its readers.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use curricle::dataset::{Dataset, Dialect, ElementType, IndexedFile, IndexedWriter, Magic, PairFormat, TokenType, write_index};
use curricle_tests::{command, curricle, curricle_ok};
use serde_json::Value;

use super::{golden, json};

const MAGICS: [Magic; 2] = [Magic::MMap, Magic::Tntidx];

/// The elements of an item of a JSON file, as bytes.
fn bytes(item: &Value, token_type: TokenType) -> Vec<u8> {
    let number = |v: &Value| v.as_i64().map(i128::from).or(v.as_u64().map(i128::from)).unwrap();
    item.as_array().unwrap().iter().flat_map(|v| number(v).to_le_bytes()[..token_type.width()].to_vec()).collect()
}

fn documents(file: &IndexedFile) -> Vec<i64> {
    file.document_index().collect()
}

/// Some elements of a type, which are those of no other type.
fn sample_of(element: ElementType) -> Vec<u8> {
    match element {
        ElementType::Int(token_type) => [1u64, 100, 7].iter().flat_map(|n| n.to_le_bytes()[..token_type.width()].to_vec()).collect(),
        ElementType::F32 => [0.5f32, -2.25, 1e30].map(f32::to_le_bytes).concat(),
        ElementType::F64 => [0.5f64, -2.25, 1e300].map(f64::to_le_bytes).concat(),
    }
}

#[test]
fn pairs_of_both_builders_in_every_type_are_read_and_written_alike_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let contents = json("indexed/indexed.json");
    for token_type in TokenType::ALL {
        let content = &contents[token_type.name()];
        let items: Vec<Vec<u8>> = content["items"].as_array().unwrap().iter().map(|item| bytes(item, token_type)).collect();
        let bounds: Vec<i64> = content["documents"].as_array().unwrap().iter().map(|bound| bound.as_i64().unwrap()).collect();
        for (kind, magic) in ["mmap", "lazy"].into_iter().zip(MAGICS) {
            let name = format!("{kind}-{token_type}");
            let theirs = golden("indexed").join(&name);
            let file = IndexedFile::open(&theirs).unwrap();
            assert_eq!((file.element_type(), file.magic()), (ElementType::Int(token_type), magic), "{name}");
            let found: Vec<Vec<u8>> = file.items(0..file.len()).unwrap().map(|item| item.unwrap().to_vec()).collect();
            assert_eq!((found, documents(&file)), (items.clone(), bounds.clone()), "{name}");

            let made = folder.path().join(&name);
            let format = PairFormat { magic, dialect: Dialect::DeepSpeed };
            let mut writer = IndexedWriter::create(&made, token_type, format).unwrap();
            for (i, item) in (1..).zip(&items) {
                writer.push(item).unwrap();
                if bounds.contains(&i) {
                    writer.end_document().unwrap();
                }
            }
            writer.finish().unwrap();
            for extension in ["bin", "idx"] {
                let [made, theirs] = [&made, &theirs].map(|prefix| fs::read(prefix.with_extension(extension)).unwrap());
                assert_eq!(made, theirs, "{name}.{extension}");
            }
        }
    }
}

#[test]
fn a_joined_pair_has_the_bounds_of_its_documents_once() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = IndexedFile::open(golden("indexed/merged")).unwrap();
    assert_eq!(documents(&theirs), [0, 2, 4, 6, 8, 8]);
    let part = IndexedFile::open(golden("indexed/mmap-uint16")).unwrap();
    let mut writer = IndexedWriter::create(folder.path().join("p"), TokenType::U16, Dialect::DeepSpeed).unwrap();
    writer.append(&part, &|_| Ok(())).unwrap();
    writer.append(&part, &|_| Ok(())).unwrap();
    writer.finish().unwrap();
    let made = IndexedFile::open(folder.path().join("p")).unwrap();
    assert_eq!(documents(&made), [0, 2, 4, 6, 8]);
    assert_eq!(made.sizes().collect::<Result<Vec<_>, _>>().unwrap(), theirs.sizes().collect::<Result<Vec<_>, _>>().unwrap());
    assert_eq!(fs::read(folder.path().join("p.bin")).unwrap(), fs::read(golden("indexed/merged.bin")).unwrap());

    // A pair that repeats a bound does not pass it on, and an open document ends where another pair begins.
    let mut writer = IndexedWriter::create(folder.path().join("q"), TokenType::U16, Magic::Tntidx).unwrap();
    writer.push(&[1, 0]).unwrap();
    writer.append(&theirs, &|_| Ok(())).unwrap();
    writer.extend(&[2, 0]).unwrap();
    writer.append(&part, &|_| Ok(())).unwrap();
    writer.finish().unwrap();
    let made = IndexedFile::open(folder.path().join("q")).unwrap();
    assert_eq!(documents(&made), [0, 1, 3, 5, 7, 9, 10, 12, 14]);
    assert_eq!((made.bytes(9).unwrap(), made.bytes(10).unwrap()), (&[2, 0][..], part.bytes(0).unwrap()));
}

/// B13.
#[test]
fn a_type_keeps_its_meaning_in_every_dialect_or_the_message_names_the_option_that_settles_it() {
    let folder = tempfile::tempdir().unwrap();
    for (dialect, missing) in [
        (Dialect::Megatron, vec!["uint32", "uint64"]),
        (Dialect::DeepSpeed, vec!["float32", "float64"]),
        (Dialect::DeepSpeedBefore0133, vec!["float32"]),
    ] {
        for element in ElementType::ALL {
            for magic in MAGICS {
                let prefix = folder.path().join(format!("{dialect}-{element}-{magic:?}"));
                let format = PairFormat { magic, dialect };
                let mut writer = match IndexedWriter::create(&prefix, element, format) {
                    Ok(writer) => writer,
                    Err(error) => {
                        assert!(missing.contains(&element.name()), "{error}");
                        let message = error.to_string();
                        assert!(message.contains(&format!("has no type code for `{element}`; write ")), "{message}");
                        assert!(write_index(&prefix, element, format, []).is_err());
                        continue;
                    }
                };
                assert!(!missing.contains(&element.name()));
                let item = sample_of(element);
                writer.push(&item).unwrap();
                writer.push(&[]).unwrap();
                writer.push(&item).unwrap();
                writer.finish().unwrap();
                match IndexedFile::open(&prefix) {
                    Ok(file) => assert_eq!(file.element_type(), element, "{}", prefix.display()),
                    Err(error) => {
                        // Four bytes under code 7: `uint32` to one and `float32` to another.
                        assert_eq!((dialect, element), (Dialect::Megatron, ElementType::F32));
                        let message = error.to_string();
                        assert!(message.contains("is ambiguous") && message.contains("`--token-type` on the command line"), "{message}");
                    }
                }
                let file = IndexedFile::open_as(&prefix, element).unwrap();
                assert_eq!(file.bytes(2).unwrap(), item);
                assert_eq!(file.n_elements(), 6);
            }
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2 * 2 * (8 + 8 + 9), "a refused pair leaves nothing");
}

#[test]
fn dialects_and_element_types_are_read_as_they_are_written_and_others_refused_with_the_list() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect.to_string().parse::<Dialect>().unwrap(), dialect);
    }
    for element in ElementType::ALL {
        assert_eq!(element.to_string().parse::<ElementType>().unwrap(), element);
    }
    let message = "fairseq".parse::<Dialect>().unwrap_err().to_string();
    assert_eq!(message, "dialect: `fairseq` is none; use one of `megatron`, `deepspeed`, `deepspeed-before-0.13.3`");
    let message = "bool".parse::<ElementType>().unwrap_err().to_string();
    assert!(message.contains("`int64`, `float32`, `float64`"), "{message}");
}

/// B12.
#[test]
fn a_pair_without_items_or_without_elements_is_read_and_joined_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    for magic in MAGICS {
        for n in [0, 3] {
            let prefix = folder.path().join("p");
            let mut writer = IndexedWriter::create(&prefix, TokenType::U16, magic).unwrap();
            (0..n).for_each(|_| writer.push(&[]).unwrap());
            writer.finish().unwrap();
            let file = IndexedFile::open_as(&prefix, TokenType::U16.into()).unwrap();
            assert_eq!((file.len(), file.n_elements(), file.is_empty()), (n, 0, n == 0));
            assert!(file.items(0..n).unwrap().all(|item| item.unwrap().is_empty()));
            let mut writer = IndexedWriter::create(folder.path().join("q"), TokenType::U16, magic).unwrap();
            writer.append(&file, &|_| Ok(())).unwrap();
            writer.push(&[5, 0]).unwrap();
            writer.append(&file, &|_| Ok(())).unwrap();
            writer.finish().unwrap();
            let joined = IndexedFile::open(folder.path().join("q")).unwrap();
            assert_eq!((joined.len(), joined.bytes(n).unwrap()), (2 * n + 1, &[5, 0][..]));
        }
    }
}

/// B20.
#[test]
fn pairs_larger_than_the_memory_allowed_are_joined() {
    const TOKENS: u32 = 16 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // 32 MiB each, of which the disk holds nothing.
    for name in ["a", "b", "c"] {
        File::create(path(&format!("{name}.bin"))).unwrap().set_len(u64::from(TOKENS) * 2).unwrap();
        write_index(path(name), TokenType::U16, Magic::MMap, [Ok(1 << 20), Ok(TOKENS - (1 << 20))]).unwrap();
    }
    // Allocations and stacks of 24 MiB in all; mapped files are no part of it.
    let script = "ulimit -d 24576 && exec \"$CURRICLE\" join \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh", &path("a"), &path("b"), &path("c"), "--out", &path("all"), "--json"])
        .env("CURRICLE", command().get_program())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((summary["items"].as_u64(), summary["documents"].as_u64()), (Some(6), Some(6)));
    assert_eq!(IndexedFile::open(path("all")).unwrap().n_elements(), 3 * u64::from(TOKENS));
}

#[test]
fn joining_rewrites_a_pair_for_another_reader_and_refuses_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [mmap, lazy] = ["mmap", "lazy"].map(|kind| golden(&format!("indexed/{kind}-uint16")).display().to_string());
    curricle_ok(&["join", &mmap, "--out", &path("old"), "--dialect", "megatron"]);
    assert_eq!(fs::read(path("old.idx")).unwrap()[17], 8);
    curricle_ok(&["join", &path("old"), "--out", &path("new"), "--dialect", "deepspeed", "--index", "tntidx"]);
    assert_eq!(fs::read(path("new.idx")).unwrap(), fs::read(format!("{lazy}.idx")).unwrap());

    let refused = |args: &[&str]| {
        let output = curricle(&[&["join"], args, &["--out", &path("old")]].concat());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap().replace(&path(""), ""))
    };
    let (code, message) = refused(&[&mmap]);
    assert_eq!(code, 2);
    assert!(message.contains("`--out`: `old.bin` exists; name another pair, or replace it with `--force`"), "{message}");
    // Who looks for this among the verbs that make datasets is told.
    let output = curricle(&["import", &mmap, "--out", &path("x")]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(3) && message.contains("make one of several with `curricle join`"), "{message}");
    let other = golden("indexed/mmap-int32").display().to_string();
    let (code, message) = refused(&["--force", &mmap, &other]);
    assert_eq!(code, 3);
    assert!(message.contains("its elements are `int32`, and those of `") && message.contains("join pairs of one type"), "{message}");
    // A pair may even be replaced by what it is a part of.
    curricle_ok(&["join", &path("old"), &path("old"), "--out", &path("old"), "--force"]);
    assert_eq!(documents(&IndexedFile::open(path("old")).unwrap()), [0, 2, 4, 6, 8]);
    // Elements that only the caller can name.
    let mut writer = IndexedWriter::create(path("loss"), ElementType::F32, Dialect::Megatron).unwrap();
    writer.push(&sample_of(ElementType::F32)).unwrap();
    writer.finish().unwrap();
    let (code, message) = refused(&["--force", &path("loss")]);
    assert!(code == 3 && message.contains("`float32` (Megatron-LM) it is; say which"), "{message}");
    curricle_ok(&["join", &path("loss"), "--out", &path("both"), "--token-type", "float32", "--dialect", "megatron"]);
    assert_eq!(fs::read(path("both.idx")).unwrap(), fs::read(path("loss.idx")).unwrap());
}

#[test]
fn an_import_is_written_for_the_reader_that_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(path("texts")).unwrap();
    fs::write(path("texts/a.txt"), "of bytes and an end").unwrap();
    for (dialect, code) in [("megatron", 8), ("deepspeed-before-0.13.3", 8), ("deepspeed", 6)] {
        let out = path(dialect);
        curricle_ok(&["import", &path("texts"), "--out", &out, "--append-end", "256", "--dialect", dialect]);
        assert_eq!(fs::read(Path::new(&out).join("tokens.idx")).unwrap()[17], code);
        let dataset = Dataset::open(&out).unwrap();
        assert_eq!((dataset.token_type(), dataset.sample(0).unwrap().iter().last()), (TokenType::U16, Some(256)));
    }
}

/// B30.
#[test]
fn a_reader_is_shared_by_threads_and_processes_and_an_id_out_of_range_is_an_error() {
    let prefix = golden("indexed/mmap-uint32");
    let file = IndexedFile::open(&prefix).unwrap();
    let expected: Vec<Vec<u8>> = file.items(0..4).unwrap().map(|item| item.unwrap().to_vec()).collect();
    let read = || command().args(["info", &prefix.display().to_string(), "--check", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let children = [read(), read(), read()];
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..1000).for_each(|i| assert_eq!(file.bytes(i % 4).unwrap(), expected[(i % 4) as usize])));
        }
    });
    for child in children {
        let facts: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(facts["samples"], 4);
    }
    for i in [4, u64::MAX] {
        let message = file.bytes(i).unwrap_err().to_string();
        assert!(message.ends_with(&format!("there is no item {i}, it has 4; ask for an item that exists")), "{message}");
        assert!(file.size(i).is_err() && file.part(i, 0..0).is_err());
    }
    let dataset = Dataset::open(&prefix).unwrap();
    assert!(dataset.sample(4).unwrap_err().to_string().contains("has no sample 4, only 4"));
}

#[test]
fn a_part_of_an_item_and_a_range_of_items_are_read_without_the_rest() {
    let file = IndexedFile::open(golden("indexed/lazy-int16")).unwrap();
    let whole = file.bytes(0).unwrap();
    assert_eq!(file.part(0, 1..3).unwrap(), &whole[2..6]);
    assert_eq!(file.part(0, 3..3).unwrap(), b"");
    assert_eq!(file.part(2, 0..2).unwrap(), file.bytes(2).unwrap());
    for asked in [1..4, 3..4, u64::MAX - 1..u64::MAX, 0..u64::MAX] {
        let message = file.part(0, asked.clone()).unwrap_err().to_string();
        assert!(message.contains(&format!("elements {}..{} of item 0 were asked for, and it has 3", asked.start, asked.end)), "{message}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let backwards = 2..1;
    assert!(file.part(0, backwards.clone()).is_err() && file.items(backwards).is_err());
    assert_eq!(file.items(1..3).unwrap().map(|item| item.unwrap().len()).collect::<Vec<_>>(), [0, 4]);
    let message = file.items(2..5).map(drop).unwrap_err().to_string();
    assert!(message.contains("items 2..5 were asked for, and it has 4"), "{message}");
}
