//! Runs a metric natively: each pass and the values, over tokens of each width, in the order in which the sandboxed one is measured.

use std::{fs, time::Instant};

use curricle_guest::{Metric, Samples};
use plugin::__CurriclePlugin as Plugin;
use serde_json::{Value, json};

fn main() {
    let asked: Value = serde_json::from_str(&fs::read_to_string(std::env::args().nth(1).expect("a file")).expect("a file")).expect("JSON");
    let mut all = Vec::new();
    for chunk in asked["chunks"].as_array().expect("chunks") {
        let config = serde_json::from_value(asked["config"].clone()).unwrap_or_else(|error| fail(&error.to_string()));
        let mut metric = Plugin::configure(config).unwrap_or_else(|error| fail(&error.to_string()));
        let needs = metric.needs();
        let tokens = if needs.tokens { fs::read(chunk["tokens"].as_str().expect("a file")).expect("tokens") } else { Vec::new() };
        let offsets = chunk["offsets"].as_array().expect("offsets").iter().map(|n| n.as_u64().expect("an offset") as u32).collect();
        let samples = Samples::new(0, chunk["width"].as_u64().expect("a width") as u8, tokens, offsets).expect("a chunk");
        for pass in 0..needs.passes {
            all.push(repeat(&asked, || {
                let start = Instant::now();
                metric.accumulate(pass, &samples).unwrap_or_else(|error| fail(&error.to_string()));
                let time = start.elapsed();
                std::hint::black_box(metric.partial(pass));
                time.as_nanos() as u64
            }));
            metric.accumulate(pass, &samples).unwrap_or_else(|error| fail(&error.to_string()));
            let partial = metric.partial(pass);
            let merged = metric.merge(pass, &[partial]).unwrap_or_else(|error| fail(&error.to_string()));
            metric.finish(pass, &merged).unwrap_or_else(|error| fail(&error.to_string()));
        }
        if needs.values {
            all.push(repeat(&asked, || {
                let start = Instant::now();
                std::hint::black_box(metric.measure(&samples)).unwrap_or_else(|error| fail(&error.to_string()));
                start.elapsed().as_nanos() as u64
            }));
        }
    }
    println!("{}", json!(all));
}

fn repeat(asked: &Value, mut work: impl FnMut() -> u64) -> Vec<u64> {
    let (times, begun) = (asked["times"].as_u64().expect("a number"), Instant::now());
    work();
    let mut all = Vec::new();
    while (all.len() as u64) < times && (begun.elapsed().as_secs() < 10 || all.len() < 5) {
        all.push(work());
    }
    all
}

fn fail(error: &str) -> ! {
    eprintln!("{error}");
    std::process::exit(1);
}
