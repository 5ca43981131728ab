//! One micro-batch, whose arrays are views of memory that Rust owns.

use std::sync::Arc;

use curricle::Layout;
use curricle::batch::{Digest, MicroBatch};
use curricle::dataset::TokenType;
use numpy::{
    Element, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadwriteArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
    ndarray::{ArrayView1, ArrayView2},
};
use pyo3::{
    exceptions::{PyOverflowError, PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyTuple},
};

/// What the micro-batches of a step have in common.
#[derive(Debug)]
pub(crate) struct OfStep {
    pub(crate) step: u64,
    pub(crate) digest: Digest,
    pub(crate) annotations: Vec<(String, f64)>,
    pub(crate) value_names: Arc<[String]>,
    /// Micro-batches of the step, on this rank.
    pub(crate) n: usize,
    pub(crate) layout: Layout,
}

impl OfStep {
    /// Whether samples lie end to end, in one row.
    fn packed(&self) -> bool {
        self.layout == Layout::Packed
    }
}

#[pyclass(frozen, module = "curricle", name = "Batch")]
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) of_step: Arc<OfStep>,
    /// Place among the micro-batches of the step.
    pub(crate) place: usize,
    pub(crate) inner: MicroBatch,
}

/// A view of numbers that belong to a batch, which lives as long as the view does. It cannot be written to: they say where tokens are.
fn view<'py, T: Element>(of: &Bound<'py, Batch>, numbers: &[T]) -> Bound<'py, PyAny> {
    let array = ArrayView1::from(numbers);
    // SAFETY: the numbers belong to `of`, which is frozen: they stay where they are as long as it lives, and the array holds it. Nobody writes
    // to them: the array is made read-only before anybody has it, and numpy lets none be made writable that does not own its memory.
    let array = unsafe { PyArray1::borrow_from_array(&array, of.clone().into_any()) };
    array.readwrite().make_nonwriteable();
    array.into_any()
}

/// A view of a batch's tokens, which may be written to: they are the trainer's.
fn tokens<'py, T: Element>(of: &Bound<'py, Batch>, numbers: &[T]) -> PyResult<Bound<'py, PyAny>> {
    let batch = of.get();
    if batch.of_step.packed() {
        let array = ArrayView1::from(numbers);
        // SAFETY: the tokens lie in memory that `of` has for itself, which stays where it is as long as it lives, and the array holds it. All
        // bytes are numbers. Who writes to them while another thread of Python reads or copies them has the mixture, as with any array of numpy.
        return Ok(unsafe { PyArray1::borrow_from_array(&array, of.clone().into_any()) }.into_any());
    }
    let array = ArrayView2::from_shape(batch.inner.shape, numbers).map_err(|error| PyValueError::new_err(error.to_string()))?;
    // SAFETY: as above.
    Ok(unsafe { PyArray2::borrow_from_array(&array, of.clone().into_any()) }.into_any())
}

impl Batch {
    fn typed<'py, T: Element + Stored>(this: &Bound<'py, Batch>) -> PyResult<Bound<'py, PyAny>> {
        tokens(this, T::slice(&this.get().inner).unwrap_or_default())
    }

    /// An array of something of every token's place.
    fn of_places<'py, T: Element + Clone>(
        &self,
        py: Python<'py>,
        nothing: T,
        value: impl Fn(usize, usize) -> T + Sync,
    ) -> PyResult<Bound<'py, PyAny>> {
        let [n_rows, n_columns] = self.inner.shape;
        let mut values = vec![nothing; n_rows.saturating_mul(n_columns)];
        py.detach(|| write_places(&self.inner, &mut values, &value));
        let flat = PyArray1::from_vec(py, values);
        if self.of_step.packed() {
            return Ok(flat.into_any());
        }
        flat.call_method1("reshape", (n_rows, n_columns))
    }
}

/// Writes something of every token's place, which is that of its sample in the batch and its own in the sample; what lies between samples is
/// left as it is.
fn write_places<T>(batch: &MicroBatch, out: &mut [T], value: impl Fn(usize, usize) -> T) {
    for (i, (start, length)) in batch.starts.iter().zip(&batch.lengths).enumerate() {
        let start = *start as usize;
        let places = out.get_mut(start..start + *length as usize).unwrap_or_default();
        places.iter_mut().enumerate().for_each(|(t, place)| *place = value(i, t));
    }
}

/// Types that tokens are stored as.
trait Stored: Copy {
    fn slice(batch: &MicroBatch) -> Option<&[Self]>;
    fn whole(self) -> i64;
}

macro_rules! stored {
    ($($type:ty),*) => {
        $(impl Stored for $type {
            fn slice(batch: &MicroBatch) -> Option<&[$type]> {
                batch.tokens.as_slice()
            }

            fn whole(self) -> i64 {
                self as i64
            }
        })*
    };
}
stored!(u8, i8, u16, i16, u32, i32, u64, i64);

/// Numbers that a network's embedding takes.
trait Taken: Copy {
    /// The token cut to this type.
    fn of(token: i64) -> Self;
    fn whole(self) -> i64;
}

impl Taken for i64 {
    fn of(token: i64) -> i64 {
        token
    }

    fn whole(self) -> i64 {
        self
    }
}

impl Taken for i32 {
    fn of(token: i64) -> i32 {
        token as i32
    }

    fn whole(self) -> i64 {
        i64::from(self)
    }
}

/// Runs code with the type that a batch's tokens are stored as.
macro_rules! with_type {
    ($batch:expr, $call:ident ( $($argument:expr),* )) => {
        match $batch.tokens.token_type() {
            TokenType::U8 => $call::<u8, _>($($argument),*),
            TokenType::I8 => $call::<i8, _>($($argument),*),
            TokenType::U16 => $call::<u16, _>($($argument),*),
            TokenType::I16 => $call::<i16, _>($($argument),*),
            TokenType::U32 => $call::<u32, _>($($argument),*),
            TokenType::I32 => $call::<i32, _>($($argument),*),
            TokenType::U64 => $call::<u64, _>($($argument),*),
            TokenType::I64 => $call::<i64, _>($($argument),*),
        }
    };
}

/// Copies tokens; whether each of them fits.
fn widen<S: Stored, T: Taken>(tokens: &[S], out: &mut [T]) -> bool {
    let mut fits = true;
    for (to, from) in out.iter_mut().zip(tokens) {
        *to = T::of(from.whole());
        fits &= to.whole() == from.whole();
    }
    fits
}

/// Copies all tokens; whether each of them fits.
fn copy_all<S: Stored, T: Taken>(batch: &MicroBatch, out: &mut [T]) -> bool {
    widen(S::slice(batch).unwrap_or_default(), out)
}

/// Copies what is to be predicted, and `nothing` elsewhere: where no token is, and where a sample begins behind another.
fn copy_predicted<S: Stored, T: Taken>(batch: &MicroBatch, out: &mut [T], nothing: T) -> bool {
    // Where samples lie end to end, every place is written below.
    if batch.lengths.iter().map(|length| *length as usize).sum::<usize>() < out.len() {
        out.fill(nothing);
    }
    let tokens = S::slice(batch).unwrap_or_default();
    let [_, n_columns] = batch.shape;
    let mut fits = true;
    for (start, length) in batch.starts.iter().zip(&batch.lengths) {
        let start = *start as usize;
        let end = start + *length as usize;
        let (Some(from), Some(to)) = (tokens.get(start..end), out.get_mut(start..end)) else { continue };
        fits &= widen(from, to);
        if let Some(first) = to.first_mut().filter(|_| !start.is_multiple_of(n_columns)) {
            *first = nothing;
        }
    }
    fits
}

/// Lets `copy` fill an array that is asked to be of one of the two types, and as large as the batch.
fn fill<'py, T: Element + Taken + Send>(
    batch: &MicroBatch,
    out: &Bound<'py, PyUntypedArray>,
    copy: impl FnOnce(&mut [T]) -> bool + Send,
) -> PyResult<()> {
    let mut array: PyReadwriteArrayDyn<'_, T> =
        out.extract().map_err(|_| PyTypeError::new_err("`out` cannot be written to; give an array of int64 or int32 that is its own"))?;
    if !array.is_c_contiguous() {
        return Err(PyValueError::new_err("`out` is not in C order; give an array whose last index varies fastest"));
    }
    let slice = array.as_slice_mut().map_err(|_| PyValueError::new_err("`out` is not contiguous; give an array in C order"))?;
    let (from, to) = (batch.tokens.bytes().as_ptr_range(), slice.as_ptr_range());
    if from.start.addr() < to.end.addr() && to.start.addr() < from.end.addr() {
        return Err(PyValueError::new_err("`out` is the batch's own memory; give an array beside it"));
    }
    if slice.len() != batch.tokens.len() {
        let message = format!("`out` has {} elements, the batch {} tokens; make it as large", slice.len(), batch.tokens.len());
        return Err(PyValueError::new_err(message));
    }
    if !out.py().detach(|| copy(slice)) {
        return Err(PyValueError::new_err("the batch holds token ids of more than 31 bits; copy to int64"));
    }
    Ok(())
}

/// Fills such an array with a number of every token's place, and `nothing` elsewhere.
fn fill_places(
    batch: &MicroBatch,
    out: &Bound<'_, PyUntypedArray>,
    nothing: i32,
    value: impl Fn(usize, usize) -> i64 + Copy + Send + Sync,
) -> PyResult<()> {
    fn write<T: Taken>(batch: &MicroBatch, out: &mut [T], nothing: i32, value: impl Fn(usize, usize) -> i64) -> bool {
        // Where samples lie end to end, every place is written below.
        if batch.lengths.iter().map(|length| *length as usize).sum::<usize>() < out.len() {
            out.fill(T::of(nothing.into()));
        }
        write_places(batch, out, |i, t| T::of(value(i, t)));
        true
    }
    match Wanted::of(out)? {
        Wanted::Int64 => fill::<i64>(batch, out, |out| write(batch, out, nothing, value)),
        Wanted::Int32 => fill::<i32>(batch, out, |out| write(batch, out, nothing, value)),
    }
}

/// What an array holds that is to be written to.
enum Wanted {
    Int64,
    Int32,
}

impl Wanted {
    fn of(out: &Bound<'_, PyUntypedArray>) -> PyResult<Wanted> {
        let (py, dtype) = (out.py(), out.dtype());
        if dtype.is_equiv_to(&numpy::dtype::<i64>(py)) {
            Ok(Wanted::Int64)
        } else if dtype.is_equiv_to(&numpy::dtype::<i32>(py)) {
            Ok(Wanted::Int32)
        } else {
            Err(PyTypeError::new_err(format!("`out` is of {dtype}; tokens are copied to int64 or int32")))
        }
    }
}

#[pymethods]
impl Batch {
    #[getter]
    fn step(&self) -> u64 {
        self.of_step.step
    }

    #[getter]
    fn digest(&self) -> String {
        self.of_step.digest.to_string()
    }

    #[getter]
    fn annotations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        self.of_step.annotations.iter().try_for_each(|(name, value)| dict.set_item(name, value))?;
        Ok(dict)
    }

    #[getter]
    fn micro_batch(&self) -> usize {
        self.place
    }

    #[getter]
    fn n_micro_batches(&self) -> usize {
        self.of_step.n
    }

    #[getter]
    fn is_last_of_step(&self) -> bool {
        self.place + 1 == self.of_step.n
    }

    #[getter]
    fn layout(&self) -> &'static str {
        crate::run::layout(self.of_step.layout)
    }

    #[getter]
    fn ids<'py>(this: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        view(this, &this.get().inner.ids)
    }

    #[getter]
    fn lengths<'py>(this: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        view(this, &this.get().inner.lengths)
    }

    #[getter]
    fn starts<'py>(this: &Bound<'py, Self>) -> Bound<'py, PyAny> {
        view(this, &this.get().inner.starts)
    }

    #[getter]
    fn tokens<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        match this.get().inner.tokens.token_type() {
            TokenType::U8 => Batch::typed::<u8>(this),
            TokenType::I8 => Batch::typed::<i8>(this),
            TokenType::U16 => Batch::typed::<u16>(this),
            TokenType::I16 => Batch::typed::<i16>(this),
            TokenType::U32 => Batch::typed::<u32>(this),
            TokenType::I32 => Batch::typed::<i32>(this),
            TokenType::U64 => Batch::typed::<u64>(this),
            TokenType::I64 => Batch::typed::<i64>(this),
        }
    }

    #[getter]
    fn cu_seqlens<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray1<i32>>>> {
        if !self.of_step.packed() {
            return Ok(None);
        }
        let offsets = self.inner.offsets();
        let offsets: Vec<i32> = offsets.iter().map_while(|end| i32::try_from(*end).ok()).collect();
        if offsets.len() <= self.inner.ids.len() {
            let message = "a micro-batch holds 2³¹ tokens or more, which `cu_seqlens` cannot count; make `micro-batch-size` smaller";
            return Err(PyOverflowError::new_err(message));
        }
        Ok(Some(PyArray1::from_vec(py, offsets)))
    }

    #[getter]
    fn columns<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(this.py());
        let batch = this.get();
        for (name, values) in batch.of_step.value_names.iter().zip(&batch.inner.values) {
            dict.set_item(name, view(this, values))?;
        }
        Ok(dict)
    }

    #[getter]
    fn attention_mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.of_places(py, false, |_, _| true)
    }

    #[getter]
    fn position_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.of_places(py, 0i64, |_, t| t as i64)
    }

    #[getter]
    fn sample_index<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.of_places(py, -1i64, |i, _| i as i64)
    }

    /// Copies the tokens into an array of int64 or int32, of as many elements.
    fn copy_tokens(&self, out: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
        let batch = &self.inner;
        match Wanted::of(out)? {
            Wanted::Int64 => fill::<i64>(batch, out, |out| with_type!(batch, copy_all(batch, out))),
            Wanted::Int32 => fill::<i32>(batch, out, |out| with_type!(batch, copy_all(batch, out))),
        }
    }

    /// Copies what is to be predicted into such an array, and `nothing` to all other places.
    #[pyo3(signature = (out, nothing = -100))]
    fn copy_labels(&self, out: &Bound<'_, PyUntypedArray>, nothing: i32) -> PyResult<()> {
        let batch = &self.inner;
        match Wanted::of(out)? {
            Wanted::Int64 => fill::<i64>(batch, out, |out| with_type!(batch, copy_predicted(batch, out, i64::from(nothing)))),
            Wanted::Int32 => fill::<i32>(batch, out, |out| with_type!(batch, copy_predicted(batch, out, nothing))),
        }
    }

    /// Copies the place of each token in its sample into such an array, and 0 to all other places.
    fn copy_position_ids(&self, out: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
        fill_places(&self.inner, out, 0, |_, t| t as i64)
    }

    /// Writes 1 into such an array where a token is, and 0 to all other places.
    fn copy_attention_mask(&self, out: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
        fill_places(&self.inner, out, 0, |_, _| 1)
    }

    /// Copies which sample of the batch each token is of into such an array, and -1 to all other places.
    fn copy_sample_index(&self, out: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
        fill_places(&self.inner, out, -1, |i, _| i as i64)
    }

    #[pyo3(signature = (dtype = None, pin_memory = false))]
    fn torch<'py>(this: &Bound<'py, Self>, dtype: Option<Bound<'py, PyAny>>, pin_memory: bool) -> PyResult<Bound<'py, PyAny>> {
        this.py().import("curricle.torch")?.call_method1("tokens", (this, dtype, pin_memory))
    }

    #[pyo3(signature = (*args, **keywords))]
    fn __dlpack__<'py>(
        this: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Batch::tokens(this)?.call_method("__dlpack__", args, keywords)
    }

    fn __dlpack_device__<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Batch::tokens(this)?.call_method0("__dlpack_device__")
    }

    fn __len__(&self) -> usize {
        self.inner.ids.len()
    }

    fn __repr__(&self) -> String {
        let [rows, columns] = self.inner.shape;
        let (step, n, samples) = (self.of_step.step, self.of_step.n, self.inner.ids.len());
        let token_type = self.inner.tokens.token_type().name();
        let tokens = if self.of_step.packed() { format!("{columns}") } else { format!("{rows} × {columns}") };
        format!("Batch(step={step}, micro_batch={} of {n}, samples={samples}, tokens={tokens} {token_type})", self.place)
    }
}
