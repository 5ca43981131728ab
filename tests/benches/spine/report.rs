//! The report of a simulation over more samples and steps than anybody looks at one by one.

use std::{
    env,
    fs::{self, File},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use curricle::dataset::{Dataset, Options, TokenType, View};
use curricle_tests::bench::{Row, data};

use super::memory::anonymous_kib;

pub(crate) fn honest() -> Result<Vec<Row>> {
    let small = env::var_os("CURRICLE_BENCH_SMALL").is_some();
    let (n, steps): (u64, u64) = if small { (1_000_000, 10_000) } else { (100_000_000, 1_000_000) };
    let command = env::var_os("CURRICLE_BIN").context("`cargo xtask bench` says where the command is")?;
    // Tokens are never read, so the file has none: it is a hole.
    let tokens = data::folder()?.join(format!("hole-{n}.bin"));
    File::create(&tokens)?.set_len(n * 2)?;
    let options = Options { view: View::Sequences { length: 1, stride: 1 }, token_type: Some(TokenType::U16), ..Default::default() };
    let dataset = Dataset::open_with(&tokens, &options)?;
    let column = data::folder()?.join(format!("hole-domain-{n}.arrow"));
    data::categories(&dataset, &column, 20)?;
    let mut rows = Vec::new();
    let policies = [
        ("uniform", String::new(), "`uniform`"),
        ("mixture", format!("{{ column = \"domain\", weights = {{ {} }} }}", weights()), "`mixture` of 20 categories"),
    ];
    for (policy, config, words) in policies {
        let file = data::folder()?.join(format!("report-{policy}.toml"));
        let config = if config.is_empty() { config } else { format!("config = {config}\n") };
        let columns = if policy == "mixture" { format!("[columns]\ndomain = {:?}\n", column.display().to_string()) } else { String::new() };
        let text = format!(
            "seed = 7\n[dataset]\npath = {:?}\ntoken-type = \"u16\"\nsequence-length = 1\n{columns}[batch]\nglobal-batch-size = 1024\n\
             [policy]\nplugin = \"{policy}\"\n{config}",
            tokens.display().to_string()
        );
        fs::write(&file, text)?;
        let page = data::folder()?.join(format!("report-{policy}.html"));
        let begun = Instant::now();
        let mut child = Command::new(&command)
            .arg("simulate")
            .arg(&file)
            .args(["--steps", &steps.to_string(), "--report"])
            .arg(&page)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut most = 0;
        let status = loop {
            most = most.max(anonymous_kib(&child.id().to_string()));
            match child.try_wait()? {
                Some(status) => break status,
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        let seconds = begun.elapsed().as_secs_f64();
        ensure!(status.success(), "the simulation of {policy} failed");
        rows.push(Row {
            work: format!("report of a simulation, {words}, N = {n}, {steps} steps of 1 024 samples"),
            measured: format!(
                "{seconds:.1} s, {} MB besides mapped files, page of {:.1} MB",
                most * 1024 / 1_000_000,
                fs::metadata(&page)?.len() as f64 / 1e6
            ),
            target: "≤ 60 s",
            met: seconds < 60.0,
        });
    }
    fs::remove_file(&tokens)?;
    Ok(rows)
}

fn weights() -> String {
    (0..20).map(|c| format!("domain-{c:03} = {}.0", 1 + c % 4)).collect::<Vec<_>>().join(", ")
}
