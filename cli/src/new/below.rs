//! Folders that this program carries.

use include_dir::{Dir, File};

/// Every file below a folder.
pub(super) fn below(folder: &'static Dir<'static>) -> Vec<&'static File<'static>> {
    folder.dirs().flat_map(below).chain(folder.files()).collect()
}
