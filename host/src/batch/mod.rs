//! What does a rank get?

mod plan;

pub use self::plan::{Draw, Plan, Refusal};
