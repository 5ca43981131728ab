//! Types of values, and the order on them that every column is sorted by.

use std::fmt;

/// Type of the stored values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
}

impl ValueType {
    /// Bytes per value.
    pub fn width(self) -> usize {
        match self {
            ValueType::F32 | ValueType::U32 => 4,
            ValueType::F64 | ValueType::U64 => 8,
        }
    }

    /// The type of this name, as it is displayed.
    pub(crate) fn named(name: &str) -> Option<ValueType> {
        [ValueType::F32, ValueType::F64, ValueType::U32, ValueType::U64].into_iter().find(|t| t.to_string() == name)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValueType::F32 => "f32",
            ValueType::F64 => "f64",
            ValueType::U32 => "u32",
            ValueType::U64 => "u64",
        })
    }
}

/// Values of consecutive samples, in ascending order of their ids.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 64-bit floating point.
    F64(Vec<f64>),
    /// 32-bit unsigned integers.
    U32(Vec<u32>),
    /// 64-bit unsigned integers.
    U64(Vec<u64>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::U32(v) => v.len(),
            Values::U64(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Values::F32(_) => ValueType::F32,
            Values::F64(_) => ValueType::F64,
            Values::U32(_) => ValueType::U32,
            Values::U64(_) => ValueType::U64,
        }
    }
}

/// A stored value: any bit pattern of it is valid, and all but NaN are ordered. Values that compare equal (0 and −0) have the same key.
pub(crate) trait Number: Copy + PartialOrd + Default + Send + Sync + fmt::Debug + 'static {
    /// Significant bits of [`Number::key`].
    const KEY_BITS: u32;
    /// An unsigned integer that orders as the value does.
    fn key(self) -> u64;
    /// The value as plugins see it; monotonic, and rounded only for integers beyond 2^53.
    fn to_f64(self) -> f64;
    /// The next greater value; none after the greatest.
    fn above(self) -> Option<Self>;
    /// The next smaller value; none before the smallest.
    fn below(self) -> Option<Self>;
    /// Whether it has no place in an order.
    fn is_nan(self) -> bool;
    /// Appends the values as the files hold them: little-endian.
    fn put(values: &[Self], bytes: &mut Vec<u8>);
}

macro_rules! float {
    ($float:ty, $bits:ty) => {
        impl Number for $float {
            const KEY_BITS: u32 = <$bits>::BITS;

            #[inline]
            fn key(self) -> u64 {
                // Adding 0 turns −0 into 0 and changes nothing else. Negative values order by their inverted bits, below the positive.
                let bits = (self + 0.0).to_bits();
                let sign: $bits = 1 << (<$bits>::BITS - 1);
                u64::from(if bits & sign == 0 { bits | sign } else { !bits })
            }

            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            fn above(self) -> Option<Self> {
                (self < <$float>::INFINITY).then(|| self.next_up())
            }

            fn below(self) -> Option<Self> {
                (self > <$float>::NEG_INFINITY).then(|| self.next_down())
            }

            #[inline]
            fn is_nan(self) -> bool {
                <$float>::is_nan(self)
            }

            fn put(values: &[Self], bytes: &mut Vec<u8>) {
                let start = bytes.len();
                bytes.resize(start + size_of_val(values), 0);
                for (to, from) in bytes[start..].chunks_exact_mut(size_of::<Self>()).zip(values) {
                    to.copy_from_slice(&from.to_le_bytes());
                }
            }
        }
    };
}

macro_rules! unsigned {
    ($int:ty) => {
        impl Number for $int {
            const KEY_BITS: u32 = <$int>::BITS;

            #[inline]
            fn key(self) -> u64 {
                u64::from(self)
            }

            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }

            fn above(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn below(self) -> Option<Self> {
                self.checked_sub(1)
            }

            #[inline]
            fn is_nan(self) -> bool {
                false
            }

            fn put(values: &[Self], bytes: &mut Vec<u8>) {
                let start = bytes.len();
                bytes.resize(start + size_of_val(values), 0);
                for (to, from) in bytes[start..].chunks_exact_mut(size_of::<Self>()).zip(values) {
                    to.copy_from_slice(&from.to_le_bytes());
                }
            }
        }
    };
}

float!(f32, u32);
float!(f64, u64);
unsigned!(u32);
unsigned!(u64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Number;

    #[test]
    fn both_zeros_have_one_key_and_neighbours_leave_it() {
        assert_eq!(0.0f64.key(), (-0.0f64).key());
        assert!(0.0f64.above().unwrap().key() > 0.0f64.key());
        assert!(Number::below(-0.0f64).unwrap().key() < 0.0f64.key());
        assert_eq!(f32::INFINITY.above(), None);
        assert_eq!(u32::MAX.above(), None);
        assert_eq!(0u64.below(), None);
    }

    proptest! {
        #[test]
        fn keys_order_as_values_do(a: f64, b: f64, c: f32, d: f32) {
            if let Some(order) = a.partial_cmp(&b) {
                prop_assert_eq!(order, a.key().cmp(&b.key()));
            }
            if let Some(order) = c.partial_cmp(&d) {
                prop_assert_eq!(order, c.key().cmp(&d.key()));
            }
        }
    }
}
