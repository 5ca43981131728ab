//! Datasets: `.bin`/`.idx` pairs, numpy arrays, Arrow, Parquet.

use std::{path::Path, sync::Arc};

use arrow_array::{
    ArrayRef, FixedSizeListArray, LargeListArray, ListArray, RecordBatch, StringArray, UInt16Array,
    types::{Int32Type, Int64Type, UInt16Type},
};
use arrow_ipc::{
    CompressionType,
    writer::{FileWriter, IpcWriteOptions, StreamWriter},
};
use arrow_schema::{DataType, Field};
use curricle::dataset::{Dataset, Dialect, ElementType, Format, IndexedFile, IndexedWriter, Magic, Options, PairFormat, TokenType, View};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};

use super::{edges, scratch};
use crate::noise;

const VIEWS: [View; 3] = [View::Documents, View::Sequences { length: 7, stride: 7 }, View::Sequences { length: 5, stride: 3 }];

/// Opens a dataset in every view, and reads what can be read.
fn walk(path: &Path, options: &Options) {
    for view in VIEWS {
        if let Ok(dataset) = Dataset::open_with(path, &Options { view, ..options.clone() }) {
            read(&dataset);
        }
    }
}

fn read(dataset: &Dataset) {
    let ids = edges(dataset.len());
    let mut lens = Vec::new();
    let all_lens = dataset.sample_lens(&ids, &mut lens).is_ok();
    for (i, id) in ids.iter().enumerate() {
        let len = dataset.sample_len(*id).ok();
        if all_lens {
            assert_eq!(len, lens.get(i).copied(), "two ways to ask for the length of sample {id}");
        }
        if let Ok(sample) = dataset.sample(*id) {
            assert_eq!(Some(sample.len()), len.map(|len| len as usize), "a sample and its length");
            assert_eq!(sample.iter().len() * dataset.token_type().width(), sample.bytes().len());
        }
    }
    let _ = dataset.samples(&ids);
    let _ = dataset.verify(&|_| {});
    assert!(dataset.sample(dataset.len()).is_err());
    let _ = (dataset.fingerprint().to_string(), format!("{dataset:?}"));
}

/// An `.idx` behind `magic`, preceded by two bytes that say how large its `.bin` is.
fn idx(magic: &[u8], data: &[u8]) {
    let Some((size, rest)) = data.split_first_chunk::<2>() else { return };
    let size = u16::from_le_bytes(*size);
    let bin: Vec<u8> = (0..u64::from(size)).map(|i| (noise(i) >> 9) as u8).collect();
    scratch::file("pair.bin", &bin);
    scratch::file("pair.idx", &[magic, rest].concat());
    let prefix = scratch::path("pair");
    let elements = TokenType::ALL.map(ElementType::Int).into_iter().chain([ElementType::F32, ElementType::F64]);
    for file in elements.map(|element| IndexedFile::open_as(&prefix, element)).chain([IndexedFile::open(&prefix)]).flatten() {
        for i in edges(file.len()) {
            let (len, bytes) = (file.size(i), file.bytes(i));
            if let (Ok(len), Ok(bytes)) = (&len, bytes) {
                assert_eq!(len * file.element_type().width(), bytes.len() as u64, "an item and its length");
                assert!(file.part(i, 0..*len).is_ok_and(|part| part == bytes));
                assert!(file.part(i, 1..len + 1).is_err() && file.part(i, u64::MAX - 1..u64::MAX).is_err());
            }
        }
        let _ = (file.sizes().take(1 << 12).count(), file.document_index().len(), file.document_index().last(), file.has_modes());
        let _ = file.items(0..file.len()).map(|items| items.take(1 << 12).filter_map(Result::ok).count());
    }
    walk(&prefix, &Options::default());
    walk(&prefix, &Options { token_type: Some(TokenType::U16), vocab_size: Some(100), ..Options::default() });
}

pub(super) fn idx_mmap(data: &[u8]) {
    idx(b"MMIDIDX\0\0", data);
}

pub(super) fn idx_legacy(data: &[u8]) {
    idx(b"TNTIDX\0\0", data);
}

pub(super) fn idx_mmap_seeds() -> Vec<Vec<u8>> {
    idx_seeds(Magic::MMap, 9)
}

pub(super) fn idx_legacy_seeds() -> Vec<Vec<u8>> {
    idx_seeds(Magic::Tntidx, 8)
}

/// Pairs of every element type that a dialect knows, of one item and of several.
fn idx_seeds(magic: Magic, magic_len: usize) -> Vec<Vec<u8>> {
    let folder = scratch::folder("seeds");
    let mut seeds = Vec::new();
    let elements = TokenType::ALL.map(ElementType::Int).into_iter().chain([ElementType::F32, ElementType::F64]);
    for (element, dialect) in elements.flat_map(|element| Dialect::ALL.map(|dialect| (element, dialect))) {
        for n in [1, 5] {
            let path = folder.join(format!("{}", seeds.len()));
            let Ok(mut writer) = IndexedWriter::create(&path, element, PairFormat { magic, dialect }) else { continue };
            for i in 0..n {
                writer.push(&vec![i as u8; i * 3 * element.width() as usize]).expect("an item");
                if i % 2 == 0 {
                    writer.end_document().expect("an end");
                }
            }
            writer.finish().expect("a pair");
            let size = scratch::read(path.with_extension("bin")).len() as u16;
            seeds.push([&size.to_le_bytes()[..], scratch::read(path.with_extension("idx")).get(magic_len..).unwrap_or_default()].concat());
        }
    }
    seeds
}

/// A numpy array.
pub(super) fn npy(data: &[u8]) {
    let path = scratch::file("array.npy", data);
    walk(&path, &Options::default());
    walk(&path, &Options { format: Some(Format::Npy), document_end: Some(3), vocab_size: Some(100), ..Options::default() });
}

pub(super) fn npy_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (version, descr, width) in [(1u8, "<u2", 2), (2, "<i4", 4), (3, "|u1", 1), (1, "<i8", 8), (1, "<f4", 4)] {
        for (shape, n) in [("(12,)", 12), ("(3, 4)", 12), ("()", 1)] {
            let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
            let front = if version == 1 { 10 } else { 12 };
            header += &" ".repeat(63 - (front + header.len()) % 64);
            header.push('\n');
            let mut file = [&b"\x93NUMPY"[..], &[version, 0]].concat();
            match version {
                1 => file.extend((header.len() as u16).to_le_bytes()),
                _ => file.extend((header.len() as u32).to_le_bytes()),
            }
            file.extend(header.bytes());
            file.extend((0..n * width).map(|i| if i % width == 0 { (i / width % 5) as u8 } else { 0 }));
            seeds.push(file);
        }
    }
    seeds
}

/// An Arrow file or stream, read in place or unpacked.
pub(super) fn arrow(data: &[u8]) {
    let path = scratch::file("tokens.arrow", data);
    for column in [None, Some("tokens")] {
        walk(&path, &Options { format: Some(Format::Arrow), column: column.map(str::to_owned), ..Options::default() });
    }
}

/// A table of a column of tokens, and one of another kind in front of it.
fn table(tokens: ArrayRef) -> RecordBatch {
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..tokens.len()).map(|i| format!("text {i}"))));
    RecordBatch::try_from_iter([("text", names), ("tokens", tokens)]).expect("a table")
}

/// Tables with every kind of list.
fn tables() -> Vec<RecordBatch> {
    let rows = |n: i64| (0..n).map(|i| Some((0..i % 4 + 1).map(move |t| Some(i + t)).collect::<Vec<_>>()));
    let narrow = |row: Option<Vec<Option<i64>>>| row.map(|row| row.into_iter().map(|t| t.map(|t| t as i32)).collect::<Vec<_>>());
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(rows(9).map(narrow));
    let large = LargeListArray::from_iter_primitive::<Int64Type, _, _>(rows(5));
    let short = ListArray::from_iter_primitive::<UInt16Type, _, _>([Some(vec![Some(7)]), Some(vec![]), Some(vec![Some(1), Some(2)])]);
    let item = Arc::new(Field::new("item", DataType::UInt16, false));
    let fixed = FixedSizeListArray::new(item, 3, Arc::new(UInt16Array::from_iter_values(0..12)), None);
    vec![table(Arc::new(list)), table(Arc::new(large)), table(Arc::new(short)), table(Arc::new(fixed))]
}

pub(super) fn arrow_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for table in tables() {
        for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
            let options = || IpcWriteOptions::default().try_with_compression(compression).expect("a compression");
            let mut file = FileWriter::try_new_with_options(Vec::new(), &table.schema(), options()).expect("a writer");
            let mut stream = StreamWriter::try_new_with_options(Vec::new(), &table.schema(), options()).expect("a writer");
            for _ in 0..2 {
                file.write(&table).expect("a batch");
                stream.write(&table).expect("a batch");
            }
            seeds.push(file.into_inner().expect("a file"));
            seeds.push(stream.into_inner().expect("a stream"));
        }
    }
    seeds
}

/// A Parquet file, unpacked.
pub(super) fn parquet(data: &[u8]) {
    let path = scratch::file("tokens.parquet", data);
    walk(&path, &Options { format: Some(Format::Parquet), ..Options::default() });
}

pub(super) fn parquet_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for table in tables() {
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default()), Compression::LZ4_RAW] {
            let properties = WriterProperties::builder().set_compression(compression).build();
            let mut writer = ArrowWriter::try_new(Vec::new(), table.schema(), Some(properties)).expect("a writer");
            writer.write(&table).expect("a table");
            seeds.push(writer.into_inner().expect("a file"));
        }
    }
    seeds
}
