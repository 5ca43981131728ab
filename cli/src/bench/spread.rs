//! Measured values: how they lie, and how much the machine shook.

use std::time::Duration;

use serde_json::{Value, json};

/// Values in ascending order; at least one.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    /// None without values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        (!sorted.is_empty()).then_some(Spread { sorted })
    }

    /// Nanoseconds of times.
    pub(super) fn of_times(times: &[Duration]) -> Option<Spread> {
        Spread::of(times.iter().map(|time| time.as_secs_f64() * 1e9))
    }

    /// The smallest value that at least this part of them is not above.
    pub(super) fn at(&self, part: f64) -> f64 {
        let place = (self.sorted.len() as f64 * part).ceil() as usize;
        self.sorted.get(place.clamp(1, self.sorted.len()) - 1).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// What the middle half of the values spans, as a part of the median: how much the machine shook, where all works were alike.
    pub(super) fn shake(&self) -> f64 {
        (self.at(0.75) - self.at(0.25)) / self.median()
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Least, percentiles, most.
    pub(super) fn json(&self) -> Value {
        json!({
            "n": self.len(), "min": self.at(0.0), "p25": self.at(0.25), "p50": self.at(0.5), "p75": self.at(0.75), "p90": self.at(0.9),
            "p99": self.at(0.99), "max": self.at(1.0),
        })
    }

    /// The five numbers of a line, each shown in the same way.
    pub(super) fn five(&self, show: impl Fn(f64) -> String) -> [String; 5] {
        [0.0, 0.5, 0.9, 0.99, 1.0].map(|part| show(self.at(part)))
    }
}

/// `3.4 µs`, of nanoseconds.
pub(super) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// `12 345`.
pub(super) fn whole(n: f64) -> String {
    let digits = format!("{n:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let spread = Spread::of((1..=100).rev().map(f64::from)).unwrap();
        assert_eq!([0.0, 0.25, 0.5, 0.99, 1.0].map(|part| spread.at(part)), [1.0, 25.0, 50.0, 99.0, 100.0]);
        assert_eq!(spread.shake(), 1.0);
        assert!(Spread::of([]).is_none());
    }

    #[test]
    fn numbers_are_shown_for_a_person() {
        assert_eq!([999.0, 1500.0, 2.5e6, 3e9].map(time), ["999 ns", "1.5 µs", "2.5 ms", "3.00 s"]);
        assert_eq!([7.0, 1234.0, 1_234_567.0].map(whole), ["7", "1 234", "1 234 567"]);
    }
}
