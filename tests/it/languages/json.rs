use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Map, Value, json};

/// A program around `guest-sdk/c/json.c` that prints each line of its input as it reads it; with checks of memory where the compiler has them.
fn reader(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = folder.join("reader");
    let compile = |more: &[&str]| {
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-g"]).args(more).arg("-I").arg(root.join("guest-sdk/c"));
        cc.arg(root.join("guest-sdk/c/json.c")).arg(root.join("tests/it/languages/json_reader.c")).arg("-o").arg(&program);
        cc.output().expect("a C compiler, `cc`")
    };
    let checked = compile(&["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    if !checked.status.success() {
        let plain = compile(&[]);
        assert!(plain.status.success(), "{}", String::from_utf8_lossy(&plain.stderr));
    }
    program
}

fn read(program: &Path, lines: &[String]) -> Vec<String> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, text) = (child.stdin.take().unwrap(), lines.join("\n") + "\n");
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "the reader ended with {}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What the program prints of a value.
fn dump(value: &Value) -> String {
    let text = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("flag {value}"),
        Value::Number(number) => {
            let whole = number.as_u64().map_or(String::new(), |whole| format!(" whole {whole}"));
            format!("number {:016x}{whole}", number.as_f64().unwrap().to_bits())
        }
        Value::String(value) => format!("text {}", text(value)),
        Value::Array(values) => format!("[{}]", values.iter().map(dump).collect::<Vec<_>>().join(", ")),
        Value::Object(values) => {
            format!("{{{}}}", values.iter().map(|(key, value)| format!("{}: {}", text(key), dump(value))).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Any JSON; without U+0000, which a string of C cannot hold, and with numbers as the program tells them apart.
fn any_json() -> impl Strategy<Value = Value> {
    let text = "[^\\x00]{0,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(|value| Value::from(value.min(-1))),
        // A double that is a whole number is told as both, and is not what this is about.
        any::<f64>().prop_filter("finite, not whole", |value| value.is_finite() && value.fract() != 0.0).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

#[test]
fn the_reader_of_c_reads_what_serde_writes() {
    let folder = tempfile::tempdir().unwrap();
    let program = reader(folder.path());
    let mut runner = TestRunner::deterministic();
    let mut values: Vec<Value> = (0..500).map(|_| any_json().new_tree(&mut runner).unwrap().current()).collect();
    values.push(json!({"a\"\\/\u{8}\u{c}\n\r\t😀": [[], {}, [{}], "\u{1f600}é\u{7f}"], "": {"": ""}, "]}": "[{", "x": "\\"}));
    let lines: Vec<String> = values.iter().map(Value::to_string).collect();
    let found = read(&program, &lines);
    assert_eq!(found.len(), values.len());
    for ((value, line), found) in values.iter().zip(&lines).zip(found) {
        assert_eq!(found, dump(value), "{line}");
    }
    // With spaces wherever they may be, and every character escaped.
    let pretty = "{ \"\\u0061\" :\t[ 1 , \"\\ud83d\\ude00\\u00e9\" ] , \"b\" : { } }".to_owned();
    assert_eq!(read(&program, &[pretty]), ["{61: [number 3ff0000000000000 whole 1, text f09f9880c3a9], 62: {}}"]);
}

#[test]
fn the_reader_of_c_ends_within_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let program = reader(folder.path());
    let mut runner = TestRunner::deterministic();
    let mut lines = Vec::new();
    for _ in 0..100 {
        let text = any_json().new_tree(&mut runner).unwrap().current().to_string();
        lines.extend((0..text.len()).filter(|end| text.is_char_boundary(*end)).map(|end| text[..end].to_owned()));
    }
    lines.extend(
        ["\"\\", "\"\\u", "\"\\ud800\\u12\"", "{\"a\"", "{\"a\":", "[1,", "]", "}", "[[[[", ":", ",", "{,}", "[,]"].map(String::from),
    );
    lines.push("[".repeat(20_000));
    fs::write(folder.path().join("lines"), lines.join("\n")).unwrap();
    assert_eq!(read(&program, &lines).len(), lines.len());
}
