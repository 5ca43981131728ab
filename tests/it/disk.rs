use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use curricle_tests::{Corpus, command, plugin};

/// Runs `curricle` where `folder` is an empty file system with these mount options, in namespaces of its own. `None` where the system
/// lets nobody make such.
fn on_a_file_system(folder: &Path, options: &str, script: &str) -> Option<Output> {
    let allowed = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|s| s.success());
    if !allowed {
        eprintln!("not tried: `unshare -rm` is not allowed here");
        return None;
    }
    let script = format!("mount -t tmpfs -o {options} tmpfs \"$FOLDER\" && {script}");
    let program = command();
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script])
        .env("FOLDER", folder)
        .env("CURRICLE", program.get_program())
        .env("CURRICLE_PLUGINS", plugin("seqlen").parent().unwrap())
        .output()
        .unwrap();
    Some(output)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_full_disk_is_one_error_and_leaves_no_column_and_no_state() {
    let corpus = Corpus::new(50_000);
    let run = corpus.run_file("[batch]\nglobal-batch-size = 64\n[policy]\nplugin = \"uniform\"\n");
    let folder = corpus.path("small");
    fs::create_dir(&folder).unwrap();
    let data = corpus.path("data");
    let data = data.display();
    let analyze =
        format!("\"$CURRICLE\" analyze {data} --metric seqlen --out \"$FOLDER\"; echo $? >&2; ls -A \"$FOLDER\" | grep -v partial >&2");
    let Some(output) = on_a_file_system(&folder, "size=64k", &analyze) else { return };
    let errors = text(&output);
    assert!(errors.contains("free some space") && errors.contains("\n5\n"), "{errors}");
    assert!(errors.trim_end().ends_with("\n5"), "something was left: {errors}");

    let fill = "head -c 70000 /dev/zero > \"$FOLDER/full\" 2>/dev/null";
    let run = run.display();
    let sample = format!(
        "{fill}; \"$CURRICLE\" sample {run} --steps 0..3 --state \"$FOLDER/state.json\" >/dev/null; echo $? >&2; ls -A \"$FOLDER\" >&2"
    );
    let errors = text(&on_a_file_system(&folder, "size=64k", &sample).unwrap());
    assert!(errors.contains("state.json") && errors.contains("free some space"), "{errors}");
    assert!(errors.trim_end().ends_with("\n5\nfull"), "something was left: {errors}");
}

#[test]
fn a_full_disk_stops_an_import_which_goes_on_when_there_is_room() {
    let corpus = Corpus::new(1);
    let (folder, texts) = (corpus.path("small"), corpus.path("texts"));
    fs::create_dir(&folder).unwrap();
    fs::create_dir(&texts).unwrap();
    for i in 0..40 {
        fs::write(texts.join(format!("{i:02}.txt")), format!("{i} ").repeat(2_000)).unwrap();
    }
    let texts = texts.display();
    let import = format!("\"$CURRICLE\" import {texts} --out \"$FOLDER/corpus\"");
    let script =
        format!("{import}; echo $? >&2; ls \"$FOLDER\" >&2; mount -o remount,size=4m \"$FOLDER\" && {import} && ls \"$FOLDER\" >&2");
    let Some(output) = on_a_file_system(&folder, "size=100k", &script) else { return };
    let errors = text(&output);
    assert!(errors.contains("free some space") && errors.contains("\n5\ncorpus.partial\n"), "{errors}");
    assert!(errors.trim_end().ends_with("\ncorpus"), "{errors}");
}

#[test]
fn a_read_only_folder_is_one_error_that_says_so() {
    let corpus = Corpus::new(1000);
    let folder = corpus.path("frozen");
    fs::create_dir(&folder).unwrap();
    let data = corpus.path("data");
    let data = data.display();
    let script = format!("\"$CURRICLE\" analyze {data} --metric seqlen --out \"$FOLDER\"; echo $? >&2");
    let Some(output) = on_a_file_system(&folder, "ro", &script) else { return };
    let errors = text(&output);
    assert!(errors.contains("read-only") && errors.trim_end().ends_with("\n5"), "{errors}");
}
