use std::{
    env,
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use curricle_tests::soak;

use super::{
    cells::{Cell, all, cut},
    harness::Bench,
};

/// Time between two lines that say how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// The cells to run: those that were asked for by name, all of them, or a cut.
fn chosen() -> Vec<Cell> {
    match env::var("CURRICLE_CELL") {
        Ok(name) => {
            let chosen: Vec<Cell> = all().into_iter().filter(|cell| cell.to_string().contains(&name)).collect();
            assert!(!chosen.is_empty(), "no cell's name contains `{name}`");
            chosen
        }
        Err(_) if soak() => all(),
        Err(_) => cut(&all()),
    }
}

#[test]
fn every_cell_gives_the_same_order_tokens_digests_and_state() {
    let (cells, bench) = (chosen(), Bench::new());
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (began, told) = (Instant::now(), Mutex::new(Instant::now()));
    let work = || {
        while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = bench.check(*cell) {
                failures.lock().unwrap().push(format!("{cell}\n  {error:#}"));
            }
            let mut told = told.lock().unwrap();
            if told.elapsed() >= PROGRESS {
                *told = Instant::now();
                // Past the test runner, which keeps what tests print to itself.
                let done = next.load(Ordering::Relaxed).min(cells.len());
                let _ = writeln!(std::io::stderr(), "matrix: {done} of {} cells in {} s", cells.len(), began.elapsed().as_secs());
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} cells in {:.1} s", cells.len(), began.elapsed().as_secs_f64());
    assert!(
        failures.is_empty(),
        "{} of {} cells failed; set CURRICLE_CELL to a name to run it alone\n{}",
        failures.len(),
        cells.len(),
        failures.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n")
    );
}
