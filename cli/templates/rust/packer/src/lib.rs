//! {{summary}}.

use curricle_guest::{ConfigSchema, Packer, Result, export};
use serde::Deserialize;

/// What the run file says in `packer = { config = … }`.
#[derive(Deserialize, ConfigSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rows that are looked at for room, the last so many.
    #[serde(default = "eight")]
    #[config(min = 1)]
    open: u32,
}

fn eight() -> u32 {
    8
}

/// The packer at work.
pub struct {{Name}} {
    open: usize,
}

/// What is in a row.
#[derive(Clone, Copy, Default)]
struct Row {
    tokens: u32,
    samples: u32,
}

impl Packer for {{Name}} {
    type Config = Config;

    fn configure(config: Config) -> Result<Self> {
        Ok(Self {
            open: config.open as usize,
        })
    }

    fn pack(
        &mut self,
        lengths: &[u32],
        capacity: u32,
        max_samples: Option<u32>,
    ) -> Result<Vec<u32>> {
        let most = max_samples.unwrap_or(u32::MAX);
        let mut rows: Vec<Row> = Vec::new();
        let mut answer = Vec::with_capacity(lengths.len());
        for &length in lengths {
            let has_room = |row: &Row| length <= capacity - row.tokens && row.samples < most;
            let first = rows.len().saturating_sub(self.open);
            let place = match rows[first..].iter().position(has_room) {
                Some(place) => first + place,
                None => {
                    rows.push(Row::default());
                    rows.len() - 1
                }
            };
            rows[place].tokens += length;
            rows[place].samples += 1;
            answer.push(place as u32);
        }
        Ok(answer)
    }
}

export!(packer: {{Name}});

#[cfg(test)]
mod tests {
    use curricle_guest::testing::{pack, packer};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sample_goes_into_the_first_open_row_that_has_room() {
        let mut packer = packer::<{{Name}}>(json!({"open": 2})).unwrap();
        let rows = pack(&mut packer, &[5, 8, 3, 9, 2], 10, None).unwrap();
        assert_eq!(rows, [vec![0, 2], vec![1, 4], vec![3]]);
        let rows = pack(&mut packer, &[1, 1, 1], 10, Some(2)).unwrap();
        assert_eq!(rows, [vec![0, 1], vec![2]]);
    }
}
