//! What builds make of other processes. Compilers that do nothing but what matters here stand before those of the machine.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use curricle_tests::{command, curricle_ok};
use tempfile::TempDir;

/// A project in C or Go, and the compiler for it: a script, which finds a place for its marks in `$MARKS`.
struct Staged {
    folder: TempDir,
}

/// What a compiler answers before it is given the project.
const PROBED: &str = "case \"$*\" in 'env GOVERSION') echo go1.25.0; exit 0;; *' -x c - '*) cat > \"$MARKS/probe\"; exit 0;; esac";

impl Staged {
    fn new(language: &str, script: &str) -> Staged {
        let staged = Staged { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(staged.path("tools")).unwrap();
        // The compilers of C that are looked for first.
        for program in ["go", "clang-30", "clang++-30"] {
            let program = staged.path("tools").join(program);
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let project = staged.path("slow").display().to_string();
        curricle_ok(&["new", "slow", "--kind", "pacing", "--lang", language, "--path", &project]);
        staged
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn build(&self) -> Command {
        let mut build = command();
        build.arg("build").arg(self.path("slow")).arg("--out").arg(self.path("out"));
        build.env("CURRICLE_TOOLS", self.path("tools")).env("MARKS", self.folder.path());
        build.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        build
    }
}

fn said(child: Child) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn of_two_builds_of_one_project_at_once_the_second_waits() {
    for language in ["go", "c"] {
        // A folder can be made once.
        let script =
            format!("{PROBED}\nmkdir \"$MARKS/busy\" || {{ echo met another >&2; exit 1; }}\nsleep 4\nrmdir \"$MARKS/busy\"\nexit 1");
        let staged = Staged::new(language, &script);
        let builds = [staged.build().spawn().unwrap(), staged.build().spawn().unwrap()];
        let told = builds.map(said).map(|(_, told)| told);
        assert!(told.iter().all(|told| told.contains("could not build") && !told.contains("met another")), "{language}: {told:?}");
        assert!(told.iter().any(|told| told.starts_with("waiting until another build in `")), "{language}: {told:?}");
    }
}

/// What is said of a build whose whole process group is interrupted, as by Ctrl-C, once the compiler has begun.
fn interrupted(staged: &Staged) -> (Option<i32>, String) {
    let child = staged.build().process_group(0).spawn().unwrap();
    let begun = staged.path("begun");
    for _ in 0..3_000 {
        if begun.exists() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(begun.exists(), "the compiler is not called");
    let status = Command::new("kill").args(["-INT", "--", &format!("-{}", child.id())]).status().unwrap();
    assert!(status.success());
    said(child)
}

#[test]
fn a_build_that_is_interrupted_says_so_and_writes_nothing_whatever_its_compiler_makes_of_it() {
    let begin = ": > \"$MARKS/begun\"";
    let scripts = [
        ("the compiler ends", format!("{PROBED}\n{begin}\nexec sleep 30")),
        ("the compiler fails", format!("{PROBED}\ntrap 'exit 1' INT\n{begin}\nwhile :; do sleep 0.1; done")),
        ("the compiler goes on", format!("{PROBED}\ntrap '' INT\n{begin}\nsleep 1")),
        ("none is found", format!("{begin}\nexec sleep 30")),
    ];
    for language in ["go", "c"] {
        for (what, script) in &scripts {
            let staged = Staged::new(language, script);
            let (code, told) = interrupted(&staged);
            assert_eq!(code, Some(130), "{language}, {what}: {told}");
            assert_eq!(told, "error: interrupted while building; run the same command again\n", "{language}, {what}");
            assert!(!staged.path("out").exists(), "{language}, {what}");
        }
    }
}
