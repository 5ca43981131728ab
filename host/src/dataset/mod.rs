//! Placeholder of the dataset station.
