//! Components of another world, another version, or with wishes that are not granted.

use super::{
    drive::Drive::{Load, LoadPolicy, Run},
    guest::Source::*,
    row::{Row, row},
};

pub(super) fn rows() -> Vec<Row> {
    let link = |name, file| row(name, Wat(file), Load, "plugin-link", "load");
    let wasi = |name, file| link(name, file).says(&["it imports what a pacing function is not given: `wasi:", "build it without WASI"]);
    vec![
        link("a component of nothing", "nothing").says(&["it implements no world", "it exports nothing"]),
        link("a later version of the contract", "other-version").says(&["`curricle:plugin@0.2.0`", "`0.1.x`"]),
        link("an unreleased version of the contract", "prerelease").says(&["`curricle:plugin@0.1.0-rc.1`"]),
        link("two worlds at once", "two-worlds").says(&["both a pacing function and a packer"]),
        wasi("a wish for the clock", "import-clock"),
        wasi("a wish for random numbers", "import-random"),
        wasi("a wish for the environment", "import-environment"),
        wasi("a wish for files", "import-files"),
        wasi("a wish for the network", "import-sockets"),
        wasi("a wish for threads", "import-threads"),
        link("a wish for anything else", "import-anything").says(&["`launch-missiles`", "only those of its world"]),
        link("a wish for another world's imports", "import-of-another-world").says(&["`curricle:plugin/streams@0.1.0`"]),
        link("a wish for a function that there is not", "import-no-such-function").says(&["it does not fit its world", "shout"]),
        link("a wish for another signature", "import-other-signature").says(&["it does not fit its world"]),
        row("an interface without its functions", Wat("no-exports"), Load, "plugin-link", "load").says(&["it does not fit its world"]),
        row("functions of other signatures", Wat("export-other-signature"), Load, "plugin-link", "load")
            .says(&["it does not fit its world"]),
        row("a pacing function as policy", Evil("evil-pacing"), LoadPolicy, "plugin-link", "load")
            .says(&["it is a pacing function, a policy is needed here"]),
        row("a policy as pacing function", Builtin("uniform"), Load, "plugin-link", "load")
            .says(&["it is a policy, a pacing function is needed"]),
        row("a metric in a run file", Evil("evil-metric"), Run("[policy]\nplugin = \"PLUGIN\"\n"), "plugin-link", "load")
            .says(&["it is a metric, a policy is needed here"]),
    ]
}
