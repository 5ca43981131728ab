//! What builds make of other processes. Compilers that do nothing but what matters here stand before those of the machine.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
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
            format!("{PROBED}\nmkdir \"$MARKS/busy\" || {{ echo met another >&2; exit 1; }}\nsleep 2\nrmdir \"$MARKS/busy\"\nexit 1");
        let staged = Staged::new(language, &script);
        let builds = [staged.build().spawn().unwrap(), staged.build().spawn().unwrap()];
        let told = builds.map(said).map(|(_, told)| told);
        assert!(told.iter().all(|told| told.contains("could not build") && !told.contains("met another")), "{language}: {told:?}");
        assert!(told.iter().any(|told| told.starts_with("waiting until another build in `")), "{language}: {told:?}");
    }
}
