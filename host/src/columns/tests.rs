//! Whole columns: written, opened, asked.
