use std::{fs, path::Path, process::Stdio};

use curricle::{
    RankDigest,
    columns::{ColumnWriter, ValueType, Values},
};
use curricle_tests::{Corpus, command, plugin};
use serde_json::Value;

const BATCH: &str = "[batch]\nglobal-batch-size = 24\n";
const UNIFORM: &str = "[policy]\nplugin = \"uniform\"\n";

/// What a rank is told.
struct Rank<'a> {
    folder: &'a Corpus,
    /// Everything behind `[dataset]`.
    rest: String,
    options: Vec<String>,
}

impl<'a> Rank<'a> {
    fn new(folder: &'a Corpus, rest: impl Into<String>) -> Rank<'a> {
        Rank { folder, rest: rest.into(), options: Vec::new() }
    }

    fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|option| (*option).to_owned()));
        self
    }
}

/// Runs each rank as a process over `steps`; gives what each would send to the others, step by step.
fn digests(ranks: &[Rank<'_>], steps: &str) -> Vec<Vec<RankDigest>> {
    let children: Vec<_> = ranks
        .iter()
        .enumerate()
        .map(|(number, rank)| {
            let run = rank.folder.path(&format!("rank-{number}.toml"));
            fs::write(&run, format!("seed = 7\n[dataset]\npath = \"data\"\n{}", rank.rest)).unwrap();
            let mut command = command();
            command.arg("sample").arg(run).args(["--steps", steps, "--dp-rank", &number.to_string()]);
            command.args(["--dp-world-size", &ranks.len().to_string()]).args(&rank.options);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let of_rank = children.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let digest = |line: &str| serde_json::from_str::<Value>(line).unwrap()["rank_digest"].as_str().unwrap().parse().unwrap();
        lines.lines().map(digest).collect::<Vec<RankDigest>>()
    });
    let of_rank: Vec<_> = of_rank.collect();
    (0..of_rank[0].len()).map(|step| of_rank.iter().map(|rank| rank[step]).collect()).collect()
}

/// The first step at which ranks go apart, and what is said then.
fn apart(ranks: &[Rank<'_>], steps: &str) -> Option<String> {
    digests(ranks, steps).iter().find_map(|digests| RankDigest::agree(digests).err()).map(|error| error.to_string())
}

#[test]
fn ranks_in_processes_agree_at_every_step() {
    let corpus = Corpus::new(150);
    let steps = digests(&[(); 3].map(|()| Rank::new(&corpus, format!("{BATCH}{UNIFORM}"))), "0..9");
    assert_eq!(steps.len(), 9);
    for (step, digests) in steps.iter().enumerate() {
        RankDigest::agree(digests).unwrap();
        assert_eq!(usize::from(digests[0].step()), step);
    }
}

#[test]
fn a_rank_with_something_else_is_named_with_what_it_is_and_the_step() {
    let (corpus, same_data, other_data) = (Corpus::new(150), Corpus::new(150), Corpus::new(151));
    // Another file that behaves alike: a section that nobody reads.
    let other_plugin = corpus.path("uniform.wasm");
    let mut component = fs::read(plugin("uniform")).unwrap();
    component.extend(b"\0\x05\x04note");
    fs::write(&other_plugin, component).unwrap();
    // A column that the policy does not ask for.
    let column = same_data.dataset().columns_dir().join("hardness.arrow");
    let mut writer = ColumnWriter::create(column, ValueType::U32, same_data.provenance()).unwrap();
    writer.push(&Values::U32((0..150).collect())).unwrap();
    writer.finish().unwrap();

    let usual = || Rank::new(&corpus, format!("{BATCH}{UNIFORM}"));
    let odd = [
        ("the dataset", Rank::new(&other_data, format!("{BATCH}{UNIFORM}"))),
        ("the plugin", Rank::new(&corpus, format!("{BATCH}[policy]\nplugin = {other_plugin:?}\n"))),
        ("the configuration", Rank::new(&corpus, format!("{BATCH}{UNIFORM}config = {{ epochs = 9 }}\n"))),
        ("the configuration", Rank::new(&corpus, format!("[batch]\nglobal-batch-size = 12\n{UNIFORM}"))),
        ("the columns", Rank::new(&same_data, format!("{BATCH}{UNIFORM}"))),
        ("the seed", usual().with(&["--seed", "8"])),
    ];
    for (what, odd) in odd {
        assert_eq!(
            apart(&[usual(), odd, usual()], "2..4").unwrap(),
            format!(
                "the ranks went apart: at step 2 (modulo 65536): rank 1 differs from rank 0 in {what}; give every rank the same files, run file and \
                 seed, and resume all from the state of a step at which they agreed"
            )
        );
    }
}

/// A plugin sees nothing by which ranks could differ, so what is left is where they began.
#[test]
fn a_rank_that_resumed_elsewhere_differs_in_the_order_and_one_that_is_ahead_in_the_step() {
    let corpus = Corpus::new(150);
    let save = |name: &str, batch: u32, steps: u64| {
        let run = corpus.run_file(&format!("[batch]\nglobal-batch-size = {batch}\n{UNIFORM}"));
        let state = corpus.path(name).display().to_string();
        let steps = format!("0..{steps}");
        let run = run.display().to_string();
        curricle_tests::curricle_ok(&["sample", &run, "--steps", &steps, "--state", &state]);
        state
    };
    let (usual, elsewhere) = (save("usual.json", 24, 3), save("elsewhere.json", 12, 3));
    let rank = |state: &str| Rank::new(&corpus, format!("{BATCH}{UNIFORM}")).with(&["--resume", state]);
    assert_eq!(apart(&[rank(&usual), rank(&usual), rank(&usual)], "3..6"), None);
    let text = apart(&[rank(&usual), rank(&usual), rank(&elsewhere)], "3..6").unwrap();
    assert!(text.contains("at step 3 (modulo 65536): rank 2 differs from rank 0 in the order of samples, though all"), "{text}");

    let of_usual = digests(&[rank(&usual), rank(&usual), rank(&usual)], "3..6");
    let text = RankDigest::agree(&[of_usual[0][0], of_usual[1][1], of_usual[0][2]]).unwrap_err().to_string();
    assert!(text.contains("they are at different steps (modulo 65536): rank 1 is at step 4, rank 0 at step 3; let every rank"), "{text}");
    assert!(Path::new(&usual).exists());
}
