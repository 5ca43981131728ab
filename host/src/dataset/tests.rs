use std::{cell::RefCell, fs, path::PathBuf, sync::Arc};

use arrow_array::{ArrayRef, ListArray, RecordBatch, types::UInt16Type};
use arrow_ipc::{CompressionType, writer::FileWriter, writer::IpcWriteOptions};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn le(tokens: &[u16]) -> Vec<u8> {
    tokens.iter().flat_map(|t| t.to_le_bytes()).collect()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn pair(&self, name: &str, documents: &[&[u16]]) -> PathBuf {
        let mut writer = IndexedWriter::create(self.path(name), TokenType::U16, Magic::MMap).unwrap();
        for document in documents {
            writer.push(&le(document)).unwrap();
            writer.end_document().unwrap();
        }
        writer.finish().unwrap();
        self.path(name)
    }

    fn npy(&self, name: &str, shape: &str, tokens: &[u16]) -> PathBuf {
        let header = format!("{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(le(tokens));
        self.write(name, &bytes)
    }

    fn told(&self, error: Error) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }

    fn error(&self, path: impl AsRef<Path>, options: &Options) -> String {
        self.told(Dataset::open_with(path, options).unwrap_err())
    }
}

fn all(dataset: &Dataset) -> Vec<Vec<i64>> {
    (0..dataset.len()).map(|id| dataset.sample(id).unwrap().iter().collect()).collect()
}

fn sequences(length: u32, stride: u32) -> Options {
    Options { view: View::Sequences { length, stride }, ..Options::default() }
}

fn raw() -> Options {
    Options { token_type: Some(TokenType::U16), ..Options::default() }
}

const DOCUMENTS: [&[u16]; 4] = [&[1, 2, 3], &[4], &[], &[5, 6, 7, 8]];

#[test]
fn every_format_gives_the_same_samples() {
    let f = Folder::new();
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<UInt16Type, _, _>(DOCUMENTS.map(|d| Some(d.iter().map(|t| Some(*t))))));
    let batch = RecordBatch::try_from_iter([("ids", list)]).unwrap();
    let mut parquet = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut parquet, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let arrow = |compression| {
        let mut out = Vec::new();
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let mut writer = FileWriter::try_new_with_options(&mut out, &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        out
    };
    let cache = f.path("cache");
    let paths = [
        (f.pair("pair", &DOCUMENTS), Format::Indexed),
        (f.write("a.parquet", &parquet), Format::Parquet),
        (f.write("plain", &arrow(None)), Format::Arrow),
        (f.write("packed.arrow", &arrow(Some(CompressionType::ZSTD))), Format::Arrow),
    ];
    for (path, format) in paths {
        for _ in 0..2 {
            let documents = open::open(&path, &Options::default(), Some(&cache)).unwrap();
            assert_eq!((documents.format(), documents.len(), documents.n_tokens()), (format, 4, 8), "{path:?}");
            assert_eq!(all(&documents), [vec![1, 2, 3], vec![4], vec![], vec![5, 6, 7, 8]]);
            let mut lens = vec![9];
            documents.sample_lens(&[3, 0, 2], &mut lens).unwrap();
            assert_eq!(lens, [9, 4, 3, 0]);
            let runs = open::open(&path, &sequences(3, 2), Some(&cache)).unwrap();
            assert_eq!(all(&runs), [[1, 2, 3], [3, 4, 5], [5, 6, 7]]);
            assert_eq!((runs.fixed_len(), runs.sample_len(2).unwrap()), (Some(3), 3));
            assert_ne!(runs.fingerprint(), documents.fingerprint());
            documents.verify(&|_| ()).unwrap();
            runs.verify(&|_| ()).unwrap();
        }
    }
    // One for each file that had to be unpacked, however often it was opened.
    assert_eq!(fs::read_dir(cache.join("unpacked")).unwrap().count(), 2);
}

#[test]
fn a_flat_file_falls_into_documents_at_the_token_that_ends_them() {
    let f = Folder::new();
    let path = f.write("tokens.u16", &le(&[1, 0, 2, 3, 0, 0, 4]));
    let options = Options { document_end: Some(0), ..raw() };
    let dataset = Dataset::open_with(&path, &options).unwrap();
    assert_eq!(all(&dataset), [vec![1, 0], vec![2, 3, 0], vec![0], vec![4]]);
    assert_ne!(dataset.fingerprint(), Dataset::open_with(&path, &Options { document_end: Some(4), ..raw() }).unwrap().fingerprint());
    assert_eq!(
        f.error(&path, &raw()),
        "dataset `tokens.u16`: it does not say where documents end; name the token that ends documents \
         (`document-end`), or view the file as sequences (`sequence-length`)"
    );
    assert!(f.error(&path, &Options { document_end: Some(9), ..raw() }).contains("token 9 is to end documents, but does not occur"));
    assert!(f.error(&path, &Options { document_end: Some(70_000), ..raw() }).contains("but `uint16` cannot hold it"));
    assert!(
        f.error(&path, &Options { column: Some("ids".into()), ..raw() }).contains("a file of format `raw` has none; leave out the column")
    );
}

#[test]
fn numpy_arrays_are_read_with_one_and_two_dimensions() {
    let f = Folder::new();
    let rows = Dataset::open(f.npy("rows.npy", "(2, 3)", &[1, 2, 3, 4, 5, 6])).unwrap();
    assert_eq!(all(&rows), [[1, 2, 3], [4, 5, 6]]);
    let line = f.npy("line.npy", "(4,)", &[1, 2, 3, 4]);
    assert_eq!(all(&Dataset::open_with(&line, &sequences(2, 2)).unwrap()), [[1, 2], [3, 4]]);
    assert!(f.error(&line, &Options::default()).contains("it does not say where documents end"));
    assert!(f.error(f.npy("none.npy", "(0, 3)", &[]), &Options::default()).contains("it holds no documents"));
    assert!(f.error(f.npy("none2.npy", "(3, 0)", &[]), &Options::default()).contains("it holds no documents"));
}

#[test]
fn an_imported_folder_brings_its_vocabulary_and_its_columns() {
    let f = Folder::new();
    f.pair("tokens", &DOCUMENTS);
    let folder = f.0.path();
    assert!(f.error(folder, &Options::default()).contains("the folder has no `dataset.json`"));
    f.write("dataset.json", br#"{"format":"curricle-dataset","version":1,"vocab_size":9,"tokenizer":"x","more":[]}"#);
    let dataset = Dataset::open(folder).unwrap();
    assert_eq!((dataset.vocab_size(), dataset.columns_dir()), (Some(9), folder.join("columns")));
    let other = Options { vocab_size: Some(5), ..Options::default() };
    assert_eq!(
        f.told(Dataset::open_with(folder, &other).unwrap().verify(&|_| ()).unwrap_err()).replace(&folder.display().to_string(), "F"),
        "dataset `F`: sample 3, token 0: the token id is 5, and the vocabulary has 5; check the vocabulary size and the token type, or \
         tokenize again"
    );
    f.write("dataset.json", br#"{"format":"curricle-dataset","version":2}"#);
    assert!(f.error(folder, &Options::default()).contains("it is of version 2, and this program knows up to 1"));
    f.write("dataset.json", br#"{"format":"#);
    assert!(f.error(folder, &Options::default()).contains("it cannot be read"));
    let pair = Dataset::open(f.path("tokens.idx")).unwrap();
    assert_eq!(pair.columns_dir(), f.path("tokens.columns"));
}

#[test]
fn a_manifest_without_end_is_not_read() {
    let f = Folder::new();
    f.pair("tokens", &DOCUMENTS);
    let manifest = f.write("dataset.json", b"");
    fs::File::options().write(true).open(&manifest).unwrap().set_len(1 << 30).unwrap();
    assert_eq!(
        f.error(f.0.path(), &Options::default()),
        "dataset `dataset.json`: it has more than 16777216 bytes, which none of `curricle import` has; import the dataset again"
    );
    #[cfg(unix)]
    {
        fs::remove_file(&manifest).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &manifest).unwrap();
        assert!(f.error(f.0.path(), &Options::default()).contains("cannot open `dataset.json`: it is not a regular file"));
    }
}

#[test]
fn what_cannot_be_opened_is_told_in_one_sentence() {
    let f = Folder::new();
    let default = Options::default();
    assert_eq!(f.error(f.path("none"), &default), "cannot open `none`: entity not found; check the path");
    assert_eq!(f.error(f.write("empty", b""), &default), "dataset `empty`: the file is empty; give a file with tokens");
    assert_eq!(
        f.error(f.write("what", b"some bytes"), &default),
        "dataset `what`: it is of no known format, and what its tokens are made of was not said; if it is tokens and nothing else, name \
         their type: `token-type = \"uint16\"` in a run file, `--token-type uint16` on the command line"
    );
    assert!(f.error(f.write("odd", b"abc"), &raw()).contains("its 3 bytes are not whole tokens of type `uint16`"));
    assert!(f.error(f.write("x.idx", b"junk"), &default).contains("`x.bin`: the file is missing, though `x.idx` is there"));
    assert!(f.error(f.path("x.bin"), &default).contains("`x.bin`: the file is missing"));
    assert!(f.error(f.path("x"), &default).contains("`x.bin`: the file is missing"));
    let pair = f.pair("pair", &DOCUMENTS);
    assert_eq!(
        f.error(&pair, &sequences(9, 9)),
        "dataset `pair`: it holds 8 tokens, fewer than a sequence of 9; give a shorter length or more data"
    );
    assert!(f.error(&pair, &sequences(0, 1)).contains("length or stride 0"));
    assert!(f.error(&pair, &Options { token_type: Some(TokenType::I32), ..default.clone() }).contains("are not `int32`"));
    assert!(f.error(&pair, &Options { document_end: Some(1), ..default.clone() }).contains("says itself where documents end"));
    let npy = f.npy("a.npy", "(1, 1)", &[1]);
    assert!(f.error(&npy, &raw_of(TokenType::I64)).contains("its tokens are of type `uint16`, and not `int64`"));
    assert!(f.error(f.pair("nothing", &[]), &default).contains("it holds no documents"));
    assert!(f.error(f.write("a.parquet", b"PAR1junkjunkPAR1"), &default).contains("it cannot be decoded"));
}

fn raw_of(token_type: TokenType) -> Options {
    Options { token_type: Some(token_type), ..Options::default() }
}

#[test]
fn float_tokens_are_refused() {
    let f = Folder::new();
    let mut idx = b"MMIDIDX\0\0".to_vec();
    idx.extend(1u64.to_le_bytes());
    idx.push(6);
    for number in [1u64, 2] {
        idx.extend(number.to_le_bytes());
    }
    idx.extend(1i32.to_le_bytes());
    for number in [0u64, 0, 1] {
        idx.extend(number.to_le_bytes());
    }
    f.write("m.idx", &idx);
    f.write("m.bin", &0.5f64.to_le_bytes());
    assert_eq!(
        f.error(f.path("m"), &Options::default()),
        "dataset `m.idx`: its elements are `float64`, and tokens are integers; give a dataset of tokens"
    );
}

#[test]
fn no_room_is_made_for_lengths_that_only_a_damaged_index_claims() {
    let f = Folder::new();
    // Together more than any machine can address; only the last item lies in the file.
    let n = (1u64 << 14) + 1;
    let mut idx = b"MMIDIDX\0\0".to_vec();
    idx.extend(1u64.to_le_bytes());
    idx.push(5);
    [n, 2].iter().for_each(|count| idx.extend(count.to_le_bytes()));
    (1..n).for_each(|_| idx.extend(i32::MAX.to_le_bytes()));
    idx.extend(1i32.to_le_bytes());
    // All items begin at 0, and one document holds them.
    (0..n).for_each(|_| idx.extend(0u64.to_le_bytes()));
    [0, n].iter().for_each(|item| idx.extend(item.to_le_bytes()));
    f.write("m.idx", &idx);
    f.write("m.bin", &7i64.to_le_bytes());
    let dataset = Dataset::open(f.path("m")).unwrap();
    let mut lens = Vec::new();
    dataset.sample_lens(&(0..n).collect::<Vec<_>>(), &mut lens).unwrap();
    assert_eq!(
        f.told(dataset.consecutive(0..n, &lens).unwrap_err()),
        "dataset `m.idx`: item 0: 17179869176 bytes from byte 0 on reach past the 8 bytes of the `.bin`; copy or build the pair again"
    );
    assert_eq!(&*dataset.consecutive(n - 1..n, &[1]).unwrap(), 7i64.to_le_bytes());
}

#[test]
fn an_id_past_the_end_is_refused_everywhere() {
    let f = Folder::new();
    let dataset = Dataset::open(f.pair("pair", &DOCUMENTS)).unwrap();
    let expected = "dataset `pair` has no sample 4, only 4; ids run from 0 to the number of samples, exclusive";
    assert_eq!(f.told(dataset.sample(4).unwrap_err()), expected);
    assert_eq!(f.told(dataset.sample_len(4).unwrap_err()), expected);
    assert_eq!(f.told(dataset.sample_lens(&[0, 4, 5], &mut Vec::new()).unwrap_err()), expected);
}

#[test]
fn a_fingerprint_follows_content_and_view_and_not_the_path() {
    let f = Folder::new();
    let one = Dataset::open(f.pair("one", &DOCUMENTS)).unwrap();
    let copy = Dataset::open(f.pair("copy", &DOCUMENTS)).unwrap();
    let other = Dataset::open(f.pair("other", &[&[1, 2, 3], &[4], &[], &[5, 6, 7, 9]])).unwrap();
    assert_eq!(one.fingerprint(), copy.fingerprint());
    assert_ne!(one.fingerprint(), other.fingerprint());
    let view = |length, stride| Dataset::open_with(f.path("one"), &sequences(length, stride)).unwrap().fingerprint();
    assert_ne!(view(2, 2), view(2, 1));
    assert_ne!(view(2, 2), view(3, 2));
}

#[test]
fn verify_reports_progress_and_the_first_bad_token_of_the_concatenation() {
    let f = Folder::new();
    let tokens: Vec<u16> = (0..10_000u16).collect();
    let path = f.write("t", &le(&tokens));
    let options = Options { vocab_size: Some(10_000), ..Options { view: View::sequences(100), ..raw() } };
    let reports = RefCell::new(Vec::new());
    Dataset::open_with(&path, &options).unwrap().verify(&|n| reports.borrow_mut().push(n)).unwrap();
    assert_eq!(reports.borrow().last(), Some(&100));
    let short = Options { vocab_size: Some(9_990), ..options };
    let message = f.told(Dataset::open_with(&path, &short).unwrap().verify(&|_| ()).unwrap_err());
    assert!(message.starts_with("dataset `t`: token 9990 of the concatenation: the token id is 9990"), "{message}");
}

#[test]
fn a_writer_dropped_leaves_nothing_behind() {
    let f = Folder::new();
    let mut writer = IndexedWriter::create(f.path("p"), TokenType::U32, Magic::MMap).unwrap();
    writer.push(&[0; 8]).unwrap();
    assert_eq!(
        writer.push(&[0; 5]).unwrap_err().to_string(),
        "item 1: 5 bytes are not whole tokens of type `uint32`; give a multiple of 4 bytes"
    );
    drop(writer);
    assert_eq!(fs::read_dir(f.0.path()).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sequences_are_windows_of_the_concatenation(
        documents in proptest::collection::vec(proptest::collection::vec(any::<u16>(), 0..9), 1..12),
        batch_rows in 1usize..5,
        length in 1u32..12,
        stride in 1u32..12,
    ) {
        let f = Folder::new();
        let list = |rows: &[Vec<u16>]| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<UInt16Type, _, _>(rows.iter().map(|d| Some(d.iter().map(|t| Some(*t))))))
        };
        let batches: Vec<RecordBatch> =
            documents.chunks(batch_rows).map(|rows| RecordBatch::try_from_iter([("ids", list(rows))]).unwrap()).collect();
        let mut bytes = Vec::new();
        let mut writer = FileWriter::try_new(&mut bytes, &batches[0].schema()).unwrap();
        batches.iter().for_each(|b| writer.write(b).unwrap());
        writer.finish().unwrap();
        drop(writer);
        let arrow = f.write("a.arrow", &bytes);
        let borrowed: Vec<&[u16]> = documents.iter().map(Vec::as_slice).collect();
        let pair = f.pair("pair", &borrowed);
        let flat = documents.concat();
        let raw = f.write("raw", &le(&flat));
        let expected: Vec<Vec<i64>> = (0..)
            .map(|i| i * stride as usize)
            .take_while(|start| start + length as usize <= flat.len())
            .map(|start| flat[start..start + length as usize].iter().map(|t| i64::from(*t)).collect())
            .collect();
        for path in [arrow, pair, raw] {
            let token_type = path.ends_with("raw").then_some(TokenType::U16);
            match Dataset::open_with(&path, &Options { token_type, ..sequences(length, stride) }) {
                Ok(dataset) => prop_assert_eq!(all(&dataset), expected.clone()),
                Err(e) => prop_assert!(expected.is_empty(), "{}", e),
            }
        }
    }
}
