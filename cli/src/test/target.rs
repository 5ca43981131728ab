//! What is tested: a component, and what belongs to it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use curricle_harness::Scenario;

use crate::{build, project::Project};

/// A component and the scenarios of its project.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) component: PathBuf,
    pub(super) scenarios: Vec<PathBuf>,
    /// What the caller named.
    named: PathBuf,
}

/// The component that a path names, or those that its project builds.
pub(super) fn find(path: &Path) -> Result<Vec<Target>> {
    let is_project = path.is_dir() || (Project::is(path) && !path.is_file());
    if !is_project {
        let component = curricle::plugin::find(&path.display().to_string())?;
        return Ok(vec![Target { component, scenarios: Vec::new(), named: path.to_owned() }]);
    }
    let built = build::build(path, &path.join("target").join("curricle"))?;
    let only = built.len() == 1;
    let mut targets = Vec::new();
    for plugin in built {
        let name = plugin.path.file_stem().unwrap_or_default();
        // In a workspace each plugin is in a folder of its name.
        let folder = if only { path.to_owned() } else { path.join(name) };
        let scenarios = Scenario::list(&folder)?;
        targets.push(Target { component: plugin.path, scenarios, named: path.to_owned() });
    }
    Ok(targets)
}

impl Target {
    /// The command that tests it again.
    pub(super) fn again(&self, scenarios: &[PathBuf]) -> String {
        let mut words = vec!["curricle".to_owned(), "test".to_owned(), self.named.display().to_string()];
        for scenario in scenarios {
            words.extend(["--scenario".to_owned(), scenario.display().to_string()]);
        }
        words.iter().map(|word| curricle_harness::shell_word(word)).collect::<Vec<_>>().join(" ")
    }
}
