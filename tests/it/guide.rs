//! The guide in `docs/guide`: every block of every page is run, in the order of the page.
//!
//! | fence | |
//! | --- | --- |
//! | `rust` | becomes `src/lib.rs`, which the line above it names |
//! | any with `file=PATH` | becomes that file; its first line is a comment with the path, since a fence's words are not shown |
//! | `console` | lines behind `$ ` are commands, those after them what they print; `…` stands for anything, alone in a line for any lines |

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use curricle_tests::command;

/// One fenced block.
pub(super) struct Block<'a> {
    pub(super) info: &'a str,
    pub(super) text: String,
    /// Line of its fence, from 1.
    line: usize,
}

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide")
}

pub(super) fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut found, mut open): (Vec<Block<'_>>, bool) = (Vec::new(), false);
    for (i, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                found.push(Block { info, text: String::new(), line: i + 1 });
                open = true;
            }
            None if open => found.last_mut().unwrap().text.extend([line, "\n"]),
            None => {}
        }
    }
    assert!(!open, "a block has no end");
    found
}

/// Runs a page in a folder of its own, and gives the number of its blocks.
fn run(name: &str) -> usize {
    let page = fs::read_to_string(guide().join(name)).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let mut folder = parent.path().to_owned();
    let blocks = blocks(&page);
    for block in &blocks {
        let at = format!("docs/guide/{name}:{}", block.line);
        let file = block.info.split_whitespace().find_map(|word| word.strip_prefix("file="));
        match (block.info, file) {
            (_, Some(file)) => {
                assert!(block.text.starts_with(&format!("# {file}\n")), "{at}: a reader is not told that this is `{file}`");
                fs::write(folder.join(file), &block.text).unwrap();
            }
            ("rust", None) => {
                let above = page.lines().take(block.line - 1).filter(|line| !line.is_empty()).last().unwrap_or_default();
                assert!(above.contains("`src/lib.rs`"), "{at}: a reader is not told that this is `src/lib.rs`");
                fs::write(folder.join("src/lib.rs"), &block.text).unwrap();
            }
            ("console", None) => console(&at, &block.text, &mut folder),
            (info, None) => panic!("{at}: nothing is known of blocks `{info}`"),
        }
    }
    blocks.len()
}

/// Runs the commands of a block, and compares what they print.
fn console(at: &str, text: &str, folder: &mut PathBuf) {
    assert!(text.starts_with("$ "), "{at}: a console begins with a command");
    for part in format!("\n{text}").split("\n$ ").skip(1) {
        let (line, expected) = part.split_once('\n').unwrap_or((part, ""));
        let words = split(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut program = match words.as_slice() {
            ["cd", to] => {
                folder.push(to);
                assert!(folder.is_dir(), "{at}: there is no `{}`", folder.display());
                continue;
            }
            ["curricle", ..] => command(),
            ["cargo", ..] => {
                let mut cargo = Command::new("cargo");
                cargo.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/native"));
                cargo
            }
            _ => panic!("{at}: nothing is known of the command `{line}`"),
        };
        let output = program.args(&words[1..]).current_dir(&*folder).output().unwrap();
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // What a page shows to fail must fail.
        let fails = expected.starts_with("error: ");
        assert_eq!(output.status.success(), !fails, "{at}: `{line}`: {}\n{printed}{errors}", output.status);
        let shown = if fails { &errors } else { &printed };
        assert!(agrees(expected, shown), "{at}: `{line}` printed\n{shown}\nand the page says\n{expected}");
    }
}

/// The words of a command as a shell splits them; single quotes are the only ones that pages use.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        if c.is_whitespace() && !quoted {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match c {
            '\'' => quoted = !quoted,
            c => word.push(c),
        }
    }
    assert!(!quoted, "`{line}` lacks a quote");
    words.extend(word);
    words
}

/// Whether a text is what a page shows of it.
fn agrees(expected: &str, found: &str) -> bool {
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.trim_end().lines().collect(), found.trim_end().lines().collect());
    // Of every prefix of what is expected, whether it stands for the lines so far.
    let mut reached: Vec<bool> = vec![true];
    reached.extend(expected.iter().scan(true, |all, line| {
        *all &= *line == "…";
        Some(*all)
    }));
    for line in found {
        let mut next = vec![false; expected.len() + 1];
        for (i, wanted) in expected.iter().enumerate() {
            next[i + 1] = match *wanted {
                "…" => next[i] || reached[i] || reached[i + 1],
                wanted => reached[i] && line_agrees(wanted, line),
            };
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

fn line_agrees(expected: &str, found: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|first| found.strip_prefix(first)) else { return false };
    let mut last = "";
    for part in parts {
        let Some(place) = rest.find(part) else { return false };
        (rest, last) = (&rest[place + part.len()..], part);
    }
    rest.is_empty() || expected.ends_with('…') || (expected.contains('…') && found.ends_with(last))
}

#[test]
fn a_page_shows_what_is_printed_with_gaps() {
    assert!(agrees("a\n…\nc", "a\nb\nb\nc"));
    assert!(agrees("a\n…\nc", "a\nc"));
    assert!(agrees("…", "") && agrees("…", "a\nb") && agrees("", ""));
    assert!(agrees("x: … KiB", "x: 12 KiB") && !agrees("x: … KiB", "x: 12 MiB"));
    assert!(!agrees("a\n…\nc", "a\nb") && !agrees("a", "a\nb") && !agrees("a\nb", "a"));
}

#[test]
fn commands_are_split_as_a_shell_does() {
    assert_eq!(split("a  b"), ["a", "b"]);
    assert_eq!(split("a --b 'c={\"d\": 20}' ''"), ["a", "--b", "c={\"d\": 20}", ""]);
}

#[test]
fn the_first_policy_has_at_most_25_lines() {
    let page = fs::read_to_string(guide().join("README.md")).unwrap();
    let block = blocks(&page).into_iter().find(|block| block.info == "rust").unwrap();
    assert!(block.text.lines().count() <= 25, "{}", block.text);
}

#[test]
fn code_is_as_rustfmt_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    for page in fs::read_dir(guide()).unwrap().map(|e| e.unwrap().path()) {
        let text = fs::read_to_string(&page).unwrap();
        for block in blocks(&text).into_iter().filter(|block| block.info == "rust") {
            let file = folder.path().join("lib.rs");
            fs::write(&file, &block.text).unwrap();
            let formatted = Command::new("rustfmt").args(["--edition", "2024", "--check"]).arg(&file).output().unwrap();
            assert!(formatted.status.success(), "{}:{}\n{}", page.display(), block.line, String::from_utf8_lossy(&formatted.stdout));
        }
    }
}

/// A test a page, so that they run beside one another and a failure names its page.
macro_rules! pages {
    ($($test:ident $page:literal;)*) => {
        $(#[test]
        fn $test() {
            run($page);
        })*

        #[test]
        fn every_page_of_the_guide_is_run() {
            let mut known = vec![$($page),*];
            known.sort_unstable();
            let mut found: Vec<String> = fs::read_dir(guide()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            found.sort();
            assert_eq!(found, known);
            let readme = fs::read_to_string(guide().join("README.md")).unwrap();
            for page in found.iter().filter(|page| *page != "README.md") {
                assert!(readme.contains(&format!("]({page})")), "README.md does not lead to {page}");
            }
        }
    };
}

pages! {
    the_first_policy_is_made_as_the_guide_says "README.md";
    streams_run_as_the_guide_says "streams.md";
    plans_run_as_the_guide_says "plans.md";
    configurations_run_as_the_guide_says "configuration.md";
    state_runs_as_the_guide_says "state.md";
    metrics_run_as_the_guide_says "metrics.md";
    pacing_runs_as_the_guide_says "pacing.md";
    packers_run_as_the_guide_says "packers.md";
    errors_run_as_the_guide_says "errors.md";
    determinism_runs_as_the_guide_says "determinism.md";
    tests_run_as_the_guide_says "testing.md";
    languages_run_as_the_guide_says "languages.md";
    publishing_runs_as_the_guide_says "publishing.md";
}
