//! Plugins written by hand, each wrong in one way.

pub(crate) mod guest;
mod load;
mod pacing;
mod metric;
mod policy;
mod packer;
