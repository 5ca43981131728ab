use std::collections::BTreeMap;

use curricle::{Planned, Planner};
use curricle_tests::{Corpus, DOMAINS, domain, hardness, length};

fn plans(planner: &mut Planner, steps: usize) -> Vec<Planned> {
    (0..steps).map(|_| planner.plan().unwrap().unwrap()).collect()
}

#[test]
fn uniform_gives_every_sample_once_an_epoch_in_an_order_that_changes() {
    let corpus = Corpus::new(300);
    let run = corpus.run("[batch]\nglobal-batch-size = 30\n[policy]\nplugin = \"uniform\"");
    let mut planner = run.planner().unwrap();
    let epochs: Vec<Vec<u64>> = (0..3).map(|_| plans(&mut planner, 10).iter().flat_map(|p| p.plan.ids().to_vec()).collect()).collect();
    for epoch in &epochs {
        let mut sorted = epoch.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..300).collect::<Vec<_>>());
    }
    assert_ne!(epochs[0], epochs[1]);
    assert_ne!(epochs[1], epochs[2]);
}

#[test]
fn uniform_ends_after_its_epochs() {
    let corpus = Corpus::new(100);
    let run = corpus.run("[batch]\nglobal-batch-size = 30\n[policy]\nplugin = \"uniform\"\nconfig = { epochs = 2 }");
    let mut planner = run.planner().unwrap();
    assert_eq!(plans(&mut planner, 6).len(), 6);
    assert!(planner.plan().unwrap().is_none());
    assert!(planner.plan().unwrap().is_none());
}

const CURRICULUM: &str = "[batch]\nglobal-batch-size = 32\n[policy]\nplugin = \"curriculum\"\n[policy.config]\nmetrics = [\
    { column = \"length\", by = \"value\", pacing = \"length\" }, { column = \"hardness\", by = \"percentile\", pacing = \"hard\" }]\n\
    [pacing.length]\nkind = \"linear\"\nmin = 8\nmax = 40\nsteps = 50\nquantum = 8\n\
    [pacing.hard]\nkind = \"discrete\"\ndifficulty = [25.0, 50.0, 100.0]\nuntil = [19, 39]\n";

#[test]
fn curriculum_never_gives_a_sample_above_the_difficulty_of_any_metric() {
    let corpus = Corpus::new(2000);
    let run = corpus.run(CURRICULUM);
    let mut by_hardness: Vec<u64> = (0..2000).collect();
    by_hardness.sort_by_key(|&i| (hardness(i), i));
    let mut rank = vec![0; 2000];
    for (place, &i) in by_hardness.iter().enumerate() {
        rank[i as usize] = place;
    }
    for planned in plans(&mut run.planner().unwrap(), 80) {
        let annotations: BTreeMap<&str, f64> = planned.plan.annotations().iter().map(|(n, v)| (n.as_str(), *v)).collect();
        let (longest, percent) = (annotations["difficulty:length"], annotations["difficulty:hardness"]);
        assert_eq!(
            percent,
            if planned.step <= 19 {
                25.0
            } else if planned.step <= 39 {
                50.0
            } else {
                100.0
            }
        );
        for &id in planned.plan.ids() {
            assert!(f64::from(length(id)) <= longest, "step {}: length {} over {longest}", planned.step, length(id));
            assert!((rank[id as usize] as f64) < 2000.0 * percent / 100.0, "step {}: place {}", planned.step, rank[id as usize]);
        }
    }
}

#[test]
fn curriculum_draws_evenly_from_all_that_is_eligible() {
    let corpus = Corpus::new(2000);
    let run = corpus.run(CURRICULUM);
    let mut planner = run.planner().unwrap();
    plans(&mut planner, 60);
    // From here on everything is eligible: 20 epochs' worth of draws.
    let mut counts = vec![0u32; 2000];
    for planned in plans(&mut planner, 20 * 2000 / 32) {
        for &id in planned.plan.ids() {
            counts[id as usize] += 1;
        }
    }
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least >= 18 && *most <= 22, "between {least} and {most} times");
}

#[test]
fn curriculum_gives_nothing_twice_before_the_others_of_its_stream() {
    let corpus = Corpus::new(2000);
    let run = corpus.run(CURRICULUM);
    let mut planner = run.planner().unwrap();
    let mut counts = vec![0u32; 2000];
    for planned in plans(&mut planner, 100) {
        for &id in planned.plan.ids() {
            counts[id as usize] += 1;
        }
    }
    // Whatever one stream holds was drawn k or k + 1 times.
    let mut seen = vec![Vec::new(); planner.streams().len()];
    for (number, seen) in seen.iter_mut().enumerate() {
        let stream = planner.streams().get(number as u32).unwrap();
        seen.extend((0..stream.len()).map(|i| counts[stream.selection().get(i).unwrap() as usize]));
        let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(most - least <= 1, "stream {}: {least} to {most}", stream.name());
    }
    assert!(seen.len() > 5);
    assert_eq!(seen.iter().map(Vec::len).sum::<usize>(), 2000, "the streams do not share out the dataset");
}

#[test]
fn a_curriculum_that_nothing_meets_says_at_which_step_and_difficulty() {
    let corpus = Corpus::new(200);
    let run = corpus.run(
        "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"curriculum\"\n[policy.config]\n\
         metrics = [{ column = \"length\", by = \"value\", pacing = \"p\" }]\n[pacing.p]\nkind = \"linear\"\nmin = 0\nmax = 9\nsteps = 9\n",
    );
    let error = run.planner().unwrap().plan().unwrap_err();
    assert_eq!(error.code(), "plugin-refused");
    let text = error.to_string();
    assert!(text.contains("plugin `curriculum`, policy.fill, step 0") && text.contains("length"), "{text}");
}

#[test]
fn a_pacing_plugin_drives_a_curriculum() {
    let corpus = Corpus::new(2000);
    let run = corpus.run(
        "[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"curriculum\"\n[policy.config]\n\
         metrics = [{ column = \"length\", by = \"value\", pacing = \"p\" }]\n\
         [pacing.p]\nkind = \"plugin\"\nplugin = \"cosine\"\nconfig = { min = 4, max = 40, steps = 100 }\n",
    );
    let plans = plans(&mut run.planner().unwrap(), 120);
    let at = |step: usize| plans[step].plan.annotations()[0].1;
    assert_eq!(at(0), 4.0);
    assert!((at(50) - 22.0).abs() < 1e-9, "{}", at(50));
    assert_eq!(at(119), 40.0);
}

#[test]
fn mixture_apportions_every_batch_exactly_and_follows_its_schedule() {
    let corpus = Corpus::new(900);
    let run = corpus.run(
        "[batch]\nglobal-batch-size = 64\n[policy]\nplugin = \"mixture\"\n[policy.config]\ncolumn = \"domain\"\ninterpolate = true\n\
         schedule = [{ step = 0, weights = { code = 1, prose = 1 } }, { step = 100, weights = { prose = 1, tables = 3 } }]\n",
    );
    let mut totals = [0.0; 3];
    for planned in plans(&mut run.planner().unwrap(), 200) {
        let t = (planned.step as f64 / 100.0).min(1.0);
        // Each point's weights are shares before they are mixed.
        let shares = [0.5 * (1.0 - t), 0.5 * (1.0 - t) + 0.25 * t, 0.75 * t];
        let mut counts = [0u32; 3];
        for &id in planned.plan.ids() {
            counts[domain(id) as usize] += 1;
        }
        for (c, share) in shares.iter().enumerate() {
            let quota = share * 64.0;
            let off = f64::from(counts[c]) - quota;
            assert!(off.abs() <= 1.0 + 1e-6, "step {}: {} of {}, quota {quota}", planned.step, counts[c], DOMAINS[c]);
            totals[c] += off;
        }
    }
    assert!(totals.iter().all(|off| off.abs() < 20.0), "shares drift: {totals:?}");
}

#[test]
fn mixture_names_the_categories_when_one_is_unknown() {
    let corpus = Corpus::new(50);
    let run = corpus
        .run("[batch]\nglobal-batch-size = 8\n[policy]\nplugin = \"mixture\"\nconfig = { column = \"domain\", weights = { poems = 1.0 } }");
    let text = run.planner().unwrap_err().to_string();
    assert!(text.contains("poems") && text.contains("code") && text.contains("tables"), "{text}");
}
