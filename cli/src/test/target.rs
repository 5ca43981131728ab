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
    let mut targets = Vec::new();
    for plugin in build::build(path, &path.join("target").join("curricle"))? {
        let scenarios = Scenario::list(near(path, &plugin.folder))?;
        targets.push(Target { component: plugin.path, scenarios, named: path.to_owned() });
    }
    Ok(targets)
}

/// A folder below the one that was named, in the words in which that was named: messages tell places by them.
fn near(named: &Path, folder: &Path) -> PathBuf {
    let below = named.canonicalize().ok().and_then(|whole| folder.strip_prefix(whole).ok().map(Path::to_owned));
    match below {
        Some(below) if below.as_os_str().is_empty() => named.to_owned(),
        Some(below) => named.join(below),
        None => folder.to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_those_of_the_plugins_own_folder_in_the_words_of_the_caller() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let member = root.join("plugins/foo");
        std::fs::create_dir_all(&member).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&root, &link).unwrap();
        assert_eq!(near(&link, &member), link.join("plugins/foo"));
        assert_eq!(near(&link, &root), link);
        assert_eq!(near(&member, &root), root);
    }
}
