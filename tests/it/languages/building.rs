//! What `curricle build` says of sources in C, C++ and Go that are wrong, and what it makes of those that are right.

use std::{fs, path::Path};

use curricle_tests::{command, curricle_ok};

/// A pacing function as `curricle new` writes it, its source changed.
fn project(folder: &Path, language: &str, source: &str, change: impl Fn(String) -> String) {
    curricle_ok(&["new", "slow", "--kind", "pacing", "--lang", language, "--path", &folder.display().to_string()]);
    let source = folder.join(source);
    let text = fs::read_to_string(&source).unwrap();
    let changed = change(text.clone());
    assert_ne!(changed, text, "{language}: there is nothing to change");
    fs::write(source, changed).unwrap();
}

/// What is said of a project that cannot be built.
fn refusal(folder: &Path) -> String {
    let output = command().arg("build").arg(folder).arg("--out").arg(folder).output().unwrap();
    assert!(!output.status.success(), "it was built");
    assert!(!folder.join("slow.wasm").exists(), "nothing is left");
    String::from_utf8(output.stderr).unwrap().replace(&folder.display().to_string(), "FOLDER")
}

fn refusal_of(language: &str, source: &str, change: impl Fn(String) -> String) -> String {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("slow");
    project(&folder, language, source, change);
    refusal(&folder)
}

/// The line of a text that holds this, from 1.
fn line_of(text: &str, part: &str) -> usize {
    text.lines().position(|line| line.contains(part)).unwrap() + 1
}

#[test]
fn an_error_in_c_or_cpp_is_told_with_file_line_and_column() {
    for (language, source) in [("c", "plugin.c"), ("cpp", "plugin.cpp")] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("slow");
        project(&folder, language, source, |text| text.replace("curricle_config_whole(", "curricle_config_hole("));
        let line = line_of(&fs::read_to_string(folder.join(source)).unwrap(), "_hole(");
        let told = refusal(&folder);
        assert!(told.contains(&format!("FOLDER/{source}:{line}:12: error: ")) && told.contains("curricle_config_hole"), "{told}");
        assert!(told.ends_with(&format!("error: clang could not build `FOLDER/{source}`; its messages are above\n")), "{told}");
    }
}

#[test]
fn a_function_in_c_or_cpp_that_is_not_defined_is_told_by_name() {
    for (language, source) in [("c", "plugin.c"), ("cpp", "plugin.cpp")] {
        let told = refusal_of(language, source, |text| text.replace("double plugin_difficulty(", "double plugin_difficult("));
        assert!(told.contains("undefined symbol: plugin_difficulty"), "{told}");
        assert!(told.ends_with("error: `FOLDER` could not be linked; each `plugin_` function of its kind must be defined\n"), "{told}");
    }
}

#[test]
fn a_source_in_cpp_of_a_project_in_c_is_told_what_to_write() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("slow");
    project(&folder, "c", "curricle.toml", |text| text.replace("\"plugin.c\"", "\"plugin.cpp\""));
    fs::rename(folder.join("plugin.c"), folder.join("plugin.cpp")).unwrap();
    assert_eq!(
        refusal(&folder),
        "error: `FOLDER/plugin.cpp` is no source in C; write `language = \"cpp\"` in `curricle.toml` if it is C++\n"
    );
}

#[test]
fn a_source_in_c_or_cpp_without_an_extension_is_compiled_and_no_earlier_object_of_it_linked() {
    for (language, source) in [("c", "plugin.c"), ("cpp", "plugin.cpp")] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("slow");
        project(&folder, language, "curricle.toml", |text| text.replace(&format!("\"{source}\""), "\"plugin\""));
        fs::rename(folder.join(source), folder.join("plugin")).unwrap();
        curricle_ok(&["build", &folder.display().to_string(), "--out", &folder.display().to_string()]);
        fs::remove_file(folder.join("slow.wasm")).unwrap();
        fs::write(folder.join("plugin"), "syntax error here\n").unwrap();
        let told = refusal(&folder);
        assert!(told.ends_with("error: clang could not build `FOLDER/plugin`; its messages are above\n"), "{told}");
    }
}

#[test]
fn a_project_and_a_source_in_c_whose_names_begin_as_options_do_are_built() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["-dash", "@at"] {
        let folder = parent.path().join(name);
        project(&folder, "c", "curricle.toml", |text| text.replace("\"plugin.c\"", "\"-plugin.c\""));
        fs::rename(folder.join("plugin.c"), folder.join("-plugin.c")).unwrap();
        for (place, named) in [(parent.path(), name), (folder.as_path(), ".")] {
            let output = command().current_dir(place).args(["build", "--out", "out", "--", named]).output().unwrap();
            assert!(output.status.success(), "{named}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(place.join("out/slow.wasm").is_file(), "{named}");
        }
    }
}

#[test]
fn an_error_in_go_is_told_with_file_line_and_column() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("slow");
    project(&folder, "go", "plugin.go", |text| text.replace("curricle.ExportPacing(", "curricle.ExportPacin("));
    let line = line_of(&fs::read_to_string(folder.join("plugin.go")).unwrap(), "ExportPacin(");
    let told = refusal(&folder);
    assert!(told.contains(&format!("./plugin.go:{line}:24: undefined: curricle.ExportPacin\n")), "{told}");
    assert!(told.ends_with("error: go could not build `FOLDER`; its messages are above\n"), "{told}");
}

#[test]
fn a_project_in_go_without_its_module_is_told_what_to_write() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("slow");
    project(&folder, "go", "plugin.go", |text| format!("{text}\n"));
    let module = fs::read_to_string(folder.join("go.mod")).unwrap();
    fs::remove_file(folder.join("go.mod")).unwrap();
    assert_eq!(refusal(&folder), format!("error: `FOLDER` has no `go.mod`; write one:\n\n{}\n\n", module.trim_end()));
}

#[test]
fn a_build_of_c_cpp_and_go_gives_the_same_bytes_wherever_the_project_lies() {
    // What a failed check says of its file would tell where it was built.
    let checked = |text: String| {
        let text = text
            .replace("double plugin_difficulty(uint64_t step) {\n", "double plugin_difficulty(uint64_t step) {\n    assert(steps > 0);\n");
        text.replace("#include \"curricle.h\"\n", "#include \"curricle.h\"\n#include <assert.h>\n")
    };
    let panics = |text: String| text.replace("\tdone := ", "\tif p.Steps == 0 {\n\t\tpanic(\"no steps\")\n\t}\n\tdone := ");
    for (language, source, change) in
        [("c", "plugin.c", &checked as &dyn Fn(String) -> String), ("cpp", "plugin.cpp", &checked), ("go", "plugin.go", &panics)]
    {
        let build = |parent: &Path, place: &str| {
            let folder = parent.join(place);
            fs::create_dir_all(folder.parent().unwrap()).unwrap();
            project(&folder, language, source, change);
            curricle_ok(&["build", &folder.display().to_string(), "--out", &folder.display().to_string()]);
            fs::read(folder.join("slow.wasm")).unwrap()
        };
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) = (build(one.path(), "slow"), build(other.path(), "a/much/deeper/place"));
        assert!(first == second, "{language}: {} and {} bytes that differ", first.len(), second.len());
        assert!(!String::from_utf8_lossy(&first).contains(&*one.path().to_string_lossy()), "{language}");
    }
}
