//! Medians, and the name of the machine.

use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

/// Median time of `work`, over `repetitions` after one that warms up.
pub fn median<T>(repetitions: usize, mut work: impl FnMut() -> T) -> Duration {
    black_box(work());
    let mut times: Vec<Duration> = (0..repetitions).map(|_| time(&mut work)).collect();
    middle(&mut times)
}

/// Medians of two works that take turns.
pub fn medians<A, B>(repetitions: usize, mut a: impl FnMut() -> A, mut b: impl FnMut() -> B) -> (Duration, Duration) {
    black_box((a(), b()));
    let (mut times_a, mut times_b): (Vec<_>, Vec<_>) = (0..repetitions).map(|_| (time(&mut a), time(&mut b))).unzip();
    (middle(&mut times_a), middle(&mut times_b))
}

/// What the first of two works takes longer than the second, and the median of the second: the median of differences between neighbours, since a
/// difference of medians tells more of a busy machine than of two works that are nearly alike.
pub fn difference<A, B>(repetitions: usize, mut a: impl FnMut() -> A, mut b: impl FnMut() -> B) -> (Duration, Duration) {
    black_box((a(), b()));
    let pairs: Vec<(Duration, Duration)> = (0..repetitions).map(|_| (time(&mut a), time(&mut b))).collect();
    let mut seconds: Vec<f64> = pairs.iter().map(|(a, b)| a.as_secs_f64() - b.as_secs_f64()).collect();
    seconds.sort_unstable_by(f64::total_cmp);
    let mut times: Vec<Duration> = pairs.into_iter().map(|(_, b)| b).collect();
    (Duration::from_secs_f64(seconds[seconds.len() / 2].max(0.0)), middle(&mut times))
}

fn time<T>(work: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

/// The median of times, of which there must be one.
pub fn middle(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// `3.4 µs`, `12 ms`.
pub fn pretty(time: Duration) -> String {
    let ns = time.as_secs_f64() * 1e9;
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.1} s", ns / 1e9),
    }
}

/// Processor, cores, release.
pub fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let avx2 = if cfg!(target_arch = "x86_64") && std::arch::is_x86_feature_detected!("avx2") { ", AVX2" } else { "" };
    format!("{}, {cores} cores{avx2}; curricle {}.", cpu.as_deref().unwrap_or("an unnamed processor"), env!("CARGO_PKG_VERSION"))
}
