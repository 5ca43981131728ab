//! States that do not come back, or come from somewhere else.

use super::{
    drive::Drive::*,
    guest::Source::*,
    row::{Row, row},
};

pub(super) fn rows() -> Vec<Row> {
    let state = |name, bytes| {
        row(name, Evil("evil-policy"), Restore(bytes), "plugin-state", "snapshot.restore")
            .says(&["are not what it saved", "resume with the plugin and the configuration that the state was saved under"])
            .with(r#"{"state": 4}"#)
    };
    vec![
        state("a state of nothing", &[]),
        state("a state cut off", &[0xe5, 0, 0]),
        state("a state with a flipped bit", &[0xe5, 0, 0, 64, 0]),
        state("a state of another plugin", b"{\"sums\":[1,2,3]}"),
        state("a state that is too long", &[0; 100_000]),
        row("a state for a policy that keeps none", Builtin("uniform"), Restore(&[1, 2, 3]), "state", "")
            .says(&["it holds 3 bytes of the policy, but `uniform` keeps none", "resume with the policy"]),
        row(
            "a refusal in a resume",
            Evil("evil-policy"),
            Resume("[policy]\nplugin = \"PLUGIN\"\nconfig = { wrong = \"refuse-controls\", in = \"restore\" }\n"),
            "plugin-refused",
            "snapshot.restore",
        )
        .says(&["\\u{1b}[2Jnothing\\nto see"]),
        row(
            "a panic in a resume",
            Evil("evil-policy"),
            Resume("[policy]\nplugin = \"PLUGIN\"\nconfig = { wrong = \"panic\", in = \"restore\" }\n"),
            "plugin-trap",
            "snapshot.restore",
        ),
        row(
            "a panic in the save of a run",
            Evil("evil-policy"),
            Run("[policy]\nplugin = \"PLUGIN\"\nconfig = { wrong = \"panic\", in = \"save\" }\n"),
            "plugin-trap",
            "snapshot.save",
        ),
    ]
}
