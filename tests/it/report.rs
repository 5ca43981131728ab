use std::{fs, path::PathBuf};

use curricle_tests::{Corpus, browser::Browser, curricle, curricle_ok, length};
use serde_json::{Value, json};

const MIXTURE: &str = "[batch]\nglobal-batch-size = 24\nmicro-batch-size = 4\nlayout = \"padded\"\n[policy]\nplugin = \"mixture\"\n\
                       config = { column = \"domain\", weights = { code = 2.0, prose = 1.0 } }\n";
const CURRICULUM: &str = "[batch]\nglobal-batch-size = 16\n[policy]\nplugin = \"curriculum\"\n[policy.config]\n\
                          metrics = [{ column = \"hardness\", by = \"value\", pacing = \"p\" }]\n\
                          [pacing.p]\nkind = \"linear\"\nmin = 100\nmax = 999\nsteps = 60\nquantum = 10\n";
const READY: &str = "document.documentElement?.dataset.ready === 'yes'";

/// Makes a report, and gives its path.
fn report(corpus: &Corpus, name: &str, run: &str, more: &[&str]) -> PathBuf {
    let page = corpus.path(name);
    let run = corpus.run_file(run).display().to_string();
    curricle_ok(&[&["simulate", &run, "--report", &page.display().to_string()], more].concat());
    page
}

/// The numbers in a page.
fn numbers(page: &PathBuf) -> Value {
    let text = fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once("id=\"fixed\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn sum(values: &Value) -> f64 {
    values.as_array().unwrap().iter().filter_map(Value::as_f64).sum()
}

#[test]
fn a_page_in_a_browser_fetches_nothing_and_answers_to_mouse_and_keyboard() {
    let corpus = Corpus::new(400);
    let page = report(&corpus, "page.html", CURRICULUM, &["--steps", "90"]);
    let mut browser = Browser::open(1300, 900);
    browser.visit(&page, READY);
    assert_eq!(browser.eval("document.title"), "Simulation of curriculum");
    let summary = browser.eval("document.getElementById('summary').innerText").as_str().unwrap().to_owned();
    for words in ["curriculum 0.", "\"column\":\"hardness\"", "400 documents", "90, from step 0", "1440 samples", "\t7"] {
        assert!(summary.contains(words), "`{words}` is not in {summary}");
    }
    let titles = browser.eval("[...document.querySelectorAll('h2')].map(h => h.textContent)");
    let all = ["Where the samples come from", "Categories", "Numbers beside the batch", "Lengths", "Padding", "Not seen yet"];
    let more = ["How often samples were given out", "Fuel of a step", "Time of a step"];
    assert_eq!(titles, json!([&all[..], &more[..]].concat()));
    assert_eq!(browser.eval("[...document.querySelectorAll('.plot')].every(p => p.getAttribute('aria-label').length > 20)"), true);

    // A click on the legend hides its line, and another shows it; the switch beneath, for the keyboard, knows.
    let shown = "document.querySelector('#categories .plot').data.filter(t => t.visible !== 'legendonly').length";
    assert_eq!(browser.eval(shown), 3);
    let entry = browser.place("#categories .legendtoggle");
    browser.click(entry);
    browser.until(&format!("{shown} === 2"));
    assert_eq!(browser.eval("[...document.querySelectorAll('#categories details input')].filter(i => !i.checked).length"), 1);
    browser.eval("document.querySelector('#categories details').open = true");
    browser.eval("document.querySelector('#categories details input:not(:checked)').focus()");
    browser.key(" ", 32, " ");
    browser.until(&format!("{shown} === 3"));

    // Zooming into one figure with the mouse zooms all that go over the steps, and no other.
    browser.place("#unseen .plot");
    let area = "document.querySelector('#unseen .plot .nsewdrag').getBoundingClientRect()";
    let area = browser.eval(&format!("(() => {{ const r = {area}; return [r.x, r.y, r.width, r.height]; }})()"));
    let at =
        |x: f64| (area[0].as_f64().unwrap() + x * area[2].as_f64().unwrap(), area[1].as_f64().unwrap() + 0.5 * area[3].as_f64().unwrap());
    browser.drag(at(0.25), at(0.75));
    let range = |figure: &str| format!("document.querySelector('#{figure} .plot').layout.xaxis.range.map(Math.round)");
    browser.until(&format!("Math.abs({}[0] - 22) < 4 && Math.abs({}[1] - 67) < 4", range("unseen"), range("unseen")));
    let zoomed = browser.eval(&range("unseen"));
    for figure in ["streams", "categories", "annotations", "lengths", "fuel", "time"] {
        browser.until(&format!("JSON.stringify({}) === '{zoomed}'", range(figure)));
    }
    assert_eq!(browser.eval("document.getElementById('from').value"), json!(zoomed[0].to_string()));

    // The same with the keyboard alone.
    browser.eval("document.getElementById('from').select()");
    browser.write("5");
    browser.key("Tab", 9, "");
    browser.eval("document.getElementById('to').select()");
    browser.write("25");
    browser.key("Enter", 13, "\r");
    browser.until(&format!("JSON.stringify({}) === '[5,25]' && JSON.stringify({}) === '[5,25]'", range("lengths"), range("fuel")));
    let reset = browser.place("#reset");
    browser.click(reset);
    browser.until(&format!("JSON.stringify({}) === '[0,90]'", range("lengths")));

    let log = browser.place("#log");
    browser.click(log);
    browser.until("document.querySelector('#seen .plot').layout.yaxis.type === 'log'");

    // Dark or light as the system likes it, or as was chosen.
    let paper = "getComputedStyle(document.body).backgroundColor === document.querySelector('#fuel .plot').layout.paper_bgcolor.replace(/^#(..)(..)(..)$/, \
                 (_, r, g, b) => `rgb(${parseInt(r, 16)}, ${parseInt(g, 16)}, ${parseInt(b, 16)})`)";
    let mut colours = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.until(paper);
        colours.push(browser.eval("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(colours[0], colours[1]);
    browser.eval("(() => { const t = document.getElementById('theme'); t.value = 'light'; t.dispatchEvent(new Event('change')); })()");
    browser.until(paper);
    assert_eq!(browser.eval("getComputedStyle(document.body).backgroundColor"), colours[0]);

    // Nothing hangs over on a telephone.
    browser.resize(390, 800);
    browser.until("document.documentElement.scrollWidth <= 390");

    assert_eq!(browser.complaints, [""; 0]);
    let fetched: Vec<_> =
        browser.requests.iter().filter(|address| !address.starts_with("data:") && !address.starts_with("blob:")).collect();
    assert_eq!(fetched.len(), 1, "{fetched:?}");
}

#[test]
fn what_a_plugin_or_a_run_calls_something_is_no_markup_in_a_figure() {
    let corpus = Corpus::new(400);
    let name = "<b>a</b> & <a href='https://example.org'>b</a>";
    let run = format!("{CURRICULUM}[pacing.\"{name}\"]\nkind = \"linear\"\nmin = 100\nmax = 999\nsteps = 60\n");
    let run = run.replace("global-batch-size = 16", &format!("global-batch-size = 16\ntruncate = \"{name}\""));
    let page = report(&corpus, "page.html", &run, &["--steps", "30"]);
    let mut browser = Browser::open(1300, 900);
    browser.visit(&page, READY);
    let legend = browser.eval("[...document.querySelectorAll('#annotations .legendtext')].map(text => text.textContent)");
    assert!(legend.as_array().unwrap().contains(&json!(format!("difficulty:{name}"))), "{legend}");
    assert_eq!(browser.eval("document.querySelectorAll('#annotations .plot a[href]').length"), 0);
    // Its switch is that of the line.
    let shown = "document.querySelector('#annotations .plot').data.filter(t => t.visible !== 'legendonly').length";
    let before = browser.eval(shown).as_u64().unwrap();
    let entry = browser.place("#annotations .legendtoggle");
    browser.click(entry);
    browser.until(&format!("{shown} < {before}"));
    assert_eq!(browser.eval("[...document.querySelectorAll('#annotations details input')].filter(i => !i.checked).length"), 1);
    assert_eq!(browser.complaints, [""; 0]);
}

#[test]
fn two_runs_stand_side_by_side_on_the_same_scales() {
    let corpus = Corpus::new(400);
    fs::write(corpus.path("other.toml"), format!("seed = 7\n[dataset]\npath = \"data\"\n{MIXTURE}")).unwrap();
    let other = corpus.path("other.toml").display().to_string();
    let page = report(&corpus, "page.html", CURRICULUM, &["--steps", "60", "--against", &other]);
    let mut browser = Browser::open(1300, 900);
    browser.visit(&page, READY);
    assert_eq!(browser.eval("document.title"), "Simulation of curriculum against mixture");
    let summary = browser.eval("document.getElementById('summary').innerText").as_str().unwrap().to_owned();
    assert!(summary.contains("1. curriculum") && summary.contains("2. mixture"), "{summary}");
    assert_eq!(browser.eval("document.querySelectorAll('#lengths .plot').length"), 2);
    let ranges = "[...document.querySelectorAll('#lengths .plot')].map(p => JSON.stringify([p.layout.xaxis.range, p.layout.yaxis.range]))";
    assert_eq!(browser.eval(&format!("new Set({ranges}).size")), 1);
    // The packed one has no padding, the padded one has a line of its own.
    assert_eq!(browser.eval("document.querySelectorAll('#padding .plot').length"), 1);
    assert_eq!(browser.complaints, [""; 0]);
}

#[test]
fn what_the_page_tells_is_what_was_given_out() {
    let corpus = Corpus::new(400);
    let page = report(&corpus, "page.html", MIXTURE, &["--steps", "25"]);
    let told = &numbers(&page)[0];
    // The same from the batches themselves.
    let run = corpus.path("curricle.toml").display().to_string();
    let lines = curricle_ok(&["sample", &run, "--steps", "0..25"]);
    let mut seen = vec![0u32; 400];
    let (mut tokens, mut places, mut given) = (0u64, 0u64, Vec::new());
    for line in lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        for micro_batch in line["micro_batches"].as_array().unwrap() {
            let ids: Vec<u64> = micro_batch.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
            let lengths: Vec<u64> = ids.iter().map(|&id| u64::from(length(id))).collect();
            ids.iter().for_each(|&id| seen[id as usize] += 1);
            tokens += lengths.iter().sum::<u64>();
            places += lengths.iter().max().unwrap() * ids.len() as u64;
            given.extend(lengths);
        }
    }
    let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-4 * b.abs(), "{a} is not {b}");
    near(told["padding"]["share"].as_f64().unwrap(), 1.0 - tokens as f64 / places as f64);
    near(told["lengths"]["overall_mean"].as_f64().unwrap(), tokens as f64 / given.len() as f64);
    given.sort_unstable();
    assert_eq!(told["lengths"]["percentiles"][2], given[given.len() / 2 - 1]);
    near(sum(&told["tokens"]["mean"]), tokens as f64);
    near(told["unseen"][24].as_f64().unwrap(), seen.iter().filter(|n| **n == 0).count() as f64 / 400.0);
    for pair in told["seen"]["times"].as_array().unwrap() {
        let of = seen.iter().filter(|n| u64::from(**n) == pair[0].as_u64().unwrap()).count();
        assert_eq!(pair[1], of as u64, "{pair}");
    }
    let code = &told["columns"][0]["categories"].as_array().unwrap().iter().find(|c| c["name"] == "code").unwrap()["share"];
    near(code.as_f64().unwrap(), 2.0 / 3.0);
    assert_eq!(told["samples"], json!(vec![24; 25]));
}

#[test]
fn without_times_the_same_run_gives_the_same_bytes() {
    let corpus = Corpus::new(300);
    let twice = ["a.html", "b.html"].map(|name| fs::read(report(&corpus, name, CURRICULUM, &["--steps", "3000", "--no-times"])).unwrap());
    assert!(twice[0] == twice[1], "the pages differ");
    assert!(twice[0].len() < 2_200_000, "{} bytes", twice[0].len());
    let page = corpus.path("a.html");
    let told = &numbers(&page)[0];
    assert_eq!((&told["steps"], &told["span"]), (&json!(3000), &json!(4)));
    assert_eq!(told["samples"].as_array().unwrap().len(), 750);
    assert!(fs::read_to_string(page).unwrap().contains("id=\"measured\">null<"));
}

#[test]
fn a_run_that_would_end_over_its_padding_is_told_up_to_there() {
    let corpus = Corpus::new(400);
    let page = report(&corpus, "page.html", &MIXTURE.replace("\"padded\"", "\"padded\"\npad-to = 39"), &["--steps", "40"]);
    let told = &numbers(&page)[0];
    let how = told["how"]["padding"].as_str().unwrap();
    assert!(how.contains("where the run would end: ") && how.contains("has 40 tokens and a row 39"), "{how}");
}

#[test]
fn what_stands_beside_nothing_is_refused_with_the_flag_that_is_missing() {
    let corpus = Corpus::new(100);
    let run = corpus.run_file(MIXTURE).display().to_string();
    let refused = curricle(&["simulate", &run, "--steps", "5", "--against", &run]);
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && errors.contains("--report"), "{errors}");
}
