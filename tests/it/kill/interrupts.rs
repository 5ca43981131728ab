use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use curricle_tests::{command, curricle_ok, noise};
use tempfile::TempDir;

struct Work(TempDir);

impl Work {
    /// A folder with tokens, texts and a run file.
    fn new() -> Work {
        let folder = tempfile::tempdir().unwrap();
        let tokens: Vec<u8> = (0..1u64 << 21).flat_map(|i| ((noise(i) % 50_000) as u16).to_le_bytes()).collect();
        fs::write(folder.path().join("tokens.bin"), tokens).unwrap();
        let text = "seed = 5\n[dataset]\npath = \"tokens.bin\"\ntoken-type = \"u16\"\nsequence-length = 32\n\
                    [batch]\nglobal-batch-size = 16\n[policy]\nplugin = \"uniform\"\n";
        fs::write(folder.path().join("run.toml"), text).unwrap();
        Work(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn words(&self, words: &str) -> Vec<String> {
        let folder = self.0.path().display().to_string();
        words.split_whitespace().map(|word| word.replace('@', &folder)).collect()
    }

    fn start(&self, words: &str) -> Child {
        command().args(self.words(words)).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn run(&self, words: &str) -> String {
        curricle_ok(&self.words(words).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Begins, asks to stop once `sign` is there, and gives what was said.
    fn interrupted(&self, words: &str, signal: &str, sign: &str) -> String {
        let mut child = self.start(words);
        wait_for(&self.path(sign), &mut child);
        let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(status.success());
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(130), "{words}: {said}");
        said
    }
}

fn wait_for(path: &Path, child: &mut Child) {
    for _ in 0..3_000 {
        if path.exists() {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before `{}` was there", path.display());
        thread::sleep(Duration::from_millis(5));
    }
    panic!("`{}` does not appear", path.display());
}

#[test]
fn a_run_that_is_asked_to_stop_saves_its_state_and_goes_on_from_it() {
    let work = Work::new();
    work.run("sample @/run.toml --steps 0..400 --out @/whole.jsonl");
    for (signal, name) in [("-INT", "int"), ("-TERM", "term")] {
        let words = format!("sample @/run.toml --steps 0..400 --out @/{name}.jsonl --state @/{name}.json --save-every 1");
        let said = work.interrupted(&words, signal, &format!("{name}.json"));
        assert_eq!(said, "error: interrupted while sampling; run the same command again to go on\n");
        assert!(!work.path(&format!("{name}.json.lock")).exists());
        work.run(&words);
        // Nothing twice: the state is that of the last line.
        assert!(fs::read(work.path(&format!("{name}.jsonl"))).unwrap() == fs::read(work.path("whole.jsonl")).unwrap());
    }
}

#[test]
fn an_analysis_and_its_parts_that_are_asked_to_stop_go_on() {
    let work = Work::new();
    let analyze = "analyze @/tokens.bin --token-type u16 --sequence-length 4096 --stride 16 --threads 1 --metric vocab-rarity --out";
    let column = "vocab-rarity.arrow";
    work.run(&format!("{analyze} @/whole"));
    let said = work.interrupted(&format!("{analyze} @/broken"), "-TERM", &format!("broken/{column}.partial/lock"));
    assert!(said.contains("the same command goes on from here"), "{said}");
    work.run(&format!("{analyze} @/broken"));
    assert!(fs::read(work.path("broken").join(column)).unwrap() == fs::read(work.path("whole").join(column)).unwrap());
    let part = format!("{analyze} @/parts --part 1/2");
    work.interrupted(&part, "-TERM", &format!("parts/{column}.parts/part-1-of-2.partial/lock"));
    work.run(&part);
    assert!(work.path(&format!("parts/{column}.parts/pass-1.part-1-of-2")).exists());
    assert!(!work.path(&format!("parts/{column}.parts/part-1-of-2.partial")).exists());
}

#[test]
fn an_import_that_is_told_to_end_goes_on() {
    let work = Work::new();
    fs::create_dir(work.path("texts")).unwrap();
    (0..200).for_each(|i| fs::write(work.path("texts").join(format!("{i:03}")), format!("{i} ").repeat(40_000)).unwrap());
    let import = "import @/texts --domain none --save-every 10kB --out";
    let said = work.interrupted(&format!("{import} @/broken"), "-TERM", "broken.partial/journal.json");
    assert!(said.starts_with("error: interrupted while importing; run the same command again to go on from document "), "{said}");
    work.run(&format!("{import} @/broken"));
    work.run(&format!("{import} @/whole"));
    assert!(fs::read(work.path("broken/tokens.bin")).unwrap() == fs::read(work.path("whole/tokens.bin")).unwrap());
}

#[test]
fn a_state_or_output_that_a_process_works_with_is_refused_to_a_second_one_until_it_ends_however_it_does() {
    let work = Work::new();
    let first = "sample @/run.toml --steps 0..1000000 --out @/a.jsonl --state @/a.json --save-every 1";
    let mut child = work.start(first);
    wait_for(&work.path("a.json"), &mut child);
    let second = |words: &str| {
        let output = command().args(work.words(words)).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap().replace(&work.path("").display().to_string(), "");
        (output.status.code(), said)
    };
    let (code, said) = second("sample @/run.toml --steps 0..3 --state @/a.json");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.starts_with(&format!("error: state `a.json`: process {}", child.id())), "{said}");
    assert!(said.ends_with(" works with it; wait until it is done, stop it, or name another file\n"), "{said}");
    let (code, said) = second("sample @/run.toml --steps 0..3 --out @/a.jsonl");
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(said, "error: `--out`: another process writes to `a.jsonl`; wait until it is done, stop it, or name another file\n");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(work.path("a.json.lock").exists());
    work.run("sample @/run.toml --steps 0..3 --out @/a.jsonl --state @/a.json");
    assert!(!work.path("a.json.lock").exists());
}
