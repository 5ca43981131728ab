//! What the type code of an `.idx` means, which depends on who wrote it.
//!
//! Codes 1 to 5 mean the same everywhere. From 6 on there are three dialects without a mark of their own:
//!
//! | code | DeepSpeed from 0.13.3 | DeepSpeed before | Megatron-LM |
//! | --- | --- | --- | --- |
//! | 6 | uint16 | float64 | float64 |
//! | 7 | uint32 | float64 | float32 |
//! | 8 | uint64 | uint16 | uint16 |
//! | 9 | | uint32 | |
//! | 10 | | uint64 | |
//!
//! The width of an element follows from lengths and offsets. It leaves one doubt: code 7 with four bytes.

use std::{fmt, str::FromStr};

use super::{super::TokenType, IndexedFile, Magic};
use crate::{Error, Result};

/// Items looked at, from either end, to find the width of an element.
const PROBED_ITEMS: u64 = 256;
/// Elements looked at to tell `uint32` from `float32`.
const PROBED_ELEMENTS: usize = 4096;

const DEEPSPEED: &str = "DeepSpeed from 0.13.3";
const OLD_DEEPSPEED: &str = "DeepSpeed before 0.13.3";
const MEGATRON: &str = "Megatron-LM";

/// Whose type codes an `.idx` is written with. All read codes 1 to 5 (`uint8`, `int8`, `int16`, `int32`, `int64`) alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Megatron-LM and Megatron-DeepSpeed: besides these `uint16` (8), `float64` (6) and `float32` (7).
    Megatron,
    /// DeepSpeed from 0.13.3 on: besides these `uint16` (6), `uint32` (7) and `uint64` (8).
    DeepSpeed,
    /// DeepSpeed before 0.13.3: besides these `uint16` (8), `uint32` (9), `uint64` (10) and `float64` (6). What it shares with
    /// [`Megatron`](Dialect::Megatron) has the same codes, and it has every integer, so it is the default.
    #[default]
    DeepSpeedBefore0133,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Dialect; 3] = [Dialect::Megatron, Dialect::DeepSpeed, Dialect::DeepSpeedBefore0133];

    /// The name in options: `megatron`, `deepspeed`, `deepspeed-before-0.13.3`.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Megatron => "megatron",
            Dialect::DeepSpeed => "deepspeed",
            Dialect::DeepSpeedBefore0133 => "deepspeed-before-0.13.3",
        }
    }

    /// The code of a type; none if readers of the dialect have no such type.
    pub const fn code(self, element: ElementType) -> Option<u8> {
        use Dialect::{DeepSpeed, DeepSpeedBefore0133, Megatron};
        use ElementType::{F32, F64, Int};
        Some(match (element, self) {
            (Int(TokenType::U8), _) => 1,
            (Int(TokenType::I8), _) => 2,
            (Int(TokenType::I16), _) => 3,
            (Int(TokenType::I32), _) => 4,
            (Int(TokenType::I64), _) => 5,
            (Int(TokenType::U16), DeepSpeed) => 6,
            (Int(TokenType::U32), DeepSpeed) => 7,
            (Int(TokenType::U64), DeepSpeed) => 8,
            (Int(TokenType::U16), Megatron | DeepSpeedBefore0133) => 8,
            (Int(TokenType::U32), DeepSpeedBefore0133) => 9,
            (Int(TokenType::U64), DeepSpeedBefore0133) => 10,
            (F64, Megatron | DeepSpeedBefore0133) => 6,
            (F32, Megatron) => 7,
            (Int(TokenType::U32 | TokenType::U64), Megatron) | (F32 | F64, DeepSpeed) | (F32, DeepSpeedBefore0133) => return None,
        })
    }

    /// As [`code`](Dialect::code), with words for what the dialect lacks.
    pub(crate) fn checked_code(self, element: ElementType) -> Result<u8> {
        self.code(element).ok_or_else(|| {
            let (who, instead) = match self {
                Dialect::Megatron => (MEGATRON, "write `int32` where no number is above 2 147 483 647, else `int64`"),
                Dialect::DeepSpeed => (DEEPSPEED, "write whole numbers, or in dialect `megatron`"),
                Dialect::DeepSpeedBefore0133 => (OLD_DEEPSPEED, "write `float64`, or in dialect `megatron`"),
            };
            Error::data(format_args!("dialect `{self}`: {who} has no type code for `{element}`"), instead)
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = Error;

    /// Reads a [name](Dialect::name).
    ///
    /// # Errors
    /// [`Error::Config`] that lists the names.
    fn from_str(text: &str) -> Result<Dialect> {
        Dialect::ALL.into_iter().find(|d| d.name() == text).ok_or_else(|| {
            let names = Dialect::ALL.map(|d| format!("`{d}`")).join(", ");
            Error::config("dialect", format_args!("`{}` is none", text.escape_debug()), format_args!("use one of {names}"))
        })
    }
}

/// In which form a pair is written. By default that which most programs read: [`Magic::MMap`] in the default [`Dialect`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PairFormat {
    /// The kind of `.idx` file.
    pub magic: Magic,
    /// Whose type codes.
    pub dialect: Dialect,
}

impl From<Magic> for PairFormat {
    fn from(magic: Magic) -> PairFormat {
        PairFormat { magic, ..PairFormat::default() }
    }
}

impl From<Dialect> for PairFormat {
    fn from(dialect: Dialect) -> PairFormat {
        PairFormat { dialect, ..PairFormat::default() }
    }
}

/// What the elements of an [`IndexedFile`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// Integers: tokens, sample ids, metric values.
    Int(TokenType),
    /// `float32`: metric values.
    F32,
    /// `float64`: metric values.
    F64,
}

impl ElementType {
    /// All types: integers, narrow ones first, then the two of floating point.
    pub const ALL: [ElementType; 10] = {
        let mut all = [ElementType::F32; 10];
        let mut i = 0;
        while i < TokenType::ALL.len() {
            all[i] = ElementType::Int(TokenType::ALL[i]);
            i += 1;
        }
        all[9] = ElementType::F64;
        all
    };

    /// Bytes an element: 1, 2, 4 or 8.
    pub fn width(self) -> u64 {
        match self {
            ElementType::Int(t) => t.width() as u64,
            ElementType::F32 => 4,
            ElementType::F64 => 8,
        }
    }

    /// The name in messages, as numpy spells it.
    pub fn name(self) -> &'static str {
        match self {
            ElementType::Int(t) => t.name(),
            ElementType::F32 => "float32",
            ElementType::F64 => "float64",
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<TokenType> for ElementType {
    fn from(token_type: TokenType) -> ElementType {
        ElementType::Int(token_type)
    }
}

impl FromStr for ElementType {
    type Err = Error;

    /// Reads the name of a [`TokenType`], `float32` (`f32`) or `float64` (`f64`).
    ///
    /// # Errors
    /// [`Error::Config`] that lists the names.
    fn from_str(text: &str) -> Result<ElementType> {
        match text {
            "float32" | "f32" => Ok(ElementType::F32),
            "float64" | "f64" => Ok(ElementType::F64),
            _ => text.parse().map(ElementType::Int).map_err(|error: Error| match error {
                Error::Config { place, problem, remedy } => Error::config(place, problem, format_args!("{remedy}, `float32`, `float64`")),
                other => other,
            }),
        }
    }
}

/// What a code may mean, and to whom.
fn meanings(code: u64) -> &'static [(ElementType, &'static str)] {
    use ElementType::{F32, F64, Int};
    match code {
        1 => &[(Int(TokenType::U8), "all")],
        2 => &[(Int(TokenType::I8), "all")],
        3 => &[(Int(TokenType::I16), "all")],
        4 => &[(Int(TokenType::I32), "all")],
        5 => &[(Int(TokenType::I64), "all")],
        6 => &[(Int(TokenType::U16), DEEPSPEED), (F64, MEGATRON), (F32, "fairseq")],
        7 => &[(Int(TokenType::U32), DEEPSPEED), (F64, OLD_DEEPSPEED), (F32, MEGATRON)],
        8 => &[(Int(TokenType::U64), DEEPSPEED), (Int(TokenType::U16), MEGATRON)],
        9 => &[(Int(TokenType::U32), OLD_DEEPSPEED)],
        10 => &[(Int(TokenType::U64), OLD_DEEPSPEED)],
        _ => &[],
    }
}

/// The type of the elements, given the code, the width where the file says it, and what the caller knows.
pub(super) fn resolve(file: &IndexedFile, code: u64, width: Option<u64>, wanted: Option<ElementType>) -> Result<ElementType> {
    let idx = file.idx.path();
    let all = meanings(code);
    if all.is_empty() {
        return Err(Error::dataset(idx, format_args!("type code {code} is unknown"), super::DAMAGED));
    }
    let ends = |e: ElementType| width.is_none_or(|w| w == e.width()) && ends_with_bin(file, e.width());
    let mut fitting: Vec<ElementType> = all.iter().map(|(element, _)| *element).filter(|e| ends(*e)).collect();
    if fitting.is_empty() {
        let last = file.n.checked_sub(1).map_or("no item".to_owned(), |last| format!("its last item, {last},"));
        let problem = format_args!(
            "{last} does not end where the {} bytes of the `.bin` do, whatever type code {code} means: {}",
            file.bin.len(),
            named(all, None)
        );
        return Err(Error::dataset(idx, problem, "the two files do not belong together or one is cut off; copy or build the pair again"));
    }
    if fitting.len() > 1 {
        // Empty items at the end fit any width.
        fitting.retain(|e| ends_follow(file, e.width()));
    }
    if let Some(wanted) = wanted {
        return match fitting.contains(&wanted) {
            true => Ok(wanted),
            false => Err(Error::dataset(
                idx,
                format_args!("its elements are not `{wanted}`: type code {code} means {}", named(all, None)),
                "name the type that it has or none",
            )),
        };
    }
    match fitting.as_slice() {
        [element] => Ok(*element),
        // Without elements it does not matter; the first meaning is the newest.
        [element, ..] if file.bin.is_empty() => Ok(*element),
        [element @ ElementType::Int(TokenType::U32), ElementType::F32] if looks_like_ids(&file.bin) => Ok(*element),
        _ => Err(Error::dataset(
            idx,
            format_args!("type code {code} is ambiguous: the `.bin` tells nothing about which of {} it is", named(all, Some(&fitting))),
            "say which: `token-type` in a run file, `--token-type` on the command line",
        )),
    }
}

/// The meanings, or those of them that are left, for a message.
fn named(all: &[(ElementType, &str)], left: Option<&[ElementType]>) -> String {
    let kept = all.iter().filter(|(e, _)| left.is_none_or(|left| left.is_empty() || left.contains(e)));
    kept.map(|(e, who)| format!("`{e}` ({who})")).collect::<Vec<_>>().join(", ")
}

/// Whether the last item ends where the `.bin` does, if elements have this width.
fn ends_with_bin(file: &IndexedFile, width: u64) -> bool {
    let bin = file.bin.len() as u64;
    let offset = |i: u64| file.offset_at(i).and_then(|at| u64::try_from(at).ok());
    let end = match (file.magic, file.n.checked_sub(1)) {
        (Magic::Tntidx, _) => offset(file.n).and_then(|end| end.checked_mul(width)),
        (Magic::MMap, None) => Some(0),
        (Magic::MMap, Some(last)) => {
            let len = file.len_at(last).and_then(|len| u64::try_from(len).ok());
            offset(last).zip(len).and_then(|(at, len)| at.checked_add(len * width))
        }
    };
    end == Some(bin) && bin.is_multiple_of(width)
}

/// Whether each of the items at either end begins where elements of this width make the one before it end.
fn ends_follow(file: &IndexedFile, width: u64) -> bool {
    if file.magic == Magic::Tntidx {
        return true;
    }
    let follows = |i: u64| {
        let len = u64::try_from(file.len_at(i)?).ok()?;
        let end = u64::try_from(file.offset_at(i)?).ok()?.checked_add(len * width)?;
        Some(i + 1 == file.n || u64::try_from(file.offset_at(i + 1)?) == Ok(end))
    };
    let head = 0..file.n.min(PROBED_ITEMS);
    let tail = file.n.saturating_sub(PROBED_ITEMS).max(head.end)..file.n;
    head.chain(tail).all(|i| follows(i) == Some(true))
}

/// Whether four-byte elements can hardly be floats: some are so small that as floats they would be subnormal. Ids and counts under 2²³
/// are; numbers that somebody measured are not. All zeros are the same either way.
fn looks_like_ids(bin: &[u8]) -> bool {
    let elements = bin.as_chunks::<4>().0;
    let step = elements.len().div_ceil(PROBED_ELEMENTS).max(1);
    let mut probed = elements.iter().step_by(step).map(|b| u32::from_le_bytes(*b)).filter(|e| *e != 0).peekable();
    probed.peek().is_none() || probed.any(|e| e < 1 << 23)
}
