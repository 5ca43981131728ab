//! From counts to the values of samples.

use curricle_guest::Token;

/// −ln of each token's frequency, by id.
#[derive(Debug, Default)]
pub struct Rarity(Vec<f64>);

impl Rarity {
    /// −ln(count / total) by id; infinite where the count is 0.
    ///
    /// The logarithm is libm's, not the platform's: these differ in the last bit between systems, and values must not.
    pub fn new(counts: &[u64]) -> Rarity {
        let total: f64 = counts.iter().map(|&count| count as f64).sum();
        Rarity(counts.iter().map(|&count| -libm::log(count as f64 / total)).collect())
    }

    /// The sum over the tokens of each sample.
    pub fn of_each<'a, T: Token>(&self, samples: impl Iterator<Item = &'a [T]>) -> Vec<f64> {
        samples.map(|tokens| self.of(tokens)).collect()
    }

    /// The sum over tokens in eight parts, token i in part i mod 8, added up at the end in pairs: no addition waits for the one before, and
    /// the order of the sum, on which its last bits depend, is the same everywhere.
    fn of<T: Token>(&self, tokens: &[T]) -> f64 {
        let mut parts = [0.0; 8];
        let (groups, rest) = tokens.as_chunks::<16>();
        for group in groups {
            for (i, &token) in group.iter().enumerate() {
                parts[i % 8] += self.at(token);
            }
        }
        for (i, &token) in rest.iter().enumerate() {
            parts[i % 8] += self.at(token);
        }
        let [a, b, c, d, e, f, g, h] = parts;
        ((a + b) + (c + d)) + ((e + f) + (g + h))
    }

    #[inline(always)]
    fn at<T: Token>(&self, token: T) -> f64 {
        // A token that no pass counted has frequency 0.
        self.0.get(token.index()).copied().unwrap_or(f64::INFINITY)
    }
}
