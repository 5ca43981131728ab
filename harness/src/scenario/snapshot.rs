//! What came of a scenario, kept beside it as text.

use std::path::PathBuf;

use curricle::atomic;

use super::Scenario;
use crate::{Failure, suite::Stop};

impl Scenario {
    /// The file of the snapshot.
    fn snapshot_path(&self) -> PathBuf {
        self.path.with_extension("snap")
    }

    /// Compares with the snapshot, if the scenario has one, or writes it; what was done, for the report.
    pub(super) fn compare_snapshot(&self, found: impl FnOnce(u64) -> String) -> Result<Option<String>, Stop> {
        let Some(lines) = &self.file.expect.snapshot else { return Ok(None) };
        let path = self.snapshot_path();
        let found = found(*lines.get_ref());
        let there = if path.is_file() { atomic::read_text(&path).map(Some) } else { Ok(None) };
        // Whoever checks out a text may get other line ends.
        let there = there.map(|there| there.map(|text| text.replace("\r\n", "\n")));
        if matches!(&there, Ok(Some(there)) if *there == found) {
            return Ok(Some("as in the snapshot".into()));
        }
        if self.update {
            atomic::write(&path, found.as_bytes())?;
            return Ok(Some(format!("snapshot written to {}", path.display())));
        }
        let place = self.place(lines.span().start);
        let there = there.map_err(|error| Failure::new(error.to_string(), "`--update` writes it again").at(place.clone()))?;
        let remedy = "look whether the change is meant; `--update` writes it down";
        Err(match there {
            Some(there) => Failure::new(format!("it differs from `{}`", path.display()), remedy).at(place).with_diff(there, found).into(),
            None => Failure::new(format!("there is no snapshot `{}` yet", path.display()), "`--update` writes it").at(place).into(),
        })
    }
}

/// What a scenario came to, with what was done about its snapshot.
pub(super) fn done(detail: String, snapshot: Option<String>) -> String {
    match snapshot {
        Some(snapshot) => format!("{detail}; {snapshot}"),
        None => detail,
    }
}
