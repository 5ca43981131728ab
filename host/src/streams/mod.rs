//! Placeholder of the streams station.
