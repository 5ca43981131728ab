//! What the first bytes of an `.idx` say.

use super::{
    super::mmap::{Mapped, array8, bytes_at},
    DAMAGED, MMAP_MAGIC, Magic, TNTIDX_MAGIC,
};
use crate::{Error, Result};

/// What the first bytes of an `.idx` say, checked against its size.
pub(super) struct Header {
    pub(super) magic: Magic,
    pub(super) code: u64,
    /// Bytes an element; the MMap kind does not say.
    pub(super) width: Option<u64>,
    pub(super) n: u64,
    pub(super) d: u64,
    pub(super) lens_at: u64,
    pub(super) offsets_at: u64,
    pub(super) docs_at: u64,
    /// Whether each item has a mode behind all this.
    pub(super) modes: bool,
}

impl Header {
    pub(super) fn read(idx: &Mapped) -> Result<Header> {
        let magic = if idx.starts_with(MMAP_MAGIC) {
            Magic::MMap
        } else if idx.starts_with(TNTIDX_MAGIC) {
            Magic::Tntidx
        } else if idx.is_empty() {
            return Err(Error::dataset(idx.path(), "the file is empty", DAMAGED));
        } else {
            let problem = "it is no index of a token file: it begins neither with `MMIDIDX` nor with `TNTIDX`";
            return Err(Error::dataset(idx.path(), problem, "give the `.idx` of a Megatron, DeepSpeed or fairseq dataset"));
        };
        let cut = || Error::dataset(idx.path(), format_args!("it is cut off within its header, after {} bytes", idx.len()), DAMAGED);
        let number = |at| array8(idx, at).map(u64::from_le_bytes).ok_or_else(cut);
        let mmap = magic == Magic::MMap;
        let version = number(if mmap { 9 } else { 8 })?;
        if version != 1 {
            return Err(Error::dataset(idx.path(), format_args!("it is of version {version}"), "only version 1 is known"));
        }
        let (mut header, file_size) = if mmap {
            let code = bytes_at(idx, 17, 1).and_then(|b| b.first()).copied().ok_or_else(cut)?;
            let (n, d) = (number(18)?, number(26)?);
            let (lens, offsets, docs) = (34u128, 34 + 4 * u128::from(n), 34 + 12 * u128::from(n));
            (fields(magic, u64::from(code), None, n, d, [lens, offsets, docs]), docs + 8 * u128::from(d))
        } else {
            let (code, width, n, s, d) = (number(16)?, number(24)?, number(32)?, number(40)?, number(48)?);
            let (dims, offsets) = (56u128, 64 + 8 * u128::from(n));
            let docs = offsets + 8 * (u128::from(n) + 1) + 8 * u128::from(s);
            (fields(magic, code, Some(width), n, d, [dims, offsets, docs]), docs + 8 * u128::from(d))
        };
        // Counts are compared with the size before anything is computed from them in 64 bits.
        let found = idx.len() as u128;
        let with_modes = file_size + if mmap { u128::from(header.n) } else { 0 };
        if found != file_size && found != with_modes {
            let state = if found < file_size { "it is cut off" } else { "it is too long" };
            let problem = format_args!("{state}: {found} bytes, and {} items need {file_size}", header.n);
            return Err(Error::dataset(idx.path(), problem, DAMAGED));
        }
        header.modes = found != file_size;
        Ok(header)
    }
}

/// A header whose places may still be nonsense: they are used only once the size of the file has confirmed them.
fn fields(magic: Magic, code: u64, width: Option<u64>, n: u64, d: u64, at: [u128; 3]) -> Header {
    let [lens_at, offsets_at, docs_at] = at.map(|at| u64::try_from(at).unwrap_or(u64::MAX));
    Header { magic, code, width, n, d, lens_at, offsets_at, docs_at, modes: false }
}
