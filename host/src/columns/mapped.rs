//! Arrays of numbers inside a mapped file; the one place of this folder with `unsafe`.

use std::{fmt, fs::File, io, marker::PhantomData, ops::Deref, sync::Arc};

use memmap2::Mmap;

use super::value::Number;

/// Maps a whole file, read-only.
///
/// Files of columns are never changed in place: they appear by rename, and a rename leaves the mapped file alone. A file that someone
/// truncates while it is mapped makes the system end the process (SIGBUS) at the next read, as with every mapped file.
pub(super) fn map(file: &File) -> io::Result<Arc<Mmap>> {
    // SAFETY: the mapping is read-only, and the files are written once, before they get their names (see above). Nothing that follows from
    // the bytes is trusted without a check.
    unsafe { Mmap::map(file) }.map(Arc::new)
}

/// `len` numbers in a mapped file.
pub(super) struct Mapped<T> {
    map: Arc<Mmap>,
    start: usize,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Number> Mapped<T> {
    /// The numbers from byte `start` on; none if they are not inside the file or not aligned.
    pub(super) fn new(map: &Arc<Mmap>, start: u64, len: u64) -> Option<Mapped<T>> {
        let (start, len) = (usize::try_from(start).ok()?, usize::try_from(len).ok()?);
        let end = len.checked_mul(size_of::<T>())?.checked_add(start)?;
        let bytes = map.get(start..end)?;
        bytes.as_ptr().cast::<T>().is_aligned().then(|| Mapped { map: map.clone(), start, len, of: PhantomData })
    }
}

impl<T: Number> Deref for Mapped<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `new` checked that the range lies inside the mapping, which `map` keeps alive, and that it is aligned; every bit pattern
        // is a valid `Number`.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(self.start).cast::<T>(), self.len) }
    }
}

impl<T> fmt::Debug for Mapped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").field("start", &self.start).field("len", &self.len).finish_non_exhaustive()
    }
}

/// Mapped values of one of the four types.
#[derive(Debug)]
pub(super) enum Numbers {
    F32(Mapped<f32>),
    F64(Mapped<f64>),
    U32(Mapped<u32>),
    U64(Mapped<u64>),
}

/// Evaluates an expression with the values of a [`Numbers`] as a typed slice.
macro_rules! with_numbers {
    ($numbers:expr, $slice:ident => $body:expr) => {
        match $numbers {
            $crate::columns::mapped::Numbers::F32(mapped) => {
                let $slice: &[f32] = &*mapped;
                $body
            }
            $crate::columns::mapped::Numbers::F64(mapped) => {
                let $slice: &[f64] = &*mapped;
                $body
            }
            $crate::columns::mapped::Numbers::U32(mapped) => {
                let $slice: &[u32] = &*mapped;
                $body
            }
            $crate::columns::mapped::Numbers::U64(mapped) => {
                let $slice: &[u64] = &*mapped;
                $body
            }
        }
    };
}
pub(super) use with_numbers;

/// Sample ids in ascending order of the value.
#[derive(Debug)]
pub(super) enum Ids {
    Narrow(Mapped<u32>),
    Wide(Mapped<u64>),
}

impl Ids {
    /// The sample at a place in the order; none past the end.
    #[inline]
    pub(super) fn get(&self, place: u64) -> Option<u64> {
        let place = usize::try_from(place).ok()?;
        match self {
            Ids::Narrow(ids) => ids.get(place).copied().map(u64::from),
            Ids::Wide(ids) => ids.get(place).copied(),
        }
    }

    /// Turns places, counted from `start`, into samples.
    ///
    /// # Panics
    /// If one is past the end.
    #[inline]
    pub(super) fn gather(&self, start: u64, places: &mut [u64]) {
        match self {
            Ids::Narrow(ids) => {
                let ids = &ids[start as usize..];
                places.iter_mut().for_each(|p| *p = u64::from(ids[*p as usize]));
            }
            Ids::Wide(ids) => {
                let ids = &ids[start as usize..];
                places.iter_mut().for_each(|p| *p = ids[*p as usize]);
            }
        }
    }

    /// Appends the samples at the places `start..end`.
    pub(super) fn extend(&self, start: u64, end: u64, out: &mut Vec<u64>) {
        let range = start as usize..end as usize;
        match self {
            Ids::Narrow(ids) => out.extend(ids[range].iter().map(|id| u64::from(*id))),
            Ids::Wide(ids) => out.extend(&ids[range]),
        }
    }
}
