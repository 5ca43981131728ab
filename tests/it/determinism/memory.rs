use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use curricle_tests::{command, soak};

use super::{
    cells::{Cell, all},
    harness::{Bench, STEPS, sample},
};

/// A cell of each policy with all layouts in turn, for one rank in a process.
fn cells() -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for cell in all() {
        let plain = cell.ranks() == 1 && cell.prefetch() == 1 && cell.micro_batch(48) != 1 && cell.in_processes();
        if plain && !cells.iter().any(|known| (known.policy(), known.layout()) == (cell.policy(), cell.layout())) {
            cells.push(cell);
        }
    }
    cells
}

/// What a command prints.
fn printed(command: &mut Command) -> String {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The command behind others that change what it runs in.
fn behind(words: &[&str]) -> Command {
    let mut changed = Command::new(words[0]);
    changed.args(&words[1..]).arg(command().get_program());
    changed
}

/// Whether a program does what the test wants of it; says so if it does not.
fn works(words: &[&str]) -> bool {
    let status = Command::new(words[0]).args(&words[1..]).arg("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let works = status.is_ok_and(|status| status.success());
    if !works {
        println!("skipped: `{}` does not run here", words.join(" "));
    }
    works
}

/// Holds the lines of each policy, and a column of each metric, against what comes out otherwise.
fn nothing_changes(what: &str, change: impl Fn() -> Command) {
    let bench = Bench::new();
    for cell in cells() {
        let folder = tempfile::tempdir().unwrap();
        let run = bench.run_file(cell, folder.path()).unwrap();
        let lines = printed(sample(&mut change(), &run, 0..STEPS));
        let expected = bench.expected(cell).unwrap();
        assert!(lines.lines().eq(expected.lines[0].iter().map(String::as_str)), "{what}: {cell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let analyze = |command: &mut Command, metric: &str, out: &Path| {
        let data = bench.corpus.path("data");
        printed(command.arg("analyze").arg(data).args(["--metric", metric]).arg("--out").arg(out));
        fs::read(out.join(format!("{metric}.arrow"))).unwrap()
    };
    for metric in ["seqlen", "vocab-rarity"] {
        let expected = analyze(&mut command(), metric, &folder.path().join("plain"));
        assert!(analyze(&mut change(), metric, &folder.path().join("changed")) == expected, "{what}: {metric}");
    }
}

#[test]
fn instructions_change_nothing() {
    nothing_changes("portable", || {
        let mut command = command();
        command.env("CURRICLE_CPU", "portable");
        command
    });
}

#[test]
fn another_environment_changes_nothing() {
    nothing_changes("environment", || {
        let mut command = command();
        command.env_clear().env("PADDING", "x".repeat(60_000));
        for name in ["CURRICLE_PLUGINS", "CURRICLE_CACHE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    });
}

#[test]
fn addresses_that_are_always_the_same_change_nothing() {
    let words = ["setarch", std::env::consts::ARCH, "-R"];
    if works(&words) {
        nothing_changes("addresses", || behind(&words));
    }
}

/// Memory from its allocator lies elsewhere and begins filled with a pattern; so does what was given back.
#[test]
fn the_memory_of_valgrind_changes_nothing() {
    let words = ["valgrind", "--quiet", "--tool=memcheck", "--undef-value-errors=no", "--malloc-fill=a5", "--free-fill=5a"];
    if !soak() {
        println!("skipped: valgrind takes minutes; `cargo xtask test --soak` runs it");
    } else if works(&words) {
        nothing_changes("valgrind", || behind(&words));
    }
}

#[test]
fn a_choice_of_instructions_that_is_none_is_refused() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let run = bench.run_file(cells()[0], folder.path()).unwrap();
    let output = sample(&mut command(), &run, 0..1).env("CURRICLE_CPU", "fast").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("environment variable `CURRICLE_CPU`: `fast` is no choice of instructions; set it to `portable`"), "{errors}");
}
