use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use curricle_tests::{command, curricle_ok, noise};

/// A program around `guest-sdk/c/utf8.c`; with checks of memory where the compiler has them.
fn mender(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = folder.join("mender");
    let compile = |more: &[&str]| {
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-g"]).args(more).arg("-I").arg(root.join("guest-sdk/c"));
        cc.arg(root.join("guest-sdk/c/utf8.c")).arg(root.join("tests/it/languages/utf8_mender.c")).arg("-o").arg(&program);
        cc.output().expect("a C compiler, `cc`")
    };
    if !compile(&["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]).status.success() {
        let plain = compile(&[]);
        assert!(plain.status.success(), "{}", String::from_utf8_lossy(&plain.stderr));
    }
    program
}

/// A text mended, and how many bytes at its end begin a character.
fn mended(program: &Path, text: &[u8]) -> (String, usize) {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the mender ended with {}", output.status);
    let told = String::from_utf8(output.stdout).unwrap();
    let (text, begun) = told.rsplit_once('\n').unwrap();
    (text.to_owned(), begun.parse().unwrap())
}

#[test]
fn what_is_no_utf8_becomes_a_question_mark_as_rust_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = mender(folder.path());
    // Bytes at which the rules turn, in any order.
    let edges = b"a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff";
    let noisy: Vec<u8> = (0..100_000).map(|i| edges[(noise(i) % edges.len() as u64) as usize]).collect();
    assert_eq!(mended(&program, &noisy).0, String::from_utf8_lossy(&noisy).replace('\u{fffd}', "?"));
    let right = "naïve, 日本語, 😀\u{10ffff}\u{d7ff}\u{e000}";
    assert_eq!(mended(&program, right.as_bytes()), (right.to_owned(), 0));
}

#[test]
fn a_character_that_has_only_begun_is_told_from_one_that_is_whole_or_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let program = mender(folder.path());
    for text in ["aï", "a日", "a😀"] {
        for end in 2..text.len() {
            assert_eq!(mended(&program, &text.as_bytes()[..end]).1, end - 1, "{text} until {end}");
        }
        assert_eq!(mended(&program, text.as_bytes()).1, 0, "{text}");
    }
    for wrong in [&b""[..], b"a\x80", b"\xe0\x80", b"\xed\xa0", b"\xf4\x90", b"\xff", b"\xc3a"] {
        assert_eq!(mended(&program, wrong).1, 0, "{wrong:?}");
    }
}

#[test]
fn a_plugin_in_c_prints_long_lines_and_parts_of_characters_and_goes_on() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("slow");
    curricle_ok(&["new", "slow", "--kind", "pacing", "--lang", "c", "--path", &folder.display().to_string()]);
    let source = folder.join("plugin.c");
    let text = fs::read_to_string(&source).unwrap();
    // The first byte of `ï` is the last that a line has room for.
    let prints = "    for (int i = 0; i < 1023; i++) putchar('x');\n    printf(\"\\u00efve\\n\");\n    printf(\"%.3s\\n\", \"na\\u00efve\");\n    \
                  curricle_log(CURRICLE_WARN, \"%.3s of a word\", \"na\\u00efve\");\n";
    let text = text.replace("#include \"curricle.h\"\n", "#include \"curricle.h\"\n#include <stdio.h>\n");
    let changed =
        text.replace("plugin_configure(curricle_json config) {\n", &format!("plugin_configure(curricle_json config) {{\n{prints}"));
    assert_ne!(changed, text);
    fs::write(&source, changed).unwrap();
    let output = command().arg("bench").arg(&folder).args(["--steps", "20", "--log", "info"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let has = |words: &str| told.lines().any(|line| line.contains(words));
    assert!(has(&format!(" {} ", "x".repeat(1023))) && has(" ïve ") && has(" na? ") && has(" na? of a word "), "{told}");
}
