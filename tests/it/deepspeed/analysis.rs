//! Metrics, their kinds, and work split over machines.
