//! A small dataset with plugins beside it, and policies of which each fails in its own way.

use std::{collections::BTreeMap, fs, path::PathBuf};

use tempfile::TempDir;

use crate::{
    Change, Error, Result, Run, RunConfig, Sampler, SamplerState,
    batch::{Batch, Digest},
    dataset::{IndexedWriter, Magic, TokenType},
    plugin::tests::guest::{GuestText, OK, guest},
};

pub(super) const SAMPLES: u64 = 200;
/// Samples of a global batch.
pub(super) const GLOBAL: u64 = 8;

/// A folder with documents of 1 to 9 tokens.
pub(super) struct Bench {
    folder: TempDir,
}

/// Digests of the batches by their steps.
pub(super) type Given = BTreeMap<u64, Digest>;

impl Bench {
    pub(super) fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = IndexedWriter::create(folder.path().join("data"), TokenType::U8, Magic::MMap).unwrap();
        for i in 0..SAMPLES {
            writer.push(&vec![i as u8; 1 + i as usize * 7 % 9]).unwrap();
            writer.end_document().unwrap();
        }
        writer.finish().unwrap();
        Bench { folder }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a plugin beside the data.
    pub(super) fn plugin(&self, name: &str, guest: &GuestText) {
        fs::write(self.path(&format!("{name}.wasm")), guest.component()).unwrap();
    }

    /// A run of policy `p.wasm` whose run file goes on with `rest` in `[policy]`.
    pub(super) fn run(&self, rest: &str) -> Run {
        self.try_run("", "", &format!("plugin = \"./p.wasm\"\n{rest}")).unwrap()
    }

    /// As [`run`](Bench::run), with keys of the whole file, of `[batch]` and of `[policy]`.
    pub(super) fn try_run(&self, keys: &str, batch: &str, policy: &str) -> Result<Run> {
        let text = format!("seed = 7\n{keys}[dataset]\npath = \"data\"\n[batch]\nglobal-batch-size = {GLOBAL}\n{batch}[policy]\n{policy}");
        Run::open(RunConfig::parse(&text, "run.toml", self.folder.path())?)
    }
}

/// What a run gives out up to a step, what it fails with before, and its state then. All ranks and any prefetching come to the same.
pub(super) fn drive(
    bench: &Bench,
    batch: &str,
    policy: &str,
    from: Option<&SamplerState>,
    until: u64,
) -> (Given, Option<String>, SamplerState) {
    let mut outcomes = Vec::new();
    for prefetch in [0, 2, 8] {
        for world in [1, 2] {
            for rank in 0..world {
                let run = bench.try_run(&format!("prefetch = {prefetch}\n"), batch, policy).unwrap().with_rank(rank, world).unwrap();
                let sampler = match from {
                    Some(state) => Sampler::resume(&run, state),
                    None => Sampler::start(&run),
                };
                outcomes.push(follow(sampler.unwrap(), until));
            }
        }
    }
    let first = outcomes.swap_remove(0);
    for other in &outcomes {
        assert_eq!((&other.0, &other.1, other.2.to_json()), (&first.0, &first.1, first.2.to_json()));
    }
    first
}

/// Takes batches up to a step. The state is that of the last batch throughout.
pub(super) fn follow(mut sampler: Sampler, until: u64) -> (Given, Option<String>, SamplerState) {
    let mut given = Given::new();
    while sampler.state().step() < until {
        match sampler.next_batch() {
            Ok(Some(batch)) => {
                assert_eq!(sampler.state().step(), batch.step + 1);
                given.insert(batch.step, batch.digest);
            }
            Ok(None) => break,
            Err(error) => {
                // The same again, and the state does not move.
                let before = sampler.state().to_json();
                assert_eq!(sampler.next_batch().unwrap_err().to_string(), error.to_string());
                assert_eq!(sampler.state().to_json(), before);
                return (given, Some(error.to_string()), sampler.state());
            }
        }
    }
    (given, None, sampler.state())
}

/// The steps of `given` in a range.
pub(super) fn part(given: &Given, steps: std::ops::Range<u64>) -> Given {
    given.range(steps).map(|(&step, &digest)| (step, digest)).collect()
}

pub(super) fn resume(run: &Run, state: &SamplerState, allowed: &[Change]) -> Result<Sampler> {
    Sampler::resume_allowing(run, &SamplerState::from_json(&state.to_json(), "s.json")?, allowed)
}

pub(super) fn refused(run: &Run, state: &SamplerState, allowed: &[Change]) -> Error {
    resume(run, state, allowed).err().unwrap()
}

pub(super) fn next(sampler: &mut Sampler) -> Batch {
    sampler.next_batch().unwrap().unwrap()
}

/// Draws `count` samples of stream 0.
pub(super) fn draw(count: &str) -> String {
    format!(
        "(i32.store (i32.const 640) (i32.const 0)) (i32.store (i32.const 648) {count})
        (call $draw (i32.const 640) (i32.const 1) (i32.const 648) (i32.const 1) (i32.const 656))"
    )
}

const FILL: &str = "(param i64 i64 i32 i64) (result i32)";

/// A policy that opens shuffled stream `all` and does `before` it draws a whole batch of it.
pub(super) fn policy(world: &'static str, before: &str) -> GuestText {
    opening(world, "0", "(i32.const 0) (i32.const 0)", before)
}

/// The same with another order (a number in the contract) and other conditions (a list).
pub(super) fn opening(world: &'static str, order: &str, conditions: &str, before: &str) -> GuestText {
    guest(world)
        .import("streams", "open", "(param i32 i32 i32 i32 i32 i32 i32 i32)")
        .import("plan", "draw", "(param i32 i32 i32 i32 i32)")
        .import("plan", "size", "(result i32)")
        .import("pacings", "difficulty", "(param i32 i32 i64 i32)")
        .with("(data (i32.const 512) \"all\")")
        // What it refuses in its own words: `error.data`.
        .with("(data (i32.const 720) \"\\01\\00\\00\\00\\01\\00\\00\\00\\00\\02\\00\\00\\03\\00\\00\\00\")")
        .with("(func $dive (param i32) (result i32) (i32.add (call $dive (local.get 0)) (call $dive (local.get 0))))")
        .export(
            "configure",
            &format!(
                "(param i32 i32) (result i32)
                (call $open (i32.const 512) (i32.const 3) {conditions} (i32.const {order}) (i32.const 0) (i32.const 0) (i32.const 600))
                {OK}"
            ),
        )
        .export("fill", &format!("{FILL} {before} {} {OK}", draw("(call $size)")))
}

/// At step `k`, or whenever its instance is asked for the `k`th time: draws three samples, and then the misdeed.
pub(super) fn at_step(k: u64, misdeed: &str) -> String {
    format!("(if (i64.eq (local.get 0) (i64.const {k})) (then {} {misdeed}))", draw("(i32.const 3)"))
}

pub(super) fn every(k: u32, misdeed: &str) -> String {
    format!(
        "(i32.store (i32.const 800) (i32.add (i32.load (i32.const 800)) (i32.const 1)))
        (if (i32.eq (i32.load (i32.const 800)) (i32.const {k})) (then {} {misdeed}))",
        draw("(i32.const 3)")
    )
}

/// Remembers one byte, at 840, and adds one to it in each step; `save` and `restore` do `before`.
pub(super) fn stateful(before_save: &str, before_restore: &str) -> GuestText {
    policy("stateful-policy", "(i32.store8 (i32.const 840) (i32.add (i32.load8_u (i32.const 840)) (i32.const 1)))")
        .export_of(
            "snapshot",
            "save",
            &format!(
                "(result i32) {before_save}
                (i32.store (i32.const 848) (i32.const 840)) (i32.store (i32.const 852) (i32.const 1)) (i32.const 848)"
            ),
        )
        .export_of(
            "snapshot",
            "restore",
            &format!("(param i32 i32) (result i32) {before_restore} (i32.store8 (i32.const 840) (i32.load8_u (local.get 0))) {OK}"),
        )
}

/// A pacing function that is always 4, and does `before` that.
pub(super) fn pacing(before: &str) -> GuestText {
    guest("pacing")
        .export("configure", &format!("(param i32 i32) (result i32) {OK}"))
        .export("difficulty", &format!("(param i64) (result f64) {before} (f64.const 4)"))
}
