//! Do all ranks see the same run? 16 bytes a rank, which say by themselves in what two of them differ.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde_json::json;
use xxhash_rust::xxh3::Xxh3;

use super::{config::RunConfig, identity::Identity, packer_config::PackerConfig};
use crate::{Error, Result, batch::Digest, hex};

/// What the ranks of a run exchange to know that they agree: 16 bytes.
///
/// Every rank plans the same global batches by itself. Once a step, or every so many, each hands its digest to the others (any all-gather of
/// 16 bytes does) and [`agree`](RankDigest::agree) says whether the run may go on, or which ranks went apart, at which step and in what.
///
/// # Layout
/// Little-endian, two bytes each but the last: the low bits of the step; a hash of the dataset; of the plugin (name, version and file); of the
/// configuration (policy, pacing, lengths; sizes and ends of the run, `[batch.tokens]`, `on-fault`); of the columns; of the seed; and in four
/// bytes a hash of all of these whole and of the digest of the global batch.
///
/// The step is that of the last batch handed out; before the first, that of the batch to come.
///
/// # What may go unseen
/// Two ranks that differ only in the order of their samples look alike at one step with a probability of 2⁻³²; since the digest of every
/// batch depends on all its ids, they would have to be as lucky at each following step. A rank that differs in a part has the same hash of
/// that part with a probability of 2⁻¹⁶: the difference still shows, in the order, but the explanation misses the part. The hashes find
/// mistakes and damage; they do not withstand somebody who looks for collisions.
///
/// # Examples
/// Ranks exchange their digests with whatever the trainer has.
/// ```no_run
/// use curricle::{RankDigest, Run, Sampler};
///
/// # fn all_gather(mine: [u8; 16]) -> Vec<[u8; 16]> { vec![mine] }
/// # fn main() -> curricle::Result<()> {
/// let run = Run::load("curricle.toml")?.with_rank(0, 8)?;
/// let mut sampler = Sampler::start(&run)?;
/// let check = |sampler: &Sampler| {
///     let of_all_ranks = all_gather(sampler.rank_digest().bytes()); // torch.distributed, MPI, NCCL: 16 bytes a rank
///     RankDigest::agree(&of_all_ranks.into_iter().map(RankDigest::from_bytes).collect::<Vec<_>>())
/// };
/// check(&sampler)?; // before the first step: same data, plugin, configuration, columns and seed?
/// while let Some(batch) = sampler.next_batch()? {
///     check(&sampler)?; // and the same order of samples?
///     // train on batch.micro_batches
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RankDigest([u8; 16]);

/// Parts that decide the order, in their places behind the step, as messages name them.
const PARTS: [&str; 5] = ["the dataset", "the plugin", "the configuration", COLUMNS, "the seed"];
const COLUMNS: &str = "the columns";
/// Bytes before the hash of the order.
const ORDER: usize = 12;
/// Ranks that a message lists.
const LISTED: usize = 8;

impl RankDigest {
    /// The digest as it travels.
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// A digest that arrived. Any 16 bytes are one: what is no rank's will agree with none.
    pub fn from_bytes(bytes: [u8; 16]) -> RankDigest {
        RankDigest(bytes)
    }

    /// The low 16 bits of the step.
    pub fn step(self) -> u16 {
        u16::from_le_bytes([self.0[0], self.0[1]])
    }

    /// The hash of a part, in its place.
    fn part(&self, part: usize) -> &[u8] {
        let start = 2 + 2 * part;
        self.0.get(start..start + 2).unwrap_or_default()
    }

    /// What another digest of the same step differs in.
    fn differences(&self, other: &RankDigest) -> Vec<&'static str> {
        let differs = |part: usize| self.part(part) != other.part(part);
        // Another dataset has columns of its own.
        let told = |part: &usize| differs(*part) && !(PARTS.get(*part) == Some(&COLUMNS) && differs(0));
        (0..PARTS.len()).filter(told).filter_map(|part| PARTS.get(part).copied()).collect()
    }

    /// Whether ranks agree; `digests` are theirs, in the order of the ranks. Of ranks that do not, those are named that differ from most; of
    /// two equal halves the one with the lower rank is taken as right.
    ///
    /// # Errors
    /// [`Error::Ranks`] with the ranks, the step and what differs: the step itself, if a rank is ahead of others; dataset, plugin,
    /// configuration, columns, seed; or the order of samples alone.
    pub fn agree(digests: &[RankDigest]) -> Result<()> {
        let Some(most) = most_common(digests) else { return Ok(()) };
        let apart: Vec<usize> = (0..digests.len()).filter(|rank| digests.get(*rank) != digests.get(most)).collect();
        let Some(right) = digests.get(most).filter(|_| !apart.is_empty()) else { return Ok(()) };

        // Ranks that differ in the same way are told together, in the order of the first of each.
        let mut steps: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        let mut kinds: Vec<(Vec<&str>, Vec<usize>)> = Vec::new();
        for rank in &apart {
            let Some(digest) = digests.get(*rank) else { continue };
            if digest.step() != right.step() {
                steps.entry(digest.step()).or_default().push(*rank);
            }
            let differences = digest.differences(right);
            match kinds.iter_mut().find(|(known, _)| *known == differences) {
                Some((_, ranks)) => ranks.push(*rank),
                None => kinds.push((differences, vec![*rank])),
            }
        }
        let mut told: Vec<String> =
            steps.iter().map(|(step, ranks)| format!("{} at step {step}, rank {most} at step {}", are(ranks), right.step())).collect();
        let alike = kinds.iter().all(|(differences, _)| differences.is_empty());
        for (differences, ranks) in kinds.iter().filter(|(differences, _)| !differences.is_empty()) {
            told.push(format!("{} from rank {most} in {}", differ(ranks), all(differences)));
        }
        let remedy = if !alike {
            "give every rank the same files, run file and seed, and resume all from the state of a step at which they agreed"
        } else if !steps.is_empty() {
            "let every rank take one batch a step and compare at the same moment, and resume all from one state"
        } else {
            told.push(format!("{} from rank {most} in the order of samples, though all that decides it is the same", differ(&apart)));
            "let all compare at the same moment and resume from one state; if they did, the plugin is not deterministic or memory is damaged"
        };
        let at = if steps.is_empty() { format!("at step {}", right.step()) } else { "they are at different steps".to_owned() };
        let problem = format!("{at} (modulo 65536): {}", told.join("; "));
        Err(Error::Ranks { ranks: apart, problem, remedy: remedy.to_owned() })
    }
}

/// The lowest rank with the digest that most have.
fn most_common(digests: &[RankDigest]) -> Option<usize> {
    let mut counts: BTreeMap<RankDigest, (usize, usize)> = BTreeMap::new();
    for (rank, digest) in digests.iter().enumerate() {
        counts.entry(*digest).or_insert((0, rank)).0 += 1;
    }
    counts.into_values().max_by_key(|(count, first)| (*count, std::cmp::Reverse(*first))).map(|(_, first)| first)
}

/// "rank 2", "ranks 1, 2 and 5", "ranks 1, 2, 3, 4, 5, 6, 7, 8 and 12 more".
fn named(ranks: &[usize]) -> String {
    let words: Vec<String> = ranks.iter().take(LISTED).map(usize::to_string).collect();
    match ranks.len() {
        1 => format!("rank {}", words.join("")),
        n if n > LISTED => format!("ranks {} and {} more", words.join(", "), n - LISTED),
        _ => format!("ranks {}", all(&words)),
    }
}

fn are(ranks: &[usize]) -> String {
    format!("{} {}", named(ranks), if ranks.len() == 1 { "is" } else { "are" })
}

fn differ(ranks: &[usize]) -> String {
    format!("{} {}", named(ranks), if ranks.len() == 1 { "differs" } else { "differ" })
}

/// "a", "a and b", "a, b and c".
fn all(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl fmt::Display for RankDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RankDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RankDigest({self})")
    }
}

impl FromStr for RankDigest {
    type Err = Error;

    /// Reads the 32 hexadecimal digits that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// [`Error::Data`] if it is something else.
    fn from_str(text: &str) -> Result<RankDigest> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            // The first byte is written first.
            Ok(number) if digits => Ok(RankDigest(number.to_be_bytes())),
            _ => {
                let shown: String = text.chars().take(64).flat_map(char::escape_debug).collect();
                Err(Error::data(format!("`{shown}` is no digest of a rank"), "give its 32 hexadecimal digits"))
            }
        }
    }
}

/// Where a rank stands: what its digest is made of.
#[derive(Clone, Debug)]
pub(crate) struct Accord {
    /// Hashes of dataset, plugin, configuration, columns and seed.
    parts: [u64; PARTS.len()],
    step: u64,
    /// The last batch handed out; none before the first.
    last: Option<Digest>,
}

impl Accord {
    /// Before the batch of `step`.
    pub(crate) fn new(identity: &Identity, config: &RunConfig, step: u64) -> Accord {
        let seed = identity.seed.to_string();
        let sizes = sizes(config);
        let columns: Vec<&str> = identity.columns.iter().flat_map(|(name, column)| [name.as_str(), column.as_str()]).collect();
        let parts = [
            hash(0, &[&identity.dataset]),
            hash(1, &[&identity.plugin, &identity.plugin_sha256]),
            hash(2, &[&identity.config, &sizes]),
            hash(3, &columns),
            hash(4, &[&seed]),
        ];
        Accord { parts, step, last: None }
    }

    /// After a batch.
    pub(crate) fn moved(&mut self, step: u64, digest: Digest) {
        (self.step, self.last) = (step, Some(digest));
    }

    pub(crate) fn digest(&self) -> RankDigest {
        let mut bytes = [0; 16];
        let mut order = Xxh3::new();
        order.update(&self.step.to_le_bytes());
        let words = std::iter::once(self.step).chain(self.parts);
        for (to, word) in bytes[..ORDER].as_chunks_mut::<2>().0.iter_mut().zip(words) {
            *to = (word as u16).to_le_bytes();
        }
        self.parts.iter().for_each(|part| order.update(&part.to_le_bytes()));
        if let Some(Digest(batch)) = &self.last {
            order.update(batch);
        }
        bytes[ORDER..].copy_from_slice(&(order.digest() as u32).to_le_bytes());
        RankDigest(bytes)
    }
}

/// The sizes and ends of a run, what makes micro-batches of its samples, and what a fault of its policy does. They may change at a resume, so no
/// identity has them; ranks that run at once need the same.
fn sizes(config: &RunConfig) -> String {
    let batch = &config.batch;
    let tokens = batch.tokens.as_ref().map(|t| {
        let ways = format!("{:?} {:?} {:?} {:?}", t.order.unwrap_or_default(), t.count, t.learning_rate, t.base_batch_size);
        // The file of a plugin may lie elsewhere on each rank.
        let packer = t.packer.as_ref().map(|packer| match packer {
            PackerConfig::Native(packer) => json!(packer.name()),
            PackerConfig::Plugin(plugin) => json!([plugin.config_json("batch.tokens.packer.config").unwrap_or_default()]),
        });
        let overlong = format!("{:?}", batch.overlong);
        json!([t.max_tokens, t.micro_batches, t.min_samples, t.max_samples, t.equal_size, overlong, ways, packer])
    });
    let on_fault = format!("{:?}", config.policy.on_fault);
    Identity::hash(&json!([batch.global_batch_size, config.steps, config.epochs, config.drop_last, tokens, on_fault]))
}

/// Hash of words; `part` keeps equal words of different parts apart.
fn hash(part: u64, words: &[&str]) -> u64 {
    let mut hash = Xxh3::with_seed(part);
    for word in words {
        hash.update(&(word.len() as u64).to_le_bytes());
        hash.update(word.as_bytes());
    }
    hash.digest()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity() -> Identity {
        Identity {
            dataset: "9f3a".into(),
            plugin: "uniform 0.1.0".into(),
            plugin_sha256: "ab".repeat(32),
            config: "c0".into(),
            columns: BTreeMap::from([("length".into(), "11".into())]),
            seed: 7,
        }
    }

    fn config(rest: &str) -> RunConfig {
        let text = format!("seed = 7\n[dataset]\npath = \"d\"\n[policy]\nplugin = \"uniform\"\n[batch]\n{rest}");
        RunConfig::parse(&text, "run.toml", "").unwrap()
    }

    /// A rank made of `identity`, at `step`, with a batch.
    fn rank(change: impl FnOnce(&mut Identity), step: u64, batch: u8) -> RankDigest {
        let mut identity = identity();
        change(&mut identity);
        let mut accord = Accord::new(&identity, &config("global-batch-size = 8"), 0);
        accord.moved(step, Digest([batch; 16]));
        accord.digest()
    }

    fn same() -> RankDigest {
        rank(|_| {}, 3, 1)
    }

    fn message(ranks: &[RankDigest]) -> String {
        let error = RankDigest::agree(ranks).unwrap_err();
        assert_eq!(error.code(), "ranks");
        error.to_string()
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let digest = rank(|_| {}, 0x0001_0203, 1);
        assert_eq!(digest.step(), 0x0203);
        assert_eq!(digest.bytes()[..2], [3, 2]);
        // Pinned, so that releases of this library that make the same batches say so.
        assert_eq!(digest.to_string(), "03026694cf0433e968ba4ae1a7e4f874");
        let before = Accord::new(&identity(), &config("global-batch-size = 8"), 0x0001_0203).digest();
        assert_eq!(before.bytes()[..ORDER], digest.bytes()[..ORDER]);
        assert_ne!(before, digest);
    }

    #[test]
    fn each_part_is_named_by_itself() {
        type Change = fn(&mut Identity);
        let changes: [(&str, Change); 6] = [
            ("the dataset", |i| i.dataset = "0000".into()),
            ("the plugin", |i| i.plugin = "uniform 0.2.0".into()),
            ("the plugin", |i| i.plugin_sha256 = "ac".repeat(32)),
            ("the configuration", |i| i.config = "c1".into()),
            ("the columns", |i| i.columns = BTreeMap::from([("length".into(), "12".into())])),
            ("the seed", |i| i.seed = 8),
        ];
        for (what, change) in changes {
            // Other data makes another order, too.
            for batch in [1, 2] {
                assert_eq!(
                    message(&[same(), same(), rank(change, 3, batch)]),
                    format!(
                        "the ranks went apart: at step 3 (modulo 65536): rank 2 differs from rank 0 in {what}; give every rank the same files, run \
                         file and seed, and resume all from the state of a step at which they agreed"
                    )
                );
            }
        }
    }

    #[test]
    fn sizes_are_part_of_the_configuration() {
        let of = |rest: &str| Accord::new(&identity(), &config(rest), 0).digest();
        let first = of("global-batch-size = 8");
        for other in ["global-batch-size = 4", "global-batch-size = 8\n[batch.tokens]\nmax-tokens = 9\nmicro-batches = 2"] {
            let text = message(&[of(other), first, first]);
            assert!(text.contains("rank 0 differs from rank 1 in the configuration;"), "{text}");
        }
        RankDigest::agree(&[first, of("global-batch-size = 8\nmicro-batch-size = 2\ndp-world-size = 2")]).unwrap();
    }

    #[test]
    fn what_makes_micro_batches_of_the_samples_is_part_of_the_configuration() {
        let of = |rest: &str| Accord::new(&identity(), &config(rest), 0).digest();
        let budget = "global-batch-size = 8\n[batch.tokens]\nmax-tokens = 9\nmicro-batches = 2\n";
        let first = of(budget);
        let others = ["order = \"length\"", "count = \"padded\"", "learning-rate = \"sqrt\"", "packer = \"first-fit\""];
        let mut ranks: Vec<_> = others.into_iter().map(|key| of(&format!("{budget}{key}"))).collect();
        ranks.push(of(&format!("overlong = \"drop\"\n{budget}")));
        for (i, other) in ranks.into_iter().enumerate() {
            let text = message(&[other, first, first]);
            assert!(text.contains("rank 0 differs from rank 1 in the configuration;"), "{i}: {text}");
        }
        RankDigest::agree(&[first, of(&format!("{budget}order = \"given\""))]).unwrap();
        // How a rank lays its samples out is its own affair.
        RankDigest::agree(&[of("global-batch-size = 8\nrow-length = 16"), of("global-batch-size = 8\nlayout = \"padded\"")]).unwrap();
    }

    #[test]
    fn an_order_that_differs_alone_is_told_as_such() {
        assert_eq!(
            message(&[same(), rank(|_| {}, 3, 2), same()]),
            "the ranks went apart: at step 3 (modulo 65536): rank 1 differs from rank 0 in the order of samples, though all that decides it is \
             the same; let all compare at the same moment and resume from one state; if they did, the plugin is not deterministic or memory is \
             damaged"
        );
    }

    #[test]
    fn a_rank_that_is_ahead_is_told_first() {
        let text = message(&[rank(|_| {}, 4, 9), same(), same(), rank(|i| i.seed = 1, 5, 3)]);
        assert_eq!(
            text,
            "the ranks went apart: they are at different steps (modulo 65536): rank 0 is at step 4, rank 1 at step 3; rank 3 is at step 5, rank 1 \
             at step 3; rank 3 differs from rank 1 in the seed; give every rank the same files, run file and seed, and resume all from the state \
             of a step at which they agreed"
        );
    }

    #[test]
    fn many_ranks_are_counted_and_those_that_differ_alike_told_together() {
        let mut ranks = vec![same(); 64];
        for odd in (1..40).step_by(2) {
            ranks[odd] = rank(|i| i.seed = 8, 3, 1);
        }
        ranks[2] = rank(|i| (i.seed, i.config) = (9, "c9".into()), 3, 5);
        let text = message(&ranks);
        assert!(text.contains("ranks 1, 3, 5, 7, 9, 11, 13, 15 and 12 more differ from rank 0 in the seed; "), "{text}");
        assert!(text.contains("rank 2 differs from rank 0 in the configuration and the seed; "), "{text}");
        let Error::Ranks { ranks, .. } = RankDigest::agree(&ranks).unwrap_err() else { panic!() };
        assert_eq!(ranks.len(), 21);
    }

    #[test]
    fn equal_halves_go_by_the_lower_rank() {
        let other = rank(|i| i.seed = 8, 3, 1);
        for ranks in [[same(), other], [other, same()]] {
            assert!(message(&ranks).contains("rank 1 differs from rank 0"));
        }
        RankDigest::agree(&[]).unwrap();
        RankDigest::agree(&[other]).unwrap();
    }

    proptest! {
        #[test]
        fn bytes_and_digits_come_back(bytes: [u8; 16]) {
            let digest = RankDigest::from_bytes(bytes);
            prop_assert_eq!(digest.bytes(), bytes);
            prop_assert_eq!(digest.to_string().parse::<RankDigest>().unwrap(), digest);
            prop_assert!(digest.to_string()[1..].parse::<RankDigest>().is_err());
        }

        #[test]
        fn ranks_agree_only_where_all_are_equal(ranks in proptest::collection::vec(prop::array::uniform16(0u8..2), 0..6)) {
            let ranks: Vec<RankDigest> = ranks.into_iter().map(RankDigest::from_bytes).collect();
            let equal = ranks.windows(2).all(|pair| pair[0] == pair[1]);
            match RankDigest::agree(&ranks) {
                Ok(()) => prop_assert!(equal),
                Err(Error::Ranks { ranks: apart, .. }) => {
                    prop_assert!(!equal && !apart.is_empty() && apart.len() < ranks.len());
                    // Those left are equal, and no smaller a group than any other.
                    let left: Vec<_> = (0..ranks.len()).filter(|rank| !apart.contains(rank)).collect();
                    prop_assert!(left.iter().all(|rank| ranks[*rank] == ranks[left[0]]));
                    for other in &apart {
                        prop_assert!(ranks.iter().filter(|rank| *rank == &ranks[*other]).count() <= left.len());
                    }
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
        }

        #[test]
        fn what_is_no_digest_is_refused(text in "\\PC{0,40}") {
            let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            prop_assert_eq!(text.parse::<RankDigest>().is_ok(), digits);
        }
    }
}
