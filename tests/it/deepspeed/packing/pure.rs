//! Lists of lengths, without a run around them.

use std::{collections::BTreeSet, fs, path::Path, time::Instant};

use curricle::{
    packing::{BinPacker, LearningRate, LeftOut, Order, Packed, Reason, TokenBudget},
    plugin::{Limits, PackerPlugin},
};
use curricle_tests::{Corpus, curricle_ok, noise, plugin};
use serde_json::{Value, json};

fn golden(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/deepspeed").join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as u32).collect()
}

fn micro_batches(packed: &Packed) -> Vec<Vec<u32>> {
    packed.micro_batches().map(<[u32]>::to_vec).collect()
}

/// The samples of a case in the order that DeepSpeed packs them in, without those that are too long.
fn order(case: &Value, lengths: &[u32]) -> Vec<u32> {
    let mut ids: Vec<u32> = match case["order"].as_str().unwrap() {
        "random" => numbers(&case["input_order"]),
        _ => (0..lengths.len() as u32).collect(),
    };
    ids.retain(|&id| u64::from(lengths[id as usize]) <= case["max_tokens"].as_u64().unwrap());
    if case["order"] == "seqlen" {
        ids.sort_by_key(|&id| lengths[id as usize]);
    }
    ids
}

/// F53 to F55, B7, B31. DeepSpeed's micro-batches, where it does not lose samples; the test holds to the letter which ones it loses.
#[test]
fn micro_batches_are_deepspeeds_and_go_on_where_it_stops() {
    let (mut stopped, mut complete) = (0, 0);
    for case in golden("packing.json") {
        let lengths = numbers(&case["seqlens"]);
        let budget = TokenBudget {
            min_samples: case["min_batch_size"].as_u64().unwrap() as u32,
            max_samples: case["max_batch_size"].as_u64().map(|n| n as u32),
            micro_batches: case["effective_batch_size"].as_u64().unwrap() as u32,
            equal_size: case["same_size"].as_bool().unwrap(),
            drop_last: true,
            ..TokenBudget::new(case["max_tokens"].as_u64().unwrap())
        };
        let order = order(&case, &lengths);
        let pack = |ids: &[u32], budget: &TokenBudget| {
            let packed = budget.pack(&ids.iter().map(|&id| lengths[id as usize]).collect::<Vec<u32>>()).unwrap();
            let named: Vec<Vec<u32>> = packed.micro_batches().map(|m| m.iter().map(|&place| ids[place as usize]).collect()).collect();
            (packed, named)
        };

        // Its end of a range never reaches the last sample (B7), and it stops for good at the first start without a micro-batch (B31).
        let (packed, mut expected) =
            pack(order.get(..order.len().saturating_sub(1)).unwrap_or_default(), &TokenBudget { drop_last: false, ..budget.clone() });
        if let Some(stop) = packed.left_out().iter().find(|left_out| left_out.reason == Reason::TooFew) {
            let before = stop.sample as usize;
            let mut samples = 0;
            expected.retain(|micro_batch| {
                samples += micro_batch.len();
                samples <= before
            });
            stopped += 1;
        }
        expected.truncate(expected.len() / budget.micro_batches as usize * budget.micro_batches as usize);
        let deepspeed: Vec<Vec<u32>> = case["micro_batches"].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(deepspeed, expected, "{case}");

        // Nothing is lost here: what is in no micro-batch has a reason.
        let (whole, ours) = pack(&order, &budget);
        let mut seen: Vec<u32> = ours.concat();
        seen.extend(whole.left_out().iter().map(|left_out| order[left_out.sample as usize]));
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), order.len());
        assert!(ours.concat().len() >= deepspeed.concat().len(), "{case}");

        // What it says of each batch, where the batches are the same.
        let (sizes, longest) = (numbers(&case["batch_sizes"]), numbers(&case["batch_max_seqlens"]));
        if ours == deepspeed {
            complete += 1;
            assert_eq!((0..whole.steps()).map(|step| whole.step_samples(step)).collect::<Vec<_>>(), sizes);
            assert_eq!((0..whole.steps()).map(|step| whole.step_longest(step)).collect::<Vec<_>>(), longest);
        }
        if case["order"] == "seqlen" {
            let sorted = TokenBudget { order: Order::Length, ..budget.clone() }.pack(&lengths).unwrap();
            assert_eq!(micro_batches(&sorted), ours, "{case}");
        }
    }
    assert!(stopped > 3 && complete > 3, "{stopped} cases stop early, {complete} lose nothing that shows");
}

/// B7.
#[test]
fn the_last_sample_is_packed() {
    let packed = TokenBudget::new(4).pack(&[2; 5]).unwrap();
    assert_eq!(micro_batches(&packed), [vec![0, 1], vec![2, 3], vec![4]]);
    let equal = TokenBudget { micro_batches: 2, equal_size: true, ..TokenBudget::new(4) };
    assert_eq!(micro_batches(&equal.pack(&[2; 4]).unwrap()), [[0, 2], [1, 3]]);
}

/// B9.
#[test]
fn learning_rates_are_deepspeeds_with_the_square_root_too() {
    let mut methods = BTreeSet::new();
    for case in golden("lr.json") {
        let name = case["method"].as_str().unwrap();
        methods.insert(name.to_owned());
        let method = match name {
            "linear" => LearningRate::Linear,
            "sqrt" => LearningRate::Sqrt,
            _ => LearningRate::None,
        };
        let (rate, base) = (case["base_lr"].as_f64().unwrap(), case["base_batch"].as_u64().unwrap());
        let sizes = numbers(&case["batch_sizes"]);
        for (&size, expected) in sizes.iter().cycle().zip(case["lrs"].as_array().unwrap()) {
            let expected = expected.as_f64().unwrap();
            assert_eq!(method.scale(rate, u64::from(size), base), expected, "{case}");
            // One rounding more.
            assert!((rate * method.factor(u64::from(size), base) - expected).abs() <= expected * f64::EPSILON, "{case}");
        }
    }
    assert_eq!(methods.len(), 3);
}

/// B31.
#[test]
fn a_million_lengths_take_no_time_and_packing_goes_on_after_one_that_does_not_fit() {
    let lengths: Vec<u32> = (0..1_000_000).map(|i| if i % 1_000 == 0 { 900 } else { 1 + (noise(i) % 400) as u32 }).collect();
    let started = Instant::now();
    for order in [Order::Given, Order::Length, Order::Random { seed: 3 }] {
        for equal_size in [false, true] {
            let budget = TokenBudget { order, equal_size, micro_batches: 8, min_samples: 3, ..TokenBudget::new(1_200) };
            let packed = budget.pack(&lengths).unwrap();
            let n = packed.micro_batches().map(<[u32]>::len).sum::<usize>();
            assert_eq!(n + packed.left_out().len(), lengths.len());
            assert!(packed.left_out().len() < lengths.len() / 20, "{budget:?}: {} left out", packed.left_out().len());
        }
    }
    for packer in BinPacker::ALL {
        packer.pack(&lengths, 2_048, None).unwrap();
    }
    // Trying every end for every start, ten thousand of them alone would take hours.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());

    let packed = TokenBudget { min_samples: 2, ..TokenBudget::new(10) }.pack(&[2, 2, 9, 9, 2, 2, 11]).unwrap();
    assert_eq!(micro_batches(&packed), [[0, 1], [4, 5]]);
    let left_out = [(6, Reason::TooLong), (2, Reason::TooFew), (3, Reason::TooFew)].map(|(sample, reason)| LeftOut { sample, reason });
    assert_eq!(packed.left_out(), left_out);
}

#[test]
fn packers_give_the_same_bins_in_the_sandbox_and_natively() {
    for packer in BinPacker::ALL {
        let mut sandboxed =
            PackerPlugin::load(packer.name(), &plugin(packer.name()), &json!({}), &Limits::default()).unwrap().instantiate().unwrap();
        for (n, capacity, max_samples) in [(0, 10, None), (1, 1, None), (3_000, 2_048, None), (3_000, 100_000, None), (2_000, 64, Some(3))]
        {
            let lengths: Vec<u32> = (0..n).map(|i| 1 + (noise(i) % u64::from(capacity)) as u32).collect();
            let native = packer.pack(&lengths, capacity, max_samples).unwrap();
            assert_eq!(sandboxed.pack(&lengths, capacity, max_samples).unwrap(), native, "{packer:?}");
        }
    }
}

#[test]
fn info_says_which_packers_are_native_too() {
    for packer in BinPacker::ALL {
        let printed = curricle_ok(&["info", packer.name()]);
        assert!(printed.contains(&format!("packer = \"{}\" gives the same bins without a sandbox", packer.name())), "{printed}");
    }
    assert!(!curricle_ok(&["info", "uniform"]).contains("sandbox"));
}

#[test]
fn a_run_packs_the_same_rows_by_name_and_by_plugin() {
    let corpus = Corpus::new(100);
    let rows = |packer: &str| {
        let run = corpus.run(&format!(
            "[batch]\nglobal-batch-size = 60\nlayout = \"rows\"\nrow-length = 64\npacker = {packer}\n[policy]\nplugin = \"uniform\""
        ));
        let batch = curricle::Sampler::start(&run).unwrap().next_batch().unwrap().unwrap();
        let m = &batch.micro_batches[0];
        (m.starts.clone(), m.tokens.checksum())
    };
    for packer in BinPacker::ALL {
        let name = packer.name();
        assert_eq!(rows(&format!("\"{name}\"")), rows(&format!("{{ plugin = \"{name}\" }}")));
    }
}

#[test]
fn an_unknown_packer_is_refused_with_the_names_that_there_are() {
    let corpus = Corpus::new(3);
    let run = |packer: &str| {
        let rest = format!(
            "[batch]\nglobal-batch-size = 1\nlayout = \"rows\"\nrow-length = 64\npacker = {packer}\n[policy]\nplugin = \"uniform\""
        );
        corpus.try_run(&rest).unwrap_err().to_string()
    };
    let error = run("\"worst-fit\"");
    assert_eq!(
        error,
        "run.toml:8:10: invalid value: string \"worst-fit\", expected a native packer (\"first-fit\", \"best-fit-decreasing\", \
         \"length-sorted\", each in quotes) or a plugin, written { plugin = \"…\" }; correct the run file"
    );
    let error = run("{ plugin = \"first-fit\", decreasing = true }");
    assert!(error.contains("unknown field `decreasing`"), "{error}");
}
