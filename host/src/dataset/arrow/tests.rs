use std::{fs, sync::Arc};

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Int32Array, LargeListArray, ListArray, RecordBatch, StringArray,
    types::{Int32Type, UInt16Type},
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::Field;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn lists(rows: &[&[u16]]) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<UInt16Type, _, _>(rows.iter().map(|r| Some(r.iter().map(|t| Some(*t))))))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// The bytes of a file, or of a stream.
fn bytes(batches: &[RecordBatch], stream: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if stream {
        let mut writer = StreamWriter::try_new(&mut out, &batches[0].schema()).unwrap();
        batches.iter().for_each(|b| writer.write(b).unwrap());
        writer.finish().unwrap();
    } else {
        let mut writer = FileWriter::try_new(&mut out, &batches[0].schema()).unwrap();
        batches.iter().for_each(|b| writer.write(b).unwrap());
        writer.finish().unwrap();
    }
    out
}

fn open(bytes: &[u8], column: Option<&str>) -> (TempDir, Result<Option<ArrowTokens>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.arrow");
    fs::write(&path, bytes).unwrap();
    let opened = ArrowTokens::open(&path, column);
    (folder, opened)
}

fn error(bytes: &[u8], column: Option<&str>) -> String {
    let (folder, opened) = open(bytes, column);
    opened.unwrap_err().to_string().replace(&format!("{}/", folder.path().display()), "")
}

fn ids(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
}

#[test]
fn rows_of_all_batches_are_documents_in_file_and_stream() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let batches = [
        batch(vec![("text", text.clone()), ("ids", lists(&[&[1, 2], &[3]]))]),
        batch(vec![("text", text.clone()), ("ids", lists(&[&[], &[4, 5, 6]]))]),
        batch(vec![("text", text.slice(0, 1)), ("ids", lists(&[&[7]]))]),
    ];
    for stream in [false, true] {
        let (_folder, opened) = open(&bytes(&batches, stream), None);
        let tokens = opened.unwrap().unwrap();
        assert_eq!((tokens.n_documents(), tokens.n_tokens(), tokens.token_type()), (5, 7, TokenType::U16));
        let all: Vec<_> = (0..5).map(|i| ids(tokens.document(i).unwrap())).collect();
        assert_eq!(all, [vec![1, 2], vec![3], vec![], vec![4, 5, 6], vec![7]]);
        let mut lens = Vec::new();
        tokens.document_lens(&[4, 0, 3, 2], &mut lens).unwrap();
        assert_eq!(lens, [1, 2, 3, 0]);
        assert!(matches!(tokens.range(3, 3).unwrap(), Cow::Borrowed(b) if ids(b) == [4, 5, 6]));
        assert!(matches!(tokens.range(1, 6).unwrap(), Cow::Owned(b) if ids(&b) == [2, 3, 4, 5, 6, 7]));
        assert_eq!(ids(&tokens.range(6, 1).unwrap()), [7]);
        assert!(tokens.range(6, 2).is_none() && tokens.range(7, u64::MAX).is_none());
        assert!(tokens.document(5).unwrap_err().to_string().contains("there is no document 5, it has 5"));
    }
}

#[test]
fn large_and_fixed_lists_are_read_too() {
    let rows = || [Some(vec![Some(1), Some(2)]), Some(vec![Some(3), Some(4)])];
    let large: ArrayRef = Arc::new(LargeListArray::from_iter_primitive::<Int32Type, _, _>(rows()));
    let fixed: ArrayRef = Arc::new(FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(rows(), 2));
    let both = bytes(&[batch(vec![("large", large), ("fixed", fixed)])], false);
    for name in ["large", "fixed"] {
        let (_folder, opened) = open(&both, Some(name));
        let tokens = opened.unwrap().unwrap();
        assert_eq!(Tokens(tokens.document(1).unwrap()), Tokens(&[3, 0, 0, 0, 4, 0, 0, 0]));
        assert_eq!(tokens.range(0, 4).unwrap().len(), 16);
    }
}

#[derive(Debug, PartialEq)]
struct Tokens<'a>(&'a [u8]);

#[test]
fn a_sliced_list_keeps_its_own_rows() {
    let sliced = lists(&[&[1, 2], &[3], &[4, 5]]).slice(1, 2);
    let (_folder, opened) = open(&bytes(&[batch(vec![("ids", sliced)])], false), None);
    let tokens = opened.unwrap().unwrap();
    assert_eq!(ids(tokens.document(1).unwrap()), [4, 5]);
    assert_eq!(ids(&tokens.range(0, 3).unwrap()), [3, 4, 5]);
}

#[test]
fn a_compressed_buffer_that_claims_what_it_cannot_come_to_is_refused_before_there_is_room_made_for_it() {
    let row: Vec<u16> = (0..1000).map(|i| i % 7).collect();
    for compression in [arrow_ipc::CompressionType::LZ4_FRAME, arrow_ipc::CompressionType::ZSTD] {
        let options = arrow_ipc::writer::IpcWriteOptions::default().try_with_compression(Some(compression)).unwrap();
        let table = batch(vec![("ids", lists(&[&row]))]);
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &table.schema(), options).unwrap();
        writer.write(&table).unwrap();
        let mut file = writer.into_inner().unwrap();
        assert!(open(&file, None).1.unwrap().is_none(), "it has to be unpacked");
        let at = file.windows(8).position(|bytes| bytes == 2000u64.to_le_bytes()).unwrap();
        for claimed in [1i64 << 40, i64::MAX, -2] {
            file[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
            let error = error(&file, None);
            assert!(error.contains(&format!("claims to come to {claimed}; copy or write the file again")), "{error}");
        }
    }
}

#[test]
fn rows_of_no_tokens_are_no_documents_since_a_small_file_could_claim_any_number_of_them() {
    let field = Arc::new(Field::new("item", arrow_schema::DataType::Int32, false));
    let empty: ArrayRef =
        Arc::new(FixedSizeListArray::try_new_with_length(field, 0, Arc::new(Int32Array::from(Vec::<i32>::new())), None, 9).unwrap());
    assert!(error(&bytes(&[batch(vec![("ids", empty)])], false), None).contains("no column holds lists of integers"));
}

#[test]
fn columns_that_hold_no_tokens_are_refused_with_those_that_do() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let two = bytes(&[batch(vec![("n", numbers.clone()), ("ids", lists(&[&[1]])), ("mask", lists(&[&[1]]))])], false);
    assert_eq!(error(&two, None), "dataset `a.arrow`: 2 columns hold lists of integers; name one of `ids`, `mask`");
    assert_eq!(error(&two, Some("x")), "dataset `a.arrow`: there is no column `x`; name one of `ids`, `mask`");
    assert_eq!(
        error(&two, Some("n")),
        "dataset `a.arrow`: column `n` is of type Int32 and not a list of integers; name one of `ids`, `mask`"
    );
    let none = bytes(&[batch(vec![("n", numbers)])], false);
    assert_eq!(
        error(&none, None),
        "dataset `a.arrow`: no column holds lists of integers; there are `n` (Int32); tokenize the text first: tokens are a list column of \
         integers"
    );
}

#[test]
fn nulls_are_refused() {
    let rows: ArrayRef = Arc::new(ListArray::from_iter_primitive::<UInt16Type, _, _>([Some(vec![Some(1)]), None]));
    assert!(error(&bytes(&[batch(vec![("ids", rows)])], false), None).contains("1 rows of column `ids` are null"));
    let tokens: ArrayRef = Arc::new(ListArray::from_iter_primitive::<UInt16Type, _, _>([Some(vec![Some(1), None])]));
    assert!(error(&bytes(&[batch(vec![("ids", tokens)])], true), None).contains("1 tokens of column `ids` are null"));
}

#[test]
fn a_file_cut_off_is_refused() {
    let whole = bytes(&[batch(vec![("ids", lists(&[&[1, 2, 3]]))])], false);
    assert!(error(&whole[..whole.len() - 3], None).contains("it has no footer: it is cut off or was not closed"));
    let stream = bytes(&[batch(vec![("ids", lists(&[&[1, 2, 3]]))])], true);
    assert!(error(&stream[..stream.len() - 20], None).contains("is cut off"));
    assert!(error(b"just some text that is none of this", None).contains("it is no Arrow file"));
}

#[test]
fn columns_in_front_of_the_tokens_are_passed_over_whatever_their_type() {
    use arrow_array::{BooleanArray, NullArray, StringViewArray, StructArray};
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let inner = Arc::new(Field::new("s", text.data_type().clone(), true));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("null", Arc::new(NullArray::new(2))),
        ("bool", Arc::new(BooleanArray::from(vec![true, false]))),
        ("view", Arc::new(StringViewArray::from(vec!["a string that is too long to be inlined", "b"]))),
        ("struct", Arc::new(StructArray::from(vec![(inner, text)]))),
        ("ids", lists(&[&[1], &[2, 3]])),
    ];
    let (_folder, opened) = open(&bytes(&[batch(columns)], false), None);
    assert_eq!(ids(opened.unwrap().unwrap().document(1).unwrap()), [2, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_byte_changed_makes_it_panic(stream in any::<bool>(), edits in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..4), cut in any::<u16>()) {
        let mut file = bytes(&[batch(vec![("ids", lists(&[&[1, 2], &[3]]))]), batch(vec![("ids", lists(&[&[4]]))])], stream);
        let len = file.len();
        for (at, byte) in edits {
            file[at as usize % len] = byte;
        }
        if cut % 4 == 0 {
            file.truncate(cut as usize % len);
        }
        let (_folder, opened) = open(&file, None);
        if let Ok(Some(tokens)) = opened {
            for i in 0..tokens.n_documents().min(8) {
                let _ = (tokens.document(i), tokens.document_len(i));
            }
            let _ = (tokens.range(0, tokens.n_tokens()), tokens.range(2, 1));
        }
    }
}
