//! Asks a packer natively.

use std::{fs, time::Instant};

use curricle_guest::{Packer, testing};
use plugin::__CurriclePlugin as Plugin;
use serde_json::{Value, json};

fn main() {
    let asked: Value = serde_json::from_str(&fs::read_to_string(std::env::args().nth(1).expect("a file")).expect("a file")).expect("JSON");
    let fail = |error: curricle_guest::Error| -> ! {
        eprintln!("{error}");
        std::process::exit(1);
    };
    let mut packer = testing::packer::<Plugin>(asked["config"].clone()).unwrap_or_else(|error| fail(error));
    let lengths: Vec<u32> = asked["lengths"].as_array().expect("lengths").iter().map(|n| n.as_u64().expect("a length") as u32).collect();
    let capacity = asked["capacity"].as_u64().expect("a number") as u32;
    let (most, begun) = (asked["times"].as_u64().expect("a number"), Instant::now());
    let mut times = Vec::new();
    for i in 0..most + most / 10 {
        let start = Instant::now();
        std::hint::black_box(packer.pack(&lengths, capacity, None)).unwrap_or_else(|error| fail(error));
        if i >= most / 10 {
            times.push(start.elapsed().as_nanos() as u64);
        }
        if begun.elapsed().as_secs() >= 10 && times.len() >= 50 {
            break;
        }
    }
    println!("{}", json!([times]));
}
