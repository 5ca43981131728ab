//! Runs a policy natively, on the doubles of the guest SDK.

use std::{fs, time::Instant};

use curricle_guest::testing::Run;
use plugin::__CurriclePlugin as Plugin;
use serde_json::{Value, json};

fn main() {
    let asked: Value = serde_json::from_str(&fs::read_to_string(std::env::args().nth(1).expect("a file")).expect("a file")).expect("JSON");
    let number = |key: &str| asked[key].as_u64().expect("a number");
    let mut run = Run::new(number("samples")).config(asked["config"].clone());
    for (name, column) in asked["columns"].as_object().expect("columns") {
        let values = column["values"].as_array().expect("values").iter().map(|v| v.as_f64().expect("a value"));
        run = match column["names"].as_array() {
            Some(names) => {
                let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                run.categories(name, &names, values.map(|v| v as u32))
            }
            None => run.numbers(name, values),
        };
    }
    for (name, difficulties) in asked["pacings"].as_object().into_iter().flatten() {
        let difficulties: Vec<f64> = difficulties.as_array().expect("difficulties").iter().map(|d| d.as_f64().expect("a number")).collect();
        run = run.pacing(name, move |step| difficulties[(step as usize).min(difficulties.len() - 1)]);
    }
    let mut started = run.start::<Plugin>().unwrap_or_else(|error| fail(&error.to_string()));
    let (steps, begun) = (number("times"), Instant::now());
    let mut times = Vec::new();
    for i in 0..steps + steps / 10 {
        let start = Instant::now();
        if let Err(error) = started.step(number("batch") as u32) {
            if times.is_empty() {
                fail(&error.to_string());
            }
            break;
        }
        if i >= steps / 10 {
            times.push(start.elapsed().as_nanos() as u64);
        }
        if begun.elapsed().as_secs() >= 10 && times.len() >= 100 {
            break;
        }
    }
    println!("{}", json!([times]));
}

fn fail(error: &str) -> ! {
    eprintln!("{error}");
    std::process::exit(1);
}
