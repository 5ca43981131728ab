//! What compressed buffers say that they come to. A decoder makes room for so much before it looks at the rest, and a process that asks for
//! more memory than there is ends.

use arrow_ipc::{CompressionType, RecordBatch};

use super::{super::mmap::array8, messages::Block};

/// Bytes that a compressed one stands for at most: of LZ4 a run grows by 255 a byte, of Zstandard a block of 2^17 takes at least four.
const LZ4: u64 = 255;
const ZSTD: u64 = 1 << 15;
/// What the headers of a frame may be worth.
const HEADERS: u64 = 1 << 17;

/// Refuses a batch with a buffer that cannot come to what it claims, or comes to more than there is memory for. `block` is where the
/// batch lies in the file.
pub(super) fn check(file: &[u8], batch: &RecordBatch<'_>, block: &Block) -> Result<(), String> {
    let Some(compression) = batch.compression() else { return Ok(()) };
    let most = if compression.codec() == CompressionType::ZSTD { ZSTD } else { LZ4 };
    for (i, buffer) in batch.buffers().iter().flatten().enumerate() {
        let outside = || format!("buffer {i} lies outside of its record batch");
        let place = u64::try_from(buffer.offset()).ok().zip(u64::try_from(buffer.length()).ok());
        let inside = place.filter(|(at, len)| at.checked_add(*len).is_some_and(|end| end <= block.body_len));
        let (at, len) = inside.ok_or_else(outside)?;
        if len == 0 {
            continue;
        }
        let claimed = block.body_at.checked_add(at).and_then(|at| array8(file, at)).map(i64::from_le_bytes).ok_or_else(outside)?;
        // The format's mark of a buffer that is not compressed after all.
        if claimed == -1 {
            continue;
        }
        let possible = u64::try_from(claimed).is_ok_and(|claimed| claimed <= len.saturating_mul(most).saturating_add(HEADERS));
        if !possible {
            return Err(format!("buffer {i} has {len} bytes and claims to come to {claimed}"));
        }
        let has_room = usize::try_from(claimed).is_ok_and(|claimed| Vec::<u8>::new().try_reserve_exact(claimed).is_ok());
        if !has_room {
            return Err(format!("buffer {i} comes to {claimed} bytes, and there is no memory for so many"));
        }
    }
    Ok(())
}
