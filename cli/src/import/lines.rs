//! JSON lines, plain or compressed: lines from any place on, and fields of a line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use curricle::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use serde_json::Value;

use super::{
    bad_source,
    files::{Packing, SourceFile},
};

/// Bytes of a line at most. Without a bound a file without line ends would be read into memory whole.
const MAX_LINE: u64 = 1 << 31;
/// Windows that `zstd --long=31` makes.
const MAX_WINDOW_LOG: u32 = 31;
const BUFFER: usize = 1 << 18;

/// The lines of a file.
pub(super) struct Lines {
    path: PathBuf,
    text: Box<dyn BufRead + Send>,
    /// Lines and bytes that were read, after unpacking.
    line: u64,
    byte: u64,
    /// Bytes that were read from the file.
    progress: Arc<AtomicU64>,
}

impl Lines {
    /// Opens a file after the given number of lines, which have the given number of bytes.
    pub(super) fn open(file: &SourceFile, packing: Packing, line: u64, byte: u64) -> Result<Lines> {
        let path = file.path.clone();
        let progress = Arc::new(AtomicU64::new(0));
        let opened = File::open(&path).map_err(Error::io("open", &path))?;
        let mut raw = BufReader::with_capacity(BUFFER, Counted { file: opened, read: progress.clone() });
        let mut skip = byte;
        let text: Box<dyn BufRead + Send> = match packing {
            Packing::Plain => {
                io::Seek::seek(&mut raw.get_mut().file, io::SeekFrom::Start(byte)).map_err(Error::io("read", &path))?;
                progress.store(byte, Ordering::Relaxed);
                skip = 0;
                Box::new(raw)
            }
            Packing::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))),
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(raw).map_err(Error::io("read", &path))?;
                decoder.window_log_max(MAX_WINDOW_LOG).map_err(Error::io("read", &path))?;
                Box::new(BufReader::with_capacity(BUFFER, decoder))
            }
        };
        let mut lines = Lines { path, text, line, byte, progress };
        let skipped = io::copy(&mut (&mut lines.text).take(skip), &mut io::sink());
        match skipped {
            Ok(n) if n == skip => Ok(lines),
            Ok(n) => Err(bad_source(&lines.path, format_args!("{n} bytes of text instead of {skip} are left in it"), "import it anew")),
            Err(e) => Err(lines.unreadable(e)),
        }
    }

    /// The next line that is not blank, without its end, or none.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let mut bytes = Vec::new();
            let n = (&mut self.text).take(MAX_LINE + 1).read_until(b'\n', &mut bytes).map_err(|e| self.unreadable(e))?;
            if n == 0 {
                return Ok(None);
            }
            if n as u64 > MAX_LINE {
                let problem = format_args!("the line is longer than {MAX_LINE} bytes");
                return Err(bad_source(at(&self.path, self.line + 1), problem, "check that the file has a document a line"));
            }
            let first = self.line == 0;
            self.line += 1;
            self.byte += n as u64;
            if first && bytes.starts_with(b"\xEF\xBB\xBF") {
                bytes.drain(..3);
            }
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(bytes));
            }
        }
    }

    /// Lines that were read.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Bytes that were read, after unpacking.
    pub(super) fn byte(&self) -> u64 {
        self.byte
    }

    /// Bytes that were read from the file.
    pub(super) fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    fn unreadable(&self, error: io::Error) -> Error {
        match error.raw_os_error() {
            Some(_) => Error::io("read", &self.path)(error),
            // The decoders' own words: cut off, or damaged.
            None => {
                let problem = format_args!("it is cut off or damaged after line {} ({error})", self.line);
                bad_source(&self.path, problem, "fetch or write the file again")
            }
        }
    }
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// A place in a file, for messages.
pub(super) fn at(path: &std::path::Path, place: u64) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(format!(":{place}"));
    path.into()
}

/// Takes the text, and the domain where a field says it, out of a line. The place is for messages.
pub(super) fn fields(line: &[u8], place: &dyn Fn() -> PathBuf, text: &str, domain: Option<&str>) -> Result<(Vec<u8>, Option<String>)> {
    let mut value: Value = serde_json::from_slice(line).map_err(|e| {
        let words = e.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        bad_source(place(), format_args!("the line is no JSON ({words} at column {})", e.column()), "correct or remove the line")
    })?;
    if !value.is_object() {
        let problem = format_args!("the line is {}, and not an object", name(&value));
        return Err(bad_source(place(), problem, "give a JSON object a line"));
    }
    let domain = match domain {
        None => None,
        Some(field) => match find(&mut value, field) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
            Some(other) => {
                let problem = format_args!("field `{field}` is {}, and not a domain", name(other));
                return Err(bad_source(place(), problem, "choose a field of texts or numbers, or `--domain none`"));
            }
            None => return Err(missing(&value, field, place, "name the field with `--domain field:NAME`, or use `--domain none`")),
        },
    };
    match find(&mut value, text).map(Value::take) {
        Some(Value::String(text)) => Ok((text.into_bytes(), domain)),
        Some(Value::Null) => Ok((Vec::new(), domain)),
        Some(other) => {
            let problem = format_args!("field `{text}` is {}, and not a text", name(&other));
            Err(bad_source(place(), problem, "name the field that holds the text with `--text-field`"))
        }
        None => Err(missing(&value, text, place, "name the field that holds the text with `--text-field`")),
    }
}

/// A field by its name, or else by the path that dots make of it.
fn find<'a>(value: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    if value.get(field).is_some() {
        return value.get_mut(field);
    }
    field.split('.').try_fold(value, |value, key| value.get_mut(key))
}

fn missing(value: &Value, field: &str, place: &dyn Fn() -> PathBuf, remedy: &str) -> Error {
    let names: Vec<String> = value.as_object().into_iter().flat_map(|map| map.keys()).take(10).map(|key| format!("`{key}`")).collect();
    let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    bad_source(place(), format_args!("the line has no field `{field}`; its fields are {found}"), remedy)
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
