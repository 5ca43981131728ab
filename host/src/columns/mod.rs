//! Placeholder of the columns station.
