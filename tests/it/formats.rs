//! Files of others: what they write is read here, what is written here is read by them.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use curricle::dataset::{Dataset, ElementType, IndexedFile, IndexedWriter, Magic, TokenType};
use serde_json::{Value, json};

/// What the virtual environment holds. Only a file of Python is taken out of the wheel, so it may be one for another machine.
const NUMPY: &str = "numpy>=1.26,<3";
const MEGATRON: &str = "megatron-core==0.16.1";
const WHEEL_OF: [&str; 7] = [
    "--no-deps",
    "--only-binary=:all:",
    "--platform=manylinux_2_28_x86_64",
    "--implementation=cp",
    "--python-version=3.11",
    "--abi=cp311",
    "-q",
];

/// Megatron's code, and a Python that can run it.
struct Megatron {
    python: PathBuf,
    wheel: PathBuf,
}

impl Megatron {
    /// Installs it under `target/`, unless that has been done before.
    fn find() -> Result<Megatron> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().context("the target folder has a parent")?;
        let venv = target.join("test-venv");
        // Two runs of the tests may want to install it at once.
        let lock = File::create(target.join("test-venv.lock"))?;
        lock.lock()?;
        let stamp = venv.join("stamp");
        let wanted = format!("{NUMPY} {MEGATRON}\n");
        let python = venv.join("bin/python");
        if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
            let _ = fs::remove_dir_all(&venv);
            run(Command::new("python3").args(["-m", "venv"]).arg(&venv), b"")?;
            run(Command::new(&python).args(["-m", "pip", "install", "-q", "--disable-pip-version-check", NUMPY]), b"")?;
            run(
                Command::new(&python).args(["-m", "pip", "download"]).args(WHEEL_OF).arg("-d").arg(venv.join("wheels")).arg(MEGATRON),
                b"",
            )?;
            fs::write(&stamp, wanted)?;
        }
        let wheel = fs::read_dir(venv.join("wheels"))?.next().context("pip downloaded no wheel")??.path();
        Ok(Megatron { python, wheel })
    }

    fn run(&self, args: &[&str], prefix: &Path, input: &Value) -> Result<Vec<u8>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/formats/megatron.py");
        let (verb, rest) = args.split_first().context("a verb")?;
        let mut command = Command::new(&self.python);
        command.arg("-B").arg(script).arg(&self.wheel).arg(verb).arg(prefix).args(rest);
        run(&mut command, input.to_string().as_bytes())
    }

    fn read(&self, prefix: &Path) -> Result<Value> {
        Ok(serde_json::from_slice(&self.run(&["read"], prefix, &Value::Null)?)?)
    }

    fn write(&self, prefix: &Path, dtype: &str, documents: &Value) -> Result<()> {
        self.run(&["write", dtype], prefix, documents).map(drop)
    }
}

fn run(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("needs python3")?;
    child.stdin.take().context("a pipe")?.write_all(input)?;
    let out = child.wait_with_output()?;
    ensure!(out.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&out.stderr));
    Ok(out.stdout)
}

/// Types that Megatron knows, under its own codes.
const SHARED: [TokenType; 6] = [TokenType::U8, TokenType::I8, TokenType::I16, TokenType::I32, TokenType::I64, TokenType::U16];

#[test]
fn what_is_written_here_is_read_by_megatron() -> Result<()> {
    let megatron = Megatron::find()?;
    let folder = tempfile::tempdir()?;
    for token_type in SHARED {
        let prefix = folder.path().join(token_type.name());
        let mut writer = IndexedWriter::create(&prefix, token_type, Magic::MMap)?;
        let items: [&[u64]; 4] = [&[1, 2, 3], &[], &[4], &[token_type.max_token().min(1 << 50)]];
        for (i, item) in items.iter().enumerate() {
            let bytes: Vec<u8> = item.iter().flat_map(|t| t.to_le_bytes().into_iter().take(token_type.width())).collect();
            writer.push(&bytes)?;
            // The second document has two items, and the last is ended by the end of the file.
            if i != 1 && i != 3 {
                writer.end_document()?;
            }
        }
        writer.finish()?;
        let found = megatron.read(&prefix)?;
        assert_eq!(found, json!({ "dtype": token_type.name(), "items": items, "documents": [0, 1, 3, 4] }));
    }
    Ok(())
}

#[test]
fn what_megatron_writes_is_read_here() -> Result<()> {
    let megatron = Megatron::find()?;
    let folder = tempfile::tempdir()?;
    let documents = json!([[[1, 2, 3]], [[], [4, 5]], [[100]]]);
    for token_type in SHARED {
        let prefix = folder.path().join(token_type.name());
        megatron.write(&prefix, token_type.name(), &documents)?;
        let dataset = Dataset::open(&prefix)?;
        assert_eq!(dataset.token_type(), token_type);
        let found = (0..dataset.len()).map(|id| Ok(dataset.sample(id)?.iter().collect())).collect::<Result<Vec<Vec<i64>>>>()?;
        assert_eq!(found, [vec![1, 2, 3], vec![], vec![4, 5], vec![100]]);
        assert_eq!(IndexedFile::open(&prefix)?.document_index().collect::<Vec<_>>(), [0, 1, 3, 4]);
        dataset.verify(&|_| ())?;
    }
    Ok(())
}

#[test]
fn what_megatron_writes_in_floats_opens_as_a_file_and_not_as_tokens() -> Result<()> {
    let megatron = Megatron::find()?;
    let folder = tempfile::tempdir()?;
    let prefix = folder.path().join("loss");
    megatron.write(&prefix, "float64", &json!([[[1, 2]]]))?;
    let file = IndexedFile::open(&prefix)?;
    assert_eq!(file.element_type(), ElementType::F64);
    assert_eq!(file.bytes(0)?, [1f64, 2.0].map(f64::to_le_bytes).concat());
    assert!(Dataset::open(&prefix).is_err());
    Ok(())
}
