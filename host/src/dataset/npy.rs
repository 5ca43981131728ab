//! The header of a `.npy` file, as numpy's NEP 1 describes it: a magic, a version, and a Python dictionary in text.

use std::path::Path;

use super::{
    TokenType,
    mmap::{array4, bytes_at},
};
use crate::{Error, Result};

/// First bytes of every `.npy` file.
pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// What to do about a file that numpy would not read either.
const DAMAGED: &str = "save it again with `numpy.save`";

/// What a `.npy` file holds, confirmed by its size.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) token_type: TokenType,
    /// Rows, or tokens of a one-dimensional array.
    pub(crate) rows: u64,
    /// Tokens a row, if there are two dimensions.
    pub(crate) columns: Option<u64>,
    /// Where the tokens begin, in bytes.
    pub(crate) data_at: u64,
}

impl Header {
    pub(crate) fn read(file: &[u8], path: &Path) -> Result<Header> {
        let wrong = |problem: String, remedy: &str| Error::dataset(path, problem, remedy);
        if !file.starts_with(MAGIC) {
            return Err(wrong("it is no `.npy` file: the magic `\\x93NUMPY` is missing".into(), DAMAGED));
        }
        let cut = || wrong(format!("it is cut off within its header, after {} bytes", file.len()), DAMAGED);
        let (text_at, text_len) = match file.get(6).ok_or_else(cut)? {
            1 => {
                let len: [u8; 2] = bytes_at(file, 8, 2).and_then(|b| b.try_into().ok()).ok_or_else(cut)?;
                (10, u64::from(u16::from_le_bytes(len)))
            }
            2 | 3 => (12, array4(file, 8).map(|b| u64::from(u32::from_le_bytes(b))).ok_or_else(cut)?),
            other => return Err(wrong(format!("it is of version {other} of the `.npy` format"), "only versions 1 to 3 are known")),
        };
        let text = String::from_utf8_lossy(bytes_at(file, text_at, text_len).ok_or_else(cut)?);
        let unreadable = |key: &str| wrong(format!("its header has no readable `{key}`"), DAMAGED);
        let descr = value_of(&text, "descr").ok_or_else(|| unreadable("descr"))?;
        let token_type = token_type(descr).map_err(|(problem, remedy)| wrong(problem, remedy))?;
        let shape = value_of(&text, "shape").and_then(shape).ok_or_else(|| unreadable("shape"))?;
        let fortran = value_of(&text, "fortran_order").ok_or_else(|| unreadable("fortran_order"))?;
        let (rows, columns) = match shape.as_slice() {
            [n] => (*n, None),
            [rows, columns] if fortran.starts_with("False") => (*rows, Some(*columns)),
            [_, _] => return Err(wrong("its rows are not contiguous (Fortran order)".into(), "save `numpy.ascontiguousarray(a)`")),
            other => {
                return Err(wrong(
                    format!("it has {} dimensions", other.len()),
                    "save an array with one dimension, or two: rows and tokens",
                ));
            }
        };
        let data_at = text_at + text_len;
        let found = file.len() as u64 - data_at;
        let needed = rows.checked_mul(columns.unwrap_or(1)).and_then(|n| n.checked_mul(token_type.width() as u64));
        if needed != Some(found) {
            let needed = needed.map_or("more than 2⁶⁴".to_owned(), |n| n.to_string());
            return Err(wrong(format!("its shape needs {needed} bytes behind the header, and there are {found}"), "copy or save it again"));
        }
        Ok(Header { token_type, rows, columns, data_at })
    }
}

/// The text behind `'key':`, to the end of the dictionary.
fn value_of<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let quoted = [format!("'{key}'"), format!("\"{key}\"")];
    let (_, rest) = quoted.iter().find_map(|q| text.split_once(q.as_str()))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// `(3, 4)`, `(3,)` or `()`, of which numpy 1 and Python 2 write numbers like `3L`.
fn shape(text: &str) -> Option<Vec<u64>> {
    let (inner, _) = text.strip_prefix('(')?.split_once(')')?;
    let mut numbers: Vec<&str> = inner.split(',').map(|n| n.trim().trim_end_matches('L')).collect();
    if numbers.last() == Some(&"") {
        numbers.pop();
    }
    // More dimensions than anybody has; what a file claims is not what gets allocated.
    (numbers.len() <= 32).then(|| numbers.iter().map(|n| n.parse().ok()).collect())?
}

/// `'<u2'` and the like; the error is a problem and a remedy.
fn token_type(text: &str) -> Result<TokenType, (String, &'static str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let Some((name, _)) = quote.and_then(|q| text.get(1..)?.split_once(q)) else {
        return Err(("it holds records with several fields".into(), "save the field with the tokens as an array of its own"));
    };
    match name.trim_start_matches(['<', '|', '=']) {
        "u1" => Ok(TokenType::U8),
        "i1" => Ok(TokenType::I8),
        "u2" => Ok(TokenType::U16),
        "i2" => Ok(TokenType::I16),
        "u4" => Ok(TokenType::U32),
        "i4" => Ok(TokenType::I32),
        "u8" => Ok(TokenType::U64),
        "i8" => Ok(TokenType::I64),
        other => {
            let remedy = match other.starts_with('>') {
                true => "save it little-endian: `a.astype(a.dtype.newbyteorder('<'))`",
                false => "tokens are integers: `a.astype('uint16')`, or `int32` for large vocabularies",
            };
            Err((format!("its elements are of type `{}`", name.escape_debug()), remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([version, 0]);
        if version == 1 {
            out.extend((header.len() as u16).to_le_bytes());
        } else {
            out.extend((header.len() as u32).to_le_bytes());
        }
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    fn error(file: &[u8]) -> String {
        Header::read(file, Path::new("a.npy")).unwrap_err().to_string()
    }

    #[test]
    fn every_version_reads_alike() {
        for version in 1..=3 {
            let bytes = file(version, "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }    \n", &[0; 12]);
            let header = Header::read(&bytes, Path::new("a.npy")).unwrap();
            assert_eq!((header.token_type, header.rows, header.columns), (TokenType::U16, 2, Some(3)));
            assert_eq!(header.data_at, bytes.len() as u64 - 12);
        }
    }

    #[test]
    fn what_cannot_be_tokens_is_refused_with_what_to_do() {
        let with = |descr: &str, fortran: &str, shape: &str| {
            error(&file(1, &format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"), &[0; 8]))
        };
        assert_eq!(
            with("'<f4'", "False", "(2,)"),
            "dataset `a.npy`: its elements are of type `<f4`; tokens are integers: `a.astype('uint16')`, or `int32` for large vocabularies"
        );
        assert!(with("'>u2'", "False", "(4,)").ends_with("save it little-endian: `a.astype(a.dtype.newbyteorder('<'))`"));
        assert!(with("[('a', '<u2')]", "False", "(4,)").contains("records with several fields"));
        assert!(with("'<u2'", "True", "(2, 2)").contains("Fortran order"));
        assert!(with("'<u2'", "False", "(1, 2, 2)").contains("it has 3 dimensions"));
        assert!(with("'<u2'", "False", "(5,)").contains("its shape needs 10 bytes behind the header, and there are 8"));
        assert!(with("'<u8'", "False", "(18446744073709551615, 18446744073709551615)").contains("its shape needs more than 2⁶⁴ bytes"));
    }

    #[test]
    fn a_damaged_header_is_refused() {
        assert!(error(b"abc").contains("it is no `.npy` file"));
        assert!(error(b"\x93NUMPY").contains("cut off within its header, after 6 bytes"));
        assert!(error(b"\x93NUMPY\x01\x00\xff\xff{").contains("cut off within its header"));
        assert!(error(b"\x93NUMPY\x09\x00").contains("version 9"));
        assert!(error(&file(1, "{}", b"")).contains("no readable `descr`"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(version in 0u8..5, header in "[{}()'<>a-z0-9, :]{0,80}", tail in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Header::read(&file(version, &header, &tail), Path::new("a.npy"));
            let _ = Header::read(&tail, Path::new("a.npy"));
            let mut bytes = MAGIC.to_vec();
            bytes.extend(tail);
            let _ = Header::read(&bytes, Path::new("a.npy"));
        }
    }
}
