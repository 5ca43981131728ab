//! Which samples are eligible, and how often they come.
