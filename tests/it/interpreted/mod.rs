//! Plugins that bring an interpreter: what their authors see when something is wrong, and what holds of them for who runs them.

mod building;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::SystemTime,
};

use curricle::{Error, Fault, FaultKind, Run, plugin};
use curricle_tests::{Corpus, command};

/// A language, and a policy in it that does wrong on demand.
struct Language {
    name: &'static str,
    source: &'static str,
    text: &'static str,
    plugin: LazyLock<PathBuf>,
}

static PYTHON: Language =
    Language { name: "python", source: "troubled.py", text: include_str!("troubled.py"), plugin: LazyLock::new(|| PYTHON.build()) };
static TYPESCRIPT: Language =
    Language { name: "typescript", source: "troubled.ts", text: include_str!("troubled.ts"), plugin: LazyLock::new(|| TYPESCRIPT.build()) };

impl Language {
    /// Builds it, unless it was built of this text by this command.
    fn build(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interpreted").join(self.name);
        let plugin = folder.join(format!("troubled-{}.wasm", self.name));
        let source = folder.join(self.source);
        let age = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let program = PathBuf::from(command().get_program());
        if fs::read_to_string(&source).is_ok_and(|text| text == self.text) && age(&plugin) > age(&program) {
            return plugin;
        }
        fs::create_dir_all(&folder).unwrap();
        fs::write(&source, self.text).unwrap();
        project(&folder, &format!("troubled-{}", self.name), "stateful-policy", self.name, self.source);
        let built = build(&folder);
        assert!(built.is_ok(), "{built:?}; `cargo xtask setup` installs what builds plugins in {}", self.name);
        plugin
    }

    fn run(&self, corpus: &Corpus, mode: &str, limits: &str) -> Run {
        let plugin = self.plugin.display().to_string();
        corpus.run(&format!(
            "[batch]\nglobal-batch-size = 7\n[policy]\nplugin = {plugin:?}\nlimits = {{ preset = \"interpreted\"{limits} }}\nconfig = {{ mode = {mode:?} }}\n"
        ))
    }

    /// The fault of step 1 in a mode; the process lives, and the plugin starts again.
    fn fault(&self, mode: &str) -> Fault {
        let corpus = Corpus::new(100);
        let run = self.run(&corpus, mode, "");
        let mut planner = run.planner().unwrap();
        planner.plan().unwrap().unwrap();
        let error = planner.plan().unwrap_err();
        assert!(run.planner().unwrap().plan().unwrap().is_some(), "it starts again");
        match error {
            Error::Plugin(fault) => *fault,
            other => panic!("no fault of a plugin: {other}"),
        }
    }

    /// The last words of a plugin that trapped.
    fn last_words(&self, mode: &str) -> Vec<String> {
        let fault = self.fault(mode);
        assert_eq!((fault.kind, fault.step, fault.call.as_str()), (FaultKind::Trap, Some(1), "policy.fill"));
        fault.log
    }
}

/// Writes a `curricle.toml`.
fn project(folder: &Path, name: &str, kind: &str, language: &str, source: &str) {
    let text = format!(
        "name = {name:?}\nversion = \"0.1.0\"\nsummary = \"It says \\\"ä€𝄞\\\"\"\nkind = {kind:?}\nlanguage = {language:?}\nsource = {source:?}\n"
    );
    fs::write(folder.join("curricle.toml"), text).unwrap();
}

/// Runs `curricle build` of a folder into itself; what it prints as an error.
fn build(folder: &Path) -> Result<(), String> {
    let output = command().arg("build").arg(folder).arg("--out").arg(folder).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap().replace(&folder.display().to_string(), "FOLDER");
    if output.status.success() { Ok(()) } else { Err(text) }
}

#[test]
fn an_exception_in_python_is_logged_with_file_and_line_before_it_ends_the_call() {
    assert_eq!(
        PYTHON.last_words("defect"),
        [
            "troubled.py:17, in fill: getattr(self, self.mode)()",
            "troubled.py:37, in defect: self.nested({})",
            "troubled.py:40, in nested: table[\"absent\"] += 1",
            "KeyError: 'absent'",
        ]
    );
    let words = PYTHON.last_words("recursion");
    assert_eq!(words.len(), 8, "{words:?}");
    assert_eq!(words.last().unwrap(), "RecursionError: maximum recursion depth exceeded");
}

#[test]
fn an_exception_in_typescript_is_logged_with_file_and_line_of_the_source() {
    assert_eq!(
        TYPESCRIPT.last_words("defect"),
        [
            "troubled.ts:22, in fill",
            "troubled.ts:45, in defect",
            "troubled.ts:49, in nested",
            "TypeError: can't access property \"deep\", table.absent is undefined",
        ]
    );
    let words = TYPESCRIPT.last_words("recursion");
    assert_eq!(words.len(), 8, "{words:?}");
    assert_eq!(words.last().unwrap(), "InternalError: too much recursion");
}

#[test]
fn what_an_interpreter_has_and_a_plugin_has_not_is_refused_by_name() {
    let last = |language: &Language, mode| language.last_words(mode).pop().unwrap();
    assert_eq!(last(&PYTHON, "clock"), "RuntimeError: `time.monotonic` is not for plugins: no clock may reach a result; count steps");
    assert_eq!(
        last(&PYTHON, "chance"),
        "RuntimeError: `random.random` is not for plugins: it would be the same in every run; let a stream shuffle, or use `random.Random` \
         with a seed from the configuration"
    );
    assert_eq!(last(&PYTHON, "file"), "RuntimeError: `open` is not for plugins: there are no files; what it needs is in the configuration");
    assert_eq!(
        last(&PYTHON, "late"),
        "ImportError: `statistics` was not imported when the plugin was built; import it at the top of the file"
    );
    assert_eq!(last(&TYPESCRIPT, "clock"), "Error: `Date.now` is not for plugins: no clock may reach a result; count steps");
    assert_eq!(
        last(&TYPESCRIPT, "chance"),
        "Error: `Math.random` is not for plugins: it would be the same in every run; let a stream shuffle"
    );
}

#[test]
fn what_is_printed_is_logged_and_a_refusal_is_an_answer() {
    assert_eq!(PYTHON.last_words("speech")[0], "one 2");
    assert_eq!(TYPESCRIPT.last_words("speech")[0], "one 2");
    for language in [&PYTHON, &TYPESCRIPT] {
        let fault = language.fault("refusal");
        assert_eq!((fault.kind, fault.problem.as_str()), (FaultKind::Refused, "the data is too dry"));
        assert!(fault.log.is_empty(), "{:?}", fault.log);
    }
}

#[test]
fn a_key_that_is_missing_is_refused_by_name() {
    let corpus = Corpus::new(10);
    let plugin = PYTHON.plugin.display().to_string();
    let rest = format!("[batch]\nglobal-batch-size = 7\n[policy]\nplugin = {plugin:?}\nlimits = {{ preset = \"interpreted\" }}\n");
    let run = corpus.try_run(&rest).and_then(|run| run.planner().map(drop));
    let error = run.unwrap_err().to_string();
    assert!(error.contains("policy.configure") && error.contains("`mode` is missing"), "{error}");
}

#[test]
fn they_import_nothing_but_the_contract_and_describe_themselves_as_their_project_does() {
    for language in [&PYTHON, &TYPESCRIPT] {
        let found = plugin::inspect(&language.plugin).unwrap();
        assert!(found.imports.iter().all(|import| import.starts_with("curricle:plugin/")), "{:?}", found.imports);
        assert_eq!(found.description.name, format!("troubled-{}", language.name));
        assert_eq!((found.description.version.as_str(), found.description.summary.as_str()), ("0.1.0", "It says \"ä€𝄞\""));
    }
}

#[test]
fn what_they_remember_is_saved_and_restored_exactly() {
    let corpus = Corpus::new(200);
    let mut digests = Vec::new();
    for language in [&PYTHON, &TYPESCRIPT] {
        let run = language.run(&corpus, "nothing", "");
        let mut whole = run.planner().unwrap();
        let mut state = whole.state();
        for step in 0..12 {
            let expected = whole.plan().unwrap().unwrap();
            let mut resumed = run.planner_at(&state).unwrap();
            assert_eq!(resumed.plan().unwrap().unwrap().digest, expected.digest, "{}, step {step}", language.name);
            state = whole.state();
            assert_eq!(resumed.state().to_json(), state.to_json());
            digests.push(expected.digest);
        }
    }
    let (python, typescript) = digests.split_at(12);
    assert_eq!(python, typescript, "the same sums in both");
}

#[test]
fn their_memory_stays_within_bounds_that_ten_thousand_steps_would_break() {
    let corpus = Corpus::new(200);
    // Python frees at once what it is done with; JavaScript collects now and then.
    for (language, limits) in [(&PYTHON, ", memory = \"32MiB\""), (&TYPESCRIPT, ", memory = \"96MiB\"")] {
        let run = language.run(&corpus, "nothing", limits);
        let mut planner = run.planner().unwrap();
        for step in 0..10_000 {
            let planned = planner.plan();
            assert!(matches!(planned, Ok(Some(_))), "{}, step {step}: {:?}", language.name, planned.err());
        }
    }
}

/// What is said of a plugin under these limits, at once or at the second step.
fn limited(language: &Language, limits: &str) -> String {
    let corpus = Corpus::new(100);
    let plugin = language.plugin.display().to_string();
    let rest = format!("[batch]\nglobal-batch-size = 7\n[policy]\nplugin = {plugin:?}\n{limits}config = {{ mode = \"nothing\" }}\n");
    let planned = corpus.try_run(&rest).and_then(|run| run.planner()).and_then(|mut planner| planner.plan().and_then(|_| planner.plan()));
    let error = planned.map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "plugin-limit", "{error}");
    error.to_string()
}

#[test]
fn who_gives_them_too_little_is_told_the_line_to_write() {
    let line = "takes `limits = { preset = \"interpreted\" }` in the run file, `--limits interpreted` of a command";
    let text = limited(&PYTHON, "");
    assert!(text.contains("at most 16 MiB are read; ") && text.contains(line), "{text}");
    for (limits, key) in [
        ("file-size = \"64MiB\", fuel = 1000", "fuel"),
        ("file-size = \"64MiB\", memory = \"4MiB\"", "memory"),
        ("file-size = \"64MiB\", parts = 2", "parts"),
    ] {
        for language in [&PYTHON, &TYPESCRIPT] {
            let text = limited(language, &format!("limits = {{ {limits}, compile-time = \"600s\" }}\n"));
            assert!(text.contains(&format!("it brings an interpreter, which {line}; or ")), "{}: {text}", language.name);
            assert!(text.contains(&format!("raise `limits.{key}`")), "{}: {text}", language.name);
        }
    }
}

#[test]
fn who_gave_them_what_they_take_is_told_of_the_limit_alone() {
    let error = limited(&PYTHON, "limits = { preset = \"interpreted\", memory = \"2GiB\", state = 1 }\n");
    assert!(error.contains("raise `limits.state`") && !error.contains("interpreter"), "{error}");
}

#[test]
fn their_label_raises_no_limit() {
    for language in [&PYTHON, &TYPESCRIPT] {
        let label = plugin::inspect(&language.plugin).unwrap().label.unwrap();
        assert!(label.interpreted, "{label:?}");
        let text = limited(language, "limits = { file-size = \"64MiB\", compile-time = \"600s\", fuel = 1000 }\n");
        assert!(text.contains("it used up its fuel of 1000; "), "{text}");
    }
}
