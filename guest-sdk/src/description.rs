/// What a plugin says of itself; [`export!`](crate::export) fills it from `Cargo.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The package's name: 1 to 64 of a-z, 0-9 and hyphen, a letter first.
    pub name: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// The package's description: one sentence, at most 256 bytes.
    pub summary: &'static str,
}

impl Description {
    /// Checks at compile time what the host would refuse at run time.
    ///
    /// # Panics
    /// At compile time, if a part breaks its rule.
    #[doc(hidden)]
    pub const fn checked(self) -> Description {
        let name = self.name.as_bytes();
        assert!(!name.is_empty() && name.len() <= 64, "the package's name must have 1 to 64 bytes to be a plugin's");
        assert!(name[0].is_ascii_lowercase(), "the package's name must begin with a letter of a-z to be a plugin's");
        let mut i = 0;
        while i < name.len() {
            let ok = name[i].is_ascii_lowercase() || name[i].is_ascii_digit() || name[i] == b'-';
            assert!(ok, "the package's name must hold only a-z, 0-9 and hyphens to be a plugin's");
            i += 1;
        }
        assert!(!self.summary.is_empty(), "Cargo.toml needs a `description`: one sentence that says what the plugin does");
        assert!(self.summary.len() <= 256, "the package's `description` must have at most 256 bytes to be a plugin's summary");
        self
    }
}
