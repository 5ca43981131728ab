//! Run files and states.

use curricle::{Run, RunConfig, Sampler, SamplerState};

use super::scratch;
use crate::Corpus;

/// Runs whose states are tried: one that only counts, one whose policy remembers, one with samples in hand.
const RUNS: [&str; 4] = [
    "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"uniform\"\n",
    "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"curriculum\"\n[policy.config]\nmetrics = [{ column = \"length\", by = \"value\", \
     pacing = \"p\" }]\n[pacing.p]\nkind = \"linear\"\nmin = 10\nmax = 40\nsteps = 9\n",
    "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"mixture\"\n[policy.config]\ncolumn = \"domain\"\nweights = { code = 1.0, prose = 2.0 \
     }\n",
    "[batch]\nglobal-batch-size = 12\n[batch.tokens]\nmax-tokens = 80\nmicro-batches = 2\n[policy]\nplugin = \"uniform\"\n",
];

thread_local! {
    static CORPUS: Corpus = Corpus::new(60);
    static OPENED: Vec<Run> = CORPUS.with(|corpus| RUNS.iter().map(|text| corpus.run_with("prefetch = 0\n", text)).collect());
}

/// A few steps of a run.
fn step(sampler: &mut Sampler) {
    for _ in 0..3 {
        match sampler.next_batch() {
            Ok(Some(batch)) => assert!(batch.micro_batches.iter().all(|micro_batch| micro_batch.offsets().len() > micro_batch.ids.len())),
            _ => break,
        }
    }
    let json = sampler.state().to_json();
    assert_eq!(SamplerState::from_json(&json, "own").expect("an own state").to_json(), json);
}

/// A saved state.
pub(super) fn state(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(state) = SamplerState::from_json(text, "fuzz") else { return };
    let json = state.to_json();
    let again = SamplerState::from_json(&json, "again").expect("what was accepted is written so that it is accepted");
    assert_eq!(again.to_json(), json);
    let _ = (state.step(), state.kept_back(), state.consumed_samples(), state.identity());
    OPENED.with(|runs| {
        for run in runs {
            if let Ok(mut sampler) = Sampler::resume(run, &state) {
                step(&mut sampler);
            }
        }
    });
}

pub(super) fn state_seeds() -> Vec<Vec<u8>> {
    OPENED.with(|runs| {
        let mut seeds = Vec::new();
        for run in runs {
            let mut sampler = Sampler::start(run).expect("a run");
            seeds.push(sampler.state().to_json().into_bytes());
            for _ in 0..5 {
                sampler.next_batch().expect("a batch");
            }
            seeds.push(sampler.state().to_json().into_bytes());
        }
        seeds
    })
}

/// A run file over a small dataset.
pub(super) fn run_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    CORPUS.with(|corpus| {
        let Ok(config) = RunConfig::parse(text, "fuzz.toml", corpus.path("")) else { return };
        if !is_small(&config) {
            return;
        }
        if let Ok(run) = Run::open(config)
            && let Ok(mut sampler) = Sampler::start(&run)
        {
            step(&mut sampler);
        }
    });
}

/// Whether a run takes little time and memory and stays within its folder. What lies beyond is asked of the other tests: a fuzzer would
/// only find that large batches are large.
fn is_small(config: &RunConfig) -> bool {
    let batch = &config.batch;
    let sizes = [Some(batch.global_batch_size), batch.pad_to, batch.row_length, config.dataset.sequence_length, Some(batch.dp_world_size)];
    let inside = |path: &std::path::Path| path.is_relative() && path.components().all(|c| matches!(c, std::path::Component::Normal(_)));
    sizes.into_iter().flatten().all(|size| size <= 1 << 12)
        && config.prefetch <= 4
        && inside(&config.dataset.path)
        && config.columns.values().all(|path| inside(path))
}

/// The run files of the examples and of the states, and one with a key of each kind.
pub(super) fn run_file_seeds() -> Vec<Vec<u8>> {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut files: Vec<_> = std::fs::read_dir(examples).expect("the examples").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let own = RUNS.iter().map(|text| format!("seed = 7\nprefetch = 0\n[dataset]\npath = \"data\"\n{text}").into_bytes());
    let examples = files.iter().map(scratch::read).map(|text| {
        // Their data is not here, and this is.
        String::from_utf8_lossy(&text).replace("\"corpus\"", "\"data\"").into_bytes()
    });
    examples.chain(own).chain([EVERYTHING.as_bytes().to_vec()]).collect()
}

const EVERYTHING: &str = r#"
seed = 1234
steps = 10_000
epochs = 3
drop-last = true
prefetch = 1
[dataset]
path = "data"
sequence-length = 16
stride = 8
vocab-size = 1000
[columns]
more = "data.columns/length.arrow"
[batch]
global-batch-size = 12
micro-batch-size = 3
dp-rank = 1
dp-world-size = 2
layout = "rows"
row-length = 20
packer = "first-fit"
pad-token = 1
overlong = "cut"
truncate = { pacing = "levels", plus = 1 }
values = []
count-tokens = true
[policy]
plugin = "mixture"
config = { column = "domain", weights = { code = 1.0, tables = 0.5 } }
[policy.limits]
preset = "compiled"
fuel = 10_000_000
memory = "64MiB"
deadline = "5s"
log-lines = 3
[random-ltd]
pacing = "root"
layers = 22
total-layers = 24
plus = 0
[pacing.levels]
kind = "discrete"
difficulty = [6, 10, 12]
until = [1, 2]
hold-at = 20
[pacing.root]
kind = "root"
min = 1
max = 9
steps = 50
degree = 2
quantum = 1
first-step = 1
[pacing.guest]
kind = "plugin"
plugin = "cosine"
config = { min = 1.0, max = 100.0, steps = 5_000 }
"#;
