//! Difficulties by step.
