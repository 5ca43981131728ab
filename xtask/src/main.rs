//! `cargo xtask …`: set-up, demo, tests. A plugin author needs none of it.

mod build;
mod cargo;
mod checks;
mod examples;
mod repository;
mod setup;
mod tally;
mod tasks;
mod wheel;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask TASK

  setup                    see to the compilers of every language, installing what is missing
  plugins                  build plugins/*, those of every language too, into target/plugins
  demo                     build everything and run `curricle demo`
  wheel                    build the Python package with its plugins and the command into target/wheels
  python [FILTER]          build the wheel, install it beside torch and other frameworks (7 GB, once), and test the package
  test [--soak] [FILTER]   build the plugins, then run every test, or those whose name contains FILTER
  bench [FILTER]           measure the first table of docs/benchmarks.md on this machine
  bench sandbox [FILTER]   measure what the sandbox costs, with a plugin in Python that is made under target/bench
  bench languages [FILTER] measure the worked examples in every language
  bench python [FILTER]    build the wheel and measure it against the loaders of torch and Grain (7 GB, once)
  bench deepspeed [FILTER] measure the one against DeepSpeed, which is installed under target/bench if need be (5 GB)
  fuzz [TARGET] [SECONDS]  fuzz one target, or each in turn, for ten minutes or so many seconds; takes nightly Rust and cargo-fuzz
  fuzz corpus              write the files that fuzzing starts from into fuzz/corpus
  deny                     licences, duplicates, sources and known vulnerabilities of all dependencies; takes cargo-deny
  miri [FILTER]            run the tests that need neither mapped files nor plugins under Miri; takes nightly Rust
  ci                       formatting, lints, every test";

/// Programs in `tests/benches` besides `spine`, which has no name here.
const BENCHES: [&str; 3] = ["sandbox", "languages", "deepspeed"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match wheel::as_cargo(&arguments).unwrap_or_else(|| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["setup"] => setup::run(),
        ["plugins"] => build::plugins(),
        ["wheel"] => wheel::release(),
        ["python"] => tasks::python(None),
        ["python", filter] if !filter.starts_with('-') => tasks::python(Some(filter)),
        ["demo", rest @ ..] => tasks::demo(rest),
        ["test", rest @ ..] => {
            let soak = rest.contains(&"--soak");
            match rest.iter().filter(|argument| **argument != "--soak").collect::<Vec<_>>().as_slice() {
                [] => tasks::test(soak, None),
                [filter] if !filter.starts_with('-') => tasks::test(soak, Some(filter)),
                _ => bail!("`test` takes `--soak` and one filter\n\n{USAGE}"),
            }
        }
        ["bench", "python"] => wheel::bench(None),
        ["bench", "python", filter] if !filter.starts_with('-') => wheel::bench(Some(filter)),
        ["bench", rest @ ..] => match rest {
            [] => tasks::bench("spine", None),
            [name] if BENCHES.contains(name) => tasks::bench(name, None),
            [name, filter] if BENCHES.contains(name) && !filter.starts_with('-') => tasks::bench(name, Some(filter)),
            [filter] if !filter.starts_with('-') => tasks::bench("spine", Some(filter)),
            _ => bail!("`bench` takes a table's name and one filter\n\n{USAGE}"),
        },
        ["fuzz", "corpus"] => checks::corpus(),
        ["fuzz"] => checks::fuzz(None, checks::SECONDS),
        ["fuzz", first] => match first.parse() {
            Ok(seconds) => checks::fuzz(None, seconds),
            Err(_) => checks::fuzz(Some(first), checks::SECONDS),
        },
        ["fuzz", target, seconds] => match seconds.parse() {
            Ok(seconds) => checks::fuzz(Some(target), seconds),
            Err(_) => bail!("`{seconds}` is no number of seconds\n\n{USAGE}"),
        },
        ["deny"] => checks::deny(),
        ["miri"] => checks::miri(None),
        ["miri", filter] if !filter.starts_with('-') => checks::miri(Some(filter)),
        ["ci"] => tasks::ci(),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => bail!("a task is missing\n\n{USAGE}"),
        [task, ..] => bail!("there is no task `{task}`, or it takes no arguments\n\n{USAGE}"),
    }
}
