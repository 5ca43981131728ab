//! Which samples, how many, on which rank.

use std::collections::{BTreeMap, BTreeSet};

use curricle::{
    Planned, Planner, Run, Sampler, SamplerState,
    batch::{Batch, Shape},
    columns::{ColumnWriter, ValueType, Values},
};
use curricle_tests::Corpus;
use serde_json::Value;

use super::pacing::golden;

const UNIFORM: &str = "[policy]\nplugin = \"uniform\"\n";

/// All batches of one rank.
fn whole(run: &Run) -> Vec<Batch> {
    let mut sampler = Sampler::start(run).unwrap();
    std::iter::from_fn(|| sampler.next_batch().unwrap()).collect()
}

/// How often each sample came.
fn counts(ids: impl IntoIterator<Item = u64>) -> BTreeMap<u64, u32> {
    let mut counts = BTreeMap::new();
    ids.into_iter().for_each(|id| *counts.entry(id).or_default() += 1);
    counts
}

/// Joins the batches of all ranks at one step back into the global order.
fn global_order<'a>(ranks: impl Iterator<Item = &'a Batch> + Clone) -> Vec<u64> {
    let n = ranks.clone().map(|batch| batch.micro_batches.len()).max().unwrap();
    (0..n).flat_map(|a| ranks.clone().flat_map(move |batch| batch.micro_batches[a].ids.iter().copied())).collect()
}

/// B32, F19.
#[test]
fn a_run_gives_exactly_epochs_times_samples_in_as_many_steps_as_it_says() {
    let corpus = Corpus::new(64);
    for (epochs, global, drop_last, steps) in
        [(1, 16, false, 4), (2, 24, false, 6), (2, 24, true, 5), (3, 500, false, 1), (3, 500, true, 0)]
    {
        let keys = format!("epochs = {epochs}\ndrop-last = {drop_last}\n");
        let run = corpus.run_with(&keys, &format!("[batch]\nglobal-batch-size = {global}\n{UNIFORM}"));
        let batches = whole(&run);
        assert_eq!(run.n_steps(), Some(steps));
        assert_eq!(batches.len() as u64, steps);
        let given: Vec<u64> = batches.iter().flat_map(Batch::ids).collect();
        assert_eq!(given.len() as u64, if drop_last { steps * global } else { 64 * epochs });
        if !drop_last {
            assert!(counts(given).values().all(|&n| u64::from(n) == epochs));
        }
    }
}

#[test]
fn the_number_of_samples_stays_exact_over_resumes_with_other_global_batches_and_ranks() {
    let corpus = Corpus::new(100);
    let run = |global: u32, world: u32, rank: u32| {
        let batch = format!("[batch]\nglobal-batch-size = {global}\nmicro-batch-size = 2\ndp-world-size = {world}\ndp-rank = {rank}\n");
        corpus.run_with("epochs = 2\n", &format!("{batch}{UNIFORM}"))
    };
    let mut given = Vec::new();
    let mut state: Option<SamplerState> = None;
    for (global, world) in [(12, 2), (8, 4), (28, 1), (60, 3), (60, 3), (60, 2)].into_iter().cycle() {
        let mut samplers: Vec<Sampler> = (0..world)
            .map(|rank| match &state {
                None => Sampler::start(&run(global, world, rank)).unwrap(),
                Some(state) => Sampler::resume(&run(global, world, rank), state).unwrap(),
            })
            .collect();
        let batches: Option<Vec<Batch>> = samplers.iter_mut().map(|s| s.next_batch().unwrap()).collect();
        let Some(batches) = batches else { break };
        given.extend(global_order(batches.iter()));
        state = Some(samplers[0].state());
        assert_eq!(state.as_ref().unwrap().consumed_samples(), given.len() as u64);
    }
    assert_eq!(counts(given), (0..100).map(|id| (id, 2)).collect());
}

/// B11, F17, F18.
#[test]
fn an_incomplete_batch_gives_every_rank_as_many_micro_batches_and_shares_out_its_samples() {
    let corpus = Corpus::new(27);
    let layouts = [
        "layout = \"packed\"",
        "layout = \"padded\"\npad-to = 40",
        "layout = \"padded\"",
        "layout = \"rows\"\nrow-length = 40\npacker = { plugin = \"first-fit\" }",
    ];
    for (world, layout) in [1u32, 2, 4, 8].into_iter().zip(layouts) {
        // 24 samples, then 3.
        let ranks: Vec<Vec<Batch>> = (0..world)
            .map(|rank| {
                let batch = format!("[batch]\nglobal-batch-size = 24\nmicro-batch-size = {}\n{layout}\n", 24 / world / 3);
                let run = corpus.run_with("epochs = 1\n", &format!("{batch}{UNIFORM}")).with_rank(rank, world).unwrap();
                whole(&run)
            })
            .collect();
        let one = whole(&corpus.run_with("epochs = 1\n", &format!("[batch]\nglobal-batch-size = 24\n{UNIFORM}")));
        for (step, alone) in one.iter().enumerate() {
            let batches = ranks.iter().map(|rank| &rank[step]);
            assert_eq!(global_order(batches.clone()), alone.ids().collect::<Vec<_>>());
            assert!(batches.clone().all(|b| b.digest == alone.digest));
            let n = batches.clone().map(|b| b.micro_batches.len()).collect::<Vec<_>>();
            assert!(n.iter().all(|&m| m == n[0]), "{n:?}");
            for a in 0..n[0] {
                let sizes: Vec<usize> = batches.clone().map(|b| b.micro_batches[a].ids.len()).collect();
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
            }
        }
        for m in ranks.iter().flat_map(|rank| &rank[1].micro_batches).filter(|m| m.ids.is_empty()) {
            assert_eq!((m.tokens.len(), m.offsets(), m.rows().count(), m.shape[0] * m.shape[1]), (0, vec![0], 0, 0));
        }
    }
}

/// F17: who gets which part of an incomplete slice.
#[test]
fn ranks_get_the_parts_of_a_slice_that_deepspeed_gives_them() {
    let cases = golden("slices.json");
    for case in cases.as_array().unwrap() {
        let (length, ranks) = (case["length"].as_u64().unwrap() as usize, case["ranks"].as_u64().unwrap() as u32);
        for (rank, bounds) in (0..ranks).zip(case["bounds"].as_array().unwrap()) {
            let shape = Shape::resolve(40 * ranks, Some(40), None, rank, ranks, "x").unwrap();
            let places: Vec<_> = shape.micro_batches(length).collect();
            assert_eq!(places.len(), 1);
            assert_eq!(
                [places[0].start as u64, places[0].end as u64],
                [bounds[0].as_u64().unwrap(), bounds[1].as_u64().unwrap()],
                "{case}"
            );
        }
    }
}

/// A corpus of `n` documents with more columns of whole numbers.
fn corpus(n: u64, columns: &[(&str, Vec<u32>)]) -> Corpus {
    let corpus = Corpus::new(n);
    for (name, values) in columns {
        let path = corpus.dataset().columns_dir().join(format!("{name}.arrow"));
        let mut writer = ColumnWriter::create(path, ValueType::U32, corpus.provenance()).unwrap();
        writer.push(&Values::U32(values.clone())).unwrap();
        writer.finish().unwrap();
    }
    corpus
}

fn values(metric: &Value) -> Vec<u32> {
    metric["values"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect()
}

fn is_metric(metric: &&Value) -> bool {
    metric["clustering_type"] != "single_cluster"
}

/// What a run file says of a case: policy and pacing.
fn policy(case: &Value) -> String {
    let metrics = case["metrics"].as_array().unwrap();
    let entry = |metric: &Value| {
        let of = if metric["difficulty_type"] == "percentile" { format!("of = {}, ", metric["max"]) } else { String::new() };
        format!("{{ column = {0}, by = {1}, {of}pacing = {0} }}", metric["name"], metric["difficulty_type"])
    };
    let entries: Vec<String> = metrics.iter().filter(is_metric).map(entry).collect();
    let beside: Vec<String> = metrics.iter().filter(|m| !is_metric(m)).map(|m| m["name"].to_string()).collect();
    let mut text = format!(
        "[policy]\nplugin = \"curriculum\"\n[policy.config]\nmetrics = [{}]\nannotate = [{}]\n",
        entries.join(", "),
        beside.join(", ")
    );
    for metric in metrics {
        let (schedule, name) = (&metric["schedule_config"], metric["name"].as_str().unwrap());
        text += &format!("[pacing.{name}]\nfirst-step = 1\n");
        text += &match metric["schedule_type"].as_str().unwrap() {
            "fixed_discrete" => format!(
                "kind = \"discrete\"\ndifficulty = {}\nuntil = {}\nhold-at = {}\n",
                schedule["difficulty"], schedule["max_step"], metric["max"]
            ),
            _ => format!(
                "kind = \"root\"\nmin = {}\nmax = {}\nsteps = {}\nquantum = {}\ndegree = {}\n",
                metric["min"],
                metric["max"],
                schedule["total_curriculum_step"],
                schedule["difficulty_step"],
                schedule["root_degree"].as_u64().unwrap_or(1)
            ),
        };
    }
    text
}

fn case_corpus(case: &Value) -> Corpus {
    let columns: Vec<(&str, Vec<u32>)> =
        case["metrics"].as_array().unwrap().iter().filter(is_metric).map(|m| (m["name"].as_str().unwrap(), values(m))).collect();
    corpus(case["n_samples"].as_u64().unwrap(), &columns)
}

/// The samples within every metric, by definition.
fn within(case: &Value, difficulties: &Value) -> BTreeSet<u64> {
    let n = case["n_samples"].as_u64().unwrap();
    let mut eligible: BTreeSet<u64> = (0..n).collect();
    for metric in case["metrics"].as_array().unwrap().iter().filter(is_metric) {
        let difficulty = difficulties[metric["name"].as_str().unwrap()].as_u64().unwrap();
        let values = values(metric);
        let mut order: Vec<u64> = (0..n).collect();
        order.sort_by_key(|&id| (values[id as usize], id));
        if metric["difficulty_type"] == "percentile" {
            order.truncate((n * difficulty / metric["max"].as_u64().unwrap()) as usize);
        } else {
            order.retain(|&id| u64::from(values[id as usize]) <= difficulty);
        }
        eligible = eligible.intersection(&order.into_iter().collect()).copied().collect();
    }
    eligible
}

/// F20 to F25, F32.
#[test]
fn the_same_samples_are_eligible_as_for_deepspeed_at_every_step() {
    let cases = golden("sampling.json");
    let mut compared = 0;
    for case in cases.as_array().unwrap() {
        let faults: Vec<&str> = case["faults"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
        if faults.contains(&"B23") {
            continue;
        }
        let n = case["n_samples"].as_u64().unwrap();
        // Large enough to go through every stream at every step, so that what was drawn is what is eligible.
        let run = case_corpus(case).run(&format!("[batch]\nglobal-batch-size = {}\n{}", 2 * n, policy(case)));
        let mut planner = run.planner().unwrap();
        let mut lost = false;
        for (step, before) in
            case["steps"].as_array().unwrap().iter().zip(std::iter::once(None).chain(case["steps"].as_array().unwrap().iter().map(Some)))
        {
            let planned = planner.plan().unwrap().unwrap();
            let beside: BTreeMap<&str, f64> = planned.plan.annotations().iter().map(|(name, value)| (name.as_str(), *value)).collect();
            for (name, difficulty) in step["difficulties"].as_object().unwrap() {
                assert_eq!(beside[format!("difficulty:{name}").as_str()], difficulty.as_f64().unwrap(), "{} {step}", case["name"]);
                // DeepSpeed keeps what it once allowed (W7).
                lost |= before.is_some_and(|before| before["difficulties"][name].as_f64() > difficulty.as_f64());
            }
            let drawn: BTreeSet<u64> = planned.plan.ids().iter().copied().collect();
            assert_eq!(drawn, within(case, &step["difficulties"]), "{} {step}", case["name"]);
            // What a difficulty of d parts means where they do not divide the samples.
            let parts = case["metrics"].as_array().unwrap().iter().find(|m| m["difficulty_type"] == "percentile");
            let theirs = step["eligible"].as_u64().unwrap();
            match parts {
                Some(metric) if !n.is_multiple_of(metric["max"].as_u64().unwrap()) => {
                    let of = metric["max"].as_u64().unwrap();
                    let more = drawn.len() as u64 - theirs;
                    assert!(more < of, "{} {step}", case["name"]);
                }
                _ if lost => {}
                _ => {
                    let sum = drawn.iter().map(|&id| (id + 1) * (id + 1)).sum::<u64>() % (1 << 53);
                    assert_eq!((drawn.len() as u64, sum), (theirs, step["eligible_sum"].as_u64().unwrap()), "{} {step}", case["name"]);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 100, "only {compared} steps were compared");
}

fn plans(planner: &mut Planner, steps: usize) -> Vec<Planned> {
    (0..steps).map(|_| planner.plan().unwrap().unwrap()).collect()
}

/// F25, F26: a share of every batch as large as the cluster, and nothing twice before all of a cluster once.
#[test]
fn clusters_are_drawn_in_proportion_to_their_sizes_without_replacement_inside() {
    let cases = golden("sampling.json");
    for case in cases.as_array().unwrap().iter().filter(|case| case["faults"].as_array().unwrap().is_empty()) {
        let global = case["global_batch"].as_u64().unwrap();
        let run = case_corpus(case).run(&format!("[batch]\nglobal-batch-size = {global}\n{}", policy(case)));
        let mut planner = run.planner().unwrap();
        let steps = case["steps"].as_array().unwrap();
        let mut times = vec![0u32; case["n_samples"].as_u64().unwrap() as usize];
        let (mut ours, mut expected): (BTreeMap<u32, f64>, BTreeMap<u32, f64>) = Default::default();
        for planned in plans(&mut planner, steps.len() + 400) {
            let streams = planner.streams();
            let opened: Vec<u32> = (0..streams.len() as u32).collect();
            if planned.step as usize == steps.len() {
                (ours, expected) = Default::default();
            }
            let total: u64 = opened.iter().map(|&s| streams.get(s).unwrap().len()).sum();
            for draw in planned.plan.draws() {
                *ours.entry(draw.stream).or_default() += f64::from(draw.count);
            }
            for &stream in &opened {
                *expected.entry(stream).or_default() += global as f64 * streams.get(stream).unwrap().len() as f64 / total as f64;
            }
            planned.plan.ids().iter().for_each(|&id| times[id as usize] += 1);
        }
        for stream in 0..planner.streams().len() as u32 {
            let stream = planner.streams().get(stream).unwrap();
            let of_stream: Vec<u32> = (0..stream.len()).map(|i| times[stream.selection().get(i).unwrap() as usize]).collect();
            let (least, most) = (of_stream.iter().min().unwrap(), of_stream.iter().max().unwrap());
            assert!(most - least <= 1, "{}: {least} to {most} times in {}", case["name"], stream.name());
        }
        // Every cluster of the last 400 steps, to a few samples.
        for (stream, expected) in expected {
            assert!((ours[&stream] - expected).abs() < 8.0, "{}: stream {stream}, {} for {expected}", case["name"], ours[&stream]);
        }
        // DeepSpeed draws them at random around the same shares: chi-squared over its degrees of freedom.
        let (mut chi, mut freedom) = (0.0, 0.0);
        for step in steps {
            let sizes: Vec<f64> = step["cluster_sizes"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
            let eligible: f64 = sizes.iter().sum();
            freedom += sizes.len() as f64 - 1.0;
            for (size, drawn) in sizes.iter().zip(step["drawn_by_cluster"].as_array().unwrap()) {
                let share = global as f64 * size / eligible;
                chi += (drawn.as_f64().unwrap() - share).powi(2) / share;
            }
        }
        assert!(freedom == 0.0 || (0.5..1.5).contains(&(chi / freedom)), "{}: {chi} of {freedom}", case["name"]);
    }
}

/// A run of policy `curriculum` by the values of one column.
fn by_value(corpus: &Corpus, keys: &str, global: u32, difficulties: &[u32], until: &[u32]) -> Run {
    corpus.run_with(
        keys,
        &format!(
            "[batch]\nglobal-batch-size = {global}\n[policy]\nplugin = \"curriculum\"\n[policy.config]\n\
             metrics = [{{ column = \"rank\", by = \"value\", pacing = \"p\" }}]\n\
             [pacing.p]\nkind = \"discrete\"\ndifficulty = {difficulties:?}\nuntil = {until:?}\n"
        ),
    )
}

/// B3.
#[test]
fn a_batch_is_whole_even_if_it_goes_several_times_through_a_small_cluster() {
    let corpus = corpus(50, &[("rank", (0..50).collect())]);
    for drop_last in [false, true] {
        let keys = format!("epochs = 1\ndrop-last = {drop_last}\n");
        let batches = whole(&by_value(&corpus, &keys, 16, &[1, 4, 49], &[1, 2]));
        assert_eq!(batches.iter().map(|b| b.ids().count()).collect::<Vec<_>>(), if drop_last { vec![16; 3] } else { vec![16, 16, 16, 2] });
        // Two samples of which each comes eight times.
        assert_eq!(counts(batches[0].ids()), BTreeMap::from([(0, 8), (1, 8)]));
        assert_eq!(counts(batches[2].ids()).len(), 5);
    }
}

/// B22.
#[test]
fn difficulties_that_go_up_and_down_give_the_right_samples_and_none_twice_before_all_once() {
    let ranks: Vec<u32> = (0..1000).map(|i| i * 7 % 100 + 1).collect();
    let corpus = corpus(1000, &[("rank", ranks.clone())]);
    let difficulties = [50, 20, 50, 20, 50, 80];
    let of = |d: u32| -> BTreeSet<u64> { (0..1000).filter(|&i| ranks[i as usize] <= d).collect() };
    let mut planner = by_value(&corpus, "", 2000, &difficulties, &[0, 1, 2, 3, 4]).planner().unwrap();
    for difficulty in difficulties {
        let planned = planner.plan().unwrap().unwrap();
        assert_eq!(planned.plan.ids().iter().copied().collect::<BTreeSet<_>>(), of(difficulty));
    }
    // Small batches: what comes while a difficulty stays comes from streams that go on where they stood.
    let mut planner = by_value(&corpus, "", 10, &difficulties, &[4, 9, 14, 19, 24]).planner().unwrap();
    let at_20: Vec<u64> = plans(&mut planner, 20).iter().filter(|p| p.step / 5 % 2 == 1).flat_map(|p| p.plan.ids().to_vec()).collect();
    assert_eq!(at_20.len(), 100);
    assert!(counts(at_20).values().all(|&n| n == 1), "a sample came twice before the others of its stream");
}

/// B23, B24.
#[test]
fn nothing_eligible_is_one_message_whichever_metric_is_empty() {
    let cases = golden("sampling.json");
    let case = cases.as_array().unwrap().iter().find(|case| case["faults"][0] == "B23").unwrap();
    for reversed in [false, true] {
        let mut case = case.clone();
        if reversed {
            case["metrics"].as_array_mut().unwrap().reverse();
        }
        let run = case_corpus(&case).run(&format!("[batch]\nglobal-batch-size = 400\n{}", policy(&case)));
        let error = run.planner().unwrap().plan().unwrap_err();
        assert_eq!(error.code(), "plugin-refused");
        let text = error.to_string();
        assert!(text.contains("policy.fill, step 0") && text.contains("no sample is eligible"), "{text}");
        assert!(text.contains("the difficulty of `seqlen` is 1 and its smallest value") && text.contains("begin higher"), "{text}");
        // Once both have samples, exactly those that both have.
        let mut later = case.clone();
        for metric in later["metrics"].as_array_mut().unwrap() {
            if metric["name"] == "seqlen" {
                metric["schedule_config"] = serde_json::json!({ "difficulty": [30, 100], "max_step": [4] });
            }
        }
        let run = case_corpus(&later).run(&format!("[batch]\nglobal-batch-size = 400\n{}", policy(&later)));
        let mut planner = run.planner().unwrap();
        for difficulties in [serde_json::json!({ "seqlen": 30, "rarity": 150 }), serde_json::json!({ "seqlen": 100, "rarity": 9999 })] {
            let planned = plans(&mut planner, 4).remove(0);
            assert_eq!(planned.plan.ids().iter().copied().collect::<BTreeSet<_>>(), within(&later, &difficulties));
        }
    }
}

/// F23: without a metric everything is eligible, in the order of policy `uniform`, and the pacing function only cuts.
#[test]
fn a_curriculum_without_metrics_is_uniform_with_a_difficulty_beside_it() {
    let corpus = Corpus::new(120);
    let pacing = "[pacing.p]\nkind = \"linear\"\nmin = 4\nmax = 40\nsteps = 9\n";
    let batch = "[batch]\nglobal-batch-size = 16\ntruncate = \"p\"\n";
    let run = |policy: &str| corpus.run(&format!("{batch}{policy}{pacing}"));
    let (curriculum, uniform) = (run("[policy]\nplugin = \"curriculum\"\nconfig = { metrics = [] }\n"), run(UNIFORM));
    let (mut curriculum, mut uniform) = (curriculum.planner().unwrap(), uniform.planner().unwrap());
    for (a, b) in plans(&mut curriculum, 20).iter().zip(plans(&mut uniform, 20)) {
        assert_eq!((a.digest, a.plan.ids()), (b.digest, b.plan.ids()));
    }
}

/// What DeepSpeed has no word for (W7): a window that moves on, so that what is easy by then is left behind.
#[test]
fn a_window_between_two_pacing_functions_holds_exactly_its_samples_and_resumes() {
    let ranks: Vec<u32> = (0..500).map(|i| i * 7 % 100).collect();
    let corpus = corpus(500, &[("rank", ranks.clone())]);
    let run = |global: u32| {
        corpus.run(&format!(
            "[batch]\nglobal-batch-size = {global}\n[policy]\nplugin = \"curriculum\"\n[policy.config]\n\
             metrics = [{{ column = \"rank\", by = \"value\", pacing = \"upto\", above = \"above\" }}]\n\
             [pacing.upto]\nkind = \"linear\"\nmin = 30\nmax = 90\nsteps = 20\nquantum = 10\n\
             [pacing.above]\nkind = \"linear\"\nmin = 0\nmax = 60\nsteps = 20\nquantum = 20\n"
        ))
    };
    for planned in plans(&mut run(1000).planner().unwrap(), 25) {
        let beside: BTreeMap<&str, f64> = planned.plan.annotations().iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let (above, upto) = (beside["above:rank"], beside["difficulty:rank"]);
        let expected = (0..500).filter(|&i| above < f64::from(ranks[i as usize]) && f64::from(ranks[i as usize]) <= upto).collect();
        assert_eq!(planned.plan.ids().iter().copied().collect::<BTreeSet<u64>>(), expected, "step {}", planned.step);
    }
    let run = run(16);
    let mut straight = run.planner().unwrap();
    for _ in 0..25 {
        let state = SamplerState::from_json(&straight.state().to_json(), "memory").unwrap();
        assert_eq!(run.planner_at(&state).unwrap().plan().unwrap().unwrap().digest, straight.plan().unwrap().unwrap().digest);
    }
}
