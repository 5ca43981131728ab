//! Asks a pacing function natively.

use std::{fs, time::Instant};

use curricle_guest::{Pacing, testing};
use plugin::__CurriclePlugin as Plugin;
use serde_json::{Value, json};

fn main() {
    let asked: Value = serde_json::from_str(&fs::read_to_string(std::env::args().nth(1).expect("a file")).expect("a file")).expect("JSON");
    let mut pacing = testing::pacing::<Plugin>(asked["config"].clone()).unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(1);
    });
    // One call is shorter than a look at the clock.
    const AT_ONCE: u64 = 1000;
    let mut times = Vec::new();
    for round in 0..=asked["times"].as_u64().expect("a number").div_ceil(AT_ONCE) {
        let start = Instant::now();
        for step in round * AT_ONCE..(round + 1) * AT_ONCE {
            std::hint::black_box(pacing.difficulty(std::hint::black_box(step)));
        }
        if round > 0 {
            times.push(start.elapsed().as_nanos() as f64 / AT_ONCE as f64);
        }
    }
    println!("{}", json!([times]));
}
