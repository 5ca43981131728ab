use proptest::prelude::*;

use super::*;

/// What `TokenBudget` promises, by trying every end for every start.
fn by_trying(budget: &TokenBudget, lengths: &[u32], order: &[u32]) -> (Vec<Vec<u32>>, Vec<u32>) {
    let groups = if budget.equal_size { budget.micro_batches as usize } else { 1 };
    let valid = |samples: &[u32]| {
        let lengths: Vec<u64> = samples.iter().map(|&i| u64::from(lengths[i as usize])).collect();
        let tokens = match budget.count {
            Count::Tokens => lengths.iter().sum(),
            Count::Padded => lengths.len() as u64 * lengths.iter().max().unwrap(),
        };
        let n = samples.len() as u32;
        n >= budget.min_samples && budget.max_samples.is_none_or(|max| n <= max) && tokens <= budget.max_tokens
    };
    let deal = |run: &[u32]| -> Vec<Vec<u32>> { (0..groups).map(|g| run.iter().copied().skip(g).step_by(groups).collect()).collect() };
    let (mut micro_batches, mut left_out) = (Vec::new(), Vec::new());
    let mut start = 0;
    while start < order.len() {
        let ends = (start + groups..order.len() + 1).step_by(groups);
        match ends.rev().find(|&end| deal(&order[start..end]).iter().all(|samples| valid(samples))) {
            Some(end) => {
                micro_batches.extend(deal(&order[start..end]));
                start = end;
            }
            None => {
                left_out.push(order[start]);
                start += 1;
            }
        }
    }
    (micro_batches, left_out)
}

fn budgets() -> impl Strategy<Value = TokenBudget> {
    (1u64..120, 1u32..4, prop::option::of(0u32..5), any::<bool>(), any::<bool>(), 1u32..5, any::<bool>(), any::<bool>()).prop_map(
        |(max_tokens, min_samples, more, padded, sorted, micro_batches, equal_size, drop_last)| TokenBudget {
            max_tokens,
            min_samples,
            max_samples: more.map(|more| min_samples + more),
            count: if padded { Count::Padded } else { Count::Tokens },
            order: if sorted { Order::Length } else { Order::Given },
            micro_batches,
            equal_size,
            drop_last,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn micro_batches_are_those_found_by_trying_every_end(budget in budgets(), lengths in prop::collection::vec(0u32..60, 0..50)) {
        let mut order: Vec<u32> = (0..lengths.len() as u32).filter(|&i| u64::from(lengths[i as usize]) <= budget.max_tokens).collect();
        if budget.order == Order::Length {
            order.sort_by_key(|&i| lengths[i as usize]);
        }
        let (mut micro_batches, left_out) = by_trying(&budget, &lengths, &order);
        let packed = budget.pack(&lengths).unwrap();
        let too_few: Vec<u32> = packed.left_out().iter().filter(|l| l.reason == Reason::TooFew).map(|l| l.sample).collect();
        prop_assert_eq!(too_few, left_out);
        if budget.drop_last {
            micro_batches.truncate(micro_batches.len() / budget.micro_batches as usize * budget.micro_batches as usize);
        }
        prop_assert_eq!(packed.micro_batches().map(<[u32]>::to_vec).collect::<Vec<_>>(), micro_batches);
    }

    #[test]
    fn every_sample_is_packed_once_or_left_out_with_a_reason(
        budget in budgets(), seed in prop::option::of(any::<u64>()), lengths in prop::collection::vec(0u32..60, 0..60)
    ) {
        let budget = TokenBudget { order: seed.map_or(budget.order, |seed| Order::Random { seed }), ..budget };
        let packed = budget.pack(&lengths).unwrap();
        let mut seen: Vec<u32> = packed.micro_batches().flatten().copied().collect();
        let mut samples = 0;
        for step in 0..packed.steps() {
            let micro_batches: Vec<&[u32]> = packed.step(step).map(|i| packed.micro_batch(i).unwrap()).collect();
            let longest = micro_batches.iter().copied().flatten().map(|&i| lengths[i as usize]).max().unwrap();
            prop_assert_eq!(packed.step_longest(step), longest);
            prop_assert_eq!(packed.step_samples(step) as usize, micro_batches.iter().map(|m| m.len()).sum::<usize>());
            samples += packed.step_samples(step) as usize;
            if budget.equal_size {
                prop_assert!(micro_batches.iter().all(|m| m.len() == micro_batches[0].len()));
            }
        }
        prop_assert_eq!(samples, seen.len());
        for left_out in packed.left_out() {
            prop_assert_eq!(left_out.reason == Reason::TooLong, u64::from(lengths[left_out.sample as usize]) > budget.max_tokens);
            seen.push(left_out.sample);
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..lengths.len() as u32).collect::<Vec<_>>());
    }

    #[test]
    fn bins_keep_to_their_limits_and_are_numbered_by_first_use(
        capacity in 1u32..90_000, shares in prop::collection::vec(0.0f64..1.0, 0..200), max_samples in prop::option::of(1u32..5)
    ) {
        let lengths: Vec<u32> = shares.iter().map(|share| 1 + (share * share * f64::from(capacity - 1)) as u32).collect();
        for packer in BinPacker::ALL {
            let bins = packer.pack(&lengths, capacity, max_samples).unwrap();
            prop_assert_eq!(bins.len(), lengths.len());
            let mut held: Vec<(u64, u32)> = Vec::new();
            for (&bin, &length) in bins.iter().zip(&lengths) {
                prop_assert!(bin as usize <= held.len(), "{packer:?} numbers bins out of order");
                if bin as usize == held.len() {
                    held.push((0, 0));
                }
                held[bin as usize].0 += u64::from(length);
                held[bin as usize].1 += 1;
            }
            prop_assert!(held.iter().all(|&(tokens, n)| tokens <= u64::from(capacity) && n <= max_samples.unwrap_or(u32::MAX)));
        }
    }

    #[test]
    fn best_fit_is_that_of_its_definition(lengths in prop::collection::vec(1u32..50, 0..120), max_samples in prop::option::of(1u32..5)) {
        // Bins as (room, samples, when it got its last sample), tried one by one.
        let mut bins: Vec<(u32, Vec<usize>, usize)> = Vec::new();
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&i| lengths[i]);
        for (time, &i) in order.iter().rev().enumerate() {
            let fits = |bin: &&mut (u32, Vec<usize>, usize)| bin.0 >= lengths[i] && bin.1.len() < max_samples.unwrap_or(u32::MAX) as usize;
            match bins.iter_mut().filter(fits).min_by_key(|bin| (bin.0, std::cmp::Reverse(bin.2))) {
                Some(bin) => {
                    bin.0 -= lengths[i];
                    bin.1.push(i);
                    bin.2 = time;
                }
                None => bins.push((64 - lengths[i], vec![i], time)),
            }
        }
        let mut expected: Vec<Vec<usize>> = bins.into_iter().map(|(_, mut samples, _)| { samples.sort_unstable(); samples }).collect();
        expected.sort();
        let answer = BinPacker::BestFitDecreasing.pack(&lengths, 64, max_samples).unwrap();
        let mut found: Vec<Vec<usize>> = vec![Vec::new(); expected.len()];
        for (i, &bin) in answer.iter().enumerate() {
            found[bin as usize].push(i);
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_bin_of_like_lengths_is_filled_in_ascending_order() {
    let bins = BinPacker::LengthSorted.pack(&[9, 1, 8, 2, 3], 10, None).unwrap();
    assert_eq!(bins, [0, 1, 2, 1, 1]);
    assert_eq!(BinPacker::LengthSorted.pack(&[9, 1, 8, 2, 3], 10, Some(2)).unwrap(), [0, 1, 2, 1, 3]);
}

#[test]
fn a_sample_that_no_bin_can_hold_is_refused_by_name() {
    for packer in BinPacker::ALL {
        assert_eq!(
            packer.pack(&[3, 9], 8, None).unwrap_err().to_string(),
            "sample 1 of 2 has 9 tokens, which no row of 8 can hold; truncate samples to the length of a row, and drop empty ones"
        );
        assert!(packer.pack(&[0], 8, None).is_err());
        assert!(packer.pack(&[], 8, None).unwrap().is_empty());
        assert_eq!(BinPacker::from_name(packer.name()), Some(packer));
    }
}

#[test]
fn limits_that_contradict_each_other_are_refused_by_key() {
    let refused = |budget: TokenBudget| budget.pack(&[1]).unwrap_err().to_string();
    assert_eq!(refused(TokenBudget::new(0)), "token budget: `max-tokens` is 0; give at least 1");
    assert_eq!(
        refused(TokenBudget { min_samples: 3, max_samples: Some(2), ..TokenBudget::new(8) }),
        "token budget: `max-samples` 2 is below `min-samples` 3; raise the one or lower the other"
    );
}

#[test]
fn a_random_order_is_every_order_equally_often() {
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..24_000 {
        let budget = TokenBudget { order: Order::Random { seed }, ..TokenBudget::new(100) };
        *seen.entry(budget.pack(&[1; 4]).unwrap().micro_batch(0).unwrap().to_vec()).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 24);
    // Six standard deviations of a count with mean 1000.
    assert!(seen.values().all(|&n: &i32| (n - 1_000).abs() < 186), "{seen:?}");
}
