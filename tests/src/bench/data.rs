//! Datasets and columns to measure on, made once under `target/bench`.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use curricle::{
    Run, RunConfig,
    columns::{ColumnWriter, Provenance, ValueType, Values, write_categories},
    dataset::{Dataset, IndexedWriter, Magic, Options, TokenType, View},
};

/// Where the data is kept.
pub fn folder() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A number that depends on `i` alone and looks random (Steele et al., *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014).
pub fn noise(i: u64) -> u64 {
    let mut z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `n` documents of `shortest` to `longest` tokens below 50 000, about as frequent as words are.
pub fn documents(n: u64, shortest: u64, longest: u64) -> Result<PathBuf> {
    let prefix = folder()?.join(format!("documents-{n}-{shortest}-{longest}"));
    if !prefix.with_extension("idx").exists() {
        let mut writer = IndexedWriter::create(&prefix, TokenType::U16, Magic::MMap)?;
        let mut document = Vec::new();
        let mut counter = 0u64;
        for i in 0..n {
            document.clear();
            let length = shortest + noise(i) % (longest - shortest + 1);
            for _ in 0..length {
                counter += 1;
                let r = noise(counter ^ (1 << 60));
                // The product of two uniform numbers leans towards small ids, as Zipf's law does.
                let token = ((((r >> 32) * (r & 0xffff_ffff)) >> 32) * 50_000) >> 32;
                document.extend_from_slice(&(token as u16).to_le_bytes());
            }
            writer.push(&document)?;
            writer.end_document()?;
        }
        writer.finish()?;
    }
    Ok(prefix)
}

/// A headerless file of `n` tokens.
pub fn flat(n: u64) -> Result<PathBuf> {
    let path = folder()?.join(format!("flat-{n}.bin"));
    if !path.exists() {
        let mut out = BufWriter::new(File::create(path.with_extension("tmp"))?);
        for i in 0..n {
            out.write_all(&((noise(i) % 50_000) as u16).to_le_bytes())?;
        }
        out.into_inner()?.sync_all()?;
        fs::rename(path.with_extension("tmp"), &path)?;
    }
    Ok(path)
}

/// What says that a column belongs to a dataset.
pub fn provenance(dataset: &Dataset) -> Provenance {
    Provenance::of(dataset.fingerprint().to_string(), dataset.len())
}

/// A column of numbers `value(i)`.
pub fn numbers(dataset: &Dataset, path: &Path, value: impl Fn(u64) -> u32) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let n = dataset.len();
    let mut writer = ColumnWriter::create(path, ValueType::U32, provenance(dataset))?;
    let mut first = 0;
    while first < n {
        let end = n.min(first + (1 << 20));
        writer.push(&Values::U32((first..end).map(&value).collect()))?;
        first = end;
    }
    writer.finish()?;
    Ok(())
}

/// A column of `n_categories` categories.
pub fn categories(dataset: &Dataset, path: &Path, n_categories: u32) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let names: Vec<String> = (0..n_categories).map(|c| format!("domain-{c:03}")).collect();
    let codes: Vec<u32> = (0..dataset.len()).map(|i| (noise(i) % u64::from(n_categories)) as u32).collect();
    write_categories(path, &names, codes, provenance(dataset))?;
    Ok(())
}

/// Opens a run over `dataset` from the rest of its file.
pub fn run(dataset: &str, rest: &str) -> Result<Run> {
    let text = format!("seed = 7\nprefetch = 0\n[dataset]\n{dataset}\n{rest}");
    Ok(Run::open(RunConfig::parse(&text, "bench", "")?)?)
}

/// A file of `n` numbers of 32 bits, `value(i)`, as programs in other languages read them.
pub fn raw(name: &str, n: u64, value: impl Fn(u64) -> u32) -> Result<PathBuf> {
    let path = folder()?.join(format!("{name}-{n}.u32"));
    if !path.exists() {
        let mut out = BufWriter::new(File::create(path.with_extension("tmp"))?);
        for i in 0..n {
            out.write_all(&value(i).to_le_bytes())?;
        }
        out.into_inner()?.sync_all()?;
        fs::rename(path.with_extension("tmp"), &path)?;
    }
    Ok(path)
}

/// Length `i` of documents whose lengths are log-normal, e⁶ = 403 tokens in the middle, from 1 to `longest`.
pub fn log_normal(i: u64, longest: u32) -> u32 {
    let uniform = |salt: u64| (noise(i ^ salt) >> 11) as f64 / (1u64 << 53) as f64;
    let normal = (-2.0 * (1.0 - uniform(1 << 61)).ln()).sqrt() * (std::f64::consts::TAU * uniform(1 << 62)).cos();
    ((6.0 + normal).exp() as u32).clamp(1, longest)
}

/// Opens a flat file of `n` sequences of one token: the shape in which many samples take the least disk. With it its `[dataset]`.
pub fn sequences(n: u64) -> Result<(String, Dataset)> {
    let path = flat(n)?;
    let options = Options { view: View::Sequences { length: 1, stride: 1 }, token_type: Some(TokenType::U16), ..Default::default() };
    let toml = format!("path = {:?}\ntoken-type = \"u16\"\nsequence-length = 1", path.display().to_string());
    Ok((toml, Dataset::open_with(&path, &options)?))
}
