//! A dataset: samples as arrays over the mapped file.

use std::path::PathBuf;

use curricle::{
    columns::Column,
    dataset::{self, TokenType, Tokens, View},
};
use numpy::{Element, PyArray1, PyArrayMethods, ndarray::ArrayView1};
use pyo3::{
    exceptions::{PyIndexError, PyTypeError},
    prelude::*,
    types::PyDict,
};

use crate::{error::Result, wait::interruptible};

#[pyclass(frozen, module = "curricle._native", name = "Dataset")]
#[derive(Clone, Debug)]
pub(crate) struct Dataset(pub(crate) dataset::Dataset);

impl Dataset {
    pub(crate) fn of(dataset: dataset::Dataset) -> Dataset {
        Dataset(dataset)
    }

    /// The tokens of a sample as an array: a view that cannot be written to, or a copy where the sample is in no one place.
    fn array<'py>(this: &Bound<'py, Dataset>, tokens: &Tokens<'_>) -> PyResult<Bound<'py, PyAny>> {
        fn typed<'py, T: Element + Copy>(
            this: &Bound<'py, Dataset>,
            tokens: &Tokens<'_>,
            decode: impl Fn(&[u8]) -> T,
        ) -> PyResult<Bound<'py, PyAny>> {
            let bytes = tokens.bytes();
            // SAFETY: any bytes are numbers, and what is not aligned lies before or behind.
            let (before, numbers, behind) = unsafe { bytes.align_to::<T>() };
            if !tokens.is_borrowed() || !before.is_empty() || !behind.is_empty() {
                return Ok(PyArray1::from_iter(this.py(), bytes.chunks_exact(size_of::<T>()).map(decode)).into_any());
            }
            let array = ArrayView1::from(numbers);
            // SAFETY: the numbers are the mapped file's, which stays mapped while the dataset lives, and the array holds that.
            let array = unsafe { PyArray1::borrow_from_array(&array, this.clone().into_any()) };
            array.readwrite().make_nonwriteable();
            Ok(array.into_any())
        }
        macro_rules! of {
            ($type:ty) => {
                typed(this, tokens, |bytes| bytes.try_into().map(<$type>::from_le_bytes).unwrap_or_default())
            };
        }
        match tokens.token_type() {
            TokenType::U8 => of!(u8),
            TokenType::I8 => of!(i8),
            TokenType::U16 => of!(u16),
            TokenType::I16 => of!(i16),
            TokenType::U32 => of!(u32),
            TokenType::I32 => of!(i32),
            TokenType::U64 => of!(u64),
            TokenType::I64 => of!(i64),
        }
    }

    /// An index as Python counts: negative ones from the end.
    fn id(&self, index: i128) -> PyResult<u64> {
        let n = i128::from(self.0.len());
        let id = if index < 0 { index + n } else { index };
        u64::try_from(id)
            .ok()
            .filter(|id| i128::from(*id) < n)
            .ok_or_else(|| PyIndexError::new_err(format!("there is no sample {index}: the dataset has {n}")))
    }
}

#[pymethods]
impl Dataset {
    #[new]
    #[pyo3(signature = (path, sequence_length = None, stride = None, token_type = None, column = None, document_end = None, vocab_size = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        sequence_length: Option<u32>,
        stride: Option<u32>,
        token_type: Option<&str>,
        column: Option<String>,
        document_end: Option<u64>,
        vocab_size: Option<u64>,
    ) -> Result<Dataset> {
        let view = match (sequence_length, stride) {
            (Some(length), stride) => View::Sequences { length, stride: stride.unwrap_or(length) },
            (None, None) => View::Documents,
            (None, Some(_)) => return Err(PyTypeError::new_err("`stride` goes with `sequence_length`; give both or neither").into()),
        };
        let token_type = token_type.map(str::parse).transpose()?;
        let options = dataset::Options { view, token_type, column, document_end, vocab_size, ..dataset::Options::default() };
        // A file of Parquet is unpacked, and the ends of documents are looked for in a whole file.
        Ok(Dataset(interruptible(py, move || Ok(dataset::Dataset::open_with(&path, &options)?))?))
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    fn __getitem__<'py>(this: &Bound<'py, Self>, index: i128) -> Result<Bound<'py, PyAny>> {
        let dataset = this.get();
        let tokens = dataset.0.sample(dataset.id(index)?)?;
        Ok(Dataset::array(this, &tokens)?)
    }

    fn __getitems__<'py>(this: &Bound<'py, Self>, indices: Vec<i128>) -> Result<Vec<Bound<'py, PyAny>>> {
        let dataset = this.get();
        let ids = indices.into_iter().map(|index| dataset.id(index)).collect::<PyResult<Vec<u64>>>()?;
        let samples = this.py().detach(|| dataset.0.samples(&ids))?;
        Ok(samples.iter().map(|tokens| Dataset::array(this, tokens)).collect::<PyResult<_>>()?)
    }

    /// Tokens of each of these samples.
    fn lengths<'py>(&self, py: Python<'py>, ids: Option<Vec<u64>>) -> Result<Bound<'py, PyArray1<u32>>> {
        let dataset = self.0.clone();
        let lengths = interruptible(py, move || {
            let ids = ids.unwrap_or_else(|| (0..dataset.len()).collect());
            let mut lengths = Vec::with_capacity(ids.len());
            dataset.sample_lens(&ids, &mut lengths)?;
            Ok(lengths)
        })?;
        Ok(PyArray1::from_vec(py, lengths))
    }

    #[getter]
    fn n_tokens(&self) -> u64 {
        self.0.n_tokens()
    }

    #[getter]
    fn token_type(&self) -> &'static str {
        self.0.token_type().name()
    }

    #[getter]
    fn vocab_size(&self) -> Option<u64> {
        self.0.vocab_size()
    }

    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    #[getter]
    fn columns_dir(&self) -> PathBuf {
        self.0.columns_dir()
    }

    /// Names and files of the columns beside the dataset that belong to its view.
    fn columns<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>> {
        let found = py.detach(|| {
            let (fingerprint, n) = (self.0.fingerprint().to_string(), self.0.len());
            let mut found = Column::list(&self.0.columns_dir())?;
            // What belongs to another view of the same files is none of this one's.
            found.retain(|(_, path)| Column::open(path).and_then(|column| column.check(&fingerprint, n)).is_ok());
            Ok::<_, curricle::Error>(found)
        })?;
        let dict = PyDict::new(py);
        for (name, path) in found {
            dict.set_item(name, path)?;
        }
        Ok(dict)
    }

    /// File of a column beside the dataset, none if no file has this name. What is in the file has to belong to this view.
    fn column(&self, py: Python<'_>, name: &str) -> Result<Option<PathBuf>> {
        let found = py.detach(|| {
            let found = Column::list(&self.0.columns_dir())?.into_iter().find(|(known, _)| known == name);
            if let Some((_, path)) = &found {
                Column::open(path)?.check(&self.0.fingerprint().to_string(), self.0.len())?;
            }
            Ok::<_, curricle::Error>(found)
        })?;
        Ok(found.map(|(_, path)| path))
    }
}
