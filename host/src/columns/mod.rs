//! What do we know of each sample: columns of one value per sample, conditions on them, and the samples that meet these.
//!
//! A [`Column`] is one Arrow file, mapped and read in place. A [`ColumnWriter`] makes one of numbers, [`write_categories`] one of names.
//! [`Columns`] is the set of them that a policy was granted: it answers [`Condition`]s with a [`Selection`]. [`Totals`] are numbers about the
//! dataset as a whole.

mod value;
mod provenance;
mod format;
mod checksum;
mod mapped;
mod reader;
mod column;
mod totals;
mod sort;
mod writer;
mod condition;
mod set;
mod scan;
mod selection;
mod whole;
#[expect(clippy::module_inception, reason = "the set of columns is the noun that the folder is named after")]
mod columns;
#[cfg(test)]
mod tests;

pub use self::{
    column::{Column, ColumnKind},
    columns::Columns,
    condition::Condition,
    provenance::{PluginRef, Provenance},
    selection::Selection,
    totals::Totals,
    value::{ValueType, Values},
    writer::{ColumnWriter, write_categories},
};
