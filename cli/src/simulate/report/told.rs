//! What plans tell over the steps: draws, annotations, tokens, and what planning them took.

use std::{sync::Arc, time::Duration};

use curricle::{Planned, Planner, plugin::Spent};

use super::bins::{Band, Bins, Merge, Spread, add};

/// Streams that are told apart at most: the first of them.
const STREAMS: usize = 1024;

/// What the plans of a run told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) bins: Bins<Bin>,
    pub(super) streams: Vec<StreamSeen>,
    /// Places in `streams` by the number of the stream.
    places: Vec<usize>,
    /// Names of annotations, in the order of their first coming.
    pub(super) annotations: Vec<String>,
    pub(super) fuel: Spread,
    pub(super) time: Spread,
    pub(super) whole: Spread,
    pub(super) memory: u64,
    tokens_before: Option<u64>,
}

/// A stream that was drawn from.
#[derive(Debug)]
pub(super) struct StreamSeen {
    pub(super) name: Arc<str>,
    /// Samples of an epoch; none for what stands for several.
    pub(super) length: Option<u64>,
}

/// Some steps.
#[derive(Debug, Default)]
pub(super) struct Bin {
    pub(super) samples: u64,
    /// Samples drawn, by place in [`Told::streams`].
    pub(super) draws: Vec<u64>,
    /// By place in [`Told::annotations`].
    pub(super) annotations: Vec<Band>,
    /// Tokens of a step.
    pub(super) tokens: Band,
    pub(super) fuel: Band,
    /// Nanoseconds of the policy.
    pub(super) time: Band,
    /// Nanoseconds of the policy and the host.
    pub(super) whole: Band,
}

impl Merge for Bin {
    fn merge(&mut self, later: Bin) {
        self.samples += later.samples;
        add(&mut self.draws, &later.draws);
        self.annotations.resize(self.annotations.len().max(later.annotations.len()), Band::default());
        self.annotations.iter_mut().zip(later.annotations).for_each(|(band, later)| band.merge(later));
        for (band, later) in
            [(&mut self.tokens, later.tokens), (&mut self.fuel, later.fuel), (&mut self.time, later.time), (&mut self.whole, later.whole)]
        {
            band.merge(later);
        }
    }
}

impl Told {
    /// Nothing yet, of a planner that planned nothing yet.
    pub(super) fn new(planner: &Planner) -> Told {
        Told {
            bins: Bins::new(),
            streams: Vec::new(),
            places: Vec::new(),
            annotations: Vec::new(),
            fuel: Spread::new(),
            time: Spread::new(),
            whole: Spread::new(),
            memory: 0,
            tokens_before: planner.state().consumed_tokens(),
        }
    }

    /// Adds the next step, which took `whole` to plan.
    pub(super) fn add(&mut self, planner: &Planner, planned: &Planned, whole: Duration) {
        let bin = self.bins.next();
        bin.samples += planned.plan.ids().len() as u64;
        for draw in planned.plan.draws() {
            let Some(stream) = planner.streams().get(draw.stream) else { continue };
            let number = draw.stream as usize;
            let known =
                self.places.get(number).filter(|&&place| self.streams.get(place).is_some_and(|s| Arc::ptr_eq(&s.name, stream.name())));
            let place = match known {
                Some(&place) => place,
                None => {
                    let place = place_of(&mut self.streams, stream.name(), stream.len());
                    if number >= self.places.len() {
                        self.places.resize(number + 1, usize::MAX);
                    }
                    self.places[number] = place;
                    place
                }
            };
            count(&mut bin.draws, place, u64::from(draw.count));
        }
        if planned.plan.appended() > 0 {
            let place = place_of(&mut self.streams, &"(appended)".into(), 0);
            count(&mut bin.draws, place, u64::from(planned.plan.appended()));
        }
        for (name, value) in planned.plan.annotations() {
            let place = self.annotations.iter().position(|known| known == name).unwrap_or_else(|| {
                self.annotations.push(name.clone());
                self.annotations.len() - 1
            });
            if place >= bin.annotations.len() {
                bin.annotations.resize(place + 1, Band::default());
            }
            bin.annotations[place].add(*value);
        }
        let tokens = planner.state().consumed_tokens();
        if let Some((before, after)) = self.tokens_before.zip(tokens) {
            bin.tokens.add((after - before) as f64);
        }
        self.tokens_before = tokens;
        let Spent { fuel, time, memory } = planner.spent();
        bin.fuel.add(fuel as f64);
        bin.time.add(time.as_nanos() as f64);
        bin.whole.add(whole.as_nanos() as f64);
        self.fuel.add(fuel);
        self.time.add(time.as_nanos() as u64);
        self.whole.add(whole.as_nanos() as u64);
        self.memory = self.memory.max(memory);
    }
}

/// The place of a stream among those that were seen, which is a new one for a new name as long as there is room.
fn place_of(streams: &mut Vec<StreamSeen>, name: &Arc<str>, length: u64) -> usize {
    if let Some(place) = streams.iter().position(|seen| seen.name == *name) {
        // A fresh instance of the policy names its streams anew.
        streams[place].name = name.clone();
        return place;
    }
    if streams.len() < STREAMS {
        streams.push(StreamSeen { name: name.clone(), length: (length > 0).then_some(length) });
    } else if streams.len() == STREAMS {
        streams.push(StreamSeen { name: "(later streams)".into(), length: None });
    }
    streams.len() - 1
}

fn count(counts: &mut Vec<u64>, place: usize, n: u64) {
    if place >= counts.len() {
        counts.resize(place + 1, 0);
    }
    counts[place] += n;
}
