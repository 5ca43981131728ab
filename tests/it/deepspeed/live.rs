//! DeepSpeed itself, on request: `CURRICLE_DEEPSPEED` names a Python that has it, of the version in `golden/deepspeed/README.md`.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use curricle::{
    columns::Column,
    dataset::{Dialect, IndexedWriter, TokenType},
};
use curricle_tests::{Corpus, curricle_ok, hardness, length};
use serde_json::{Value, json};

/// Runs a script of this repository; nothing, with a word about it, where DeepSpeed was not asked for.
fn deepspeed(script: &str, arguments: &[&str]) -> Result<Option<Vec<u8>>> {
    let Some(python) = env::var_os("CURRICLE_DEEPSPEED") else {
        eprintln!("skipped: CURRICLE_DEEPSPEED names no Python that has DeepSpeed");
        return Ok(None);
    };
    let mut command = Command::new(python);
    command.arg("-B").arg(tests().join(script)).args(arguments).env("DS_ACCELERATOR", "cpu").stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(Some(output.stdout))
}

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `live.py` finds out.
fn ask(verb: &str, arguments: &[&str]) -> Result<Option<Value>> {
    let found = deepspeed("it/deepspeed/live.py", &[&[verb], arguments].concat())?;
    Ok(found.map(|json| serde_json::from_slice(&json)).transpose()?)
}

/// Every file below a folder, by its path in there; not the scripts and words that make and explain them.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(&inner)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.extension().is_some_and(|e| e == "py" || e == "md") {
                found.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

#[test]
fn deepspeed_says_again_what_the_golden_files_hold() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    if deepspeed("golden/deepspeed/make.py", &[&out.to_string_lossy()])?.is_none() {
        return Ok(());
    }
    let (made, kept) = (files(&out)?, files(&tests().join("golden/deepspeed"))?);
    assert!(kept.len() > 40);
    assert_eq!(made.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    let different: Vec<_> = made.iter().filter(|(path, bytes)| kept.get(*path) != Some(bytes)).map(|(path, _)| path).collect();
    assert!(different.is_empty(), "{different:?}");
    Ok(())
}

#[test]
fn deepspeed_reads_the_pairs_that_are_written_in_its_dialect() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let types =
        [TokenType::U8, TokenType::I8, TokenType::I16, TokenType::I32, TokenType::I64, TokenType::U16, TokenType::U32, TokenType::U64];
    let (mut prefixes, mut expected) = (Vec::new(), Vec::new());
    for token_type in types {
        let prefix = folder.path().join(token_type.name());
        let mut writer = IndexedWriter::create(&prefix, token_type, Dialect::DeepSpeed)?;
        let items: [&[u64]; 4] = [&[1, 2, 3], &[], &[4], &[token_type.max_token()]];
        for (i, item) in items.iter().enumerate() {
            let bytes: Vec<u8> = item.iter().flat_map(|t| t.to_le_bytes().into_iter().take(token_type.width())).collect();
            writer.push(&bytes)?;
            if i % 2 == 1 {
                writer.end_document()?;
            }
        }
        writer.finish()?;
        prefixes.push(prefix.to_string_lossy().into_owned());
        expected.push(json!({ "dtype": token_type.name(), "items": items, "documents": [0, 2, 4] }));
    }
    let Some(found) = ask("read", &prefixes.iter().map(String::as_str).collect::<Vec<_>>())? else { return Ok(()) };
    assert_eq!(found, json!(expected));
    Ok(())
}

#[test]
fn deepspeeds_sampler_draws_by_exported_columns() -> Result<()> {
    const N: u64 = 1_000;
    const MOST: u64 = 100;
    let corpus = Corpus::new(N);
    let out = corpus.path("analysis");
    let out = out.to_string_lossy();
    for name in ["length", "hardness"] {
        let column = corpus.dataset().columns_dir().join(format!("{name}.arrow"));
        Column::open(&column)?;
        curricle_ok(&["columns", "export", &column.to_string_lossy(), "--out", &out]);
    }

    // Two difficulties of each metric: by value of `length`, by hundredths of `hardness`.
    let Some(found) = ask("sample", &[&out, &N.to_string(), "length", "value", "10", "40"])? else { return Ok(()) };
    let of_length = |most: u32| (0..N).filter(|&id| length(id) <= most).collect::<Vec<u64>>();
    assert_eq!(found, json!({ "eligible": [of_length(10), of_length(40)] }));

    let mut by_hardness: Vec<u64> = (0..N).collect();
    by_hardness.sort_by_key(|&id| (hardness(id), id));
    let of_hardness = |hundredths: u64| {
        let mut first = by_hardness[..(N / MOST * hundredths) as usize].to_vec();
        first.sort_unstable();
        first
    };
    let found = ask("sample", &[&out, &N.to_string(), "hardness", "percentile", "7", "100"])?.context("it was there before")?;
    assert_eq!(found, json!({ "eligible": [of_hardness(7), of_hardness(100)] }));
    Ok(())
}

#[test]
fn deepspeed_reads_every_exported_file() -> Result<()> {
    const N: u64 = 300;
    let corpus = Corpus::new(N);
    let column = corpus.dataset().columns_dir().join("hardness.arrow");
    let out = corpus.path("analysis");
    curricle_ok(&["columns", "export", &column.to_string_lossy(), "--out", &out.to_string_lossy()]);
    let prefixes = ["sample_to_metric", "index_to_metric", "index_to_sample", "index_to_sample_percentile_merged"]
        .map(|kind| out.join("hardness").join(format!("hardness_{kind}")).to_string_lossy().into_owned());
    let Some(found) = ask("read", &prefixes.each_ref().map(String::as_str))? else { return Ok(()) };
    assert_eq!(found[0]["items"], json!((0..N).map(|id| [hardness(id)]).collect::<Vec<_>>()));

    let mut rows: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    (0..N).for_each(|id| rows.entry(hardness(id)).or_default().push(id));
    assert!(rows.len() >= 200, "so few distinct values are not merged");
    assert_eq!(found[1]["items"], json!(rows.keys().map(|value| [value]).collect::<Vec<_>>()));
    let rows: Vec<Vec<u64>> = rows.into_values().collect();
    assert_eq!(found[2]["items"], json!(rows));
    let merged: Vec<Vec<u64>> = rows.chunks(rows.len() / 100).map(|rows| rows.concat()).collect();
    assert_eq!(found[3]["items"], json!(merged));
    Ok(())
}
