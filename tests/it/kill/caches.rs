use std::{fs, path::Path, sync::Arc};

use arrow_array::{ListArray, RecordBatch, types::Int32Type};
use curricle_tests::noise;

use super::harness::{Tree, Work, equal, file};

/// What is in the cache under the name that it is looked for is what there will be in the end.
fn whole_or_none(found: &Tree, whole: &Tree) {
    for (name, bytes) in whole {
        if let Some(found) = file(found, &name.display().to_string()) {
            assert!(found == bytes, "`{}` is another one", name.display());
        }
    }
}

fn parquet(folder: &Path) {
    let rows = (0..200_000).map(|i| Some((0..noise(i) % 90).map(|t| Some((noise(i << 20 | t) % 30_000) as i32)).collect::<Vec<_>>()));
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(rows);
    let batch = RecordBatch::try_from_iter([("tokens", Arc::new(list) as _)]).unwrap();
    let file = fs::File::create(folder.join("tokens.parquet")).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_plugin_whose_compilation_was_killed_is_compiled_again() {
    let run = "seed = 1\n[dataset]\npath = \"tokens.bin\"\ntoken-type = \"u8\"\nsequence-length = 8\n\
               [batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"curriculum\"\nconfig = { metrics = [] }\n";
    let work = Work::new(|folder| {
        fs::write(folder.join("tokens.bin"), [7; 4_096]).unwrap();
        fs::write(folder.join("run.toml"), run).unwrap();
    })
    .with_own_cache()
    .then("info @/run.toml");
    work.survives(whole_or_none, equal);
}

#[test]
fn a_file_whose_unpacking_was_killed_is_unpacked_again() {
    let work = Work::new(parquet).with_own_cache().then("info @/tokens.parquet --check");
    work.survives(whole_or_none, equal);
}
