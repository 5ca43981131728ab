//! Record batches of other libraries, taken over through the Arrow PyCapsule interface: their buffers are used where they lie.

use std::{ops::Range, ptr::NonNull};

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, GenericListArray, Int32Array, OffsetSizeTrait, RecordBatch, StructArray,
    ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi},
    ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream},
};
use arrow_schema::{ArrowError, DataType};
use curricle::{Error, analysis::engine::Rows, dataset::TokenType};
use pyo3::{
    exceptions::PyTypeError,
    ffi::c_str,
    prelude::*,
    types::{PyCapsule, PyTuple},
};

use crate::error::Result;

/// Hands each record batch of a Python object to `each`: of a record batch, a table, or a stream of batches.
pub(crate) fn each_batch(batches: &Bound<'_, PyAny>, mut each: impl FnMut(RecordBatch) -> Result<()>) -> Result<()> {
    if batches.hasattr("__arrow_c_array__")? {
        let pair = batches.call_method0("__arrow_c_array__")?;
        let pair = pair.cast::<PyTuple>().map_err(PyErr::from)?;
        let schema = pointer::<FFI_ArrowSchema>(&pair.get_item(0)?, c_str!("arrow_schema"))?;
        let array = pointer::<FFI_ArrowArray>(&pair.get_item(1)?, c_str!("arrow_array"))?;
        // SAFETY: the names of the capsules say what they hold, which is moved out: what stays behind is marked as released.
        let (schema, array) = unsafe { (FFI_ArrowSchema::from_raw(schema.as_ptr()), FFI_ArrowArray::from_raw(array.as_ptr())) };
        // SAFETY: both are of one object, which made them for this.
        let mut data = unsafe { from_ffi(array, &schema) }.map_err(broken)?;
        data.align_buffers();
        if !matches!(data.data_type(), DataType::Struct(_)) {
            return Err(no_batches(&data.data_type().to_string()).into());
        }
        if data.null_count() > 0 {
            return Err(null_rows().into());
        }
        return each(RecordBatch::from(StructArray::from(data)));
    }
    if batches.hasattr("__arrow_c_stream__")? {
        let capsule = batches.call_method0("__arrow_c_stream__")?;
        let stream = pointer::<FFI_ArrowArrayStream>(&capsule, c_str!("arrow_array_stream"))?;
        // SAFETY: the name of the capsule says what it holds, which is moved out: what stays behind is marked as released.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) };
        // As arrays, since a reader of record batches leaves out which rows are null.
        for array in ArrayStreamReader::try_new(stream).map_err(broken)? {
            let array = array.map_err(broken)?;
            let rows = array.as_any().downcast_ref::<StructArray>().ok_or_else(|| no_batches(&array.data_type().to_string()))?;
            if rows.null_count() > 0 {
                return Err(null_rows().into());
            }
            each(RecordBatch::from(rows))?;
        }
        return Ok(());
    }
    Err(no_batches(&batches.get_type().name()?.to_string()).into())
}

fn pointer<T>(object: &Bound<'_, PyAny>, name: &std::ffi::CStr) -> PyResult<NonNull<T>> {
    Ok(object.cast::<PyCapsule>()?.pointer_checked(Some(name))?.cast())
}

fn no_batches(what: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "record batches of Arrow are expected, through `__arrow_c_array__` or `__arrow_c_stream__`, and not {what}"
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: ArrowError) -> Error {
    bad(format!("a record batch cannot be taken over: {error}"), "make it with another version of what made it")
}

fn null_rows() -> Error {
    bad("a record batch has null rows", "drop them, or fill them")
}

fn bad(problem: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::Data { problem: problem.into(), remedy: remedy.into() }
}

/// Tokens of the rows of a batch.
pub(crate) struct Tokens {
    lens: Vec<u32>,
    token_type: TokenType,
    /// Where the tokens lie, and which elements there; none where only lengths are known.
    values: Option<(ArrayRef, Range<usize>)>,
}

impl Tokens {
    /// A column of numbers of tokens, of which nothing else is known.
    pub(crate) fn lengths(batch: &RecordBatch, column: &str, first: u64) -> curricle::Result<Tokens> {
        let array = column_of(batch, column, first)?;
        let lens =
            array.as_any().downcast_ref::<Int32Array>().and_then(|lens| lens.values().iter().map(|len| u32::try_from(*len).ok()).collect());
        let lens: Option<Vec<u32>> = lens;
        let problem = || format!("column `{column}` is of type {}, and lengths are whole numbers of 32 bits", array.data_type());
        let lens = lens.ok_or_else(|| bad(problem(), "make lengths of the lists of tokens"))?;
        Ok(Tokens { lens, token_type: TokenType::U8, values: None })
    }

    /// The list column of a batch whose first row is sample `first`.
    pub(crate) fn of(batch: &RecordBatch, column: &str, first: u64) -> curricle::Result<Tokens> {
        let array = column_of(batch, column, first)?;
        let other = || {
            let problem = format!("column `{column}` is of type {}, and tokens are lists of integers", array.data_type());
            bad(problem, "name the column that holds the tokens, or make lists of integers of it")
        };
        let any = array.as_any();
        let (lens, values, range) = if let Some(list) = any.downcast_ref::<GenericListArray<i32>>() {
            of_list(list)
        } else if let Some(list) = any.downcast_ref::<GenericListArray<i64>>() {
            of_list(list)
        } else if let Some(list) = any.downcast_ref::<FixedSizeListArray>() {
            of_fixed(list)
        } else {
            None
        }
        .ok_or_else(other)?;
        let token_type = match values.data_type() {
            DataType::UInt8 => TokenType::U8,
            DataType::Int8 => TokenType::I8,
            DataType::UInt16 => TokenType::U16,
            DataType::Int16 => TokenType::I16,
            DataType::UInt32 => TokenType::U32,
            DataType::Int32 => TokenType::I32,
            DataType::UInt64 => TokenType::U64,
            DataType::Int64 => TokenType::I64,
            _ => return Err(other()),
        };
        check_nulls(&lens, &values, &range, column, first)?;
        Ok(Tokens { lens, token_type, values: Some((values, range)) })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.lens.len()
    }

    /// Rows of which the first is sample `first`.
    pub(crate) fn with<T>(&self, first: u64, take: impl FnOnce(&Rows<'_>) -> T) -> T {
        let width = self.token_type.width();
        let data = self.values.as_ref().map(|(values, range)| (values.to_data(), range));
        let tokens = data.as_ref().map(|(data, range)| {
            let bytes = data.buffers().first().map(|buffer| buffer.as_slice()).unwrap_or_default();
            let at = |element: usize| (data.offset() + element) * width;
            bytes.get(at(range.start)..at(range.end)).unwrap_or_default()
        });
        take(&Rows { first, lens: &self.lens, token_type: self.token_type, tokens })
    }
}

/// A column without null rows.
fn column_of<'a>(batch: &'a RecordBatch, column: &str, first: u64) -> curricle::Result<&'a ArrayRef> {
    let Some(array) = batch.column_by_name(column) else {
        let names: Vec<_> = batch.schema_ref().fields().iter().map(|field| format!("`{}`", field.name())).collect();
        let problem =
            format!("the data has no column `{column}`, it has {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") });
        return Err(bad(problem, "name the column that holds the tokens"));
    };
    if let Some(row) = (0..array.len()).find(|row| array.null_count() > 0 && array.is_null(*row)) {
        let problem = format!("column `{column}` is null for sample {}", first.saturating_add(row as u64));
        return Err(bad(problem, "give every sample a list of tokens; it may be empty"));
    }
    Ok(array)
}

/// Whether all tokens are there.
fn check_nulls(lens: &[u32], values: &ArrayRef, range: &Range<usize>, column: &str, first: u64) -> curricle::Result<()> {
    let Some(nulls) = values.nulls().filter(|nulls| nulls.null_count() > 0) else { return Ok(()) };
    let Some(at) = range.clone().find(|at| nulls.is_null(*at)) else { return Ok(()) };
    let (mut sample, mut place) = (first, (at - range.start) as u64);
    for len in lens {
        match place.checked_sub(u64::from(*len)) {
            Some(behind) => place = behind,
            None => break,
        }
        sample = sample.saturating_add(1);
    }
    Err(bad(format!("column `{column}`: token {place} of sample {sample} is null"), "give every sample tokens that are numbers"))
}

/// Lengths, values, and which of them; none if the offsets are no offsets.
type Parts = Option<(Vec<u32>, ArrayRef, Range<usize>)>;

fn of_list<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> Parts {
    let offsets = list.value_offsets();
    let lens =
        offsets.iter().zip(offsets.iter().skip(1)).map(|(start, end)| u32::try_from(end.as_usize().checked_sub(start.as_usize())?).ok());
    let lens = lens.collect::<Option<Vec<u32>>>()?;
    let (start, end) = (offsets.first()?.as_usize(), offsets.last()?.as_usize());
    (end <= list.values().len()).then(|| (lens, list.values().clone(), start..end))
}

fn of_fixed(list: &FixedSizeListArray) -> Parts {
    let len = u32::try_from(list.value_length()).ok()?;
    let start = list.value_offset_at(0);
    let end = start.checked_add(list.len().checked_mul(len as usize)?)?;
    (end <= list.values().len()).then(|| (vec![len; list.len()], list.values().clone(), start..end))
}
