//! Which configurations a schema has accepted. A library for schemas takes a millisecond to get ready, as long as all else of opening a run.

use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::{Cache, entry};
use crate::hex;

/// Counts the forms that these files have had, and the rules of [`check`](crate::plugin::schema::check), so that what earlier ones accepted is not
/// taken for what these would.
const FORM: u32 = 1;

impl Cache {
    /// Whether just this configuration was accepted by just this schema.
    pub(crate) fn accepted(&self, schema: &str, config: &str, now: SystemTime) -> bool {
        self.place(&file_name(schema, config)).and_then(|path| entry::read(&path, now)).unwrap_or(false)
    }

    /// Keeps that it was.
    pub(crate) fn keep_accepted(&self, schema: &str, config: &str) {
        let written = self.place_to_write(&file_name(schema, config)).and_then(|path| entry::write(&path, &true));
        if let Err(error) = written {
            tracing::debug!("that a configuration was accepted is not kept, it is checked again next time: {error}");
        }
    }
}

fn file_name(schema: &str, config: &str) -> String {
    let mut hash = Sha256::new();
    for part in [env!("CARGO_PKG_VERSION"), &FORM.to_string(), schema, config] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    format!("{}.accepted", hex(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::cache, *};

    #[test]
    fn what_was_accepted_is_known_of_just_this_schema_and_this_configuration() {
        let (_folder, cache) = cache();
        let now = SystemTime::now();
        assert!(!cache.accepted("{}", "{\"a\":1}", now));
        cache.keep_accepted("{}", "{\"a\":1}");
        assert!(cache.accepted("{}", "{\"a\":1}", now));
        assert!(
            !cache.accepted("{}", "{\"a\":2}", now) && !cache.accepted("{ }", "{\"a\":1}", now) && !cache.accepted("{}{", "\"a\":1}", now)
        );
        assert!(!Cache::nowhere().accepted("{}", "{\"a\":1}", now));
    }
}
