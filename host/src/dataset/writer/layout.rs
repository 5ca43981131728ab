//! The `.idx` of a pair, from its parts.

use std::io::{self, Write};

use super::{
    super::indexed::{MMAP_MAGIC, Magic, TNTIDX_MAGIC},
    spool::Records,
};

/// What an `.idx` begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) magic: Magic,
    pub(super) code: u8,
    /// Bytes an element.
    pub(super) width: u64,
    /// Items.
    pub(super) n: u64,
}

/// Writes it: the lengths of the items are i32, the entries of the document index i64 without the leading 0. The layouts are described in
/// [`indexed`](super::super::indexed).
pub(super) fn lay_out(out: &mut impl Write, head: Head, mut lens: Records, mut docs: Records) -> io::Result<()> {
    let Head { magic, code, width, n } = head;
    let d = docs.bytes / 8 + 1;
    if magic == Magic::MMap {
        out.write_all(MMAP_MAGIC)?;
        out.write_all(&1u64.to_le_bytes())?;
        out.write_all(&[code])?;
        out.write_all(&n.to_le_bytes())?;
        out.write_all(&d.to_le_bytes())?;
        lens.each::<4>(|len| out.write_all(&len))?;
        let mut at = 0u64;
        lens.each::<4>(|len| {
            out.write_all(&at.to_le_bytes())?;
            at += u64::from(u32::from_le_bytes(len)) * width;
            Ok(())
        })?;
    } else {
        out.write_all(TNTIDX_MAGIC)?;
        for number in [1, u64::from(code), width, n, n, d] {
            out.write_all(&number.to_le_bytes())?;
        }
        // Every item has one dimension.
        for i in 0..=n {
            out.write_all(&i.to_le_bytes())?;
        }
        let mut at = 0u64;
        out.write_all(&at.to_le_bytes())?;
        lens.each::<4>(|len| {
            at += u64::from(u32::from_le_bytes(len));
            out.write_all(&at.to_le_bytes())
        })?;
        lens.each::<4>(|len| out.write_all(&u64::from(u32::from_le_bytes(len)).to_le_bytes()))?;
    }
    out.write_all(&0u64.to_le_bytes())?;
    docs.each::<8>(|doc| out.write_all(&doc))
}
