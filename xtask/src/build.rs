//! What is built before anything is run or tested.

use anyhow::Result;

use crate::{
    cargo::{cargo, curricle},
    examples,
    repository::run,
    setup,
};

/// Builds the workspace, and all plugins with it: the built-in ones, and the worked examples in every language.
pub(crate) fn plugins() -> Result<()> {
    setup::run()?;
    builtins()?;
    examples::build()
}

/// Builds the workspace and the built-in plugins; cargo knows whether there is anything to do.
pub(crate) fn builtins() -> Result<()> {
    setup::rust()?;
    // Always the same selection: another one would have other features of dependencies, and build them again.
    run("building the workspace", "", &mut cargo(&["build", "--workspace", "--all-targets"]))?;
    run("building the plugins", "", curricle().args(["build", "plugins", "--out", "target/plugins"]))
}

/// Builds the plugins that do wrong on purpose, apart from those that somebody may want to use.
pub(crate) fn hostile() -> Result<()> {
    let folders = ["policy", "metric", "packer", "pacing"].map(|world| format!("tests/hostile/evil-{world}"));
    run("building the hostile plugins", "", curricle().arg("build").args(folders).args(["--out", "target/hostile"]))?;
    examples::build_soak()
}
