//! The trainer as a program: it learns, and a run that was killed goes on as if it had not been.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use curricle_tests::curricle_ok;
use tempfile::TempDir;

const STEPS: usize = 60;
const SAVE_EVERY: usize = 5;
/// The step whose line is the last that the killed run is let print.
const DIES_AT: usize = 12;

/// This repository's own sources as bytes, analyzed as `train.toml` wants them, and a copy of that.
fn corpus() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let corpus = folder.path().join("corpus").display().to_string();
    let text = examples.join("../host/src").display().to_string();
    curricle_ok(&["import", &text, "--out", &corpus, "--include", "rs"]);
    let run = fs::read_to_string(examples.join("train.toml")).unwrap();
    let command = run.lines().find_map(|line| line.strip_prefix("#   curricle ")).unwrap();
    let words: Vec<String> = command.split(' ').map(|word| word.replace("corpus", &corpus)).collect();
    curricle_ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
    fs::write(folder.path().join("train.toml"), run).unwrap();
    folder
}

fn trainer(corpus: &TempDir, out: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train-candle"));
    command.arg(corpus.path().join("train.toml")).arg("--out").arg(corpus.path().join(out));
    command.args(["--steps", &STEPS.to_string(), "--save-every", &SAVE_EVERY.to_string()]).args(more);
    // Threads would wait for one another longer than such small products take, where other tests run beside them.
    command.env("RAYON_NUM_THREADS", "1");
    command
}

/// Lines by step, of a run that has to succeed.
fn run(mut command: Command) -> BTreeMap<usize, String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| (step(line), line.to_owned())).collect()
}

fn step(line: &str) -> usize {
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

fn loss(line: &str) -> f64 {
    line.split(' ').nth(3).unwrap().parse().unwrap()
}

#[test]
fn a_killed_run_goes_on_from_its_checkpoint_with_the_same_losses_to_the_bit() {
    let corpus = corpus();
    let whole = run(trainer(&corpus, "whole", &[]));
    assert_eq!(whole.keys().copied().collect::<Vec<_>>(), (0..STEPS).collect::<Vec<_>>());
    let mean = |steps: std::ops::Range<usize>| steps.clone().map(|step| loss(&whole[&step])).sum::<f64>() / steps.len() as f64;
    assert!(mean(STEPS - 10..STEPS) < 0.8 * mean(0..10), "{whole:#?}");

    let mut child = trainer(&corpus, "broken", &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut before = BTreeMap::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        before.insert(step(&line), line);
        if before.contains_key(&DIES_AT) {
            // As hard as the system can; a second time does no harm.
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    assert!(before.len() < STEPS, "it was to be killed half way");

    let after = run(trainer(&corpus, "broken", &["--resume"]));
    let first = *after.keys().next().unwrap();
    assert!(first >= DIES_AT - SAVE_EVERY && first.is_multiple_of(SAVE_EVERY), "it went on at step {first}");
    for (step, line) in before.iter().chain(&after) {
        assert_eq!(*line, whole[step]);
    }
    // Table and picture are of the whole run, what lay in checkpoints included.
    for file in ["losses.csv", "losses.svg", "step-000060/model.safetensors", "step-000060/optimizer.safetensors"] {
        let [whole, broken] = ["whole", "broken"].map(|run| fs::read(corpus.path().join(run).join(file)).unwrap());
        assert!(whole == broken, "{file}");
    }
    let left = fs::read_dir(corpus.path().join("broken")).unwrap().count();
    assert_eq!(left, 3, "older checkpoints go, and what the killed run was writing");

    // What is there is not replaced by accident.
    let output = trainer(&corpus, "whole", &[]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("has a checkpoint; go on from it with --resume"), "{words}");
}
