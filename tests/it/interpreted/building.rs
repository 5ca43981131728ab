//! What `curricle build` says of a source that is wrong.

use std::fs;

use super::{build, project};

/// The error of a project of one file.
fn refusal(kind: &str, language: &str, source: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(source), text).unwrap();
    project(folder.path(), "wrong", kind, language, source);
    build(folder.path()).unwrap_err()
}

#[test]
fn an_error_of_syntax_is_told_with_file_and_line() {
    assert_eq!(
        refusal("policy", "python", "plugin.py", "import math\n\ndef wrong(:\n    pass\n"),
        "error: `FOLDER` cannot be built:\n  plugin.py:3: SyntaxError: invalid syntax\n      def wrong(:\n"
    );
    assert_eq!(
        refusal("policy", "javascript", "plugin.js", "// One.\nexport default class A {\n  fill( { }\n}\n"),
        "error: `FOLDER` cannot be built:\n  plugin.js:4: Expected `,` but found `}`\n"
    );
    assert_eq!(
        refusal("policy", "typescript", "plugin.ts", "export default class A {\n  fill(): number { return \"a\"; }\n}\n"),
        "error: `FOLDER` cannot be built:\n  plugin.ts:2:20: error TS2322: Type 'string' is not assignable to type 'number'.\n"
    );
}

#[test]
fn an_exception_while_it_is_imported_is_told_with_file_and_line() {
    assert_eq!(
        refusal("pacing", "python", "plugin.py", "from curricle_guest import Pacing\n\nTABLE = {}\nFIRST = TABLE[0]\n"),
        "error: `FOLDER` cannot be built:\n  plugin.py:4, in <module>: FIRST = TABLE[0]\n  KeyError: 0\n"
    );
    assert_eq!(
        refusal("pacing", "python", "plugin.py", "import numpy\n"),
        "error: `FOLDER` cannot be built:\n  plugin.py:1, in <module>: import numpy\n  ModuleNotFoundError: No module named 'numpy'; no such \
         module lies beside the source, or is in Python itself; copy it there if it is in pure Python\n"
    );
    let text =
        "interface A {\n  b: number;\n}\nexport default class B {\n  difficulty() {\n    return 1;\n  }\n}\n(null as any as A).b = 1;\n";
    let told = refusal("pacing", "typescript", "plugin.ts", text);
    assert!(told.starts_with("error: `FOLDER` cannot be built:\n  plugin.ts:9: TypeError: "), "{told}");
}

#[test]
fn a_source_without_the_plugins_class_is_refused_with_what_to_write() {
    assert_eq!(
        refusal("packer", "python", "plugin.py", "from curricle_guest import Pacing\n\nclass Mine(Pacing):\n    pass\n"),
        "error: `FOLDER` cannot be built:\n  plugin.py: the source must have one class that derives from `curricle_guest.Packer`; found none\n"
    );
    let text = refusal("policy", "javascript", "plugin.js", "export class Mine { fill() {} }\n");
    assert!(text.contains("the source must have a class as its default export: `export default class … {}`"), "{text}");
    let text = refusal("policy", "javascript", "plugin.js", "export default class Mine { fil() {} }\n");
    assert!(text.contains("the class `Mine` has no method `fill`"), "{text}");
}

#[test]
fn what_cannot_be_imported_is_told_with_file_and_line() {
    assert_eq!(
        refusal(
            "pacing",
            "javascript",
            "plugin.js",
            "// One.\nimport { chunk } from \"lodash\";\nexport default class A { difficulty() {} }\n"
        ),
        "error: `FOLDER` cannot be built:\n  plugin.js:2: there is no module `lodash` for plugins; import \"curricle\" and files beside this one\n"
    );
}

#[test]
fn a_name_that_python_cannot_import_is_refused() {
    let text = refusal("pacing", "python", "my-plugin.py", "");
    assert_eq!(text, "error: `FOLDER/my-plugin.py`: Python cannot import a module of this name; rename it to `plugin.py`, say\n");
}

#[test]
fn the_first_policy_in_python_is_twenty_lines_at_most() {
    let text = include_str!("../../../cli/templates/python/policy/plugin.py");
    assert!(text.lines().count() <= 20, "{}", text.lines().count());
}
