//! Token ids as slices of their own type, without a copy.

/// A token id as it is stored: `u8`, `u16` or `u32`.
pub trait Token: Copy + Into<u32> + sealed::Sealed + 'static {
    /// Bits of an id: 8, 16 or 32.
    const BITS: u32;
    /// As an index into a table.
    fn index(self) -> usize;
    #[doc(hidden)]
    const WIDTH: u8;
    #[doc(hidden)]
    fn from_le(bytes: &[u8]) -> Self;
    #[doc(hidden)]
    fn push_le(self, bytes: &mut Vec<u8>);
}

mod sealed {
    /// Every pattern of bits is a value.
    pub trait Sealed: bytemuck::Pod {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

macro_rules! token {
    ($type:ty) => {
        impl Token for $type {
            const BITS: u32 = <$type>::BITS;
            const WIDTH: u8 = size_of::<$type>() as u8;

            #[inline(always)]
            fn index(self) -> usize {
                self as usize
            }

            fn from_le(bytes: &[u8]) -> Self {
                let mut whole = [0; size_of::<$type>()];
                for (to, from) in whole.iter_mut().zip(bytes) {
                    *to = *from;
                }
                <$type>::from_le_bytes(whole)
            }

            fn push_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    };
}

token!(u8);
token!(u16);
token!(u32);

/// The tokens of consecutive samples, end to end, in the type in which they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens<'a> {
    /// One byte a token.
    U8(&'a [u8]),
    /// Two bytes a token.
    U16(&'a [u16]),
    /// Four bytes a token.
    U32(&'a [u32]),
}

/// What holds the tokens: the bytes as they came where they can be viewed in place, else copies.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    Bytes(Vec<u8>, u8),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Storage {
    /// Little-endian tokens of `width` bytes; none if the width is not 1, 2 or 4.
    pub(crate) fn new(bytes: Vec<u8>, width: u8) -> Option<Storage> {
        match width {
            1 => Some(Storage::Bytes(bytes, 1)),
            2 if view::<u16>(&bytes).is_none() => Some(Storage::U16(copy(&bytes))),
            4 if view::<u32>(&bytes).is_none() => Some(Storage::U32(copy(&bytes))),
            2 | 4 => Some(Storage::Bytes(bytes, width)),
            _ => None,
        }
    }

    pub(crate) fn tokens(&self) -> Tokens<'_> {
        match self {
            Storage::Bytes(bytes, 1) => Tokens::U8(bytes),
            Storage::Bytes(bytes, 2) => Tokens::U16(view(bytes).unwrap_or_default()),
            Storage::Bytes(bytes, _) => Tokens::U32(view(bytes).unwrap_or_default()),
            Storage::U16(tokens) => Tokens::U16(tokens),
            Storage::U32(tokens) => Tokens::U32(tokens),
        }
    }
}

/// The bytes as tokens, where they are aligned and the machine is little-endian.
fn view<T: Token>(bytes: &[u8]) -> Option<&[T]> {
    if cfg!(target_endian = "big") {
        return None;
    }
    bytemuck::try_cast_slice(bytes).ok()
}

fn copy<T: Token>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(size_of::<T>()).map(T::from_le).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_little_endian_tokens_of_their_width() {
        let bytes = vec![1, 0, 2, 1, 255, 255, 0, 0];
        let tokens = |width| Storage::new(bytes.clone(), width);
        assert_eq!(tokens(1).unwrap().tokens(), Tokens::U8(&[1, 0, 2, 1, 255, 255, 0, 0]));
        assert_eq!(tokens(2).unwrap().tokens(), Tokens::U16(&[1, 258, 65_535, 0]));
        assert_eq!(tokens(4).unwrap().tokens(), Tokens::U32(&[0x0102_0001, 65_535]));
        assert!(tokens(3).is_none());
    }

    #[test]
    fn a_copy_equals_a_view() {
        assert_eq!(copy::<u16>(&[1, 0, 2, 1]), [1, 258]);
        assert_eq!(copy::<u32>(&[1, 0, 2, 1, 9]), [0x0102_0001]);
    }
}
