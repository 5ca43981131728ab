//! What a component bears on its outside, so that it is known before anything of it is compiled or run.

use serde::{Deserialize, Serialize};

use super::{
    contract::{CONTRACT, is_newer, parts},
    report,
};
use crate::{FaultKind, Result, escape::escape};

/// The label that `curricle build` puts on a component: custom section `curricle`, a JSON object. Other keys are left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Label {
    /// The plugin's name, as its `describe` says it.
    pub name: String,
    /// The plugin's version, as its `describe` says it.
    pub version: String,
    /// Version of the contract that it was built against.
    pub contract: String,
    /// Whether it brings an interpreter, as plugins in Python and JavaScript do. It chooses words of errors alone: what a plugin may use is said
    /// by who runs it.
    #[serde(default)]
    pub interpreted: bool,
}

/// Name of the custom section.
pub(crate) const SECTION: &str = "curricle";

impl Label {
    pub(crate) fn read(plugin: &str, section: &[u8]) -> Result<Label> {
        serde_json::from_slice(section).map_err(|error| {
            let problem = format!("its section `{SECTION}` cannot be read: {}", report::sentence(&error.to_string()));
            report::load(plugin, FaultKind::Load, problem, "build it again with `curricle build`")
        })
    }

    /// What is wrong with it beside what the plugin says when it runs.
    pub(crate) fn problem(&self, name: &str, version: &str) -> Option<String> {
        let said = |name, version| format!("`{} {}`", escape(name, 64), escape(version, 64));
        ((name, version) != (&self.name, &self.version))
            .then(|| format!("it calls itself {}, its label says {}", said(name, version), said(&self.name, &self.version)))
    }
}

/// Refuses a component that is built for a version of the contract that this release does not offer.
pub(crate) fn check_contract(plugin: &str, version: &str) -> Result<()> {
    let [major, minor, _] = parts(CONTRACT).unwrap_or_default();
    let remedy = match parts(version) {
        Some([a, b, _]) if (a, b) == (major, minor) => return Ok(()),
        Some(_) if is_newer(version) => {
            "upgrade Curricle to a release that offers it, or build the plugin against the `wit/` of this release"
        }
        Some(_) => "build the plugin again, against the `wit/` of this release",
        None => "that is no released version: build the plugin against the `wit/` of this release",
    };
    let version = escape(version, 64);
    let problem = format!("it is built for `curricle:plugin@{version}`, this host offers `{major}.{minor}.x`");
    Err(report::load(plugin, FaultKind::Link, problem, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(version: &str) -> String {
        check_contract("p", version).unwrap_err().to_string()
    }

    #[test]
    fn who_is_newer_is_told_to_upgrade_and_who_is_older_to_build_again() {
        assert!(check_contract("p", CONTRACT).is_ok() && check_contract("p", "0.1.9").is_ok());
        assert_eq!(
            refusal("0.2.0"),
            "plugin `p`, load: it is built for `curricle:plugin@0.2.0`, this host offers `0.1.x`; upgrade Curricle to a release that offers it, \
             or build the plugin against the `wit/` of this release"
        );
        assert!(refusal("0.0.3").ends_with("this host offers `0.1.x`; build the plugin again, against the `wit/` of this release"));
        assert!(refusal("0.1.0-rc.1").contains("; that is no released version: build the plugin"), "{}", refusal("0.1.0-rc.1"));
        assert!(refusal("").contains("`curricle:plugin@`"));
    }
}
