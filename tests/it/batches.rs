use curricle::{
    Sampler,
    batch::{Batch, MicroBatch},
};
use curricle_tests::{Corpus, hardness, length, token};

fn batches(corpus: &Corpus, batch: &str, steps: usize) -> Vec<Batch> {
    let run = corpus.run(&format!("[batch]\nglobal-batch-size = 12\n{batch}\n[policy]\nplugin = \"uniform\""));
    let mut sampler = Sampler::start(&run).unwrap();
    (0..steps).map(|_| sampler.next_batch().unwrap().unwrap()).collect()
}

fn micro_batches(batches: &[Batch]) -> impl Iterator<Item = &MicroBatch> {
    batches.iter().flat_map(|b| &b.micro_batches)
}

/// Each sample's tokens stand where `starts` says.
fn check_samples(m: &MicroBatch) {
    for (i, &id) in m.ids.iter().enumerate() {
        let expected: Vec<u8> = (0..m.lengths[i]).flat_map(|t| token(id, t).to_le_bytes()).collect();
        assert_eq!(m.sample(i).unwrap(), expected, "sample {id}");
    }
}

#[test]
fn packed_batches_lie_end_to_end_with_their_offsets() {
    let corpus = Corpus::new(100);
    for m in micro_batches(&batches(&corpus, "micro-batch-size = 4", 9)) {
        check_samples(m);
        assert_eq!(m.lengths, m.ids.iter().map(|&id| length(id)).collect::<Vec<_>>());
        let offsets = m.offsets();
        assert_eq!(offsets[0], 0);
        assert!(offsets.windows(2).zip(&m.lengths).all(|(w, &n)| w[1] - w[0] == u64::from(n)));
        assert_eq!(*offsets.last().unwrap(), m.tokens.len() as u64);
        assert_eq!(m.shape, [1, m.tokens.len()]);
    }
}

#[test]
fn padded_batches_are_as_wide_as_their_longest_sample_and_filled_with_the_pad_token() {
    let corpus = Corpus::new(100);
    for m in micro_batches(&batches(&corpus, "micro-batch-size = 4\nlayout = \"padded\"\npad-token = 9999", 9)) {
        check_samples(m);
        assert_eq!(m.shape, [4, *m.lengths.iter().max().unwrap() as usize]);
        let tokens: &[u16] = m.tokens.as_slice().unwrap();
        for (row, &n) in tokens.chunks(m.shape[1]).zip(&m.lengths) {
            assert!(row[n as usize..].iter().all(|&t| t == 9999));
        }
        assert_eq!(m.rows().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}

#[test]
fn rows_hold_several_samples_and_no_token_is_lost() {
    let corpus = Corpus::new(100);
    let batch = "layout = \"rows\"\nrow-length = 48\npacker = { plugin = \"first-fit\" }\npad-token = 7777";
    for m in micro_batches(&batches(&corpus, batch, 9)) {
        check_samples(m);
        assert_eq!(m.shape[1], 48);
        assert!(m.shape[0] < m.ids.len(), "nothing was packed");
        let rows: Vec<usize> = m.rows().collect();
        for (i, (&start, &n)) in m.starts.iter().zip(&m.lengths).enumerate() {
            assert_eq!((start + u64::from(n) - 1) / 48, rows[i] as u64, "a sample crosses rows");
        }
        let padding = m.tokens.iter().filter(|&t| t == 7777).count();
        assert_eq!(padding + m.lengths.iter().map(|&n| n as usize).sum::<usize>(), m.tokens.len());
    }
}

#[test]
fn a_sample_longer_than_its_row_is_refused_or_cut_as_the_run_file_says() {
    let corpus = Corpus::new(100);
    let rest = "[batch]\nglobal-batch-size = 100\nlayout = \"padded\"\npad-to = 16\n[policy]\nplugin = \"uniform\"";
    let error = Sampler::start(&corpus.run(rest)).unwrap().next_batch().unwrap_err().to_string();
    assert!(error.contains("tokens and a row 16; set `overlong = \"cut\"` in [batch]"), "{error}");

    let rest = rest.replace("pad-to", "overlong = \"cut\"\npad-to");
    let batch = Sampler::start(&corpus.run(&rest)).unwrap().next_batch().unwrap().unwrap();
    let m = &batch.micro_batches[0];
    check_samples(m);
    assert_eq!(m.lengths, m.ids.iter().map(|&id| length(id).min(16)).collect::<Vec<_>>());
}

#[test]
fn values_of_columns_come_with_the_samples() {
    let corpus = Corpus::new(100);
    for batch in batches(&corpus, "micro-batch-size = 4\nvalues = [\"hardness\", \"length\"]", 3) {
        assert_eq!(batch.value_names.to_vec(), ["hardness", "length"]);
        for m in &batch.micro_batches {
            assert_eq!(m.values[0], m.ids.iter().map(|&id| f64::from(hardness(id))).collect::<Vec<_>>());
            assert_eq!(m.values[1], m.ids.iter().map(|&id| f64::from(length(id))).collect::<Vec<_>>());
        }
    }
}

#[test]
fn sequences_cut_the_concatenation_and_may_overlap() {
    let corpus = Corpus::new(100);
    let all: Vec<u16> = (0..100).flat_map(|i| (0..length(i)).map(move |t| token(i, t))).collect();
    let text = "seed = 7\n[dataset]\npath = \"data\"\nsequence-length = 9\nstride = 8\n[batch]\nglobal-batch-size = 5\n\
                [policy]\nplugin = \"uniform\"";
    let config = curricle::RunConfig::parse(text, "run.toml", corpus.path("")).unwrap();
    let run = curricle::Run::open(config).unwrap();
    assert_eq!(run.dataset().len() as usize, (all.len() - 9) / 8 + 1);
    let batch = Sampler::start(&run).unwrap().next_batch().unwrap().unwrap();
    let m = &batch.micro_batches[0];
    for (i, &id) in m.ids.iter().enumerate() {
        let expected: Vec<u8> = all[id as usize * 8..][..9].iter().flat_map(|t| t.to_le_bytes()).collect();
        assert_eq!(m.sample(i).unwrap(), expected);
    }
}

#[test]
fn consumed_tokens_count_what_the_trainer_got_without_padding() {
    let corpus = Corpus::new(100);
    let run = corpus.run(
        "[batch]\nglobal-batch-size = 12\nlayout = \"padded\"\ntruncate = \"p\"\n[policy]\nplugin = \"curriculum\"\n[policy.config]\n\
         metrics = [{ column = \"length\", by = \"value\", pacing = \"p\" }]\n\
         [pacing.p]\nkind = \"linear\"\nmin = 20\nmax = 40\nsteps = 10\n",
    );
    let mut sampler = Sampler::start(&run).unwrap();
    let mut tokens = 0;
    for _ in 0..12 {
        let batch = sampler.next_batch().unwrap().unwrap();
        tokens += batch.micro_batches.iter().flat_map(|m| &m.lengths).map(|&n| u64::from(n)).sum::<u64>();
        assert_eq!(sampler.state().consumed_tokens(), Some(tokens));
    }
    assert_eq!(sampler.state().consumed_samples(), 12 * 12);
}
