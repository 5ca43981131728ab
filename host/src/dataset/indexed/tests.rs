use std::{fs, path::PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{super::TokenType, *};
use crate::dataset::{IndexedWriter, write_index};

/// A pair in a folder of its own.
struct Pair {
    folder: TempDir,
}

impl Pair {
    fn new(bin: &[u8], idx: &[u8]) -> Pair {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("p.bin"), bin).unwrap();
        fs::write(folder.path().join("p.idx"), idx).unwrap();
        Pair { folder }
    }

    fn written(items: &[&[u16]], magic: Magic) -> Pair {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = IndexedWriter::create(folder.path().join("p"), TokenType::U16, magic).unwrap();
        for item in items {
            writer.push(&item.iter().flat_map(|t| t.to_le_bytes()).collect::<Vec<_>>()).unwrap();
            writer.end_document().unwrap();
        }
        writer.finish().unwrap();
        Pair { folder }
    }

    fn prefix(&self) -> PathBuf {
        self.folder.path().join("p")
    }

    fn open(&self) -> Result<IndexedFile> {
        IndexedFile::open(self.prefix())
    }

    /// The message of the refusal, without the folder.
    fn error(&self) -> String {
        self.told(self.open().unwrap_err())
    }

    fn told(&self, error: Error) -> String {
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn edit(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.folder.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }
}

/// An MMap index, from the numbers that are in it.
fn mmap_idx(code: u8, lens: &[i32], offsets: &[i64], docs: &[i64]) -> Vec<u8> {
    let mut out = MMAP_MAGIC.to_vec();
    out.extend(1u64.to_le_bytes());
    out.push(code);
    out.extend((lens.len() as u64).to_le_bytes());
    out.extend((docs.len() as u64).to_le_bytes());
    out.extend(lens.iter().flat_map(|n| n.to_le_bytes()));
    out.extend(offsets.iter().chain(docs).flat_map(|n| n.to_le_bytes()));
    out
}

#[test]
fn both_magics_read_back_what_was_written() {
    for magic in [Magic::MMap, Magic::Tntidx] {
        let pair = Pair::written(&[&[1, 2, 3], &[], &[4]], magic);
        let file = pair.open().unwrap();
        assert_eq!(file.magic(), magic);
        assert_eq!(file.element_type(), ElementType::Int(TokenType::U16));
        assert_eq!(file.sizes().collect::<Result<Vec<_>>>().unwrap(), [3, 0, 1]);
        assert_eq!(file.bytes(0).unwrap(), [1, 0, 2, 0, 3, 0]);
        assert!(file.bytes(1).unwrap().is_empty());
        assert_eq!(file.document_index().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(file.n_elements(), 4);
        assert_eq!(pair.told(file.bytes(3).unwrap_err()), "dataset `p.idx`: there is no item 3, it has 3; ask for an item that exists");
    }
}

#[test]
fn prefix_bin_and_idx_name_the_same_pair() {
    let pair = Pair::written(&[&[1]], Magic::MMap);
    for path in [pair.prefix(), with_suffix(&pair.prefix(), "bin"), with_suffix(&pair.prefix(), "idx")] {
        assert_eq!(IndexedFile::open(path).unwrap().len(), 1);
    }
}

#[test]
fn the_size_of_the_bin_tells_the_dialects_apart() {
    use ElementType::{F64, Int};
    for (code, width, expected) in [
        (6, 2, Int(TokenType::U16)),
        (6, 8, F64),
        (7, 8, F64),
        (8, 2, Int(TokenType::U16)),
        (8, 8, Int(TokenType::U64)),
        (9, 4, Int(TokenType::U32)),
        (10, 8, Int(TokenType::U64)),
    ] {
        let pair = Pair::new(&vec![0; 5 * width], &mmap_idx(code, &[3, 2], &[0, 3 * width as i64], &[0, 2]));
        assert_eq!(pair.open().unwrap().element_type(), expected, "code {code}, {width} bytes");
    }
}

#[test]
fn empty_items_at_the_end_do_not_hide_the_dialect() {
    let pair = Pair::new(&[0; 16], &mmap_idx(8, &[4, 4, 0], &[0, 8, 16], &[0, 3]));
    assert_eq!(pair.open().unwrap().element_type(), ElementType::Int(TokenType::U16));
}

#[test]
fn four_byte_elements_of_code_7_are_ids_only_if_they_look_like_ids() {
    let idx = mmap_idx(7, &[2], &[0], &[0, 1]);
    let ids = Pair::new(&[3u32, 70_000].map(u32::to_le_bytes).concat(), &idx);
    assert_eq!(ids.open().unwrap().element_type(), ElementType::Int(TokenType::U32));
    let floats = Pair::new(&[0.5f32, 2.0].map(f32::to_le_bytes).concat(), &idx);
    assert_eq!(
        floats.error(),
        "dataset `p.idx`: type code 7 is ambiguous: the `.bin` tells nothing about which of `uint32` (DeepSpeed from 0.13.3), `float32` \
         (Megatron-LM) it is; say which: `token-type` in a run file, `--token-type` on the command line"
    );
    assert_eq!(IndexedFile::open_as(floats.prefix(), ElementType::F32).unwrap().element_type(), ElementType::F32);
    assert_eq!(
        floats.told(IndexedFile::open_as(floats.prefix(), ElementType::F64).unwrap_err()),
        "dataset `p.idx`: its elements are not `float64`: type code 7 means `uint32` (DeepSpeed from 0.13.3), `float64` (DeepSpeed before \
         0.13.3), `float32` (Megatron-LM); name the type that it has or none"
    );
}

#[test]
fn a_bin_of_another_size_is_refused_with_all_that_was_tried() {
    let pair = Pair::new(&[0; 7], &mmap_idx(8, &[3], &[0], &[0, 1]));
    assert_eq!(
        pair.error(),
        "dataset `p.idx`: its last item, 0, does not end where the 7 bytes of the `.bin` do, whatever type code 8 means: `uint64` (DeepSpeed \
         from 0.13.3), `uint16` (Megatron-LM); the two files do not belong together or one is cut off; copy or build the pair again"
    );
}

#[test]
fn an_offset_past_the_end_is_refused_with_the_item() {
    let pair = Pair::written(&[&[1], &[2], &[3]], Magic::MMap);
    pair.edit("p.idx", |idx| idx[34 + 12 + 8..34 + 12 + 16].copy_from_slice(&i64::MAX.to_le_bytes()));
    let file = pair.open().unwrap();
    assert!(file.bytes(0).is_ok() && file.bytes(2).is_ok());
    assert_eq!(
        pair.told(file.bytes(1).unwrap_err()),
        "dataset `p.idx`: item 1: 2 bytes from byte 9223372036854775807 on reach past the 6 bytes of the `.bin`; copy or build the pair again"
    );
    assert!(pair.told(file.check_item(2).unwrap_err()).contains("item 2: it begins at 4, before the item that precedes it"));
}

#[test]
fn a_negative_length_or_offset_is_refused_with_the_item() {
    let pair = Pair::written(&[&[1], &[2], &[3]], Magic::MMap);
    pair.edit("p.idx", |idx| idx[38..42].copy_from_slice(&(-1i32).to_le_bytes()));
    let file = pair.open().unwrap();
    let expected = "dataset `p.idx`: item 1: its length is -1; copy or build the pair again";
    assert_eq!(pair.told(file.size(1).unwrap_err()), expected);
    assert_eq!(pair.told(file.sizes_of(&[0, 1], &mut Vec::new()).unwrap_err()), expected);
    let pair = Pair::written(&[&[1], &[2], &[3]], Magic::Tntidx);
    pair.edit("p.idx", |idx| idx[64 + 24 + 8..64 + 24 + 16].copy_from_slice(&(-7i64).to_le_bytes()));
    assert!(pair.told(pair.open().unwrap().bytes(0).unwrap_err()).contains("item 0: it begins at element 0 and ends at -7"));
}

#[test]
fn a_damaged_idx_is_refused_in_one_sentence() {
    let whole = mmap_idx(4, &[1], &[0], &[0, 1]);
    let told = |idx: &[u8]| Pair::new(&[0; 4], idx).error();
    assert_eq!(told(b""), "dataset `p.idx`: the file is empty; copy or build the pair again");
    assert!(told(b"PK\x03\x04").contains("it is no index of a token file: it begins neither with `MMIDIDX` nor with `TNTIDX`"));
    assert!(told(&whole[..20]).contains("it is cut off within its header, after 20 bytes"));
    assert!(told(&whole[..whole.len() - 1]).contains("it is cut off: 61 bytes, and 1 items need 62"));
    assert!(told(&[&whole[..], &[0; 9]].concat()).contains("it is too long: 71 bytes"));
    let with = |at: usize, byte: u8| {
        let mut idx = whole.clone();
        idx[at] = byte;
        told(&idx)
    };
    assert!(with(9, 2).contains("it is of version 2; only version 1 is known"));
    assert!(with(17, 42).contains("type code 42 is unknown"));
    // 2⁶³ items: the size that they need is beyond 64 bits.
    assert!(with(25, 0x80).contains("items need 110680464442257309758"));
}

#[test]
fn the_missing_half_of_a_pair_is_named() {
    let pair = Pair::written(&[&[1]], Magic::MMap);
    fs::remove_file(with_suffix(&pair.prefix(), "bin")).unwrap();
    assert_eq!(pair.error(), "dataset `p.bin`: the file is missing, though `p.idx` is there; put the two files of the pair side by side");
}

#[test]
fn multimodal_modes_at_the_end_are_passed_over() {
    let mut idx = mmap_idx(4, &[1, 1], &[0, 4], &[0, 2]);
    idx.extend([0, 1]);
    assert_eq!(Pair::new(&[0; 8], &idx).open().unwrap().len(), 2);
}

#[test]
fn what_joining_would_lose_or_spoil_is_refused() {
    let join = |pair: &Pair, element: ElementType| {
        let mut writer = IndexedWriter::create(pair.folder.path().join("q"), element, Magic::MMap).unwrap();
        pair.told(writer.append(&pair.open().unwrap(), &|_| Ok(())).unwrap_err())
    };
    let int32 = ElementType::Int(TokenType::I32);
    let mut idx = mmap_idx(4, &[1, 1], &[0, 4], &[0, 2]);
    idx.extend([0, 1]);
    let with_modes = Pair::new(&[0; 8], &idx);
    assert_eq!(
        join(&with_modes, int32),
        "dataset `p.idx`: its items have modes, of Megatron's multimodal datasets, which would be lost; join pairs without modes"
    );
    assert_eq!(
        join(&with_modes, ElementType::F64),
        "dataset `p.idx`: its elements are `int32`, and those of the pair that it goes to are `float64`; join pairs of one type; of others make \
         the pair again with this type"
    );
    for bounds in [[0, 3], [0, -1], [2, 1]] {
        let message = join(&Pair::new(&[0; 8], &mmap_idx(4, &[1, 1], &[0, 4], &bounds)), int32);
        assert!(
            message.contains("of its document index is") && message.ends_with("with 2 items in all; build the pair again"),
            "{message}"
        );
    }
    // Items that share bytes or leave some out come over as they are.
    let pair = Pair::new(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0], &mmap_idx(4, &[1, 2, 1], &[8, 0, 8], &[0]));
    let mut writer = IndexedWriter::create(pair.folder.path().join("q"), int32, Magic::Tntidx).unwrap();
    writer.append(&pair.open().unwrap(), &|_| Ok(())).unwrap();
    writer.finish().unwrap();
    let joined = IndexedFile::open(pair.folder.path().join("q")).unwrap();
    let firsts: Vec<u8> = joined.items(0..3).unwrap().map(|item| item.unwrap()[0]).collect();
    assert_eq!((firsts, joined.n_elements(), joined.document_index().collect::<Vec<_>>()), (vec![3, 1, 3], 4, vec![0, 3]));
}

#[test]
fn joining_stops_where_the_caller_says_so_and_leaves_nothing() {
    let pair = Pair::written(&[&[1], &[2, 3]], Magic::MMap);
    let mut writer = IndexedWriter::create(pair.folder.path().join("q"), TokenType::U16, Magic::MMap).unwrap();
    assert_eq!(writer.append(&pair.open().unwrap(), &|bytes| Err(Error::data(bytes, "stop"))).unwrap_err().to_string(), "6; stop");
    drop(writer);
    assert_eq!(fs::read_dir(pair.folder.path()).unwrap().count(), 2);
}

#[test]
fn an_index_is_not_written_for_a_bin_that_it_does_not_fit() {
    let pair = Pair::written(&[&[1], &[2, 3]], Magic::MMap);
    let index = |lens: Vec<Result<u32>>| pair.told(write_index(pair.prefix(), TokenType::U16, Magic::MMap, lens).unwrap_err());
    assert_eq!(
        index(vec![Ok(1), Ok(1)]),
        "dataset `p.bin`: it has 6 bytes, and 2 items of 2 tokens of type `uint16` in all do not fill it; build the pair again"
    );
    assert_eq!(
        index(vec![Ok(1), Ok(u32::MAX)]),
        "item 1: 4294967295 tokens are more than the 2147483647 that the format can hold; split the document"
    );
    assert_eq!(index(vec![Err(Error::data("no", "yes"))]), "no; yes");
    assert_eq!(pair.open().unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        which in 0usize..8,
        mmap in any::<bool>(),
        items in proptest::collection::vec(proptest::collection::vec(any::<u64>(), 0..6), 1..20),
    ) {
        let token_type = TokenType::ALL[which];
        let bytes: Vec<Vec<u8>> =
            items.iter().map(|item| item.iter().flat_map(|t| t.to_le_bytes()[..token_type.width()].to_vec()).collect()).collect();
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("p");
        let magic = if mmap { Magic::MMap } else { Magic::Tntidx };
        let mut writer = IndexedWriter::create(&prefix, token_type, magic).unwrap();
        for item in &bytes {
            writer.push(item).unwrap();
            writer.end_document().unwrap();
        }
        writer.finish().unwrap();
        let file = IndexedFile::open(&prefix).unwrap();
        if bytes.iter().any(|b| !b.is_empty()) {
            prop_assert_eq!(file.element_type(), ElementType::Int(token_type));
        }
        prop_assert_eq!(file.len(), bytes.len() as u64);
        for (i, item) in (0..).zip(&bytes) {
            prop_assert_eq!(file.bytes(i).unwrap(), item.as_slice());
            prop_assert!(file.check_item(i).is_ok());
        }
        prop_assert_eq!(file.document_index().collect::<Vec<_>>(), (0..=bytes.len() as i64).collect::<Vec<_>>());

        // The index alone, for a `.bin` that is there.
        let idx = fs::read(prefix.with_extension("idx")).unwrap();
        fs::remove_file(prefix.with_extension("idx")).unwrap();
        write_index(&prefix, token_type, magic, items.iter().map(|item| Ok(item.len() as u32))).unwrap();
        prop_assert_eq!(fs::read(prefix.with_extension("idx")).unwrap(), idx);
    }

    #[test]
    fn no_bytes_in_an_idx_make_it_panic(
        mmap in any::<bool>(),
        edits in proptest::collection::vec((0usize..140, any::<u8>()), 0..6),
        keep in 0usize..200,
    ) {
        let pair = Pair::written(&[&[1], &[2, 3], &[4]], if mmap { Magic::MMap } else { Magic::Tntidx });
        pair.edit("p.idx", |idx| {
            for (at, byte) in edits {
                if let Some(b) = idx.get_mut(at) {
                    *b = byte;
                }
            }
            idx.truncate(keep);
        });
        if let Ok(file) = pair.open() {
            for i in (0..file.len().min(8)).chain([u64::MAX, file.len()]) {
                let _ = (file.size(i), file.bytes(i), file.check_item(i), file.sizes_of(&[i], &mut Vec::new()));
            }
            let _ = file.document_index().count();
        }
    }
}
